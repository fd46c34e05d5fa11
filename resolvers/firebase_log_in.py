"""Turns an ID token of another provider into a session, for the account of the contact that it vouches for."""

import logging

from metering.access import Role
from metering.contacts import Contact, SignUpPolicy, contact_of
from metering.identities import Identity, IdentityCheck, IdentityUnavailableError, InvalidIdentityError
from metering.names import MAX_NAME_LENGTH, checked_name
from metering.refusals import Refused
from metering.sessions import SessionKind
from resolvers import attempts
from resolvers.audit import own_act_done
from resolvers.context import Context
from resolvers.enrolment import enrolment_of
from resolvers.sessions import LoggedIn, SignIn, let_in
from store import accounts
from store.accounts import Account, NewAccount

log = logging.getLogger(__name__)


async def log_in_with_firebase(context: Context, *, id_token: str) -> LoggedIn:
    """A session for the account of the e-mail address or phone number that Firebase has verified, or what it lacks.

    Where there is no such account it is made, if everybody may sign up. An address that is not verified is nobody's.

    Raises:
        Refused: PROVIDER_UNAVAILABLE, ID_TOKEN_NOT_VALID, CONTACT_NOT_VERIFIED, SIGN_UP_CLOSED, ACCOUNT_DISABLED,
            TOO_MANY_ATTEMPTS.
    """
    sign_in: SignIn = context.sign_in
    identity = await _identity(sign_in.identities, id_token)
    contact = _contact(identity)
    await attempts.begin_provided(context, contact=contact.address)
    account = await _known(context, contact) or await _made(context, contact, name=identity.name)
    return await let_in(context, account, how=SessionKind.FIREBASE, action="LOG_IN_WITH_FIREBASE")


async def _identity(identities: IdentityCheck | None, id_token: str) -> Identity:
    if identities is None:
        raise Refused("PROVIDER_UNAVAILABLE", "This server takes no sign-ins by Firebase: sign in by password or code.")
    try:
        return await identities.verified(id_token)
    except InvalidIdentityError as error:
        message = "The ID token is not valid here, or has expired: get a new one from Firebase."
        raise Refused("ID_TOKEN_NOT_VALID", message, "idToken") from error
    except IdentityUnavailableError as error:
        log.warning("sign-ins by Firebase cannot be checked: %s", error)
        raise Refused("PROVIDER_UNAVAILABLE", "Firebase cannot be asked now: try again in a moment.") from error


def _contact(identity: Identity) -> Contact:
    if identity.email is not None:
        return contact_of(email=identity.email, phone=None)
    if identity.phone is not None:
        return contact_of(email=None, phone=identity.phone)
    message = "Firebase has not verified this e-mail address: let it send you its mail, and open the link in it."
    raise Refused("CONTACT_NOT_VERIFIED", message, "idToken")


async def _known(context: Context, contact: Contact) -> Account | None:
    async with context.pool.connection() as connection:
        account, _ = await accounts.by_contact(connection, contact) or (None, None)
    return account


async def _made(context: Context, contact: Contact, *, name: str | None) -> Account:
    if enrolment_of(context).sign_up is not SignUpPolicy.OPEN:
        raise Refused("SIGN_UP_CLOSED", "There is no account of yours here: ask an admin, or sign up by invitation.")
    new = NewAccount(_name(name, contact), Role.TENANT, contact.email, contact.phone)
    try:
        async with context.pool.connection() as connection, connection.transaction():
            account = await accounts.add(connection, new)
            how = SessionKind.FIREBASE.value
            await own_act_done(context, connection, account_id=account.id, action="SIGN_UP", how=how)
    except Refused as refused:
        if refused.code in accounts.TAKEN and (made := await _known(context, contact)):  # by a request beside this one
            return made
        raise
    return account


def _name(name: str | None, contact: Contact) -> str:
    """What the provider calls the person, as far as it can be a name here; else what their address begins with."""
    shown = "".join(sign for sign in name or "" if sign.isprintable()).strip()
    return checked_name((shown or contact.address.partition("@")[0])[:MAX_NAME_LENGTH])
