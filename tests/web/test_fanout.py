"""Shared subscriptions: one execution an event for all who ask alike, and each is told as if it were alone."""

import asyncio
import json
import random
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.types import ASGIApp
from websockets.exceptions import ConnectionClosed

from kilowatch.web.engine.admission import Bounds
from kilowatch.web.engine.engine import Answer, Engine, build_engine
from kilowatch.web.engine.operation import Operation
from kilowatch.web.fanout.asking import MAX_VARIABLES_BYTES, Asked, kept
from kilowatch.web.fanout.fanout import FanOut
from kilowatch.web.fanout.turns import Turns
from kilowatch.web.slots import Slots
from kilowatch.web.sockets import conversation
from kilowatch.web.sockets import socket_protocol as sockets
from kilowatch.web.sockets.closing import TOO_BIG, TOO_MANY_CONNECTIONS
from metering.access import Role
from metering.refusals import Refused
from resolvers.context import Context
from resolvers.reading_stream import ReadingStream
from resolvers.streams import LiveStream, Resumption, Told
from store import accounts
from store.connections import connect_async
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
subscription ($codes: [String!], $after: Cursor) { panelReadings(codes: $codes, after: $after) {
  __typename
  ... on ReadingSnapshot { cursor panels { code } }
  ... on ReadingReceived { cursor panelCode reading { energyImportKwh } }
  ... on Gap { cursor reason missed }
} }"""
WITH_PANEL = """subscription { panelReadings {
  ... on ReadingReceived { panelCode panel { code } reading { energyImportKwh } } } }"""
DEPENDING = {
    "plainly": WITH_PANEL,
    "by another name": WITH_PANEL.replace("panel {", "place: panel {"),
    "in a fragment": "subscription { panelReadings { ...Told } }"
    " fragment Told on ReadingReceived { ...Place reading { energyImportKwh } }"
    " fragment Place on ReadingReceived { panel { code } }",
    "perhaps": WITH_PANEL.replace("panel {", "panel @include(if: true) {"),
}


@pytest.fixture
async def meters(database_url: str) -> AsyncIterator[Meters]:
    async with metering(database_url) as opened:
        yield opened


@dataclass(slots=True)
class Executions:
    """How many events were executed once streams had begun."""

    readings: int = 0


@pytest.fixture
def executions(monkeypatch: pytest.MonkeyPatch) -> Executions:
    counted, real = Executions(), Engine.answer_of

    async def answer_of(engine: Engine, executor: Any, event: Any) -> Answer:
        counted.readings += type(event).__name__ == "ReadingReceived"
        return await real(engine, executor, event)

    monkeypatch.setattr(Engine, "answer_of", answer_of)
    return counted


@asynccontextmanager
async def subscribers(
    api: Server, accounts_of: list[int], query: str = READINGS, **variables: Any
) -> AsyncGenerator[list[tuple[SocketClient, str]]]:
    """A subscription of each account, each on a socket of its own, once it has had its first event."""
    async with AsyncExitStack() as stack:
        found = list[tuple[SocketClient, str]]()
        for account in accounts_of:
            client = await stack.enter_async_context(speaking(api, account_id=account))
            operation = await client.subscribe(query, **variables)
            await client.event(operation)
            found.append((client, operation))
        yield found


async def registers(found: list[tuple[SocketClient, str]], count: int) -> list[list[float]]:
    """The registers of so many readings that each subscriber is told next."""
    return [
        [(await client.event(operation))["reading"]["energyImportKwh"] for _ in range(count)]
        for client, operation in found
    ]


async def open_ones(client: SocketClient) -> list[dict[str, str]]:
    """What the account has open."""
    return (await client.event(await client.subscribe("{ viewer { subscriptions { id } } }")))["subscriptions"]


async def test_an_event_is_executed_once_for_all_who_ask_alike(
    api: Server, database_url: str, meters: Meters, executions: Executions
) -> None:
    panel = await add_panel(database_url, "P1")
    account = await add_account(database_url, panels=("P1",))
    async with subscribers(api, [account] * 50) as found:
        await meters.store([(panel, reading(second)) for second in range(4)])
        received = await registers(found, 4)
    assert received == [[0.0, 1.0, 2.0, 3.0]] * 50
    assert executions.readings == 4


async def test_accounts_that_see_the_same_share_what_does_not_depend_on_who_asks(
    api: Server, database_url: str, meters: Meters, executions: Executions
) -> None:
    first, second = await add_panel(database_url, "P1"), await add_panel(database_url, "P2")
    alike = [await add_account(database_url, email=f"{n}@example.org", panels=("P1",)) for n in range(3)]
    other = await add_account(database_url, panels=("P1", "P2"))
    async with subscribers(api, [*alike, other]) as found:
        await meters.store([(first, reading(1)), (second, reading(2))])
        assert await registers(found[:3], 1) == [[1.0]] * 3
        assert await registers(found[3:], 2) == [[1.0, 2.0]]
    assert executions.readings == 3


@pytest.mark.parametrize("asked_for", DEPENDING)
async def test_what_depends_on_who_asks_is_not_shared_among_accounts(
    api: Server, database_url: str, meters: Meters, executions: Executions, asked_for: str
) -> None:
    panel = await add_panel(database_url, "P1")
    people = [await add_account(database_url, email=f"{n}@example.org", panels=("P1",)) for n in range(2)]
    async with AsyncExitStack() as stack:
        found = list[tuple[SocketClient, str]]()
        for account in people * 2:
            client = await stack.enter_async_context(speaking(api, account_id=account))
            operation = await client.subscribe(DEPENDING[asked_for])
            await client.event(operation)
            found.append((client, operation))
        await meters.store([(panel, reading(1))])
        assert await registers(found, 1) == [[1.0]] * 4
    assert executions.readings == 2


async def test_a_right_that_is_taken_away_parts_those_who_shared(
    api: Server, database_url: str, meters: Meters
) -> None:
    kept, lost = await add_panel(database_url, "KEPT"), await add_panel(database_url, "LOST")
    ann = await add_account(database_url, panels=("KEPT", "LOST"))
    ben = await add_account(database_url, email="ben@example.org", panels=("KEPT", "LOST"))
    async with subscribers(api, [ann, ben]) as found, await connect_async(database_url) as connection:
        await meters.store([(lost, reading(1)), (kept, reading(2))])
        assert await registers(found, 2) == [[1.0, 2.0]] * 2
        await accounts.revoke(connection, account_id=ann, panel_code="LOST")
        assert (await found[0][0].event(found[0][1]))["panels"] == [{"code": "KEPT"}]
        for second in (3, 4, 5):
            await meters.store([(lost, reading(second)), (kept, reading(second))])
        assert await registers(found[:1], 3) == [[3.0, 4.0, 5.0]]
        assert await registers(found[1:], 6) == [[3.0, 3.0, 4.0, 4.0, 5.0, 5.0]]
        await accounts.grant(connection, account_id=ann, panel_code="LOST")
        assert (await found[0][0].event(found[0][1]))["panels"] == [{"code": "KEPT"}, {"code": "LOST"}]
        await meters.store([(lost, reading(6))])
        assert await registers(found, 1) == [[6.0]] * 2
        await accounts.remove(connection, ann)
        await meters.store([(kept, reading(7))])
        assert await found[0][0].signed_out(found[0][1])
        assert await registers(found[1:], 1) == [[7.0]]


async def test_rights_that_change_all_the_time_lose_nothing_of_what_stays_visible(
    api: Server, database_url: str, meters: Meters
) -> None:
    always, sometimes = await add_panel(database_url, "ALWAYS"), await add_panel(database_url, "SOMETIMES")
    account = await add_account(database_url, panels=("ALWAYS", "SOMETIMES"))
    dice = random.Random(3)  # noqa: S311 - which moments are tried, not a secret
    is_given, total, taken_for_good = True, 120, 110
    async with subscribers(api, [account] * 3) as found, await connect_async(database_url) as connection:
        for second in range(total):
            if is_given if second == taken_for_good else second < taken_for_good and dice.random() < 0.2:
                change = accounts.revoke if is_given else accounts.grant
                await change(connection, account_id=account, panel_code="SOMETIMES")
                is_given = not is_given
            await meters.store([(sometimes, reading(second)), (always, reading(second))])
        for client, operation in found:
            told, in_sight = list[tuple[str, float]](), list[dict[str, str]]()
            while told[-1:] != [("ALWAYS", total - 1.0)]:
                event = await client.event(operation)
                if event["__typename"] == "ReadingSnapshot":
                    in_sight = event["panels"]
                else:
                    told.append((event["panelCode"], event["reading"]["energyImportKwh"]))
            assert in_sight == [{"code": "ALWAYS"}]
            assert [kwh for code, kwh in told if code == "ALWAYS"] == [float(second) for second in range(total)]
            others = [kwh for code, kwh in told if code == "SOMETIMES"]
            assert len(others) == len(set(others))
            assert max(others) < taken_for_good


async def test_who_joins_while_readings_flow_misses_and_repeats_nothing(
    api: Server, database_url: str, meters: Meters
) -> None:
    panel = await add_panel(database_url, "P1")
    account = await add_account(database_url, panels=("P1",))
    dice, total = random.Random(11), 300  # noqa: S311 - as above

    async def follow(client: SocketClient, after: str) -> list[float]:
        operation, received = await client.subscribe(READINGS, after=after), list[float]()
        while not received or received[-1] < total - 1:
            received.append((await client.event(operation))["reading"]["energyImportKwh"])
        return received

    async with speaking(api, account_id=account) as client, asyncio.TaskGroup() as tasks:
        cursor = (await client.event(await client.subscribe(READINGS)))["cursor"]
        following = list[asyncio.Task[list[float]]]()
        stored = 0
        while stored < total:
            size = min(dice.randint(1, 9), total - stored)
            if len(following) < 40:
                following.append(tasks.create_task(follow(client, cursor)))
            await meters.store([(panel, reading(stored + i)) for i in range(size)])
            stored += size
    assert len(following) > 30
    assert all(task.result() == [float(second) for second in range(total)] for task in following)


async def test_a_client_that_stays_stuck_is_closed_and_the_others_go_on(
    database_url: str, meters: Meters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "STUCK_AFTER_S", 0.2)
    panel = await add_panel(database_url, "P1")
    account = await add_account(database_url, panels=("P1",))
    async with (
        serving(make_app(database_url), has_small_buffers=True) as api,
        subscribers(api, [account]) as others,
        speaking(api, account_id=account, has_small_buffer=True) as stuck,
    ):
        await stuck.event(await stuck.subscribe(READINGS))
        stuck.socket.transport.pause_reading()
        stored = 0
        async with asyncio.timeout(2 * WITHIN_S):
            while len(await open_ones(others[0][0])) != 1:
                await meters.store([(panel, reading(stored + i)) for i in range(50)])
                assert await registers(others, 50) == [[float(stored + i) for i in range(50)]]
                stored += 50
        stuck.socket.transport.abort()


async def test_a_slow_client_that_comes_back_reads_why_it_was_closed(
    database_url: str, meters: Meters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "STUCK_AFTER_S", 0.1)
    panel = await add_panel(database_url, "P1")
    account = await add_account(database_url, panels=("P1",))
    async with (
        serving(make_app(database_url), has_small_buffers=True) as api,
        GraphQLClient(api, account_id=account) as observer,
        speaking(api, account_id=account, has_small_buffer=True) as slow,
    ):
        await slow.event(await slow.subscribe(READINGS))
        slow.socket.transport.pause_reading()
        stored = 0
        async with asyncio.timeout(2 * WITHIN_S):
            while (await observer.ask("{ viewer { subscriptions { id } } }"))["data"]["viewer"]["subscriptions"]:
                await meters.store([(panel, reading(stored + i)) for i in range(50)])
                stored += 50
            slow.socket.transport.resume_reading()
            await slow.socket.wait_closed()
    assert (slow.socket.close_code, slow.socket.close_reason) == (4413, "The client reads too slowly.")


async def test_an_owner_who_closes_a_subscription_ends_that_operation_alone(api: Server, database_url: str) -> None:
    account = await add_account(database_url, role=Role.ADMIN)
    async with speaking(api, account_id=account) as client:
        doomed, other = await client.subscribe(READINGS), await client.subscribe(WITH_PANEL)
        await client.event(doomed)
        await client.event(other)
        shown = await client.event(await client.subscribe("{ viewer { subscriptions { id operation transport } } }"))
        ids = [one["id"] for one in shown["subscriptions"]]
        assert [(one["operation"], one["transport"]) for one in shown["subscriptions"]] == [
            ("panelReadings", "WEBSOCKET")
        ] * 2
        close = "mutation ($id: ID!) { closeSubscription(input: {subscriptionId: $id}) { closedId } }"
        await client.event(await client.subscribe(close, id=ids[-1]))
        ended = await client.message(doomed)
        assert await open_ones(client) == [{"id": ids[0]}]
    assert (ended["type"], ended["payload"][0]["extensions"]["code"]) == ("error", "SUBSCRIPTION_CLOSED")


async def test_an_account_may_have_so_many_websockets(database_url: str) -> None:
    account = await add_account(database_url)
    async with (
        serving(make_app(database_url, max_connections=2)) as api,
        speaking(api, account_id=account),
        speaking(api, account_id=account) as second,
    ):
        assert not await _is_let_in(api, account)
        await second.socket.close()
        async with asyncio.timeout(WITHIN_S):
            while not await _is_let_in(api, account):
                pass


async def test_who_has_not_signed_in_may_have_as_many_from_one_network(database_url: str) -> None:
    account = await add_account(database_url)
    async with serving(make_app(database_url, max_connections=1)) as api, speaking(api):
        assert not await _is_let_in(api, None)
        assert await _is_let_in(api, account)


async def _is_let_in(api: Server, account_id: int | None) -> bool:
    try:
        async with speaking(api, account_id=account_id):
            return True
    except ConnectionClosed as closed:
        return closed.rcvd is None or closed.rcvd.code != TOO_MANY_CONNECTIONS


async def test_an_account_may_have_five_subscriptions_for_each_connection(database_url: str) -> None:
    account = await add_account(database_url)
    other = await add_account(database_url, email="ben@example.org")
    async with (
        serving(make_app(database_url, max_connections=1)) as api,
        speaking(api, account_id=account) as client,
        speaking(api, account_id=other) as somebody,
    ):
        found = [await client.subscribe(READINGS) for _ in range(5)]
        for operation in found:
            await client.event(operation)
        refused = await client.message(await client.subscribe(READINGS))
        assert (refused["type"], refused["payload"][0]["extensions"]["code"]) == ("error", "TOO_MANY_SUBSCRIPTIONS")
        await somebody.event(await somebody.subscribe(READINGS))
        await client.stop(found[0])
        await client.event(await client.subscribe(READINGS))


async def test_a_subscription_whose_variables_are_too_long_is_refused(api: Server, database_url: str) -> None:
    async with speaking(api, account_id=await add_account(database_url)) as client:
        refused = await client.message(await client.subscribe(READINGS, codes=["x" * MAX_VARIABLES_BYTES]))
    assert (refused["type"], refused["payload"][0]["extensions"]) == (
        "error",
        {"code": "BAD_INPUT", "field": "variables"},
    )


def test_of_a_request_only_what_its_document_declares_is_kept() -> None:
    sent = Operation(
        query=READINGS,
        variables={"codes": ["P1"], "more": "x" * 60_000},
        extensions={"trace": "x" * 60_000},
        document_id="x" * 60_000,
    )
    prepared = build_engine(introspection=True).prepared(Operation(query=READINGS))
    assert kept(sent, prepared) == Operation(query=READINGS, variables={"codes": ["P1"]})


DEAR = """subscription { panelReadings { __typename
  ... on ReadingReceived { panel { readings(range: LAST_30D) { atMs } } reading { energyImportKwh } } } }"""


async def test_events_are_charged_to_who_follows_longest_until_its_budget_is_spent(
    database_url: str, meters: Meters
) -> None:
    panel, now = await add_panel(database_url, "P1"), datetime.now(UTC)
    accounts_of = [await add_account(database_url, email=f"{n}@example.org", panels=("P1",)) for n in range(2)]
    bounds = Bounds(cost_per_minute=400)
    async with (
        serving(make_app(database_url, bounds=bounds, now=lambda: now)) as api,
        subscribers(api, accounts_of) as found,
    ):
        await meters.store([(panel, reading(second)) for second in range(400)])
        first, second = [await _until_the_end(subscriber) for subscriber in found]
    assert len(first[0]) > 20
    assert (len(second[0]), second[0][: len(first[0])]) == (2 * len(first[0]), first[0])
    assert second[0] == [float(number) for number in range(len(second[0]))]
    assert first[1] == second[1] == "RATE_LIMITED"


async def _until_the_end(subscriber: tuple[SocketClient, str]) -> tuple[list[float], str]:
    """The registers that a subscriber is told, and the code that it is ended with."""
    client, operation = subscriber
    told = list[float]()
    while (message := await client.message(operation))["type"] == "next":
        told.append(message["payload"]["data"]["panelReadings"]["reading"]["energyImportKwh"])
    return told, message["payload"][0]["extensions"]["code"]


async def test_events_that_need_much_work_cost_as_much(database_url: str, meters: Meters) -> None:
    panel, now = await add_panel(database_url, "P1"), datetime.now(UTC)
    account = await add_account(database_url, panels=("P1",))
    async with (
        serving(make_app(database_url, bounds=Bounds(cost_per_minute=3000), now=lambda: now)) as api,
        subscribers(api, [account], DEAR) as found,
    ):
        await meters.store([(panel, reading(second)) for second in range(400)])
        told, code = await _until_the_end(found[0])
    assert (0 < len(told) < 20, code) == (True, "RATE_LIMITED")


async def test_between_slices_of_a_burst_everybody_else_has_a_turn() -> None:
    turns, done, slices = Turns(at_once=10), list[int](), list[int]()

    async def work(number: int) -> None:
        for _ in range(4):
            await turns.take(5)
            done.append(number)

    tasks = [asyncio.create_task(work(number)) for number in range(20)]
    while not all(task.done() for task in tasks):
        before = len(done)
        await asyncio.sleep(0)
        slices.append(len(done) - before)
    assert max(slices) == 2
    assert done[:22] == [0, 0, *range(20)]
    assert sorted(done) == sorted(list(range(20)) * 4)


@pytest.fixture
def other_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """An ASGI server that knows nothing of our lines."""

    def plain(app: ASGIApp) -> uvicorn.Config:
        return uvicorn.Config(app, ws="websockets-sansio", lifespan="on", log_config=None)

    monkeypatch.setattr("tests.fixtures.server.config", plain)


@pytest.mark.usefixtures("other_server")
async def test_another_server_shares_executions_all_the_same(
    database_url: str, meters: Meters, executions: Executions
) -> None:
    panel = await add_panel(database_url, "P1")
    account = await add_account(database_url, panels=("P1",))
    async with serving(make_app(database_url)) as api, subscribers(api, [account] * 5) as found:
        for start in (0, 200):
            await meters.store([(panel, reading(start + i)) for i in range(200)])
            expected = [float(start + i) for i in range(200)]
            assert [await _until(one, expected[-1]) for one in found] == [expected] * 5
    assert executions.readings == 400


@pytest.mark.usefixtures("other_server")
async def test_on_another_server_a_message_has_as_many_bytes_at_the_most(database_url: str) -> None:
    async with serving(make_app(database_url)) as api, speaking(api) as client:
        await client.socket.send('{"type":"ping","payload":{"text":"' + "é" * 40_000 + '"}}')
        async with asyncio.timeout(WITHIN_S):
            await client.socket.wait_closed()
        assert client.socket.close_code == TOO_BIG


@pytest.mark.usefixtures("other_server")
async def test_another_server_closes_stuck_clients_as_well(
    database_url: str, meters: Meters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation, "STUCK_AFTER_S", 0.2)
    panel = await add_panel(database_url, "P1")
    account = await add_account(database_url, panels=("P1",))
    async with (
        serving(make_app(database_url), has_small_buffers=True) as api,
        GraphQLClient(api, account_id=account) as observer,
        speaking(api, account_id=account, has_small_buffer=True) as stuck,
    ):
        await stuck.event(await stuck.subscribe(READINGS))
        stuck.socket.transport.pause_reading()
        stored = 0
        async with asyncio.timeout(2 * WITHIN_S):
            while (await observer.ask("{ viewer { subscriptions { id } } }"))["data"]["viewer"]["subscriptions"]:
                await meters.store([(panel, reading(stored + i)) for i in range(500)])
                stored += 500
        stuck.socket.transport.abort()


async def _until(subscriber: tuple[SocketClient, str], last: float) -> list[float]:
    """The registers that a subscriber is told up to this one, and how many it is told to have missed as zeros."""
    client, operation = subscriber
    told = list[float]()
    while told[-1:] != [last]:
        event = await client.event(operation)
        told += [event["reading"]["energyImportKwh"]] if "reading" in event else [0.0] * event["missed"]
    return told


# The core alone, with a source of numbers


@dataclass(eq=False)
class Numbers(LiveStream):
    """Tells the numbers that a log gets; an opening is the log so far."""

    log: list[int]
    news: asyncio.Condition

    async def opening(self, *, since: Resumption | None = None) -> AsyncGenerator[Told]:
        assert since is None
        await asyncio.sleep(0)
        length = len(self.log)
        for number in self.log[:length]:
            await asyncio.sleep(0)
            yield Told(number, number, number % 3)
        yield Told(None, length - 1)

    @asynccontextmanager
    async def following(self) -> AsyncGenerator[AsyncIterator[Told]]:
        yield self._following(len(self.log))

    async def _following(self, place: int) -> AsyncIterator[Told]:
        while True:
            async with self.news:
                while len(self.log) <= place:
                    await self.news.wait()
            yield Told(self.log[place], place, self.log[place] % 3)
            place += 1

    def gap(self, place: int, *, missed: int) -> dict[str, int]:
        return {"place": place, "missed": missed}


@dataclass(eq=False)
class Sieve:
    """A sink that reads when it is let."""

    is_writable: bool = True
    received: list[Any] = field(default_factory=list[Any])
    ends: list[Any] = field(default_factory=list[Any])
    _room: asyncio.Event = field(default_factory=asyncio.Event)

    async def drained(self) -> None:
        while not self.is_writable:
            self._room.clear()
            await self._room.wait()

    def let(self, *, is_writable: bool) -> None:
        self.is_writable = is_writable
        self._room.set()

    def write(self, tail: bytes) -> None:
        self.received.append(json.loads(tail))

    def end(self, answer: Answer | None) -> None:
        self.ends.append(answer)


class Echo:
    """An engine that answers events as they are."""

    def __init__(self, log: list[int], news: asyncio.Condition) -> None:
        self.log, self.news, self.executed = log, news, 0

    def admitted(self, *_: Any) -> tuple[()]:
        return ()

    def executor(self, *_: Any) -> object:
        return object()

    async def events(self, _executor: object) -> Numbers:
        return Numbers(self.log, self.news)

    async def answer_of(self, _executor: object, event: Any) -> Answer:
        self.executed += 1
        await asyncio.sleep(0)
        return Answer(event, is_refused=False)

    def event_costs(self, *_: Any) -> dict[str, int]:
        return {}

    def paid(self, *_: Any) -> None:
        return None

    def ended(self, error: Exception) -> Answer:
        raise error


@dataclass
class Nobody:
    """As much of a hub as is needed without access."""

    open_count: int = 0

    def begun(self, _account_id: int | None) -> None:
        self.open_count += 1

    def ended(self, _account_id: int | None) -> None:
        self.open_count -= 1


@cache
def asked(query: str = "subscription { panelReadings { __typename } }") -> Asked:
    operation = Operation(query=query)
    prepared = build_engine(introspection=True).prepared(operation)
    return Asked(prepared, operation, None, lambda _viewer: Context(None, None))  # pyright: ignore[reportArgumentType]


async def test_a_server_has_a_limit_of_distinct_subscriptions() -> None:
    engine = Echo([1], asyncio.Condition())
    shared = FanOut(engine, Nobody(), Slots(1), max_groups=1)  # pyright: ignore[reportArgumentType]
    members = [await shared.begin(asked(), Sieve()) for _ in range(2)]
    with pytest.raises(Refused, match="TOO_MANY_SUBSCRIPTIONS: A server may have 1 distinct subscriptions"):
        await shared.begin(asked(WITH_PANEL), Sieve())
    for member in members:
        assert member is not None
        member.stop()


STEPS = st.lists(st.sampled_from(["store", "join", "stall", "read", "leave", "turn"]), min_size=5, max_size=120)


@settings(max_examples=150, deadline=None)
@given(steps=STEPS, seed=st.integers(0, 2**16))
def test_each_member_gets_every_number_once_or_the_newest_and_how_many_it_missed(steps: list[str], seed: int) -> None:
    asyncio.run(_play(steps, random.Random(seed)))  # noqa: S311 - as above


async def _play(steps: list[str], dice: random.Random) -> None:
    log, news = list[int](), asyncio.Condition()
    engine = Echo(log, news)
    hub = Nobody()
    shared = FanOut(engine, hub, Slots(1), waiting_when_slow=2)  # pyright: ignore[reportArgumentType]
    sinks, joining, members = list[Sieve](), list[asyncio.Task[Any]](), dict[Sieve, Any]()
    for step in _and_turns(steps, dice):
        if step == "store":
            async with news:
                log.append(len(log))
                news.notify_all()
        elif step == "join":
            sinks.append(Sieve())
            joining.append(asyncio.create_task(shared.begin(asked(), sinks[-1])))
        elif step in ("stall", "read") and sinks:
            dice.choice(sinks).let(is_writable=step == "read")
        elif step == "leave" and joining and dice.random() < 0.3:
            joining[0].cancel()
        else:
            await asyncio.sleep(0)
    for sink in sinks:
        sink.let(is_writable=True)
    done = await asyncio.gather(*joining, return_exceptions=True)
    members = {sink: member for sink, member in zip(sinks, done, strict=True) if not isinstance(member, BaseException)}
    async with asyncio.timeout(WITHIN_S):
        while not all(_is_complete(sink, len(log)) for sink in members):  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0)
    for sink in members:
        _check(sink.received, len(log))
    for member in members.values():
        member.stop()
    assert (shared.group_count, hub.open_count) == (0, 0)


def _and_turns(steps: list[str], dice: random.Random) -> Iterator[str]:
    for step in steps:
        yield step
        yield from ["turn"] * dice.randint(0, 3)


def _is_complete(sink: Sieve, length: int) -> bool:
    numbers = [one for one in sink.received if isinstance(one, int)]
    return length == 0 or numbers[-1:] == [length - 1]


def _check(received: list[Any], length: int) -> None:
    numbers = [one for one in received if isinstance(one, int)]
    missed = sum(one["missed"] for one in received if not isinstance(one, int))
    assert numbers == sorted(set(numbers))
    assert len(numbers) + missed == length


async def test_a_source_that_refuses_ends_all_its_members(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    @asynccontextmanager
    async def following(_stream: ReadingStream) -> AsyncGenerator[Any]:
        raise Refused("DATABASE_UNAVAILABLE", "away")
        yield

    monkeypatch.setattr(ReadingStream, "following", following)
    account = await add_account(database_url)
    async with serving(make_app(database_url)) as api, speaking(api, account_id=account) as client:
        both = [await client.subscribe(READINGS) for _ in range(2)]
        ends = [await client.message(operation) for operation in both]
    assert [(end["type"], end["payload"][0]["extensions"]["code"]) for end in ends] == [
        ("error", "DATABASE_UNAVAILABLE")
    ] * 2
