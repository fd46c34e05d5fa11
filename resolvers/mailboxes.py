"""Keeps what was stored for one subscriber until it is taken: everything for a quick one, the newest for a slow one."""

import asyncio
from collections import deque
from dataclasses import dataclass, field

from store.events import StoredReading

CAPACITY = 1000


@dataclass(slots=True, eq=False)
class Mailbox:
    """Readings for one subscriber, in order.

    Up to `capacity` readings wait. When one more comes, the subscriber is slow: from then on only the newest reading
    of each panel waits, and the others are counted in `dropped`, until it takes what there is. With a capacity of 0
    only the newest ever waits and nothing counts as dropped.
    """

    capacity: int = CAPACITY
    dropped: int = 0
    _waiting: deque[StoredReading] = field(default_factory=deque[StoredReading])
    _newest: dict[int, StoredReading] | None = None
    _bell: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        if self.capacity == 0:
            self._newest = {}

    def put(self, stored: StoredReading) -> None:
        """Adds a reading, newer in the stream than all before."""
        if self._newest is None and len(self._waiting) >= self.capacity:
            self._newest = {}
            for waiting in self._waiting:
                self._keep_newest(waiting)
            self._waiting.clear()
        if self._newest is None:
            self._waiting.append(stored)
        else:
            self._keep_newest(stored)
        self._bell.set()

    def _keep_newest(self, stored: StoredReading) -> None:
        newest = self._newest
        assert newest is not None  # noqa: S101 - for the type checker
        if newest.pop(stored.panel_id, None) is not None and self.capacity:
            self.dropped += 1
        newest[stored.panel_id] = stored  # at the end: the order is that of the stream

    def ring(self) -> None:
        """Wakes the subscriber: something other than a reading has happened."""
        self._bell.set()

    async def wait(self, timeout_s: float) -> bool:
        """Waits for a reading or a ring; False when neither came in time."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._bell.wait()
        except TimeoutError:
            if not self._bell.is_set():  # it may have rung in the very tick in which the time was up
                return False
        self._bell.clear()
        return True

    def take(self) -> tuple[list[StoredReading], int]:
        """Empties the mailbox: its readings in order, and how many were dropped since it was last emptied."""
        taken = list(self._waiting if self._newest is None else self._newest.values())
        dropped, self.dropped = self.dropped, 0
        self._waiting.clear()
        self._newest = {} if self.capacity == 0 else None
        return taken, dropped
