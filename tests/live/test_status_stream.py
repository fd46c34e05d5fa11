"""Subscriptions to status: every panel once, then each change, also those that only time makes."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from metering.access import Role
from resolvers.context import Context
from resolvers.live import Watch
from resolvers.mailboxes import Mailbox
from resolvers.status_stream import StatusStream
from store import accounts
from store.connections import Pool, connect_async
from store.events import Access, Position
from tests.fixtures.readings import Meters, metering, reading
from tests.fixtures.server import Server, add_account, add_panel, make_app, serving, speaking

STATUS = """
subscription ($codes: [String!]) {
  panelStatus(codes: $codes) { panelCode status lastSeenAt isChange panel { code status } }
}"""
ONLINE_WITHIN = timedelta(seconds=1.5)


@pytest.fixture
async def meters(database_url: str) -> AsyncIterator[Meters]:
    async with metering(database_url) as opened:
        yield opened


@pytest.fixture
async def impatient_api(database_url: str) -> AsyncIterator[Server]:
    async with serving(make_app(database_url, online_within=ONLINE_WITHIN)) as running:
        yield running


def told(event: dict[str, Any]) -> tuple[str, str, bool]:
    return event["panelCode"], event["status"], event["isChange"]


async def test_each_panel_is_told_once_then_its_changes(api: Server, database_url: str, meters: Meters) -> None:
    first, second = await add_panel(database_url, "P1"), await add_panel(database_url, "P2")
    await add_panel(database_url, "HIDDEN")
    account = await add_account(database_url, panels=("P1", "P2"))
    await meters.store([(first, reading(0))])
    async with speaking(api, account_id=account) as client:
        operation = await client.subscribe(STATUS)
        beginning = [await client.event(operation) for _ in range(2)]
        assert [told(event) for event in beginning] == [("P1", "ONLINE", False), ("P2", "OFFLINE", False)]
        assert beginning[1]["lastSeenAt"] is None
        await meters.store([(first, reading(1))])
        await meters.store([(second, reading(1))])
        change = await client.event(operation)
    assert told(change) == ("P2", "ONLINE", True)
    assert change["panel"] == {"code": "P2", "status": "ONLINE"}


async def test_silence_alone_turns_a_panel_offline(impatient_api: Server, database_url: str, meters: Meters) -> None:
    panel = await add_panel(database_url, "P1")
    account = await add_account(database_url, panels=("P1",))
    await meters.store([(panel, reading(0))])
    async with speaking(impatient_api, account_id=account) as client:
        operation = await client.subscribe(STATUS)
        events = [await client.event(operation) for _ in range(2)]
        seen_at = datetime.fromisoformat(events[1]["lastSeenAt"])
        assert datetime.now(UTC) - seen_at > ONLINE_WITHIN
        await meters.store([(panel, reading(1))])
        events += [await client.event(operation) for _ in range(2)]
    assert [told(event) for event in events] == [
        ("P1", "ONLINE", False),
        ("P1", "OFFLINE", True),
        ("P1", "ONLINE", True),
        ("P1", "OFFLINE", True),
    ]


async def test_a_panel_that_keeps_talking_stays_online(
    impatient_api: Server, database_url: str, meters: Meters
) -> None:
    quiet, talking = await add_panel(database_url, "QUIET"), await add_panel(database_url, "TALKING")
    account = await add_account(database_url, panels=("QUIET", "TALKING"))
    await meters.store([(quiet, reading(0)), (talking, reading(0))])
    async with speaking(impatient_api, account_id=account) as client:
        operation = await client.subscribe(STATUS)
        events = [await client.event(operation) for _ in range(2)]
        second = 1
        while not client.has_message(operation):
            await meters.store([(talking, reading(second))])
            second += 1
        events.append(await client.event(operation))
    assert [told(event) for event in events] == [
        ("QUIET", "ONLINE", False),
        ("TALKING", "ONLINE", False),
        ("QUIET", "OFFLINE", True),
    ]


async def test_a_panel_that_was_heard_of_without_a_reading_stays_online(
    impatient_api: Server, database_url: str, meters: Meters
) -> None:
    panel, other = await add_panel(database_url, "P1"), await add_panel(database_url, "P2")
    account = await add_account(database_url, panels=("P1", "P2"))
    await meters.store([(panel, reading(0)), (other, reading(0))])
    async with speaking(impatient_api, account_id=account) as client, await connect_async(database_url) as connection:
        operation = await client.subscribe(STATUS)
        events = [await client.event(operation) for _ in range(2)]
        await connection.execute(
            "UPDATE latest_reading SET last_seen_at = now() + interval '1 hour' WHERE panel_id = %s", (panel,)
        )
        events.append(await client.event(operation))
    assert told(events[2]) == ("P2", "OFFLINE", True)


async def test_panels_are_told_when_they_come_into_sight(api: Server, database_url: str, meters: Meters) -> None:
    account = await add_account(database_url)
    async with speaking(api, account_id=account) as client, await connect_async(database_url) as connection:
        everything = await client.subscribe(STATUS)
        named = await client.subscribe(STATUS, codes=["OTHER"])
        panel, other = await add_panel(database_url, "NEW"), await add_panel(database_url, "OTHER")
        await accounts.grant(connection, account_id=account, panel_code="NEW")
        assert told(await client.event(everything)) == ("NEW", "OFFLINE", False)
        await meters.store([(panel, reading(1)), (other, reading(1))])
        assert told(await client.event(everything)) == ("NEW", "ONLINE", True)
        await accounts.grant(connection, account_id=account, panel_code="OTHER")
        assert told(await client.event(everything)) == ("OTHER", "ONLINE", False)
        assert told(await client.event(named)) == ("OTHER", "ONLINE", False)


async def test_a_panel_that_the_database_shows_before_the_hub_heard_of_it_is_told_once_it_has(
    database_url: str, pool: Pool
) -> None:
    panel = await add_panel(database_url, "NEW")
    account = await add_account(database_url, panels=("NEW",))
    watch = Watch(None, Mailbox(0), Position.after_batch(0), account)
    watch.allow(Access(Role.TENANT, {}))
    stream = StatusStream(Context(pool, None), watch, None)
    assert await stream.changes() == []
    watch.allow(Access(Role.TENANT, {panel: "NEW"}))
    assert [(event.panel_code, event.is_change) for event in await stream.changes()] == [("NEW", False)]


async def test_without_a_token_there_is_no_status(api: Server) -> None:
    async with speaking(api) as client:
        message = await client.message(await client.subscribe(STATUS))
    assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "UNAUTHENTICATED")


async def test_the_streams_of_a_removed_account_end(api: Server, database_url: str) -> None:
    await add_panel(database_url, "P1")
    account = await add_account(database_url, role=Role.ADMIN)
    async with speaking(api, account_id=account) as client, await connect_async(database_url) as connection:
        operation = await client.subscribe(STATUS)
        await client.event(operation)
        await accounts.remove(connection, account)
        ended = await client.message(operation)
    assert (ended["type"], ended["payload"][0]["extensions"]["code"]) == ("error", "UNAUTHENTICATED")
