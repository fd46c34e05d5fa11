"""Turns a panel and a period into its demand by local day or month."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum

import strawberry

from metering.demand import load_factor
from metering.periods import Range, chosen_period, local_day, local_midnight
from metering.tenures import Tenure
from resolvers.context import Context, Info
from resolvers.loading import loaded
from resolvers.windows import looked_back, seen_until, tenure_of
from store import demand
from store.connections import Database
from store.demand import DemandSum
from store.panels import Panel


class DemandStep(Enum):
    """What demand is told of."""

    DAY = "DAY"
    MONTH = "MONTH"


@dataclass(frozen=True, slots=True)
class Demand:
    """The demand of a local day or month; instants carry the panel's offset."""

    starts: datetime
    energy_kwh: float
    peak_demand_kw: float | None
    peak_demand_at: datetime | None
    load_factor: float | None
    average_power_kw: float | None
    min_power_kw: float | None
    max_power_kw: float | None
    average_power_factor: float | None
    is_partial: bool


async def of_panel(
    parent: strawberry.Parent[Panel],
    info: Info,
    *,
    step: DemandStep = DemandStep.DAY,
    range_: Range | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[Demand]:
    """The demand of the local days or months that the period touches and that have readings, ascending.

    Raises:
        Refused: BAD_RANGE, TOO_MANY_POINTS.
    """
    context, panel, now = info.context, parent, info.context.now()
    period = chosen_period(range_, since=since, until=until, now=now, default=Range.LAST_30D)
    first_day = _first_day(local_day(period.start, panel.zone), step)
    end_day = local_day(period.end - timedelta(microseconds=1), panel.zone) + timedelta(days=1)
    context.spend(_most(first_day, end_day, step=step), root=info.root_value)
    found = await loaded(context, _sums, (panel.id, _Span(step, first_day, end_day))) or []
    tenure = await tenure_of(context, panel.id)
    return [_shown(sums, step=step, panel=panel, now=now, tenure=tenure) for sums in found]


@dataclass(frozen=True, slots=True)
class _Span:
    """Local days, or the months that begin on them, from `first_day` up to before `end_day`."""

    step: DemandStep
    first_day: date
    end_day: date


async def _sums(context: Context, keys: list[tuple[int, _Span]]) -> dict[tuple[int, _Span], list[DemandSum]]:
    """The sums of each panel's span; the panels of one span by one statement."""
    found: dict[tuple[int, _Span], list[DemandSum]] = {}

    async def read(connection: Database, panel_ids: list[int]) -> list[tuple[_Span, DemandSum]]:
        spans = {span for panel_id, span in keys if panel_id in panel_ids}
        return [(span, sums) for span in spans for sums in await _of_span(connection, context, panel_ids, span, keys)]

    async with context.turns:
        for span, sums in await looked_back(context, {panel_id for panel_id, _ in keys}, read):
            found.setdefault((sums.panel_id, span), []).append(sums)
    return found


async def _of_span(
    connection: Database, context: Context, panel_ids: list[int], span: _Span, keys: list[tuple[int, _Span]]
) -> list[DemandSum]:
    read = demand.days if span.step is DemandStep.DAY else demand.months
    return await read(
        connection,
        viewer=context.signed_in,
        panel_ids=[panel_id for panel_id, other in keys if other == span and panel_id in panel_ids],
        first_day=span.first_day,
        end_day=span.end_day,
    )


def _most(first_day: date, end_day: date, *, step: DemandStep) -> int:
    """How many days or months there can be."""
    days = (end_day - first_day).days
    return days if step is DemandStep.DAY else days // 28 + 1


def _first_day(day: date, step: DemandStep) -> date:
    return day if step is DemandStep.DAY else day.replace(day=1)


def _end_day(first_day: date, step: DemandStep) -> date:
    longest = timedelta(days=1 if step is DemandStep.DAY else 31)
    return _first_day(first_day + longest, step)


def _shown(sums: DemandSum, *, step: DemandStep, panel: Panel, now: datetime, tenure: Tenure | None) -> Demand:
    start = local_midnight(sums.first_day, panel.zone)
    end = local_midnight(_end_day(sums.first_day, step), panel.zone)
    begun, until = max(start, tenure.since) if tenure else start, seen_until(tenure, now=now)
    return Demand(
        starts=start.astimezone(panel.zone),
        energy_kwh=float(sums.energy_kwh),
        peak_demand_kw=None if sums.peak_demand_kw is None else float(sums.peak_demand_kw),
        peak_demand_at=sums.peak_demand_at and sums.peak_demand_at.astimezone(panel.zone),
        load_factor=load_factor(sums.energy_kwh, peak_demand_kw=sums.peak_demand_kw, length=min(end, until) - begun),
        average_power_kw=_rounded(sums.power_mean_kw),
        min_power_kw=sums.power_min_kw,
        max_power_kw=sums.power_max_kw,
        average_power_factor=_rounded(sums.factor_mean),
        is_partial=until < end or begun > start,
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
