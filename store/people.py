"""Turns a filter into the people who can sign in, page by page, and changes what each of them may do."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from psycopg import AsyncConnection

from metering.access import Role, Viewer
from metering.refusals import Refused
from store import accounts
from store.connections import Row


@dataclass(frozen=True, slots=True)
class KnownPerson:
    """Somebody who can sign in, and what they have; instants in UTC."""

    id: int
    name: str
    email: str | None
    phone: str | None
    is_email_verified: bool
    is_phone_verified: bool
    role: Role
    created_at: datetime
    disabled_at: datetime | None
    has_second_factor: bool
    panel_codes: list[str]
    property_count: int
    tenancy_count: int


@dataclass(frozen=True, slots=True)
class PeopleFilter:
    """Which people are meant; None leaves it open."""

    role: Role | None = None
    text: str | None = None


_PEOPLE: LiteralString = """
SELECT account.id, account.name, account.email, account.phone, email_verified_at IS NOT NULL,
       phone_verified_at IS NOT NULL, account.role, account.created_at, account.disabled_at,
       EXISTS (SELECT FROM second_factor WHERE account_id = account.id AND confirmed_at IS NOT NULL),
       ARRAY(SELECT panel.code FROM panel_access JOIN panel ON panel.id = panel_id
             WHERE account_id = account.id ORDER BY panel.code),
       (SELECT count(*)::integer FROM property WHERE landlord_id = account.id),
       (SELECT count(*)::integer FROM tenancy
        WHERE account_id = account.id AND starts_at <= %(now)s AND (ends_at IS NULL OR ends_at > %(now)s))
FROM account"""

_CHOSEN: LiteralString = """
WHERE account.kind = 'PERSON' AND %(sees_all)s
  AND (%(role)s::text IS NULL OR account.role = %(role)s)
  AND (%(text)s::text IS NULL
       OR strpos(lower(concat_ws(' ', account.name, account.email, account.phone)), lower(%(text)s)) > 0)"""

_PAGE: LiteralString = f"""{_PEOPLE} {_CHOSEN} AND (%(after_id)s::bigint IS NULL OR account.id > %(after_id)s)
ORDER BY account.id LIMIT %(limit)s"""
_COUNT: LiteralString = f"SELECT count(*)::integer FROM account {_CHOSEN}"

_ROLE = 6


def _person(row: Row) -> KnownPerson:
    values: list[Any] = [*row]
    values[_ROLE] = Role(values[_ROLE])
    return KnownPerson(*values)


async def page(
    connection: AsyncConnection[Row],
    *,
    viewer: Viewer,
    where: PeopleFilter,
    now: datetime,
    after_id: int | None,
    limit: int,
) -> tuple[list[KnownPerson], int]:
    """Up to `limit` people, the oldest accounts first, those after an id; and how many: none but for admins."""
    asked = {"sees_all": viewer.sees_all, "role": where.role and where.role.value, "text": where.text, "now": now}
    rows = await (await connection.execute(_PAGE, {**asked, "after_id": after_id, "limit": limit})).fetchall()
    ((total,),) = await (await connection.execute(_COUNT, asked)).fetchall()
    return [_person(row) for row in rows], total


_OF_IDS: LiteralString = f"{_PEOPLE} WHERE account.kind = 'PERSON' AND account.id = ANY(%(account_ids)s)"


async def of_ids(
    connection: AsyncConnection[Row], account_ids: Sequence[int], *, viewer: Viewer, now: datetime
) -> dict[int, KnownPerson]:
    """The people of these ids, by id. None but for admins."""
    if not viewer.sees_all:
        return {}
    rows = await (await connection.execute(_OF_IDS, {"account_ids": list(account_ids), "now": now})).fetchall()
    return {row[0]: _person(row) for row in rows}


# Admins first, in one order: two who end each other at once would each hold themselves and wait for the other.
_HOLD_ADMINS = "SELECT FROM account WHERE role = 'ADMIN' AND kind = 'PERSON' ORDER BY id FOR UPDATE"
_HOLD = "SELECT role, disabled_at IS NULL FROM account WHERE id = %(account_id)s AND kind = 'PERSON' FOR UPDATE"


@dataclass(frozen=True, slots=True)
class HeldPerson:
    """A person whom a transaction holds; `is_admin` says that they are one and can sign in."""

    id: int
    role: Role
    is_admin: bool


async def hold(connection: AsyncConnection[Row], account_id: int) -> HeldPerson:
    """The person of an id, held until the transaction ends, and all admins with them.

    Raises:
        Refused: ACCOUNT_NOT_FOUND.
    """
    await connection.execute(_HOLD_ADMINS)
    row = await (await connection.execute(_HOLD, {"account_id": account_id})).fetchone()
    if row is None:
        raise Refused("ACCOUNT_NOT_FOUND", "There is nobody of this id.", "accountId")
    return HeldPerson(account_id, Role(row[0]), row[0] == Role.ADMIN.value and row[1])


async def check_not_last_admin(connection: AsyncConnection[Row], person: HeldPerson) -> None:
    """Whether somebody is left who can run the service without this person.

    Raises:
        Refused: LAST_ADMIN.
    """
    if person.is_admin and not await accounts.has_other_admin(connection, person.id):
        raise Refused("LAST_ADMIN", "This is the last admin who can sign in: make another one first.", "accountId")


_HAS_PROPERTIES = "SELECT EXISTS (SELECT FROM property WHERE landlord_id = %(account_id)s)"
_SET_ROLE = "UPDATE account SET role = %(role)s WHERE id = %(account_id)s"


async def set_role(connection: AsyncConnection[Row], person: HeldPerson, *, role: Role) -> None:
    """Gives a person, whom the transaction holds, another role.

    Raises:
        Refused: LAST_ADMIN; HAS_PROPERTIES for a tenant to be who has properties.
    """
    parameters = {"account_id": person.id, "role": role.value}
    if role is not Role.ADMIN:
        await check_not_last_admin(connection, person)
    if role is Role.TENANT:
        ((has_some,),) = await (await connection.execute(_HAS_PROPERTIES, parameters)).fetchall()
        if has_some:
            raise Refused("HAS_PROPERTIES", "Tenants have no properties: hand theirs over first.", "role")
    await connection.execute(_SET_ROLE, parameters)
