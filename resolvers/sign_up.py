"""Turns a contact that somebody shows to be theirs into an account, and an account into none at its owner's wish."""

from dataclasses import dataclass, field

from metering.access import Role
from metering.contacts import Contact, SignUpPolicy
from metering.entry_codes import hash_of
from metering.names import checked_name
from metering.passwords import checked_password
from metering.refusals import Refused, about
from metering.sessions import SessionKind
from resolvers import attempts, one_time_codes
from resolvers.audit import audited, own_act_done
from resolvers.context import Context
from resolvers.enrolment import enrolment_of
from resolvers.one_time_codes import CodeChallenge, Wish
from resolvers.proofs import Proof, prove
from resolvers.sessions import LoggedIn, SignIn, begin_session
from store import accounts, invitations
from store.account_messages import MessageKind
from store.accounts import Account, NewAccount
from store.connections import Database
from store.one_time_codes import CodePurpose, OneTimeCode


@dataclass(frozen=True, slots=True)
class Wanted:
    """An account that somebody wants: without a password they come in by codes."""

    contact: Contact
    name: str
    password: str | None = field(default=None, repr=False)
    invitation_code: str | None = field(default=None, repr=False)


async def sign_up(context: Context, wanted: Wanted) -> CodeChallenge:
    """Sends a code to a contact; where it has an account, its owner is told that somebody tried. Both look alike.

    Raises:
        Refused: SIGN_UP_CLOSED, BAD_NAME, BAD_PASSWORD, CHANNEL_UNAVAILABLE, TOO_MANY_ATTEMPTS, INVITATION_NOT_VALID.
    """
    name = checked_name(wanted.name)
    password = wanted.password
    if password is not None:
        password = checked_password(password, not_like=(name, wanted.contact.address))
    await _check_policy(context, wanted)
    await one_time_codes.begin(context, wanted.contact)
    sign_in: SignIn = context.sign_in
    password_hash = None if password is None else await sign_in.doorkeeper.hashed(password)
    async with context.pool.connection() as connection, connection.transaction():
        found = await accounts.by_contact(connection, wanted.contact)
        wish = Wish(
            purpose=CodePurpose.SIGN_UP,
            contact=wanted.contact,
            account_id=None,
            is_meant=found is None,
            details={"name": name, "passwordHash": password_hash},
            instead=MessageKind.ALREADY_SIGNED_UP,
        )
        return await one_time_codes.send(context, connection, wish)


async def _check_policy(context: Context, wanted: Wanted) -> None:
    policy = enrolment_of(context).sign_up
    if policy is SignUpPolicy.CLOSED:
        raise Refused("SIGN_UP_CLOSED", "Accounts are made by an admin here: ask for one.")
    if policy is SignUpPolicy.INVITED:
        await _check_invitation(context, wanted)


async def _check_invitation(context: Context, wanted: Wanted) -> None:
    """An invitation is only looked at here: `acceptInvitation` takes it, once there is an account."""
    with about("invitationCode"):
        await attempts.begin_entry(context, kind="INVITED")
    code_hash = hash_of(wanted.invitation_code or "")
    async with context.pool.connection() as connection:
        if code_hash is None or not await invitations.is_open(connection, code_sha256=code_hash, now=context.now()):
            message = "Accounts are made by invitation here: give the `invitationCode` of one that still counts."
            raise Refused("INVITATION_NOT_VALID", message, "invitationCode")


async def confirm_sign_up(context: Context, *, challenge_id: str, code: str) -> LoggedIn:
    """The new account's first session.

    Raises:
        Refused: CODE_NOT_VALID.
    """
    found = await one_time_codes.checked(context, challenge_id=challenge_id, code=code, purpose=CodePurpose.SIGN_UP)
    try:
        async with context.pool.connection() as connection, connection.transaction():
            await one_time_codes.take(connection, found)
            account = await _made(connection, found)
            await own_act_done(context, connection, account_id=account.id, action="SIGN_UP")
            await attempts.know_network(context, connection, account)
            return LoggedIn(await begin_session(context, account.id, how=SessionKind.SIGN_UP, connection=connection))
    except Refused as refused:
        if refused.code in accounts.TAKEN:  # by another challenge for the same contact
            raise one_time_codes.not_valid() from refused
        raise


async def _made(connection: Database, found: OneTimeCode) -> Account:
    if found.contact is None:
        raise one_time_codes.not_valid()
    contact, details = found.contact, found.details
    new = NewAccount(details["name"], Role.TENANT, contact.email, contact.phone, details["passwordHash"])
    return await accounts.add(connection, new)


async def delete_account(context: Context, proof: Proof) -> bool:
    """Removes the account of who is asking, with everything that is its own; sessions and streams end.

    Raises:
        Refused: LAST_ADMIN, and what `resolvers.proofs.prove` refuses.
    """
    async with audited(context, action="DELETE_ACCOUNT", subject_account_id=context.person.account_id) as act:
        account = await prove(context, proof)
        async with context.pool.connection() as connection, connection.transaction():
            if account.role is Role.ADMIN and not await accounts.has_other_admin(connection, account.id):
                raise Refused("LAST_ADMIN", "Somebody must run this server: make another person an admin first.")
            await act.done(connection)
            await accounts.remove(connection, account.id)
    return True
