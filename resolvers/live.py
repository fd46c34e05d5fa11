"""Turns the database's notifications into what each subscriber may see of the newly stored readings and alerts."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from metering.access import Role, Viewer
from metering.refusals import Refused
from metering.tenures import Tenure
from resolvers.alert_boxes import AlertBoxes
from resolvers.forecast_news import ForecastNews
from resolvers.mailboxes import CAPACITY, Mailbox
from resolvers.streams import Scope
from store import events
from store.connections import Database, Pool, listening
from store.events import Access, News, Position, StoredReading
from store.outages import is_outage

log = logging.getLogger(__name__)

PAGE = CAPACITY // 2
"""Readings of one statement: a burst of more is read in pages, so that it does not fill the memory."""
_ROOM_WITHIN_S = 1.0
"""So long a burst waits between two pages for streams that have yet to take the last one; slow ones miss the next."""
_SILENCE_S = 5.0
"""After so long without a notification the hub looks for itself, and whether its connection still stands."""
_AFTER_CHANGE_S = 0.02
"""How long after a tenancy's beginning or end access is read again: timers ring a little early."""
_LOOK_AGAIN_S = 3600.0
"""Clocks of two machines drift apart: a change in a week is looked for again every hour."""
_RETRY_AFTER_S = (0.1, 0.25, 0.5, 1.0)
_READY_WITHIN_S = 5.0
_MANY_PANELS = 500
_HANDED_OUT_AT_ONCE = 5000
_ALERTS_AGAIN = timedelta(seconds=60)


@dataclass(slots=True, eq=False)
class Sight:
    """What an account may see now of the panels that it asked for; kept true while somebody holds it."""

    account_id: int
    codes: frozenset[str] | None
    panel_ids: frozenset[int] = frozenset()
    tenures: dict[int, Tenure] = field(default_factory=dict[int, Tenure])
    holders: int = 0
    on_change: dict[Callable[[Position], None], None] = field(default_factory=dict[Callable[[Position], None], None])
    """Called as soon as the scope has changed, with the place up to which everything was handed out until then."""
    _viewer: Viewer | None = None

    @property
    def viewer(self) -> Viewer:
        """Who looks, with the role that the account has now.

        Raises:
            Refused: UNAUTHENTICATED when the account was removed.
        """
        return _existing(self._viewer)

    @property
    def scope(self) -> Scope:
        """The panels in sight.

        Raises:
            Refused: UNAUTHENTICATED when the account was removed.
        """
        if self.viewer.sees_all and self.codes is None:
            return Scope(None)
        return Scope(self.panel_ids, frozenset(self.tenures.items()))

    def allow(self, access: Access | None, *, at: Position) -> None:
        """Takes note of what the account may see now; None when it was removed."""
        before = self.panel_ids, self.tenures
        saw_all = self._viewer is not None and self._viewer.sees_all
        self._viewer = access.viewer(self.account_id) if access else None
        self.panel_ids = access.panel_ids(self.codes) if access else frozenset()
        self.tenures = access.tenures_of(self.panel_ids) if access else {}
        sees_all = self._viewer is not None and self._viewer.sees_all
        is_alike = (self.panel_ids, self.tenures) == before or (sees_all and self.codes is None)
        is_same = sees_all == saw_all and is_alike
        if not is_same or access is None:
            for changed in list(self.on_change):
                changed(at)


@dataclass(slots=True, eq=False)
class Watch:
    """One stream's share of the hub: its mailbox, and the panels that it asked for and may see now.

    The mailbox gets everything that was stored after `start`. `scope` is set where the panels are those of a scope,
    whichever account may see them; then there is no viewer.
    """

    codes: frozenset[str] | None
    mailbox: Mailbox
    start: Position
    account_id: int
    scope: Scope | None = None
    access_changes: int = -1
    """Rises, and the mailbox rings, with each change of the role or the panels; each stream looks at them then."""
    panel_ids: frozenset[int] = frozenset()
    tenures: dict[int, Tenure] = field(default_factory=dict[int, Tenure])
    _viewer: Viewer | None = None

    @property
    def viewer(self) -> Viewer:
        """Who watches, with the role that the account has now.

        Raises:
            Refused: UNAUTHENTICATED when the account was removed.
        """
        return _existing(self._viewer)

    def shows(self, stored: StoredReading) -> bool:
        """Whether a reading is one of its panels', and none from before or after these were rented."""
        tenure = self.tenures.get(stored.panel_id)
        return stored.panel_id in self.panel_ids and (tenure is None or tenure.holds(stored.reading.at))

    def allow(self, access: Access | None) -> None:
        """Takes note of what the account may see now; None when it was removed."""
        before = self._viewer, self.panel_ids, self.tenures
        self._viewer = access.viewer(self.account_id) if access else None
        fixed = None if self.scope is None else self.scope.panel_ids
        self.panel_ids = fixed if fixed is not None else access.panel_ids(self.codes) if access else frozenset()
        self.tenures = self._tenures_of(access)
        if self.access_changes < 0 or access is None or (self._viewer, self.panel_ids, self.tenures) != before:
            self.access_changes += 1
            self.mailbox.ring()

    def _tenures_of(self, access: Access | None) -> dict[int, Tenure]:
        if self.scope is not None:
            return dict(self.scope.tenures)
        return access.tenures_of(self.panel_ids) if access else {}


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
    subscribers: Counter[int | None] = field(default_factory=Counter[int | None])
    """Open subscriptions by account; whoever tells subscribers counts them."""
    forecasts: ForecastNews = field(default_factory=ForecastNews)
    _watches: dict[Watch, None] = field(default_factory=dict[Watch, None])
    _sights: dict[tuple[int, frozenset[str] | None], Sight] = field(
        default_factory=dict[tuple[int, frozenset[str] | None], Sight]
    )
    _by_panel: dict[int, dict[Watch, None]] = field(default_factory=dict[int, dict[Watch, None]])
    _access: dict[int, Access] = field(default_factory=dict[int, Access])
    _held: Counter[int] = field(default_factory=Counter[int])
    """How many streams and sights each account has: what it may see is known as long as it has one."""
    _alerts: AlertBoxes = field(default_factory=AlertBoxes)
    _heard_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _ready: asyncio.Event = field(default_factory=asyncio.Event)
    _task: asyncio.Task[None] | None = None
    _calendar: asyncio.TimerHandle | None = None
    """Rings when the next tenancy begins or ends of those who are told something: no notification says so."""
    _turning: asyncio.Task[None] | None = None
    _readers: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self._readers = asyncio.Semaphore(max(self.pool.max_size // 2, 1))

    # Life

    def start(self) -> None:
        """Begins to listen, and goes on until `close`, whatever happens to the database."""
        self._task = asyncio.create_task(self._run(), name="live hub")

    async def close(self) -> None:
        """Stops listening."""
        if self._calendar is not None:
            self._calendar.cancel()
        tasks = [task for task in (self._task, self._turning) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

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
        self.forecasts.miss()
        self.is_listening = True
        self._ready.set()

    async def _hear(self, news: News) -> None:
        self._heard_at = datetime.now(UTC)
        if news.has_access_changed:
            await self._reload_access()
        if news.alert_ids:
            async with self.pool.connection() as connection:
                self._alerts.send(await events.alert_changes(connection, news.alert_ids))
        self.forecasts.send(news.forecast_panel_ids)
        newest = news.newest_batch
        if news.is_silence:
            async with self.pool.connection() as connection:
                _, newest = await events.batch_bounds(connection)
            if newest > self.position.batch_id:  # readings that are found before they are told of; access as well
                await self._reload_access()
        await self._publish(until=newest)

    # Readings

    async def _publish(self, *, until: int) -> None:
        """Hands out what was stored up to a batch, page by page; more than a page is put in order at once."""
        end = Position.after_batch(until)
        while self.position < end:
            async with self._turn:
                page = await self._page(until) if self._by_panel else []
                await self._hand_out(page)
                self.position = page[-1].position if len(page) == PAGE else end
            if len(page) == PAGE:
                await self._make_room()
                await self._publish_burst(until=until)

    async def _publish_burst(self, *, until: int) -> None:
        """The same from one statement, until somebody comes who wants panels that it was not asked for."""
        wanted = self._wanted()
        asked = None if wanted is None else frozenset(wanted)
        async with (
            self.pool.connection() as connection,
            events.stored_pages(connection, self.position, until=until, panel_ids=wanted, limit=PAGE) as pages,
        ):
            while True:
                async with self._turn:
                    if not self._by_panel or (asked is not None and not self._by_panel.keys() <= asked):
                        return
                    page = await anext(pages)
                    await self._hand_out(page)
                    self.position = page[-1].position if len(page) == PAGE else Position.after_batch(until)
                if len(page) < PAGE:
                    return
                await self._make_room()

    async def _page(self, until: int) -> list[StoredReading]:
        async with self.pool.connection() as connection:
            return await events.stored_after(
                connection, self.position, until=until, panel_ids=self._wanted(), limit=PAGE
            )

    def _wanted(self) -> list[int] | None:
        """The panels that somebody watches; None for so many that all are read."""
        return list(self._by_panel) if len(self._by_panel) <= _MANY_PANELS else None

    async def _hand_out(self, page: list[StoredReading]) -> None:
        since_pause = 0
        for stored in page:
            watches = self._by_panel.get(stored.panel_id, {})
            for watch in watches:
                if not watch.tenures or watch.shows(stored):
                    watch.mailbox.put(stored)
            self.handed_out += len(watches)
            since_pause += len(watches)
            if since_pause >= _HANDED_OUT_AT_ONCE:
                since_pause = 0
                await asyncio.sleep(0)  # requests and pings go on meanwhile

    async def _make_room(self) -> None:
        """Gives whoever reads its stream the time to take a page before the next one comes."""
        crowded = [watch.mailbox for watch in self._watches if watch.mailbox.is_crowded]
        with suppress(TimeoutError):
            async with asyncio.timeout(_ROOM_WITHIN_S):
                for mailbox in crowded:
                    await mailbox.room()

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
            access = await self._access_of(viewer.account_id)
            self._watches[watch] = None
            self._held[watch.account_id] += 1
            self._admit(watch, access)
        try:
            yield watch
        finally:
            del self._watches[watch]
            self._leave(watch)
            self._forget(watch.account_id)

    @asynccontextmanager
    async def watch_scope(self, scope: Scope) -> AsyncGenerator[Watch]:
        """A share of everything that is stored from now on of a scope's panels, for all who have that scope now.

        Raises:
            Refused: DATABASE_UNAVAILABLE while the database has not been reached for the first time; UNAUTHENTICATED
                for the scope of every panel when nobody has it any more.
        """
        await self._become_ready()
        async with self._turn:
            access = self._access_of_everything()
            if scope.panel_ids is None and access is None:
                raise Refused("UNAUTHENTICATED", "What you may see has just changed: subscribe again.")
            watch = Watch(None, Mailbox(CAPACITY), self.position, account_id=0, scope=scope)
            self._watches[watch] = None
            self._admit(watch, access)
        try:
            yield watch
        finally:
            del self._watches[watch]
            self._leave(watch)

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[Database]:
        """A connection for what streams read at their beginning; half of the pool at the most is lent at a time.

        When thousands come back after a restart, they wait here, and requests still find a connection in time.
        """
        async with self._readers, self.pool.connection() as connection:
            yield connection

    async def standing(self) -> Position:
        """The place up to which everything was handed out to every watch, at a moment when no page is half done.

        Raises:
            Refused: DATABASE_UNAVAILABLE while the database has not been reached for the first time.
        """
        await self._become_ready()
        async with self._turn:
            return self.position

    async def _become_ready(self) -> None:
        if self._ready.is_set():
            return
        try:
            async with asyncio.timeout(_READY_WITHIN_S):
                await self._ready.wait()
        except TimeoutError:
            message = "The database does not answer. Try again in a moment."
            raise Refused("DATABASE_UNAVAILABLE", message) from None

    # Access

    @asynccontextmanager
    async def seeing(self, viewer: Viewer, *, codes: Collection[str] | None) -> AsyncGenerator[Sight]:
        """What the viewer may see now and as long as the context lasts; as `sight`, which see."""
        sight = await self.sight(viewer, codes=codes)
        try:
            yield sight
        finally:
            self.release(sight)

    async def sight(self, viewer: Viewer, *, codes: Collection[str] | None) -> Sight:
        """What the viewer may see now, and what it may see later on, until it is released.

        Raises:
            Refused: DATABASE_UNAVAILABLE while the database has not been reached for the first time.
        """
        await self._become_ready()
        key = viewer.account_id, None if codes is None else frozenset(codes)
        sight = self._sights.get(key)
        if sight is None:
            async with self._turn:
                access = await self._access_of(viewer.account_id)
                sight = self._sights.get(key)
                if sight is None:
                    sight = self._sights[key] = Sight(*key)
                    self._held[viewer.account_id] += 1
                    sight.allow(access, at=self.position)
        sight.holders += 1
        return sight

    def release(self, sight: Sight) -> None:
        """Gives a sight back; once by each who was given it."""
        sight.holders -= 1
        if not sight.holders:
            del self._sights[sight.account_id, sight.codes]
            self._forget(sight.account_id)

    async def _access_of(self, account_id: int) -> Access | None:
        """What an account may see; known, and kept up to date, while it has another stream or sight."""
        if account_id not in self._access:
            async with self.pool.connection() as connection:
                self._access |= await events.access_of(connection, [account_id])
                access = self._access.get(account_id)
                if access and access.may_rent:
                    self._expect(await events.next_change_s(connection, [account_id]), is_another=True)
        return self._access.get(account_id)

    def _expect(self, within_s: float | None, *, is_another: bool = False) -> None:
        """Has access read again when the next tenancy begins or ends; `is_another`: unless it is so before."""
        loop = asyncio.get_running_loop()
        at_s = None if within_s is None else loop.time() + max(within_s, 0.0) + _AFTER_CHANGE_S
        known = self._calendar
        if is_another and (at_s is None or (known and not known.cancelled() and loop.time() < known.when() <= at_s)):
            return
        if known is not None:
            known.cancel()
        within_day_s = None if at_s is None else min(at_s, loop.time() + _LOOK_AGAIN_S)
        self._calendar = None if within_day_s is None else loop.call_at(within_day_s, self._turn_over)

    def _turn_over(self) -> None:
        self._calendar = None
        self._turning = asyncio.create_task(self._reload_on_change(), name="live access")

    async def _reload_on_change(self) -> None:
        try:
            await self._reload_access()
        except Exception as error:  # noqa: BLE001 - while the database is away nothing is told either
            _report(error, failures=0)
            self._expect(_RETRY_AFTER_S[-1])

    async def _reload_access(self) -> None:
        async with self._turn:
            account_ids = self._held.keys() | set(self._alerts.account_ids)
            async with self.pool.connection() as connection:
                self._access = await events.access_of(connection, list(account_ids))
                renters = [account_id for account_id, access in self._access.items() if access.may_rent]
                self._expect(await events.next_change_s(connection, renters) if renters else None)
            every = self._access_of_everything()
            for watch in self._watches:
                if watch.scope is None:
                    self._admit(watch, self._access.get(watch.account_id))
                elif every is not None:
                    self._admit(watch, every)
            for sight in list(self._sights.values()):
                sight.allow(self._access.get(sight.account_id), at=self.position)
            self._alerts.end(account_ids - self._access.keys())

    def _access_of_everything(self) -> Access | None:
        """What admins may see; whoever has the scope of every panel is one. None without any."""
        return next((access for access in self._access.values() if access.role is Role.ADMIN), None)

    def _forget(self, account_id: int) -> None:
        """What an account may see need not be known once it has neither stream nor sight."""
        self._held[account_id] -= 1
        if not self._held[account_id]:
            del self._held[account_id]
            self._access.pop(account_id, None)

    def _admit(self, watch: Watch, access: Access | None) -> None:
        before = watch.panel_ids
        watch.allow(access)
        self._leave(watch, panel_ids=before - watch.panel_ids)
        for panel_id in watch.panel_ids - before:
            self._by_panel.setdefault(panel_id, {})[watch] = None

    def _leave(self, watch: Watch, *, panel_ids: frozenset[int] | None = None) -> None:
        """Hands out no more of these panels, of none when left out."""
        for panel_id in watch.panel_ids if panel_ids is None else panel_ids:
            del self._by_panel[panel_id][watch]
            if not self._by_panel[panel_id]:
                del self._by_panel[panel_id]

    # Alerts

    def alerts(self, account_id: int) -> AsyncGenerator[int]:
        """The ids of an account's alerts, each time one is raised, acknowledged or cleared; without an end.

        Raises:
            Refused: UNAUTHENTICATED once the account was removed.
        """
        return self._alerts.ids_of(account_id)

    # How it is doing

    def begun(self, account_id: int | None) -> None:
        """Counts a subscription that was opened."""
        self.subscribers[account_id] += 1

    def ended(self, account_id: int | None) -> None:
        """Counts its end."""
        self.subscribers[account_id] -= 1
        if not self.subscribers[account_id]:
            del self.subscribers[account_id]

    @property
    def dropped(self) -> int:
        """How many readings slow subscribers did not get, those included that they have yet to be told of."""
        return self.dropped_before + sum(watch.mailbox.dropped for watch in self._watches)

    @property
    def streams(self) -> int:
        """How many distinct streams are read in this process, whoever shares them."""
        return len(self._watches) + self._alerts.count


def _existing(viewer: Viewer | None) -> Viewer:
    if viewer is None:
        raise Refused("UNAUTHENTICATED", "This account no longer exists.")
    return viewer


def _report(error: Exception, *, failures: int) -> None:
    """Says once that live updates have stopped; a fault of our own, with where it is."""
    if not is_outage(error):
        log.error("live updates stopped", exc_info=error)
    elif failures == 0:
        log.warning("live updates have to wait, the database does not answer: %s", error)
