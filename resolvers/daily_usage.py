"""Turns a panel and a number of days into usage by local day, beside what is usual and a year ago."""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import strawberry

from metering.buckets import Grid
from metering.periods import Step, local_day, local_midnight
from metering.refusals import Refused
from metering.usage import WINDOW_DAYS, average, moving_average, year_before
from resolvers.context import Info
from resolvers.selection import selected
from resolvers.usage import partial, parts_of
from resolvers.windows import seen_until, tenure_of
from store.panels import Panel

MAX_DAYS = 1830
YEAR_DAYS = 365


@dataclass(frozen=True, slots=True)
class DailyUsage:
    """Usage by local day: columns of equal length, ascending, up to today."""

    days: list[date]
    energy_kwh: list[float | None]
    is_partial: list[bool]
    moving_average_30d_kwh: list[float | None]
    year_before_kwh: list[float | None]
    average_daily_kwh: float | None
    yearly_average_kwh: float | None


@dataclass(frozen=True, slots=True)
class _Days:
    """Local days that follow each other, up to today: what was used on those with readings, and on whole ones."""

    days: list[date]
    energy_kwh: list[Decimal | None]
    is_partial: list[bool]

    @property
    def whole_kwh(self) -> list[Decimal | None]:
        """Usage of the days that are whole."""
        pairs = zip(self.energy_kwh, self.is_partial, strict=True)
        return [None if is_partial else energy_kwh for energy_kwh, is_partial in pairs]


async def of_panel(parent: strawberry.Parent[Panel], info: Info, days: int = 365) -> DailyUsage:
    """Usage of the last `days` local days up to today, and averages over whole days.

    Raises:
        Refused: BAD_INPUT unless `days` is 1 to 1830; TOO_MANY_POINTS.
    """
    if not 1 <= days <= MAX_DAYS:
        raise Refused("BAD_INPUT", f"`days` must be 1 to {MAX_DAYS}.", "days")
    context, today = info.context, local_day(info.context.now(), parent.zone)
    context.spend(days, root=info.root_value)
    first_day = _first_day(today, days=days, info=info)
    async with context.turns:
        return _shown(await _known(parent, info, first_day=first_day, today=today), days=days)


def _shown(known: _Days, *, days: int) -> DailyUsage:
    whole, energy_of = known.whole_kwh, dict(zip(known.days, known.energy_kwh, strict=True))
    shown = known.days[-days:]
    return DailyUsage(
        days=shown,
        energy_kwh=[_float(value) for value in known.energy_kwh[-days:]],
        is_partial=known.is_partial[-days:],
        moving_average_30d_kwh=[_float(value) for value in moving_average(whole)[-days:]],
        year_before_kwh=[_float(energy_of.get(earlier) if (earlier := year_before(day)) else None) for day in shown],
        average_daily_kwh=_float(average(whole[-days:])),
        yearly_average_kwh=_float(average(whole[-YEAR_DAYS:])),
    )


def _first_day(today: date, *, days: int, info: Info) -> date:
    """The first day that something is asked of: the moving average looks back, and a year ago does."""
    first_day, names = today - timedelta(days=days - 1), selected(info)
    looked_at = [first_day - timedelta(days=WINDOW_DAYS - 1)]
    if "yearlyAverageKwh" in names:
        looked_at.append(today - timedelta(days=YEAR_DAYS - 1))
    if "yearBeforeKwh" in names:
        looked_at.append(first_day - timedelta(days=YEAR_DAYS + 1))
    return min(looked_at)


async def _known(panel: Panel, info: Info, *, first_day: date, today: date) -> _Days:
    days = [first_day + timedelta(days=number) for number in range((today - first_day).days + 1)]
    midnights = [local_midnight(day, panel.zone) for day in [*days, today + timedelta(days=1)]]
    buckets = Grid(midnights, days)
    parts, first_at = await parts_of(info.context, panel, buckets=buckets, step=Step.DAY)
    found = {bisect_right(days, part.key) - 1: part.energy_kwh for part in parts if isinstance(part.key, date)}
    until = seen_until(await tenure_of(info.context, panel.id), now=info.context.now())
    is_partial = partial(buckets, known=found.keys(), first_at=first_at, now=until)
    return _Days(days, [found.get(index) for index in range(len(days))], is_partial)


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
