"""People type in what meters show: a reading as any other, judged as any other, once each, with who did it."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from metering.access import Role, Viewer
from store.connections import listening
from store.retention import Level
from tests.api.conftest import NOW, Site, reading

RECORD = """mutation ($input: RecordReadingInput!) { recordReading(input: $input) {
  typedReading { id at energyImportKwh typedBy typedAt }
  panel { latestReading { at energyImportKwh flags } }
  refusal { code message field } } }"""
SHOWN = "latestReading { energyImportKwh flags } readings { count } registerEvents { nodes { kind } }"


@pytest.fixture
def manual(site: Site) -> Site:
    """A prepaid flat in Lagos without any device."""
    site.add_panel("FLAT", zone="Africa/Lagos", is_prepaid=True)
    site.add_tariff(None, "2020-01-01", "1500")
    return site


async def record(site: Site, kwh: float, *, viewer: Viewer | None = None, **given: Any) -> dict[str, Any]:
    whole = {"panelCode": "FLAT", "energyImportKwh": kwh, "idempotencyKey": f"reading-of-{kwh}"} | given
    return (await site.ask(RECORD, viewer=viewer, input=whole))["recordReading"]


def ago(**span: float) -> str:
    return (NOW - timedelta(**span)).isoformat()


def rows(site: Site) -> list[tuple[Any, ...]]:
    return [
        *site.database.execute("SELECT * FROM reading ORDER BY panel_id, at"),
        *site.database.execute("SELECT * FROM typed_reading ORDER BY id"),
    ]


async def test_a_meter_without_a_device_is_read_once_a_week_and_has_its_usage(manual: Site) -> None:
    for week in (3, 2, 1):
        done = await record(manual, 400.0 - 20 * week, at=ago(weeks=week))
        assert done["refusal"] is None
    last = await record(manual, 400.0)
    assert last["typedReading"] == {
        "id": last["typedReading"]["id"], "at": "2026-03-10T06:00:00+01:00", "energyImportKwh": 400.0,
        "typedBy": "Admin", "typedAt": "2026-03-10T06:00:00+01:00",
    }  # fmt: skip
    assert last["panel"]["latestReading"] == {
        "at": "2026-03-10T06:00:00+01:00", "energyImportKwh": 400.0, "flags": ["TYPED_IN"],
    }  # fmt: skip
    usage = await manual.panel("usage(range: LAST_30D, step: DAY) { totalEnergyKwh }", code="FLAT")
    assert usage["usage"]["totalEnergyKwh"] == 60.0


async def test_the_balance_falls_by_what_was_typed_in(manual: Site) -> None:
    shown = "mutation ($input: RecordBalanceInput!) { recordBalance(input: $input) { refusal { code } } }"
    await record(manual, 100.0, at=ago(days=8))
    await manual.ask(shown, input={"panelCode": "FLAT", "shownKwh": "50", "at": ago(days=7)})
    await record(manual, 107.5, at=ago(days=1))
    assert (await manual.panel("prepaid { balanceKwh }", code="FLAT"))["prepaid"]["balanceKwh"] == "42.500"


async def test_a_register_that_fell_is_an_event_and_no_negative_usage(manual: Site) -> None:
    for day, kwh in ((9, 500.0), (8, 510.0), (7, 2.0), (6, 6.0), (5, 9.0)):
        await record(manual, kwh, at=ago(days=day))
    found = await manual.panel(f"{SHOWN} usage(range: LAST_30D, step: DAY) {{ totalEnergyKwh }}", code="FLAT")
    assert [event["kind"] for event in found["registerEvents"]["nodes"]] in (["RESET"], ["METER_SWAP"])
    assert found["usage"]["totalEnergyKwh"] == 17.0


async def test_readings_come_in_any_order_and_end_the_same(manual: Site) -> None:
    manual.add_panel("OTHER", zone="Africa/Lagos")
    given = [(day, 300.0 - 7 * day) for day in range(10)]
    for place, (day, kwh) in enumerate(given):
        await record(manual, kwh, at=ago(days=day), idempotencyKey=f"flat-reading-{place}")
    for place, (day, kwh) in enumerate(reversed(given)):
        await record(manual, kwh, panelCode="OTHER", at=ago(days=day), idempotencyKey=f"other-reading-{place}")
    selection = "usage(range: LAST_30D, step: DAY) { energyKwh } readings { count }"
    assert await manual.panel(selection, code="FLAT") == await manual.panel(selection, code="OTHER")


async def test_a_repeated_key_shows_the_first_reading_and_changes_nothing(manual: Site) -> None:
    first = await record(manual, 100.0, idempotencyKey="the-same-key")
    before = rows(manual)
    for kwh in (100.0, 999.0):
        again = await record(manual, kwh, idempotencyKey="the-same-key")
        assert again["refusal"]["code"] == "IDEMPOTENCY_KEY_USED"
        assert again["typedReading"] == first["typedReading"]
    assert rows(manual) == before
    log = manual.database.execute("SELECT outcome, action FROM audit_entry ORDER BY id").fetchall()
    assert log == [("DONE", "RECORD_READING"), *[("IDEMPOTENCY_KEY_USED", "RECORD_READING")] * 2]


async def test_a_reading_of_which_the_audit_cannot_be_kept_is_not_stored(manual: Site) -> None:
    manual.database.execute("ALTER TABLE audit_entry ADD CHECK (outcome <> 'DONE')")
    whole = {"panelCode": "FLAT", "energyImportKwh": 5.0, "idempotencyKey": "a-key-of-the-app"}
    assert await manual.code(RECORD, input=whole) == "INTERNAL"
    assert rows(manual) == []


async def test_of_many_at_once_with_one_key_a_single_one_counts(manual: Site) -> None:
    many = [record(manual, 100.0 + n, at=ago(hours=n), idempotencyKey="the-same-key") for n in range(6)]
    codes = [done["refusal"] and done["refusal"]["code"] for done in await asyncio.gather(*many)]
    assert sorted(codes, key=str) == [*["IDEMPOTENCY_KEY_USED"] * 5, None]
    assert manual.database.execute("SELECT count(*) FROM reading").fetchone() == (1,)


async def test_what_a_device_and_a_person_say_of_one_second_is_one_reading_that_tells_both(manual: Site) -> None:
    manual.load("FLAT", [reading(NOW - timedelta(minutes=1), 100.0, 1.5)])
    await record(manual, 100.25, at=ago(minutes=1))
    found = await manual.panel("latestReading { energyImportKwh activePowerKw flags } readings { count }", code="FLAT")
    assert found == {
        "latestReading": {"energyImportKwh": 100.25, "activePowerKw": 1.5, "flags": ["TYPED_IN"]},
        "readings": {"count": 1},
    }  # fmt: skip


async def test_who_waits_for_readings_is_told(manual: Site) -> None:
    async with listening(manual.url, "reading") as connection:
        await record(manual, 100.0)
        heard = [notice.payload async for notice in connection.notifies(stop_after=1, timeout=10)]
    assert heard == [str(manual.database.execute("SELECT batch_id FROM reading").fetchall()[0][0])]


async def test_a_withdrawn_reading_does_not_come_back_by_being_typed_again(manual: Site) -> None:
    await record(manual, 100.0)
    withdraw = "mutation ($input: WithdrawReadingsInput!) { withdrawReadings(input: $input) { refusal { code } } }"
    span = {"from": NOW.isoformat(), "to": (NOW + timedelta(seconds=1)).isoformat()}
    await manual.ask(withdraw, input={"panelCode": "FLAT", "reason": "misread"} | span)
    before = rows(manual)
    again = await record(manual, 101.0)
    assert (again["refusal"]["code"], again["refusal"]["field"]) == ("READING_WITHDRAWN", "at")
    assert rows(manual) == before
    assert (await record(manual, 101.5, at=ago(seconds=1)))["refusal"] is None


WITHDRAW = """mutation ($input: WithdrawTypedReadingInput!) { withdrawTypedReading(input: $input) {
  panel { latestReading { energyImportKwh } } refusal { code field } } }"""


async def test_a_landlord_takes_back_what_was_typed_in_wrong_and_nothing_that_a_device_said(manual: Site) -> None:
    tenant, landlord = manual.add_person("t@x.org"), manual.add_person("l@x.org", role=Role.LANDLORD)
    manual.add_panel("HOME", seen_by=[tenant, landlord])
    await record(manual, 10.0, viewer=tenant, panelCode="HOME", at=ago(days=2))
    wrong = await record(manual, 900.0, viewer=tenant, panelCode="HOME", at=ago(days=1))
    elsewhere = await record(manual, 5.0)
    manual.load("HOME", [reading(NOW, 950.0, 1.5)])
    mixed = await record(manual, 951.0, viewer=landlord, panelCode="HOME")

    async def withdraw(done: dict[str, Any], viewer: Viewer) -> dict[str, Any]:
        given = {"typedReadingId": done["typedReading"]["id"], "reason": "A digit too many"}
        return (await manual.ask(WITHDRAW, viewer=viewer, input=given))["withdrawTypedReading"]

    assert (await withdraw(wrong, tenant))["refusal"]["code"] == "FORBIDDEN"
    for out_of_reach in (elsewhere, mixed):
        assert (await withdraw(out_of_reach, landlord))["refusal"]["code"] == "READING_NOT_FOUND"
    before = len(rows(manual))
    assert (await withdraw(wrong, landlord))["refusal"] is None
    assert len(rows(manual)) == before - 1
    assert (await withdraw(wrong, landlord))["refusal"]["code"] == "READING_NOT_FOUND"
    log = manual.database.execute(
        "SELECT panel_code, outcome FROM audit_entry WHERE action = 'WITHDRAW_TYPED_READING' AND outcome = 'DONE'"
    ).fetchall()
    assert log == [("HOME", "DONE")]


async def test_tenants_type_in_what_no_device_measures(manual: Site) -> None:
    tenant, landlord = manual.add_person("t@x.org"), manual.add_person("l@x.org", role=Role.LANDLORD)
    manual.add_panel("METERED", seen_by=[tenant, landlord])
    manual.database.execute(
        "INSERT INTO panel_access SELECT %s, id FROM panel WHERE code = 'FLAT'", (tenant.account_id,)
    )
    assert (await record(manual, 10.0, viewer=tenant, at=ago(days=2)))["refusal"] is None
    assert (await record(manual, 11.0, viewer=tenant))["refusal"] is None
    manual.load("METERED", [reading(NOW - timedelta(hours=1), 50.0)])
    refused = await record(manual, 51.0, viewer=tenant, panelCode="METERED")
    assert refused["refusal"]["code"] == "FORBIDDEN"
    assert (await record(manual, 51.0, viewer=landlord, panelCode="METERED"))["refusal"] is None


async def test_a_panel_out_of_sight_is_none_and_its_keys_show_nothing(manual: Site) -> None:
    tenant = manual.add_person("t@x.org")
    assert (await record(manual, 1.0, viewer=tenant))["refusal"]["code"] == "PANEL_NOT_FOUND"
    manual.add_panel("OLD", seen_by=[tenant])
    await record(manual, 5.0, viewer=tenant, panelCode="OLD", idempotencyKey="an-old-key")
    manual.database.execute("DELETE FROM panel_access")
    manual.add_panel("NEW", seen_by=[tenant])
    again = await record(manual, 5.0, viewer=tenant, panelCode="NEW", idempotencyKey="an-old-key")
    assert (again["refusal"]["code"], again["typedReading"]) == ("IDEMPOTENCY_KEY_USED", None)


BAD = [
    ({"energyImportKwh": -0.5}, "BAD_INPUT", "energyImportKwh"),
    ({"energyImportKwh": 1e9 + 1}, "BAD_INPUT", "energyImportKwh"),
    ({"at": (NOW + timedelta(minutes=6)).isoformat()}, "BAD_TIME", "at"),
    ({"at": "2009-12-31T23:59:59Z"}, "BAD_TIME", "at"),
    ({"idempotencyKey": "short"}, "BAD_INPUT", "idempotencyKey"),
    ({"panelCode": "GHOST"}, "PANEL_NOT_FOUND", "panelCode"),
    ({"at": "2024-12-31T12:00:00Z"}, "TOO_OLD", "at"),
]


@pytest.mark.parametrize(("given", "code", "field"), BAD)
async def test_a_bad_reading_is_refused_with_a_code_and_changes_nothing(
    manual: Site, given: dict[str, Any], code: str, field: str
) -> None:
    if code == "TOO_OLD":
        manual.remove(Level.FIVE_MINUTES, before=NOW - timedelta(days=365))
        manual.database.execute("UPDATE retention SET level = 'READINGS'")
    kwh = given.pop("energyImportKwh", 10.0) if "energyImportKwh" in given else 10.0
    done = await record(manual, kwh, **given)
    assert (done["refusal"]["code"], done["refusal"]["field"]) == (code, field)
    assert code != "TOO_OLD" or "+01:00 on." in done["refusal"]["message"]
    assert (done["typedReading"], done["panel"], rows(manual)) == (None, None, [])
    assert manual.database.execute("SELECT actor, outcome FROM audit_entry").fetchall() == [("Admin", code)]


async def test_what_was_typed_in_is_listed_the_last_first(manual: Site) -> None:
    for day in (1, 3, 2):
        await record(manual, 10.0 - day, at=ago(days=day))
    seen: list[float] = []
    after = "null"
    for more in (True, False):
        selection = "totalCount nodes { energyImportKwh } pageInfo { hasNextPage endCursor }"
        page = await manual.panel(f"typedReadings(first: 2, after: {after}) {{ {selection} }}", code="FLAT")
        found = page["typedReadings"]
        assert (found["totalCount"], found["pageInfo"]["hasNextPage"]) == (3, more)
        seen += [node["energyImportKwh"] for node in found["nodes"]]
        after = f'"{found["pageInfo"]["endCursor"]}"'
    assert seen == [8.0, 7.0, 9.0]
