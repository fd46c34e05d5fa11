"""Turns a refresh token into the next session tokens, and the wish of a session's owner into its end."""

from uuid import UUID

import strawberry

from metering.access import Viewer
from metering.refusals import Refused
from metering.sessions import Renewal, SessionEnd, expiry, renewal
from resolvers.audit import audited, own_act_done
from resolvers.context import Context, Info
from resolvers.refresh_tokens import RefreshToken, refresh_token_of
from resolvers.sessions import Session, SignedIn, SignIn, signed_in
from store import accounts
from store import sessions as stored
from store.connections import Database
from store.sessions import OwnSession, Refreshing


async def refresh(context: Context, *, refresh_token: str) -> Session:
    """New tokens for the session of a refresh token, which counts once.

    One that was used before ends its session: somebody else has it. The one before the last is taken again within 10 s,
    for a client that did not get its answer, unless the last one was used.

    Raises:
        Refused: BAD_REFRESH_TOKEN, the same whatever is wrong with it.
    """
    shown = refresh_token_of(refresh_token)
    if shown is None:
        raise _bad_token()
    async with context.pool.connection() as connection, connection.transaction():
        session = await _refreshed(context, connection, shown)  # raises nothing: the end by reuse must be committed
    if session is None:
        raise _bad_token()
    return session


async def _refreshed(context: Context, connection: Database, shown: RefreshToken) -> Session | None:
    found = await stored.of_family(connection, shown.family_hash)
    if found is None:
        return None
    judged = renewal(found.state, shown_hash=shown.secret_hash, now=context.now())
    if judged is Renewal.REUSED:
        await _end_reused(context, connection, found)
    if judged in {Renewal.REUSED, Renewal.OVER}:
        return None
    return await _renewed(context, connection, found, token=shown.next(), is_retry=judged is Renewal.RETRIED)


async def _end_reused(context: Context, connection: Database, found: Refreshing) -> None:
    reason, now = SessionEnd.REUSED, context.now()
    await stored.end(connection, account_id=found.account_id, session_id=found.id, reason=reason, now=now)
    await own_act_done(
        context,
        connection,
        account_id=found.account_id,
        action="END_SESSION",
        reason=reason.value,
        session=str(found.id),
    )


async def _renewed(
    context: Context, connection: Database, found: Refreshing, *, token: RefreshToken, is_retry: bool
) -> Session | None:
    sign_in: SignIn = context.sign_in
    now = context.now()
    expires_at = expiry(now=now, idle=sign_in.idle, last_until=found.last_until)
    account = await accounts.by_id(connection, found.account_id)
    if account is None or account.is_disabled:
        return None
    await stored.renew(
        connection,
        found.id,
        refresh_hash=token.secret_hash,
        is_retry=is_retry,
        expires_at=expires_at,
        address=sign_in.client_address,
        user_agent=sign_in.user_agent,
        now=now,
    )
    issued = sign_in.issue(found.account_id, found.id)
    return Session(issued.token, issued.expires_at, token.text, expires_at, found.id, signed_in(account))


def _bad_token() -> Refused:
    return Refused("BAD_REFRESH_TOKEN", "This refresh token does not count any more: sign in again.", "refreshToken")


async def log_out(context: Context) -> int:
    """Ends the session that the request comes by: 1, or 0 where it has ended meanwhile.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN (who has not come by a session).
    """
    return await _end(context, action="LOG_OUT", reason=SessionEnd.LOGGED_OUT, session_id=_own(context))


async def log_out_everywhere(context: Context, *, except_this: bool) -> int:
    """Ends all sessions of who is asking, this one too unless it is excepted; how many they were.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN.
    """
    kept_id = _own(context) if except_this else None
    return await _end(context, action="LOG_OUT_EVERYWHERE", reason=SessionEnd.LOGGED_OUT, except_id=kept_id)


async def end_session(context: Context, *, session_id: str) -> str:
    """Ends one session of who is asking, and returns its id.

    Raises:
        Refused: UNAUTHENTICATED, SESSION_NOT_FOUND: there is none of this id, it is over, or it is not the asker's.
    """
    wanted = _uuid(session_id)
    if wanted is None or not await _end(context, action="END_SESSION", reason=SessionEnd.ENDED, session_id=wanted):
        raise Refused("SESSION_NOT_FOUND", "You have no session of this id.", "id")
    return str(wanted)


async def _end(
    context: Context, *, action: str, reason: SessionEnd, session_id: UUID | None = None, except_id: UUID | None = None
) -> int:
    viewer = context.signed_in
    async with (
        audited(context, action=action, subject_account_id=viewer.account_id) as act,
        context.pool.connection() as connection,
        connection.transaction(),
    ):
        count = await stored.end(
            connection,
            account_id=viewer.account_id,
            reason=reason,
            now=context.now(),
            session_id=session_id,
            except_id=except_id,
        )
        if count:
            await act.done(connection, panel_id=None, sessions=count)
    return count


def _own(context: Context) -> UUID:
    context.signed_in  # noqa: B018 - refuses strangers  # pyright: ignore[reportUnusedExpression]
    sign_in: SignIn = context.sign_in
    if sign_in.session_id is None:
        raise Refused("FORBIDDEN", "Only people may do this, no service account.")
    return sign_in.session_id


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


async def sessions(info: Info, parent: strawberry.Parent[SignedIn]) -> list[OwnSession]:
    """The person's sessions that count, newest first, 200 at the most; in the answer to signing in, too."""
    context, viewer = info.context, Viewer(parent.account_id, parent.role)
    async with context.pool.connection() as connection:
        return await stored.own(connection, viewer, now=context.now())


def is_current(info: Info, parent: strawberry.Parent[OwnSession]) -> bool:
    """Whether it is the session that the request comes by."""
    sign_in: SignIn = info.context.sign_in
    return parent.id == sign_in.session_id
