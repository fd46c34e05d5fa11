"""Keeps messages that could not be read, whole and with the reason, until they are looked at or replayed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg import AsyncConnection, Connection
from psycopg.rows import class_row

from store.connections import Row

KEPT_PAYLOAD_BYTES: Final = 256 * 1024
"""What is kept of a payload at the most; ingest takes no larger one for a reading."""


@dataclass(frozen=True, slots=True)
class RejectedMessage:
    """A message that is not a reading: as it came, and why; the code is stable, the reason is for people."""

    topic: str
    payload: bytes
    received_at: datetime
    code: str
    reason: str


_COPY_REJECTED = "COPY rejected_message (topic, payload, is_cut, code, reason, received_at) FROM STDIN (FORMAT BINARY)"


def keep_rejected(connection: Connection[Row], messages: Sequence[RejectedMessage]) -> None:
    """Stores the messages inside the batch's transaction; of a payload, the first 256 KiB."""
    with connection.cursor() as cursor, cursor.copy(_COPY_REJECTED) as copy:
        copy.set_types(["text", "bytea", "bool", "text", "text", "timestamptz"])
        for message in messages:
            copy.write_row(_row(message))


def _row(message: RejectedMessage) -> tuple[str, bytes, bool, str, str, datetime]:
    payload = message.payload[:KEPT_PAYLOAD_BYTES]
    is_cut = len(payload) < len(message.payload)
    return _text(message.topic), payload, is_cut, message.code, _text(message.reason), message.received_at


def _text(text: str) -> str:
    """What Postgres can store of a text: no NUL, no half of a surrogate pair."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


@dataclass(frozen=True, slots=True)
class StoredRejection:
    """A rejected message as it was kept."""

    id: int
    topic: str
    payload: bytes
    received_at: datetime
    is_retained: bool = False


_NOT_REPLAYED = """
SELECT id, topic, payload, received_at FROM rejected_message
WHERE replayed_at IS NULL AND id > %s AND NOT is_cut
ORDER BY id LIMIT %s"""


def not_replayed(connection: Connection[Row], *, after_id: int, limit: int) -> list[StoredRejection]:
    """The rejected messages that were never replayed, oldest first, from the one after `after_id`.

    Those of which only the beginning was kept are left out.
    """
    with connection.cursor(row_factory=class_row(StoredRejection)) as cursor:
        cursor.execute(_NOT_REPLAYED, (after_id, limit))
        return cursor.fetchall()


_COUNT_NOT_REPLAYED = "SELECT count(*) FROM rejected_message WHERE replayed_at IS NULL"


def not_replayed_count(connection: Connection[Row]) -> int:
    """How many rejected messages were never replayed, those included of which only the beginning was kept."""
    ((count,),) = connection.execute(_COUNT_NOT_REPLAYED).fetchall()
    return count


_MARK_REPLAYED = "UPDATE rejected_message SET replayed_at = clock_timestamp() WHERE id = ANY (%s)"


def mark_replayed(connection: Connection[Row], ids: Sequence[int]) -> None:
    """Notes, inside the transaction that stores their readings, that the messages could be read after all."""
    connection.execute(_MARK_REPLAYED, (list(ids),))


@dataclass(frozen=True, slots=True)
class KeptRejection:
    """A rejected message to look at; `payload_text` shows what is no UTF-8 as U+FFFD."""

    id: int
    topic: str
    payload_text: str
    code: str
    reason: str
    received_at: datetime
    replayed_at: datetime | None


_NEWEST = """
SELECT id, topic, payload, code, reason, received_at, replayed_at FROM rejected_message
WHERE %(before_id)s::bigint IS NULL OR id < %(before_id)s
ORDER BY id DESC LIMIT %(limit)s"""


async def newest(connection: AsyncConnection[Row], *, before_id: int | None, limit: int) -> list[KeptRejection]:
    """Rejected messages, newest first, those older than `before_id` where it is given."""
    rows = await (await connection.execute(_NEWEST, {"before_id": before_id, "limit": limit})).fetchall()
    return [
        KeptRejection(number, topic, payload.decode("utf-8", "replace"), *rest)
        for number, topic, payload, *rest in rows
    ]


_COUNT = "SELECT count(*) FROM rejected_message"


async def count(connection: AsyncConnection[Row]) -> int:
    """How many rejected messages are kept."""
    ((number,),) = await (await connection.execute(_COUNT)).fetchall()
    return number
