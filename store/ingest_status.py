"""Keeps how ingest is doing, and the owner's switch, in one row."""

from dataclasses import dataclass
from datetime import datetime

from psycopg import AsyncConnection, Connection
from psycopg.rows import class_row

from store.connections import Row


@dataclass(frozen=True, slots=True)
class IngestStatus:
    """How ingest is doing. Counts are since the database was made; a repeated batch may be counted again.

    `is_wanted` is the owner's switch, `is_connected` whether every connection to the broker stands, `heartbeat_at`
    when ingest last said so. `backlog` counts messages received and not yet committed, `lag_s` is how old the oldest
    message of the last batch was when it was committed.
    """

    is_wanted: bool
    is_connected: bool
    heartbeat_at: datetime | None
    last_message_at: datetime | None
    last_batch_id: int
    message_count: int
    reading_count: int
    duplicate_count: int
    rejected_count: int
    backlog: int
    lag_s: float | None


_STATUS = """
SELECT is_wanted, is_connected, heartbeat_at, last_message_at, last_batch_id, message_count, reading_count,
       duplicate_count, rejected_count, backlog, lag_s
FROM ingest_status"""


async def ingest_status(connection: AsyncConnection[Row]) -> IngestStatus:
    """How ingest is doing now; without a fresh `heartbeat_at`, how it was when it was last heard of."""
    async with connection.cursor(row_factory=class_row(IngestStatus)) as cursor:
        await cursor.execute(_STATUS)
        (status,) = await cursor.fetchall()
    return status


_SET_WANTED = """
UPDATE ingest_status SET is_wanted = %s
RETURNING pg_notify('ingest_control', '')"""


async def want_ingest(connection: AsyncConnection[Row], *, is_wanted: bool) -> None:
    """Turns the owner's switch; a running ingest connects or disconnects at once, another at its start."""
    await connection.execute(_SET_WANTED, (is_wanted,))


_BEAT = """
UPDATE ingest_status SET heartbeat_at = clock_timestamp(), is_connected = %s, backlog = %s
RETURNING is_wanted"""


async def beat(connection: AsyncConnection[Row], *, is_connected: bool, backlog: int) -> bool:
    """Says that ingest is alive, and returns whether it is wanted."""
    cursor = await connection.execute(_BEAT, (is_connected, backlog))
    ((is_wanted,),) = await cursor.fetchall()
    return is_wanted


@dataclass(frozen=True, slots=True)
class BatchCount:
    """What one batch held: messages in all, those stored, those that were there already, those rejected."""

    batch_id: int
    message_count: int
    reading_count: int
    duplicate_count: int
    rejected_count: int
    oldest_at: datetime
    newest_at: datetime


_COUNT_BATCH = """
UPDATE ingest_status SET
    last_batch_id = %(batch_id)s,
    last_message_at = greatest(last_message_at, %(newest_at)s),
    message_count = message_count + %(message_count)s,
    reading_count = reading_count + %(reading_count)s,
    duplicate_count = duplicate_count + %(duplicate_count)s,
    rejected_count = rejected_count + %(rejected_count)s,
    lag_s = greatest(extract(epoch FROM clock_timestamp() - %(oldest_at)s::timestamptz), 0)"""


def count_batch(connection: Connection[Row], count: BatchCount) -> None:
    """Adds a batch to the counts, inside its transaction; `oldest_at` and `newest_at` are arrivals of messages."""
    connection.execute(
        _COUNT_BATCH,
        {
            "batch_id": count.batch_id,
            "message_count": count.message_count,
            "reading_count": count.reading_count,
            "duplicate_count": count.duplicate_count,
            "rejected_count": count.rejected_count,
            "oldest_at": count.oldest_at,
            "newest_at": count.newest_at,
        },
    )
