"""Describes the subscriptions that a person has open, and how one is closed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import strawberry

from resolvers import open_subscriptions
from resolvers.context import Info
from schema.refusals import Refusal, RefusedAsData
from store.open_subscriptions import Transport

strawberry.enum(
    Transport,
    name="SubscriptionTransport",
    description="How events reach the client: WEBSOCKET (graphql-transport-ws) or SSE (text/event-stream).",
)


@strawberry.type(description="A subscription that you have open.")
class OpenSubscription:
    """See `store.open_subscriptions.OpenSubscription`."""

    id: strawberry.ID = strawberry.field(description="Names it for `closeSubscription`.")
    operation: str = strawberry.field(
        description="The name that the client gave its operation; without one, the field that it subscribes to."
    )
    transport: Transport = strawberry.field(description="How events reach the client.")
    address: str = strawberry.field(description="The client's address as the server sees it.")
    opened_at: datetime = strawberry.field(description="When it was opened, in UTC.")


@strawberry.input(description="Which subscription is to end.")
class CloseSubscriptionInput:
    """A subscription of the viewer's."""

    subscription_id: strawberry.ID = strawberry.field(description="The id that `viewer { subscriptions }` answers.")


@dataclass(frozen=True, slots=True)
class Closed:
    """What became of a wish to end a subscription."""

    closed_id: str | None = None
    refusal: Refusal | None = None


@strawberry.type(description="The closed subscription's id, or why it was not closed.")
class CloseSubscriptionPayload:
    """Exactly one of the two is set."""

    closed_id: strawberry.ID | None = strawberry.field(description="Null when it was refused.")
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, or SUBSCRIPTION_NOT_FOUND: none of this id is yours; null when it was closed."
    )


@strawberry.type
class OpenSubscriptionMutations:
    """Ending a subscription from outside."""

    @strawberry.mutation(
        description="Ends one of your subscriptions, on whichever device and server process it is. It ends with the"
        " error SUBSCRIPTION_CLOSED; others of the same connection go on.",
        graphql_type=CloseSubscriptionPayload,
        extensions=[RefusedAsData(Closed)],
    )
    async def close_subscription(
        self,
        info: Info,
        given: Annotated[
            CloseSubscriptionInput, strawberry.argument(name="input", description="Which subscription is to end.")
        ],
    ) -> Closed:
        """The closed one's id, or why it was not closed."""
        return Closed(await open_subscriptions.close_subscription(info.context, subscription_id=given.subscription_id))
