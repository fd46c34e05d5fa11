"""Admins correct, withdraw and restore readings; those who see the panel see what was done, and why."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from metering.access import Role, Viewer
from metering.readings import PhaseValues, ReadingFlag
from tests.api.conftest import NOW, Site, reading

START = datetime(2026, 3, 10, 3, 0, tzinfo=UTC)
AT = "2026-03-10T10:02:00+07:00"

CORRECT = """mutation ($input: CorrectReadingInput!) { correctReading(input: $input) {
    change { id kind from to readingCount reason madeBy madeAt restoresId isRestored
             before { energyImportKwh voltage { r s } flags } after { energyImportKwh voltage { r s } flags } }
    panel { latestReading { energyImportKwh flags } } refusal { code message field } } }"""
WITHDRAW = """mutation ($input: WithdrawReadingsInput!) { withdrawReadings(input: $input) {
    change { id kind from to readingCount isRestored before { at } }
    panel { readings { count } } refusal { code message field } } }"""
RESTORE = """mutation ($input: RestoreReadingsInput!) { restoreReadings(input: $input) {
    change { id kind readingCount restoresId } panel { readings { count } } refusal { code field } } }"""


@pytest.fixture
def filled(site: Site) -> Site:
    """Three readings, a minute apart, of a panel."""
    site.add_panel("PM", is_prepaid=True)
    volts = PhaseValues(r=224.7, s=224.1)
    site.load("PM", [reading(START + timedelta(minutes=n), 100.0 + n, 1.5, voltage_v=volts) for n in range(3)])
    return site


async def correct(site: Site, *, viewer: Viewer | None = None, **given: Any) -> dict[str, Any]:
    new = {"panelCode": "PM", "at": AT, "reason": " misread "} | given
    return (await site.ask(CORRECT, viewer=viewer, input=new))["correctReading"]


async def withdraw(site: Site, *, viewer: Viewer | None = None, **given: Any) -> dict[str, Any]:
    span = {"panelCode": "PM", "from": "2026-03-10T03:01:00Z", "to": "2026-03-10T04:00:00Z", "reason": "a test run"}
    return (await site.ask(WITHDRAW, viewer=viewer, input=span | given))["withdrawReadings"]


def span_from(at: str) -> dict[str, Any]:
    return {"from": at}


async def restore(site: Site, change_id: str, *, viewer: Viewer | None = None) -> dict[str, Any]:
    given = {"changeId": change_id, "reason": "it was right"}
    return (await site.ask(RESTORE, viewer=viewer, input=given))["restoreReadings"]


async def test_a_corrected_reading_is_told_with_what_it_was_before(filled: Site) -> None:
    made = await correct(filled, energyImportKwh=101.5, voltage={"s": None})
    change = made["change"]
    assert change.pop("madeAt")
    assert made["refusal"] is None
    assert change == {
        "id": "1",
        "kind": "CORRECTION",
        "from": AT,
        "to": "2026-03-10T10:02:00.000001+07:00",
        "readingCount": 1,
        "reason": "misread",
        "madeBy": "Admin",
        "restoresId": None,
        "isRestored": False,
        "before": {"energyImportKwh": 102.0, "voltage": {"r": 224.7, "s": 224.1}, "flags": []},
        "after": {"energyImportKwh": 101.5, "voltage": {"r": 224.7, "s": None}, "flags": ["CORRECTED"]},
    }
    assert made["panel"]["latestReading"] == {"energyImportKwh": 101.5, "flags": ["CORRECTED"]}
    assert (await filled.panel("today { energyKwh }"))["today"] == {"energyKwh": 1.5}


async def test_null_removes_a_value_and_all_phases_at_once(filled: Site) -> None:
    made = await correct(filled, energyImportKwh=None, voltage=None)
    assert made["change"]["after"] == {"energyImportKwh": None, "voltage": None, "flags": ["CORRECTED"]}


async def test_withdrawn_readings_are_gone_and_come_back_when_that_is_undone(filled: Site) -> None:
    made = await withdraw(filled)
    assert made["refusal"] is None
    assert made["panel"]["readings"]["count"] == 1
    assert made["change"] == {
        "id": "1",
        "kind": "WITHDRAWAL",
        "from": "2026-03-10T10:01:00+07:00",
        "to": "2026-03-10T11:00:00+07:00",
        "readingCount": 2,
        "isRestored": False,
        "before": None,
    }
    back = await restore(filled, "1")
    assert back["change"] == {"id": "2", "kind": "RESTORATION", "readingCount": 2, "restoresId": "1"}
    assert back["panel"]["readings"]["count"] == 3
    assert (await restore(filled, "1"))["refusal"] == {"code": "ALREADY_RESTORED", "field": "changeId"}


async def test_the_balance_follows(filled: Site) -> None:
    filled.database.execute(
        "INSERT INTO ledger_entry (panel_id, at, kind, units_kwh) SELECT id, %s, 'TOP_UP', 10 FROM panel", (START,)
    )
    assert (await filled.panel("prepaid { balanceKwh }"))["prepaid"] == {"balanceKwh": "8.000"}
    await withdraw(filled, **span_from(AT))
    assert (await filled.panel("prepaid { balanceKwh }"))["prepaid"] == {"balanceKwh": "9.000"}


async def test_everybody_who_sees_the_panel_sees_what_was_done_page_by_page(filled: Site) -> None:
    tenant = filled.add_person("tenant@x.org")
    filled.database.execute("INSERT INTO panel_access SELECT %s, id FROM panel", (tenant.account_id,))
    for kwh in (101.5, 101.75):
        await correct(filled, energyImportKwh=kwh)
    await withdraw(filled)
    await restore(filled, "3")
    query = "readingChanges(first: 3) { totalCount nodes { id kind isRestored } pageInfo { endCursor hasNextPage } }"
    page = (await filled.panel(query, viewer=tenant))["readingChanges"]
    cursor = page["pageInfo"].pop("endCursor")
    assert page == {
        "totalCount": 4,
        "nodes": [
            {"id": "4", "kind": "RESTORATION", "isRestored": False},
            {"id": "3", "kind": "WITHDRAWAL", "isRestored": True},
            {"id": "2", "kind": "CORRECTION", "isRestored": False},
        ],
        "pageInfo": {"hasNextPage": True},
    }
    rest = await filled.panel(f'readingChanges(after: "{cursor}") {{ nodes {{ id after {{ energyImportKwh }} }} }}')
    assert rest["readingChanges"]["nodes"] == [{"id": "1", "after": {"energyImportKwh": 101.5}}]


async def test_only_admins_change_readings(filled: Site) -> None:
    landlord = filled.add_person("landlord@x.org", role=Role.LANDLORD)
    filled.database.execute("INSERT INTO panel_access SELECT %s, id FROM panel", (landlord.account_id,))
    for made in (
        await correct(filled, viewer=landlord, energyImportKwh=1.0),
        await correct(filled, viewer=landlord, reason=""),
        await withdraw(filled, viewer=landlord),
        await restore(filled, "1", viewer=landlord),
    ):
        assert made["refusal"]["code"] == "FORBIDDEN"
    body = await filled.answer(WITHDRAW, anonymous=True, input={"panelCode": "PM", "from": AT, "to": AT, "reason": "x"})
    assert body["data"]["withdrawReadings"]["refusal"]["code"] == "UNAUTHENTICATED"
    assert (await filled.panel("readings { count } readingChanges { totalCount }")) == {
        "readings": {"count": 3},
        "readingChanges": {"totalCount": 0},
    }


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({}, "BAD_INPUT", None),
        ({"energyImportKwh": -1.0}, "BAD_INPUT", "energyImportKwh"),
        ({"voltage": {"t": 1e7}}, "BAD_INPUT", "voltage"),
        ({"powerFactor": 1.01}, "BAD_INPUT", "powerFactor"),
        ({"energyImportKwh": 102.0}, "BAD_INPUT", None),
        ({"energyImportKwh": 1.0, "reason": "  "}, "BAD_INPUT", "reason"),
        ({"energyImportKwh": 1.0, "reason": "x" * 501}, "BAD_INPUT", "reason"),
        ({"energyImportKwh": 1.0, "reason": "a\0b"}, "BAD_INPUT", "reason"),
        ({"energyImportKwh": 1.0, "at": "2026-03-10T10:02:01+07:00"}, "READING_NOT_FOUND", "at"),
        ({"energyImportKwh": 1.0, "panelCode": "NONE"}, "PANEL_NOT_FOUND", "panelCode"),
    ],
)
async def test_a_correction_that_cannot_be_made_says_why_and_changes_nothing(
    filled: Site, given: dict[str, Any], code: str, field: str | None
) -> None:
    refusal = (await correct(filled, **given))["refusal"]
    assert (refusal["code"], refusal["field"]) == (code, field)
    assert refusal["message"]
    assert (await filled.panel("latestReading { energyImportKwh flags }"))["latestReading"] == {
        "energyImportKwh": 102.0,
        "flags": [],
    }


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"to": "2026-03-10T03:01:00Z"}, "BAD_RANGE"),
        ({"from": "2026-03-10T03:30:00Z"}, "READING_NOT_FOUND"),
        ({"reason": ""}, "BAD_INPUT"),
        ({"panelCode": "NONE"}, "PANEL_NOT_FOUND"),
    ],
)
async def test_a_withdrawal_that_cannot_be_made_says_why(filled: Site, given: dict[str, Any], code: str) -> None:
    made = await withdraw(filled, **given)
    assert (made["change"], made["refusal"]["code"]) == (None, code)


@pytest.mark.parametrize("change_id", ["2", "0", "-1", "x", "9" * 40, "\u0661"])
async def test_there_is_nothing_to_restore_of_a_change_that_is_none(filled: Site, change_id: str) -> None:
    await withdraw(filled)
    assert (await restore(filled, change_id))["refusal"] == {"code": "CHANGE_NOT_FOUND", "field": "changeId"}


async def test_a_reading_tells_what_is_to_be_known_of_it(site: Site) -> None:
    site.add_panel("PM")
    flags = ReadingFlag.LATE | ReadingFlag.ARRIVAL_TIME
    site.load("PM", [reading(NOW - timedelta(minutes=1), 1.0, flags=flags)])
    assert (await site.panel("latestReading { flags }"))["latestReading"] == {"flags": ["ARRIVAL_TIME", "LATE"]}
