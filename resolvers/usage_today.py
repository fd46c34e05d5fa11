"""Turns panels into what they used on their local day so far, and what that costs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import strawberry

from metering.money import Money, money
from metering.periods import local_day, local_midnight
from metering.tariffs.book import TariffBook
from metering.tariffs.cost import Charges, flat_cost
from metering.tariffs.rules import Tariff
from metering.tariffs.slices import needs_slices
from resolvers import tariffs
from resolvers.context import Context, Info
from resolvers.costs import Spans, amount_in, cost_of
from resolvers.loading import loaded
from resolvers.windows import looked_back
from store import usage
from store.connections import Database
from store.panels import Panel
from store.usage import DayTotals


@dataclass(frozen=True, slots=True)
class UsageToday:
    """A panel's local day so far."""

    day: date
    energy_kwh: float
    cost: Money
    register_now_kwh: float | None
    register_at_midnight_kwh: float | None
    peak_kw: float | None


async def _totals(context: Context, keys: list[tuple[int, date]]) -> dict[tuple[int, date], DayTotals]:
    async def read(connection: Database, panel_ids: list[int]) -> list[DayTotals]:
        days = [key for key in keys if key[0] in panel_ids]
        return await usage.totals_of_day(connection, viewer=context.signed_in, days=days)

    found = await looked_back(context, {panel_id for panel_id, _ in keys}, read)
    by_id = {totals.panel_id: totals for totals in found}
    return {(panel_id, day): by_id[panel_id] for panel_id, day in keys if panel_id in by_id}


async def today(parent: strawberry.Parent[Panel], info: Info) -> UsageToday:
    """The panel's local day so far.

    Raises:
        Refused: NO_TARIFF.
    """
    context, panel = info.context, parent
    day = local_day(context.now(), panel.zone)
    totals = await loaded(context, _totals, (panel.id, day))
    book = await tariffs.book(context, panel)
    tariff, spans = tariffs.required(book, day), sliced_day(day, panel=panel, book=book)
    charges = None if spans is None else (await cost_of(context, spans))[0]
    return day_so_far(day, totals=totals, tariff=tariff, charges=charges)


def sliced_day(day: date, *, panel: Panel, book: TariffBook) -> Spans | None:
    """The local day, where what is used on it may cost more than one price a kWh; None where it does not."""
    if not needs_slices(book, first=day, end=day + timedelta(days=1)):
        return None
    edges = (local_midnight(day, panel.zone), local_midnight(day + timedelta(days=1), panel.zone))
    return Spans(panel.id, panel.zone, book, edges)


def day_so_far(
    day: date, *, totals: DayTotals | None, tariff: Tariff, charges: Sequence[Charges] | None = None
) -> UsageToday:
    """A local day by its totals, at the price of its tariff or with its charges; nothing used where there are none."""
    energy_kwh = totals.energy_kwh if totals else Decimal(0)
    cost = flat_cost(energy_kwh, tariff=tariff) if charges is None else amount_in(tariff.currency, charges)
    return UsageToday(
        day=day,
        energy_kwh=float(energy_kwh),
        cost=money(cost or Decimal(0), tariff.currency),
        register_now_kwh=totals and totals.register_kwh,
        register_at_midnight_kwh=totals and totals.register_at_midnight_kwh,
        peak_kw=totals and totals.peak_kw,
    )
