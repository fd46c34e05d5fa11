"""Keeps what was stored for one subscriber until it is taken: everything for a quick one, the newest for a slow one."""

import asyncio
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from store.events import StoredReading

CAPACITY = 4000
"""Readings that wait for one stream: two pages of a burst, one that was taken and one that has just come."""


class OfPanel(Protocol):
    """Something that is about a panel; about none with None, and then it is always kept."""

    @property
    def panel_id(self) -> int | None:
        """The panel's id."""
        ...


T = TypeVar("T", bound=OfPanel)


@dataclass(slots=True, eq=False)
class Waiting(Generic[T]):
    """What waits for somebody, in order.

    Up to `capacity` things wait. When one more comes, whoever takes them is slow: from then on only the newest of each
    panel waits, and the others are counted in `dropped`, until nothing waits any more.
    """

    capacity: int
    dropped: int = 0
    _all: deque[T] = field(default_factory=deque[T])
    _newest: dict[Hashable, T] | None = None

    def __bool__(self) -> bool:
        """Whether anything waits, or has to be told of as dropped."""
        return bool(self._all or self._newest or self.dropped)

    @property
    def is_crowded(self) -> bool:
        """Whether everything still waits, and there is not room for as much again."""
        return self._newest is None and 2 * len(self._all) > self.capacity

    def put(self, one: T) -> None:
        """Adds something, newer than all before."""
        if self._newest is None and len(self._all) < self.capacity:
            self._all.append(one)
            return
        if self._newest is None:
            self._newest = {}
            for waiting in self._all:
                self._keep_newest(self._newest, waiting)
            self._all.clear()
        self._keep_newest(self._newest, one)

    def _keep_newest(self, newest: dict[Hashable, T], one: T) -> None:
        key: Hashable = (id(one),) if one.panel_id is None else one.panel_id
        if newest.pop(key, None) is not None:
            self.dropped += 1
        newest[key] = one  # at the end: the order is that of the stream

    def take(self) -> T | None:
        """Takes the first that waits; None when there is none."""
        if self._newest is None:
            return self._all.popleft() if self._all else None
        key = next(iter(self._newest), None)
        if key is None:
            self._newest = None
            return None
        return self._newest.pop(key)

    def take_all(self) -> list[T]:
        """Takes everything that waits, in order."""
        taken = list(self._all if self._newest is None else self._newest.values())
        self._all.clear()
        self._newest = None
        return taken

    def take_dropped(self) -> int:
        """How many were dropped since this was last asked."""
        dropped, self.dropped = self.dropped, 0
        return dropped


@dataclass(slots=True, eq=False)
class Mailbox:
    """Readings for one stream, in order, and a bell: everything up to `capacity`, then the newest of each panel.

    With a capacity of 0 only the newest ever waits and nothing counts as dropped.
    """

    capacity: int = CAPACITY
    _waiting: Waiting[StoredReading] = field(init=False)
    _bell: asyncio.Event = field(default_factory=asyncio.Event)
    _taken: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._waiting = Waiting(self.capacity)

    @property
    def dropped(self) -> int:
        """How many readings were dropped since the mailbox was last emptied."""
        return self._waiting.dropped if self.capacity else 0

    @property
    def is_crowded(self) -> bool:
        """Whether more than half of it is full; not with a capacity of 0, nor while only the newest are kept."""
        return self._waiting.is_crowded

    async def room(self) -> None:
        """Returns once it is not crowded."""
        while self.is_crowded:
            self._taken.clear()
            await self._taken.wait()

    def put(self, stored: StoredReading) -> None:
        """Adds a reading, newer in the stream than all before."""
        self._waiting.put(stored)
        self._bell.set()

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
        dropped = self._waiting.take_dropped()
        self._taken.set()
        return self._waiting.take_all(), dropped if self.capacity else 0
