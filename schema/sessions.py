"""Describes signing in, and who is signed in."""

from datetime import datetime
from typing import Annotated

import strawberry

from metering.access import Role
from resolvers import sessions
from resolvers.context import Info
from resolvers.open_subscriptions import subscriptions as own_subscriptions
from resolvers.tenancies import own as own_tenancies
from resolvers.sessions import LoggedIn, SignedIn
from schema.arguments import Arguments
from schema.open_subscriptions import OpenSubscription
from schema.pages import Connection
from schema.refusals import Refusal, RefusedAsData
from schema.tenancies import Tenancy
from store.open_subscriptions import OpenSubscription as OpenSubscriptionRow

strawberry.enum(
    Role, description="Tenants and landlords see the panels given to them, admins see every panel and run the service."
)


@strawberry.type(description="Who is asking.")
class Viewer:
    """See `resolvers.sessions.SignedIn`."""

    name: str = strawberry.field(description="What the person is called.")
    email: str = strawberry.field(description="The address that the person signs in with, in lower case.")
    role: Role = strawberry.field(description="What the person may do.")

    panel_count: int = strawberry.field(
        resolver=sessions.panel_count, description="How many panels you see; every panel for an admin."
    )
    tenancies: Connection[Tenancy] = strawberry.field(  # pyright: ignore[reportAssignmentType]
        resolver=own_tenancies,
        description="What you rent, have rented and are to rent, what was accepted last first.",
        extensions=[Arguments(first="How many at the most, 1 to 500.", after="Only tenancies after this cursor.")],
    )
    subscriptions: list[OpenSubscriptionRow] = strawberry.field(
        resolver=own_subscriptions,
        graphql_type=list[OpenSubscription],
        description="What you have open, on any device and server process, newest first, 500 at the most; what began"
        " or ended on another process within the last second may be missing or still there.",
    )


@strawberry.type(description="A sign-in that succeeded.")
class Session:
    """See `resolvers.sessions.Session`."""

    access_token: str = strawberry.field(
        description="Send it as `Authorization: Bearer …`, and for subscriptions in the payload of connection_init."
    )
    expires_at: datetime = strawberry.field(
        description="From then on the token is refused and websockets that use it are closed with 4403; UTC."
    )
    viewer: Viewer = strawberry.field(description="Who has signed in.")


@strawberry.input(description="Who wants to sign in.")
class LogInInput:
    """An e-mail address and its password."""

    email: str = strawberry.field(description="In upper or lower case.")
    password: str = strawberry.field(description="8 to 256 characters.")


@strawberry.type(description="A session, or why there is none.")
class SessionPayload:
    """Exactly one of the two is set."""

    session: Session | None = strawberry.field(description="Null when the sign-in was refused.", default=None)
    refusal: Refusal | None = strawberry.field(
        description="BAD_CREDENTIALS or TOO_MANY_ATTEMPTS; null when the sign-in succeeded.", default=None
    )


@strawberry.type
class SessionQueries:
    """The query about who is asking."""

    viewer: SignedIn = strawberry.field(
        resolver=sessions.viewer, graphql_type=Viewer, description="Who is asking: the account of the access token."
    )


@strawberry.type
class SessionMutations:
    """Signing in."""

    @strawberry.mutation(
        description="Signs in with an e-mail address and a password. After 10 attempts in 15 minutes on one account, or"
        " 60 in all, from one address, it has to wait.",
        graphql_type=SessionPayload,
        extensions=[RefusedAsData(LoggedIn)],
    )
    async def log_in(
        self,
        info: Info,
        given: Annotated[LogInInput, strawberry.argument(name="input", description="Who wants to sign in.")],
    ) -> LoggedIn:
        """A session, or the reason why there is none."""
        return LoggedIn(await sessions.log_in(info.context, email=given.email, password=given.password))
