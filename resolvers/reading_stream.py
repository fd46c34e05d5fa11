"""Turns a subscription to readings into its events: the state first, then each reading once, and nothing lost."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import strawberry

from metering.access import Viewer
from metering.readings import PANEL_CODE
from metering.refusals import Refused
from resolvers import panels, readings
from resolvers.context import Context, Info
from resolvers.live import LiveHub, Sight, Watch
from resolvers.pages import Cursor, bad_cursor, place_of
from resolvers.reading_events import (
    FROM_SNAPSHOT,
    Gap,
    GapReason,
    Heartbeat,
    ReadingReceived,
    ReadingSnapshot,
    cursor_at,
    position_of,
)
from resolvers.selection import selected
from resolvers.streams import LiveStream, Resumption, Told
from resolvers.windows import as_now
from store import events
from store.events import Position, StoredReading
from store.outages import is_outage
from store.panels import Panel

MAX_REPLAYED = 10_000
MAX_SCANNED = 500_000
MAX_CODES = 1000
MAX_HEARTBEAT_S = 300.0
_REPLAY_PAGE = 500
_SNAPSHOT_PAGE = 200
_RETRY_S = 1.0
"""How soon a changed sight is read again after the database did not answer."""


def checked_codes(codes: Sequence[str] | None) -> list[str] | None:
    """The panels that are asked for, each once; None for all that may be seen.

    Raises:
        Refused: BAD_INPUT unless there are 1 to 1,000, BAD_CODE for what can be no panel's code.
    """
    if codes is not None and not 1 <= len(codes) <= MAX_CODES:
        raise Refused("BAD_INPUT", f"`codes` names 1 to {MAX_CODES} panels; leave it out for all.", "codes")
    for code in codes or ():
        if not PANEL_CODE.fullmatch(code):
            raise Refused(
                "BAD_CODE", f"{code[:64]!r} is no panel's code: 1 to 64 of letters, digits, _ . : -.", "codes"
            )
    return None if codes is None else sorted({*codes})


def checked_heartbeat(every_s: float | None, *, default_s: float) -> float:
    """After how many seconds of silence a stream says that it is alive.

    Raises:
        Refused: BAD_INPUT unless it is 1 to 300.
    """
    if every_s is not None and not 1 <= every_s <= MAX_HEARTBEAT_S:
        raise Refused("BAD_INPUT", f"`heartbeatEveryS` must be 1 to {MAX_HEARTBEAT_S:.0f} seconds.", "heartbeatEveryS")
    return default_s if every_s is None else every_s


def panel_readings(
    info: Info,
    *,
    codes: Sequence[str] | None = None,
    after: Cursor | None = None,
    heartbeat_every_s: float | None = None,
) -> "ReadingStream":
    """The state or what was missed, then each reading as it is stored, for as long as the viewer may see it.

    Raises:
        Refused: UNAUTHENTICATED, BAD_INPUT (codes, heartbeatEveryS), BAD_CODE, BAD_CURSOR; DATABASE_UNAVAILABLE later.
    """
    context = info.context
    _ = context.signed_in
    live: LiveHub = context.live
    chosen, begin = checked_codes(codes), position_of(after)
    is_within_series = begin is not None and not begin.is_after_batch and _is_of_series(after)
    if is_within_series and (chosen is None or len(chosen) > 1):
        raise bad_cursor()
    return ReadingStream(
        context,
        live,
        None if chosen is None else frozenset(chosen),
        begin=begin,
        is_within_series=is_within_series,
        heartbeat_every_s=checked_heartbeat(heartbeat_every_s, default_s=live.heartbeat_s),
        is_alike_for_all="panel" not in selected(info),
    )


def _is_of_series(cursor: Cursor | None) -> bool:
    try:
        return cursor is not None and bool(place_of(cursor, kind=readings.CURSOR))
    except Refused:
        return False


class ReadingStream(LiveStream):
    """One subscription: what came since its cursor, or the state, then what the hub hands out."""

    def __init__(
        self,
        context: Context,
        live: LiveHub,
        codes: frozenset[str] | None,
        *,
        begin: Position | None,
        heartbeat_every_s: float,
        is_alike_for_all: bool,
        is_within_series: bool = False,
    ) -> None:
        """`is_within_series`: `begin` is a place among the readings of its own panel."""
        self.context, self.live, self.codes = context, live, codes
        self.begin, self.heartbeat_every_s = begin, heartbeat_every_s
        self.is_alike_for_all, self.is_within_series = is_alike_for_all, is_within_series

    # What each subscriber gets alone

    async def opening(self, *, since: Resumption | None = None) -> AsyncGenerator[Told]:
        """The state, or what was missed since the cursor or since the scope changed; then the panels in sight first."""
        async with self.live.seeing(self.context.signed_in, codes=self.codes) as sight:
            begin = self.begin if since is None else since.place
            if since is None and begin and self.is_within_series and sight.panel_ids - {begin.panel_id}:
                raise bad_cursor()
            until = await self.live.standing()
            reason = None if begin is None else await self._gap_reason(sight, begin, until=until)
            if reason is not None:
                yield Told(Gap(FROM_SNAPSHOT, reason, None), until)
            if begin is None or reason is not None:
                parts = [self._snapshot(sight)]
            else:
                is_other = since is not None and since.scope.panel_ids != sight.panel_ids
                parts = [self._snapshot(sight, place=begin)] if is_other else []
                parts.append(self._replay(sight, begin, until=until, since=since))
            for part in parts:
                async for told in part:
                    yield told

    async def _gap_reason(self, sight: Sight, begin: Position, *, until: Position) -> GapReason | None:
        """Why what was stored since `begin` cannot be replayed; None when it can."""
        async with self.live.reading() as connection:
            oldest, newest = await events.batch_bounds(connection)
            if begin.batch_id > max(newest, until.batch_id):
                return GapReason.UNKNOWN_CURSOR
            span = {"after": begin.batch_id, "until": until.batch_id}
            scanned = await events.count_all(connection, **span, limit=MAX_SCANNED + 1)
            if oldest > begin.batch_id > 0 or scanned > MAX_SCANNED:
                return GapReason.TOO_OLD
            missed = await events.count_visible(
                connection, viewer=sight.viewer, codes=self._listed_codes, **span, limit=MAX_REPLAYED + 1
            )
        return GapReason.TOO_MANY if missed > MAX_REPLAYED else None

    async def _snapshot(self, sight: Sight | Watch, *, place: Position | None = None) -> AsyncGenerator[Told]:
        """The panels in sight; with a place the stream goes on from there, and what is in both is told again."""
        async with self.live.reading() as connection, as_now(connection, self.context, viewer=sight.viewer):
            found = await events.snapshot(
                connection,
                viewer=sight.viewer,
                codes=self._listed_codes,
                online_since=self.context.now() - self.context.online_within,
            )
        position = found.position if place is None else place
        pages = range(0, max(len(found.panels), 1), _SNAPSHOT_PAGE)
        for start in pages:
            is_complete = start == pages[-1]
            cursor = cursor_at(position) if is_complete else FROM_SNAPSHOT
            self._renew_context(sight.viewer)
            part = ReadingSnapshot(cursor, found.panels[start : start + _SNAPSHOT_PAGE], is_complete)
            yield Told(part, position)

    async def _replay(
        self, sight: Sight, begin: Position, *, until: Position, since: Resumption | None
    ) -> AsyncGenerator[Told]:
        position = begin
        while page := await self._missed(sight, after=position, until=until):
            for stored in page:
                position = stored.position
                came_later = since is not None and position <= since.until and stored.panel_id not in since.scope
                if stored.panel_id in sight.panel_ids and not came_later:
                    self._renew_context(sight.viewer)
                    yield self._received(stored)
        yield Told(None, max(position, until))

    async def _missed(self, sight: Sight, *, after: Position, until: Position) -> list[StoredReading]:
        async with self.live.reading() as connection:
            return await events.missed(
                connection,
                viewer=sight.viewer,
                codes=self._listed_codes,
                after=after,
                until=until,
                limit=_REPLAY_PAGE,
            )

    # What all get together

    @asynccontextmanager
    async def following(self) -> AsyncGenerator[AsyncIterator[Told]]:
        """Each newly stored reading of the account's panels, or of the scope's; a beat after a while without any."""
        async with self._watching() as watch:
            async with self.live.reading() as connection, as_now(connection, self.context):
                seen = await events.last_seen_at(
                    connection, viewer=self.context.signed_in, panel_ids=list(watch.panel_ids)
                )
            yield self._stored(watch, max(seen.values(), default=None), watch.panel_ids)

    def _watching(self) -> AbstractAsyncContextManager[Watch]:
        if self.scope is None:
            return self.live.watch(self.context.signed_in, codes=self.codes)
        return self.live.watch_scope(self.scope)

    async def _stored(self, watch: Watch, last_seen_at: datetime | None, shown: frozenset[int]) -> AsyncGenerator[Told]:
        position = watch.start
        while True:
            has_rung = await watch.mailbox.wait(_RETRY_S if _is_other(watch, shown) else self.heartbeat_every_s)
            self._renew_context(watch.viewer if watch.scope is None else None)
            if _is_other(watch, shown):
                in_sight, parts = watch.panel_ids, await self._sight_now(watch, place=position)
                shown = in_sight if parts else shown
                for told in parts:
                    self._renew_context(watch.viewer)
                    yield told
            elif not has_rung:  # the mailbox is empty, so that nothing up to the hub's own position is still to come
                position = max(position, self.live.position)
                yield self._heartbeat(position, last_seen_at)
            waiting, dropped = watch.mailbox.take()
            if dropped:
                self.live.dropped_before += dropped
                yield Told(self.gap(position, missed=dropped), waiting[0].position, is_gap=True)
            for stored in waiting:
                position = stored.position
                if watch.shows(stored):
                    received_at = stored.reading.received_at
                    last_seen_at = max(last_seen_at or received_at, received_at)
                    self._renew_context(watch.viewer if watch.scope is None else None)
                    yield self._received(stored)

    async def _sight_now(self, watch: Watch, *, place: Position) -> list[Told]:
        """The panels that are in sight now, for who stands at a place; nothing while the database does not answer."""
        try:
            return [replace(told, is_aside=True) async for told in self._snapshot(watch, place=place)]
        except Exception as error:
            if not is_outage(error):
                raise
            return []

    def _received(self, stored: StoredReading) -> Told:
        event = ReadingReceived(cursor_at(stored.position), self.context.now(), stored.panel_code, stored.reading)
        return Told(event, stored.position, stored.panel_id)

    def _heartbeat(self, position: Position, last_seen_at: datetime | None) -> Told:
        seen_at = last_seen_at and last_seen_at.astimezone(UTC)
        beat = Heartbeat(cursor_at(position), self.context.now(), seen_at, self.live.is_listening)
        return Told(beat, position, is_beat=True)

    def gap(self, place: Position, *, missed: int) -> Gap:
        """Says that a slow client did not get so many readings after a place."""
        return Gap(cursor_at(place), GapReason.SLOW_CLIENT, missed)

    def _renew_context(self, viewer: Viewer | None) -> None:
        """Nested fields of the next event are read anew, for the viewer as it is now."""
        self.context.viewer = viewer
        self.context.loaders.clear()

    @property
    def _listed_codes(self) -> list[str] | None:
        return None if self.codes is None else sorted(self.codes)


def _is_other(watch: Watch, shown: frozenset[int]) -> bool:
    """Whether an account sees other panels than those that it was shown; what a scope holds stays."""
    return watch.scope is None and watch.panel_ids != shown


async def panel_of_event(info: Info, event: strawberry.Parent[ReadingReceived]) -> Panel | None:
    """The panel of an event as it is now; None when it may no longer be seen."""
    return await panels.visible(info.context, event.panel_code)
