"""Turns the database's notifications into what each subscriber may see of the newly stored readings and alerts."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from metering.access import Viewer
from metering.refusals import Refused
from resolvers.alert_boxes import AlertBoxes
from resolvers.mailboxes import CAPACITY, Mailbox
from store import events
from store.connections import Pool, listening
from store.events import Access, News, Position, StoredReading
from store.outages import is_outage

log = logging.getLogger(__name__)

PAGE = 2000
"""Readings of one statement: a burst of more is read in pages, so that it does not fill the memory."""
_SILENCE_S = 5.0
"""After so long without a notification the hub looks for itself, and whether its connection still stands."""
_RETRY_AFTER_S = (0.1, 0.25, 0.5, 1.0)
_READY_WITHIN_S = 5.0
_MANY_PANELS = 500
_HANDED_OUT_AT_ONCE = 5000
_ALERTS_AGAIN = timedelta(seconds=60)


@dataclass(slots=True, eq=False)
class Watch:
    """One subscriber's share of the hub: its mailbox, and the panels that it asked for and may see now.

    The mailbox gets everything that was stored after `start`.
    """

    codes: frozenset[str] | None
    mailbox: Mailbox
    start: Position
    account_id: int
    access_changes: int = -1
    panel_ids: frozenset[int] = frozenset()
    _viewer: Viewer | None = None

    @property
    def viewer(self) -> Viewer:
        """Who watches, with the role that the account has now.

        Raises:
            Refused: UNAUTHENTICATED when the account was removed.
        """
        if self._viewer is None:
            raise Refused("UNAUTHENTICATED", "This account no longer exists.")
        return self._viewer

    def allow(self, access: Access | None) -> None:
        """Takes note of what the account may see now; None when it was removed."""
        self._viewer = access.viewer(self.account_id) if access else None
        seen = access.panel_codes.items() if access else ()
        self.panel_ids = frozenset(i for i, code in seen if self.codes is None or code in self.codes)
        self.access_changes += 1
        self.mailbox.ring()


@dataclass(slots=True, eq=False)
class LiveHub:
    """One process's ear at the database: one connection listens, each batch is read once for all subscribers.

    Who may see what is read when a subscriber comes, and again whenever the database says that access has changed:
    before any reading that was stored later is handed out. After an outage the hub reads on from where it was.
    """

    database_url: str
    pool: Pool
    heartbeat_s: float = 15.0
    position: Position = field(default_factory=lambda: Position.after_batch(0))
    is_listening: bool = False
    handed_out: int = 0
    dropped_before: int = 0
    """Readings that slow subscribers were told they did not get."""
    _watches: dict[Watch, None] = field(default_factory=dict[Watch, None])
    _by_panel: dict[int, dict[Watch, None]] = field(default_factory=dict[int, dict[Watch, None]])
    _access: dict[int, Access] = field(default_factory=dict[int, Access])
    _alerts: AlertBoxes = field(default_factory=AlertBoxes)
    _heard_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _ready: asyncio.Event = field(default_factory=asyncio.Event)
    _task: asyncio.Task[None] | None = None

    # Life

    def start(self) -> None:
        """Begins to listen, and goes on until `close`, whatever happens to the database."""
        self._task = asyncio.create_task(self._run(), name="live hub")

    async def close(self) -> None:
        """Stops listening."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                async with listening(self.database_url, *events.CHANNELS) as connection:
                    await self._catch_up()
                    failures = 0
                    while True:
                        await self._hear(await events.news(connection, within_s=_SILENCE_S))
            except Exception as error:  # noqa: BLE001 - whatever happened, live updates have to come back
                _report(error, failures=failures)
            self.is_listening = False
            await asyncio.sleep(_RETRY_AFTER_S[min(failures, len(_RETRY_AFTER_S) - 1)])
            failures += 1

    async def _catch_up(self) -> None:
        """Reads what was missed while nobody listened; the first time, only where the stream stands."""
        async with self.pool.connection() as connection:
            _, newest = await events.batch_bounds(connection)
            missed = await events.alert_changes_since(
                connection, account_ids=self._alerts.account_ids, since=self._heard_at - _ALERTS_AGAIN
            )
        if not self._ready.is_set():
            self.position = Position.after_batch(newest)
        await self._reload_access()
        await self._publish(until=newest)
        self._alerts.send(self._alerts.unsent(missed))
        self.is_listening = True
        self._ready.set()

    async def _hear(self, news: News) -> None:
        self._heard_at = datetime.now(UTC)
        if news.has_access_changed:
            await self._reload_access()
        if news.alert_ids:
            async with self.pool.connection() as connection:
                self._alerts.send(await events.alert_changes(connection, news.alert_ids))
        newest = news.newest_batch
        if news.is_silence:
            async with self.pool.connection() as connection:
                _, newest = await events.batch_bounds(connection)
            if newest > self.position.batch_id:  # readings that are found before they are told of; access as well
                await self._reload_access()
        await self._publish(until=newest)

    # Readings

    async def _publish(self, *, until: int) -> None:
        """Hands out what was stored up to a batch, page by page."""
        end = Position.after_batch(until)
        while self.position < end:
            async with self._turn:
                page = await self._page(until) if self._by_panel else []
                await self._hand_out(page)
                self.position = page[-1].position if len(page) == PAGE else end

    async def _page(self, until: int) -> list[StoredReading]:
        wanted = list(self._by_panel) if len(self._by_panel) <= _MANY_PANELS else None
        async with self.pool.connection() as connection:
            return await events.stored_after(connection, self.position, until=until, panel_ids=wanted, limit=PAGE)

    async def _hand_out(self, page: list[StoredReading]) -> None:
        since_pause = 0
        for stored in page:
            watches = self._by_panel.get(stored.panel_id, {})
            for watch in watches:
                watch.mailbox.put(stored)
            self.handed_out += len(watches)
            since_pause += len(watches)
            if since_pause >= _HANDED_OUT_AT_ONCE:
                since_pause = 0
                await asyncio.sleep(0)  # requests and pings go on meanwhile

    @asynccontextmanager
    async def watch(
        self, viewer: Viewer, *, codes: Collection[str] | None, newest_only: bool = False
    ) -> AsyncGenerator[Watch]:
        """A share of everything that is stored from now on, of the panels that the viewer may see.

        With `newest_only` its mailbox keeps the newest reading of each panel and nothing else.

        Raises:
            Refused: DATABASE_UNAVAILABLE while the database has not been reached for the first time.
        """
        await self._become_ready()
        mailbox = Mailbox(0 if newest_only else CAPACITY)
        async with self._turn:  # not between the reading of a page and its handing out
            watch = Watch(None if codes is None else frozenset(codes), mailbox, self.position, viewer.account_id)
            self._watches[watch] = None
            try:
                self._admit(watch, await self._access_of(viewer.account_id))
            except BaseException:
                del self._watches[watch]
                raise
        try:
            yield watch
        finally:
            del self._watches[watch]
            self._admit(watch, None)
            if not self.streams_of(watch.account_id):
                self._access.pop(watch.account_id, None)

    async def _become_ready(self) -> None:
        try:
            async with asyncio.timeout(_READY_WITHIN_S):
                await self._ready.wait()
        except TimeoutError:
            message = "The database does not answer. Try again in a moment."
            raise Refused("DATABASE_UNAVAILABLE", message) from None

    # Access

    async def _access_of(self, account_id: int) -> Access | None:
        """What an account may see; known, and kept up to date, while it has another stream."""
        if account_id not in self._access:
            async with self.pool.connection() as connection:
                self._access |= await events.access_of(connection, [account_id])
        return self._access.get(account_id)

    async def _reload_access(self) -> None:
        async with self._turn:
            account_ids = {watch.account_id for watch in self._watches}.union(self._alerts.account_ids)
            async with self.pool.connection() as connection:
                self._access = await events.access_of(connection, list(account_ids))
            for watch in self._watches:
                self._admit(watch, self._access.get(watch.account_id))
            self._alerts.end(account_ids - self._access.keys())

    def _admit(self, watch: Watch, access: Access | None) -> None:
        before = watch.panel_ids
        watch.allow(access)
        for panel_id in before - watch.panel_ids:
            del self._by_panel[panel_id][watch]
            if not self._by_panel[panel_id]:
                del self._by_panel[panel_id]
        for panel_id in watch.panel_ids - before:
            self._by_panel.setdefault(panel_id, {})[watch] = None

    # Alerts

    def alerts(self, account_id: int) -> AsyncGenerator[int]:
        """The ids of an account's alerts, each time one is raised, acknowledged or cleared; without an end.

        Raises:
            Refused: UNAUTHENTICATED once the account was removed.
        """
        return self._alerts.ids_of(account_id)

    # How it is doing

    def streams_of(self, account_id: int) -> int:
        """How many streams of readings or status an account has open in this process."""
        return sum(watch.account_id == account_id for watch in self._watches)

    @property
    def dropped(self) -> int:
        """How many readings slow subscribers did not get, those included that they have yet to be told of."""
        return self.dropped_before + sum(watch.mailbox.dropped for watch in self._watches)

    @property
    def streams(self) -> int:
        """How many streams are open in this process."""
        return len(self._watches) + self._alerts.count


def _report(error: Exception, *, failures: int) -> None:
    """Says once that live updates have stopped; a fault of our own, with where it is."""
    if not is_outage(error):
        log.error("live updates stopped", exc_info=error)
    elif failures == 0:
        log.warning("live updates have to wait, the database does not answer: %s", error)
