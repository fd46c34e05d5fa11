"""Describes what operations cost, what their sender may spend, and every other limit of the server."""

from datetime import datetime

import strawberry

from resolvers import limits as bounds
from schema.arguments import Arguments

_POINTS = "A point is about 10 microseconds of the server's CPU."


@strawberry.type(description=f"What this operation was charged, and what you have left for now. {_POINTS}")
class RateLimit:
    """See `resolvers.limits.RateLimit`."""

    cost: int = strawberry.field(
        description="What this operation costs, in points; worked out from its fields and arguments before it is run."
    )
    limit: int | None = strawberry.field(
        description="How many points you may spend in a minute on the server process that answers; null: no limit."
    )
    remaining: int | None = strawberry.field(
        description="How many points of them are left, after this operation; null: no limit."
    )
    reset_at: datetime | None = strawberry.field(
        description="When all of them are there again if you ask for nothing until then: they come back evenly. UTC;"
        " null: no limit."
    )


@strawberry.type(description="What one field of an operation's root costs.")
class CostPart:
    """See `resolvers.limits.CostPart`."""

    field: str = strawberry.field(description="The field's name in the answer: its alias if it has one.")
    cost: int = strawberry.field(description="Its points, all that is selected of it included.")


@strawberry.type(description=f"What an operation would cost. {_POINTS}")
class OperationCost:
    """See `resolvers.limits.OperationCost`."""

    cost: int = strawberry.field(description="What one request of it is charged, in points.")
    max_cost: int = strawberry.field(description="What one request may cost, in points.")
    is_allowed: bool = strawberry.field(description="Whether it may be run; dearer ones are refused: COST_TOO_HIGH.")
    dearest: str = strawberry.field(description="Where most of it goes, as a path like panels.nodes.readings.")
    parts: list[CostPart] = strawberry.field(description="The cost of each field of the root, the dearest first.")


@strawberry.type(description="What one request may be.")
class RequestLimits:
    """See `resolvers.limits.RequestLimits`."""

    tokens: int = strawberry.field(description="Names, numbers and signs of a document.")
    depth: int = strawberry.field(description="How deep its fields may lie in each other.")
    aliases: int = strawberry.field(description="How many of its fields may have an alias.")
    body_bytes: int = strawberry.field(description="Bytes of the body of a POST.")
    address_bytes: int = strawberry.field(description="Bytes of the address of a GET.")
    socket_message_bytes: int = strawberry.field(description="Bytes of a message on a websocket.")
    operations_per_socket: int = strawberry.field(description="How many operations a websocket may have at a time.")
    connections_per_account: int = strawberry.field(
        description="How many websockets an account may have open on one server process, and how many event streams."
    )
    subscriptions_per_account: int = strawberry.field(
        description="How many subscriptions an account may have on all of these together."
    )
    max_cost: int = strawberry.field(description=f"What one request may cost, in points. {_POINTS}")
    cost_per_minute: int | None = strawberry.field(
        description="How many points you may spend in a minute on one server process, a tenth of it while you have not"
        " signed in; null: no limit. See rateLimit."
    )


@strawberry.type(
    description="The limits of requests, and those that several fields share. What a single argument or input takes is"
    " in its description."
)
class Limits:
    """See `resolvers.limits.Limits`."""

    request: RequestLimits = strawberry.field(description="What one request may be.")
    page_size: int = strawberry.field(description="How many items a page of a list may have: the most for `first`.")
    series_points: int = strawberry.field(description="How many points a series may have: the most for `maxPoints`.")
    series_points_by_default: int = strawberry.field(description="How many it has at the most when that is left out.")
    series_buckets: int = strawberry.field(description="How many buckets of usage a series may have.")
    point_values: int = strawberry.field(
        description="How many values a list of points may have: its points times the fields that are selected of each."
    )
    answer_points: int = strawberry.field(
        description="How many points and buckets all series of one answer may have together."
    )
    period_years: int = strawberry.field(description="How many years a period may last.")
    days: int = strawberry.field(description="How many days dailyUsage may have: the most for `days`.")
    node_ids: int = strawberry.field(description="How many ids `nodes` takes.")
    filter_codes: int = strawberry.field(description="How many codes the filter of `panels` takes.")
    search_characters: int = strawberry.field(description="How many characters a text to search for may have.")
    subscription_codes: int = strawberry.field(description="How many codes a subscription takes.")
    heartbeat_s: float = strawberry.field(
        description="How many seconds a subscription may be silent: the most for `heartbeatEveryS`, which is 1 or more."
    )


@strawberry.type
class LimitQueries:
    """Queries about limits: anybody may ask, signed in or not."""

    rate_limit: bounds.RateLimit | None = strawberry.field(
        resolver=bounds.rate_limit,
        graphql_type=RateLimit | None,
        description="What this operation was charged, and what you have left. The headers RateLimit and"
        " RateLimit-Policy of every answer say the same.",
    )
    limits: bounds.Limits = strawberry.field(
        resolver=bounds.limits,
        graphql_type=Limits,
        description="The limits of requests, and those that several fields share.",
    )
    query_cost: bounds.OperationCost = strawberry.field(
        resolver=bounds.query_cost,
        graphql_type=OperationCost,
        description="What an operation would cost, without running it. It is charged as a field like others.",
        extensions=[
            Arguments(
                query="The document.",
                variables="Its variables, as an object; left out, those that have defaults have these.",
                operation_name="Which operation of the document, where it has several.",
            )
        ],
    )
