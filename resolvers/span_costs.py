"""Turns panels' calendar spans into what they cost: where prices vary by slices, otherwise as they were summed."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import TypeVar
from zoneinfo import ZoneInfo

from metering.calendar_spans import DaysUpTo
from metering.money import Money, money
from metering.periods import local_midnight
from metering.tariffs.book import TariffBook
from metering.tariffs.slices import needs_slices
from resolvers.context import Context
from resolvers.costs import Spans, charged_by
from store.connections import Database
from store.summaries import SpanSum

Costs = list[tuple[str, Decimal]]
"""Exact amounts with their currencies, one a currency."""

Tag = TypeVar("Tag")


async def costs_by_span(
    connection: Database,
    context: Context,
    *,
    books: Mapping[int, TariffBook],
    spans: Iterable[tuple[int, str, Tag, DaysUpTo]],
) -> dict[tuple[int, Tag], Costs]:
    """What spans cost exactly in which a price varies or charges fall due, by panel id and the tag of the span.

    A span is a panel's id, its time zone, a tag and its days. Those that follow each other are looked at together.
    """
    chains: dict[tuple[int, str], list[tuple[Tag, DaysUpTo]]] = defaultdict(list)
    for panel_id, time_zone, tag, days in spans:
        book = books.get(panel_id)
        if book and needs_slices(book, first=days.first_day, end=days.last_day + timedelta(days=1)):
            chains[panel_id, time_zone].append((tag, days))
    found: dict[tuple[int, Tag], Costs] = {}
    links = [(*of, chain) for of, tagged in chains.items() for chain in _chained(tagged)]
    asked = [_spans(panel_id, time_zone, chain, book=books[panel_id]) for panel_id, time_zone, chain in links]
    for (panel_id, _, chain), costs in zip(links, await charged_by(connection, context, asked), strict=True):
        for (tag, _), charges in zip(chain, costs, strict=True):
            found[panel_id, tag] = [(one.currency, one.amount) for one in charges]
    return found


def _chained(tagged: Iterable[tuple[Tag, DaysUpTo]]) -> list[list[tuple[Tag, DaysUpTo]]]:
    """The spans in lists of such as follow each other."""
    chains: list[list[tuple[Tag, DaysUpTo]]] = []
    for tag, days in sorted(tagged, key=lambda one: (one[1].first_day, one[1].end_day)):
        before = chains[-1][-1][1] if chains else None
        if before and before.end_day == days.first_day and before.part is None:
            chains[-1].append((tag, days))
        else:
            chains.append([(tag, days)])
    return chains


def _spans(panel_id: int, time_zone: str, chain: Sequence[tuple[Tag, DaysUpTo]], *, book: TariffBook) -> Spans:
    zone, last = ZoneInfo(time_zone), chain[-1][1]
    starts = [local_midnight(days.first_day, zone) for _, days in chain]
    end = last.part.end if last.part else local_midnight(last.end_day, zone)
    return Spans(panel_id, zone, book, (*starts, end))


def costs_of(parts: Iterable[SpanSum]) -> Costs:
    """What parts cost exactly at one price a kWh."""
    return [(part.currency, part.cost) for part in parts if part.currency is not None]


def shown_costs(costs: Iterable[tuple[str, Decimal]]) -> list[Money]:
    """The sum of the panels' amounts as they are shown, so that the lines of a bill add up; by currency."""
    amounts: dict[str, Decimal] = defaultdict(Decimal)
    for currency, amount in costs:
        amounts[currency] += money(amount, currency).amount
    return [Money(amount, currency) for currency, amount in sorted(amounts.items())]
