"""Turns a broker's messages into committed readings, for as long as its owner wants."""

import asyncio
import gc
import logging
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from typing import Final

from ingest.batches import Batches, Inbox
from ingest.broker_address import BrokerAddress, BrokerCredentials
from ingest.link import Link, Switch
from ingest.metrics import IngestState, serving_metrics
from ingest.mqtt import Connection, Version, can_acknowledge_by_hand
from ingest.replay import replay_asked
from ingest.routes import load_router
from ingest.routing import Router, known_filters
from ingest.writer import MessageWriter
from store.connections import connect_async, listening
from store.ingest_status import beat
from store.merge import BatchRefusedError, DatabaseAwayError
from store.outages import is_outage, outage_in_words

_BEAT_EVERY_S: Final = 2.0
_LOOK_EVERY_S: Final = 0.5
_RENEW_EVERY_S: Final = 30.0
_PAUSE_S: Final = 1.0
_WINDOW: Final = 20_000
_COLLECT_AFTER: Final = (100_000, 20, 100)

_log = logging.getLogger(__name__)


async def run(
    *,
    database_url: str,
    mqtt_url: str,
    credentials: BrokerCredentials = BrokerCredentials(),  # noqa: B008 - a frozen value
    topics: Sequence[str] = (),
    client_id: str = "kilowatch-ingest",
    connections: int = 1,
    default_time_zone: str = "UTC",
    is_closed: bool = False,
    linger_s: float = 0.005,
    max_batch: int = 5000,
    metrics_host: str = "127.0.0.1",
    metrics_port: int = 0,
) -> None:
    """Takes messages into the database until it is cancelled; then commits and acknowledges what it has received.

    `topics` are MQTT filters; without any, those of all known devices. Topics that owners have mapped and devices have
    announced are added to them. The broker keeps the session of `client_id`, and with it whatever arrives meanwhile.
    Several `connections` share the subscription, as `client_id`-1, -2 and so on. Panels that appear by themselves get
    `default_time_zone`; while discovery `is_closed`, none do but of registered devices and mapped topics. A message
    waits at most `linger_s` for others of its batch. How it is doing can be asked at `metrics_port`, unless that is 0,
    also while the database is away.

    Raises:
        ValueError: the URL or the time zone is none.
        MetricsPortError: the port is taken.
    """
    writer = MessageWriter(database_url, default_time_zone=default_time_zone)
    service = _Service(
        database_url,
        writer,
        partial(replay_asked, database_url, default_time_zone=default_time_zone, is_closed=is_closed),
        partial(load_router, database_url, is_closed=is_closed),
        address=BrokerAddress.from_url(mqtt_url, credentials=credentials),
        topics=tuple(topics) or known_filters(),
        client_ids=_client_ids(client_id, connections=connections),
    )
    batches = Batches(service.inbox, writer, linger_s=linger_s, max_batch=max_batch)
    async with AsyncExitStack() as open_until_end:
        open_until_end.enter_context(_seldom_collecting())
        if metrics_port:
            state = partial(service.state, batches)
            await open_until_end.enter_async_context(serving_metrics(state, host=metrics_host, port=metrics_port))
        await service.run(batches)


@contextmanager
def _seldom_collecting() -> Generator[None]:
    """Messages are freed as soon as nobody refers to them; looking for cycles among those that wait cost 2 us each."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


class _Service:
    """The parts of a running ingest and how they end: taking in stops first, acknowledging last."""

    def __init__(
        self,
        database_url: str,
        writer: MessageWriter,
        replay: Callable[[], int],
        routes: Callable[..., Router],
        *,
        address: BrokerAddress,
        topics: tuple[str, ...],
        client_ids: Sequence[str],
    ) -> None:
        self.inbox = Inbox(capacity=_WINDOW * len(client_ids))
        self._database_url = database_url
        self._writer = writer
        self._replay = replay
        self._routes = routes
        self._wanted = self._topics = topics
        self._is_shared = len(client_ids) > 1
        self._renew_routes_at_s = self._read_again_at_s = 0.0
        self._replaying: asyncio.Task[None] | None = None
        self._complaint = ""
        self._switch = Switch()
        connect = partial(self._connection, address=address, by_hand=_by_hand())
        self._links = [
            Link(partial(connect, client_id), switch=self._switch, inbox=self.inbox) for client_id in client_ids
        ]

    async def run(self, batches: Batches) -> None:
        links = [asyncio.ensure_future(link.run()) for link in self._links]
        others = [asyncio.ensure_future(batches.run()), asyncio.ensure_future(self._obey_and_beat())]
        try:
            done, _ = await asyncio.wait([*links, *others], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # none of them ends but by a fault of ours
        finally:
            for link in self._links:
                link.hush()
            await batches.last_batches()
            await _cancelled([*links, *others])
            await batches.close()
            await self._say_goodbye()

    def state(self, batches: Batches) -> IngestState:
        """How ingest is doing, without asking the database."""
        return IngestState(
            received=batches.committed_count + len(self.inbox),
            committed=batches.committed_count,
            rejected=self._writer.rejected_count,
            dropped=self.inbox.dropped_count,
            backlog=len(self.inbox),
            backlog_bytes=self.inbox.held_bytes,
            oldest_at=self.inbox.oldest_at,
            is_connected=self._is_connected,
            away_since=batches.away_since,
        )

    @property
    def _is_connected(self) -> bool:
        return all(link.is_connected for link in self._links)

    async def _obey_and_beat(self) -> None:
        """Follows the owner's switch and says every 2 s that we are alive; the switch stays while nobody can say."""
        while True:
            try:
                await self._obey_and_beat_once_connected()
            except Exception as error:
                if not is_outage(error):
                    raise
                self._complain(outage_in_words(error))
            await asyncio.sleep(_PAUSE_S)

    def _complain(self, why: str) -> None:
        """Once for each cause that an outage has, one after the other."""
        if why != self._complaint:
            _log.warning("The database is away: %s", why)
        self._complaint = why

    async def _obey_and_beat_once_connected(self) -> None:
        async with listening(self._database_url, "ingest_control") as connection:
            self._renew_routes_at_s = 0.0
            while True:
                await self._renew_routes()
                await self._read_again()
                said = self._is_connected
                is_wanted = await beat(connection, is_connected=said, backlog=len(self.inbox))
                self._complaint = ""
                self._switch.turn(on=is_wanted)
                beat_at_s = time.monotonic()
                while time.monotonic() < beat_at_s + _BEAT_EVERY_S and said == self._is_connected:
                    if [notice async for notice in connection.notifies(timeout=_LOOK_EVERY_S, stop_after=1)]:
                        self._renew_routes_at_s = self._read_again_at_s = 0.0
                        break

    async def _read_again(self) -> None:
        """Has another thread read what was rejected, when somebody has asked for it, by what is known now."""
        if self._replaying is not None and self._replaying.done():
            self._replaying.result()  # it fails by a fault of ours alone
            self._replaying = None
        if self._replaying is None and time.monotonic() >= self._read_again_at_s:
            self._read_again_at_s = time.monotonic() + _RENEW_EVERY_S
            self._replaying = asyncio.create_task(self._replayed())

    async def _replayed(self) -> None:
        try:
            if stored := await asyncio.to_thread(self._replay):
                _log.info("%d rejected messages could be read this time", stored)
        except (DatabaseAwayError, BatchRefusedError) as error:
            _log.warning("Rejected messages are read again later: %s", error)

    async def _renew_routes(self) -> None:
        """Learns who reads what, at once when the database says that it has changed, and every 30 s."""
        if time.monotonic() < self._renew_routes_at_s:
            return
        router = await asyncio.to_thread(self._routes, wanted=self._wanted)
        self._renew_routes_at_s = time.monotonic() + _RENEW_EVERY_S
        self._writer.use(router)
        if router.filters != self._topics:
            self._topics = router.filters
            for link in self._links:
                link.resubscribe(self._filters)

    @property
    def _filters(self) -> Sequence[str]:
        return _shared(self._topics) if self._is_shared else self._topics

    def _connection(self, client_id: str, version: Version, *, address: BrokerAddress, by_hand: bool) -> Connection:
        return Connection(
            address,
            client_id=client_id,
            topics=self._filters,
            deliver=self.inbox.put,
            version=version,
            receive_maximum=_WINDOW,
            by_hand=by_hand,
        )

    async def _say_goodbye(self) -> None:
        try:
            async with await connect_async(self._database_url) as connection:
                await beat(connection, is_connected=False, backlog=len(self.inbox))
        except Exception as error:
            if not is_outage(error):
                raise
            _log.warning("The database is away and does not learn that ingest has stopped: %s", error)


def _client_ids(client_id: str, *, connections: int) -> list[str]:
    return [client_id] if connections == 1 else [f"{client_id}-{number}" for number in range(1, connections + 1)]


def _shared(topics: Sequence[str]) -> list[str]:
    return [f"$share/kilowatch/{topic}" for topic in topics]


def _by_hand() -> bool:
    by_hand = can_acknowledge_by_hand()
    if not by_hand:
        _log.warning("This gmqtt is not 0.8.0: messages are acknowledged one by one, at about a third of the speed")
    return by_hand


async def _cancelled(tasks: Sequence["asyncio.Future[None]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
