"""Turns the subscriptions that are open in this process and in others into lists that their owners see and close."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid4

from metering.access import Viewer
from metering.refusals import Refused
from resolvers.context import Context, Info, system_now
from store import open_subscriptions as stored
from store.connections import Database, Pool, listening
from store.open_subscriptions import MAX_LISTED, OpenSubscription, Transport
from store.outages import is_outage

log = logging.getLogger(__name__)

_WRITE_EVERY_S = 1.0
_BEAT_EVERY_S = 10.0
_RETRY_AFTER_S = 1.0
_LEAVE_WITHIN_S = 1.0
_MAX_NAME_LENGTH = 100
_AT_ONCE = 2000


def ended_by_owner() -> Refused:
    """What the subscription that its owner closed is told as its end."""
    return Refused("SUBSCRIPTION_CLOSED", "You have closed this subscription by `closeSubscription`.")


@dataclass(slots=True, eq=False)
class OpenSubscriptions:
    """The open subscriptions of one process, told to the others once a second, 2,000 a statement.

    None waits for that. 5,000 that come within a second cost 32 ms of this process, in three parts, and as much of
    Postgres; their end costs 6 ms.
    """

    database_url: str
    pool: Pool
    now: Callable[[], datetime] = system_now
    write_every_s: float = _WRITE_EVERY_S
    beat_every_s: float = _BEAT_EVERY_S
    process_id: UUID = field(default_factory=uuid4)
    _open: dict[str, tuple[OpenSubscription, Callable[[], None]]] = field(
        default_factory=dict[str, tuple[OpenSubscription, Callable[[], None]]]
    )
    _written: set[str] = field(default_factory=set[str])
    _has_changed: bool = False
    _task: asyncio.Task[None] | None = None

    # What is open

    def opened(
        self, *, account_id: int, operation: str, transport: Transport, address: str, close: Callable[[], None]
    ) -> str:
        """Notes a subscription, and returns its id for `closed`; `close` is called when its owner wants it ended."""
        one = OpenSubscription(str(uuid4()), account_id, operation[:_MAX_NAME_LENGTH], transport, address, self.now())
        self._open[one.id] = (one, close)
        self._has_changed = True
        return one.id

    def closed(self, subscription_id: str) -> None:
        """Forgets a subscription that has ended, however it ended."""
        self._open.pop(subscription_id, None)
        self._has_changed = True

    # What its owner sees

    async def own(self, viewer: Viewer) -> list[OpenSubscription]:
        """The viewer's newest 500 in all processes, newest first; those of others as they were a second ago."""
        async with self.pool.connection() as connection:
            found = await stored.own_elsewhere(connection, viewer=viewer, process_id=self.process_id)
        found += [one for one, _ in self._open.values() if one.account_id == viewer.account_id]
        return sorted(found, key=lambda one: one.opened_at, reverse=True)[:MAX_LISTED]

    async def close_own(self, viewer: Viewer, subscription_id: str) -> bool:
        """Ends one of the viewer's, wherever it is; False when there is none of this id."""
        here = self._open.get(subscription_id)
        if here is not None and here[0].account_id == viewer.account_id:
            self._end(subscription_id)
            return True
        async with self.pool.connection() as connection:
            return await stored.ask_to_close(connection, viewer=viewer, subscription_id=subscription_id)

    def _end(self, subscription_id: str) -> None:
        found = self._open.pop(subscription_id, None)
        if found is not None:
            self._has_changed = True
            found[1]()

    # Life

    def start(self) -> None:
        """Begins to tell the other processes, until `close`, whatever happens to the database."""
        self._task = asyncio.create_task(self._run(), name="open subscriptions")

    async def close(self) -> None:
        """Takes this process's subscriptions back; the pool must still be open."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        with suppress(Exception):  # the others forget a process that is silent for a minute
            async with asyncio.timeout(_LEAVE_WITHIN_S), self.pool.connection() as connection:
                await stored.leave(connection, self.process_id)

    async def _run(self) -> None:
        while True:
            try:
                async with listening(self.database_url, stored.CHANNEL) as connection:
                    await self._follow(connection)
            except Exception as error:
                if not is_outage(error):  # the live hub says that the database is away
                    log.exception("open subscriptions are not told to other processes")
            await asyncio.sleep(_RETRY_AFTER_S)

    async def _follow(self, connection: Database) -> None:
        await self._introduce(connection)
        loop = asyncio.get_running_loop()
        beat_at = loop.time() + self.beat_every_s
        while True:
            for subscription_id in await stored.asked_to_close(connection, within_s=self.write_every_s):
                self._end(subscription_id)
            if loop.time() >= beat_at:
                beat_at = loop.time() + self.beat_every_s
                if not await stored.beat(connection, self.process_id):
                    await self._introduce(connection)
            await self._write(connection)

    async def _introduce(self, connection: Database) -> None:
        await stored.introduce(connection, self.process_id)
        self._written.clear()
        self._has_changed = bool(self._open)

    async def _write(self, connection: Database) -> None:
        if not self._has_changed:
            return
        self._has_changed = False
        begun = [one for id_, (one, _) in self._open.items() if id_ not in self._written]
        ended = self._written - self._open.keys()
        if ended:
            await stored.change(connection, self.process_id, begun=[], ended=ended)
            self._written.difference_update(ended)
        for part in _parts(begun):
            await stored.change(connection, self.process_id, begun=part, ended=[])
            self._written.update(one.id for one in part)


def _parts(begun: list[OpenSubscription]) -> list[list[OpenSubscription]]:
    return [begun[start : start + _AT_ONCE] for start in range(0, len(begun), _AT_ONCE)]


async def subscriptions(info: Info) -> list[OpenSubscription]:
    """What the viewer has open in all server processes, newest first, 500 at the most.

    Raises:
        Refused: UNAUTHENTICATED.
    """
    context = info.context
    registry: OpenSubscriptions = context.subscriptions
    return await registry.own(context.signed_in)


async def close_subscription(context: Context, *, subscription_id: str) -> str:
    """Ends one of the viewer's subscriptions, and returns its id.

    Raises:
        Refused: UNAUTHENTICATED, SUBSCRIPTION_NOT_FOUND: there is none of this id, or it is not the viewer's.
    """
    viewer, registry = context.signed_in, context.subscriptions
    wanted = _uuid(subscription_id)
    if wanted is None or not await registry.close_own(viewer, wanted):
        raise Refused("SUBSCRIPTION_NOT_FOUND", "You have no open subscription of this id.", "id")
    return wanted


def _uuid(text: str) -> str | None:
    """The id as it is kept, in lower case with dashes; None for what is none."""
    try:
        return str(UUID(text))
    except ValueError:
        return None
