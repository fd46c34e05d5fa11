"""Turns a code or the old password into a new password, which ends the sessions that the old one began."""

from metering.passwords import checked_password, normalised_password
from metering.refusals import Refused, about
from metering.sessions import SessionEnd, SessionKind
from resolvers import account_news, one_time_codes
from resolvers.audit import audited, own_act_done
from resolvers.code_log_in import account_of
from resolvers.context import Context
from resolvers.proofs import check_password, own_account, wrong_password
from resolvers.sessions import LoggedIn, SignIn, let_in
from store import accounts, sessions
from store import one_time_codes as stored_codes
from store.account_messages import MessageKind
from store.accounts import Account
from store.connections import Database
from store.one_time_codes import CodePurpose


async def reset_password(context: Context, *, challenge_id: str, code: str, new_password: str) -> LoggedIn:
    """Sets the password of the account that the code was sent to, ends all its sessions, and begins one.

    Where a second factor is set up, it is asked for before that session.

    Raises:
        Refused: BAD_PASSWORD (the code still counts), CODE_NOT_VALID, TOO_MANY_ATTEMPTS, ACCOUNT_DISABLED.
    """
    with about("newPassword"):
        checked_password(new_password)
    found = await one_time_codes.checked(context, challenge_id=challenge_id, code=code, purpose=CodePurpose.RESET)
    async with context.pool.connection() as connection:
        account = await account_of(connection, found)
    password_hash = await _hashed(context, account, new_password)
    async with context.pool.connection() as connection, connection.transaction():
        await one_time_codes.take(connection, found)
        await _set(context, connection, account, password_hash)
        await own_act_done(context, connection, account_id=account.id, action="RESET_PASSWORD")
    return await let_in(context, account, how=SessionKind.CODE, action="LOG_IN_WITH_CODE")


async def change_password(context: Context, *, current_password: str, new_password: str) -> bool:
    """Sets the password of who is asking, and ends their other sessions.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN (keys), BAD_PASSWORD, BAD_CREDENTIALS (`resetPassword` sets a first one),
            TOO_MANY_ATTEMPTS.
    """
    async with audited(context, action="CHANGE_PASSWORD", subject_account_id=context.person.account_id) as act:
        account, known_hash = await own_account(context)
        with about("newPassword"):
            checked_password(new_password)
        with about("currentPassword"):
            await check_password(context, account, current_password, password_hash=known_hash)
        _check_other(current_password, new_password)
        password_hash = await _hashed(context, account, new_password)
        async with context.pool.connection() as connection, connection.transaction():
            if not await accounts.hold_password(connection, account.id, password_hash=known_hash or ""):
                with about("currentPassword"):
                    raise wrong_password()  # it was changed after it was checked, maybe to keep this one out
            await _set(context, connection, account, password_hash, keeps_own=True)
            await act.done(connection)
    return True


def _check_other(current_password: str, new_password: str) -> None:
    if normalised_password(current_password) == normalised_password(new_password):
        raise Refused("BAD_PASSWORD", "This is the password that you have: take another.", "newPassword")


async def _hashed(context: Context, account: Account, password: str) -> str:
    """The hash of a new password, which must not be the person's own name or contact."""
    sign_in: SignIn = context.sign_in
    with about("newPassword"):
        wanted = checked_password(password, not_like=(account.name, account.email, account.phone))
    return await sign_in.doorkeeper.hashed(wanted)


async def _set(
    context: Context, connection: Database, account: Account, password_hash: str, *, keeps_own: bool = False
) -> None:
    sign_in: SignIn = context.sign_in
    await accounts.set_password_hash(connection, account_id=account.id, password_hash=password_hash)
    await stored_codes.remove_of_account(connection, account.id)
    await sessions.end(
        connection,
        account_id=account.id,
        reason=SessionEnd.PASSWORD_CHANGED,
        now=context.now(),
        except_id=sign_in.session_id if keeps_own else None,
    )
    await account_news.tell(context, connection, account, MessageKind.PASSWORD_CHANGED)
