"""Adds and lists the people who sign in, for the command line."""

import asyncio
from collections.abc import Sequence

from metering.access import Role
from metering.refusals import Refused
from store import accounts
from store.accounts import Account, Person
from store.connections import Database, connect_async


def add_person(database_url: str, *, email: str, name: str, role: str, password: str, panels: Sequence[str]) -> Account:
    """Adds a person and gives them the panels, or changes nothing.

    Raises:
        Refused: BAD_ROLE, or what store.accounts refuses: a taken address, a short password, an unknown panel.
    """
    if role not in Role.__members__:
        raise Refused("BAD_ROLE", f"A role is one of {', '.join(Role.__members__)}.", "role")
    return asyncio.run(_add(database_url, email=email, name=name, role=Role[role], password=password, panels=panels))


async def _add(
    database_url: str, *, email: str, name: str, role: Role, password: str, panels: Sequence[str]
) -> Account:
    async with await connect_async(database_url) as connection, connection.transaction():
        account = await accounts.create(connection, email=email, name=name, role=role, password=password)
        for code in panels:
            await accounts.grant(connection, account_id=account.id, panel_code=code)
    return account


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


async def _known(connection: Database, email: str) -> Account:
    found = await accounts.by_email(connection, email)
    if found is None:
        raise Refused("ACCOUNT_NOT_FOUND", f"Nobody signs in as {email}.", "email")
    return found[0]
