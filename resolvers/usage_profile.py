"""Turns a panel and a period into what it uses at which hour of the local day, weekdays and weekends apart."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import strawberry

from metering.buckets import Level, grid
from metering.periods import Period, Range, Step, chosen_period
from resolvers.context import Context, Info
from resolvers.loading import loaded
from store import usage_profile
from store.panels import Panel
from store.usage_profile import HourSum

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
    """What is used at which hour of the days from `first_day` to `last_day`."""

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
    """The hours of the whole local days that the period touches.

    Raises:
        Refused: BAD_RANGE, TOO_MANY_POINTS.
    """
    context, panel = info.context, parent
    period = chosen_period(range_, since=since, until=until, now=context.now(), default=Range.LAST_30D)
    days = grid(period, step=Step.DAY, time_zone=panel.zone)
    context.spend(3 * len(HOURS), root=info.root_value)
    level = Level.HOUR if all(edge.minute == 0 for edge in days.edges) else Level.FIVE_MINUTES
    whole = Period(days.edges[0], days.edges[-1])
    sums = await loaded(context, _sums, (panel.id, whole, level)) or []
    return UsageProfile(
        first_day=days.days[0],
        last_day=days.days[-1],
        all_days=_profile(sums),
        weekdays=_profile(part for part in sums if not part.is_weekend),
        weekends=_profile(part for part in sums if part.is_weekend),
    )


_Key = tuple[int, Period, Level]


async def _sums(context: Context, keys: list[_Key]) -> dict[_Key, list[HourSum]]:
    """The sums of each panel's span; the panels of one span by one statement."""
    found: dict[_Key, list[HourSum]] = {}
    async with context.pool.connection() as connection:
        for period, level in {(period, level) for _, period, level in keys}:
            panel_ids = [panel_id for panel_id, *other in keys if other == [period, level]]
            for part in await usage_profile.by_hour(
                connection, viewer=context.signed_in, panel_ids=panel_ids, period=period, level=level
            ):
                found.setdefault((part.panel_id, period, level), []).append(part)
    return found


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
