"""What apps kept while they were offline: in any order, in parts and again, it ends as if entered one by one."""

import random
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from openpaygo import OpenPAYGOTokenEncoder, TokenType

from metering.access import Viewer
from tests.api.conftest import NOW, Site

SUBMIT = """mutation ($input: SubmitEntriesInput!) { submitEntries(input: $input) {
  results { clientId isRepeated entry { id kind unitsKwh shownKwh tokenEnding } typedReading { id energyImportKwh }
            refusal { code message field } } refusal { code message field } } }"""
SINGLE = {
    "TOP_UP": """mutation ($input: TopUpInput!) { topUp(input: $input) { refusal { code } } }""",
    "BALANCE_READING": "mutation ($input: RecordBalanceInput!) { recordBalance(input: $input) { refusal { code } } }",
    "METER_READING": """mutation ($input: RecordReadingInput!) { recordReading(input: $input) { refusal { code } } }""",
}
SET = "mutation ($input: SetOpenPaygoInput!) { setOpenPaygo(input: $input) { refusal { code } } }"
KEYS = {"CALM": "0123456789abcdef0123456789abcdef", "WILD": "fedcba9876543210fedcba9876543210"}
SLIPS = {"CALM": 1, "WILD": 2}


@pytest.fixture
def flat(site: Site) -> Site:
    """Two prepaid flats in Lagos that are alike; what happens to one is entered in order, to the other in none."""
    for code in KEYS:
        site.add_panel(code, zone="Africa/Lagos", is_prepaid=True)
        site.add_tariff(code, "2020-01-01", "206.80", currency="NGN", vat_percent="7.5")
    return site


async def submit(site: Site, entries: list[dict[str, Any]], *, viewer: Viewer | None = None) -> list[dict[str, Any]]:
    answer = (await site.ask(SUBMIT, viewer=viewer, input={"entries": entries}))["submitEntries"]
    assert answer["refusal"] is None
    assert [result["clientId"] for result in answer["results"]] == [entry["clientId"] for entry in entries]
    return answer["results"]


async def enter(site: Site, entry: dict[str, Any]) -> None:
    given = {name: value for name, value in entry.items() if name not in ("clientId", "kind")}
    answer = await site.ask(SINGLE[entry["kind"]], input=given | {"idempotencyKey": entry["clientId"]})
    ((_, done),) = answer.items()
    assert done["refusal"] is None, (entry, done)


def entry(kind: str, hours: float, *, client_id: str, code: str = "WILD", **values: Any) -> dict[str, Any]:
    at = (NOW - timedelta(hours=hours)).isoformat()
    return {"clientId": client_id, "kind": kind, "panelCode": code, "at": at} | values


def naira(amount: int) -> dict[str, Any]:
    return {"amount": {"amount": str(amount), "currency": "NGN"}}


@dataclass
class Story:
    """What happened to a flat in three weeks, the earliest first; the same of each flat for a seed."""

    seed: int
    code: str
    is_paygo: bool = False

    def entries(self) -> list[dict[str, Any]]:
        self.choice, self.register, self.count = random.Random(self.seed), 500.0, 0  # noqa: S311 - a story, no secret
        hours = sorted((self.choice.uniform(1, 500) for _ in range(18)), reverse=True)
        return [self._one(place, hour) for place, hour in enumerate(hours)]

    def _one(self, place: int, hour: float) -> dict[str, Any]:
        tokens = "PAYGO" if self.is_paygo else "SLIP"
        kind = self.choice.choice([tokens, tokens, "MONEY" if not self.is_paygo else tokens, "SHOWN", "READ", "READ"])
        name = f"{self.code}-entry-{place}"
        size = self.choice.randint(1, 40)
        if kind == "MONEY":
            return entry("TOP_UP", hour, client_id=name, code=self.code, **naira(1000 * size))
        if kind == "SLIP":
            token = f"{SLIPS[self.code]}{place:019}"
            return entry("TOP_UP", hour, client_id=name, code=self.code, token=token, unitsKwh=f"{size}.5")
        if kind == "PAYGO":
            return entry("TOP_UP", hour, client_id=name, code=self.code, token=self._token(size))
        if kind == "SHOWN":
            return entry("BALANCE_READING", hour, client_id=name, code=self.code, shownKwh=f"{size}.25")
        self.register = self.register + size if self.choice.random() < 0.85 else 3.0
        return entry("METER_READING", hour, client_id=name, code=self.code, energyImportKwh=self.register)

    def _token(self, value: int) -> str:
        sets = self.choice.random() < 0.25
        self.count, digits = OpenPAYGOTokenEncoder.generate_token(
            secret_key=KEYS[self.code], starting_code=123456789, count=self.count, value=value,
            token_type=TokenType.SET_TIME if sets else TokenType.ADD_TIME,
        )  # fmt: skip
        return digits


async def state(site: Site, code: str) -> dict[str, Any]:
    """Everything that is to be the same. How far a display was off is what was known then, so it is left out."""
    instants = [NOW - timedelta(hours=hours) for hours in (0, 10, 33, 70, 150, 222, 300, 410, 499)]
    aliased = " ".join(f'b{place}: balanceKwhAt(at: "{at.isoformat()}")' for place, at in enumerate(instants))
    shown = await site.panel(
        f"prepaid {{ balanceKwh {aliased} }} usage(range: LAST_30D, step: DAY) {{ energyKwh }}"
        " registerEvents { nodes { kind at } } latestReading { energyImportKwh flags }",
        code=code,
    )
    ledger = site.database.execute(
        "SELECT at, kind, CASE WHEN kind <> 'BALANCE_READING' THEN units_kwh END, shown_kwh, amount, currency"
        " FROM ledger_entry WHERE panel_id = (SELECT id FROM panel WHERE code = %s) ORDER BY at",
        (code,),
    ).fetchall()
    readings = site.database.execute(
        "SELECT at, energy_import_kwh, flags FROM reading WHERE panel_id = (SELECT id FROM panel WHERE code = %s)"
        " ORDER BY at",
        (code,),
    ).fetchall()
    return {"shown": shown, "ledger": ledger, "readings": readings}


@pytest.mark.parametrize("is_paygo", [False, True])
@pytest.mark.parametrize("seed", [1, 2])
async def test_any_order_parts_and_repetition_end_as_entering_one_by_one(
    flat: Site, seed: int, *, is_paygo: bool
) -> None:
    if is_paygo:
        for code, key in KEYS.items():
            given = {"panelCode": code, "secretKeyHex": key, "startingCode": 123456789, "kwhPerValue": "1"}
            assert (await flat.ask(SET, input=given))["setOpenPaygo"]["refusal"] is None
    for one in Story(seed, "CALM", is_paygo).entries():
        await enter(flat, one)
    wild, chance = Story(seed, "WILD", is_paygo).entries(), random.Random(-seed)  # noqa: S311 - as above
    told = wild + chance.sample(wild, 6)
    chance.shuffle(told)
    refused: list[Any] = []
    while told:
        part, told = told[: chance.randint(1, 7)], told[chance.randint(1, 7) :]
        refused += [result["refusal"] for result in await submit(flat, part)]
    left = await submit(flat, wild)
    assert [result["refusal"] for result in left] == [None] * len(wild)
    assert refused == [None] * len(refused)
    assert await state(flat, "WILD") == await state(flat, "CALM")


async def test_each_is_answered_in_the_order_given_and_one_that_is_refused_holds_up_no_other(flat: Site) -> None:
    given = [
        entry("BALANCE_READING", 1, client_id="shown-last", shownKwh="40"),
        entry("TOP_UP", 3, client_id="bad-token-1", token="123", unitsKwh="5"),
        entry("METER_READING", 2, client_id="read-once-1", energyImportKwh=100.5),
        entry("TOP_UP", -1, client_id="not-yet-there", **naira(1000)),
        entry("TOP_UP", 4, client_id="bought-first", **naira(5000)),
        entry("TOP_UP", 4, client_id="elsewhere-1", code="GHOST", **naira(5000)),
    ]
    results = await submit(flat, given)
    codes = [result["refusal"] and result["refusal"]["code"] for result in results]
    assert codes == [None, "BAD_TOKEN", None, "BAD_TIME", None, "PANEL_NOT_FOUND"]
    assert (results[0]["entry"]["shownKwh"], results[0]["entry"]["unitsKwh"]) == ("40.000", "17.509")
    assert (results[2]["typedReading"]["energyImportKwh"], results[2]["entry"]) == (100.5, None)
    assert results[4]["entry"]["unitsKwh"] == "22.491"
    log = flat.database.execute("SELECT action, outcome, panel_code FROM audit_entry ORDER BY id").fetchall()
    assert log == [
        ("TOP_UP", "DONE", "WILD"), ("TOP_UP", "PANEL_NOT_FOUND", "GHOST"), ("TOP_UP", "BAD_TOKEN", "WILD"),
        ("RECORD_READING", "DONE", "WILD"), ("RECORD_BALANCE", "DONE", "WILD"), ("TOP_UP", "BAD_TIME", "WILD"),
    ]  # fmt: skip


async def test_what_was_submitted_before_is_answered_again_and_changes_nothing(flat: Site) -> None:
    given = [
        entry("TOP_UP", 3, client_id="bought-once", **naira(5000)),
        entry("METER_READING", 2, client_id="read-once-1", energyImportKwh=100.5),
    ]
    first = await submit(flat, given)
    before = await state(flat, "WILD")
    again = await submit(flat, [*given, *given])
    assert [result["isRepeated"] for result in first] == [False, False]
    assert [result["isRepeated"] for result in again] == [True] * 4
    assert [result | {"isRepeated": False} for result in again] == first + first
    assert await state(flat, "WILD") == before


@pytest.mark.parametrize(("given", "field"), [
    ({"kind": "TOP_UP"}, "amount"), ({"kind": "TOP_UP", "shownKwh": "5"}, "shownKwh"),
    ({"kind": "BALANCE_READING"}, "shownKwh"), ({"kind": "BALANCE_READING", "token": "1" * 20}, "token"),
    ({"kind": "METER_READING"}, "energyImportKwh"), ({"kind": "METER_READING", "unitsKwh": "5"}, "unitsKwh"),
    ({"kind": "METER_READING", "energyImportKwh": 5.0, "clientId": "short"}, "clientId"),
])  # fmt: skip
async def test_an_entry_without_its_values_or_with_others_is_refused(
    flat: Site, given: dict[str, Any], field: str
) -> None:
    (result,) = await submit(
        flat, [entry(given.pop("kind"), 1, client_id=given.pop("clientId", "an-entry-1"), **given)]
    )
    assert (result["refusal"]["code"], result["refusal"]["field"]) == ("BAD_INPUT", field)
    assert flat.database.execute("SELECT outcome FROM audit_entry").fetchall() == [("BAD_INPUT",)]


async def test_one_to_a_hundred_entries_are_taken(flat: Site) -> None:
    one = entry("METER_READING", 1, client_id="an-entry-1", energyImportKwh=5.0)
    for entries in ([], [one] * 101):
        answer = (await flat.ask(SUBMIT, input={"entries": entries}))["submitEntries"]
        assert (answer["refusal"]["code"], answer["refusal"]["field"], answer["results"]) == (
            "BAD_INPUT",
            "entries",
            None,
        )
    repeated = [result["isRepeated"] for result in await submit(flat, [one] * 100)]
    assert repeated == [False, *[True] * 99]


async def test_nobody_submits_for_panels_that_they_do_not_see(flat: Site) -> None:
    tenant = flat.add_person("t@x.org")
    given = [entry("TOP_UP", 3, client_id="bought-once", **naira(5000))]
    (result,) = await submit(flat, given, viewer=tenant)
    assert result["refusal"]["code"] == "PANEL_NOT_FOUND"
    anonymous = await flat.answer(SUBMIT, anonymous=True, input={"entries": given})
    assert anonymous["data"]["submitEntries"]["refusal"]["code"] == "UNAUTHENTICATED"
