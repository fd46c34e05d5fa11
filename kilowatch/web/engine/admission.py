"""Turns an operation and its sender into a charge on the sender's budget, or the reason why it is not run."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from graphql import GraphQLError

from kilowatch.web.engine.budgets import (
    COST_PER_MINUTE,
    MAX_COST,
    WINDOW_S,
    Allowance,
    Budgets,
    Client,
    OverBudgetError,
)
from kilowatch.web.engine.costs import Costs
from kilowatch.web.engine.documents import DocumentError, Documents, Prepared
from kilowatch.web.engine.weights import UNREADABLE
from metering.refusals import Refused
from resolvers.attempts import network_of
from resolvers.context import Context
from resolvers.limits import OperationCost, RateLimit

Headers = tuple[tuple[str, str], ...]

ANONYMOUS_SHARE: Final = 10
"""Somebody who has not signed in has this part of an account's budget."""
_POLICY: Final = '"points"'


class NotAdmittedError(Exception):
    """An operation is not run; `error` says why, `headers` and `status` are for HTTP."""

    def __init__(self, error: GraphQLError, *, headers: Headers = (), status: int | None = None) -> None:
        self.error, self.headers, self.status = error, headers, status
        super().__init__(error.message)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one request may cost, and what an account may spend in a minute (0: as much as it likes), in points."""

    max_cost: int = MAX_COST
    cost_per_minute: int = COST_PER_MINUTE

    def a_minute(self, context: Context) -> int | None:
        """What the sender of a request may spend in a minute; None without a limit."""
        if not self.cost_per_minute:
            return None
        share = 1 if context.viewer else ANONYMOUS_SHARE
        return max(self.cost_per_minute // share, 1)


@dataclass(frozen=True, slots=True)
class Admission:
    """Prices operations and charges their senders."""

    documents: Documents
    costs: Costs
    budgets: Budgets
    bounds: Bounds

    def admit(self, prepared: Prepared, variables: Mapping[str, Any] | None, context: Context) -> Headers:
        """Charges the sender, and returns what HTTP answers tell of the budget; none without one.

        `context.charged` then says what was charged.

        Raises:
            NotAdmittedError: COST_TOO_HIGH or RATE_LIMITED; nothing was charged.
        """
        cost = self.costs.cost(prepared, variables)
        if cost > self.bounds.max_cost:
            raise _too_dear(self.costs.described(prepared, variables, max_cost=self.bounds.max_cost))
        a_minute = self.bounds.a_minute(context)
        if a_minute is None:
            context.charged = RateLimit(cost, None, None, None)
            return ()
        try:
            allowance = self.budgets.spend(cost, client=_client(context), limit=a_minute)
        except OverBudgetError as error:
            raise _over_budget(cost, error) from None
        reset_at = self.budgets.now() + timedelta(seconds=allowance.full_in_s)
        context.charged = RateLimit(cost, allowance.limit, allowance.remaining, reset_at)
        return _headers(allowance)

    def charge_event(self, cost: int, context: Context) -> None:
        """Charges a subscriber for an event.

        Raises:
            NotAdmittedError: RATE_LIMITED; nothing was charged.
        """
        a_minute = self.bounds.a_minute(context)
        if a_minute is None:
            return
        try:
            self.budgets.spend(cost, client=_client(context), limit=a_minute)
        except OverBudgetError as error:
            raise _over_budget(cost, error) from None

    def let_in(self, context: Context) -> None:
        """Looks whether the sender has anything left, before its document is read.

        Raises:
            NotAdmittedError: RATE_LIMITED.
        """
        a_minute = self.bounds.a_minute(context)
        if a_minute is None:
            return
        allowance = self.budgets.take(0, client=_client(context), limit=a_minute)
        if allowance.full_in_s > WINDOW_S:  # below nothing: by documents that could not be run
            raise _over_budget(0, OverBudgetError(allowance, allowance.full_in_s - WINDOW_S))

    def charge_unreadable(self, context: Context) -> Headers:
        """Charges the sender for a document that was read in vain, and returns what HTTP answers tell of the budget."""
        a_minute = self.bounds.a_minute(context)
        if a_minute is None:
            return ()
        return _headers(self.budgets.take(UNREADABLE, client=_client(context), limit=a_minute))

    def priced(self, query: str, *, variables: Any, operation_name: str | None) -> OperationCost:
        """What an operation would cost, without running or charging it.

        Raises:
            Refused: BAD_QUERY, BAD_INPUT.
        """
        if variables is not None and not isinstance(variables, dict):
            raise Refused("BAD_INPUT", "`variables` must be an object, like in a request.", "variables")
        try:
            prepared = self.documents.prepared(query, operation_name=operation_name)
        except DocumentError as error:
            raise Refused("BAD_QUERY", f"It could not be run: {error}", "query") from None
        return self.costs.described(prepared, variables, max_cost=self.bounds.max_cost)  # pyright: ignore[reportUnknownArgumentType]


def _client(context: Context) -> Client:
    """Whose purse it is: the account's, from wherever it asks; without one that of the network."""
    if context.viewer is not None:
        return context.viewer.account_id
    return network_of(context.client_address)


def _too_dear(cost: OperationCost) -> NotAdmittedError:
    message = (
        f"The operation would cost {cost.cost:,} points and may cost {cost.max_cost:,}. Most of that is for"
        f" {cost.dearest}: ask for fewer items, points or buckets there, or in several requests."
    )
    extensions = {"code": "COST_TOO_HIGH", "cost": cost.cost, "maxCost": cost.max_cost, "dearest": cost.dearest}
    return NotAdmittedError(GraphQLError(message, extensions=extensions))


def _over_budget(cost: int, error: OverBudgetError) -> NotAdmittedError:
    wait_s, left = math.ceil(error.wait_s), error.allowance
    message = (
        f"{left.remaining:,} of your {left.limit:,} points a minute are left, and the operation costs {cost:,}."
        f" Try again in {wait_s} s."
    )
    facts = {"cost": cost, "limit": left.limit, "remaining": left.remaining, "retryAfterS": wait_s}
    refused = GraphQLError(message, extensions={"code": "RATE_LIMITED", **facts})
    return NotAdmittedError(refused, headers=(*_headers(left), ("Retry-After", str(wait_s))), status=429)


def _headers(allowance: Allowance) -> Headers:
    """The fields of draft-ietf-httpapi-ratelimit-headers-10: the policy, and what is left of it."""
    return (
        ("RateLimit-Policy", f"{_POLICY};q={allowance.limit};w={WINDOW_S:.0f}"),
        ("RateLimit", f"{_POLICY};r={allowance.remaining};t={math.ceil(allowance.full_in_s)}"),
    )
