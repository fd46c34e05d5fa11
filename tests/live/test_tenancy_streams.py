"""Streams of tenants: they begin and end with the tenancy, at its instant, and hold nothing of another's time."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from metering.access import Role, Scope, Viewer
from metering.readings import Reading
from resolvers.live import LiveHub, Sight
from store.connections import connect_async, open_pool
from store.events import Position
from tests.fixtures.readings import Meters, metering
from tests.fixtures.server import WITHIN_S, Server, add_account, add_panel, speaking
from tests.live.test_reading_stream import beginning

NOW = datetime.now(UTC)


@pytest.fixture
async def meters(database_url: str) -> AsyncIterator[Meters]:
    async with metering(database_url) as opened:
        yield opened


@pytest.fixture
async def hub(database_url: str) -> AsyncIterator[LiveHub]:
    async with open_pool(database_url) as pool:
        hub = LiveHub(database_url, pool)
        hub.start()
        yield hub
        await hub.close()


def measured(kwh: float, *, ago: timedelta = timedelta(0)) -> Reading:
    now = datetime.now(UTC)
    return Reading(at=(now - ago).replace(microsecond=0), received_at=now, energy_import_kwh=kwh)


async def let(url: str, account: int, panel: int, *, since: timedelta, until: timedelta | None = None) -> None:
    """Lets an account rent a panel from and to so long from now."""
    async with await connect_async(url) as connection:
        await connection.execute(
            "WITH made AS (INSERT INTO tenancy (account_id, starts_at, ends_at)"
            " VALUES (%s, clock_timestamp() + %s, clock_timestamp() + %s) RETURNING id)"
            " INSERT INTO tenancy_panel SELECT id, %s FROM made",
            (account, since, until, panel),
        )


@asynccontextmanager
async def seeing(hub: LiveHub, account: int) -> AsyncGenerator[Sight]:
    async with hub.seeing(Viewer(account, Role.TENANT), codes=None) as sight:
        yield sight


async def until_it_sees(sight: Sight, *panels: int) -> None:
    changed = asyncio.Event()

    def ring(at: Position) -> None:
        del at
        changed.set()

    sight.on_change[ring] = None
    async with asyncio.timeout(WITHIN_S):
        while sight.panel_ids != frozenset(panels):
            changed.clear()
            await changed.wait()


async def test_a_tenancy_begins_and_ends_at_its_instants_without_any_event(hub: LiveHub, database_url: str) -> None:
    panel, account = await add_panel(database_url, "P"), await add_account(database_url)
    await let(database_url, account, panel, since=timedelta(seconds=1), until=timedelta(seconds=2.5))
    async with seeing(hub, account) as sight:
        assert sight.panel_ids == frozenset()
        await until_it_sees(sight, panel)
        async with await connect_async(database_url) as connection:
            asked = "SELECT clock_timestamp() - starts_at, ends_at > clock_timestamp() FROM tenancy"
            ((late, is_on),) = await (await connection.execute(asked)).fetchall()
            assert is_on
            assert timedelta(0) <= late < timedelta(seconds=1)
        await until_it_sees(sight)


async def test_whoever_comes_later_with_an_earlier_end_is_not_overlooked(hub: LiveHub, database_url: str) -> None:
    panel = await add_panel(database_url, "P")
    first, second = [await add_account(database_url, email=f"{name}@x.org") for name in ("first", "second")]
    await let(database_url, first, panel, since=timedelta(days=-1), until=timedelta(days=9))
    await let(database_url, second, panel, since=timedelta(days=-1), until=timedelta(seconds=1))
    async with seeing(hub, first) as long, seeing(hub, second) as short:
        await until_it_sees(short)
        assert long.panel_ids == {panel}


async def test_readings_of_before_are_not_told_when_they_come_late(
    api: Server, database_url: str, meters: Meters
) -> None:
    panel, account = await add_panel(database_url, "P"), await add_account(database_url)
    await meters.store([(panel, measured(1, ago=timedelta(hours=3)))])
    await let(database_url, account, panel, since=timedelta(hours=-2))
    async with speaking(api, account_id=account) as client:
        operation, snapshot = await beginning(client)
        (seen,) = snapshot["panels"]
        assert (seen["code"], seen["latestReading"], seen["lastSeenAt"]) == ("P", None, None)
        await meters.store([(panel, measured(0.5, ago=timedelta(hours=4)))])
        await meters.store([(panel, measured(7))])
        assert (await client.event(operation))["reading"]["energyImportKwh"] == 7


async def test_a_cursor_of_whoever_was_there_before_replays_nothing_of_theirs(
    api: Server, database_url: str, meters: Meters
) -> None:
    panel = await add_panel(database_url, "P")
    admin = await add_account(database_url, role=Role.ADMIN, email="admin@x.org")
    account = await add_account(database_url)
    async with speaking(api, account_id=admin) as client:
        _, snapshot = await beginning(client)
    for number in range(3, 0, -1):
        await meters.store([(panel, measured(4 - number, ago=timedelta(hours=number)))])
    await let(database_url, account, panel, since=timedelta(minutes=-90))
    async with speaking(api, account_id=account) as client:
        operation, event = await beginning(client, after=snapshot["cursor"])
        assert event["reading"]["energyImportKwh"] == 3
        await meters.store([(panel, measured(9))])
        assert (await client.event(operation))["reading"]["energyImportKwh"] == 9


async def test_only_who_rents_for_the_same_time_is_told_together(hub: LiveHub, database_url: str) -> None:
    panel = await add_panel(database_url, "P")
    accounts = [await add_account(database_url, email=f"{number}@x.org") for number in range(3)]
    async with await connect_async(database_url) as connection:
        for account, days in zip(accounts, (1, 1, 2), strict=True):
            await connection.execute(
                "WITH made AS (INSERT INTO tenancy (account_id, starts_at) VALUES (%s, %s) RETURNING id)"
                " INSERT INTO tenancy_panel SELECT id, %s FROM made",
                (account, NOW - timedelta(days=days), panel),
            )
    async with seeing(hub, accounts[0]) as one, seeing(hub, accounts[1]) as flatmate, seeing(hub, accounts[2]) as other:
        assert one.scope == flatmate.scope
        assert one.scope != other.scope
        assert one.panel_ids == other.panel_ids


async def test_a_service_account_sees_what_its_owner_rents_and_ends_with_it(hub: LiveHub, database_url: str) -> None:
    panel, owner = await add_panel(database_url, "P"), await add_account(database_url)
    await let(database_url, owner, panel, since=timedelta(days=-1))
    async with await connect_async(database_url) as connection:
        made = await connection.execute(
            "INSERT INTO account (name, role, kind, owner_id) VALUES ('Bridge', 'TENANT', 'SERVICE', %s) RETURNING id",
            (owner,),
        )
        ((service,),) = await made.fetchall()
        async with seeing(hub, service) as sight, seeing(hub, owner) as own:
            assert sight.scope == own.scope
            assert sight.viewer.scopes == {Scope.READ}
            await connection.execute("UPDATE tenancy SET ends_at = now()")
            await until_it_sees(sight)
