"""Turns the properties of a landlord into what their panels used, cost, have left and owe, one by one and together."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from typing import Final
from zoneinfo import ZoneInfo

import strawberry

from metering.building import counted
from metering.calendar_spans import CalendarSpan, DaysUpTo, calendar_month
from metering.money import Money, money
from metering.periods import local_day
from metering.refusals import Refused
from resolvers.context import Context, Info
from resolvers.loading import loaded
from resolvers.span_costs import Costs, costs_by_span, costs_of, shown_costs
from store import ledger, property_overview, summaries, tariffs
from store.connections import Database
from store.ledger import Standing
from store.properties import Property
from store.property_overview import PropertyCounts, PropertyPanel
from store.summaries import SpanSum

LOW_BELOW_KWH: Final = Decimal(10)
_MAX_LOW_KWH: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class OverviewUsage:
    """What panels used in kWh, and what it cost, one amount a currency."""

    energy_kwh: float
    cost: list[Money]


@dataclass(frozen=True, slots=True)
class PropertyOverview:
    """How it stands with a property, or with all of a landlord's together."""

    panel_count: int
    online_count: int
    offline_count: int
    prepaid_count: int
    low_balance_count: int
    empty_balance_count: int
    let_count: int
    vacant_count: int
    tenancy_count: int
    tenant_count: int
    open_invitation_count: int
    today: OverviewUsage
    this_month: OverviewUsage
    month_before: OverviewUsage
    credit_sold: list[Money]
    debts: list[Money]


class _Span(Enum):
    TODAY = 0
    MONTH = 1
    BEFORE = 2


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is to be known: of one property, or None for all; of a month, None for each panel's own now."""

    property_id: int | None
    month: CalendarSpan | None
    low_below_kwh: Decimal


@dataclass(frozen=True, slots=True)
class _Known:
    """What is stored of panels, by their ids."""

    panels: list[PropertyPanel]
    counts: list[PropertyCounts]
    energy: Mapping[tuple[int, _Span], list[SpanSum]]
    costs: Mapping[tuple[int, _Span], Costs]
    balances_kwh: Mapping[int, Decimal]
    standings: Mapping[int, Standing]
    sold: list[tuple[int, str, Decimal]]


async def of_property(
    parent: strawberry.Parent[Property],
    info: Info,
    year: int | None = None,
    month: int | None = None,
    low_below_kwh: Decimal = LOW_BELOW_KWH,
) -> PropertyOverview:
    """How it stands with a property, found together with all others that are asked for at the same time.

    Raises:
        Refused: BAD_MONTH, BAD_AMOUNT.
    """
    asked = _asked(parent.id, year=year, month=month, low_below_kwh=low_below_kwh)
    return await loaded(info.context, _of_properties, asked) or _overview(_NOTHING, asked)


async def of_all(context: Context, *, year: int | None, month: int | None, low_below_kwh: Decimal) -> PropertyOverview:
    """How it stands with all properties that the viewer acts for.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN (tenants), BAD_MONTH, BAD_AMOUNT.
    """
    _ = context.landlord
    asked = _asked(None, year=year, month=month, low_below_kwh=low_below_kwh)
    return _overview(await _known(context, property_ids=None, month=asked.month), asked)


def _asked(property_id: int | None, *, year: int | None, month: int | None, low_below_kwh: Decimal) -> _Asked:
    if (year is None) != (month is None):
        raise Refused("BAD_MONTH", "Give both `year` and `month`, or neither.", "month")
    if not 0 <= low_below_kwh <= _MAX_LOW_KWH:
        raise Refused("BAD_AMOUNT", f"`lowBelowKwh` is 0 to {_MAX_LOW_KWH}.", "lowBelowKwh")
    return _Asked(property_id, calendar_month(year, month) if year and month else None, low_below_kwh)


async def _of_properties(context: Context, asked: list[_Asked]) -> dict[_Asked, PropertyOverview]:
    """A few statements for all properties, for each month that is asked for."""
    found: dict[_Asked, PropertyOverview] = {}
    for month in {one.month for one in asked}:
        ids = sorted({one.property_id or 0 for one in asked if one.month == month})
        known = await _known(context, property_ids=ids, month=month)
        found |= {one: _overview(_part(known, one.property_id), one) for one in asked if one.month == month}
    return found


def _part(known: _Known, property_id: int | None) -> _Known:
    panels = [panel for panel in known.panels if panel.property_id == property_id]
    counts = [each for each in known.counts if each.property_id == property_id]
    ids = {panel.id for panel in panels}
    sold = [each for each in known.sold if each[0] in ids]
    return _Known(panels, counts, known.energy, known.costs, known.balances_kwh, known.standings, sold)


async def _known(context: Context, *, property_ids: Sequence[int] | None, month: CalendarSpan | None) -> _Known:
    viewer, now = context.signed_in, context.now()
    since = now - context.online_within
    async with context.pool.connection() as connection:
        panels = await property_overview.panels(
            connection, viewer=viewer, property_ids=property_ids, now=now, online_since=since
        )
        counts = await property_overview.counts(connection, viewer=viewer, property_ids=property_ids, now=now)
        ids = [panel.id for panel in panels]
        spans = _spans(context, {panel.time_zone for panel in panels}, month=month)
        energy, costs = await _used(connection, context, panels, spans=spans)
        prepaid = [panel.id for panel in panels if panel.is_prepaid]
        balances = await ledger.balances(connection, viewer=viewer, panel_ids=prepaid, now=now)
        standings = await ledger.standings(connection, viewer=viewer, panel_ids=prepaid)
        days = [(zone, span.first_day, span.end_day) for (zone, of), span in spans.items() if of is _Span.MONTH]
        sold = await property_overview.sold(connection, viewer=viewer, panel_ids=ids, days=days)
    left_kwh = {each.panel_id: each.balance_kwh for each in balances}
    return _Known(panels, counts, energy, costs, left_kwh, standings, sold)


_Spans = Mapping[tuple[str, _Span], DaysUpTo]
"""By time zone: its day now, the month, and the month before."""


def _spans(context: Context, zones: Iterable[str], *, month: CalendarSpan | None) -> _Spans:
    found: dict[tuple[str, _Span], DaysUpTo] = {}
    for zone in sorted(zones):
        today = local_day(context.now(), ZoneInfo(zone))
        this = month or calendar_month(today.year, today.month)
        found[zone, _Span.TODAY] = DaysUpTo(today, today + timedelta(days=1))
        found[zone, _Span.MONTH] = DaysUpTo(this.first_day, this.end_day)
        found[zone, _Span.BEFORE] = DaysUpTo(this.before.first_day, this.before.end_day)
    return found


async def _used(
    connection: Database, context: Context, panels: Sequence[PropertyPanel], *, spans: _Spans
) -> tuple[dict[tuple[int, _Span], list[SpanSum]], dict[tuple[int, _Span], Costs]]:
    viewer, ids = context.signed_in, [panel.id for panel in panels]
    keys, energy = list(spans), defaultdict[tuple[int, _Span], list[SpanSum]](list)
    asked = [(zone, spans[zone, of]) for zone, of in keys]
    for part in await summaries.by_span(connection, viewer=viewer, panel_ids=ids, spans=asked):
        energy[part.panel_id, keys[part.place][1]].append(part)
    books = await tariffs.books(connection, viewer=viewer, panel_ids=ids)
    costs = await costs_by_span(
        connection,
        context,
        books=books,
        spans=[(panel.id, panel.time_zone, of, spans[panel.time_zone, of]) for panel in panels for of in _Span],
    )
    return dict(energy), costs


_NOTHING: Final = _Known([], [], {}, {}, {}, {}, [])


def _overview(known: _Known, asked: _Asked) -> PropertyOverview:
    panels, left = known.panels, [known.balances_kwh.get(panel.id) for panel in known.panels]
    debts = [found.debt for panel in panels if (found := known.standings.get(panel.id)) and found.debt]
    online, let = sum(panel.is_online for panel in panels), sum(panel.is_let for panel in panels)
    return PropertyOverview(
        panel_count=len(panels),
        online_count=online,
        offline_count=len(panels) - online,
        prepaid_count=sum(panel.is_prepaid for panel in panels),
        low_balance_count=sum(kwh is not None and 0 < kwh < asked.low_below_kwh for kwh in left),
        empty_balance_count=sum(kwh is not None and kwh <= 0 for kwh in left),
        let_count=let,
        vacant_count=len(panels) - let,
        tenancy_count=sum(each.tenancies for each in known.counts),
        tenant_count=sum(each.tenants for each in known.counts),
        open_invitation_count=sum(each.open_invitations for each in known.counts),
        today=_usage(known, _Span.TODAY),
        this_month=_usage(known, _Span.MONTH),
        month_before=_usage(known, _Span.BEFORE),
        credit_sold=_summed((currency, amount) for _, currency, amount in known.sold),
        debts=_summed((debt.currency, debt.amount) for debt in debts),
    )


def _usage(known: _Known, span: _Span) -> OverviewUsage:
    codes = counted([panel.code for panel in known.panels])
    ids = [panel.id for panel in known.panels if panel.code in codes]
    parts = {panel_id: known.energy.get((panel_id, span), []) for panel_id in ids}
    energy_kwh = sum((part.energy_kwh for found in parts.values() for part in found), Decimal(0))
    costs = [cost for panel_id, found in parts.items() for cost in known.costs.get((panel_id, span), costs_of(found))]
    return OverviewUsage(float(energy_kwh), shown_costs(costs))


def _summed(amounts: Iterable[tuple[str, Decimal]]) -> list[Money]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for currency, amount in amounts:
        sums[currency] += amount
    return [money(amount, currency) for currency, amount in sorted(sums.items())]
