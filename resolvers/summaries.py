"""Turns a month, or a year of months, into each panel's usage and cost, and the building's total."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

import strawberry

from metering.periods import local_midnight, month_days
from metering.tariffs import Money, TariffBook, money
from resolvers import tariffs
from resolvers.context import Context, Info
from resolvers.loading import loaded
from store import panel_list, summaries
from store import tariffs as stored_tariffs
from store.panel_list import EVERY_PANEL
from store.panels import Panel
from store.summaries import MonthSum


@dataclass(frozen=True, slots=True)
class PanelMonthlySummary:
    """What a panel used in a month."""

    panel: Panel
    year: int
    month: int
    energy_kwh: float
    cost: Money
    peak_kw: float | None
    average_power_factor: float | None
    is_partial: bool


@dataclass(frozen=True, slots=True)
class MonthlyTotal:
    """What all panels used in a month; one amount a currency, by its code."""

    energy_kwh: float
    cost: list[Money]


@dataclass(frozen=True, slots=True)
class MonthlySummary:
    """A month of all panels that the viewer sees."""

    year: int
    month: int
    panels: list[PanelMonthlySummary]
    total: MonthlyTotal


@dataclass(frozen=True, slots=True)
class _Known:
    """What is stored of some panels' months."""

    sums: dict[tuple[int, date], list[MonthSum]]
    first_at: dict[int, datetime]
    books: dict[int, TariffBook]
    now: datetime


async def of_month(info: Info, year: int, month: int) -> MonthlySummary:
    """Every visible panel's month, and the total.

    Raises:
        Refused: UNAUTHENTICATED, BAD_MONTH, NO_TARIFF.
    """
    first_day, end_day = month_days(year, month)
    shown, known = await _visible(info.context, first_day=first_day, end_day=end_day)
    return _summary(first_day, shown=shown, known=known)


async def of_year(info: Info, year: int) -> list[MonthlySummary]:
    """The twelve months of a year, those to come too.

    Raises:
        Refused: UNAUTHENTICATED, BAD_MONTH, NO_TARIFF.
    """
    first_day, _ = month_days(year, 1)
    _, end_day = month_days(year, 12)
    shown, known = await _visible(info.context, first_day=first_day, end_day=end_day)
    return [_summary(date(year, month, 1), shown=shown, known=known) for month in range(1, 13)]


async def of_panel(parent: strawberry.Parent[Panel], info: Info, year: int, month: int) -> PanelMonthlySummary:
    """The panel's month.

    Raises:
        Refused: BAD_MONTH, NO_TARIFF.
    """
    first_day, _ = month_days(year, month)
    known = await loaded(info.context, _months, (parent.id, first_day)) or _Known({}, {}, {}, info.context.now())
    return _panel_summary(first_day, panel=parent, known=known)


async def _months(context: Context, keys: list[tuple[int, date]]) -> dict[tuple[int, date], _Known]:
    """What is stored of panels and months, the same for every key: one statement a month, however many panels."""
    panel_ids, months = {panel_id for panel_id, _ in keys}, {first_day for _, first_day in keys}
    spans = [month_days(first_day.year, first_day.month) for first_day in sorted(months)]
    return dict.fromkeys(keys, await _known(context, panel_ids=sorted(panel_ids), spans=spans))


async def _visible(context: Context, *, first_day: date, end_day: date) -> tuple[list[Panel], _Known]:
    async with context.pool.connection() as connection:
        since = context.now() - context.online_within
        shown = await panel_list.every(connection, viewer=context.signed_in, where=EVERY_PANEL, online_since=since)
    panel_ids = [panel.id for panel in shown]
    return shown, await _known(context, panel_ids=panel_ids, spans=[(first_day, end_day)])


async def _known(context: Context, *, panel_ids: Sequence[int], spans: Sequence[tuple[date, date]]) -> _Known:
    viewer = context.signed_in
    sums: dict[tuple[int, date], list[MonthSum]] = defaultdict(list)
    async with context.pool.connection() as connection:
        for first_day, end_day in spans:
            for part in await summaries.by_month(
                connection, viewer=viewer, panel_ids=panel_ids, first_day=first_day, end_day=end_day
            ):
                sums[part.panel_id, part.month].append(part)
        first_at = await summaries.first_readings(connection, viewer=viewer, panel_ids=panel_ids)
        books = await stored_tariffs.books(connection, viewer=viewer, panel_ids=panel_ids)
    return _Known(sums, first_at, books, context.now())


def _summary(first_day: date, *, shown: Sequence[Panel], known: _Known) -> MonthlySummary:
    parts = [part for panel in shown for part in known.sums.get((panel.id, first_day), ())]
    return MonthlySummary(
        year=first_day.year,
        month=first_day.month,
        panels=[_panel_summary(first_day, panel=panel, known=known) for panel in shown],
        total=MonthlyTotal(_energy(parts), _costs(parts)),
    )


def _energy(parts: Iterable[MonthSum]) -> float:
    return float(sum((part.energy_kwh for part in parts), Decimal(0)))


def _costs(parts: Iterable[MonthSum]) -> list[Money]:
    """The sum of the panels' amounts as they are shown, so that the lines of a bill add up."""
    amounts: dict[str, Decimal] = defaultdict(Decimal)
    for part in parts:
        if part.currency is not None:
            amounts[part.currency] += money(part.cost, part.currency).amount
    return [Money(amount, currency) for currency, amount in sorted(amounts.items())]


def _panel_summary(first_day: date, *, panel: Panel, known: _Known) -> PanelMonthlySummary:
    _, end_day = month_days(first_day.year, first_day.month)
    parts = known.sums.get((panel.id, first_day), [])
    book = known.books.get(panel.id) or TariffBook(own=(), default=())
    currency = tariffs.required(book, end_day - timedelta(days=1)).currency
    factor_count = sum(part.factor_count for part in parts)
    first_at = known.first_at.get(panel.id)
    is_whole = (
        bool(parts)
        and local_midnight(end_day, panel.zone) <= known.now
        and first_at is not None
        and first_at <= local_midnight(first_day, panel.zone)
    )
    return PanelMonthlySummary(
        panel=panel,
        year=first_day.year,
        month=first_day.month,
        energy_kwh=_energy(parts),
        cost=money(sum((part.cost for part in parts if part.currency == currency), Decimal(0)), currency),
        peak_kw=max((part.peak_kw for part in parts if part.peak_kw is not None), default=None),
        average_power_factor=(
            round(sum(part.factor_sum for part in parts) / factor_count, 4) if factor_count else None
        ),
        is_partial=not is_whole,
    )
