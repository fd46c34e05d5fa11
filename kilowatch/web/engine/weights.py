"""Turns the contract's fields into what each of them weighs, and their arguments into how much they ask for.

All figures are in points of about 10 us of the server's CPU: docs/decisions/0012-query-cost.md has where they are from.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from metering.buckets import MAX_BUCKETS
from metering.offline_entries import MAX_ENTRIES
from metering.periods import Range
from resolvers.daily_usage import MAX_DAYS
from resolvers.nodes import MAX_IDS
from resolvers.pages import MAX_FIRST
from resolvers.reading_stream import MAX_CODES
from resolvers.readings import DEFAULT_POINTS, MAX_POINTS

REQUEST: Final = 30.0
"""Taking a request and sending its answer, the viewer's role and the context included."""
UNREADABLE: Final = 200
"""A document that was read and checked, and cannot be run: 0.5 ms for most, 50 ms for what is written to be slow."""
ROOT_FIELD: Final = 40.0
"""A field of Query or Subscription: a connection of the pool's and a statement or two."""
EVENT: Final = 4.0
"""An event of a subscription, besides what is selected of it: executing and encoding it once for all who share it."""
MUTATION: Final = 200.0
"""A transaction with checks, rows and what it tells others."""
WITH_ARGUMENTS: Final = 25.0
"""A field below that takes arguments: a statement of its own for each object, or its share of one for all."""
RESOLVED: Final = 4.0
"""A field below that has a resolver: its share of a statement for all objects, and of the loading."""
OBJECT: Final = 0.5
"""An object and its place in the answer."""
LEAF: Final = 0.1
"""A value of an object."""
OF_THE_SCHEMA: Final = 3.0
"""How many times as much objects and values of the schema itself take: no plan is made for them."""
ITEMS: Final[Mapping[tuple[str, str], float]] = {
    ("ReadingSeries", "points"): 0.1,
    ("MonthlySummary", "panels"): 1.0,
    ("WeeklySummary", "panels"): 1.0,
    ("YearlySummary", "panels"): 1.0,
}
"""Objects of lists that are lighter or heavier than others."""
EACH: Final[Mapping[str, float]] = {"step": 0.22, "days": 0.25}
"""What a bucket or day of a series takes whatever is selected: the argument that the series is cut up by."""
COLUMN_ITEM: Final[Mapping[str, float]] = {"DateTime": 0.06, "Date": 0.06, "Decimal": 0.12, "String": 0.03}
OTHER_COLUMN_ITEM: Final = 0.015
"""A value of a column: the database's bytes into Python, and into JSON."""

USUAL_LENGTH: Final = 10.0
"""How long a list is that no argument bounds."""
LENGTHS: Final[Mapping[tuple[str, str], float]] = {
    ("Query", "yearSummary"): 12,
    ("MonthlySummary", "panels"): 200,
    ("WeeklySummary", "panels"): 200,
    ("YearlySummary", "panels"): 200,
    ("YearlySummary", "months"): 12,
    ("SummaryTotal", "cost"): 1,
    ("PreviousSummary", "cost"): 1,
    ("PreviousUsage", "cost"): 1,
    ("Panel", "tariffs"): 3,
    ("PanelHistory", "tariffs"): 3,
    ("Tariff", "bands"): 1,
    ("TariffBand", "blocks"): 1,
    ("TariffBand", "windows"): 1,
    ("TariffWindow", "weekdays"): 7,
    ("TariffWindow", "months"): 12,
    ("Tariff", "standingCharges"): 1,
    ("Tariff", "taxes"): 1,
    ("Vending", "fees"): 1,
    ("Query", "tariffExamples"): 15,
    ("UsageTotal", "costBreakdown"): 3,
    ("PanelSummary", "costBreakdown"): 3,
    ("PanelSummary", "costs"): 1,
    ("Receipt", "lines"): 4,
    ("AuditEntry", "details"): 4,
    ("ServiceAccount", "keys"): 3,
    ("ServiceAccount", "scopes"): 3,
    ("ApiKey", "scopes"): 3,
    ("HourProfile", "hour"): 24,
    ("HourProfile", "hourCount"): 24,
    ("HourProfile", "averageEnergyKwh"): 24,
    ("HourProfile", "averagePowerKw"): 24,
    ("HourProfile", "peakKw"): 24,
    ("AlertSnapshot", "alerts"): 5,
    ("ReadingSnapshot", "panels"): 50,
    ("PanelStatusSnapshot", "states"): 50,
    ("UsageTodaySnapshot", "states"): 50,
    ("DepletionForecastSnapshot", "states"): 50,
    ("ForecastBacktest", "byHorizon"): 4,
    ("Reading", "flags"): 0,
    ("Device", "panels"): 2,
    ("RegisteredDevice", "panelCodes"): 1,
    ("RegisteredDevice", "panelPrefixes"): 1,
    ("RegisteredDevice", "publishTopics"): 4,
    ("RegisteredDevice", "commandTopics"): 3,
    ("RegisteredDevice", "panels"): 2,
    ("Tenancy", "panelCodes"): 1,
    ("Person", "panelCodes"): 1,
    ("Tenancy", "panels"): 1,
    ("OverviewUsage", "cost"): 1,
    ("PropertyOverview", "creditSold"): 1,
    ("PropertyOverview", "debts"): 1,
    ("Invitation", "panelCodes"): 1,
    ("Query", "errorCodes"): 80,
    ("OpenPaygoMeter", "tokensNotEntered"): 1,
    ("__Schema", "types"): 180,
    ("__Schema", "directives"): 6,
    ("__Type", "fields"): 5,
    ("__Type", "enumValues"): 1,
    ("__Type", "inputFields"): 1,
    ("__Type", "interfaces"): 0.1,
    ("__Type", "possibleTypes"): 0.1,
    ("__Type", "ofType"): 0.5,
    ("__Field", "args"): 0.3,
    ("__Directive", "args"): 1,
    ("__Directive", "locations"): 3,
}
"""How long lists are that no argument bounds, where that is known; of a single object, how often it is there."""
BASES: Final[Mapping[tuple[str, str], float]] = {
    ("Mutation", "logIn"): 6000,
    ("Query", "queryCost"): 300,
    ("Panel", "usageProfile"): 90,
    ("PanelHistory", "usageProfile"): 90,
    ("PrepaidAccount", "whatIf"): 2000,
    ("Panel", "monthForecast"): 300,
    ("Property", "overview"): 100,
    ("Query", "propertyOverview"): 3000,
}
"""What single fields take besides what is selected of them."""

_DAY_S: Final = 86_400.0
_READING_EVERY_S: Final = 10.0
_ALL_PANELS: Final = 50.0
_STEP_S: Final[Mapping[str, float]] = {
    "MINUTE": 60, "FIVE_MINUTES": 300, "QUARTER_HOUR": 900, "HOUR": 3600, "DAY": _DAY_S, "WEEK": 7 * _DAY_S,
    "MONTH": 30 * _DAY_S, "YEAR": 365 * _DAY_S,
}  # fmt: skip
_RANGE_S: Final[Mapping[str, float]] = {range_.name: range_.length.total_seconds() for range_ in Range}

COUNTS: Final[Mapping[str, int]] = {"first": MAX_FIRST, "last": MAX_FIRST, "days": MAX_DAYS}
"""Arguments that count something, and the most that fields take of it: they refuse more, in better words."""
SELECTIONS: Final[Mapping[str, int]] = {"ids": MAX_IDS, "codes": MAX_CODES}
"""Arguments that list what is asked for, and the most that fields take of it."""
INPUT_LISTS: Final[Mapping[tuple[str, str], tuple[str, int, float]]] = {
    ("Mutation", "submitEntries"): ("entries", MAX_ENTRIES, MUTATION)
}
"""Fields whose `input` has a list: its name, the most that they take of it, and what each of its entries takes."""
SPREADS: Final = ("step", "maxPoints")
"""Arguments of which a series has one: how its period is cut up."""


def counted(value: Any, *, most: int) -> float | None:
    """How many an argument asks for; None of what is no number, because the field refuses it."""
    return max(min(value, most), 0) if value.__class__ is int else None


def chosen(value: Any, *, most: int) -> float:
    """How many an argument names; all that somebody may see when it is left out."""
    if value is None:
        return _ALL_PANELS
    return min(len(value), most) if isinstance(value, list | tuple) else 1.0  # pyright: ignore[reportUnknownArgumentType]


def buckets(step: Any, *, span_s: float) -> float:
    """How many buckets of a step lie in a span, at the most as many as fields take."""
    return min(span_s / _STEP_S.get(_name(step), 60) + 1, MAX_BUCKETS)


def points(max_points: Any, *, span_s: float) -> float:
    """How many points a series of a span has."""
    most = max_points if max_points.__class__ is int else DEFAULT_POINTS
    return min(most, span_s / _READING_EVERY_S, MAX_POINTS)


def span_s(range_: Any, since: Any, until: Any, *, now: Callable[[], datetime]) -> float:
    """How many seconds a period has; a day when nothing is said of it, or nothing that can be read."""
    start = _instant(since)
    if start is None:
        return _RANGE_S.get(_name(range_), _DAY_S)
    return max(((_instant(until) or now()) - start).total_seconds(), 0.0)


def _instant(value: Any) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _name(value: Any) -> str:
    """An enum's value as its name: text in a request, a member among the schema's defaults."""
    return value if isinstance(value, str) else getattr(value, "name", "")
