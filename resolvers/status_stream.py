"""Turns a subscription to status into its events: every panel once, then each change, also those that time makes."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import strawberry

from resolvers import panels
from resolvers.context import Context, Info
from resolvers.live import LiveHub, Watch
from resolvers.reading_stream import checked_codes
from store import events
from store.panels import Panel, PanelStatus

_LONGEST_WAIT_S = 60.0


@dataclass(frozen=True, slots=True)
class PanelStatusEvent:
    """What a panel's status is from `at` on; `is_change` is False for the panels' first events."""

    panel_id: int
    panel_code: str
    status: PanelStatus
    last_seen_at: datetime | None
    at: datetime
    is_change: bool


@dataclass(slots=True)
class _Known:
    panel_id: int
    code: str
    last_seen_at: datetime | None
    status: PanelStatus


async def panel_status(info: Info, *, codes: Sequence[str] | None = None) -> AsyncGenerator[PanelStatusEvent]:
    """The status of each visible panel, then each change, for as long as the viewer may see the panel.

    Raises:
        Refused: UNAUTHENTICATED, BAD_INPUT (codes), DATABASE_UNAVAILABLE.
    """
    context = info.context
    viewer, chosen = context.signed_in, checked_codes(codes)
    live: LiveHub = context.live
    async with live.watch(viewer, codes=chosen, newest_only=True) as watch:
        stream = StatusStream(context, watch, chosen)
        while True:
            for event in await stream.changes():
                context.viewer = watch.viewer
                context.loaders.clear()
                if event.panel_id in watch.panel_ids:
                    yield event


@dataclass(slots=True, eq=False)
class StatusStream:
    """One subscription: what it said of each panel last, and when time alone will change the next of them."""

    context: Context
    watch: Watch
    codes: list[str] | None
    _known: dict[int, _Known] = field(default_factory=dict[int, _Known])
    _next_check_at: datetime | None = None
    _access_changes: int = -1

    async def changes(self) -> list[PanelStatusEvent]:
        """What the next moment brings; nothing, where it brings nothing new."""
        if self._access_changes != self.watch.access_changes:
            return await self._newly_visible()
        if await self.watch.mailbox.wait(self._wait_s()):
            waiting, _ = self.watch.mailbox.take()
            heard = [self._heard(stored.panel_id, stored.panel_code, stored.reading.received_at) for stored in waiting]
            return [event for event in heard if event is not None]
        return await self._fallen_silent()

    async def _newly_visible(self) -> list[PanelStatusEvent]:
        """The panels that came into sight, at first all of them; those that went out of it are forgotten."""
        self._access_changes = self.watch.access_changes
        now = self.context.now()
        async with self.context.pool.connection() as connection:
            found = await events.snapshot(
                connection, viewer=self.watch.viewer, codes=self.codes, online_since=now - self._within
            )
        # What the hub has yet to hear of is told once it has: until then its readings would not come.
        visible = [panel for panel in found.panels if panel.id in self.watch.panel_ids]
        fresh = [panel for panel in visible if panel.id not in self._known]
        self._known = {panel.id: self._known.get(panel.id) or _known(panel) for panel in visible}
        self._next_check_at = self._earliest_end()
        return [
            PanelStatusEvent(panel.id, panel.code, panel.status, panel.last_seen_at, now, is_change=False)
            for panel in fresh
        ]

    def _heard(self, panel_id: int, code: str, received_at: datetime) -> PanelStatusEvent | None:
        """A reading came: a change where the panel was offline, unless the reading itself is old."""
        known = self._known.setdefault(panel_id, _Known(panel_id, code, None, PanelStatus.OFFLINE))
        known.last_seen_at = max(known.last_seen_at or received_at, received_at)
        return self._judged(known)

    def _judged(self, known: _Known) -> PanelStatusEvent | None:
        now, ends_at = self.context.now(), _plus(known.last_seen_at, self._within)
        status = PanelStatus.ONLINE if ends_at and ends_at >= now else PanelStatus.OFFLINE
        if status is PanelStatus.ONLINE and ends_at:
            self._next_check_at = min(self._next_check_at or ends_at, ends_at)
        if status is known.status:
            return None
        known.status = status
        return PanelStatusEvent(known.panel_id, known.code, status, known.last_seen_at, now, is_change=True)

    async def _fallen_silent(self) -> list[PanelStatusEvent]:
        """The panels whose time is up; the database is asked first, it may have heard of them without a reading."""
        now = self.context.now()
        due = [
            panel_id
            for panel_id, known in self._known.items()
            if known.status is PanelStatus.ONLINE and (_plus(known.last_seen_at, self._within) or now) < now
        ]
        if due:
            async with self.context.pool.connection() as connection:
                seen = await events.last_seen_at(connection, viewer=self.watch.viewer, panel_ids=due)
            for panel_id, last_seen_at in seen.items():
                known = self._known[panel_id]
                known.last_seen_at = max(known.last_seen_at or last_seen_at, last_seen_at)
        changes = [self._judged(self._known[panel_id]) for panel_id in due]
        self._next_check_at = self._earliest_end()
        return [event for event in changes if event is not None]

    def _earliest_end(self) -> datetime | None:
        ends = (
            _plus(known.last_seen_at, self._within)
            for known in self._known.values()
            if known.status is PanelStatus.ONLINE
        )
        return min((end for end in ends if end is not None), default=None)

    def _wait_s(self) -> float:
        if self._next_check_at is None:
            return _LONGEST_WAIT_S
        wait_s = (self._next_check_at - self.context.now()).total_seconds() + 0.01
        return min(max(wait_s, 0.01), _LONGEST_WAIT_S)

    @property
    def _within(self) -> timedelta:
        return self.context.online_within


def _known(panel: Panel) -> _Known:
    return _Known(panel.id, panel.code, panel.last_seen_at, panel.status)


def _plus(at: datetime | None, span: timedelta) -> datetime | None:
    return None if at is None else at + span


async def panel_of_event(info: Info, event: strawberry.Parent[PanelStatusEvent]) -> Panel | None:
    """The panel of an event as it is now; None when it may no longer be seen."""
    return await panels.visible(info.context, event.panel_code)
