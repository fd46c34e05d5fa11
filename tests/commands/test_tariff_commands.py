"""`kilowatch tariff`: files of tariffs are checked, set all or none, listed and written again."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest

from kilowatch.tariff_files import read_tariffs
from kilowatch.tariffs import described
from metering.refusals import Refused
from tests.commands.test_commands import refused, succeeded

FLAT = {"name": "Flat", "valid_from": "2026-01-01", "currency": "NGN", "unit_price": "209.50"}
RATES = {
    "name": "Two rates",
    "valid_from": "2026-02-01",
    "currency": "EUR",
    "bands": [
        {"name": "Peak", "unit_price": "0.30", "windows": [{"from": "06:00", "to": "22:00"}]},
        {"name": "Rest", "unit_price": "0.20"},
    ],
    "standing_charges": [{"name": "Base", "amount": "9", "per": "MONTH"}],
}


def written(folder: Path, name: str, content: Any) -> str:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return str(path)


def names(database_url: str) -> list[Any]:
    with psycopg.connect(database_url) as connection:
        query = (
            "SELECT panel.code, tariff.name, valid_from::text FROM tariff LEFT JOIN panel ON panel.id = panel_id"
            " WHERE tariff.valid_from > '1970-01-01' ORDER BY valid_from, panel.code"
        )
        return connection.execute(query).fetchall()


def test_tariffs_are_imported_listed_and_exported_as_they_were(database_url: str, tmp_path: Path) -> None:
    url = {"DATABASE_URL": database_url}
    succeeded("panel", "set", "FLAT_7", **url)
    both = written(tmp_path, "both.json", [RATES, FLAT])
    said = succeeded("tariff", "import", both, "--panel", "FLAT_7", **url)
    assert said.splitlines() == [
        "FLAT_7: Flat, from 2026-01-01: 209.50 NGN a kWh, 0 % taxes, flat",
        "FLAT_7: Two rates, from 2026-02-01: 0.30 EUR a kWh, 0 % taxes, 2 bands, 1 standing charge",
    ]
    one = written(tmp_path, "one.json", FLAT)
    succeeded("tariff", "import", one, "--default", "--valid-from", "2026-03-01", **url)
    assert names(database_url) == [
        ("FLAT_7", "Flat", "2026-01-01"), ("FLAT_7", "Two rates", "2026-02-01"), (None, "Flat", "2026-03-01"),
    ]  # fmt: skip
    listed = [
        json.loads(line) for line in succeeded("tariff", "list", "--panel", "FLAT_7", "--json", **url).splitlines()
    ]
    assert [row["tariff"]["name"] for row in listed] == ["Flat", "Two rates"]
    assert "2 bands, 1 standing charge" in succeeded("tariff", "list", **url)
    exported = succeeded("tariff", "export", "--panel", "FLAT_7", **url)
    again = written(tmp_path, "again.json", exported)
    succeeded("tariff", "import", again, "--panel", "FLAT_7", **url)
    assert succeeded("tariff", "export", "--panel", "FLAT_7", **url) == exported
    assert len(names(database_url)) == 3
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("SELECT DISTINCT actor, action, outcome FROM audit_entry ORDER BY action").fetchall()
    assert rows == [("command line", "DESCRIBE_PANEL", "DONE"), ("command line", "SET_TARIFF", "DONE")]


def test_numbers_of_json_keep_their_digits_and_what_goes_off_a_top_up_is_described(tmp_path: Path) -> None:
    document = FLAT | {"vending": {"fees": [{"name": "Service", "amount": "1"}], "debt_percent": "20"}}
    text = json.dumps(document).replace('"209.50"', "12345678.123456")
    (tariff,) = read_tariffs([Path(written(tmp_path, "flat.json", text))])
    assert described(tariff) == (
        "Flat, from 2026-01-01: 12345678.123456 NGN a kWh, 0 % taxes, flat, 1 fee, 20 % for debts"
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "BAD_FILE: {file} is no JSON"),
        ([], "BAD_FILE: {file} holds no tariff"),
        ([FLAT, 5], "BAD_TARIFF: {file}, tariff 2: a tariff is an object of JSON; see `kilowatch tariff examples`"),
        ([FLAT, FLAT], "BAD_TARIFF: 2 tariffs begin on 2026-01-01"),
        ([FLAT, RATES | {"currency": "XYZ"}], "BAD_TARIFF: {file}, tariff 2: `currency` must be an active code of ISO"),
        (FLAT | {"price": 4}, "BAD_TARIFF: {file}: `price` is no key there: there are `name`"),
        (FLAT | {"unit_price": "-1"}, "unit_price` must be at least 0"),
    ],
)
def test_a_file_with_a_mistake_is_refused_with_its_place(tmp_path: Path, content: Any, words: str) -> None:
    file = written(tmp_path, "bad.json", content)
    with pytest.raises(Refused) as refusal:
        read_tariffs([Path(file)])
    assert words.format(file=file) in str(refusal.value)


def test_what_cannot_be_done_says_what_to_give_and_sets_nothing(database_url: str, tmp_path: Path) -> None:
    url, file = {"DATABASE_URL": database_url}, written(tmp_path, "flat.json", FLAT)
    bad = written(tmp_path, "bad.json", [FLAT, RATES | {"currency": "XYZ"}])
    assert f"BAD_TARIFF: {bad}, tariff 2: `currency` must" in refused("tariff", "import", file, bad, "--default", **url)
    assert "say whose they are: --panel CODE, or --default" in refused("tariff", "import", file, **url)
    for words in (("import", file), ("list",), ("export",)):
        assert "PANEL_NOT_FOUND: There is no panel NONE" in refused("tariff", *words, "--panel", "NONE", **url)
    assert "there is no example xx; there are de-two-rate" in refused("tariff", "examples", "xx")
    with pytest.raises(Refused, match="--valid-from is for one tariff, and these are 2"):
        read_tariffs([Path(file), Path(written(tmp_path, "rates.json", RATES))], valid_from=date(2026, 3, 1))
    assert names(database_url) == []


def test_an_example_can_be_printed_checked_and_imported(database_url: str, tmp_path: Path) -> None:
    assert "ng-band-a" in succeeded("tariff", "examples")
    file = written(tmp_path, "example.json", succeeded("tariff", "examples", "ng-band-a"))
    assert succeeded("tariff", "check", file).startswith("ok: ")
    succeeded("tariff", "import", file, "--default", "--valid-from", "2026-05-01", DATABASE_URL=database_url)
    assert len(names(database_url)) == 1
