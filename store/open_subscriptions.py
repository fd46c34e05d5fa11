"""Keeps what people are subscribed to at this moment, in all server processes."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from uuid import UUID

from psycopg import AsyncConnection

from metering.access import Viewer
from store.connections import Row

CHANNEL = "subscription_closed"
MAX_LISTED = 500


class Transport(Enum):
    """How the events of a subscription reach the client."""

    WEBSOCKET = "WEBSOCKET"
    SSE = "SSE"


@dataclass(frozen=True, slots=True)
class OpenSubscription:
    """One subscription of an account; `address` is the client's as the server sees it."""

    id: str
    account_id: int
    operation: str
    transport: Transport
    address: str
    opened_at: datetime


# A process that gave no sign of life for this long is dead; it may also have lost the database, and comes back anew.
_BEAT = """
WITH dead AS (
    DELETE FROM serving_process WHERE seen_at < clock_timestamp() - interval '1 minute' AND id <> %(process_id)s)
UPDATE serving_process SET seen_at = clock_timestamp() WHERE id = %(process_id)s
RETURNING id"""


async def beat(connection: AsyncConnection[Row], process_id: UUID) -> bool:
    """Says that a process is alive, and forgets those that are not; False when the process itself was forgotten."""
    cursor = await connection.execute(_BEAT, {"process_id": process_id})
    return await cursor.fetchone() is not None


_INTRODUCE = """
INSERT INTO serving_process (id) VALUES (%(process_id)s) ON CONFLICT (id) DO UPDATE SET seen_at = clock_timestamp()"""
_FORGET_ALL = "DELETE FROM open_subscription WHERE process_id = %(process_id)s"


async def introduce(connection: AsyncConnection[Row], process_id: UUID) -> None:
    """Makes a process known, without any subscription."""
    async with connection.transaction():
        await connection.execute(_INTRODUCE, {"process_id": process_id})
        await connection.execute(_FORGET_ALL, {"process_id": process_id})


_LEAVE = "DELETE FROM serving_process WHERE id = %(process_id)s"


async def leave(connection: AsyncConnection[Row], process_id: UUID) -> None:
    """Forgets a process and its subscriptions."""
    await connection.execute(_LEAVE, {"process_id": process_id})


_CHANGE = """
WITH ended AS (DELETE FROM open_subscription WHERE id = ANY (%(ended_ids)s::uuid[]))
INSERT INTO open_subscription (id, process_id, account_id, operation, transport, address, opened_at)
SELECT given.id, %(process_id)s, given.account_id, given.operation, given.transport, given.address, given.opened_at
FROM unnest(%(ids)s::uuid[], %(account_ids)s::bigint[], %(operations)s::text[], %(transports)s::text[],
            %(addresses)s::text[], %(opened_at)s::timestamptz[])
     AS given (id, account_id, operation, transport, address, opened_at)"""


async def change(
    connection: AsyncConnection[Row], process_id: UUID, *, begun: Sequence[OpenSubscription], ended: Collection[str]
) -> None:
    """Notes what has begun and ended in a process, in one statement."""
    values = {
        "process_id": process_id,
        "ended_ids": list(ended),
        "ids": [one.id for one in begun],
        "account_ids": [one.account_id for one in begun],
        "operations": [one.operation for one in begun],
        "transports": [one.transport.value for one in begun],
        "addresses": [one.address for one in begun],
        "opened_at": [one.opened_at for one in begun],
    }
    await connection.execute(_CHANGE, values)


_OWN_ELSEWHERE = """
SELECT own.id, own.account_id, own.operation, own.transport, own.address, own.opened_at
FROM open_subscription AS own
JOIN serving_process AS process ON process.id = own.process_id
WHERE own.account_id = %(viewer_id)s AND process.id <> %(process_id)s
  AND process.seen_at >= clock_timestamp() - interval '1 minute'
ORDER BY own.opened_at DESC, own.id
LIMIT %(limit)s"""


async def own_elsewhere(
    connection: AsyncConnection[Row], *, viewer: Viewer, process_id: UUID
) -> list[OpenSubscription]:
    """The viewer's newest 500 subscriptions in other processes than this one, newest first."""
    values = {"viewer_id": viewer.account_id, "process_id": process_id, "limit": MAX_LISTED}
    cursor = await connection.execute(_OWN_ELSEWHERE, values)
    return [OpenSubscription(str(id_), account, operation, Transport(by), address, opened_at)
            for id_, account, operation, by, address, opened_at in await cursor.fetchall()]  # fmt: skip


_ASK_TO_CLOSE = """
SELECT pg_notify('subscription_closed', id::text) FROM open_subscription
WHERE id = %(subscription_id)s::uuid AND account_id = %(viewer_id)s"""


async def ask_to_close(connection: AsyncConnection[Row], *, viewer: Viewer, subscription_id: str) -> bool:
    """Asks the process that serves a subscription to end it; False when the viewer has none of this id."""
    values = {"viewer_id": viewer.account_id, "subscription_id": subscription_id}
    return await (await connection.execute(_ASK_TO_CLOSE, values)).fetchone() is not None


async def asked_to_close(connection: AsyncConnection[Row], *, within_s: float) -> list[str]:
    """The subscriptions that a connection listening to CHANNEL is asked to end, as soon as there are some."""
    return [note.payload async for note in connection.notifies(timeout=within_s, stop_after=1)]
