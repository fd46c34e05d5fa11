"""Turns what waits into batches, written one at a time and acknowledged when they are committed."""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Final

from ingest.decoding import Message
from ingest.mqtt import Connection, Delivery, acknowledge
from ingest.writer import MessageWriter, UnwrittenError

_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 2.0
_LAST_BATCHES_S: Final = 4.0
_LOOKS: Final = 10
_CAPACITY_BYTES: Final = 64 * 2**20

_log = logging.getLogger(__name__)


class Inbox:
    """Deliveries that are not committed yet, in the order of their arrival.

    Memory is bounded: a connection's window bounds what the broker sends unacknowledged, a new connection waits until
    there is room, and QoS 0, which knows no window, is dropped while the inbox is full. A connection whose payloads
    bring it above `capacity_bytes` is paused until it is below.
    """

    def __init__(self, *, capacity: int, capacity_bytes: int = _CAPACITY_BYTES) -> None:
        self._capacity = capacity
        self._capacity_bytes = capacity_bytes
        self._waiting: list[Delivery] = []
        self._in_hand = 0
        self._held_bytes = 0
        self._in_hand_bytes = 0
        self._in_hand_since: datetime | None = None
        self._paused: set[Connection] = set()
        self._dropped = self._dropped_before = 0
        self._arrived = asyncio.Event()
        self._emptied = asyncio.Event()
        self._emptied.set()
        self._has_room = asyncio.Event()
        self._has_room.set()

    def __len__(self) -> int:
        """How many were received and are not committed."""
        return len(self._waiting) + self._in_hand

    @property
    def held_bytes(self) -> int:
        """The payload bytes of what was received and is not committed."""
        return self._held_bytes

    @property
    def oldest_at(self) -> datetime | None:
        """When the oldest of them arrived; None when there is none."""
        return self._in_hand_since or (self._waiting[0].received_at if self._waiting else None)

    @property
    def dropped_count(self) -> int:
        """How many of QoS 0 were dropped since the start."""
        return self._dropped_before + self._dropped

    def put(self, delivery: Delivery) -> None:
        """Takes a delivery; one that nobody would send again is dropped when the inbox is full."""
        if len(self) >= self._capacity:
            self._has_room.clear()
            if delivery.ticket is None:
                self._dropped += 1
                return
        self._waiting.append(delivery)
        self._held_bytes += len(delivery.payload)
        if self._held_bytes > self._capacity_bytes:
            self._pause(delivery.connection)
        self._emptied.clear()
        self._arrived.set()

    def _pause(self, connection: Connection | None) -> None:
        """Again for every delivery: gmqtt's own reader may have resumed meanwhile."""
        self._has_room.clear()
        if connection is not None:
            self._paused.add(connection)
            connection.pause()

    async def room(self) -> None:
        """Waits until the inbox is not full."""
        await self._has_room.wait()

    async def emptied(self) -> None:
        """Waits until everything is committed."""
        await self._emptied.wait()

    async def next_batch(self, *, linger_s: float, limit: int) -> list[Delivery]:
        """The oldest deliveries, `limit` at the most; the first of them has waited up to `linger_s` for others.

        The wait ends early when nothing more comes: a broker whose window is full sends nothing before the PUBACKs.
        """
        await self._arrived.wait()
        ends_at = self._waiting[0].received_at + timedelta(seconds=linger_s)
        count = 0
        while count < len(self._waiting) < limit and datetime.now(UTC) < ends_at:
            count = len(self._waiting)
            await asyncio.sleep(linger_s / _LOOKS)
        batch = self._waiting[:limit]
        del self._waiting[:limit]
        self._in_hand, self._in_hand_since = len(batch), batch[0].received_at
        self._in_hand_bytes = sum(len(delivery.payload) for delivery in batch)
        if not self._waiting:
            self._arrived.clear()
        return batch

    def done(self) -> None:
        """The batch in hand is committed."""
        self._held_bytes -= self._in_hand_bytes
        self._in_hand, self._in_hand_bytes, self._in_hand_since = 0, 0, None
        if self._held_bytes <= self._capacity_bytes:
            self._resume()
            if len(self) < self._capacity:
                self._has_room.set()
        if not self._waiting:
            self._emptied.set()
        if self._dropped:
            _log.warning("%d messages of QoS 0 were dropped while the inbox was full", self._dropped)
            self._dropped_before += self._dropped
            self._dropped = 0

    def _resume(self) -> None:
        for connection in self._paused:
            connection.resume()
        self._paused.clear()


class Batches:
    """Writes what is in the inbox for as long as it runs: one batch at a time, in one thread."""

    def __init__(self, inbox: Inbox, writer: MessageWriter, *, linger_s: float, max_batch: int) -> None:
        self._inbox = inbox
        self._writer = writer
        self._linger_s = linger_s
        self._max_batch = max_batch
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ingest writer")
        self._is_away = asyncio.Event()
        self._away_since: datetime | None = None
        self._complaint = ""
        self._committed_count = 0

    @property
    def away_since(self) -> datetime | None:
        """Since when the database has taken no batch; None while it does."""
        return self._away_since

    @property
    def committed_count(self) -> int:
        """How many messages are committed, as readings or as rejected ones, since the start."""
        return self._committed_count

    async def run(self) -> None:
        """Never returns. What is committed is acknowledged, in order; what is not, never."""
        while True:
            batch = await self._inbox.next_batch(linger_s=self._linger_s, limit=self._max_batch)
            await self._commit(batch)
            acknowledge(batch)
            self._committed_count += len(batch)
            self._inbox.done()

    async def last_batches(self) -> None:
        """Waits until everything received is committed; for 4 s, and not while the database is away."""
        waiting = [asyncio.ensure_future(self._inbox.emptied()), asyncio.ensure_future(self._is_away.wait())]
        await asyncio.wait(waiting, timeout=_LAST_BATCHES_S, return_when=asyncio.FIRST_COMPLETED)
        for wait in waiting:
            wait.cancel()

    async def close(self) -> None:
        """Ends the thread and the connection; a write that is still under way is cut short."""
        await asyncio.to_thread(self._writer.cancel)
        await asyncio.to_thread(self._thread.shutdown)
        self._writer.close()

    async def _commit(self, batch: Sequence[Message]) -> None:
        """Tries until the database has taken all of the batch; what comes after it waits at the broker."""
        pause_s = _FIRST_PAUSE_S
        while batch := await self._unwritten(batch):
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        if self._is_away.is_set():
            _log.info("The database takes batches again")
            self._is_away.clear()
            self._away_since, self._complaint = None, ""

    async def _unwritten(self, batch: Sequence[Message]) -> Sequence[Message]:
        """What of the batch is still to be written after a try."""
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._writer.write, batch)
        except UnwrittenError as error:
            self._complain(str(error))
            return error.messages
        return []

    def _complain(self, why: str) -> None:
        """Once for each cause that an outage has, one after the other."""
        if why != self._complaint:
            _log.warning("The database does not take a batch, which is tried until it does: %s", why)
        self._complaint = why
        self._away_since = self._away_since or datetime.now(UTC)
        self._is_away.set()
