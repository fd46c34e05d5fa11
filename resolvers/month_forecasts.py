"""Turns panels into what they will have used, and will have to pay, by the end of their local month."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Final

import strawberry

from metering.money import Money, money
from metering.periods import local_day, local_midnight
from metering.tariffs.book import NO_TARIFFS, TariffBook
from metering.tariffs.cost import Charges, Span, by_currency, charges_of
from metering.tariffs.slices import slice_edges
from metering.tenures import Tenure
from resolvers.context import Context, Info
from resolvers.costs import parts_by
from resolvers.forecasts import ForecastMethod
from resolvers.loading import loaded
from resolvers.windows import tenures_by
from store import month_forecasts, tariffs
from store.energy_parts import EnergyParts, EnergyPiece
from store.month_forecasts import CurrentMonth
from store.panels import Panel

_HOUR: Final = timedelta(hours=1)
_PREVIOUS: Final = -1
"""The part of a plan that is the month before."""


@dataclass(frozen=True, slots=True)
class EnergyQuantiles:
    """How much energy, in kWh: low, in the median, high."""

    p10_kwh: float
    p50_kwh: float
    p90_kwh: float


@dataclass(frozen=True, slots=True)
class MoneyQuantiles:
    """How much money: low, in the median, high."""

    p10: Money
    p50: Money
    p90: Money


@dataclass(frozen=True, slots=True)
class MonthForecast:
    """What a panel uses and costs in its local month: so far, by its end, and in the month before.

    Costs are None where no tariff is known, or the month's tariffs have two currencies.
    """

    first_day: date
    made_at: datetime
    data_up_to: datetime
    ends_at: datetime
    method: ForecastMethod
    energy_so_far_kwh: float
    energy: EnergyQuantiles
    cost_so_far: Money | None
    cost: MoneyQuantiles | None
    previous_energy_kwh: float | None
    energy_change_percent: float | None


@dataclass(frozen=True, slots=True)
class _Month:
    """A panel's month, cut where what a kWh costs may change: edges in UTC, the first is the month's start."""

    panel: Panel
    current: CurrentMonth
    book: TariffBook
    edges: list[datetime]

    @property
    def first_day(self) -> date:
        return local_day(self.edges[0], self.panel.zone)

    @property
    def data_up_to(self) -> datetime:
        """The newest reading; of a meter without a register, the newest look at its display."""
        forecast, reading_at = self.current.forecast, self.current.reading_at
        if forecast.used_kwh is not None or reading_at is None:
            return forecast.data_up_to
        return max(forecast.data_up_to, min(reading_at, forecast.ends_at))

    @property
    def known_until(self) -> datetime:
        """Up to when usage of the month is known: later than the forecast knew, where readings came since."""
        return max(self.current.forecast.starts_at, self.data_up_to)


async def of_panel(parent: strawberry.Parent[Panel], info: Info) -> MonthForecast | None:
    """What the panel will have used and cost by the end of its local month; None before enough is known."""
    return await loaded(info.context, _forecasts, parent)


async def _forecasts(context: Context, panels: list[Panel]) -> dict[Panel, MonthForecast]:
    viewer, now, panel_ids = context.signed_in, context.now(), [panel.id for panel in panels]
    async with context.pool.connection() as connection:
        found = await month_forecasts.current(connection, viewer=viewer, panel_ids=panel_ids, now=now)
        if not found:
            return {}
        books = await tariffs.books(connection, viewer=viewer, panel_ids=list(found))
        bounds = await tenures_by(connection, context)
        months = [
            _bounded(_month(panel, found[panel.id], books.get(panel.id, NO_TARIFFS)), bounds.get(panel.id))
            for panel in panels
            if panel.id in found
        ]
        sums = await parts_by(
            connection,
            context,
            panels=[(month.panel.id, number) for number, month in enumerate(months)],
            pieces=[piece for number, month in enumerate(months) for piece in _pieces(month, number, now=now)],
        )
    of_panels = {parts.panel_id: parts for parts in sums}
    return {month.panel: _forecast(month, of_panels.get(month.panel.id)) for month in months}


def _month(panel: Panel, current: CurrentMonth, book: TariffBook) -> _Month:
    ends_at = current.forecast.ends_at
    last = local_day(ends_at - _HOUR, panel.zone)
    starts_at = local_midnight(last.replace(day=1), panel.zone)
    return _Month(panel, current, book, slice_edges(book, start=starts_at, end=ends_at, time_zone=panel.zone))


def _bounded(month: _Month, tenure: Tenure | None) -> _Month:
    """Of a month in which the viewer moved in, what displays say is not theirs alone: only what was metered counts."""
    if tenure is None or tenure.since <= month.edges[0]:
        return month
    forecast = replace(month.current.forecast, used_kwh=None)
    return replace(month, current=replace(month.current, forecast=forecast))


def _pieces(month: _Month, number: int, *, now: datetime) -> list[EnergyPiece]:
    """The spans of the month that have begun, and the month before."""
    zone, first = month.panel.zone, month.first_day
    before = (first - timedelta(days=1)).replace(day=1)
    pieces = [EnergyPiece(number, _PREVIOUS, local_midnight(before, zone), month.edges[0], (before, first))]
    for part, (start, end) in enumerate(pairwise(month.edges)):
        if start < now:
            days = (local_day(start, zone), local_day(end, zone))
            is_whole = days[0] < days[1] and (local_midnight(days[0], zone), local_midnight(days[1], zone)) == (
                start,
                end,
            )
            pieces.append(EnergyPiece(number, part, start, end, days if is_whole else None))
    return pieces


def _forecast(month: _Month, parts: EnergyParts | None) -> MonthForecast:
    forecast, zone = month.current.forecast, month.panel.zone
    used, coming = _used(month, parts), _coming(month)
    used_kwh, coming_kwh = sum(used, Decimal(0)), sum(coming, 0.0)
    shares = {p: kwh / forecast.p50_kwh if forecast.p50_kwh else 0.0 for p, kwh in _quantiles(month).items()}
    totals = EnergyQuantiles(*(round(float(used_kwh) + coming_kwh * share, 3) for share in shares.values()))
    first_at = parts and parts.first_at
    spent = _cost(month, used, first_at=first_at, until=month.known_until)
    costs = {
        p: _cost(month, _added(used, coming, share=share), first_at=first_at, until=forecast.ends_at)
        for p, share in shares.items()
    }
    low, middle, high = costs["p10"], costs["p50"], costs["p90"]
    previous_kwh = _previous_kwh(month, parts)
    return MonthForecast(
        first_day=month.first_day,
        made_at=forecast.made_at.astimezone(zone),
        data_up_to=month.data_up_to.astimezone(zone),
        ends_at=forecast.ends_at.astimezone(zone),
        method=ForecastMethod(forecast.method),
        energy_so_far_kwh=float(used_kwh),
        energy=totals,
        cost_so_far=spent,
        cost=MoneyQuantiles(low, middle, high) if low and middle and high else None,
        previous_energy_kwh=previous_kwh,
        energy_change_percent=round(100 * (totals.p50_kwh / previous_kwh - 1), 1) if previous_kwh else None,
    )


def _previous_kwh(month: _Month, parts: EnergyParts | None) -> float | None:
    """What was metered in the month before; None where there was no reading before this month."""
    if parts is None or parts.first_at is None or parts.first_at >= month.edges[0]:
        return None
    return float(parts.energies_kwh.get(_PREVIOUS, 0))


def _quantiles(month: _Month) -> dict[str, float]:
    forecast = month.current.forecast
    return {"p10": forecast.p10_kwh, "p50": forecast.p50_kwh, "p90": forecast.p90_kwh}


def _used(month: _Month, parts: EnergyParts | None) -> list[Decimal]:
    """What each span has used so far: as metered, or by displays evenly over the time up to the last one."""
    spans, forecast = list(pairwise(month.edges)), month.current.forecast
    if forecast.used_kwh is None:
        known = parts.energies_kwh if parts else {}
        return [known.get(part, Decimal(0)) for part in range(len(spans))]
    elapsed = forecast.starts_at - month.edges[0]
    shares = [
        max(min(end, forecast.starts_at) - start, timedelta(0)) / elapsed if elapsed else 0.0 for start, end in spans
    ]
    return [_kwh(forecast.used_kwh * share) for share in shares]


def _coming(month: _Month) -> list[float]:
    """What is expected in each span from the newest reading on, in the median."""
    forecast = month.current.forecast
    coming = [0.0] * (len(month.edges) - 1)
    for place, kwh in enumerate(forecast.hour_kwh):
        start = forecast.starts_at + place * _HOUR
        end = min(start + _HOUR, forecast.ends_at)
        known = max(min(month.known_until, end) - start, timedelta(0)) / (end - start) if end > start else 1.0
        coming[min(bisect_right(month.edges, start) - 1, len(coming) - 1)] += kwh * (1 - known)
    return coming


def _added(used: Sequence[Decimal], coming: Sequence[float], *, share: float) -> list[Decimal]:
    return [now + _kwh(later * share) for now, later in zip(used, coming, strict=True)]


def _kwh(energy: float) -> Decimal:
    return Decimal(f"{energy:.6f}")


def _cost(month: _Month, energies: Sequence[Decimal], *, first_at: datetime | None, until: datetime) -> Money | None:
    """What these energies of the month's spans cost, with what falls due before `until`."""
    spans = [Span(start, end, kwh) for (start, end), kwh in zip(pairwise(month.edges), energies, strict=True)]
    spans = [span for span in spans if span.start < until]
    charged = charges_of(
        spans,
        book=month.book,
        time_zone=month.panel.zone,
        accrues_from=first_at or month.edges[0],
        accrues_until=until,
    )
    known: list[Charges] = [one for one in charged if one]
    sums = by_currency(known)
    return money(sums[0].amount, sums[0].currency) if len(sums) == 1 and len(known) == len(spans) else None
