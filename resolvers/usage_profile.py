"""Turns a panel and a period into what it uses at which hour of the local day, weekdays and weekends apart."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import strawberry

from metering.buckets import Grid, Level, grid
from metering.periods import Period, Range, Step, chosen_period, local_day, local_midnight
from metering.refusals import Refused
from resolvers.context import Context, Info
from resolvers.loading import loaded
from resolvers.windows import looked_back
from store import retention, usage_profile
from store.connections import Database
from store.panels import Panel
from store.usage_profile import HourSum

MAX_DAYS = 366
HOURS = range(24)
_MICRO = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class HourProfile:
    """The hours of the local day: columns of 24; None where an hour has no reading."""

    hour: list[int]
    hour_count: list[int]
    average_energy_kwh: list[float | None]
    average_power_kw: list[float | None]
    peak_kw: list[float | None]
    busiest_hour: int | None


@dataclass(frozen=True, slots=True)
class UsageProfile:
    """What is used at which hour of the days from `first_day` to `last_day`, as far as it is kept."""

    first_day: date
    last_day: date
    all_days: HourProfile
    weekdays: HourProfile
    weekends: HourProfile


async def of_panel(
    parent: strawberry.Parent[Panel],
    info: Info,
    *,
    range_: Range | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> UsageProfile:
    """The hours of the whole local days that the period touches, from the first on that is kept.

    Raises:
        Refused: BAD_RANGE, also when the period is over 366 days; TOO_MANY_POINTS.
    """
    context, panel = info.context, parent
    period = chosen_period(range_, since=since, until=until, now=context.now(), default=Range.LAST_30D)
    if period.length > timedelta(days=MAX_DAYS):
        raise Refused("BAD_RANGE", f"A profile may be of {MAX_DAYS} days at the most.", "from")
    days = grid(period, step=Step.DAY, time_zone=panel.zone)
    context.spend(len(days.days) * len(HOURS), root=info.root_value)
    kept = await loaded(context, _kept, (panel.id, _span(days, panel))) or _Kept(days.days[0], [])
    return UsageProfile(
        first_day=kept.first_day,
        last_day=days.days[-1],
        all_days=_profile(kept.sums),
        weekdays=_profile(part for part in kept.sums if not part.is_weekend),
        weekends=_profile(part for part in kept.sums if part.is_weekend),
    )


@dataclass(frozen=True, slots=True)
class _Span:
    """Whole local days, and what they are summed from: hours, where the zone's begin with those of UTC."""

    zone: ZoneInfo
    period: Period
    level: Level

    def kept(self, removed: Mapping[retention.Level, datetime]) -> Period:
        """The days that were not removed; all of them when none is left."""
        before = removed.get(retention.Level.HOURS if self.level is Level.HOUR else retention.Level.FIVE_MINUTES)
        if before is None or before <= self.period.start:
            return self.period
        since = local_midnight(local_day(before, self.zone), self.zone)
        return Period(since, self.period.end) if since < self.period.end else self.period


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is kept of a span, from this local day on."""

    first_day: date
    sums: list[HourSum]


def _span(days: Grid, panel: Panel) -> _Span:
    level = Level.HOUR if all(edge.minute == 0 for edge in days.edges) else Level.FIVE_MINUTES
    return _Span(panel.zone, Period(days.edges[0], days.edges[-1]), level)


async def _kept(context: Context, keys: list[tuple[int, _Span]]) -> dict[tuple[int, _Span], _Kept]:
    """What is kept of each panel's span; the panels of one span by one statement."""

    async def read(connection: Database, panel_ids: list[int]) -> list[tuple[tuple[int, _Span], _Kept]]:
        found: dict[tuple[int, _Span], _Kept] = {}
        removed = await retention.removed_before(connection)
        for span in {span for _, span in keys}:
            period = span.kept(removed)
            asked = [panel_id for panel_id, other in keys if other == span and panel_id in panel_ids]
            found |= {(panel_id, span): _Kept(local_day(period.start, span.zone), []) for panel_id in asked}
            for part in await usage_profile.by_hour(
                connection, viewer=context.signed_in, panel_ids=asked, period=period, level=span.level
            ):
                found[part.panel_id, span].sums.append(part)
        return list(found.items())

    async with context.turns:
        return dict(await looked_back(context, {panel_id for panel_id, _ in keys}, read))


def _profile(sums: Iterable[HourSum]) -> HourProfile:
    by_hour: list[list[HourSum]] = [[] for _ in HOURS]
    for part in sums:
        by_hour[part.hour].append(part)
    energies = [_average_kwh(parts) for parts in by_hour]
    known = [(energy_kwh, -hour) for hour, energy_kwh in enumerate(energies) if energy_kwh is not None]
    return HourProfile(
        hour=list(HOURS),
        hour_count=[sum(part.hour_count for part in parts) for parts in by_hour],
        average_energy_kwh=[None if energy_kwh is None else float(energy_kwh) for energy_kwh in energies],
        average_power_kw=[_average_kw(parts) for parts in by_hour],
        peak_kw=[max((part.peak_kw for part in parts if part.peak_kw is not None), default=None) for parts in by_hour],
        busiest_hour=-max(known)[1] if known else None,
    )


def _average_kwh(parts: Sequence[HourSum]) -> Decimal | None:
    """What is used in such an hour, to six decimals."""
    count = sum(part.hour_count for part in parts)
    return (sum((part.energy_kwh for part in parts), Decimal(0)) / count).quantize(_MICRO) if count else None


def _average_kw(parts: Sequence[HourSum]) -> float | None:
    count = sum(part.power_count for part in parts)
    return round(sum(part.power_sum_kw for part in parts) / count, 6) if count else None
