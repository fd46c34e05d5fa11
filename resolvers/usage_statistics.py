"""Turns two instants into what a panel used in between, what that costs, and the power of its readings."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import strawberry

from metering.buckets import pieces
from metering.money import Money, money
from metering.periods import Period, Range, chosen_period, local_day, local_midnight
from metering.tariffs.book import TariffBook
from metering.tariffs.cost import flat_cost
from resolvers import tariffs
from resolvers.context import Context, Info
from resolvers.costs import Spans, charged, has_slices
from resolvers.windows import looking_back
from store import usage
from store.panels import Panel
from store.usage import PowerSummary


@dataclass(frozen=True, slots=True)
class UsageStatistics:
    """Usage and power of a period."""

    energy_kwh: float
    min_power_kw: float | None
    max_power_kw: float | None
    average_power_kw: float | None
    load_factor: float | None
    cost: Money
    count: int


async def statistics(parent: strawberry.Parent[Panel], info: Info, since: datetime, until: datetime) -> UsageStatistics:
    """Usage between two instants, and the power of the readings in between.

    Raises:
        Refused: BAD_RANGE, NO_TARIFF.
    """
    context, panel = info.context, parent
    period = chosen_period(None, since=since, until=until, now=context.now(), default=Range.LAST_24H)
    book = await tariffs.book(context, panel)
    async with context.turns:
        energies = await metered(context, panel, period=period, book=book)
        power = await _power(context, panel, period=period)
        costs = await costs_of(context, panel, energies, period=period, book=book)
    currency = tariffs.required(book, energies[-1][0]).currency
    return UsageStatistics(
        energy_kwh=float(sum((energy_kwh for _, energy_kwh in energies), Decimal(0))),
        min_power_kw=power.min_kw,
        max_power_kw=power.max_kw,
        average_power_kw=power.average_kw,
        load_factor=_load_factor(power.average_kw, power.max_kw),
        cost=money(costs.get(currency, Decimal(0)), currency),
        count=power.reading_count,
    )


async def _power(context: Context, panel: Panel, *, period: Period) -> PowerSummary:
    spans = pieces(period, time_zone=panel.zone)
    async with looking_back(context, panel.id) as connection:
        return await usage.power(connection, viewer=context.signed_in, panel_id=panel.id, pieces=spans)


async def metered(context: Context, panel: Panel, *, period: Period, book: TariffBook) -> list[tuple[date, Decimal]]:
    """What was used in a period in kWh, in spans of one tariff each, beginning on these local days."""
    edges = _priced(period, book=book, panel=panel)
    async with looking_back(context, panel.id) as connection:
        energies = await usage.metered(connection, viewer=context.signed_in, panel_id=panel.id, edges=edges)
    return [(local_day(edge, panel.zone), energy_kwh) for edge, energy_kwh in zip(edges, energies, strict=False)]


async def costs_of(
    context: Context, panel: Panel, energies: Iterable[tuple[date, Decimal]], *, period: Period, book: TariffBook
) -> dict[str, Decimal]:
    """What was used in a period costs, exactly, by currency; `energies` are what was used from local days on."""
    if has_slices(book, start=period.start, end=period.end, zone=panel.zone):
        spans = Spans(panel.id, panel.zone, book, (period.start.astimezone(UTC), period.end.astimezone(UTC)))
        ((charges,),) = await charged(context, [spans])
        return {one.currency: one.amount for one in charges}
    amounts: dict[str, Decimal] = defaultdict(Decimal)
    for day, energy_kwh in energies:
        if tariff := book.on(day):
            amounts[tariff.currency] += flat_cost(energy_kwh, tariff=tariff)
    return amounts


def _priced(period: Period, *, book: TariffBook, panel: Panel) -> list[datetime]:
    """The period's ends, and the midnights between them at which another tariff begins."""
    first, last = local_day(period.start, panel.zone), local_day(period.end, panel.zone)
    changes = [local_midnight(day, panel.zone) for day in book.changes(first, last + timedelta(days=1))]
    return [period.start, *(change for change in changes if change < period.end), period.end]


def _load_factor(average_kw: float | None, max_kw: float | None) -> float | None:
    if average_kw is None or max_kw is None or max_kw <= 0:
        return None
    return round(average_kw / max_kw, 4)
