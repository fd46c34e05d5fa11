"""Describes signing in, and who is signed in."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import strawberry

from metering.access import Role
from metering.sessions import SessionKind
from resolvers import own_sessions, second_factor_setup, sessions
from resolvers.context import Info
from resolvers.open_subscriptions import subscriptions as own_subscriptions
from resolvers.second_factor_setup import SecondFactorState as SecondFactorStateRow
from resolvers.sessions import LoggedIn, SignedIn
from resolvers.sessions import Session as SessionRow
from resolvers.tenancies import own as own_tenancies
from schema.arguments import Arguments
from schema.audit import OWN_LOG, AuditEntry
from schema.branches import branch
from schema.open_subscriptions import OpenSubscription
from schema.pages import Connection
from schema.refusals import Refusal, RefusedAsData
from schema.second_factor_state import SecondFactorState
from schema.service_accounts import OWN_ACCOUNTS, ServiceAccount
from schema.tenancies import Tenancy
from store.open_subscriptions import OpenSubscription as OpenSubscriptionRow
from store.sessions import OwnSession as OwnSessionRow

strawberry.enum(
    Role, description="Tenants see what they rent, landlords what they let, admins see every panel and run the service."
)


strawberry.enum(SessionKind, description="How a session began.")


@strawberry.type(description="A place where you are signed in: an app, a browser.")
class OwnSession:
    """See `store.sessions.OwnSession`."""

    id: strawberry.ID = strawberry.field(description="Names it for `endSession`.")
    created_at: datetime = strawberry.field(description="When you signed in there, in UTC.")
    last_used_at: datetime = strawberry.field(
        description="When it was renewed last, in UTC; apps do so every quarter of an hour while they are used."
    )
    address: str = strawberry.field(description="The client's address then, as the server saw it.")
    user_agent: str = strawberry.field(description="What the client called itself, 200 characters at the most.")
    kind: SessionKind = strawberry.field(description="How it began.")
    has_second_factor: bool = strawberry.field(description="Whether a code of an authenticator app was asked for.")
    is_current: bool = strawberry.field(
        resolver=own_sessions.is_current, description="Whether it is the one that this request comes by."
    )
    expires_at: datetime = strawberry.field(description="When it ends unless it is renewed before, in UTC.")


@strawberry.type(description="Who is asking.")
class Viewer:
    """See `resolvers.sessions.SignedIn`."""

    name: str = strawberry.field(description="What the person is called.")
    email: str | None = strawberry.field(
        description="The address that the person signs in with, in lower case; null without one."
    )
    phone: str | None = strawberry.field(
        description="The phone number that the person signs in with, in E.164 like +2348012345678; null without one."
    )
    role: Role = strawberry.field(description="What the person may do.")

    panel_count: int = strawberry.field(
        resolver=sessions.panel_count, description="How many panels you see; every panel for an admin."
    )
    second_factor: SecondFactorStateRow = strawberry.field(
        resolver=second_factor_setup.state,
        graphql_type=SecondFactorState,
        description="Your authenticator app; see startSecondFactor.",
    )
    sessions: list[OwnSessionRow] = strawberry.field(
        resolver=own_sessions.sessions,
        graphql_type=list[OwnSession],
        description="Where you are signed in, newest first, 200 at the most.",
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
    audit_log: Connection[AuditEntry] = OWN_LOG  # pyright: ignore[reportAssignmentType]
    service_accounts: Connection[ServiceAccount] = OWN_ACCOUNTS  # pyright: ignore[reportAssignmentType]


@strawberry.type(description="A sign-in that succeeded.")
class Session:
    """See `resolvers.sessions.Session`."""

    access_token: str = strawberry.field(
        description="Send it as `Authorization: Bearer …`, and for subscriptions in the payload of connection_init."
    )
    expires_at: datetime = strawberry.field(
        description="From then on the access token is refused, in UTC: renew it before by `refreshSession`. What was"
        " opened with it, websockets and streams of events, stays open as long as the session."
    )
    refresh_token: str = strawberry.field(
        description="Give it to `refreshSession`, once: it is shown now and never again. Keep it like a password."
    )
    refresh_expires_at: datetime = strawberry.field(
        description="When the session ends unless it is renewed before, in UTC. Then websockets are closed with 4403."
    )

    @strawberry.field(description="Who has signed in.", graphql_type=Viewer)
    @staticmethod
    async def viewer(parent: strawberry.Parent[SessionRow], info: Info) -> SignedIn:
        """The account; what is asked of it is asked by the new session."""
        branch(info, sessions.within(info.context, parent))
        return parent.signed_in


@strawberry.type(description="What a sign-in still lacks: a code of the authenticator app, or one for a lost phone.")
class SecondFactorChallenge:
    """See `resolvers.second_factor.SecondFactorChallenge`."""

    token: str = strawberry.field(description="Give it to `finishLogIn` with the code; five tries each.")
    expires_at: datetime = strawberry.field(description="From then on it has to be begun anew, in UTC.")


@strawberry.input(description="Who wants to sign in.")
class LogInInput:
    """An e-mail address or a phone number, and the password."""

    email: str | None = strawberry.field(
        default=None, description="In upper or lower case. Give either this or `phone`."
    )
    phone: str | None = strawberry.field(
        default=None, description="With + and its country, like +234 801 234 5678. Give either this or `email`."
    )
    password: str = strawberry.field(description="8 to 256 characters.")


@strawberry.type(description="A session, what it still lacks, or why there is none.")
class SessionPayload:
    """Exactly one of the three is set."""

    session: Session | None = strawberry.field(
        description="Null when the sign-in was refused, and while the second factor is asked for.", default=None
    )
    second_factor: SecondFactorChallenge | None = strawberry.field(
        description="What is still to be answered by `finishLogIn`, where an authenticator app is set up.", default=None
    )
    refusal: Refusal | None = strawberry.field(
        description="Why there is no session: the mutation's description has the codes; null when there is one.",
        default=None,
    )


@strawberry.input(description="Which session is to be renewed.")
class RefreshSessionInput:
    """A refresh token."""

    refresh_token: str = strawberry.field(description="The newest one of the session; it begins with `kwr_`.")


@strawberry.input(description="Which sessions are to end.")
class LogOutEverywhereInput:
    """All, or all others."""

    except_this: bool = strawberry.field(default=False, description="Whether this session goes on.")


@strawberry.input(description="Which session is to end.")
class EndSessionInput:
    """A session of the viewer's."""

    id: strawberry.ID = strawberry.field(description="The id that `viewer { sessions }` answers.")


@dataclass(frozen=True, slots=True)
class LoggedOut:
    """What became of a wish to end sessions."""

    ended: int | None = None
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """What became of a wish to end one session."""

    ended_id: str | None = None
    refusal: Refusal | None = None


@strawberry.type(description="How many sessions have ended, or why none has.")
class LogOutPayload:
    """Exactly one of the two is set."""

    ended: int | None = strawberry.field(description="How many sessions have ended; null when it was refused.")
    refusal: Refusal | None = strawberry.field(description="UNAUTHENTICATED or FORBIDDEN; null when it was done.")


@strawberry.type(description="The session that has ended, or why none has.")
class EndSessionPayload:
    """Exactly one of the two is set."""

    ended_id: strawberry.ID | None = strawberry.field(description="Null when it was refused.")
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, FORBIDDEN, or SESSION_NOT_FOUND: none of this id is yours; null when it was done."
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
        description="Signs in with an e-mail address or a phone number, and a password. Answers BAD_CREDENTIALS for an"
        " unknown account and a wrong password alike, BAD_INPUT and TOO_MANY_ATTEMPTS. After 10 attempts in 15 minutes"
        " on one account, or 60 in all, from one address, it has to wait.",
        graphql_type=SessionPayload,
        extensions=[RefusedAsData(LoggedIn)],
    )
    async def log_in(
        self,
        info: Info,
        given: Annotated[LogInInput, strawberry.argument(name="input", description="Who wants to sign in.")],
    ) -> LoggedIn:
        """A session, or the reason why there is none."""
        return await sessions.log_in(info.context, email=given.email, phone=given.phone, password=given.password)

    @strawberry.mutation(
        description="New tokens for a session. Each refresh token counts once: one that is used again ends its session,"
        " because then two have it. A client that got no answer may send the same one again within 10 s. Answers"
        " BAD_REFRESH_TOKEN where it does not count (any more).",
        graphql_type=SessionPayload,
        extensions=[RefusedAsData(LoggedIn)],
    )
    async def refresh_session(
        self,
        info: Info,
        given: Annotated[RefreshSessionInput, strawberry.argument(name="input", description="Which session.")],
    ) -> LoggedIn:
        """The session's next tokens, or the reason why there are none."""
        return LoggedIn(await own_sessions.refresh(info.context, refresh_token=given.refresh_token))

    @strawberry.mutation(
        description="Ends this session at once, with the websockets and streams of events that it has opened.",
        graphql_type=LogOutPayload,
        extensions=[RefusedAsData(LoggedOut)],
    )
    async def log_out(self, info: Info) -> LoggedOut:
        """How many sessions have ended."""
        return LoggedOut(await own_sessions.log_out(info.context))

    @strawberry.mutation(
        description="Ends your sessions on all devices at once, with what they have opened.",
        graphql_type=LogOutPayload,
        extensions=[RefusedAsData(LoggedOut)],
    )
    async def log_out_everywhere(
        self,
        info: Info,
        given: Annotated[LogOutEverywhereInput, strawberry.argument(name="input", description="Which sessions.")],
    ) -> LoggedOut:
        """How many sessions have ended."""
        return LoggedOut(await own_sessions.log_out_everywhere(info.context, except_this=given.except_this))

    @strawberry.mutation(
        description="Ends one of your sessions at once, as of a phone that was lost.",
        graphql_type=EndSessionPayload,
        extensions=[RefusedAsData(SessionEnded)],
    )
    async def end_session(
        self,
        info: Info,
        given: Annotated[EndSessionInput, strawberry.argument(name="input", description="Which session.")],
    ) -> SessionEnded:
        """The id of the session that has ended, or the reason why none has."""
        return SessionEnded(await own_sessions.end_session(info.context, session_id=given.id))
