"""Turns a series of usage into what was used in the same span before, and the change since."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import strawberry

from metering.calendar_spans import period_before
from metering.money import Money, money
from metering.usage import change_percent, money_change_percent
from resolvers import tariffs
from resolvers.context import Info
from resolvers.usage import UsageSeries
from resolvers.usage_statistics import costs_of, metered


@dataclass(frozen=True, slots=True)
class PreviousUsage:
    """The same span before, and the change since in percent; one amount a currency, by its code."""

    since: datetime
    until: datetime
    energy_kwh: float
    cost: list[Money]
    is_partial: bool
    energy_change_percent: float | None
    cost_change_percent: float | None


async def of_series(parent: strawberry.Parent[UsageSeries], info: Info) -> PreviousUsage | None:
    """What was used before; None before the panel's first reading, and while the series has not begun."""
    panel, first_at = parent.panel, parent.first_at
    period = period_before(parent.buckets, step=parent.step, time_zone=panel.zone, now=info.context.now())
    if period is None or first_at is None or first_at >= period.end:
        return None
    book = await tariffs.book(info.context, panel)
    async with info.context.turns:
        energies = await metered(info.context, panel, period=period, book=book)
        costs = await costs_of(info.context, panel, energies, period=period, book=book)
    energy_kwh = sum((energy for _, energy in energies), Decimal(0))
    cost = [money(amount, currency) for currency, amount in sorted(costs.items())]
    return PreviousUsage(
        since=period.start.astimezone(panel.zone),
        until=period.end.astimezone(panel.zone),
        energy_kwh=float(energy_kwh),
        cost=cost,
        is_partial=first_at > period.start,
        energy_change_percent=change_percent(Decimal(str(parent.total_energy_kwh)), before=energy_kwh),
        cost_change_percent=money_change_percent([parent.total_cost], before=cost),
    )
