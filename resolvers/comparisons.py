"""Turns summaries into what was used in the same part of the week, month or year before, and the change since."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from zoneinfo import ZoneInfo

import strawberry

from metering.calendar_spans import CalendarSpan, DaysUpTo, part_before
from metering.money import Money
from metering.tariffs.book import TariffBook
from metering.usage import change_percent, money_change_percent
from resolvers.context import Context, Info
from resolvers.loading import loaded
from resolvers.span_costs import Costs, costs_by_span, costs_of, shown_costs
from resolvers.summaries import PanelSummary, SummaryTotal, energy_of
from resolvers.windows import looked_back_by
from store import summaries
from store.connections import Database
from store.summaries import SpanSum


@dataclass(frozen=True, slots=True)
class PreviousSummary:
    """The same part of the span before, and the change since in percent; one amount a currency, by its code."""

    first_day: date
    last_day: date
    energy_kwh: float
    cost: list[Money]
    is_partial: bool
    energy_change_percent: float | None
    cost_change_percent: float | None


_Key = tuple[int, str, CalendarSpan, TariffBook]
"""A panel's id, its time zone, what is compared, and its tariffs."""


@dataclass(frozen=True, slots=True)
class _Before:
    """The part of the span before that is compared with, and what is stored of it."""

    days: DaysUpTo
    parts: list[SpanSum]
    costs: Costs | None = None

    @property
    def exact_costs(self) -> Costs:
        """What it costs exactly, by currency."""
        return costs_of(self.parts) if self.costs is None else self.costs

    @property
    def is_partial(self) -> bool:
        """Whether its first day has no reading."""
        return min(part.known_since for part in self.parts) > self.days.first_day


async def of_panel(parent: strawberry.Parent[PanelSummary], info: Info) -> PreviousSummary | None:
    """What the panel used before; None without readings, and while the span has not begun."""
    before = await _loaded(info.context, parent)
    return before and _compared([parent], [before])


async def of_total(parent: strawberry.Parent[SummaryTotal], info: Info) -> PreviousSummary | None:
    """What all of the counted panels used before; None without readings of any."""
    found = await asyncio.gather(*(_loaded(info.context, line) for line in parent.lines))
    known = [before for before in found if before is not None]
    return _compared(parent.lines, known) if known else None


async def _loaded(context: Context, line: PanelSummary) -> _Before | None:
    return await loaded(context, _before, (line.panel.id, line.panel.time_zone, line.span, line.book))


async def _before(context: Context, keys: list[_Key]) -> dict[_Key, _Before]:
    """What is stored of the spans before; one statement for all panels and spans."""
    now, asked = context.now(), {(time_zone, span) for _, time_zone, span, _ in keys}
    days = {key: part_before(key[1], time_zone=ZoneInfo(key[0]), now=now) for key in asked}
    begun = [(key, part) for key, part in days.items() if part is not None]
    spans = [(time_zone, part) for (time_zone, _), part in begun]
    books = {panel_id: book for panel_id, _, _, book in keys}
    found: dict[tuple[int, CalendarSpan], _Before] = {}
    async with context.pool.connection() as connection:

        async def read(own: Database, panel_ids: list[int]) -> list[SpanSum]:
            return await summaries.by_span(own, viewer=context.signed_in, panel_ids=panel_ids, spans=spans)

        for part in await looked_back_by(connection, context, sorted(books), read):
            (_, span), before = begun[part.place]
            found.setdefault((part.panel_id, span), _Before(before, [])).parts.append(part)
        tagged = [(key[0], key[1], key[2], found[key[0], key[2]].days) for key in keys if (key[0], key[2]) in found]
        costs = await costs_by_span(connection, context, books=books, spans=tagged)
    known = {of: replace(before, costs=costs.get(of)) for of, before in found.items()}
    return {key: known[key[0], key[2]] for key in keys if (key[0], key[2]) in known}


def _compared(lines: Sequence[PanelSummary], before: Sequence[_Before]) -> PreviousSummary:
    parts = [part for line in lines for part in line.parts]
    earlier = [part for each in before for part in each.parts]
    costs = shown_costs(cost for line in lines for cost in line.costs)
    earlier_costs = shown_costs(cost for each in before for cost in each.exact_costs)
    return PreviousSummary(
        first_day=min(each.days.first_day for each in before),
        last_day=max(each.days.last_day for each in before),
        energy_kwh=float(energy_of(earlier)),
        cost=earlier_costs,
        is_partial=any(each.is_partial for each in before),
        energy_change_percent=change_percent(energy_of(parts), before=energy_of(earlier)),
        cost_change_percent=money_change_percent(costs, before=earlier_costs),
    )
