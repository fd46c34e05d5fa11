"""Adds and lists the people who sign in, for the command line."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from metering.access import Role
from metering.contacts import contact_of
from metering.refusals import Refused
from store import accounts, audit, second_factors
from store.accounts import Account, Person
from store.connections import Database, connect_async


@dataclass(frozen=True, slots=True)
class NewPerson:
    """Who is to be added, as it was typed; without a password they come in by codes."""

    email: str | None
    phone: str | None
    name: str
    role: str
    password: str | None = field(repr=False)
    panels: Sequence[str] = ()


def add_person(database_url: str, new: NewPerson) -> Account:
    """Adds a person and gives them the panels, or changes nothing.

    Raises:
        Refused: BAD_ROLE, or what store.accounts refuses: a taken address, a short password, an unknown panel.
    """
    if new.role not in Role.__members__:
        raise Refused("BAD_ROLE", f"A role is one of {', '.join(Role.__members__)}.", "role")
    return asyncio.run(_add(database_url, new))


async def _add(database_url: str, new: NewPerson) -> Account:
    async with await connect_async(database_url) as connection, connection.transaction():
        account = await accounts.create(
            connection,
            email=new.email,
            phone=new.phone,
            name=new.name,
            role=Role[new.role],
            password=new.password,
        )
        for code in new.panels:
            await accounts.grant(connection, account_id=account.id, panel_code=code)
        await _keep(connection, account, "ADD_PERSON", role=new.role, panels=list(new.panels))
    return account


async def _keep(connection: Database, account: Account, action: str, **details: Any) -> None:
    act = audit.Act(audit.COMMAND_LINE, action, None, details, subject_account_id=account.id)
    await audit.record_done(connection, act, panel_id=None)


def all_people(database_url: str) -> list[Person]:
    """Everybody who can sign in, with the panels given to them."""

    async def fetched() -> list[Person]:
        async with await connect_async(database_url) as connection:
            return await accounts.people(connection)

    return asyncio.run(fetched())


def grant_panels(database_url: str, *, email: str, panels: Sequence[str]) -> None:
    """Gives panels to a person; what they have already stays.

    Raises:
        Refused: ACCOUNT_NOT_FOUND, PANEL_NOT_FOUND.
    """
    asyncio.run(_grant(database_url, email=email, panels=panels))


async def _grant(database_url: str, *, email: str, panels: Sequence[str]) -> None:
    async with await connect_async(database_url) as connection, connection.transaction():
        account = await _known(connection, email)
        for code in panels:
            await accounts.grant(connection, account_id=account.id, panel_code=code)


def revoke_panels(database_url: str, *, email: str, panels: Sequence[str]) -> None:
    """Takes panels from a person, on open streams too; what they did not have changes nothing.

    Raises:
        Refused: ACCOUNT_NOT_FOUND.
    """
    asyncio.run(_revoke(database_url, email=email, panels=panels))


async def _revoke(database_url: str, *, email: str, panels: Sequence[str]) -> None:
    async with await connect_async(database_url) as connection, connection.transaction():
        account = await _known(connection, email)
        for code in panels:
            await accounts.revoke(connection, account_id=account.id, panel_code=code)


def remove_person(database_url: str, *, email: str) -> None:
    """Removes a person with everything that is their own.

    Raises:
        Refused: ACCOUNT_NOT_FOUND.
    """

    async def removed() -> None:
        async with await connect_async(database_url) as connection:
            await accounts.remove(connection, (await _known(connection, email)).id)

    asyncio.run(removed())


def reset_second_factor(database_url: str, *, email: str) -> bool:
    """Takes a person's second factor away, for who has lost the phone and the codes: whether there was one.

    Raises:
        Refused: ACCOUNT_NOT_FOUND.
    """

    async def removed() -> bool:
        async with await connect_async(database_url) as connection, connection.transaction():
            account = await _known(connection, email)
            was_on = await second_factors.remove(connection, account.id)
            await _keep(connection, account, "DISABLE_SECOND_FACTOR")
            return was_on

    return asyncio.run(removed())


async def _known(connection: Database, typed: str) -> Account:
    contact = contact_of(email=None, phone=typed) if typed.startswith("+") else contact_of(email=typed, phone=None)
    found = await accounts.by_contact(connection, contact)
    if found is None:
        raise Refused("ACCOUNT_NOT_FOUND", f"Nobody signs in as {typed}.", "email")
    return found[0]
