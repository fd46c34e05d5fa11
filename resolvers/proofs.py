"""Turns a password, or a code that was just sent, into who is asking anew, before something that must not be stolen."""

from dataclasses import dataclass, field

from metering.passwords import MAX_LENGTH
from metering.refusals import Refused, about
from resolvers import attempts, one_time_codes
from resolvers.account_news import reached_by
from resolvers.context import Context
from resolvers.one_time_codes import CodeChallenge, Wish
from resolvers.sessions import Doorkeeper
from store import accounts
from store.accounts import Account
from store.one_time_codes import CodePurpose


@dataclass(frozen=True, slots=True)
class Proof:
    """What shows that it is the owner who has the session: the password, or the code of `requestConfirmation`."""

    password: str | None = field(default=None, repr=False)
    challenge_id: str | None = field(default=None, repr=False)
    code: str | None = field(default=None, repr=False)


async def request_confirmation(context: Context) -> CodeChallenge:
    """Sends a code to who is asking, at their own contact.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN (keys), CHANNEL_UNAVAILABLE, TOO_MANY_ATTEMPTS.
    """
    account, _ = await own_account(context)
    contact = reached_by(context, account) or account.contacts[0]
    with about(None):
        await one_time_codes.begin(context, contact)
    wish = Wish(CodePurpose.CONFIRM, contact, account.id, is_meant=True)
    async with context.pool.connection() as connection, connection.transaction():
        return await one_time_codes.send(context, connection, wish)


async def own_account(context: Context) -> tuple[Account, str | None]:
    """The account of who is asking, a person, and the hash of its password.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN (keys).
    """
    account_id = context.person.account_id
    async with context.pool.connection() as connection:
        account = await accounts.by_id(connection, account_id)
        password_hash = await accounts.password_hash_of(connection, account_id)
    if account is None:
        raise Refused("UNAUTHENTICATED", "This account no longer exists.")
    return account, password_hash


async def prove(context: Context, proof: Proof) -> Account:
    """The account of who is asking, once they have shown again that it is theirs.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN (keys), BAD_INPUT, BAD_CREDENTIALS, CODE_NOT_VALID, TOO_MANY_ATTEMPTS.
    """
    account, password_hash = await own_account(context)
    if proof.password is not None and proof.challenge_id is None and proof.code is None:
        with about("proof"):
            await check_password(context, account, proof.password, password_hash=password_hash)
        return account
    if proof.password is None and proof.challenge_id is not None and proof.code is not None:
        with about("proof"):
            await _check_code(context, account, challenge_id=proof.challenge_id, code=proof.code)
        return account
    message = "Give either `password`, or `challengeId` and `code` after `requestConfirmation`."
    raise Refused("BAD_INPUT", message, "proof")


async def check_password(context: Context, account: Account, password: str, *, password_hash: str | None) -> None:
    """Before what only the owner may do; wrong ones are counted with those of signing in.

    Raises:
        Refused: BAD_CREDENTIALS, TOO_MANY_ATTEMPTS.
    """
    contact = account.contacts[0].address
    await attempts.begin(context, contact=contact)
    is_right = len(password) <= MAX_LENGTH and await doorkeeper_of(context).is_right(
        password, password_hash=password_hash
    )
    if not is_right:
        raise wrong_password()
    await attempts.forgive(context, contact=contact)


def wrong_password() -> Refused:
    """What is answered to a password that is not the one of who is asking."""
    return Refused("BAD_CREDENTIALS", "The password is not right.", "password")


def doorkeeper_of(context: Context) -> Doorkeeper:
    """What checks and hashes passwords, a few at a time."""
    return context.sign_in.doorkeeper


async def _check_code(context: Context, account: Account, *, challenge_id: str, code: str) -> None:
    found = await one_time_codes.checked(context, challenge_id=challenge_id, code=code, purpose=CodePurpose.CONFIRM)
    if found.account_id != account.id:
        raise one_time_codes.not_valid()
    async with context.pool.connection() as connection:
        await one_time_codes.take(connection, found)
