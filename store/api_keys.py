"""Keeps the keys of service accounts: of each its public beginning and a hash, what it is for, and its last use."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, LiteralString

from psycopg import AsyncConnection

from metering.access import Role, Scope, Viewer
from metering.api_keys import KnownKey
from metering.refusals import Refused
from store.connections import Row
from store.scope import scope
from store.service_accounts import names_of

MAX_OF_AN_ACCOUNT: Final = 20
"""Keys of a service account that count."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as its owner sees it; instants in UTC. `last_used_at` is good to the minute."""

    id: int
    account_id: int
    name: str
    prefix: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    last_used_address: str | None

    def counts(self, *, at: datetime) -> bool:
        """Whether somebody may come in by it at an instant."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > at)


@dataclass(frozen=True, slots=True)
class Standing:
    """A key that nobody has revoked: whose it is, and what it may be used for; it may have expired."""

    viewer: Viewer
    key_hash: bytes = field(repr=False)
    expires_at: datetime | None
    last_used_at: datetime | None


# What the key is for and what its account is for: a scope has to be among both.
_STANDING: LiteralString = """
SELECT account.id, account.role, ARRAY(SELECT unnest(api_key.scopes) INTERSECT SELECT unnest(service.scopes)),
       api_key.name, key_hash, expires_at, last_used_at,
       EXISTS (SELECT FROM tenancy WHERE tenancy.account_id = account.owner_id)
FROM api_key JOIN account ON account.id = api_key.account_id
JOIN service_account AS service ON service.account_id = account.id
WHERE prefix = %(prefix)s AND revoked_at IS NULL AND account.disabled_at IS NULL"""


async def standing(connection: AsyncConnection[Row], prefix: str) -> Standing | None:
    """What a key stands for; None when there is none, or it was revoked, or its owner disabled."""
    row = await (await connection.execute(_STANDING, {"prefix": prefix})).fetchone()
    if row is None:
        return None
    account_id, role, scopes, name, key_hash, expires_at, last_used_at, may_rent = row
    own = frozenset(Scope(one) for one in scopes)
    viewer = Viewer(account_id, Role(role), own, may_rent=may_rent, key_name=name)
    return Standing(viewer, key_hash, expires_at, last_used_at)


_USED: LiteralString = """
UPDATE api_key SET last_used_at = %(now)s, last_used_address = coalesce(%(address)s, last_used_address)
WHERE prefix = %(prefix)s AND (last_used_at IS NULL OR last_used_at < %(now)s::timestamptz - interval '1 minute')"""


async def record_use(connection: AsyncConnection[Row], prefix: str, *, address: str | None, now: datetime) -> None:
    """Notes that a key was used, and from where; within a minute of the last time nothing changes."""
    await connection.execute(_USED, {"prefix": prefix, "address": address, "now": now})


_LOCK_ACCOUNT: LiteralString = """
SELECT (SELECT count(*) FROM api_key WHERE account_id = account.id AND revoked_at IS NULL
        AND (expires_at IS NULL OR expires_at > %(now)s))
FROM account WHERE id = %(account_id)s FOR NO KEY UPDATE"""

_CREATE: LiteralString = """
INSERT INTO api_key (account_id, name, prefix, key_hash, scopes, expires_at, created_at)
VALUES (%(account_id)s, %(name)s, %(prefix)s, %(key_hash)s, %(scopes)s, %(expires_at)s, %(now)s)
RETURNING id"""


async def create(
    connection: AsyncConnection[Row],
    known: KnownKey,
    *,
    account_id: int,
    name: str,
    scopes: Collection[Scope],
    expires_at: datetime | None,
    now: datetime,
) -> int:
    """The id of a new key of a service account.

    Raises:
        Refused: TOO_MANY_KEYS when 20 of the account's count.
    """
    rows = await (await connection.execute(_LOCK_ACCOUNT, {"account_id": account_id, "now": now})).fetchall()
    if rows and rows[0][0] >= MAX_OF_AN_ACCOUNT:
        raise Refused("TOO_MANY_KEYS", f"A service account may have {MAX_OF_AN_ACCOUNT} keys: revoke one first.")
    values = {
        "account_id": account_id,
        "name": name,
        "prefix": known.prefix,
        "key_hash": known.key_hash,
        "scopes": names_of(scopes),
        "expires_at": expires_at,
        "now": now,
    }
    ((key_id,),) = await (await connection.execute(_CREATE, values)).fetchall()
    return key_id


_COLUMNS: LiteralString = """key.id, key.account_id, key.name, key.prefix, key.scopes, key.created_at, key.expires_at,
       key.revoked_at, key.last_used_at, key.last_used_address"""

# As with service accounts: a key is its owner's to see, and no service account's.
_OF_VIEWER: LiteralString = """
FROM api_key AS key JOIN account ON account.id = key.account_id
WHERE (%(sees_all)s OR account.owner_id = (SELECT %(viewer_id)s::bigint))"""

_OF_ACCOUNTS: LiteralString = f"""
SELECT {_COLUMNS} {_OF_VIEWER} AND key.account_id = ANY (%(account_ids)s)
ORDER BY key.id"""

_ONE: LiteralString = f"""
SELECT {_COLUMNS} {_OF_VIEWER} AND key.id = %(id)s
FOR UPDATE OF key"""


async def of_accounts(
    connection: AsyncConnection[Row], account_ids: Sequence[int], *, viewer: Viewer | None
) -> list[ApiKey]:
    """The keys of service accounts of the viewer's, oldest first; of anybody's for who sees all. Revoked ones too."""
    asked: dict[str, Any] = {**scope(viewer), "account_ids": list(account_ids)}
    return [_api_key(row) for row in await (await connection.execute(_OF_ACCOUNTS, asked)).fetchall()]


_BY_PREFIX: LiteralString = f"""
SELECT {_COLUMNS} FROM api_key AS key WHERE key.prefix = %(prefix)s FOR UPDATE"""


async def by_prefix(connection: AsyncConnection[Row], prefix: str) -> ApiKey | None:
    """Anybody's key, for the command line, locked until the transaction's end; None without one."""
    row = await (await connection.execute(_BY_PREFIX, {"prefix": prefix})).fetchone()
    return _api_key(row) if row else None


async def one(connection: AsyncConnection[Row], key_id: int, *, viewer: Viewer | None) -> ApiKey | None:
    """A key of the viewer's, locked until the transaction's end; None for "not there" and "not yours" alike."""
    row = await (await connection.execute(_ONE, {**scope(viewer), "id": key_id})).fetchone()
    return _api_key(row) if row else None


def _api_key(row: Row) -> ApiKey:
    key_id, account_id, name, prefix, scopes, *rest = row
    return ApiKey(key_id, account_id, name, prefix, tuple(Scope(each) for each in scopes), *rest)


_REVOKE: LiteralString = """
UPDATE api_key SET revoked_at = %(now)s WHERE id = %(id)s AND revoked_at IS NULL"""

_EXPIRE: LiteralString = """
UPDATE api_key SET expires_at = least(expires_at, %(at)s) WHERE id = %(id)s"""


async def revoke(connection: AsyncConnection[Row], key_id: int, *, now: datetime) -> None:
    """Ends a key from now on, in all server processes, its streams included."""
    await connection.execute(_REVOKE, {"id": key_id, "now": now})


async def expire(connection: AsyncConnection[Row], key_id: int, *, at: datetime) -> None:
    """Lets a key count until an instant, or until it expires by itself if that is sooner."""
    await connection.execute(_EXPIRE, {"id": key_id, "at": at})


_REMOVE_OLD: LiteralString = """
DELETE FROM api_key WHERE least(expires_at, revoked_at) < %(until)s"""


async def remove_old(connection: AsyncConnection[Row], *, until: datetime) -> int:
    """Forgets the keys that were over before an instant, and returns how many; the audit keeps what they did."""
    return (await connection.execute(_REMOVE_OLD, {"until": until})).rowcount
