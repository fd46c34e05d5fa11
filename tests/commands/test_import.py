"""Files of readings come in whole, whatever is wrong with some of their rows, and however often they are begun."""

import gzip
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import psycopg
import pyarrow as pa
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from kilowatch.importing import files
from kilowatch.importing.batches import Batch, Batches
from kilowatch.importing.clocks import LocalClock
from kilowatch.importing.command import run_import
from kilowatch.importing.csv_rows import CsvRows
from kilowatch.importing.files import Lines
from kilowatch.importing.json_rows import JsonRows
from kilowatch.importing.run import Imported, ImportOptions, Progress, import_file
from metering.refusals import Refused
from metering.transfer import COLUMNS, TransferFormat, format_of, matched_columns
from store.connections import connect
from store.imports import begin_import

HEADER = "panel_code,at,energy_import_kwh,active_power_kw\n"


@pytest.fixture
def rows(database_url: str) -> Iterator[Callable[[str], list[Any]]]:
    """What a statement finds in the database."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield lambda statement: connection.execute(statement.encode()).fetchall()


def imported(url: str, path: Path, *, told: Sequence[Callable[[Progress], None]] = (), **options: Any) -> Imported:
    given = ImportOptions(options.pop("file_format", format_of(path.name)), options.pop("renamed", {}), **options)

    def tell(progress: Progress) -> None:
        for each in told:
            each(progress)

    return import_file(url, str(path), given, tell=tell)


def written(folder: Path, text: str, name: str = "readings.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def history(count: int, *, panel: str = "P1") -> str:
    lines = (f"{panel},2026-03-01T{n // 60:02}:{n % 60:02}:00Z,{100 + n / 10:.1f},1.5\n" for n in range(count))
    return HEADER + "".join(lines)


def test_readings_come_in_with_their_rollups_and_panels(
    database_url: str, rows: Callable[[str], list[Any]], tmp_path: Path
) -> None:
    found = imported(database_url, written(tmp_path, history(60)), new_panel_zone="Asia/Jakarta")
    assert (found.progress.row_count, found.progress.new_count, found.rejected_codes) == (60, 60, {})
    assert rows("SELECT code, time_zone FROM panel") == [("P1", "Asia/Jakarta")]
    assert rows("SELECT reading_count, energy_kwh::float8 FROM rollup_day") == [(60, 5.9)]
    assert rows("SELECT bool_and(received_at = at) FROM reading") == [(True,)]
    assert not (tmp_path / "readings.csv.rejected.jsonl").exists()


def test_a_file_that_was_imported_is_left_alone_and_read_again_changes_nothing(
    database_url: str, rows: Callable[[str], list[Any]], tmp_path: Path
) -> None:
    path = written(tmp_path, history(60))
    imported(database_url, path)
    before = rows("SELECT * FROM reading ORDER BY at"), rows("SELECT * FROM rollup_five_minutes ORDER BY starts_at")
    again = imported(database_url, path)
    assert again.begun.finished_at is not None
    assert again.progress.row_count == 0
    anew = imported(database_url, path, is_restart=True)
    assert (anew.progress.new_count, anew.progress.duplicate_count) == (0, 60)
    after = rows("SELECT * FROM reading ORDER BY at"), rows("SELECT * FROM rollup_five_minutes ORDER BY starts_at")
    assert before == after


BAD_LINES = {
    "P1,2026-03-01T08:00:00Z,many,": "BAD_VALUE",
    "P1,2026-03-01T08:00:01Z,nan,": "BAD_VALUE",
    "P1,2026-03-01T08:00:02Z,-1,": "BAD_VALUE",
    'P1,2026-03-01T08:00:03Z,"1,5",': "BAD_VALUE",
    "P1,2026-02-30T08:00:00Z,1,": "BAD_TIME",
    "P1,yesterday,1,": "BAD_TIME",
    "P1,,1,": "BAD_TIME",
    "P1,2026-03-01T08:00:00,1,": "BAD_TIME",
    "P1,2009-12-31T23:59:59Z,1,": "BAD_TIME",
    "P1,2126-01-01T00:00:00Z,1,": "BAD_TIME",
    "-P1,2026-03-01T08:00:04Z,1,": "BAD_CODE",
    ",2026-03-01T08:00:04Z,1,": "BAD_CODE",
    "P\0,2026-03-01T08:00:04Z,1,": "BAD_CODE",
    "P1,2026-03-01T08:00:05Z,,": "NO_VALUE",
    "P1,2026-03-01T08:00:06Z,1": "BAD_ROW",
    "P1,2026-03-01T08:00:06Z,1,1,1": "BAD_ROW",
    '"P1,2026-03-01T08:00:06Z,1,1': "BAD_ROW",
}


def test_bad_rows_are_kept_with_their_lines_and_reasons_and_stop_nothing(
    database_url: str, rows: Callable[[str], list[Any]], tmp_path: Path
) -> None:
    path = written(tmp_path, history(5) + "\n" + "\n".join(BAD_LINES) + "\n\nP1,2026-03-01T09:00:00Z,200,")
    found = imported(database_url, path)
    assert found.progress.new_count == 6
    expected = [(n, code) for n, code in enumerate(BAD_LINES.values(), start=8)]
    assert rows("SELECT line, code FROM rejected_row ORDER BY line") == expected
    assert found.rejected_file is not None
    kept = [msgspec.json.decode(line) for line in found.rejected_file.read_bytes().splitlines()]
    assert [each["row_text"] for each in kept] == [
        line.replace("\0", "\N{REPLACEMENT CHARACTER}") for line in BAD_LINES
    ]
    assert all(
        "accepted" in each["reason"] or "say" in each["reason"] or "no column" in each["reason"] for each in kept
    )


HEADERS = {
    "": "at",
    "a,b,c": "at",
    "panel_code,at": "value",
    "panel_code,energy_import_kwh": "at",
    "at,energy_import_kwh": "panel_code",
    "panel_code,at,at,energy_import_kwh": "more than once",
    "\x1f\x8b": "",
}


@pytest.mark.parametrize("header", HEADERS)
def test_a_header_that_does_not_fit_is_refused_with_what_is_accepted(
    database_url: str, rows: Callable[[str], list[Any]], tmp_path: Path, header: str
) -> None:
    with pytest.raises((Refused, EOFError)) as refused:
        imported(database_url, written(tmp_path, f"{header}\nP1,2026-03-01T00:00:00Z,1\n"))
    if isinstance(refused.value, Refused):
        assert refused.value.code == "BAD_HEADER"
        assert HEADERS[header] in refused.value.message
    assert rows("SELECT FROM reading_import") == []


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_names_case_order_and_separator_of_columns_are_free(
    database_url: str, rows: Callable[[str], list[Any]], tmp_path: Path, separator: str
) -> None:
    lines = [["Meter kWh", "Note", "AT "], ["1.5", "x", "2026-03-01 08:00:00+01:00"], ["NULL", "", "2026-03-01T09:00Z"]]
    text = "\N{BYTE ORDER MARK}" + "\r\n".join(separator.join(line) for line in lines)
    found = imported(database_url, written(tmp_path, text), renamed={"meter kwh": "energy_import_kwh"}, panel="HOUSE")
    assert rows("SELECT code, at, energy_import_kwh FROM reading JOIN panel ON panel.id = panel_id") == [
        ("HOUSE", datetime(2026, 3, 1, 7, tzinfo=UTC), 1.5)
    ]
    assert found.rejected_codes == {"NO_VALUE": 1}


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_FIRST_BLOCK_BYTES", 600)
    monkeypatch.setattr(files, "_BLOCK_BYTES", (600, 600))


class Interruption(BaseException):
    """What Ctrl-C is to a process."""


def interrupt(progress: Progress) -> None:
    if progress.row_count > 25:
        raise Interruption


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(("zone", "ending"), [(None, ""), (None, ".gz"), (ZoneInfo("Europe/Berlin"), "")])
def test_an_interrupted_import_goes_on_where_it_was(
    database_url: str,
    rows: Callable[[str], list[Any]],
    tmp_path: Path,
    zone: ZoneInfo | None,
    ending: str,
) -> None:
    text = history(100).replace("Z", "" if zone else "Z").replace(",100.5,", ",wrong,")
    path = tmp_path / f"readings.csv{ending}"
    path.write_bytes(gzip.compress(text.encode()) if ending else text.encode())
    with pytest.raises(Interruption):
        imported(database_url, path, time_zone=zone, told=[interrupt])
    ((stored,),) = rows("SELECT count(*) FROM reading")
    assert rows("SELECT row_count, rejected_count, finished_at FROM reading_import") == [(stored + 1, 1, None)]
    resumed = imported(database_url, path, time_zone=zone)
    assert resumed.begun.row_count == stored + 1
    assert (resumed.progress.new_count, resumed.progress.duplicate_count) == (99 - stored, 0)
    assert rows("SELECT count(*) FROM reading") == [(99,)]
    assert rows("SELECT row_count, rejected_count, place_line FROM reading_import") == [(100, 1, 101)]
    assert rows("SELECT sum(energy_kwh)::float8 FROM rollup_day") == [(9.9,)]


@pytest.mark.usefixtures("small_blocks")
def test_the_hour_that_autumn_shows_twice_is_read_as_two(
    database_url: str, rows: Callable[[str], list[Any]], tmp_path: Path
) -> None:
    shown = [f"2025-10-26 {hour:02}:{minute:02}" for hour in (1, 2, 2, 3) for minute in range(0, 60, 5)]
    lines = [f"P1,{at}:00,{n}\nP2,{at}:30,{n}\n" for n, at in enumerate(shown)]
    text = "panel_code,at,energy_import_kwh\n" + "".join(lines)
    imported(database_url, written(tmp_path, text), time_zone=ZoneInfo("Europe/Berlin"))
    first, last = datetime(2025, 10, 25, 23, tzinfo=UTC), datetime(2025, 10, 26, 2, 55, tzinfo=UTC)
    minutes = "SELECT count(*), min(at), max(date_trunc('minute', at)) FROM reading GROUP BY panel_id ORDER BY 2"
    assert rows(minutes) == [
        (48, first, last),
        (48, first.replace(second=30), last),
    ]
    assert rows("SELECT count(*) FROM reading GROUP BY date_trunc('hour', at)") == [(24,)] * 4


def test_an_instant_without_an_offset_needs_a_zone_and_others_keep_theirs(
    database_url: str, rows: Callable[[str], list[Any]], tmp_path: Path
) -> None:
    text = "panel_code,at,energy_import_kwh\nP1,2026-03-01 08:00,1\nP1,2026-03-01T08:00:00.1234567+05:30,2\n"
    path = written(tmp_path, text)
    assert imported(database_url, path).rejected_codes == {"BAD_TIME": 1}
    assert imported(database_url, path, time_zone=ZoneInfo("Africa/Lagos")).progress.new_count == 1
    assert rows("SELECT at FROM reading ORDER BY at") == [
        (datetime(2026, 3, 1, 2, 30, 0, 123456, tzinfo=UTC),),
        (datetime(2026, 3, 1, 7, tzinfo=UTC),),
    ]


def test_panels_are_not_added_where_nobody_wants_it(
    database_url: str, rows: Callable[[str], list[Any]], tmp_path: Path
) -> None:
    imported(database_url, written(tmp_path, history(1)))
    found = imported(database_url, written(tmp_path, history(2) + history(3, panel="P2").removeprefix(HEADER), "b.csv"),
                     creates_panels=False)  # fmt: skip
    assert found.rejected_codes == {"PANEL_NOT_FOUND": 3}
    assert (found.progress.new_count, found.progress.duplicate_count) == (1, 1)
    assert rows("SELECT code FROM panel") == [("P1",)]


def test_readings_from_before_what_is_kept_are_rejected(
    database_url: str, rows: Callable[[str], list[Any]], tmp_path: Path
) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO retention (level, kept_since, announced_at) VALUES ('READINGS', '2026-03-01T00:30Z', now())"
        )
    found = imported(database_url, written(tmp_path, history(60)))
    assert (found.progress.new_count, found.rejected_codes) == (30, {"TOO_OLD": 30})
    assert rows("SELECT min(line), max(line) FROM rejected_row") == [(2, 31)]


def test_json_lines_may_miss_what_was_not_measured(
    database_url: str, rows: Callable[[str], list[Any]], tmp_path: Path
) -> None:
    lines = [
        '{"panel_code": "P1", "at": "2026-03-01T08:00:00Z", "kWh": 1, "other": [1]}',
        "",
        '{"panel_code": "P1", "at": "2026-03-01T08:00:10+00:00", "power_factor": 0.5, "flags": "LATE ARRIVAL_TIME"}',
        '{"panel_code": "P1", "at": "2026-03-01T08:00:20Z", "kWh": "2"}',
        '{"panel_code": "P1", "at": "2026-03-01T08:00:30Z", "kWh": 1e400}',
        '{"panel_code": "P1", "at": 5, "kWh": 2}',
        "[]",
        '{"panel_code": "P1", "at": "2026-03-01T08:00:40Z", "kWh": 3, "flags": "ODD"}',
        '{"panel_code": "P1", "at": "2026-03-01T08:01:00Z", "kWh": 4',
    ]
    path = written(tmp_path, "\n".join(lines), "readings.ndjson")
    found = imported(database_url, path, renamed={"kWh": "energy_import_kwh"})
    assert rows("SELECT energy_import_kwh, power_factor, flags FROM reading ORDER BY at") == [
        (1, None, 0),
        (None, 0.5, 24),
    ]
    assert rows("SELECT line, code FROM rejected_row WHERE code = 'BAD_FLAGS'") == [(8, "BAD_FLAGS")]
    assert rows("SELECT line FROM rejected_row ORDER BY line") == [(4,), (5,), (6,), (7,), (8,), (9,)]
    assert found.progress.row_count == 8


def test_a_parquet_file_of_other_types_is_read_and_one_that_cannot_be_is_refused(
    database_url: str, rows: Callable[[str], list[Any]], tmp_path: Path
) -> None:
    table = {
        "panel_code": pa.array(["P1", "P2", None]).dictionary_encode(),
        "at": pa.array(
            [datetime(2026, 3, 1, 8, n, tzinfo=UTC).replace(tzinfo=None) for n in range(3)], pa.timestamp("ns")
        ),
        "energy_import_kwh": pa.array([1, 2, 3], pa.int32()),
        "active_power_kw": pa.array([0.5, float("inf"), None], pa.float32()),
    }
    parquet.write_table(pa.table(table), tmp_path / "a.parquet")
    found = imported(database_url, tmp_path / "a.parquet", time_zone=ZoneInfo("Asia/Jakarta"))
    assert found.rejected_codes == {"BAD_CODE": 1, "BAD_VALUE": 1}
    assert rows("SELECT at, energy_import_kwh, active_power_kw FROM reading") == [
        (datetime(2026, 3, 1, 1, tzinfo=UTC), 1, 0.5)
    ]
    parquet.write_table(pa.table({**table, "energy_import_kwh": pa.array(["a", "b", "c"]).dictionary_encode()}),
                        tmp_path / "b.parquet")  # fmt: skip
    with pytest.raises(Refused, match=r"BAD_HEADER.*dictionary.*accepted: numbers"):
        imported(database_url, tmp_path / "b.parquet")
    with pytest.raises(Refused, match="BAD_FORMAT"):
        imported(database_url, written(tmp_path, "PAR0", "c.parquet"))


def test_a_file_is_imported_by_one_process_at_a_time(database_url: str, tmp_path: Path) -> None:
    path = written(tmp_path, history(3))
    options = ImportOptions(TransferFormat.CSV, {})
    digest = files.fingerprint(path, read_as=options.read_as)
    with closing(connect(database_url)) as other:
        begin_import(other, fingerprint=digest, file_name="same", is_restart=False)
        with pytest.raises(Refused, match="IMPORT_RUNNING"):
            imported(database_url, path)
    assert imported(database_url, path).progress.new_count == 3


@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_a_file_that_cannot_be_read_to_its_end_is_told_in_one_line(
    database_url: str, rows: Callable[[str], list[Any]], tmp_path: Path, damage: str
) -> None:
    path = tmp_path / "readings.csv.gz"
    whole = gzip.compress(history(2000).encode())
    path.write_bytes(whole[:-9] if damage == "cut" else whole[:200] + bytes(100) + whole[300:])
    with pytest.raises(Refused, match=r"BAD_FILE: .*readings\.csv\.gz cannot be read to its end"):
        run_import(database_url, str(path), ImportOptions(TransferFormat.CSV, {}))
    assert rows("SELECT finished_at FROM reading_import WHERE finished_at IS NOT NULL") == []


def test_a_file_that_is_not_there_is_said_to_be_missing(database_url: str, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"BAD_FILE: There is no file .*none\.csv\.$"):
        run_import(database_url, str(tmp_path / "none.csv"), ImportOptions(TransferFormat.CSV, {}))
    with pytest.raises(Refused, match=r"BAD_FILE: .* cannot be opened: Is a directory"):
        run_import(database_url, str(tmp_path), ImportOptions(TransferFormat.CSV, {}))


def test_columns_that_are_left_out_are_named(database_url: str, tmp_path: Path) -> None:
    header = "panel_code,at,energy_import_kwh,activ_power_kw\n"
    path = written(tmp_path, history(2).replace(HEADER, header))
    assert imported(database_url, path).left_out == ("activ_power_kw",)
    mapped = imported(database_url, path, renamed={"activ_power_kw": "active_power_kw"}, is_restart=True)
    assert mapped.left_out == ()
    line = '{"panel_code": "P1", "at": "2026-03-01T08:00:00Z", "kwh": 1, "energy_import_kwh": 1}'
    assert imported(database_url, written(tmp_path, line, "a.jsonl")).left_out == ("kwh",)
    table = pa.table({"panel_code": ["P1"], "at": [NOW], "energy_import_kwh": [1.0], "note": ["x"]})
    parquet.write_table(table, tmp_path / "a.parquet")
    assert imported(database_url, tmp_path / "a.parquet").left_out == ("note",)


def test_what_became_of_a_file_is_told_of_this_run_and_of_the_one_before(
    database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, history(3).replace("energy_import_kwh,active", "energy_import_kwh,activ") + "P1,soon,1,\n")
    for _ in range(2):
        run_import(database_url, str(path), ImportOptions(TransferFormat.CSV, {}))
    first, again = capsys.readouterr().err.split(f"{path} was imported on ")
    assert "4 rows read: 3 new, 0 there already, 1 rejected\n" in first
    assert "columns left out: 'activ_power_kw'; --column theirs=ours says what they are\n" in first
    assert "nothing to do; --restart reads it again\nthen: 4 rows read, 1 rejected\n" in again
    assert "  BAD_TIME: 1\n" in again


def test_a_file_of_which_every_row_is_rejected_ends_with_code_1(
    database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, HEADER + "P1,soon,1,\n")
    for _ in range(2):
        with pytest.raises(typer.Exit) as ended:
            run_import(database_url, str(path), ImportOptions(TransferFormat.CSV, {}))
        assert ended.value.exit_code == 1
        assert "nothing was stored: every row was rejected\n" in capsys.readouterr().err
    run_import(database_url, str(written(tmp_path, HEADER, "empty.csv")), ImportOptions(TransferFormat.CSV, {}))


def test_standard_input_is_imported_by_the_command(database_url: str, rows: Callable[[str], list[Any]]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "kilowatch", "import", "-", "--time-zone", "Asia/Jakarta"],
        input=gzip.compress((history(20) + "P1,soon,1,\n").encode()),
        env={"DATABASE_URL": database_url, "COLUMNS": "200"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert b"21 rows read: 20 new, 0 there already, 1 rejected" in done.stderr
    assert rows("SELECT count(*) FROM reading") == [(20,)]


NOW = datetime(2026, 6, 1, tzinfo=UTC)


class Anywhere:
    """A database that has every panel."""

    def panel_ids(self, codes: Sequence[str]) -> dict[str, int]:
        return dict.fromkeys(codes, 1)

    def readings_kept_since(self) -> datetime | None:
        return None


def read(content: bytes, file_format: TransferFormat) -> list[Batch]:
    batches = Batches(Anywhere(), None, LocalClock(ZoneInfo("Europe/Berlin")), NOW)
    lines = Lines(files.io.BytesIO(content))
    keys = list(COLUMNS)
    if file_format is TransferFormat.CSV:
        return list(batches.of(CsvRows(matched_columns(keys), ",").parts(lines.blocks())))
    return list(batches.of(JsonRows(dict(zip(keys, keys, strict=True))).parts(lines.blocks())))


ODD = st.sampled_from(
    ["P1", "2026-03-01T08:00:00Z", "2026-03-01 08:00", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "1",
     "-1", "1e309", "nan", "", '"', '""', "\r", "\0", "'", "null", ",", ",,,,,,,,,,,,,,,,,", "LATE", "{", "}", ":",
     '{"at":"2026-03-01T08:00:00Z","panel_code":"P1","energy_import_kwh":1}', "[[[[", "é", "\ud7ff", "9" * 400]
)  # fmt: skip


@given(st.lists(st.lists(ODD | st.text(max_size=3), max_size=22).map(",".join), max_size=8))
@pytest.mark.parametrize("file_format", [TransferFormat.CSV, TransferFormat.JSONL])
def test_every_line_is_either_stored_or_kept_whatever_it_holds(file_format: TransferFormat, texts: list[str]) -> None:
    good = {
        TransferFormat.CSV: f"P1,2026-03-01T08:00:00Z,1{',' * 16}\n",
        TransferFormat.JSONL: '{"panel_code":"P1","at":"2026-03-01T08:00:00Z","energy_import_kwh":1}\n',
    }[file_format]
    odd = [text.replace("\n", " ").replace("\r", " ") for text in texts]
    content = good + "".join(f"{text}\n" for text in odd) + good
    batches = read(content.encode("utf-8", "replace"), file_format)
    rejected = [row for batch in batches for row in batch.rejected]
    assert sum(batch.packed.count for batch in batches) >= 2
    assert {row.line for row in rejected} <= set(range(2, len(odd) + 2))
    told = [line for line in content.split("\n") if line.strip(' ,"\r')]
    assert sum(batch.row_count for batch in batches) >= len(told)
    assert batches[-1].end.offset == len(content.encode("utf-8", "replace"))


@pytest.mark.usefixtures("small_blocks")
def test_a_line_without_an_end_takes_little_memory_and_spoils_nothing() -> None:
    good = f"P1,2026-03-01T08:00:00Z,1{',' * 16}\n"
    batches = read((good + "x" * 1_000_000 + "\n" + good).encode(), TransferFormat.CSV)
    assert sum(batch.packed.count for batch in batches) == 2
    (row,) = [row for batch in batches for row in batch.rejected]
    assert (row.line, row.code) == (2, "BAD_ROW")
    assert len(row.row_text) <= files.MAX_LINE_BYTES
