"""Turns a subscription to readings into its events: the state first, then each reading once, and nothing lost."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime

import strawberry

from metering.readings import PANEL_CODE
from metering.refusals import Refused
from resolvers import panels
from resolvers.context import Context, Info
from resolvers.live import LiveHub, Watch
from resolvers.pages import Cursor
from resolvers.reading_events import (
    FROM_SNAPSHOT,
    Event,
    Gap,
    GapReason,
    Heartbeat,
    ReadingReceived,
    ReadingSnapshot,
    cursor_at,
    position_of,
)
from store import events
from store.events import Position, StoredReading
from store.panels import Panel

MAX_REPLAYED = 10_000
MAX_SCANNED = 500_000
MAX_CODES = 1000
MAX_HEARTBEAT_S = 300.0
_REPLAY_PAGE = 500
_SNAPSHOT_PAGE = 200


def checked_codes(codes: Sequence[str] | None) -> list[str] | None:
    """The panels that are asked for, without what is no panel's code; None for all that may be seen.

    Raises:
        Refused: BAD_INPUT unless there are 1 to 1,000.
    """
    if codes is not None and not 1 <= len(codes) <= MAX_CODES:
        raise Refused("BAD_INPUT", f"`codes` names 1 to {MAX_CODES} panels; leave it out for all.", "codes")
    return None if codes is None else sorted({code for code in codes if PANEL_CODE.fullmatch(code)})


def _checked_heartbeat(every_s: float | None, *, default_s: float) -> float:
    if every_s is not None and not 1 <= every_s <= MAX_HEARTBEAT_S:
        raise Refused("BAD_INPUT", f"`heartbeatEveryS` must be 1 to {MAX_HEARTBEAT_S:.0f} seconds.", "heartbeatEveryS")
    return default_s if every_s is None else every_s


async def panel_readings(
    info: Info,
    *,
    codes: Sequence[str] | None = None,
    after: Cursor | None = None,
    heartbeat_every_s: float | None = None,
) -> AsyncGenerator[Event]:
    """The state or what was missed, then each reading as it is stored, for as long as the viewer may see it.

    Raises:
        Refused: UNAUTHENTICATED, BAD_INPUT (codes, heartbeatEveryS), BAD_CURSOR, DATABASE_UNAVAILABLE.
    """
    context = info.context
    viewer, chosen, begin = context.signed_in, checked_codes(codes), position_of(after)
    live: LiveHub = context.live
    every_s = _checked_heartbeat(heartbeat_every_s, default_s=live.heartbeat_s)
    async with live.watch(viewer, codes=chosen) as watch:
        stream = ReadingStream(context, live, watch, chosen, begin or watch.start)
        async for event in stream.opening(begin):
            yield event
        while True:
            async for event in stream.following(every_s):
                yield event


@dataclass(slots=True, eq=False)
class ReadingStream:
    """One subscription: `position` is just after the last reading that it has passed on."""

    context: Context
    live: LiveHub
    watch: Watch
    codes: list[str] | None
    position: Position
    last_seen_at: datetime | None = None

    async def opening(self, begin: Position | None) -> AsyncGenerator[Event]:
        """What comes before the newly stored readings: what was missed since `begin`, or the state."""
        reason = None if begin is None else await self._gap(begin)
        if reason is not None:
            yield Gap(FROM_SNAPSHOT, reason, None)
        opening = self._snapshot() if begin is None or reason is not None else self._replay()
        async for event in opening:
            yield event

    async def _gap(self, begin: Position) -> GapReason | None:
        """Why what was stored since `begin` cannot be replayed; None when it can."""
        until = self.watch.start.batch_id
        async with self.context.pool.connection() as connection:
            oldest, newest = await events.batch_bounds(connection)
            if begin.batch_id > max(newest, until):
                return GapReason.UNKNOWN_CURSOR
            scanned = await events.count_all(connection, after=begin.batch_id, until=until, limit=MAX_SCANNED + 1)
            if oldest > begin.batch_id > 0 or scanned > MAX_SCANNED:
                return GapReason.TOO_OLD
            missed = await events.count_visible(
                connection,
                viewer=self.watch.viewer,
                codes=self.codes,
                after=begin.batch_id,
                until=until,
                limit=MAX_REPLAYED + 1,
            )
        return GapReason.TOO_MANY if missed > MAX_REPLAYED else None

    async def _snapshot(self) -> AsyncGenerator[Event]:
        async with self.context.pool.connection() as connection:
            found = await events.snapshot(
                connection,
                viewer=self.watch.viewer,
                codes=self.codes,
                online_since=self.context.now() - self.context.online_within,
            )
        self.position = found.position
        self.last_seen_at = max((p.last_seen_at for p in found.panels if p.last_seen_at), default=None)
        pages = range(0, max(len(found.panels), 1), _SNAPSHOT_PAGE)
        for start in pages:
            is_complete = start == pages[-1]
            cursor = cursor_at(found.position) if is_complete else FROM_SNAPSHOT
            self._renew_context()
            yield ReadingSnapshot(cursor, found.panels[start : start + _SNAPSHOT_PAGE], is_complete)

    async def _replay(self) -> AsyncGenerator[Event]:
        async with self.context.pool.connection() as connection:
            seen = await events.last_seen_at(connection, viewer=self.watch.viewer, panel_ids=list(self.watch.panel_ids))
        self.last_seen_at = max(seen.values(), default=None)
        while page := await self._missed():
            async for event in self._passed_on(page):
                yield event
        self.position = max(self.position, self.watch.start)

    async def _missed(self) -> list[StoredReading]:
        async with self.context.pool.connection() as connection:
            return await events.missed(
                connection,
                viewer=self.watch.viewer,
                codes=self.codes,
                after=self.position,
                until=self.watch.start,
                limit=_REPLAY_PAGE,
            )

    async def following(self, heartbeat_every_s: float) -> AsyncGenerator[Event]:
        """What the next moment brings: newly stored readings, or a heartbeat after so long without any."""
        has_rung = await self.watch.mailbox.wait(heartbeat_every_s)
        self._renew_context()
        if not has_rung:
            yield self._heartbeat()
            return
        waiting, dropped = self.watch.mailbox.take()
        if dropped:
            self.live.dropped_before += dropped
            yield Gap(cursor_at(self.position), GapReason.SLOW_CLIENT, dropped)
        async for event in self._passed_on(waiting):
            yield event

    def _heartbeat(self) -> Heartbeat:
        """The mailbox is empty, so that nothing up to the hub's own position is still to come."""
        self.position = max(self.position, self.live.position)
        return Heartbeat(cursor_at(self.position), self.context.now(), self.last_seen_at, self.live.is_listening)

    async def _passed_on(self, found: list[StoredReading]) -> AsyncGenerator[Event]:
        """Each reading that was not passed on before and that the viewer may still see."""
        for stored in found:
            if stored.position <= self.position:
                continue
            self.position = stored.position
            self._renew_context()
            if stored.panel_id not in self.watch.panel_ids:
                continue
            received_at = stored.reading.received_at
            self.last_seen_at = max(self.last_seen_at or received_at, received_at)
            yield ReadingReceived(cursor_at(self.position), stored.panel_code, stored.reading)

    def _renew_context(self) -> None:
        """Nested fields of the next event are read anew, for the viewer as it is now.

        Raises:
            Refused: UNAUTHENTICATED when the account was removed.
        """
        self.context.viewer = self.watch.viewer
        self.context.loaders.clear()


async def panel_of_event(info: Info, event: strawberry.Parent[ReadingReceived]) -> Panel | None:
    """The panel of an event as it is now; None when it may no longer be seen."""
    return await panels.visible(info.context, event.panel_code)
