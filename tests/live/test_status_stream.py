"""Subscriptions to status: every panel once, then each change, also those that only time makes."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from psycopg import OperationalError

from metering.access import Role
from resolvers import state_stream
from resolvers.context import Context
from resolvers.forecast_news import ForecastBox
from resolvers.live import LiveHub, Watch
from resolvers.mailboxes import Mailbox
from resolvers.pages import cursor_of
from resolvers.state_events import Since, sight_of
from resolvers.state_stream import Follower
from resolvers.status_stream import StatusKind
from store import accounts
from store.connections import Pool, connect_async
from store.events import Access, Position, StoredReading
from store.panels import Panel, PanelStatus
from tests.fixtures.readings import Meters, metering, reading
from tests.fixtures.server import WITHIN_S, Server, SocketClient, add_account, add_panel, make_app, serving, speaking

STATUS = """
subscription ($codes: [String!], $after: Cursor, $every: Float) {
  panelStatus(codes: $codes, after: $after, heartbeatEveryS: $every) {
    __typename
    ... on PanelStatusSnapshot { cursor isWhole isComplete states { ...State } }
    ... on PanelStatusChanged { cursor at state { ...State } }
    ... on Heartbeat { cursor lastSeenAt isCurrent }
    ... on Gap { cursor reason missed }
  }
}
fragment State on PanelStatusState { panelCode status lastSeenAt panel { code status } }"""
ONLINE_WITHIN = timedelta(seconds=2)  # in which a busy machine reads the panels, or stores a reading


@pytest.fixture
async def meters(database_url: str) -> AsyncIterator[Meters]:
    async with metering(database_url) as opened:
        yield opened


@pytest.fixture
async def impatient_api(database_url: str) -> AsyncIterator[Server]:
    async with serving(make_app(database_url, online_within=ONLINE_WITHIN)) as running:
        yield running


def told(event: dict[str, Any]) -> tuple[str, str]:
    """The panel and the status of a change."""
    assert event["__typename"] == "PanelStatusChanged", event
    return event["state"]["panelCode"], event["state"]["status"]


def shown(event: dict[str, Any]) -> dict[str, str]:
    """The panels of a whole snapshot with their status."""
    assert (event["__typename"], event["isWhole"]) == ("PanelStatusSnapshot", True), event
    return {state["panelCode"]: state["status"] for state in event["states"]}


async def seen_online(client: SocketClient, meters: Meters, panels: dict[str, int]) -> str:
    """A subscription that begins with the panels online: again where the machine takes longer than they stay so."""
    async with asyncio.timeout(WITHIN_S):
        for second in count():
            await meters.store([(panel, reading(second)) for panel in panels.values()])
            operation = await client.subscribe(STATUS)
            if shown(await client.event(operation)) == dict.fromkeys(panels, "ONLINE"):
                return operation
            await client.stop(operation)
    raise AssertionError


async def talk_until_told(client: SocketClient, operation: str, meters: Meters, panel: int) -> tuple[str, str]:
    """The next change, while a panel goes on talking."""
    for second in count(1_000):
        await meters.store([(panel, reading(second))])
        if client.has_message(operation):
            return told(await client.event(operation))
    raise AssertionError


async def test_each_panel_is_told_once_then_its_changes(api: Server, database_url: str, meters: Meters) -> None:
    first, second = await add_panel(database_url, "P1"), await add_panel(database_url, "P2")
    await add_panel(database_url, "HIDDEN")
    account = await add_account(database_url, panels=("P1", "P2"))
    await meters.store([(first, reading(0))])
    async with speaking(api, account_id=account) as client:
        operation = await client.subscribe(STATUS)
        beginning = await client.event(operation)
        assert shown(beginning) == {"P1": "ONLINE", "P2": "OFFLINE"}
        assert [state["lastSeenAt"] is None for state in beginning["states"]] == [False, True]
        await meters.store([(first, reading(1))])
        await meters.store([(second, reading(1))])
        change = await client.event(operation)
    assert told(change) == ("P2", "ONLINE")
    assert change["state"]["panel"] == {"code": "P2", "status": "ONLINE"}


async def test_silence_alone_turns_a_panel_offline(impatient_api: Server, database_url: str, meters: Meters) -> None:
    panel = await add_panel(database_url, "P1")
    account = await add_account(database_url, panels=("P1",))
    async with speaking(impatient_api, account_id=account) as client:
        operation = await seen_online(client, meters, {"P1": panel})
        silent = await client.event(operation)
        seen_at = datetime.fromisoformat(silent["state"]["lastSeenAt"])
        assert datetime.now(UTC) - seen_at > ONLINE_WITHIN
        assert told(silent) == ("P1", "OFFLINE")
        assert await talk_until_told(client, operation, meters, panel) == ("P1", "ONLINE")
        assert told(await client.event(operation)) == ("P1", "OFFLINE")


async def test_a_panel_that_keeps_talking_stays_online(
    impatient_api: Server, database_url: str, meters: Meters
) -> None:
    quiet, talking = await add_panel(database_url, "QUIET"), await add_panel(database_url, "TALKING")
    account = await add_account(database_url, panels=("QUIET", "TALKING"))
    async with speaking(impatient_api, account_id=account) as client:
        operation = await seen_online(client, meters, {"QUIET": quiet, "TALKING": talking})
        assert await talk_until_told(client, operation, meters, talking) == ("QUIET", "OFFLINE")


async def test_a_panel_that_was_heard_of_without_a_reading_stays_online(
    impatient_api: Server, database_url: str, meters: Meters
) -> None:
    panel, other = await add_panel(database_url, "P1"), await add_panel(database_url, "P2")
    account = await add_account(database_url, panels=("P1", "P2"))
    async with speaking(impatient_api, account_id=account) as client, await connect_async(database_url) as connection:
        operation = await seen_online(client, meters, {"P1": panel, "P2": other})
        await connection.execute(
            "UPDATE latest_reading SET last_seen_at = now() + interval '1 hour' WHERE panel_id = %s", (panel,)
        )
        assert told(await client.event(operation)) == ("P2", "OFFLINE")


async def test_panels_are_told_when_they_come_into_sight_and_leave_it(
    api: Server, database_url: str, meters: Meters
) -> None:
    account = await add_account(database_url)
    async with speaking(api, account_id=account) as client, await connect_async(database_url) as connection:
        everything = await client.subscribe(STATUS)
        named = await client.subscribe(STATUS, codes=["OTHER"])
        assert shown(await client.event(everything)) == shown(await client.event(named)) == {}
        panel, other = await add_panel(database_url, "NEW"), await add_panel(database_url, "OTHER")
        await accounts.grant(connection, account_id=account, panel_code="NEW")
        assert shown(await client.event(everything)) == {"NEW": "OFFLINE"}
        await meters.store([(panel, reading(1)), (other, reading(1))])
        assert told(await client.event(everything)) == ("NEW", "ONLINE")
        await accounts.grant(connection, account_id=account, panel_code="OTHER")
        assert shown(await client.event(everything)) == {"NEW": "ONLINE", "OTHER": "ONLINE"}
        assert shown(await client.event(named)) == {"OTHER": "ONLINE"}
        await connection.execute("DELETE FROM panel_access WHERE panel_id = %s", (panel,))
        assert shown(await client.event(everything)) == {"OTHER": "ONLINE"}


async def test_a_panel_that_the_database_shows_before_the_hub_heard_of_it_is_told_once_it_has(
    database_url: str, pool: Pool
) -> None:
    panel = await add_panel(database_url, "NEW")
    account = await add_account(database_url, panels=("NEW",))
    watch = Watch(None, Mailbox(0), Position.after_batch(0), account)
    watch.allow(Access(Role.TENANT, {}))
    live = LiveHub(database_url, pool)
    follower = Follower(StatusKind(), Context(pool, None), live, watch, ForecastBox(watch.mailbox.ring), 300)
    await follower.begin()
    watch.allow(Access(Role.TENANT, {panel: "NEW"}))
    async with asyncio.timeout(WITHIN_S):
        event = (await anext(follower.told())).event
    assert [state.panel_code for state in event.states] == ["NEW"]


async def test_a_change_that_is_seen_before_its_reading_is_handed_out_is_told(
    database_url: str, pool: Pool, meters: Meters
) -> None:
    panel = await add_panel(database_url, "P1")
    account = await add_account(database_url, panels=("P1",))
    watch = Watch(None, Mailbox(0), Position.after_batch(0), account)
    watch.allow(Access(Role.TENANT, {panel: "P1"}))
    live = LiveHub(database_url, pool)
    follower = Follower(StatusKind(), Context(pool, None, live=live), live, watch, ForecastBox(watch.mailbox.ring), 300)
    await follower.begin()
    batch = await meters.store([(panel, reading(1))])
    watch.allow(Access(Role.ADMIN, {panel: "P1"}))  # the panels are read anew, the same ones
    changes = follower.told()
    waiting = asyncio.create_task(anext(changes))
    watch.mailbox.put(StoredReading(batch, panel, "P1", reading(1)))
    async with asyncio.timeout(WITHIN_S):
        event = (await waiting).event
    assert (event.state.panel_code, event.state.status) == ("P1", PanelStatus.ONLINE)


async def test_access_of_others_costs_no_statement(
    api: Server, database_url: str, meters: Meters, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = await add_panel(database_url, "P1")
    account = await add_account(database_url, panels=("P1",))
    looks, look = 0, Follower._look

    async def counted(self: Follower[Any]) -> Any:
        nonlocal looks
        looks += 1
        return await look(self)

    monkeypatch.setattr(Follower, "_look", counted)
    async with speaking(api, account_id=account) as client:
        operation = await client.subscribe(STATUS)
        assert shown(await client.event(operation)) == {"P1": "OFFLINE"}
        for number in range(3):
            await add_account(database_url, email=f"{number}@example.org", panels=("P1",))
        await meters.store([(panel, reading(1))])
        assert told(await client.event(operation)) == ("P1", "ONLINE")
    assert looks == 1


async def test_silence_brings_heartbeats_with_a_cursor(api: Server, database_url: str, meters: Meters) -> None:
    panel = await add_panel(database_url, "P1")
    account = await add_account(database_url, panels=("P1",))
    await meters.store([(panel, reading(0))])
    async with speaking(api, account_id=account) as client:
        operation = await client.subscribe(STATUS, every=1)
        [state] = (await client.event(operation))["states"]
        beat = await client.event(operation)
        resumed = await client.event(await client.subscribe(STATUS, after=beat["cursor"]))
    assert (beat["__typename"], beat["isCurrent"]) == ("Heartbeat", True)
    assert datetime.fromisoformat(beat["lastSeenAt"]) == datetime.fromisoformat(state["lastSeenAt"])
    assert (resumed["isWhole"], resumed["isComplete"]) == (False, True)


async def test_a_stream_goes_on_after_the_database_did_not_answer(
    api: Server, database_url: str, meters: Meters, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel, other = await add_panel(database_url, "P1"), await add_panel(database_url, "P2")
    account = await add_account(database_url, panels=("P1", "P2"))
    read, failures = state_stream.by_ids, 0

    async def away(*args: Any, **options: Any) -> dict[int, Panel]:
        nonlocal failures
        failures += 1
        monkeypatch.setattr(state_stream, "by_ids", read)
        raise OperationalError("the connection is lost")

    async with speaking(api, account_id=account) as client:
        operation = await client.subscribe(STATUS)
        await client.event(operation)
        monkeypatch.setattr(state_stream, "by_ids", away)
        await meters.store([(panel, reading(1)), (other, reading(1))])
        changes = {told(await client.event(operation)) for _ in range(2)}
    assert (changes, failures) == ({("P1", "ONLINE"), ("P2", "ONLINE")}, 1)


async def test_with_a_cursor_only_what_may_have_changed_since_is_told(
    api: Server, database_url: str, meters: Meters
) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=1)
    panels = {code: await add_panel(database_url, code) for code in ("OLD", "LATE", "NEVER")}
    account = await add_account(database_url, panels=tuple(panels))
    await meters.store([(panels[code], reading(0, received_at=long_ago)) for code in ("OLD", "LATE")])
    async with speaking(api, account_id=account) as client:
        operation = await client.subscribe(STATUS)
        cursor = (await client.event(operation))["cursor"]
        await client.stop(operation)
        await meters.store([(panels["LATE"], reading(1, received_at=long_ago))])
        resumed = await client.event(await client.subscribe(STATUS, after=cursor))
        assert [state["panelCode"] for state in resumed["states"]] == ["LATE"]
        again = await client.event(await client.subscribe(STATUS, after=resumed["cursor"]))
        assert (again["isWhole"], again["states"]) == (False, [])


async def test_a_cursor_from_before_a_panel_came_into_sight_brings_all_of_them(
    api: Server, database_url: str, meters: Meters
) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=1)
    panels = [await add_panel(database_url, code) for code in ("P1", "P2")]
    account = await add_account(database_url, panels=("P1",))
    await meters.store([(panel, reading(0, received_at=long_ago)) for panel in panels])
    async with speaking(api, account_id=account) as client, await connect_async(database_url) as connection:
        cursor = (await client.event(await client.subscribe(STATUS)))["cursor"]
        await accounts.grant(connection, account_id=account, panel_code="P2")
        operation = await client.subscribe(STATUS, after=cursor)
        while shown(await client.event(operation)) != {"P1": "OFFLINE", "P2": "OFFLINE"}:
            pass


async def test_a_cursor_that_nobody_can_judge_is_a_gap_and_begins_anew(
    api: Server, database_url: str, meters: Meters, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = await add_panel(database_url, "P1")
    account = await add_account(database_url, panels=("P1",))
    await meters.store([(panel, reading(0))])
    now, sight = datetime.now(UTC), sight_of([panel])
    strange = {
        Since(10_000, now, sight): "UNKNOWN_CURSOR",
        Since(0, now + timedelta(days=1), sight): "UNKNOWN_CURSOR",
        Since(0, now - timedelta(days=1), sight): "TOO_OLD",
    }
    monkeypatch.setattr(state_stream, "MAX_SCANNED", 0)
    async with speaking(api, account_id=account) as client:
        for since, reason in strange.items():
            operation = await client.subscribe(STATUS, after=since.cursor("status"))
            gap = await client.event(operation)
            assert (gap["__typename"], gap["reason"]) == ("Gap", reason)
            assert shown(await client.event(operation)) == {"P1": "ONLINE"}
            assert shown(await client.event(await client.subscribe(STATUS, after=gap["cursor"]))) == {"P1": "ONLINE"}


@pytest.mark.parametrize(
    "after",
    [
        "nonsense",
        cursor_of("live", 1),
        cursor_of("today", "1.2.00000000"),
        cursor_of("status", "1.2"),
        cursor_of("status", f"1.{'9' * 16}.00000000"),
    ],
)
async def test_cursors_of_other_streams_are_refused(api: Server, database_url: str, after: str) -> None:
    async with speaking(api, account_id=await add_account(database_url)) as client:
        message = await client.message(await client.subscribe(STATUS, after=after))
    assert message["payload"][0]["extensions"]["code"] == "BAD_CURSOR"


async def test_many_panels_come_in_several_parts(
    api: Server, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_stream, "PAGE", 2)
    for number in range(5):
        await add_panel(database_url, f"P{number}")
    async with speaking(api, account_id=await add_account(database_url, role=Role.ADMIN)) as client:
        operation = await client.subscribe(STATUS)
        parts = [await client.event(operation) for _ in range(3)]
        again = await client.event(await client.subscribe(STATUS, after=parts[1]["cursor"]))
    assert [part["isComplete"] for part in parts] == [False, False, True]
    assert [state["panelCode"] for part in parts for state in part["states"]] == ["P0", "P1", "P2", "P3", "P4"]
    assert (again["isWhole"], again["states"]) == (True, parts[0]["states"])


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
        assert await client.signed_out(operation)
