"""Turns a subscription to what panels are like into its events: the state first, then what changes of it."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Hashable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from math import inf
from time import monotonic
from typing import Any, ClassVar, Generic

from resolvers.context import Context
from resolvers.forecast_news import ForecastBox
from resolvers.live import LiveHub, Sight, Watch
from resolvers.pages import Cursor
from resolvers.reading_events import Gap, GapReason, Heartbeat
from resolvers.reading_stream import checked_codes, checked_heartbeat
from resolvers.state_events import S, Since, StateChanged, StateSnapshot, from_snapshot, sight_of, since_of
from resolvers.streams import LiveStream, Resumption, Told
from resolvers.windows import as_now
from store import events
from store.connections import Database
from store.events import Position, StoredReading
from store.outages import is_outage
from store.panels import Panel, by_ids

AGAIN = timedelta(minutes=2)
"""Changes of so long before a cursor count as later: another process's clock may be behind, or its commit late."""
MAX_SCANNED = 100_000
PAGE = 200
_RETRY_S = 1.0
AHEAD = timedelta(minutes=1)
"""A cursor from so far in the future, and no further, may be of another process."""


class Timer:
    """What time and readings do to the panels of one stream; by default nothing."""

    def begin(self, panels: Sequence[Panel], *, now: datetime) -> None:
        """Takes note of the panels; those that it knew before are forgotten."""

    def heard(self, stored: StoredReading, *, now: datetime) -> bool:
        """Whether a reading may have changed its panel's state."""
        del stored, now
        return False

    def read(self, panels: Sequence[Panel]) -> None:
        """Takes note of what some of the panels are like now."""

    def next_at(self) -> datetime | None:
        """When time alone may change the next panel's state; None for never."""
        return None

    def due(self, now: datetime) -> Collection[int]:
        """The ids of the panels whose state time may have changed by now; each is told once."""
        del now
        return ()


class Kind(ABC, Generic[S]):
    """What a stream of one kind tells of each panel, and what changes that."""

    name: ClassVar[str]
    snapshot: type[StateSnapshot[S]]
    changed: type[StateChanged[S]]
    pause_s: float = 0.0
    """A panel's changes are told once in so many seconds at the most, the newest of them."""
    comes_of_readings: bool = True
    comes_of_forecasts: bool = False

    def follows(self, panel: Panel) -> bool:
        """Whether panels like this one have such a state."""
        del panel
        return True

    def timer(self, context: Context) -> Timer:
        """What time does to a new stream's panels."""
        del context
        return Timer()

    def known(self, panel: Panel) -> Hashable:
        """What `key` says of a panel's state where a stream begins; None where it is not known without reading it."""
        del panel

    @abstractmethod
    def key(self, state: S) -> Hashable:
        """What of a state makes it another one."""

    @abstractmethod
    async def states(self, context: Context, panels: Sequence[Panel]) -> list[S]:
        """The panels' states now, in their order; a few statements however many there are."""

    @abstractmethod
    async def changed_since(
        self, context: Context, panels: Sequence[Panel], *, since: Since, with_readings: Collection[int]
    ) -> Collection[int]:
        """The ids of those panels whose state may have changed since; `with_readings` had readings stored since."""


@dataclass(frozen=True, slots=True, order=True)
class StatePlace:
    """A place in a stream of states: what was read before it is older than what comes after it."""

    at_s: float
    number: int
    since: Since = field(compare=False)


class StateStream(LiveStream, Generic[S]):
    """One subscription to a kind of state."""

    def __init__(
        self,
        kind: Kind[S],
        context: Context,
        *,
        codes: Sequence[str] | None,
        after: Cursor | None,
        heartbeat_every_s: float | None,
    ) -> None:
        """Checks the arguments.

        Raises:
            Refused: UNAUTHENTICATED, BAD_INPUT (codes, heartbeatEveryS), BAD_CODE, BAD_CURSOR.
        """
        self.kind, self.context = kind, context
        self.live: LiveHub = context.live
        self.viewer = context.signed_in
        chosen = checked_codes(codes)
        self.codes = None if chosen is None else frozenset(chosen)
        self.after = since_of(after, kind=kind.name)
        self.every_s = checked_heartbeat(heartbeat_every_s, default_s=self.live.heartbeat_s)

    async def opening(self, *, since: Resumption | None = None) -> AsyncGenerator[Told]:
        """The panels' state, or what of it changed since `after`."""
        del since
        at_s = monotonic()
        async with self.live.seeing(self.viewer, codes=self.codes) as sight:
            self.context.viewer, at_first = sight.viewer, sight.panel_ids
            found, begin, reason = await self._found()
            panels = [panel for panel in found if self.kind.follows(panel)]
            begin = Since(begin.batch_id, begin.at, sight_of(panel.id for panel in panels))
            place = StatePlace(at_s, 0, begin)
            if reason is not None:
                yield Told(Gap(from_snapshot(self.kind.name), reason, None), place)
            resumed = self.after if reason is None and self.after and self.after.sight == begin.sight else None
            if resumed is not None:
                panels = await self._changed(panels, since=resumed, until=begin)
            pages = Pages(self.kind, self.context, sight, at_first)
            async for told in pages.told(panels, place=place, resumed=resumed):
                yield told

    async def _found(self) -> tuple[list[Panel], Since, GapReason | None]:
        """The panels in sight, where they stand, and why nobody can say what changed since `after`."""
        now = self.context.now()
        async with self.live.reading() as connection:
            found = await panels_of(connection, self.context, codes=self.codes)
            begin = Since(found.position.batch_id, now, "")
            return found.panels, begin, await self._gap(connection, begin)

    async def _gap(self, connection: Database, begin: Since) -> GapReason | None:
        """Why nobody can say what changed since `after`; None where it can be said, or is not asked."""
        after = self.after
        if after is None:
            return None
        newest = max(begin.batch_id, self.live.position.batch_id)
        if after.batch_id > newest or after.at > begin.at + AHEAD:
            return GapReason.UNKNOWN_CURSOR
        if not self.kind.comes_of_readings:
            return None
        oldest, _ = await events.batch_bounds(connection)
        scanned = await events.count_all(connection, after=after.batch_id, until=newest, limit=MAX_SCANNED + 1)
        return GapReason.TOO_OLD if oldest > after.batch_id > 0 or scanned > MAX_SCANNED else None

    async def _changed(self, panels: Sequence[Panel], *, since: Since, until: Since) -> list[Panel]:
        context, with_readings = self.context, set[int]()
        if self.kind.comes_of_readings:
            async with self.live.reading() as connection:
                with_readings = await events.panels_with_news(
                    connection,
                    viewer=context.signed_in,
                    panel_ids=[panel.id for panel in panels],
                    after=since.batch_id,
                    until=until.batch_id,
                )
        changed = await self.kind.changed_since(context, panels, since=since, with_readings=with_readings)
        return [panel for panel in panels if panel.id in changed]

    @asynccontextmanager
    async def following(self) -> AsyncGenerator[AsyncIterator[Told]]:
        """Each panel's changes, for everybody who asks alike."""
        async with AsyncExitStack() as held:
            watch = await held.enter_async_context(self.live.watch(self.viewer, codes=self.codes, newest_only=True))
            box = ForecastBox(watch.mailbox.ring)
            if self.kind.comes_of_forecasts:
                box = held.enter_context(self.live.forecasts.box(watch.mailbox.ring))
            follower = Follower(self.kind, self.context, self.live, watch, box, self.every_s)
            await follower.begin()
            yield follower.told()

    def gap(self, place: Any, *, missed: int) -> Gap:
        """What a slow client is told before the newest state of each panel."""
        since: Since = place.since
        return Gap(since.cursor(self.kind.name), GapReason.SLOW_CLIENT, missed)


@dataclass(slots=True, eq=False)
class Follower(Generic[S]):
    """What happens to the panels of one stream: which of them have news that is not told yet, and what was told."""

    kind: Kind[S]
    context: Context
    live: LiveHub
    watch: Watch
    box: ForecastBox
    every_s: float
    _timer: Timer = field(init=False)
    _codes_by_id: dict[int, str] = field(default_factory=dict[int, str])
    _known: dict[int, Hashable] = field(default_factory=dict[int, Hashable])
    _news: set[int] = field(default_factory=set[int])
    _numbers: "count[int]" = field(default_factory=lambda: count(1))
    _since: Since = field(init=False)
    _last_seen_at: datetime | None = None
    _access_changes: int = -1
    _told_at_s: float = field(default_factory=monotonic)
    _looks_at_s: float = -inf

    async def begin(self) -> None:
        """Takes note of the panels as they are: what differs from that later is news."""
        self._timer = self.kind.timer(self.context)
        _, self._since = await self._look()

    async def _look(self) -> tuple[list[Panel], Since]:
        """The panels that are followed from now on, and where they stand."""
        self._access_changes = self.watch.access_changes
        self._renew_context()
        now = self.context.now()
        async with self.live.reading() as connection:
            found = await panels_of(connection, self.context, codes=self.watch.codes)
        self._news.update(self._timer.due(now))
        # What the hub has yet to hear of is followed once it has: until then its readings would not come.
        seen = [panel for panel in found.panels if panel.id in self.watch.panel_ids and self.kind.follows(panel)]
        self._codes_by_id = {panel.id: panel.code for panel in seen}
        self._known = {panel.id: self._known.get(panel.id, self.kind.known(panel)) for panel in seen}
        self._last_seen_at = max((panel.last_seen_at for panel in seen if panel.last_seen_at), default=None)
        self._timer.begin(seen, now=now)
        return seen, Since(found.position.batch_id, now, sight_of(self._codes_by_id))

    async def told(self) -> AsyncGenerator[Told]:
        """What is told of them, without an end.

        Raises:
            Refused: UNAUTHENTICATED when the account was removed.
        """
        while True:
            await self.watch.mailbox.wait(self._wait_s())
            self._renew_context()
            self._take()
            async for told in self._happened():
                self._told_at_s = monotonic()
                self._renew_context()
                yield told

    async def _happened(self) -> AsyncGenerator[Told]:
        """What there is to tell now; while the database does not answer, what waits to be looked at goes on waiting."""
        try:
            async for told in self._next():
                yield told
        except Exception as error:
            if not is_outage(error):
                raise
            self._access_changes, self._looks_at_s = -1, monotonic() + _RETRY_S

    def _next(self) -> AsyncGenerator[Told]:
        may_look = monotonic() >= self._looks_at_s
        if may_look and self._access_changes != self.watch.access_changes:
            return self._other_sight()
        if may_look and self._news:
            return self._changes()
        return self._beat()

    def _wait_s(self) -> float:
        waits_s = [self._told_at_s + self.every_s - monotonic()]
        if self._news or self._access_changes != self.watch.access_changes:
            waits_s.append(self._looks_at_s - monotonic())
        next_at = self._timer.next_at()
        if next_at is not None:
            waits_s.append((next_at - self.context.now()).total_seconds() + 0.01)
        return max(min(waits_s), 0.0)

    def _take(self) -> None:
        """Takes note of whose state may have changed."""
        now = self.context.now()
        waiting, _ = self.watch.mailbox.take()
        for stored in waiting:
            received_at = stored.reading.received_at
            self._last_seen_at = max(self._last_seen_at or received_at, received_at)
            is_new = stored.batch_id > self._since.batch_id  # than what every opening has read
            if is_new and stored.panel_id in self._codes_by_id and self._timer.heard(stored, now=now):
                self._news.add(stored.panel_id)
        panel_ids, is_behind = self.box.take()
        self._news.update(self._codes_by_id if is_behind else panel_ids & self._codes_by_id.keys())
        self._news.update(self._timer.due(now))

    async def _changes(self) -> AsyncGenerator[Told]:
        """The panels that have news, as they are now, where that is not what was told before."""
        self._looks_at_s = monotonic() + self.kind.pause_s
        news, reached = sorted(self._news), self._reached()
        for start in range(0, len(news), PAGE):
            page = news[start : start + PAGE]
            fresh = await self._fresh([panel_id for panel_id in page if panel_id in self._codes_by_id])
            self._news.difference_update(page)
            is_last = start + PAGE >= len(news)
            at_s, now = monotonic(), self.context.now()
            for number, state in enumerate(fresh, 1):
                self._known[state.panel.id] = self.kind.key(state)
                since = reached if is_last and number == len(fresh) else self._since
                event = self.kind.changed(since.cursor(self.kind.name), now, state)
                yield Told(event, StatePlace(at_s, next(self._numbers), since), state.panel.id)
        self._since = reached

    async def _fresh(self, panel_ids: list[int]) -> list[S]:
        """The states of these panels that differ from what is known of them."""
        async with self.live.reading() as connection, as_now(connection, self.context):
            found = await by_ids(
                connection,
                panel_ids,
                viewer=self.context.signed_in,
                online_since=self.context.now() - self.context.online_within,
            )
        seen = [found[panel_id] for panel_id in panel_ids if panel_id in found]
        self._timer.read(seen)
        states = await self.kind.states(self.context, seen)
        return [state for state in states if self._known.get(state.panel.id) != self.kind.key(state)]

    async def _other_sight(self) -> AsyncGenerator[Told]:
        """All panels, when some came into sight or went out of it."""
        panels, since = await self._look()
        if since.sight == self._since.sight:
            # The timer begins with the panels as they are now: what it no longer waits for would never be told.
            known = {panel.id: self.kind.known(panel) for panel in panels}
            self._news.update(id_ for id_, state in known.items() if state not in (None, self._known[id_]))
            return
        place, pages = StatePlace(0.0, 0, since), Pages(self.kind, self.context, self.watch, self.watch.panel_ids)
        async for told in pages.told(panels, place=place, resumed=None):
            snapshot: StateSnapshot[S] = told.event
            self._known.update({state.panel.id: self.kind.key(state) for state in snapshot.states})
            yield Told(snapshot, StatePlace(monotonic(), next(self._numbers), since))
        self._since = since

    async def _beat(self) -> AsyncGenerator[Told]:
        """A sign of life after a while; what waits to be told is not passed over by its cursor."""
        if monotonic() < self._told_at_s + self.every_s:
            return
        if not self._news:
            self._since = self._reached()
        cursor = self._since.cursor(self.kind.name)
        seen_at = self._last_seen_at and self._last_seen_at.astimezone(UTC)
        beat = Heartbeat(cursor, self.context.now(), seen_at, self.live.is_listening)
        yield Told(beat, StatePlace(monotonic(), next(self._numbers), self._since), is_beat=True)

    def _reached(self) -> Since:
        """Up to where everything has been taken note of; while the database is away, no further than before."""
        if not self.live.is_listening:
            return self._since
        batch_id = max(_whole_batches(self.live.position), self._since.batch_id)
        return Since(batch_id, self.context.now(), self._since.sight)

    def _renew_context(self) -> None:
        """What is read next is read anew, for the viewer as it is now.

        Raises:
            Refused: UNAUTHENTICATED when the account was removed.
        """
        self.context.viewer = self.watch.viewer
        self.context.loaders.clear()


@dataclass(frozen=True, slots=True)
class Pages(Generic[S]):
    """Tells what panels are like, in parts, to who saw the panels of `at_first` when they were read."""

    kind: Kind[S]
    context: Context
    sight: Sight | Watch
    at_first: frozenset[int]

    async def told(self, panels: Sequence[Panel], *, place: StatePlace, resumed: Since | None) -> AsyncGenerator[Told]:
        """The snapshot of these panels; all parts but the last have a cursor from before it.

        Raises:
            Refused: UNAUTHENTICATED when the account was removed.
        """
        before = from_snapshot(self.kind.name) if resumed is None else resumed.cursor(self.kind.name)
        starts = range(0, max(len(panels), 1), PAGE)
        for start in starts:
            is_complete = start == starts[-1]
            states = await self._states(panels[start : start + PAGE])
            cursor = place.since.cursor(self.kind.name) if is_complete else before
            yield Told(self.kind.snapshot(cursor, states, resumed is None, is_complete), place)

    async def _states(self, panels: Sequence[Panel]) -> list[S]:
        """The states of those that have not gone out of sight since, read for the viewer as it is now."""
        self.context.viewer = self.sight.viewer
        self.context.loaders.clear()
        gone = self.at_first - self.sight.panel_ids
        return await self.kind.states(self.context, [panel for panel in panels if panel.id not in gone])


def lent(context: Context) -> AbstractAsyncContextManager[Database]:
    """A connection for what a stream reads; see `LiveHub.reading`."""
    live: LiveHub = context.live
    return live.reading()


async def panels_of(connection: Database, context: Context, *, codes: Collection[str] | None) -> events.Snapshot:
    """The panels of these codes (None: all) that the viewer may see, as they are now."""
    async with as_now(connection, context):
        return await events.snapshot(
            connection,
            viewer=context.signed_in,
            codes=None if codes is None else list(codes),
            online_since=context.now() - context.online_within,
        )


def _whole_batches(position: Position) -> int:
    """The newest batch of which everything has been handed out."""
    return position.batch_id if position.is_after_batch else position.batch_id - 1
