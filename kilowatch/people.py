"""Adds and lists the people who sign in, for the command line."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from kilowatch.operator_acts import in_transaction, keep, known_account, tell
from metering.access import THE_SERVICE, Role
from metering.contacts import Channel
from metering.refusals import Refused
from store import accounts, property_panels, second_factors
from store.account_messages import MessageKind
from store.accounts import Account, Person
from store.connections import Database
from store.people import check_not_last_admin, hold


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

    async def added(connection: Database) -> Account:
        account = await accounts.create(
            connection, email=new.email, phone=new.phone, name=new.name, role=Role[new.role], password=new.password
        )
        await keep(connection, "ADD_PERSON", subject_account_id=account.id, role=new.role)
        for code in new.panels:
            await _grant(connection, account, code)
        return account

    return in_transaction(database_url, added)


def all_people(database_url: str) -> list[Person]:
    """Everybody who can sign in, with the panels given to them."""
    return in_transaction(database_url, accounts.people)


def grant_panel(database_url: str, *, email: str, panel: str) -> None:
    """Gives a panel to a person; what they have already stays.

    Raises:
        Refused: ACCOUNT_NOT_FOUND, PANEL_NOT_FOUND.
    """

    async def granted(connection: Database) -> None:
        await _grant(connection, await known_account(connection, email), panel)

    in_transaction(database_url, granted)


async def _grant(connection: Database, account: Account, code: str) -> None:
    (held,) = await property_panels.hold(connection, viewer=THE_SERVICE, codes=[code])
    await accounts.grant(connection, account_id=account.id, panel_code=code)
    await keep(connection, "GRANT_PANEL", panel=held, subject_account_id=account.id)


def revoke_panel(database_url: str, *, email: str, panel: str) -> None:
    """Takes a panel from a person, on open streams too; what they did not have changes nothing.

    Raises:
        Refused: ACCOUNT_NOT_FOUND, PANEL_NOT_FOUND.
    """

    async def revoked(connection: Database) -> None:
        account = await known_account(connection, email)
        (held,) = await property_panels.hold(connection, viewer=THE_SERVICE, codes=[panel])
        await accounts.revoke(connection, account_id=account.id, panel_code=panel)
        await keep(connection, "REVOKE_PANEL", panel=held, subject_account_id=account.id)

    in_transaction(database_url, revoked)


def remove_person(database_url: str, *, email: str) -> None:
    """Removes a person with everything that is their own.

    Raises:
        Refused: ACCOUNT_NOT_FOUND, LAST_ADMIN.
    """

    async def removed(connection: Database) -> None:
        account = await known_account(connection, email)
        await check_not_last_admin(connection, await hold(connection, account.id))
        await keep(connection, "REMOVE_PERSON", subject_account_id=account.id, role=account.role.value)
        await accounts.remove(connection, account.id)

    in_transaction(database_url, removed)


def reset_second_factor(database_url: str, *, email: str, channels: Collection[Channel] = ()) -> bool:
    """Takes a person's second factor away, for who has lost the phone and the codes: whether there was one.

    They are told of it by one of the `channels` by which people are written to.

    Raises:
        Refused: ACCOUNT_NOT_FOUND.
    """

    async def reset(connection: Database) -> bool:
        account = await known_account(connection, email)
        was_on = await second_factors.remove(connection, account.id)
        await keep(connection, "DISABLE_SECOND_FACTOR", subject_account_id=account.id)
        if was_on:
            await tell(connection, account, MessageKind.SECOND_FACTOR_OFF, channels=channels)
        return was_on

    return in_transaction(database_url, reset)
