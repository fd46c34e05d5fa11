"""Keeps the people who sign in, their roles, and the panels given to them."""

import asyncio
from dataclasses import dataclass

from psycopg import AsyncConnection
from psycopg.errors import UniqueViolation

from metering.access import Role
from metering.refusals import Refused
from store.connections import Row
from store.passwords import MAX_LENGTH, MIN_LENGTH, hashed


@dataclass(frozen=True, slots=True)
class Account:
    """A person who can sign in."""

    id: int
    email: str
    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Person:
    """An account and the codes of the panels given to it, in their order."""

    account: Account
    panel_codes: tuple[str, ...]


_CREATE = """
INSERT INTO account (email, name, role, password_hash) VALUES (%(email)s, %(name)s, %(role)s, %(hash)s)
RETURNING id"""


async def create(connection: AsyncConnection[Row], *, email: str, name: str, role: Role, password: str) -> Account:
    """Adds a person; the e-mail address is kept in lower case.

    Raises:
        Refused: BAD_EMAIL, BAD_NAME, BAD_PASSWORD (8 to 256 characters), EMAIL_TAKEN.
    """
    address, shown_name = _checked_email(email), _checked_name(name)
    _check_password(password)
    values = {
        "email": address,
        "name": shown_name,
        "role": role.value,
        "hash": await asyncio.to_thread(hashed, password),
    }
    try:
        cursor = await connection.execute(_CREATE, values)
    except UniqueViolation as error:
        raise Refused("EMAIL_TAKEN", f"Somebody signs in as {address} already.", "email") from error
    (account_id,) = (await cursor.fetchall())[0]
    return Account(account_id, address, shown_name, role)


def normalised_email(email: str) -> str:
    """The address as it is kept: without blanks around it, in lower case."""
    return email.strip().lower()


def _checked_email(email: str) -> str:
    address = normalised_email(email)
    local, at, domain = address.partition("@")
    if not (local and at and domain) or len(address) > 254 or not address.isprintable() or " " in address:
        raise Refused("BAD_EMAIL", "An e-mail address looks like name@example.org.", "email")
    return address


def _checked_name(name: str) -> str:
    if not (1 <= len(name.strip()) <= 200) or "\0" in name:
        raise Refused("BAD_NAME", "A name has 1 to 200 characters.", "name")
    return name.strip()


def _check_password(password: str) -> None:
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise Refused("BAD_PASSWORD", f"A password has {MIN_LENGTH} to {MAX_LENGTH} characters.", "password")


_BY_ID = "SELECT id, email, name, role FROM account WHERE id = %s"


async def by_id(connection: AsyncConnection[Row], account_id: int) -> Account | None:
    """The account with its role as it is now; None when it was removed."""
    row = await (await connection.execute(_BY_ID, (account_id,))).fetchone()
    return _account(row) if row else None


_BY_EMAIL = "SELECT id, email, name, role, password_hash FROM account WHERE email = %s"


async def by_email(connection: AsyncConnection[Row], email: str) -> tuple[Account, str] | None:
    """The account of an address, in any case, and its password hash; None when there is none."""
    row = await (await connection.execute(_BY_EMAIL, (normalised_email(email),))).fetchone()
    return (_account(row[:4]), row[4]) if row else None


def _account(row: Row) -> Account:
    account_id, email, name, role = row
    return Account(account_id, email, name, Role(role))


_PANEL_COUNT = """
SELECT count(*) FROM account, visible_panel(account.id, account.role = 'ADMIN') WHERE account.id = %s"""


async def panel_count(connection: AsyncConnection[Row], account_id: int) -> int:
    """How many panels the account sees; every panel for an admin."""
    row = await (await connection.execute(_PANEL_COUNT, (account_id,))).fetchone()
    return row[0] if row else 0


_GRANT = """
INSERT INTO panel_access (account_id, panel_id)
SELECT %(account_id)s, id FROM panel WHERE code = %(code)s
ON CONFLICT DO NOTHING"""
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


# Of an hour, the audit has one row that counts an account's further refusals; without their accounts two may be alike.
_REMOVE = """
WITH counted AS (UPDATE audit_entry SET is_rest = false WHERE account_id = %(account_id)s AND is_rest)
DELETE FROM account WHERE id = %(account_id)s"""


async def remove(connection: AsyncConnection[Row], account_id: int) -> None:
    """Removes an account with everything that is its own; its sessions and streams end."""
    await connection.execute(_REMOVE, {"account_id": account_id})


_PEOPLE = """
SELECT account.id, account.email, account.name, account.role,
       coalesce(array_agg(panel.code ORDER BY panel.code) FILTER (WHERE panel.id IS NOT NULL), '{}')
FROM account
LEFT JOIN panel_access ON panel_access.account_id = account.id
LEFT JOIN panel ON panel.id = panel_access.panel_id
GROUP BY account.id ORDER BY account.email"""


async def people(connection: AsyncConnection[Row]) -> list[Person]:
    """Everybody who can sign in, by e-mail address; admins see every panel without being given any."""
    rows = await (await connection.execute(_PEOPLE)).fetchall()
    return [Person(_account(row[:4]), tuple(row[4])) for row in rows]
