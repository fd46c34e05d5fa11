"""Turns what an operator does on the command line into one transaction, with its row in the audit."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime
from typing import Any, TypeVar

from metering.contacts import Channel, contact_in
from metering.refusals import Refused
from store import account_messages, accounts, audit
from store.account_messages import KEPT_FOR, MessageKind
from store.accounts import Account
from store.audit import COMMAND_LINE, Act
from store.connections import Database, connect_async
from store.property_panels import HeldPanel

R = TypeVar("R")


def in_transaction(database_url: str, work: Callable[[Database], Awaitable[R]]) -> R:
    """What `work` answers, in one transaction: where it raises, nothing of it was done."""

    async def done() -> R:
        async with await connect_async(database_url) as connection, connection.transaction():
            return await work(connection)

    return asyncio.run(done())


async def known_account(connection: Database, typed: str) -> Account:
    """Whom an operator means by an e-mail address, or by a phone number that begins with +.

    Raises:
        Refused: ACCOUNT_NOT_FOUND, BAD_EMAIL, BAD_PHONE.
    """
    found = await accounts.by_contact(connection, contact_in(typed))
    if found is None:
        raise Refused("ACCOUNT_NOT_FOUND", f"Nobody signs in as {typed}.", "email")
    return found[0]


async def keep(
    connection: Database,
    action: str,
    *,
    panel: HeldPanel | None = None,
    property_id: int | None = None,
    subject_account_id: int | None = None,
    **details: Any,
) -> None:
    """Keeps in the audit that the command line did something, in the transaction that does it."""
    act = Act(COMMAND_LINE, action, panel and panel.code, details, property_id, subject_account_id)
    await audit.record_done(connection, act, panel_id=panel and panel.id)


async def tell(connection: Database, account: Account, kind: MessageKind, *, channels: Collection[Channel]) -> None:
    """Leaves a message for an account whose owner did not do it; nothing where the server cannot write to it."""
    to = next((contact for contact in account.contacts if contact.channel in channels), None)
    if to is not None:
        now = datetime.now(UTC)
        await account_messages.add(connection, to=to, kind=kind, now=now, expires_at=now + KEPT_FOR)
