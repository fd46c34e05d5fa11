"""Keeps the accounts by which integrations act for a person, with what they may do at the most."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

from psycopg import AsyncConnection

from metering.access import Scope, Viewer
from metering.refusals import Refused
from store.connections import Row
from store.scope import scope

MAX_OF_AN_OWNER: Final = 50
"""Service accounts of one person."""


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """An account without a way in but its keys; it sees what its owner sees, and does what `scopes` allow."""

    id: int
    name: str
    scopes: tuple[Scope, ...]
    owner_id: int
    owner_name: str
    created_at: datetime


_LOCK_OWNER: LiteralString = """
SELECT (SELECT count(*) FROM account AS own WHERE own.owner_id = account.id)
FROM account WHERE id = %(owner_id)s AND kind = 'PERSON' AND disabled_at IS NULL FOR NO KEY UPDATE"""

_CREATE: LiteralString = """
WITH made AS (
    INSERT INTO account (name, role, kind, owner_id)
    SELECT %(name)s, role, 'SERVICE', id FROM account WHERE id = %(owner_id)s
    RETURNING id, created_at
)
INSERT INTO service_account (account_id, scopes) SELECT id, %(scopes)s FROM made
RETURNING account_id"""


async def create(connection: AsyncConnection[Row], *, owner_id: int, name: str, scopes: Collection[Scope]) -> int:
    """The id of a new service account of a person, with the role that the owner has.

    Raises:
        Refused: TOO_MANY_SERVICE_ACCOUNTS when the owner has 50, UNAUTHENTICATED when there is no owner any more.
    """
    rows = await (await connection.execute(_LOCK_OWNER, {"owner_id": owner_id})).fetchall()
    if not rows:
        raise Refused("UNAUTHENTICATED", "The owner's account was removed or disabled.")
    if rows[0][0] >= MAX_OF_AN_OWNER:
        raise Refused("TOO_MANY_SERVICE_ACCOUNTS", f"A person may have {MAX_OF_AN_OWNER}: remove one first.")
    values = {"owner_id": owner_id, "name": name, "scopes": names_of(scopes)}
    ((account_id,),) = await (await connection.execute(_CREATE, values)).fetchall()
    return account_id


def names_of(scopes: Collection[Scope]) -> list[str]:
    """Scopes as they are kept: each once, in the order in which they are declared."""
    return [one.value for one in Scope if one in scopes]


# A service account finds none, not even itself: what it is and which keys it has is its owner's.
_OF_VIEWER: LiteralString = """
FROM account JOIN service_account ON account_id = account.id JOIN account AS owner ON owner.id = account.owner_id
WHERE (%(sees_all)s AND NOT %(is_own)s OR account.owner_id = (SELECT %(viewer_id)s::bigint))
  AND (%(id)s::bigint IS NULL OR account.id = %(id)s)"""

_PAGE: LiteralString = f"""
SELECT account.id, account.name, scopes, owner.id, owner.name, account.created_at
{_OF_VIEWER} AND account.id > %(after_id)s
ORDER BY account.id LIMIT %(limit)s"""

_COUNT: LiteralString = f"""
SELECT count(*) {_OF_VIEWER}"""


async def page(
    connection: AsyncConnection[Row], *, viewer: Viewer | None, is_own: bool, after_id: int, limit: int
) -> list[ServiceAccount]:
    """Up to `limit` of the viewer's service accounts after an id, oldest first; everybody's for who sees all."""
    place = {"after_id": after_id, "limit": limit}
    rows = await (await connection.execute(_PAGE, _asked(viewer, is_own=is_own) | place)).fetchall()
    return [_service_account(row) for row in rows]


async def count(connection: AsyncConnection[Row], *, viewer: Viewer | None, is_own: bool) -> int:
    """How many there are of them."""
    ((total,),) = await (await connection.execute(_COUNT, _asked(viewer, is_own=is_own))).fetchall()
    return total


async def one(connection: AsyncConnection[Row], account_id: int, *, viewer: Viewer | None) -> ServiceAccount | None:
    """A service account of the viewer's, or anybody's for who sees all; None for "not there" and "not yours" alike."""
    asked = _asked(viewer, is_own=False, account_id=account_id) | {"after_id": 0, "limit": 1}
    row = await (await connection.execute(_PAGE, asked)).fetchone()
    return _service_account(row) if row else None


def _asked(viewer: Viewer | None, *, is_own: bool, account_id: int | None = None) -> dict[str, Any]:
    return {**scope(viewer), "is_own": is_own, "id": account_id}


def _service_account(row: Row) -> ServiceAccount:
    account_id, name, scopes, owner_id, owner_name, created_at = row
    return ServiceAccount(account_id, name, tuple(Scope(each) for each in scopes), owner_id, owner_name, created_at)


_REMOVE: LiteralString = "DELETE FROM account WHERE id = %(id)s AND kind = 'SERVICE'"


async def remove(connection: AsyncConnection[Row], account_id: int) -> None:
    """Removes a service account with its keys and everything that is its own; its streams end."""
    await connection.execute(_REMOVE, {"id": account_id})
