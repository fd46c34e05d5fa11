"""Turns a subscription to the local day into its events: each panel's day so far, then what readings make of it."""

from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from metering.periods import local_day, local_midnight
from metering.tariffs.book import NO_TARIFFS
from resolvers.context import Context, Info
from resolvers.costs import charged_by
from resolvers.pages import Cursor
from resolvers.state_events import PanelState, Since, StateChanged, StateSnapshot
from resolvers.state_stream import Kind, StateStream, Timer, lent
from resolvers.usage_today import UsageToday, day_so_far, sliced_day
from resolvers.windows import looked_back_by
from store import tariffs, usage
from store.connections import Database
from store.events import StoredReading
from store.panels import Panel
from store.usage import DayTotals


@dataclass(frozen=True, slots=True)
class PanelUsageToday(PanelState):
    """A panel's local day so far; None while no tariff is known that is valid on it."""

    today: UsageToday | None


class UsageTodaySnapshot(StateSnapshot[PanelUsageToday]):
    """The day so far of panels."""


class UsageTodayChanged(StateChanged[PanelUsageToday]):
    """Readings changed a panel's day, or a new one began."""


@dataclass(slots=True, eq=False)
class Midnights(Timer):
    """Knows when the panels' days end."""

    _zones: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    _next_at: dict[str, datetime] = field(default_factory=dict[str, datetime])

    def begin(self, panels: Sequence[Panel], *, now: datetime) -> None:
        """Takes note of the panels' time zones."""
        self._zones.clear()
        for panel in panels:
            self._zones.setdefault(panel.time_zone, []).append(panel.id)
        self._next_at = {zone: midnight_after(now, zone=ZoneInfo(zone)) for zone in self._zones}

    def heard(self, stored: StoredReading, *, now: datetime) -> bool:
        """Every reading may change a day, a late one too."""
        del stored, now
        return True

    def next_at(self) -> datetime | None:
        """The next midnight of any panel."""
        return min(self._next_at.values(), default=None)

    def due(self, now: datetime) -> Collection[int]:
        """The panels whose day has ended."""
        ended = [zone for zone, at in self._next_at.items() if at <= now]
        for zone in ended:
            self._next_at[zone] = midnight_after(now, zone=ZoneInfo(zone))
        return [panel_id for zone in ended for panel_id in self._zones[zone]]


def midnight_after(now: datetime, *, zone: ZoneInfo) -> datetime:
    """When the local day of an instant ends; UTC."""
    return local_midnight(local_day(now, zone) + timedelta(days=1), zone)


class UsageTodayKind(Kind[PanelUsageToday]):
    """What the stream of days tells: a few statements for all panels that changed within a second."""

    name = "today"
    snapshot, changed = UsageTodaySnapshot, UsageTodayChanged
    pause_s = 1.0

    def timer(self, context: Context) -> Timer:
        """Midnights."""
        del context
        return Midnights()

    def key(self, state: PanelUsageToday) -> Hashable:
        """All of it."""
        return state.today

    async def states(self, context: Context, panels: Sequence[Panel]) -> list[PanelUsageToday]:
        """Their days so far, at the price of the day."""
        viewer, days = context.signed_in, {panel.id: local_day(context.now(), panel.zone) for panel in panels}
        async with lent(context) as connection:

            async def read(own: Database, panel_ids: list[int]) -> list[DayTotals]:
                asked = [(panel_id, days[panel_id]) for panel_id in panel_ids]
                return await usage.totals_of_day(own, viewer=viewer, days=asked)

            totals = await looked_back_by(connection, context, list(days), read)
            books = await tariffs.books(connection, viewer=viewer, panel_ids=list(days))
            sliced = [
                spans
                for panel in panels
                if (book := books.get(panel.id)) and (spans := sliced_day(days[panel.id], panel=panel, book=book))
            ]
            costs = await charged_by(connection, context, sliced)
        by_id = {total.panel_id: total for total in totals}
        charges = {spans.panel_id: of_day for spans, (of_day,) in zip(sliced, costs, strict=True)}
        return [
            PanelUsageToday(
                panel,
                price and day_so_far(day, totals=by_id.get(panel.id), tariff=price, charges=charges.get(panel.id)),
            )
            for panel, day in zip(panels, days.values(), strict=True)
            for price in [books.get(panel.id, NO_TARIFFS).on(day)]
        ]

    async def changed_since(
        self, context: Context, panels: Sequence[Panel], *, since: Since, with_readings: Collection[int]
    ) -> Collection[int]:
        """Those that had readings since, and those whose day is another one."""
        now = context.now()
        other_day = {panel.id for panel in panels if local_day(since.at, panel.zone) != local_day(now, panel.zone)}
        return other_day.union(with_readings)


def usage_today(
    info: Info,
    *,
    codes: Sequence[str] | None = None,
    after: Cursor | None = None,
    heartbeat_every_s: float | None = None,
) -> StateStream[PanelUsageToday]:
    """Each visible panel's local day so far, then each change, for as long as the viewer may see the panel.

    Raises:
        Refused: UNAUTHENTICATED, BAD_INPUT (codes, heartbeatEveryS), BAD_CODE, BAD_CURSOR; DATABASE_UNAVAILABLE later.
    """
    return StateStream(UsageTodayKind(), info.context, codes=codes, after=after, heartbeat_every_s=heartbeat_every_s)
