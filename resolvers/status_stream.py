"""Turns a subscription to status into its events: every panel once, then each change, also those that time makes."""

from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from resolvers.context import Context, Info
from resolvers.pages import Cursor
from resolvers.state_events import PanelState, Since, StateChanged, StateSnapshot
from resolvers.state_stream import AGAIN, Kind, StateStream, Timer
from store.events import StoredReading
from store.panels import Panel, PanelStatus


@dataclass(frozen=True, slots=True)
class PanelStatusState(PanelState):
    """Whether a panel has been heard of lately."""

    @property
    def status(self) -> PanelStatus:
        """Its status when it was read."""
        return self.panel.status

    @property
    def last_seen_at(self) -> datetime | None:
        """When its last reading arrived, in its time zone; None before the first."""
        return self.panel.last_seen_at


class PanelStatusSnapshot(StateSnapshot[PanelStatusState]):
    """The status of panels."""


class PanelStatusChanged(StateChanged[PanelStatusState]):
    """A panel came online or went offline."""


@dataclass(slots=True, eq=False)
class Silence(Timer):
    """Knows which panels are online until when, unless they are heard of again."""

    within: timedelta
    _ends: dict[int, datetime] = field(default_factory=dict[int, datetime])
    _next_at: datetime | None = None

    def begin(self, panels: Sequence[Panel], *, now: datetime) -> None:
        """Takes note of when each panel will have been silent for too long."""
        del now
        self._ends.clear()
        self.read(panels)

    def read(self, panels: Sequence[Panel]) -> None:
        """Takes note of when each panel that is online will have been silent for too long."""
        for panel in panels:
            self._ends.pop(panel.id, None)
            if panel.status is PanelStatus.ONLINE and panel.last_seen_at:
                self._ends[panel.id] = panel.last_seen_at + self.within
        self._next_at = min(self._ends.values(), default=None)

    def heard(self, stored: StoredReading, *, now: datetime) -> bool:
        """Whether the panel was offline and the reading is not old; the end of one that was online moves on."""
        end = stored.reading.received_at + self.within
        known = self._ends.get(stored.panel_id)
        if known is not None:
            self._ends[stored.panel_id] = max(known, end)
        return known is None and end >= now

    def next_at(self) -> datetime | None:
        """No later than the first end; it may be of a panel that was heard of since."""
        return self._next_at

    def due(self, now: datetime) -> Collection[int]:
        """The panels that were silent for too long."""
        if self._next_at is None or self._next_at >= now:
            return ()
        due = [panel_id for panel_id, end in self._ends.items() if end < now]
        for panel_id in due:
            del self._ends[panel_id]
        self._next_at = min(self._ends.values(), default=None)
        return due


class StatusKind(Kind[PanelStatusState]):
    """What the stream of status tells. The panels themselves have it: it takes no statement more."""

    name = "status"
    snapshot, changed = PanelStatusSnapshot, PanelStatusChanged

    def timer(self, context: Context) -> Timer:
        """Silence."""
        return Silence(context.online_within)

    def known(self, panel: Panel) -> Hashable:
        """Its status."""
        return panel.status

    def key(self, state: PanelStatusState) -> Hashable:
        """Its status: when a panel was seen last is told with each change of it."""
        return state.status

    async def states(self, context: Context, panels: Sequence[Panel]) -> list[PanelStatusState]:
        """Their status."""
        del context
        return [PanelStatusState(panel) for panel in panels]

    async def changed_since(
        self, context: Context, panels: Sequence[Panel], *, since: Since, with_readings: Collection[int]
    ) -> Collection[int]:
        """Those that were heard of, or fell silent, since."""
        heard_from = since.at - AGAIN
        silent_from = heard_from - context.online_within
        changed = set(with_readings)
        for panel in panels:
            begin = heard_from if panel.status is PanelStatus.ONLINE else silent_from
            if panel.last_seen_at and panel.last_seen_at >= begin:
                changed.add(panel.id)
        return changed


def panel_status(
    info: Info,
    *,
    codes: Sequence[str] | None = None,
    after: Cursor | None = None,
    heartbeat_every_s: float | None = None,
) -> StateStream[PanelStatusState]:
    """The status of each visible panel, then each change, for as long as the viewer may see the panel.

    Raises:
        Refused: UNAUTHENTICATED, BAD_INPUT (codes, heartbeatEveryS), BAD_CODE, BAD_CURSOR; DATABASE_UNAVAILABLE later.
    """
    return StateStream(StatusKind(), info.context, codes=codes, after=after, heartbeat_every_s=heartbeat_every_s)
