"""Turns the constants of the server's parts into what clients are told of its limits."""

from dataclasses import dataclass
from typing import Any

from kilowatch.web.endpoint.operations import MAX_ADDRESS_BYTES, MAX_BODY_BYTES
from kilowatch.web.engine.admission import Admission
from kilowatch.web.engine.document_limits import MAX_ALIASES, MAX_DEPTH
from kilowatch.web.engine.documents import MAX_TOKENS
from kilowatch.web.fanout.fanout import SUBSCRIPTIONS_A_CONNECTION
from kilowatch.web.sockets.closing import MAX_CONNECTIONS
from kilowatch.web.sockets.conversation import MAX_MESSAGE_BYTES, MAX_OPERATIONS
from resolvers.context import Context
from resolvers.limits import OperationCost, RequestLimits


@dataclass(frozen=True, slots=True)
class ServerPricing:
    """The `resolvers.limits.Pricing` of a server."""

    admission: Admission
    max_connections: int = MAX_CONNECTIONS

    def priced(self, query: str, *, variables: Any, operation_name: str | None) -> OperationCost:
        """What an operation would cost, without running or charging it.

        Raises:
            Refused: BAD_QUERY, BAD_INPUT.
        """
        return self.admission.priced(query, variables=variables, operation_name=operation_name)

    def request_limits(self, context: Context) -> RequestLimits:
        """What a request of this sender may be."""
        bounds = self.admission.bounds
        return RequestLimits(
            tokens=MAX_TOKENS,
            depth=MAX_DEPTH,
            aliases=MAX_ALIASES,
            body_bytes=MAX_BODY_BYTES,
            address_bytes=MAX_ADDRESS_BYTES,
            socket_message_bytes=MAX_MESSAGE_BYTES,
            operations_per_socket=MAX_OPERATIONS,
            connections_per_account=self.max_connections,
            subscriptions_per_account=SUBSCRIPTIONS_A_CONNECTION * self.max_connections,
            max_cost=bounds.max_cost,
            cost_per_minute=bounds.a_minute(context),
        )
