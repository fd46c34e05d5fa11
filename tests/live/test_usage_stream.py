"""Subscriptions to the local day: each panel's so far, then what readings make of it, and the new day at midnight."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from metering.periods import local_day, local_midnight
from metering.readings import Reading
from metering.tariffs.rules import Band, Block, Recurrence, StandingCharge, Tariff
from resolvers.usage_stream import UsageTodayKind
from store.connections import connect_async
from store.tariffs import set_tariff
from tests.fixtures.readings import Meters, metering
from tests.fixtures.server import Server, add_account, add_panel, make_app, serving, speaking, token_of

JAKARTA = ZoneInfo("Asia/Jakarta")
TODAY = """
subscription ($codes: [String!], $after: Cursor, $every: Float) {
  usageToday(codes: $codes, after: $after, heartbeatEveryS: $every) {
    __typename
    ... on UsageTodaySnapshot { cursor isWhole isComplete states { ...Day } }
    ... on UsageTodayChanged { cursor at state { ...Day panel { code } } }
    ... on Heartbeat { cursor lastSeenAt isCurrent }
    ... on Gap { cursor reason }
  }
}
fragment Day on PanelUsageToday {
  panelCode today { date energyKwh peakKw registerNowKwh registerAtMidnightKwh cost { amount currency } }
}"""


@pytest.fixture
async def meters(database_url: str) -> AsyncIterator[Meters]:
    async with metering(database_url) as opened:
        yield opened


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that the server runs, as they are run."""
    seen: list[str] = []
    execute = psycopg.AsyncCursor.execute

    async def counted(self: psycopg.AsyncCursor, query: str, *args: object, **kwargs: object) -> psycopg.AsyncCursor:
        seen.append(query)
        return await execute(self, query, *args, **kwargs)

    monkeypatch.setattr(psycopg.AsyncCursor, "execute", counted)
    return seen


def measured(kwh: float, *, at: datetime | None = None) -> Reading:
    """What a meter says now; its register started the day at 100 kWh."""
    now = datetime.now(UTC)
    return Reading(at=at or now, received_at=now, active_power_kw=1.5, energy_import_kwh=100 + kwh)


def days(states: Sequence[dict[str, Any]]) -> dict[str, float]:
    """What each panel has used today, in kWh."""
    return {state["panelCode"]: state["today"]["energyKwh"] for state in states}


def used(event: dict[str, Any]) -> tuple[str, float]:
    """The panel of a change, and what it has used today."""
    assert event["__typename"] == "UsageTodayChanged", event
    [day] = days([event["state"]]).items()
    return day


async def begin_day(meters: Meters, *panels: int, kwh: float) -> None:
    """A register from before midnight, and what was used since."""
    midnight = local_midnight(local_day(datetime.now(UTC), JAKARTA), JAKARTA)
    await meters.store([(panel, measured(0, at=midnight - timedelta(minutes=1))) for panel in panels])
    await meters.store([(panel, measured(kwh, at=midnight)) for panel in panels])


async def test_each_panels_day_is_told_then_what_readings_make_of_it(
    api: Server, database_url: str, meters: Meters
) -> None:
    panel, other = await add_panel(database_url, "P1"), await add_panel(database_url, "P2")
    await add_panel(database_url, "HIDDEN")
    account = await add_account(database_url, panels=("P1", "P2"))
    await begin_day(meters, panel, kwh=2)
    async with speaking(api, account_id=account) as client:
        operation = await client.subscribe(TODAY)
        snapshot = await client.event(operation)
        assert (snapshot["isWhole"], days(snapshot["states"])) == (True, {"P1": 2.0, "P2": 0.0})
        assert snapshot["states"][0]["today"] == {
            "date": str(local_day(datetime.now(UTC), JAKARTA)),
            "energyKwh": 2.0,
            "peakKw": 1.5,
            "registerNowKwh": 102.0,
            "registerAtMidnightKwh": 100.0,
            "cost": {"amount": "3000.00", "currency": "IDR"},
        }
        await meters.store([(panel, measured(3))])
        assert used(await client.event(operation)) == ("P1", 3.0)
        await begin_day(meters, other, kwh=1)
        change = await client.event(operation)
        assert (used(change), change["state"]["panel"]) == (("P2", 1.0), {"code": "P2"})


async def test_of_many_readings_the_newest_state_is_told_in_few_statements(
    database_url: str, meters: Meters, monkeypatch: pytest.MonkeyPatch, statements: list[str]
) -> None:
    monkeypatch.setattr(UsageTodayKind, "pause_s", 2.0)
    panels = [await add_panel(database_url, f"P{number:02}") for number in range(50)]
    account = await add_account(database_url, panels=tuple(f"P{number:02}" for number in range(50)))
    await begin_day(meters, *panels, kwh=1)
    async with serving(make_app(database_url)) as api, speaking(api, account_id=account) as client:
        operation = await client.subscribe(TODAY)
        assert len((await client.event(operation))["states"]) == 50
        await meters.store([(panels[0], measured(1.5))])
        assert used(await client.event(operation)) == ("P00", 1.5)
        statements.clear()
        start = datetime.now(UTC)
        for tenth in range(10):
            at = start + timedelta(microseconds=tenth)
            await meters.store([(panel, measured(2 + tenth / 10, at=at)) for panel in panels])
        changes = dict([used(await client.event(operation)) for _ in range(50)])
        assert set(changes) == {f"P{number:02}" for number in range(50)}
        while set(changes.values()) != {2.9}:
            code, kwh = used(await client.event(operation))
            changes[code] = kwh
    rounds = sum("FROM unnest(%(panel_ids)s::integer[], %(days)s::date[])" in text for text in statements)
    assert 1 <= rounds <= 3
    assert sum("JOIN tariff" in text for text in statements) == rounds


async def test_subscribers_who_ask_alike_share_the_statements(
    api: Server, database_url: str, meters: Meters, statements: list[str]
) -> None:
    panel = await add_panel(database_url, "P1")
    account = await add_account(database_url, panels=("P1",))
    await begin_day(meters, panel, kwh=1)
    async with speaking(api, account_id=account) as client, speaking(api, account_id=account) as other:
        following = [(who, await who.subscribe(TODAY)) for who in (client, client, other, other)]
        for who, operation in following:
            assert (await who.event(operation))["isWhole"]
        statements.clear()
        await meters.store([(panel, measured(2))])
        assert [used(await who.event(operation)) for who, operation in following] == [("P1", 2.0)] * 4
    assert sum("FROM unnest(%(panel_ids)s::integer[], %(days)s::date[])" in text for text in statements) == 1


async def test_a_reading_that_uses_nothing_changes_nothing(api: Server, database_url: str, meters: Meters) -> None:
    panel, other = await add_panel(database_url, "P1"), await add_panel(database_url, "P2")
    account = await add_account(database_url, panels=("P1", "P2"))
    await begin_day(meters, panel, other, kwh=1)
    async with speaking(api, account_id=account) as client:
        operation = await client.subscribe(TODAY)
        await client.event(operation)
        await meters.store([(panel, measured(2))])
        assert used(await client.event(operation)) == ("P1", 2.0)
        await meters.store([(panel, measured(2))])
        await meters.store([(other, measured(3))])
        assert used(await client.event(operation)) == ("P2", 3.0)


async def test_a_new_day_begins_with_nothing_at_the_panels_own_midnight(database_url: str, meters: Meters) -> None:
    panel = await add_panel(database_url, "P1")
    await add_panel(database_url, "LAGOS", time_zone="Africa/Lagos")
    account = await add_account(database_url, panels=("P1", "LAGOS"))
    midnight = local_midnight(local_day(datetime.now(UTC), JAKARTA) + timedelta(days=1), JAKARTA)
    await meters.store([(panel, measured(0, at=midnight - timedelta(hours=25)))])
    await meters.store([(panel, measured(7, at=midnight - timedelta(minutes=1)))])
    ahead = midnight - timedelta(seconds=4) - datetime.now(UTC)
    app = make_app(database_url, now=lambda: datetime.now(UTC) + ahead)
    token = token_of(account, lifetime=timedelta(days=3))
    async with serving(app) as api, speaking(api, token=token) as client:
        operation = await client.subscribe(TODAY)
        assert days((await client.event(operation))["states"]) == {"LAGOS": 0.0, "P1": 7.0}
        change = await client.event(operation)
    assert used(change) == ("P1", 0.0)
    assert change["state"]["today"]["date"] == str(local_day(midnight, JAKARTA))
    assert change["state"]["today"]["registerAtMidnightKwh"] == 107.0


async def test_with_a_cursor_only_panels_with_new_readings_are_told(
    api: Server, database_url: str, meters: Meters
) -> None:
    panel, quiet = await add_panel(database_url, "P1"), await add_panel(database_url, "QUIET")
    account = await add_account(database_url, panels=("P1", "QUIET"))
    await begin_day(meters, panel, quiet, kwh=1)
    async with speaking(api, account_id=account) as client:
        operation = await client.subscribe(TODAY, every=1)
        await client.event(operation)
        beat = await client.event(operation)
        await client.stop(operation)
        await meters.store([(panel, measured(4))])
        resumed = await client.event(await client.subscribe(TODAY, after=beat["cursor"]))
        again = await client.event(await client.subscribe(TODAY, after=resumed["cursor"]))
    assert (beat["__typename"], resumed["isWhole"], days(resumed["states"])) == ("Heartbeat", False, {"P1": 4.0})
    assert (again["isWhole"], again["states"]) == (False, [])


async def test_a_cursor_from_yesterday_brings_every_panel(api: Server, database_url: str, meters: Meters) -> None:
    await begin_day(meters, await add_panel(database_url, "P1"), kwh=1)
    account = await add_account(database_url, panels=("P1",))
    async with speaking(api, account_id=account) as client:
        cursor = (await client.event(await client.subscribe(TODAY)))["cursor"]
    ahead = timedelta(days=1)
    token = token_of(account, lifetime=timedelta(days=3))
    app = make_app(database_url, now=lambda: datetime.now(UTC) + ahead)
    async with serving(app) as later, speaking(later, token=token) as client:
        resumed = await client.event(await client.subscribe(TODAY, after=cursor))
    assert (resumed["isWhole"], days(resumed["states"])) == (False, {"P1": 0.0})


async def test_without_a_tariff_there_is_no_day(api: Server, database_url: str, meters: Meters) -> None:
    await begin_day(meters, await add_panel(database_url, "P1"), kwh=1)
    account = await add_account(database_url, panels=("P1",))
    async with await connect_async(database_url) as connection:
        await connection.execute("DELETE FROM tariff")
    async with speaking(api, account_id=account) as client:
        snapshot = await client.event(await client.subscribe(TODAY))
    assert snapshot["states"] == [{"panelCode": "P1", "today": None}]


async def test_a_price_that_hangs_on_what_was_used_takes_a_statement_more_for_all_panels(
    api: Server, database_url: str, meters: Meters, statements: list[str]
) -> None:
    panel, other = await add_panel(database_url, "P1"), await add_panel(database_url, "P2")
    account = await add_account(database_url, panels=("P1", "P2"))
    await begin_day(meters, panel, other, kwh=1)
    stepped = Band("All", (Block(Decimal(0), Decimal(1000)), Block(Decimal(1), Decimal(2000))))
    daily = StandingCharge("Base", Decimal(500), Recurrence.DAY)
    tariff = Tariff("Stepped", date(2020, 1, 1), "IDR", (stepped,), standing_charges=(daily,))
    async with await connect_async(database_url) as connection:
        await set_tariff(connection, panel_id=None, tariff=tariff)
    async with speaking(api, account_id=account) as client:
        operation = await client.subscribe(TODAY)
        first = await client.event(operation)
        statements.clear()
        await meters.store([(panel, measured(4))])
        change = await client.event(operation)
    assert [state["today"]["cost"]["amount"] for state in first["states"]] == ["1500.00", "1500.00"]
    assert change["state"]["today"]["cost"] == {"amount": "7500.00", "currency": "IDR"}
    assert sum("WITH piece" in text for text in statements) == sum("JOIN tariff" in text for text in statements)
