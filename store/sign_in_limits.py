"""Keeps how often something was tried lately, by keyed hashes, and the networks from which somebody has signed in."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg import AsyncConnection

from store.connections import Row

SLOT_BITS = 20
"""Bits of the hash by which attempts are counted: more than a million rows a kind there never are."""

KNOWN_FOR = timedelta(days=90)
"""So long a network is known after the last sign-in from it."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` attempts within `window` of the first one, by `kind` and `slot` (20 bits).

    With a `pause`, attempts beyond it may go on after it, then after twice as long, up to an hour each.
    """

    kind: str
    slot: int
    most: int
    window: timedelta
    pause: timedelta | None = None


def slot_of(digest: bytes) -> int:
    """Where a keyed hash is counted."""
    return int.from_bytes(digest[:4]) >> (32 - SLOT_BITS)


_COUNT = """
SELECT count_attempt(%(kinds)s, %(slots)s::integer[], %(mosts)s::integer[], %(windows)s::interval[],
                     %(pauses)s::interval[], %(known)s, %(now)s)"""


async def count(
    connection: AsyncConnection[Row], limits: Sequence[Limit], *, now: datetime, known: bytes | None = None
) -> datetime | None:
    """Counts one more attempt by the limits in turn, up to the first that is reached: when to try again, or None.

    `known` is the key of a network: from one that is known, limits with a pause do not hold.
    """
    values: dict[str, Any] = {
        "kinds": [limit.kind for limit in limits],
        "slots": [limit.slot for limit in limits],
        "mosts": [limit.most for limit in limits],
        "windows": [limit.window for limit in limits],
        "pauses": [limit.pause for limit in limits],
        "known": known,
        "now": now,
    }
    row = await (await connection.execute(_COUNT, values)).fetchone()
    return row[0] if row else None


# What was mistyped before a sign-in that succeeded is taken back from the first limit, and as much from the others.
_FORGIVE = """
WITH own AS (
    DELETE FROM attempt_count WHERE kind = %(kind)s AND slot = %(slot)s RETURNING attempts
)
UPDATE attempt_count AS shared SET attempts = greatest(shared.attempts - own.attempts, 0)
FROM own, unnest(%(kinds)s::text[], %(slots)s::integer[]) AS other (kind, slot)
WHERE shared.kind = other.kind AND shared.slot = other.slot"""


async def forgive(connection: AsyncConnection[Row], own: Limit, *, shared: Sequence[Limit]) -> None:
    """Forgets the attempts of a limit, and takes as many from the limits that they counted for too."""
    values = {
        "kind": own.kind,
        "slot": own.slot,
        "kinds": [limit.kind for limit in shared],
        "slots": [limit.slot for limit in shared],
    }
    await connection.execute(_FORGIVE, values)


_KNOW = """
INSERT INTO known_network (key, account_id, used_at)
SELECT key, %(account_id)s, %(now)s FROM unnest(%(keys)s::bytea[]) AS given (key)
ON CONFLICT (key) DO UPDATE SET used_at = excluded.used_at, account_id = excluded.account_id"""


async def know_networks(
    connection: AsyncConnection[Row], keys: Sequence[bytes], *, account_id: int, now: datetime
) -> None:
    """Keeps that somebody signed in, by the keys of the network and each of their contacts."""
    await connection.execute(_KNOW, {"keys": list(keys), "account_id": account_id, "now": now})


_REMOVE_COUNTS = "DELETE FROM attempt_count WHERE ends_at <= %(now)s"
_REMOVE_NETWORKS = "DELETE FROM known_network WHERE used_at < %(until)s"


async def remove_old(connection: AsyncConnection[Row], *, now: datetime) -> None:
    """Forgets what counts no more."""
    await connection.execute(_REMOVE_COUNTS, {"now": now})
    await connection.execute(_REMOVE_NETWORKS, {"until": now - KNOWN_FOR})
