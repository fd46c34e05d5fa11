"""However often subscribers are cut off, and the server restarted, each gets every reading that was stored, once.

Two ingest processes store what is published, each of them all of it. Which moments and which cuts come of a seed, which
the test's name tells; KILOWATCH_FAULT_SEEDS takes others, separated by commas. The truth is the rows.
"""

import asyncio
import json
import os
import random
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from bench.publisher import Published, publish
from kilowatch.embedded.broker import EmbeddedBroker
from metering.access import Role
from tests.faults.ingest_runs import ingesting
from tests.faults.streams import stream
from tests.faults.waiting import STORED, eventually, holds
from tests.fixtures.proxy import Proxy
from tests.fixtures.server import PROTOCOL, add_account, add_panel, make_app, serving, token_of

_SEEDS = os.environ.get("KILOWATCH_FAULT_SEEDS", "20261121").split(",")
_COUNT = 3000
_RATE = 800
_PANELS = 20
_WITHIN_S = 60
_STAYS_S = 10
_CUT_LISTENERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'kilowatch listen'
"""
READINGS = """
subscription ($codes: [String!], $after: Cursor) {
  panelReadings(codes: $codes, after: $after, heartbeatEveryS: 1) {
    __typename
    ... on ReadingSnapshot { cursor isComplete }
    ... on ReadingReceived { cursor panelCode reading { at energyImportKwh } }
    ... on Heartbeat { cursor }
    ... on Gap { cursor reason missed }
  }
}"""


@dataclass(slots=True)
class Doors:
    """Where the server is reached at the moment: by way of a proxy, and never after a restart where it was before."""

    database: str
    proxy: Proxy | None = None
    _open: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def restart(self) -> None:
        """Ends the server that there is, and starts one; whoever comes meanwhile is not let in."""
        await self.close()
        server = await self._open.enter_async_context(serving(make_app(self.database)))
        self.proxy = self._open.enter_context(Proxy(server.port))

    async def close(self) -> None:
        self.proxy = None
        await self._open.aclose()
        self._open = AsyncExitStack()

    @property
    def port(self) -> int:
        if self.proxy is None:
            raise ConnectionRefusedError
        return self.proxy.port


@dataclass(slots=True)
class Subscriber:
    """A client that goes on from its last cursor whenever it is cut off; it cuts itself off at random, too."""

    doors: Doors
    account_id: int
    codes: list[str] | None
    chance: random.Random
    cursor: str | None = None
    received: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    has_begun: asyncio.Event = field(default_factory=asyncio.Event)
    cuts: int = 0
    beats: int = 0

    async def run(self) -> None:
        while True:
            try:
                async with asyncio.timeout(_STAYS_S), self._socket() as socket:
                    await self._follow(socket)
            except (OSError, EOFError, WebSocketException):
                await asyncio.sleep(0.02)  # the server restarts
            self.cuts += 1

    @asynccontextmanager
    async def _socket(self) -> AsyncGenerator[ClientConnection]:
        url = f"ws://127.0.0.1:{self.doors.port}/graphql"
        async with connect(url, subprotocols=PROTOCOL, compression=None) as socket:
            payload = {"authorization": f"Bearer {token_of(self.account_id)}"}
            await socket.send(json.dumps({"type": "connection_init", "payload": payload}))
            assert json.loads(await socket.recv()) == {"type": "connection_ack"}
            yield socket

    async def _follow(self, socket: ClientConnection) -> None:
        variables = {"codes": self.codes, "after": self.cursor}
        payload = {"query": READINGS, "variables": variables}
        await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
        for _ in range(self.chance.randint(1, 400)):
            message = json.loads(await socket.recv())
            assert message["type"] == "next", message
            self._take(message["payload"]["data"]["panelReadings"])
        socket.transport.abort()

    def _take(self, event: dict[str, Any]) -> None:
        kind = event["__typename"]
        assert kind != "Gap", event
        assert kind != "ReadingSnapshot" or self.cursor is None
        self.cursor = event["cursor"]
        self.has_begun.set()
        self.beats += kind == "Heartbeat"
        if kind == "ReadingReceived":
            self.received.append((event["panelCode"], event["reading"]["at"]))


def rows(database: str, codes: list[str] | None) -> set[tuple[str, str]]:
    """What is stored of these panels, as a subscriber is told of it."""
    with psycopg.connect(database) as connection:
        found = connection.execute(
            "SELECT code, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"+00:00\"')"
            " FROM reading JOIN panel ON panel.id = reading.panel_id"
            " WHERE %(codes)s::text[] IS NULL OR code = ANY (%(codes)s)",
            {"codes": codes},
        )
        return set(found.fetchall())


def cut_listeners(database: str) -> None:
    """Whoever listens to the database, the server too, has to notice and to come back."""
    with psycopg.connect(database) as connection:
        connection.execute(_CUT_LISTENERS)


@contextmanager
def two_ingesting(database: str, mqtt_url: str, folder: Path) -> Generator[None]:
    with ExitStack() as running:
        for name in ("one", "other"):
            log = folder / f"{name}.log"
            running.enter_context(ingesting(database, mqtt_url, f"client={name}", log=log))
            eventually(lambda log=log: "Connected" in log.read_text("utf-8"))
        yield


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(_WITHIN_S):
        while not holds():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)


async def chaos(doors: Doors, published: Published, *, chance: random.Random) -> None:
    """Cuts and restarts at random shares of what is published; each kind twice."""
    kinds = ["cut", "listeners", "restart"] * 2
    chance.shuffle(kinds)
    for share, kind in zip(sorted(chance.uniform(0.05, 0.95) for _ in kinds), kinds, strict=True):
        await until(lambda due=share * _COUNT: published.acknowledged >= due)
        print(f"at {published.acknowledged}: {kind}")  # noqa: T201 - for the report of a failure
        if kind == "restart":
            await doors.restart()
        elif kind == "listeners":
            await asyncio.to_thread(cut_listeners, doors.database)
        elif doors.proxy:
            doors.proxy.cut()


@pytest.mark.parametrize("seed", _SEEDS)
async def test_every_stored_reading_reaches_each_subscriber_once(database: str, tmp_path: Path, seed: str) -> None:
    chance = random.Random(seed)  # noqa: S311 - dice, no secret
    for number in range(_PANELS):
        await add_panel(database, f"P{number}", time_zone="UTC")
    admin = await add_account(database, role=Role.ADMIN)
    few = tuple(f"P{number}" for number in range(3))
    tenant = await add_account(database, email="ben@example.org", panels=few)
    doors, published = Doors(database), Published()
    await doors.restart()
    watching = [(admin, None), (admin, None), (admin, ["P1", "P7"]), (tenant, None), (tenant, ["P2", "P7"])]
    subscribers = [Subscriber(doors, who, codes, random.Random(chance.random())) for who, codes in watching]  # noqa: S311
    with EmbeddedBroker() as broker, ExitStack() as stack:
        await asyncio.to_thread(stack.enter_context, two_ingesting(database, broker.url, tmp_path))
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(subscriber.run()) for subscriber in subscribers]
            await asyncio.gather(*(subscriber.has_begun.wait() for subscriber in subscribers))
            port = int(broker.url_v311.rpartition(":")[2])
            sending = asyncio.to_thread(publish, port, stream(_COUNT), rate=_RATE, published=published)
            await asyncio.gather(sending, chaos(doors, published, chance=chance))
            await asyncio.to_thread(holds, database, STORED, _COUNT)
            expected = [rows(database, visible) for visible in (None, None, ["P1", "P7"], list(few), ["P2"])]
            sizes = [len(wanted) for wanted in expected]
            await until(lambda: all(len(s.received) >= size for s, size in zip(subscribers, sizes, strict=True)))
            beats = [subscriber.beats for subscriber in subscribers]
            await until(lambda: all(s.beats > before for s, before in zip(subscribers, beats, strict=True)))
            for task in running:
                task.cancel()
        await doors.close()
    for subscriber, wanted in zip(subscribers, expected, strict=True):
        assert subscriber.cuts >= 2
        assert len(subscriber.received) == len(set(subscriber.received))
        assert set(subscriber.received) == wanted
