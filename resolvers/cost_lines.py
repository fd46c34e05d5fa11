"""Turns what usage costs into the lines of a bill: energy by band, charges, taxes."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import strawberry

from metering.money import Money, exact_sum, in_cents
from metering.periods import Period, local_midnight
from metering.tariffs.book import TariffBook
from metering.tariffs.cost import ChargeKind, Charges
from resolvers import tariffs
from resolvers.context import Context, Info
from resolvers.costs import Spans, cost_of, of_currency
from resolvers.summaries import PanelSummary
from resolvers.usage import UsageTotal
from store.panels import Panel


@dataclass(frozen=True, slots=True)
class CostLine:
    """An amount of a cost, rounded so that all lines together are the cost; `name` is the band's, charge's or tax's."""

    kind: ChargeKind
    name: str
    amount: Decimal


async def of_total(parent: strawberry.Parent[UsageTotal], info: Info) -> list[CostLine]:
    """What the cost of a series is made of."""
    book = await tariffs.book(info.context, parent.panel)
    return await _lines(info.context, parent.panel, book, period=parent.period, cost=parent.cost)


async def of_summary(parent: strawberry.Parent[PanelSummary], info: Info) -> list[CostLine]:
    """What the cost of a week, month or year is made of."""
    zone, span = parent.panel.zone, parent.span
    period = Period(local_midnight(span.first_day, zone), local_midnight(span.end_day, zone))
    return await _lines(info.context, parent.panel, parent.book, period=period, cost=parent.cost)


async def _lines(context: Context, panel: Panel, book: TariffBook, *, period: Period, cost: Money) -> list[CostLine]:
    (charges,) = await cost_of(context, Spans(panel.id, panel.zone, book, (period.start, period.end)))
    return lines_of(charges, cost=cost)


def lines_of(charges: Sequence[Charges], *, cost: Money) -> list[CostLine]:
    """The charges in the cost's currency, each rounded; the largest takes what rounding left."""
    found = of_currency(charges, cost.currency)
    lines = [
        CostLine(line.kind, line.name, in_cents(line.amount, cost.currency)) for line in (found.lines if found else ())
    ]
    if not lines:
        return []
    left = cost.amount - exact_sum(line.amount for line in lines)
    place = max(range(len(lines)), key=lambda index: lines[index].amount)
    lines[place] = CostLine(lines[place].kind, lines[place].name, lines[place].amount + left)
    return lines
