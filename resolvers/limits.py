"""Turns what a request costs, and what the server bounds, into plain values that clients can ask for."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from strawberry.scalars import JSON

from metering.buckets import MAX_BUCKETS
from metering.periods import MAX_PERIOD
from resolvers.context import MAX_POINTS as MAX_ANSWER_POINTS
from resolvers.context import Context, Info
from resolvers.daily_usage import MAX_DAYS
from resolvers.nodes import MAX_IDS
from resolvers.pages import MAX_FIRST
from resolvers.panels import MAX_CODES as MAX_FILTER_CODES
from resolvers.panels import MAX_SEARCH_LENGTH
from resolvers.reading_stream import MAX_CODES, MAX_HEARTBEAT_S
from resolvers.readings import DEFAULT_POINTS, MAX_POINT_VALUES, MAX_POINTS

_YEAR_DAYS = 366


@dataclass(frozen=True, slots=True)
class RateLimit:
    """What this operation was charged, and what its sender has left; None where nothing is limited."""

    cost: int
    limit: int | None
    remaining: int | None
    reset_at: datetime | None


@dataclass(frozen=True, slots=True)
class CostPart:
    """What one field of an operation's root costs."""

    field: str
    cost: int


@dataclass(frozen=True, slots=True)
class OperationCost:
    """What an operation would cost, and where most of that is."""

    cost: int
    max_cost: int
    dearest: str
    parts: tuple[CostPart, ...]

    @property
    def is_allowed(self) -> bool:
        """Whether one request may cost as much."""
        return self.cost <= self.max_cost


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """What the server takes of one request; `max_cost` and `cost_per_minute` in points, the latter None without."""

    tokens: int
    depth: int
    aliases: int
    body_bytes: int
    address_bytes: int
    socket_message_bytes: int
    operations_per_socket: int
    connections_per_account: int
    subscriptions_per_account: int
    max_cost: int
    cost_per_minute: int | None


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of requests, and those that several fields share; others are in the descriptions of their fields."""

    request: RequestLimits
    page_size: int = MAX_FIRST
    series_points: int = MAX_POINTS
    series_points_by_default: int = DEFAULT_POINTS
    series_buckets: int = MAX_BUCKETS
    point_values: int = MAX_POINT_VALUES
    answer_points: int = MAX_ANSWER_POINTS
    period_years: int = MAX_PERIOD.days // _YEAR_DAYS
    days: int = MAX_DAYS
    node_ids: int = MAX_IDS
    filter_codes: int = MAX_FILTER_CODES
    search_characters: int = MAX_SEARCH_LENGTH
    subscription_codes: int = MAX_CODES
    heartbeat_s: float = MAX_HEARTBEAT_S


class Pricing(Protocol):
    """Knows what operations cost; the server has one."""

    def priced(self, query: str, *, variables: Any, operation_name: str | None) -> OperationCost:
        """What the operation would cost, without running or charging it.

        Raises:
            Refused: BAD_QUERY when the document cannot be run, BAD_INPUT when `variables` is no object.
        """
        ...

    def request_limits(self, context: Context) -> RequestLimits:
        """What a request of this sender may be."""
        ...


def rate_limit(info: Info) -> RateLimit | None:
    """What this operation was charged; None where it was run without a server."""
    return info.context.charged


def limits(info: Info) -> Limits:
    """The bounds of requests, and those that several fields share."""
    return Limits(_pricing(info.context).request_limits(info.context))


def query_cost(
    info: Info,
    query: str,
    *,
    variables: JSON | None = None,  # pyright: ignore[reportInvalidTypeForm]
    operation_name: str | None = None,
) -> OperationCost:
    """What an operation would cost its sender now.

    Raises:
        Refused: BAD_QUERY, BAD_INPUT when `variables` is no object.
    """
    return _pricing(info.context).priced(query, variables=variables, operation_name=operation_name)


def _pricing(context: Context) -> Pricing:
    pricing: Pricing = context.pricing
    return pricing
