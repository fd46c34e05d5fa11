"""Turns weeks, months and years into each panel's usage and cost, and the building's total."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

import strawberry

from metering.building import counted
from metering.calendar_spans import CalendarSpan, DaysUpTo, calendar_month, calendar_week, calendar_year
from metering.money import Money, money
from metering.periods import Step, local_midnight
from metering.tariffs.book import NO_TARIFFS, TariffBook
from metering.tenures import Tenure
from metering.usage import average_factor
from resolvers import tariffs
from resolvers.context import Context, Info
from resolvers.loading import loaded
from resolvers.panels import checked
from resolvers.span_costs import Costs, costs_by_span, costs_of, shown_costs
from resolvers.windows import looked_back_by, seeing_now, seen_until, tenures_of
from store import panel_list, summaries
from store import tariffs as stored_tariffs
from store.connections import Database
from store.panel_list import EVERY_PANEL, PanelFilter
from store.panels import Panel
from store.summaries import SpanSum


@dataclass(frozen=True, slots=True)
class Spanned:
    """What is told of a week, month or year, which says of itself when it is."""

    span: CalendarSpan

    @property
    def year(self) -> int:
        """The year; of a week that of ISO 8601."""
        return self.first_day.isocalendar().year if self.span.step is Step.WEEK else self.first_day.year

    @property
    def month(self) -> int | None:
        """The number of a month; None for a week or a year."""
        return self.first_day.month if self.span.step is Step.MONTH else None

    @property
    def week(self) -> int | None:
        """The number of a week by ISO 8601; None for a month or a year."""
        return self.first_day.isocalendar().week if self.span.step is Step.WEEK else None

    @property
    def first_day(self) -> date:
        """The first day."""
        return self.span.first_day

    @property
    def last_day(self) -> date:
        """The last day."""
        return self.span.end_day - timedelta(days=1)


@dataclass(frozen=True, slots=True)
class PanelSummary(Spanned):
    """What a panel used in a week, month or year; `parts` is stored of it, `costs` are exact."""

    panel: Panel
    book: TariffBook
    parts: list[SpanSum]
    costs: Costs
    energy_kwh: float
    export_kwh: float
    cost: Money
    peak_kw: float | None
    average_power_factor: float | None
    is_partial: bool
    is_counted: bool


@dataclass(frozen=True, slots=True)
class SummaryTotal:
    """What the panels that count used together; one amount a currency, by its code. `lines` are theirs."""

    energy_kwh: float
    export_kwh: float
    cost: list[Money]
    lines: list[PanelSummary]


@dataclass(frozen=True, slots=True)
class Summary(Spanned):
    """A week, month or year of the panels that the viewer sees and asked for."""

    where: PanelFilter
    panels: list[PanelSummary]
    total: SummaryTotal


@dataclass(frozen=True, slots=True)
class _Known:
    """What is stored of some panels' spans; `costs` has those in which a price varies or charges fall due."""

    sums: dict[tuple[int, CalendarSpan], list[SpanSum]]
    costs: dict[tuple[int, CalendarSpan], Costs]
    first_at: dict[int, datetime]
    books: dict[int, TariffBook]
    now: datetime
    tenures: Mapping[int, Tenure] = field(default_factory=dict[int, Tenure])


async def of_week(
    info: Info, *, year: int | None, week: int | None, day: date | None, where: PanelFilter | None
) -> Summary:
    """Every visible panel's week, and the total.

    Raises:
        Refused: UNAUTHENTICATED, BAD_WEEK, BAD_INPUT (filter), NO_TARIFF.
    """
    (found,) = await _of_spans(info.context, [calendar_week(year, week=week, day=day)], where=where)
    return found


async def of_month(info: Info, *, year: int, month: int, where: PanelFilter | None) -> Summary:
    """Every visible panel's month, and the total.

    Raises:
        Refused: UNAUTHENTICATED, BAD_MONTH, BAD_INPUT (filter), NO_TARIFF.
    """
    (found,) = await _of_spans(info.context, [calendar_month(year, month)], where=where)
    return found


async def of_year(info: Info, *, year: int, where: PanelFilter | None) -> Summary:
    """Every visible panel's year, and the total.

    Raises:
        Refused: UNAUTHENTICATED, BAD_MONTH, BAD_INPUT (filter), NO_TARIFF.
    """
    (found,) = await _of_spans(info.context, [calendar_year(year)], where=where)
    return found


async def months_of(parent: strawberry.Parent[Summary], info: Info) -> list[Summary]:
    """The twelve months of a year's summary, of the same panels."""
    return await months_of_year(info, year=parent.first_day.year, where=parent.where)


async def months_of_year(info: Info, *, year: int, where: PanelFilter | None) -> list[Summary]:
    """The twelve months of a year, those to come too.

    Raises:
        Refused: UNAUTHENTICATED, BAD_MONTH, BAD_INPUT (filter), NO_TARIFF.
    """
    return await _of_spans(info.context, [calendar_month(year, month) for month in range(1, 13)], where=where)


async def week_of_panel(
    parent: strawberry.Parent[Panel],
    info: Info,
    *,
    year: int | None = None,
    week: int | None = None,
    day: date | None = None,
) -> PanelSummary:
    """The panel's week.

    Raises:
        Refused: BAD_WEEK, NO_TARIFF.
    """
    return await _of_panel(info.context, parent, span=calendar_week(year, week=week, day=day))


async def of_panel(parent: strawberry.Parent[Panel], info: Info, year: int, month: int) -> PanelSummary:
    """The panel's month.

    Raises:
        Refused: BAD_MONTH, NO_TARIFF.
    """
    return await _of_panel(info.context, parent, span=calendar_month(year, month))


async def year_of_panel(parent: strawberry.Parent[Panel], info: Info, year: int) -> PanelSummary:
    """The panel's year.

    Raises:
        Refused: BAD_MONTH, NO_TARIFF.
    """
    return await _of_panel(info.context, parent, span=calendar_year(year))


async def _of_panel(context: Context, panel: Panel, *, span: CalendarSpan) -> PanelSummary:
    known = await loaded(context, _of_panels, (panel.id, panel.time_zone, span)) or _Known(
        {}, {}, {}, {}, context.now()
    )
    return _line(panel, span=span, known=known, is_counted=bool(counted([panel.code])))


_Key = tuple[int, str, CalendarSpan]
"""A panel's id and time zone, and a span."""


async def _of_panels(context: Context, keys: list[_Key]) -> dict[_Key, _Known]:
    """What is stored of panels and spans, the same for every key: a few statements for all."""
    zones, spans = {panel_id: time_zone for panel_id, time_zone, _ in keys}, {span for _, _, span in keys}
    return dict.fromkeys(keys, await _known(context, zones=zones, spans=list(spans)))


async def _of_spans(context: Context, spans: Sequence[CalendarSpan], *, where: PanelFilter | None) -> list[Summary]:
    which, since = checked(where or EVERY_PANEL), context.now() - context.online_within
    async with seeing_now(context) as connection:
        shown = await panel_list.every(connection, viewer=context.signed_in, where=which, online_since=since)
    known = await _known(context, zones={panel.id: panel.time_zone for panel in shown}, spans=spans)
    found = list[Summary]()
    for span in spans:
        found.append(_summary(span, shown=shown, known=known, where=which))
        await asyncio.sleep(0)  # a month of 500 panels is 6 ms of computing: others run in between
    return found


async def _known(context: Context, *, zones: Mapping[int, str], spans: Sequence[CalendarSpan]) -> _Known:
    known = _Known(defaultdict(list), {}, {}, {}, context.now(), await tenures_of(context))

    async def read(connection: Database, panel_ids: list[int]) -> tuple[()]:
        await _read(connection, context, known, panel_ids=panel_ids, spans=spans)
        return ()

    async with context.pool.connection() as connection:
        await looked_back_by(connection, context, sorted(zones), read)
        costs = await costs_by_span(
            connection,
            context,
            books=known.books,
            spans=[
                (panel_id, time_zone, span, DaysUpTo(span.first_day, span.end_day))
                for panel_id, time_zone in zones.items()
                for span in spans
            ],
        )
    known.costs.update(costs)
    return known


async def _read(
    connection: Database, context: Context, known: _Known, *, panel_ids: list[int], spans: Sequence[CalendarSpan]
) -> None:
    viewer, asked = context.signed_in, [(None, DaysUpTo(span.first_day, span.end_day)) for span in spans]
    for part in await summaries.by_span(connection, viewer=viewer, panel_ids=panel_ids, spans=asked):
        known.sums[part.panel_id, spans[part.place]].append(part)
    known.first_at.update(await summaries.first_readings(connection, viewer=viewer, panel_ids=panel_ids))
    known.books.update(await stored_tariffs.books(connection, viewer=viewer, panel_ids=panel_ids))


def _summary(span: CalendarSpan, *, shown: Sequence[Panel], known: _Known, where: PanelFilter) -> Summary:
    codes = counted([panel.code for panel in shown])
    lines = [_line(panel, span=span, known=known, is_counted=panel.code in codes) for panel in shown]
    counting = [line for line in lines if line.is_counted]
    parts = [part for line in counting for part in line.parts]
    costs = shown_costs(cost for line in counting for cost in line.costs)
    return Summary(span, where, lines, SummaryTotal(float(energy_of(parts)), _export(parts), costs, counting))


def _line(panel: Panel, *, span: CalendarSpan, known: _Known, is_counted: bool) -> PanelSummary:
    parts = known.sums.get((panel.id, span), [])
    costs = known.costs.get((panel.id, span))
    if costs is None:
        costs = costs_of(parts)
    book = known.books.get(panel.id) or NO_TARIFFS
    currency = tariffs.required(book, span.end_day - timedelta(days=1)).currency
    return PanelSummary(
        panel=panel,
        book=book,
        span=span,
        parts=parts,
        costs=costs,
        energy_kwh=float(energy_of(parts)),
        export_kwh=_export(parts),
        cost=money(sum((amount for of, amount in costs if of == currency), Decimal(0)), currency),
        peak_kw=max((part.peak_kw for part in parts if part.peak_kw is not None), default=None),
        average_power_factor=average_factor(
            sum(part.factor_sum for part in parts), sum(part.factor_count for part in parts)
        ),
        is_partial=not (parts and _is_whole(panel, span=span, known=known)),
        is_counted=is_counted,
    )


def all_costs(parent: strawberry.Parent[PanelSummary]) -> list[Money]:
    """What it cost in each currency that its tariffs had, by the code; `cost` is that of the last day's."""
    amounts: dict[str, Decimal] = defaultdict(Decimal)
    for currency, amount in parent.costs:
        amounts[currency] += amount
    return [money(amount, currency) for currency, amount in sorted(amounts.items())]


def _is_whole(panel: Panel, *, span: CalendarSpan, known: _Known) -> bool:
    """Whether the span is over and began after the panel's first reading."""
    first_at = known.first_at.get(panel.id)
    is_over = local_midnight(span.end_day, panel.zone) <= seen_until(known.tenures.get(panel.id), now=known.now)
    return is_over and first_at is not None and first_at <= local_midnight(span.first_day, panel.zone)


def energy_of(parts: Iterable[SpanSum]) -> Decimal:
    """The import of all parts in kWh."""
    return sum((part.energy_kwh for part in parts), Decimal(0))


def _export(parts: Iterable[SpanSum]) -> float:
    return float(sum((part.export_kwh for part in parts), Decimal(0)))
