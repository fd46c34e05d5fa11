"""Turns a one-time code, or the answer to the second question, into a session."""

from metering.contacts import Contact
from metering.refusals import Refused
from metering.sessions import SessionKind
from resolvers import account_news, attempts, one_time_codes, second_factor
from resolvers.audit import own_act_done, own_act_refused
from resolvers.context import Context
from resolvers.one_time_codes import CodeChallenge, Wish, challenge_hash
from resolvers.second_factor import SecondProof
from resolvers.sessions import LoggedIn, begin_session, let_in
from store import accounts, second_factors
from store import one_time_codes as stored
from store.account_messages import MessageKind
from store.accounts import Account
from store.connections import Database
from store.one_time_codes import CodePurpose, OneTimeCode


async def request_code(context: Context, contact: Contact, *, purpose: CodePurpose) -> CodeChallenge:
    """Sends a code to the owner of a contact, or to nobody where there is no account: both look alike.

    Raises:
        Refused: CHANNEL_UNAVAILABLE, TOO_MANY_ATTEMPTS.
    """
    await one_time_codes.begin(context, contact)
    async with context.pool.connection() as connection, connection.transaction():
        account, _ = await accounts.by_contact(connection, contact) or (None, None)
        is_meant = account is not None and not account.is_disabled
        wish = Wish(purpose, contact, account and account.id, is_meant=is_meant)
        return await one_time_codes.send(context, connection, wish)


async def log_in_with_code(context: Context, *, challenge_id: str, code: str) -> LoggedIn:
    """A session for whoever has the code, or what is still to be asked of them.

    Raises:
        Refused: CODE_NOT_VALID, ACCOUNT_DISABLED.
    """
    found = await one_time_codes.checked(context, challenge_id=challenge_id, code=code, purpose=CodePurpose.LOG_IN)
    async with context.pool.connection() as connection:
        await one_time_codes.take(connection, found)
        account = await account_of(connection, found)
    return await let_in(context, account, how=SessionKind.CODE, action="LOG_IN_WITH_CODE")


async def account_of(connection: Database, found: OneTimeCode) -> Account:
    """The account that a code is for, which still has the contact that it was sent to.

    Raises:
        Refused: CODE_NOT_VALID.
    """
    account = None if found.account_id is None else await accounts.by_id(connection, found.account_id)
    if account is None or found.contact not in account.contacts:
        raise one_time_codes.not_valid()
    return account


async def finish_log_in(context: Context, *, token: str, proof: SecondProof) -> LoggedIn:
    """The session that a sign-in lacked the second factor for.

    Raises:
        Refused: BAD_INPUT, CODE_NOT_VALID (wrong, used, or the token is over), TOO_MANY_ATTEMPTS, ACCOUNT_DISABLED.
    """
    proof.check_alone()
    async with context.pool.connection() as connection:
        found = await stored.spend_try(
            connection, challenge_hash(token), purpose=CodePurpose.SECOND_FACTOR, now=context.now()
        )
    if found is None or found.account_id is None:
        raise second_factor.over()
    try:
        await second_factor.begin(context, proof, account_id=found.account_id)
        return await _finished(context, found, proof, account_id=found.account_id)
    except Refused as refused:
        await own_act_refused(context, account_id=found.account_id, action="FINISH_LOG_IN", code=refused.code)
        raise


async def _finished(context: Context, found: OneTimeCode, proof: SecondProof, *, account_id: int) -> LoggedIn:
    async with context.pool.connection() as connection, connection.transaction():
        await second_factor.prove(context, connection, proof, account_id=account_id)
        await one_time_codes.take(connection, found)
        account = await accounts.by_id(connection, account_id)
        if account is None:
            raise second_factor.over()
        if proof.recovery_code is not None:
            await _tell_of_recovery(context, connection, account)
        await attempts.know_network(context, connection, account)
        by = "app" if proof.recovery_code is None else "recovery code"
        await own_act_done(context, connection, account_id=account_id, action="FINISH_LOG_IN", by=by)
        how = SessionKind(found.details["how"])
        return LoggedIn(await begin_session(context, account_id, how=how, second_factor=True, connection=connection))


async def _tell_of_recovery(context: Context, connection: Database, account: Account) -> None:
    left = await second_factors.recovery_codes_left(connection, account.id)
    await account_news.tell(context, connection, account, MessageKind.RECOVERY_CODE_USED, left=str(left))
