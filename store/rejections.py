"""Turns an owner's filter into rejected messages to look at, to be read again by ingest, or to be thrown away."""

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from psycopg import AsyncConnection
from psycopg.rows import class_row

from metering.access import Viewer
from store.connections import Row
from store.rejected import EVERYTHING, MATCHING, RejectionFilter

MOST_AT_ONCE = 100_000
"""How many messages one replay asks for at the most; the oldest ones."""

_DISCARDED_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class KeptRejection:
    """A rejected message to look at; `payload_text` shows what is no UTF-8 as U+FFFD.

    It came `times` times: first at `received_at`, last at `last_received_at`. `is_cut`: only the payload's beginning
    was kept. `tried_at` is when it was last read again in vain.
    """

    id: int
    topic: str
    payload_text: str
    code: str
    reason: str
    received_at: datetime
    replayed_at: datetime | None
    times: int
    last_received_at: datetime
    is_cut: bool
    tried_at: datetime | None
    is_waiting: bool


_NEWEST: LiteralString = f"""
SELECT id, topic, payload, code, reason, received_at, replayed_at, times,
       coalesce(last_received_at, received_at), is_cut, tried_at, replay_asked_at IS NOT NULL
FROM rejected_message
WHERE (%(before_id)s::bigint IS NULL OR id < %(before_id)s) AND {MATCHING}
ORDER BY id DESC LIMIT %(limit)s"""


async def newest(
    connection: AsyncConnection[Row], *, before_id: int | None, limit: int, which: RejectionFilter = EVERYTHING
) -> list[KeptRejection]:
    """Rejected messages, newest first, those older than `before_id` where it is given."""
    parameters = {"before_id": before_id, "limit": limit, **which.parameters()}
    rows = await (await connection.execute(_NEWEST, parameters)).fetchall()
    return [
        KeptRejection(number, topic, payload.decode("utf-8", "replace"), *rest)
        for number, topic, payload, *rest in rows
    ]


_COUNT: LiteralString = f"SELECT count(*) FROM rejected_message WHERE {MATCHING}"


async def count(connection: AsyncConnection[Row], *, which: RejectionFilter = EVERYTHING) -> int:
    """How many rejected messages are kept."""
    ((number,),) = await (await connection.execute(_COUNT, which.parameters())).fetchall()
    return number


@dataclass(frozen=True, slots=True)
class RejectionGroup:
    """The rejected messages of one topic that have one code; `newest_*` are those of the newest."""

    code: str
    topic: str
    message_count: int
    times: int
    oldest_at: datetime
    newest_at: datetime
    newest_id: int
    newest_reason: str


_GROUPS: LiteralString = f"""
WITH total AS (
    SELECT code, topic, count(*) AS message_count, sum(times) AS times, min(received_at) AS oldest_at,
           max(coalesce(last_received_at, received_at)) AS newest_at, max(id) AS newest_id
    FROM rejected_message WHERE {MATCHING} GROUP BY code, topic
)
SELECT total.*, newest.reason AS newest_reason FROM total JOIN rejected_message AS newest ON newest.id = newest_id
WHERE %(before_id)s::bigint IS NULL OR newest_id < %(before_id)s
ORDER BY newest_id DESC LIMIT %(limit)s"""


async def groups(
    connection: AsyncConnection[Row], *, before_id: int | None, limit: int, which: RejectionFilter
) -> list[RejectionGroup]:
    """The rejected messages by code and topic, those of the newest message first."""
    async with connection.cursor(row_factory=class_row(RejectionGroup)) as cursor:
        await cursor.execute(_GROUPS, {"before_id": before_id, "limit": limit, **which.parameters()})
        return await cursor.fetchall()


_COUNT_GROUPS: LiteralString = f"""
SELECT count(*) FROM (SELECT DISTINCT code, topic FROM rejected_message WHERE {MATCHING}) AS topic_and_code"""


async def group_count(connection: AsyncConnection[Row], *, which: RejectionFilter) -> int:
    """How many groups there are."""
    ((number,),) = await (await connection.execute(_COUNT_GROUPS, which.parameters())).fetchall()
    return number


@dataclass(frozen=True, slots=True)
class Replay:
    """How far somebody's wish is that messages be read again.

    Of `message_count` messages `stored_count` could be read, `rejected_count` could not, and `waiting_count` were not
    tried yet; what was thrown away meanwhile is in none of them.
    """

    id: int
    asked_at: datetime
    message_count: int
    stored_count: int
    rejected_count: int
    waiting_count: int


_ASK: LiteralString = f"""
WITH replay AS (
    INSERT INTO rejected_replay (account_id) VALUES (%(account_id)s) RETURNING id, asked_at
), asked AS (
    UPDATE rejected_message SET replay_asked_at = now(), replay_id = (SELECT id FROM replay)
    WHERE id IN (SELECT id FROM rejected_message
                 WHERE replayed_at IS NULL AND replay_asked_at IS NULL AND NOT is_cut AND {MATCHING}
                 ORDER BY id LIMIT %(most)s)
    RETURNING 1
)
SELECT id, asked_at, (SELECT count(*) FROM asked) FROM replay"""

_COUNT_ASKED = """
UPDATE rejected_replay SET message_count = %s WHERE id = %s
RETURNING pg_notify('ingest_control', '')"""


async def ask_for_replay(connection: AsyncConnection[Row], viewer: Viewer, *, which: RejectionFilter) -> Replay:
    """Asks ingest to read messages again and answers how far it is: nothing yet.

    Left out are those that were replayed, that wait already, and of which only the beginning was kept.
    """
    parameters = {"account_id": viewer.account_id, "most": MOST_AT_ONCE, **which.parameters()}
    async with connection.transaction():
        ((number, asked_at, asked),) = await (await connection.execute(_ASK, parameters)).fetchall()
        await connection.execute(_COUNT_ASKED, (asked, number))
    return Replay(number, asked_at, message_count=asked, stored_count=0, rejected_count=0, waiting_count=asked)


_REPLAY = """
SELECT id, asked_at, message_count, stored_count, rejected_count,
       (SELECT count(*) FROM rejected_message
        WHERE replay_id = rejected_replay.id AND replay_asked_at IS NOT NULL) AS waiting_count
FROM rejected_replay WHERE id = %s"""


async def replay(connection: AsyncConnection[Row], number: int) -> Replay | None:
    """How far a replay is; None when there is none of that number."""
    async with connection.cursor(row_factory=class_row(Replay)) as cursor:
        await cursor.execute(_REPLAY, (number,))
        return await cursor.fetchone()


_NEWEST_ID = "SELECT max(id) FROM rejected_message"

_DISCARD: LiteralString = f"""
DELETE FROM rejected_message WHERE id IN (
    SELECT id FROM rejected_message WHERE id <= %(newest_id)s AND {MATCHING}
    ORDER BY id LIMIT %(most)s FOR UPDATE SKIP LOCKED)"""


async def discard(connection: AsyncConnection[Row], *, which: RejectionFilter) -> int:
    """Throws the messages away, some thousand at a time, and returns how many they were.

    Those that come meanwhile stay: a device that repeats a fault would keep it going for ever.
    """
    ((newest_id,),) = await (await connection.execute(_NEWEST_ID)).fetchall()
    parameters = {"most": _DISCARDED_AT_ONCE, "newest_id": newest_id, **which.parameters()}
    discarded = 0
    while gone := (await connection.execute(_DISCARD, parameters)).rowcount:
        discarded += gone
    return discarded
