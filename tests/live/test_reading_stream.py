"""Subscriptions to readings: the state first, then each reading once, in order, for who may see it."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from metering.access import Role, Viewer
from metering.refusals import Refused
from resolvers import reading_stream
from resolvers.context import Context
from resolvers.live import LiveHub
from resolvers.pages import cursor_of
from resolvers.reading_events import cursor_at, position_of
from resolvers.reading_stream import ReadingStream, checked_codes
from store import accounts
from store.connections import Pool, connect_async
from store.events import Position
from tests.fixtures.readings import Meters, metering, reading
from tests.fixtures.server import (
    WITHIN_S,
    GraphQLClient,
    Server,
    SocketClient,
    add_account,
    add_panel,
    make_app,
    serving,
    speaking,
)

READINGS = """
subscription ($codes: [String!], $after: Cursor, $every: Float) {
  panelReadings(codes: $codes, after: $after, heartbeatEveryS: $every) {
    __typename
    ... on ReadingSnapshot {
      cursor isWhole isComplete panels { code status lastSeenAt latestReading { energyImportKwh } }
    }
    ... on ReadingReceived { cursor at panelCode reading { at energyImportKwh voltage { r } } }
    ... on Heartbeat { cursor at lastSeenAt isCurrent }
    ... on Gap { cursor reason missed }
  }
}"""


@pytest.fixture
async def meters(database_url: str) -> AsyncIterator[Meters]:
    async with metering(database_url) as opened:
        yield opened


async def beginning(client: SocketClient, **variables: Any) -> tuple[str, dict[str, Any]]:
    """An operation, and the first event of it."""
    operation = await client.subscribe(READINGS, **variables)
    return operation, await client.event(operation)


async def test_the_state_comes_first_then_each_reading(api: Server, database_url: str, meters: Meters) -> None:
    panel = await add_panel(database_url, "P1")
    account = await add_account(database_url, panels=("P1",))
    await meters.store([(panel, reading(0)), (panel, reading(10))])
    async with speaking(api, account_id=account) as client:
        operation, snapshot = await beginning(client)
        assert snapshot["__typename"] == "ReadingSnapshot"
        assert snapshot["isWhole"]
        assert snapshot["isComplete"]
        [shown] = snapshot["panels"]
        assert (shown["code"], shown["status"], shown["latestReading"]) == ("P1", "ONLINE", {"energyImportKwh": 10.0})
        await meters.store([(panel, reading(20))])
        event = await client.event(operation)
    assert event.pop("cursor") != snapshot["cursor"]
    assert datetime.fromisoformat(event.pop("at")).utcoffset() == timedelta(0)
    assert event == {
        "__typename": "ReadingReceived",
        "panelCode": "P1",
        "reading": {"at": "2026-11-02T10:00:20+07:00", "energyImportKwh": 20.0, "voltage": {"r": 224.7}},
    }


async def test_a_viewer_without_panels_gets_an_empty_state(api: Server, database_url: str, meters: Meters) -> None:
    panel = await add_panel(database_url, "P1")
    await meters.store([(panel, reading(0))])
    async with speaking(api, account_id=await add_account(database_url)) as client:
        _, snapshot = await beginning(client)
    assert (snapshot["panels"], snapshot["isComplete"]) == ([], True)


async def test_nobody_gets_readings_of_others(api: Server, database_url: str, meters: Meters) -> None:
    mine, theirs = await add_panel(database_url, "MINE"), await add_panel(database_url, "THEIRS")
    account = await add_account(database_url, panels=("MINE",))
    async with speaking(api, account_id=account) as client:
        everything, snapshot = await beginning(client)
        named, nothing = await beginning(client, codes=["THEIRS", "NOWHERE"])
        assert ([p["code"] for p in snapshot["panels"]], nothing["panels"]) == (["MINE"], [])
        for second in range(5):
            await meters.store([(theirs, reading(second)), (mine, reading(second))])
        received = [await client.event(everything) for _ in range(5)]
        assert {event["panelCode"] for event in received} == {"MINE"}
        assert not client.has_message(named)


async def test_only_the_panels_that_were_named_are_followed(api: Server, database_url: str, meters: Meters) -> None:
    panels = {code: await add_panel(database_url, code) for code in ("A", "B", "C")}
    admin = await add_account(database_url, role=Role.ADMIN)
    async with speaking(api, account_id=admin) as client:
        operation, snapshot = await beginning(client, codes=["C", "A", "A"])
        assert [panel["code"] for panel in snapshot["panels"]] == ["A", "C"]
        await meters.store([(panel, reading(1)) for panel in panels.values()])
        assert [(await client.event(operation))["panelCode"] for _ in range(2)] == ["A", "C"]


@pytest.mark.parametrize("code", ["A B", "", "x" * 65, "é", "A\n", "A\0"])
def test_what_can_be_no_panels_code_is_refused(code: str) -> None:
    with pytest.raises(Refused) as refused:
        checked_codes(["A", code])
    assert (refused.value.code, refused.value.field) == ("BAD_CODE", "codes")


async def test_a_withdrawn_panel_is_told_to_be_gone_and_silent_from_then_on(
    api: Server, database_url: str, meters: Meters
) -> None:
    kept, lost = await add_panel(database_url, "KEPT"), await add_panel(database_url, "LOST")
    account = await add_account(database_url, panels=("KEPT", "LOST"))
    async with speaking(api, account_id=account) as client, await connect_async(database_url) as connection:
        operation, _ = await beginning(client)
        await meters.store([(lost, reading(1)), (kept, reading(1))])
        assert [(await client.event(operation))["panelCode"] for _ in range(2)] == ["KEPT", "LOST"]
        await accounts.revoke(connection, account_id=account, panel_code="LOST")
        assert codes_of(await client.event(operation)) == ["KEPT"]
        await meters.store([(lost, reading(2)), (kept, reading(2))])
        await meters.store([(lost, reading(3)), (kept, reading(3))])
        assert [(await client.event(operation))["panelCode"] for _ in range(2)] == ["KEPT", "KEPT"]
        await accounts.grant(connection, account_id=account, panel_code="LOST")
        assert codes_of(await client.event(operation)) == ["KEPT", "LOST"]
        await meters.store([(lost, reading(4))])
        assert (await client.event(operation))["reading"]["energyImportKwh"] == 4.0


@pytest.mark.parametrize("panel", ["", "... on ReadingReceived { panel { code } }"], ids=["together", "alone"])
async def test_who_asked_for_one_panel_is_told_that_it_is_gone_and_back(
    api: Server, database_url: str, meters: Meters, panel: str
) -> None:
    number = await add_panel(database_url, "P1")
    account = await add_account(database_url, panels=("P1",))
    asked = READINGS.replace("... on Gap", f"{panel} ... on Gap")
    async with speaking(api, account_id=account) as client, await connect_async(database_url) as connection:
        operation = await client.subscribe(asked, codes=["P1"])
        first = await client.event(operation)
        await accounts.revoke(connection, account_id=account, panel_code="P1")
        gone = await client.event(operation)
        await accounts.grant(connection, account_id=account, panel_code="P1")
        back = await client.event(operation)
        await meters.store([(number, reading(1))])
        event = await client.event(operation)
        _, replayed = await beginning(client, after=back["cursor"])
    assert [codes_of(snapshot) for snapshot in (first, gone, back)] == [["P1"], [], ["P1"]]
    assert (gone["isWhole"], gone["isComplete"]) == (True, True)
    assert (event["panelCode"], event["reading"]["energyImportKwh"]) == ("P1", 1.0)
    assert replayed["reading"]["energyImportKwh"] == 1.0


async def test_a_tenant_is_told_of_the_end_of_the_tenancy(api: Server, database_url: str) -> None:
    number = await add_panel(database_url, "P1")
    account = await add_account(database_url)
    async with speaking(api, account_id=account) as client, await connect_async(database_url) as connection:
        operation, before = await beginning(client)
        await connection.execute(
            "WITH made AS (INSERT INTO tenancy (account_id, starts_at) VALUES (%s, now() - interval '1 day')"
            " RETURNING id) INSERT INTO tenancy_panel SELECT id, %s FROM made",
            (account, number),
        )
        moved_in = await client.event(operation)
        await connection.execute("UPDATE tenancy SET ends_at = now()")
        moved_out = await client.event(operation)
    assert [codes_of(snapshot) for snapshot in (before, moved_in, moved_out)] == [[], ["P1"], []]


def codes_of(snapshot: dict[str, Any]) -> list[str]:
    """The panels of a snapshot."""
    return [panel["code"] for panel in snapshot["panels"]]


async def test_a_new_panel_is_followed_by_who_sees_every_panel(api: Server, database_url: str, meters: Meters) -> None:
    admin = await add_account(database_url, role=Role.ADMIN)
    async with speaking(api, account_id=admin) as client:
        operation, snapshot = await beginning(client)
        assert snapshot["panels"] == []
        panel = await add_panel(database_url, "NEW")
        await meters.store([(panel, reading(1))])
        assert (await client.event(operation))["panelCode"] == "NEW"


async def test_an_admin_who_becomes_a_tenant_sees_no_more(api: Server, database_url: str, meters: Meters) -> None:
    panel, given = await add_panel(database_url, "P1"), await add_panel(database_url, "GIVEN")
    admin = await add_account(database_url, role=Role.ADMIN, panels=("GIVEN",))
    nested = (
        "subscription { panelReadings { ... on ReadingSnapshot { panels { code } }"
        " ... on ReadingReceived { panelCode panel { code } } } }"
    )
    async with speaking(api, account_id=admin) as client, await connect_async(database_url) as connection:
        operation = await client.subscribe(nested)
        await client.event(operation)
        await connection.execute("UPDATE account SET role = 'TENANT' WHERE id = %s", (admin,))
        assert await client.event(operation) == {"panels": [{"code": "GIVEN"}]}
        await meters.store([(panel, reading(1)), (given, reading(1))])
        assert await client.event(operation) == {"panelCode": "GIVEN", "panel": {"code": "GIVEN"}}


async def test_the_streams_of_a_removed_account_end(api: Server, database_url: str) -> None:
    account = await add_account(database_url)
    async with speaking(api, account_id=account) as client, await connect_async(database_url) as connection:
        operation, _ = await beginning(client)
        await accounts.remove(connection, account)
        assert await client.signed_out(operation)


async def test_a_redelivered_reading_is_not_told_again(api: Server, database_url: str, meters: Meters) -> None:
    panel = await add_panel(database_url, "P1")
    admin = await add_account(database_url, role=Role.ADMIN)
    async with speaking(api, account_id=admin) as client:
        operation, _ = await beginning(client)
        for second in (1, 1, 2, 1, 3):
            await meters.store([(panel, reading(second))])
        received = [await client.event(operation) for _ in range(3)]
    assert [event["reading"]["energyImportKwh"] for event in received] == [1.0, 2.0, 3.0]


async def test_silence_brings_heartbeats_that_tell_when_the_panel_was_last_seen(
    api: Server, database_url: str, meters: Meters
) -> None:
    panel = await add_panel(database_url, "P1")
    admin = await add_account(database_url, role=Role.ADMIN)
    arrival = datetime(2026, 11, 2, 3, 0, 1, tzinfo=UTC)
    async with speaking(api, account_id=admin) as client:
        operation, _ = await beginning(client, every=1)
        assert (await client.event(operation))["lastSeenAt"] is None
        await meters.store([(panel, reading(0, received_at=arrival))])
        events = [await client.event(operation) for _ in range(2)]
        resumed, first = await beginning(client, after=events[1]["cursor"], every=1)
    assert [event["__typename"] for event in events] == ["ReadingReceived", "Heartbeat"]
    assert events[1]["lastSeenAt"] == "2026-11-02T03:00:01+00:00"
    assert datetime.fromisoformat(events[1]["lastSeenAt"]) == arrival
    assert events[1]["isCurrent"]
    assert first["__typename"] == "Heartbeat"
    assert resumed


async def test_what_was_missed_is_replayed_from_the_cursor(api: Server, database_url: str, meters: Meters) -> None:
    panel, other = await add_panel(database_url, "P1"), await add_panel(database_url, "OTHER")
    account = await add_account(database_url, panels=("P1",))
    async with speaking(api, account_id=account) as client:
        operation, snapshot = await beginning(client)
        await meters.store([(panel, reading(second)) for second in range(4)])
        first = [await client.event(operation) for _ in range(2)]
    await meters.store([(panel, reading(10)), (other, reading(10)), (panel, reading(5))])
    async with speaking(api, account_id=account) as client:
        operation, event = await beginning(client, after=first[1]["cursor"])
        events = [event] + [await client.event(operation) for _ in range(3)]
        assert [e["reading"]["energyImportKwh"] for e in events] == [2.0, 3.0, 5.0, 10.0]
        await meters.store([(panel, reading(11))])
        assert (await client.event(operation))["reading"]["energyImportKwh"] == 11.0
        again, event = await beginning(client, after=snapshot["cursor"])
        assert event["reading"]["energyImportKwh"] == 0.0
        assert again


async def test_a_stream_goes_on_where_a_chart_ends(api: Server, database_url: str, meters: Meters) -> None:
    panel = await add_panel(database_url, "P1")
    account = await add_account(database_url, panels=("P1",))
    await meters.store([(panel, reading(second)) for second in range(5)])
    chart = """{ panel(code: "P1") {
      whole: readings(from: "2026-11-02T00:00:00Z", to: "2026-11-03T00:00:00Z") { cursor energyImportKwh }
    } }"""
    async with GraphQLClient(api, account_id=account) as client:
        whole = (await client.ask(chart))["data"]["panel"]["whole"]
    await meters.store([(panel, reading(5)), (panel, reading(-1, kwh=0))])
    async with speaking(api, account_id=account) as client:
        operation, first = await beginning(client, codes=["P1"], after=whole["cursor"])
        second = await client.event(operation)
    assert whole["energyImportKwh"] == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert [event["reading"]["at"] for event in (first, second)] == [
        "2026-11-02T09:59:59+07:00",
        "2026-11-02T10:00:05+07:00",
    ]


async def test_a_cursor_from_within_a_panels_series_is_good_for_that_panel_alone(
    api: Server, database_url: str, meters: Meters
) -> None:
    panels = [await add_panel(database_url, code) for code in ("P1", "P2")]
    batch = await meters.store([(panel, reading(second)) for panel in panels for second in range(2)])
    after = cursor_of("series", f"{batch}.{int(reading(0).at.timestamp())}000000.{panels[0]}")
    async with speaking(api, account_id=await add_account(database_url, role=Role.ADMIN)) as client:
        _, first = await beginning(client, codes=["P1"], after=after)
        others = [
            await client.message(await client.subscribe(READINGS, after=after, **codes))
            for codes in ({}, {"codes": ["P1", "P2"]}, {"codes": ["P2"]})
        ]
    assert first["reading"]["energyImportKwh"] == 1.0
    assert [message["payload"][0]["extensions"]["code"] for message in others] == ["BAD_CURSOR"] * 3


def test_cursors_are_read_back_as_they_were_made() -> None:
    for position in (
        Position.after_batch(0),
        Position.after_batch(10**17),
        Position(7, datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC), 3),
    ):
        assert position_of(cursor_at(position)) == position
    instant = datetime(2026, 3, 1, tzinfo=UTC)
    in_series = cursor_of("series", f"7.{int(instant.timestamp())}000000.3")
    assert position_of(in_series) == Position(7, instant, 3)


async def test_a_cursor_is_worth_nothing_to_others(api: Server, database_url: str, meters: Meters) -> None:
    panel = await add_panel(database_url, "P1")
    owner = await add_account(database_url, panels=("P1",))
    stranger = await add_account(database_url, email="eve@example.org")
    async with speaking(api, account_id=owner) as client:
        _, snapshot = await beginning(client)
    await meters.store([(panel, reading(1))])
    async with speaking(api, account_id=stranger) as client:
        operation, event = await beginning(client, after=snapshot["cursor"], every=1)
        assert event["__typename"] == "Heartbeat"
        assert operation


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        ({"after": "nonsense"}, "BAD_CURSOR"),
        ({"after": "MTpwYW5lbDpQMQ"}, "BAD_CURSOR"),
        ({"after": "MTpsaXZlOng"}, "BAD_CURSOR"),
        ({"codes": []}, "BAD_INPUT"),
        ({"codes": ["x"] * 1001}, "BAD_INPUT"),
        ({"codes": ["A B"]}, "BAD_CODE"),
        ({"every": 0.5}, "BAD_INPUT"),
        ({"every": 301}, "BAD_INPUT"),
    ],
)
async def test_bad_arguments_are_refused(api: Server, database_url: str, variables: dict[str, Any], code: str) -> None:
    async with speaking(api, account_id=await add_account(database_url)) as client:
        message = await client.message(await client.subscribe(READINGS, **variables))
    assert message["type"] == "error"
    assert message["payload"][0]["extensions"]["code"] == code


async def test_a_cursor_of_another_database_is_a_gap_and_begins_anew(
    api: Server, database_url: str, meters: Meters
) -> None:
    panel = await add_panel(database_url, "P1")
    await meters.store([(panel, reading(1))])
    future = cursor_at(Position.after_batch(10_000))
    async with speaking(api, account_id=await add_account(database_url, role=Role.ADMIN)) as client:
        operation, gap = await beginning(client, after=future)
        snapshot = await client.event(operation)
    assert (gap["__typename"], gap["reason"], gap["missed"]) == ("Gap", "UNKNOWN_CURSOR", None)
    assert [panel["code"] for panel in snapshot["panels"]] == ["P1"]


@pytest.mark.parametrize("limit", ["MAX_REPLAYED", "MAX_SCANNED"])
async def test_too_much_to_replay_is_a_gap_and_begins_anew(
    api: Server, database_url: str, meters: Meters, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    reason = {"MAX_REPLAYED": "TOO_MANY", "MAX_SCANNED": "TOO_OLD"}[limit]
    panel = await add_panel(database_url, "P1")
    admin = await add_account(database_url, role=Role.ADMIN)
    monkeypatch.setattr(reading_stream, limit, 20)
    async with speaking(api, account_id=admin) as client:
        watching, snapshot = await beginning(client)
        await meters.store([(panel, reading(second)) for second in range(20)])
        _, replayed = await beginning(client, after=snapshot["cursor"])
        await meters.store([(panel, reading(20))])
        for _ in range(21):  # the hub knows of a reading once it has handed it out
            await client.event(watching)
        operation, gap = await beginning(client, after=snapshot["cursor"])
        anew = await client.event(operation)
        _, after_gap = await beginning(client, after=gap["cursor"])
    assert replayed["__typename"] == "ReadingReceived"
    assert (gap["__typename"], gap["reason"]) == ("Gap", reason)
    assert anew["panels"][0]["latestReading"] == {"energyImportKwh": 20.0}
    assert after_gap["__typename"] == "ReadingSnapshot"


async def test_readings_that_are_no_longer_kept_are_a_gap(api: Server, database_url: str, meters: Meters) -> None:
    panel = await add_panel(database_url, "P1")
    admin = await add_account(database_url, role=Role.ADMIN)
    await meters.store([(panel, reading(1))])
    async with speaking(api, account_id=admin) as client, await connect_async(database_url) as connection:
        _, snapshot = await beginning(client)
        await meters.store([(panel, reading(2))])
        await meters.store([(panel, reading(3))])
        await connection.execute("DELETE FROM reading WHERE energy_import_kwh < 3")
        _, gap = await beginning(client, after=snapshot["cursor"])
    assert (gap["__typename"], gap["reason"]) == ("Gap", "TOO_OLD")


async def test_many_panels_come_in_several_parts(
    api: Server, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading_stream, "_SNAPSHOT_PAGE", 2)
    for number in range(5):
        await add_panel(database_url, f"P{number}")
    async with speaking(api, account_id=await add_account(database_url, role=Role.ADMIN)) as client:
        operation, first = await beginning(client)
        parts = [first, await client.event(operation), await client.event(operation)]
        _, again = await beginning(client, after=parts[1]["cursor"])
    assert [part["isComplete"] for part in parts] == [False, False, True]
    assert [panel["code"] for part in parts for panel in part["panels"]] == ["P0", "P1", "P2", "P3", "P4"]
    assert again["panels"] == first["panels"]


async def test_no_reading_is_lost_or_repeated_however_often_the_connection_is_cut(
    api: Server, database_url: str, meters: Meters
) -> None:
    panels = [await add_panel(database_url, f"P{number}") for number in range(4)]
    account = await add_account(database_url, panels=("P0", "P1", "P2"))
    dice = random.Random(7)  # noqa: S311 - which moments are tried, not a secret
    total, stored, received, cuts = 600, 0, list[tuple[str, float]](), 0

    async def write() -> None:
        nonlocal stored
        while stored < total:
            size = dice.randint(1, 12)
            await meters.store([(panel, reading(stored + i)) for i in range(size) for panel in panels])
            stored += size
            await asyncio.sleep(dice.random() * 0.01)

    cursor: str | None = None
    writer = asyncio.create_task(write())
    while len(received) < 3 * stored or not writer.done():
        async with speaking(api, account_id=account) as client:
            operation = await client.subscribe(READINGS, after=cursor, every=1)
            for _ in range(dice.randint(0, 120)):
                event = await client.event(operation)
                assert event["__typename"] in ("ReadingSnapshot", "ReadingReceived", "Heartbeat"), event
                cursor = event["cursor"]
                if event["__typename"] == "ReadingReceived":
                    received.append((event["panelCode"], event["reading"]["energyImportKwh"]))
                if event["__typename"] == "Heartbeat" and writer.done():
                    break
            client.socket.transport.abort()
            cuts += 1
    await writer
    assert cuts > 5
    assert len(received) == len(set(received))
    assert set(received) == {(f"P{panel}", float(second)) for panel in range(3) for second in range(stored)}


async def test_a_slow_client_gets_the_newest_of_each_panel_and_is_told(
    database_url: str, meters: Meters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resolvers.live.CAPACITY", 50)
    panels = [await add_panel(database_url, f"P{number}") for number in range(2)]
    admin = await add_account(database_url, role=Role.ADMIN)
    async with serving(make_app(database_url), has_small_buffers=True) as api, speaking(api, account_id=admin) as quick:
        following, _ = await beginning(quick)
        async with speaking(api, account_id=admin, has_small_buffer=True) as slow:
            operation, _ = await beginning(slow)
            slow.socket.transport.pause_reading()
            stored = 0
            while not await is_dropping(api):
                await meters.store([(panel, reading(stored + i)) for i in range(25) for panel in panels])
                stored += 25
                received = [await quick.event(following) for _ in range(50)]
                assert {event["__typename"] for event in received} == {"ReadingReceived"}
            slow.socket.transport.resume_reading()
            events = [await slow.event(operation)]
            while len(seen_last(events, stored - 1.0)) < 2:
                events.append(await slow.event(operation))
    gaps = [event for event in events if event["__typename"] == "Gap"]
    assert {gap["reason"] for gap in gaps} == {"SLOW_CLIENT"}
    assert sum(gap["missed"] for gap in gaps) + len(events) - len(gaps) == 2 * stored


async def test_the_reading_after_a_gap_reaches_a_stream_that_nobody_shares(
    database_url: str, pool: Pool, meters: Meters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resolvers.live.CAPACITY", 5)
    panel = await add_panel(database_url, "P1")
    admin = Viewer(await add_account(database_url, role=Role.ADMIN), Role.ADMIN)
    live = LiveHub(database_url, pool)
    live.start()
    context = Context(pool, admin, live=live)
    stream = ReadingStream(context, live, None, begin=None, heartbeat_every_s=300, is_alike_for_all=True)
    async with asyncio.timeout(WITHIN_S), aclosing(stream):
        await anext(stream)
        await meters.store([(panel, reading(second)) for second in range(10)])
        while live.handed_out < 10:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.005)
        gap, last = await anext(stream), await anext(stream)
    await live.close()
    assert (gap.missed, last.reading.energy_import_kwh) == (9, 9.0)


def seen_last(events: list[dict[str, Any]], kwh: float) -> set[str]:
    """The panels whose reading of this register has come."""
    return {e["panelCode"] for e in events if "reading" in e and e["reading"]["energyImportKwh"] == kwh}


async def is_dropping(api: Server) -> bool:
    async with GraphQLClient(api) as client:
        text = (await client.http.get(f"{api.root}/metrics")).text
    return "kilowatch_live_dropped_total 0.0" not in text
