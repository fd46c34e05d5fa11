"""Turns what happened to an account into a message to its owner, in the transaction of the act."""

from metering.contacts import Contact
from resolvers.context import Context
from resolvers.enrolment import enrolment_of
from store import account_messages
from store.account_messages import KEPT_FOR, MessageKind
from store.accounts import Account
from store.connections import Database


def reached_by(context: Context, account: Account) -> Contact | None:
    """The contact by which the server can write to an account, e-mail first; None without any."""
    channels = enrolment_of(context).channels
    return next((contact for contact in account.contacts if contact.channel in channels), None)


async def tell(context: Context, connection: Database, account: Account, kind: MessageKind, **details: str) -> None:
    """Leaves a message for an account; nothing where the server cannot write to it."""
    to = reached_by(context, account)
    if to is not None:
        await tell_contact(context, connection, to, kind, **details)


async def tell_contact(context: Context, connection: Database, to: Contact, kind: MessageKind, **details: str) -> None:
    """Leaves a message for a contact; nothing where the server cannot write to such a one."""
    if to.channel in enrolment_of(context).channels:
        now = context.now()
        await account_messages.add(connection, to=to, kind=kind, now=now, expires_at=now + KEPT_FOR, details=details)
