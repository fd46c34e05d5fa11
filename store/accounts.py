"""Keeps the people who sign in, their roles, and the panels given to them."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString

from psycopg import AsyncConnection
from psycopg.errors import UniqueViolation

from metering.access import Role
from metering.contacts import Channel, Contact, contact_of
from metering.names import checked_name
from metering.passwords import checked_password
from metering.refusals import Refused
from store.connections import Row
from store.passwords import hashed


@dataclass(frozen=True, slots=True)
class Account:
    """A person, or a service that belongs to one.

    A person has an e-mail address in lower case, a phone number in E.164, or both. Nobody comes in by an account that
    is disabled.
    """

    id: int
    email: str | None
    name: str
    role: Role
    phone: str | None = None
    is_disabled: bool = False
    is_service: bool = False

    @property
    def contacts(self) -> tuple[Contact, ...]:
        """Where the person is reached, e-mail first."""
        found = ((Channel.MAIL, self.email), (Channel.SMS, self.phone))
        return tuple(Contact(channel, address) for channel, address in found if address)

    @property
    def shown_contact(self) -> str:
        """What the person is recognised by in a list."""
        return self.email or self.phone or self.name


@dataclass(frozen=True, slots=True)
class Person:
    """An account, how it is secured, and the codes of the panels given to it, in their order."""

    account: Account
    panel_codes: tuple[str, ...]
    is_verified: bool = False
    has_password: bool = False
    has_second_factor: bool = False


@dataclass(frozen=True, slots=True)
class NewAccount:
    """A person to be added, with contacts that are known to be theirs; `password_hash` None has no password."""

    name: str
    role: Role
    email: str | None = None
    phone: str | None = None
    password_hash: str | None = None


async def create(
    connection: AsyncConnection[Row],
    *,
    name: str,
    role: Role,
    email: str | None = None,
    phone: str | None = None,
    password: str | None = None,
) -> Account:
    """Adds a person whose contacts are known to be theirs; without a password they come in by codes.

    Raises:
        Refused: BAD_INPUT (no contact), BAD_EMAIL, BAD_PHONE, BAD_NAME, BAD_PASSWORD, EMAIL_TAKEN, PHONE_TAKEN.
    """
    given = [contact_of(email=email, phone=None)] if email is not None or phone is None else []
    given += [contact_of(email=None, phone=phone)] if phone is not None else []
    address = next((contact.email for contact in given if contact.email), None)
    number = next((contact.phone for contact in given if contact.phone), None)
    shown_name = checked_name(name)
    password_hash = None
    if password is not None:
        wanted = checked_password(password, not_like=(shown_name, address, number))
        password_hash = await asyncio.to_thread(hashed, wanted)
    return await add(connection, NewAccount(shown_name, role, address, number, password_hash))


_ADD = """
INSERT INTO account (email, phone, name, role, password_hash, email_verified_at, phone_verified_at)
VALUES (%(email)s, %(phone)s, %(name)s, %(role)s, %(hash)s,
        CASE WHEN %(email)s::text IS NOT NULL THEN now() END, CASE WHEN %(phone)s::text IS NOT NULL THEN now() END)
RETURNING id"""


async def add(connection: AsyncConnection[Row], new: NewAccount) -> Account:
    """Adds a person as they were checked before.

    Raises:
        Refused: EMAIL_TAKEN, PHONE_TAKEN; a transaction around it has then failed.
    """
    values = {"email": new.email, "phone": new.phone, "name": new.name, "role": new.role.value}
    try:
        cursor = await connection.execute(_ADD, {**values, "hash": new.password_hash})
    except UniqueViolation as error:
        raise _taken(error, new) from error
    (account_id,) = (await cursor.fetchall())[0]
    return Account(account_id, new.email, new.name, new.role, new.phone)


def _taken(error: UniqueViolation, new: NewAccount) -> Refused:
    if "phone" in (error.diag.constraint_name or ""):
        return Refused("PHONE_TAKEN", f"Somebody signs in by {new.phone} already.", "phone")
    return Refused("EMAIL_TAKEN", f"Somebody signs in as {new.email} already.", "email")


TAKEN: Final = frozenset({"EMAIL_TAKEN", "PHONE_TAKEN"})
"""The codes that say that somebody else has a contact: for the command line and admins, for nobody else."""


_BY_ID = """
SELECT id, email, name, role, phone, disabled_at IS NOT NULL, kind = 'SERVICE' FROM account WHERE id = %s"""


async def by_id(connection: AsyncConnection[Row], account_id: int) -> Account | None:
    """The account with its role as it is now; None when it was removed. It may be disabled."""
    row = await (await connection.execute(_BY_ID, (account_id,))).fetchone()
    return _account(row) if row else None


# Both columns are asked each time, so that the two kinds of contacts take as long.
_BY_CONTACT = """
SELECT id, email, name, role, phone, disabled_at IS NOT NULL, false, password_hash FROM account
WHERE (email = %(email)s OR phone = %(phone)s) AND kind = 'PERSON'"""


async def by_contact(connection: AsyncConnection[Row], contact: Contact) -> tuple[Account, str | None] | None:
    """The person of a contact and the hash of the password, None of it without one; None when there is nobody."""
    row = await (await connection.execute(_BY_CONTACT, {"email": contact.email, "phone": contact.phone})).fetchone()
    return (_account(row[:7]), row[7]) if row else None


async def by_email(connection: AsyncConnection[Row], email: str) -> tuple[Account, str | None] | None:
    """The same of an address in any case, also of one that cannot be one."""
    return await by_contact(connection, Contact(Channel.MAIL, email.strip().lower()))


def _account(row: Row) -> Account:
    account_id, email, name, role, phone, is_disabled, is_service = row
    return Account(account_id, email, name, Role(role), phone, is_disabled, is_service)


_HASH_OF = "SELECT password_hash FROM account WHERE id = %s"


async def password_hash_of(connection: AsyncConnection[Row], account_id: int) -> str | None:
    """The hash of an account's password; None without one."""
    row = await (await connection.execute(_HASH_OF, (account_id,))).fetchone()
    return row[0] if row else None


_HOLD_HASH = """
SELECT true FROM account WHERE id = %(account_id)s AND password_hash = %(hash)s FOR NO KEY UPDATE"""


async def hold_password(connection: AsyncConnection[Row], account_id: int, *, password_hash: str) -> bool:
    """Whether the password is still the one that was checked; it stays so until the transaction's end."""
    values = {"account_id": account_id, "hash": password_hash}
    return await (await connection.execute(_HOLD_HASH, values)).fetchone() == (True,)


_SET_HASH = "UPDATE account SET password_hash = %(hash)s WHERE id = %(account_id)s AND kind = 'PERSON'"


async def set_password_hash(connection: AsyncConnection[Row], *, account_id: int, password_hash: str) -> None:
    """Gives a person another password; ending their sessions is the caller's."""
    await connection.execute(_SET_HASH, {"hash": password_hash, "account_id": account_id})


_SET_EMAIL = "UPDATE account SET email = %(address)s, email_verified_at = %(now)s WHERE id = %(account_id)s"
_SET_PHONE = "UPDATE account SET phone = %(address)s, phone_verified_at = %(now)s WHERE id = %(account_id)s"


async def set_contact(connection: AsyncConnection[Row], *, account_id: int, contact: Contact, now: datetime) -> None:
    """Gives a person an e-mail address or a phone number that was shown to be theirs, in place of the one before.

    Raises:
        Refused: EMAIL_TAKEN, PHONE_TAKEN; a transaction around it has then failed.
    """
    statement = _SET_EMAIL if contact.channel is Channel.MAIL else _SET_PHONE
    values = {"account_id": account_id, "address": contact.address, "now": now}
    try:
        await connection.execute(statement, values)
    except UniqueViolation as error:
        raise _taken(error, NewAccount("", Role.TENANT, contact.email, contact.phone)) from error


_HAS_OTHER_ADMIN = """
SELECT EXISTS (SELECT FROM (SELECT id FROM account
                            WHERE role = 'ADMIN' AND kind = 'PERSON' AND disabled_at IS NULL
                            ORDER BY id FOR UPDATE) AS admin
               WHERE id <> %(account_id)s)"""


async def has_other_admin(connection: AsyncConnection[Row], account_id: int) -> bool:
    """Whether somebody else is an admin; they stay one until the transaction's end."""
    return await (await connection.execute(_HAS_OTHER_ADMIN, {"account_id": account_id})).fetchone() == (True,)


_PANEL_COUNT = """
SELECT count(*) FROM account, visible_panel(account.id, account.role = 'ADMIN') WHERE account.id = %s"""


async def panel_count(connection: AsyncConnection[Row], account_id: int) -> int:
    """How many panels the account sees; every panel for an admin."""
    row = await (await connection.execute(_PANEL_COUNT, (account_id,))).fetchone()
    return row[0] if row else 0


_GRANT = """
INSERT INTO panel_access (account_id, panel_id)
SELECT %(account_id)s, id FROM panel WHERE code = %(code)s
ON CONFLICT (account_id, panel_id) DO UPDATE SET is_sight_only = false"""
_PANEL_EXISTS = "SELECT EXISTS (SELECT FROM panel WHERE code = %s)"


async def grant(connection: AsyncConnection[Row], *, account_id: int, panel_code: str) -> None:
    """Lets an account see a panel; nothing changes when it does already.

    Raises:
        Refused: PANEL_NOT_FOUND.
    """
    exists = await (await connection.execute(_PANEL_EXISTS, (panel_code,))).fetchone()
    if exists != (True,):
        raise Refused("PANEL_NOT_FOUND", f"There is no panel {panel_code}.", "code")
    await connection.execute(_GRANT, {"account_id": account_id, "code": panel_code})


_REVOKE = """
DELETE FROM panel_access USING panel
WHERE panel.id = panel_id AND account_id = %(account_id)s AND panel.code = %(code)s"""


async def revoke(connection: AsyncConnection[Row], *, account_id: int, panel_code: str) -> None:
    """Ends an account's sight of a panel, on open streams too; nothing changes when it had none."""
    await connection.execute(_REVOKE, {"account_id": account_id, "code": panel_code})


_REMOVE = "DELETE FROM account WHERE id = %(account_id)s"


async def remove(connection: AsyncConnection[Row], account_id: int) -> None:
    """Removes an account with everything that is its own; its sessions and streams end."""
    await connection.execute(_REMOVE, {"account_id": account_id})


_PEOPLE: LiteralString = """
SELECT account.id, account.email, account.name, account.role, account.phone, account.disabled_at IS NOT NULL, false,
       coalesce(array_agg(panel.code ORDER BY panel.code) FILTER (WHERE panel.id IS NOT NULL), '{}'),
       account.email_verified_at IS NOT NULL OR account.phone_verified_at IS NOT NULL,
       account.password_hash IS NOT NULL,
       EXISTS (SELECT FROM second_factor WHERE account_id = account.id AND confirmed_at IS NOT NULL)
FROM account
LEFT JOIN panel_access ON panel_access.account_id = account.id
LEFT JOIN panel ON panel.id = panel_access.panel_id
WHERE account.kind = 'PERSON'
GROUP BY account.id ORDER BY coalesce(account.email, account.phone)"""


async def people(connection: AsyncConnection[Row]) -> list[Person]:
    """Everybody who can sign in, by contact; admins see every panel without being given any."""
    rows = await (await connection.execute(_PEOPLE)).fetchall()
    return [Person(_account(row[:7]), tuple(row[7]), *row[8:]) for row in rows]
