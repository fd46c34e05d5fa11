"""Keeps messages that could not be read, whole and with the reason, and hands them to ingest to be read again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, LiteralString

from psycopg import Connection
from psycopg.rows import class_row

from store.connections import Row

KEPT_PAYLOAD_BYTES: Final = 256 * 1024
"""What is kept of a payload at the most; ingest takes no larger one for a reading."""


REPLAYED_AT_ONCE_BYTES: Final = 16 * 1024 * 1024
"""What the payloads of one page have together at the most, but for the last one."""


@dataclass(frozen=True, slots=True)
class RejectedMessage:
    """A message that is not a reading: as it came, and why; the code is stable, the reason is for people."""

    topic: str
    payload: bytes
    received_at: datetime
    code: str
    reason: str
    is_retained: bool = False


@dataclass(frozen=True, slots=True)
class RejectionFilter:
    """Which rejected messages are meant; None leaves a property open. `since` <= arrival < `until`."""

    ids: Sequence[int] | None = None
    codes: Sequence[str] | None = None
    topic_prefix: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    is_replayed: bool | None = None

    def parameters(self) -> dict[str, Any]:
        """The parameters of MATCHING."""
        return {
            "ids": None if self.ids is None else list(self.ids),
            "codes": None if self.codes is None else list(self.codes),
            "topic_prefix": self.topic_prefix,
            "since": self.since,
            "until": self.until,
            "is_replayed": self.is_replayed,
        }


EVERYTHING: Final = RejectionFilter()

MATCHING: LiteralString = """
    (%(ids)s::bigint[] IS NULL OR id = ANY (%(ids)s))
    AND (%(codes)s::text[] IS NULL OR code = ANY (%(codes)s))
    AND (%(topic_prefix)s::text IS NULL OR starts_with(topic, %(topic_prefix)s))
    AND (%(since)s::timestamptz IS NULL OR received_at >= %(since)s)
    AND (%(until)s::timestamptz IS NULL OR received_at < %(until)s)
    AND (%(is_replayed)s::boolean IS NULL OR (replayed_at IS NOT NULL) = %(is_replayed)s)"""
"""The condition of a RejectionFilter on a row of rejected_message."""


# Writers take turns under the batches' lock, so nobody else puts the same message in between.
_KEEP: LiteralString = """
WITH given AS (
    SELECT fingerprint, count(*) FILTER (WHERE NOT is_retained) AS times, min(received_at) AS received_at,
           max(received_at) FILTER (WHERE NOT is_retained) AS last_received_at, min(place) AS place
    FROM unnest(%(fingerprints)b::bytea[], %(received_at)s::timestamptz[], %(are_retained)s::boolean[])
         WITH ORDINALITY AS came (fingerprint, received_at, is_retained, place)
    GROUP BY fingerprint
), message AS (
    SELECT given.*, came.topic, came.payload, came.is_cut, came.code, came.reason, came.is_retained
    FROM given JOIN unnest(%(topics)s::text[], %(payloads)b::bytea[], %(are_cut)s::boolean[], %(codes)s::text[],
                           %(reasons)s::text[], %(are_retained)s::boolean[]) WITH ORDINALITY
               AS came (topic, payload, is_cut, code, reason, is_retained, place) USING (place)
), again AS (
    UPDATE rejected_message AS kept SET
        times = kept.times + message.times, code = message.code, reason = message.reason,
        last_received_at = greatest(kept.last_received_at, message.last_received_at)
    FROM message
    WHERE kept.fingerprint = message.fingerprint AND kept.replayed_at IS NULL
      AND (message.times = 0 OR kept.received_at > message.received_at - interval '1 day')
    RETURNING kept.fingerprint
)
INSERT INTO rejected_message (topic, payload, is_cut, code, reason, received_at, last_received_at, times, fingerprint,
                              is_retained)
SELECT topic, payload, is_cut, code, reason, received_at, coalesce(last_received_at, received_at),
       greatest(times, 1), fingerprint, is_retained
FROM message WHERE fingerprint NOT IN (SELECT fingerprint FROM again)
ORDER BY place"""


def keep_rejected(connection: Connection[Row], messages: Sequence[RejectedMessage]) -> None:
    """Stores the messages inside the batch's transaction; of a payload, the first 256 KiB.

    The same payload on the same topic within a day after it first came is only counted, with the newest reason. What
    the broker hands over again because it has kept it did not come again: of that, whenever, only the reason is new.
    """
    kept = [message.payload[:KEPT_PAYLOAD_BYTES] for message in messages]
    columns = {
        "fingerprints": [_fingerprint(message) for message in messages],
        "received_at": [message.received_at for message in messages],
        "topics": [storable_text(message.topic) for message in messages],
        "payloads": kept,
        "are_cut": [len(part) < len(message.payload) for part, message in zip(kept, messages, strict=True)],
        "codes": [message.code for message in messages],
        "reasons": [storable_text(message.reason) for message in messages],
        "are_retained": [message.is_retained for message in messages],
    }
    connection.execute(_KEEP, columns)


def _fingerprint(message: RejectedMessage) -> bytes:
    return sha256(message.topic.encode("utf-8", "replace") + b"\0" + message.payload).digest()


def storable_text(text: str) -> str:
    """What Postgres can store of a text: no NUL, no half of a surrogate pair."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


@dataclass(frozen=True, slots=True)
class StoredRejection:
    """A rejected message as it was kept, with its first arrival."""

    id: int
    topic: str
    payload: bytes
    received_at: datetime
    is_retained: bool


# The length of a large payload is known without reading it.
_NOT_REPLAYED: LiteralString = f"""
SELECT id, topic, payload, received_at, is_retained FROM (
    SELECT *, sum(length(payload)) OVER (ORDER BY id) - length(payload) AS bytes_before FROM (
        SELECT * FROM rejected_message
        WHERE replayed_at IS NULL AND id > %(after_id)s AND NOT is_cut AND {MATCHING}
        ORDER BY id LIMIT %(limit)s
    ) AS message
) AS placed WHERE bytes_before < %(most_bytes)s ORDER BY id"""


def not_replayed(
    connection: Connection[Row],
    *,
    after_id: int,
    limit: int,
    most_bytes: int = REPLAYED_AT_ONCE_BYTES,
    which: RejectionFilter = EVERYTHING,
) -> list[StoredRejection]:
    """The rejected messages that were never replayed, oldest first, from the one after `after_id`.

    Those of which only the beginning was kept are left out. The page ends with the payload that reaches `most_bytes`.
    """
    bounds = {"after_id": after_id, "limit": limit, "most_bytes": most_bytes}
    with connection.cursor(row_factory=class_row(StoredRejection)) as cursor:
        cursor.execute(_NOT_REPLAYED, {**bounds, **which.parameters()})
        return cursor.fetchall()


_COUNT_NOT_REPLAYED: LiteralString = f"""
SELECT count(*) FROM rejected_message WHERE replayed_at IS NULL AND {MATCHING}"""


def not_replayed_count(connection: Connection[Row], *, which: RejectionFilter = EVERYTHING) -> int:
    """How many rejected messages were never replayed, those included of which only the beginning was kept."""
    ((count,),) = connection.execute(_COUNT_NOT_REPLAYED, which.parameters()).fetchall()
    return count


_ASKED = """
SELECT id, topic, payload, received_at, is_retained FROM (
    SELECT *, sum(length(payload)) OVER (ORDER BY id) - length(payload) AS bytes_before FROM (
        SELECT * FROM rejected_message WHERE replay_asked_at IS NOT NULL ORDER BY id LIMIT %(limit)s
    ) AS message
) AS placed WHERE bytes_before < %(most_bytes)s ORDER BY id"""


def asked_for_replay(
    connection: Connection[Row], *, limit: int, most_bytes: int = REPLAYED_AT_ONCE_BYTES
) -> list[StoredRejection]:
    """The rejected messages that somebody wants to be read again, oldest first.

    The page ends with the payload that reaches `most_bytes`. Each leaves the list by `mark_replayed` or
    `mark_unreadable`. Askers NOTIFY `ingest_control`.
    """
    with connection.cursor(row_factory=class_row(StoredRejection)) as cursor:
        cursor.execute(_ASKED, {"limit": limit, "most_bytes": most_bytes})
        return cursor.fetchall()


_MARK_REPLAYED = """
WITH asked AS (
    SELECT id, CASE WHEN replay_asked_at IS NOT NULL THEN replay_id END AS replay_id
    FROM rejected_message WHERE id = ANY (%(ids)s) ORDER BY id FOR UPDATE
), counted AS (
    UPDATE rejected_replay SET stored_count = stored_count + done.messages
    FROM (SELECT replay_id, count(*) AS messages FROM asked WHERE replay_id IS NOT NULL GROUP BY 1) AS done
    WHERE rejected_replay.id = done.replay_id
)
UPDATE rejected_message SET replayed_at = clock_timestamp(), replay_asked_at = NULL
FROM asked WHERE rejected_message.id = asked.id"""


def mark_replayed(connection: Connection[Row], ids: Sequence[int]) -> None:
    """Notes, inside the transaction that stores their readings, that the messages could be read after all."""
    connection.execute(_MARK_REPLAYED, {"ids": list(ids)})


_MARK_UNREADABLE = """
WITH asked AS (
    SELECT id, CASE WHEN replay_asked_at IS NOT NULL THEN replay_id END AS replay_id, why.code, why.reason
    FROM rejected_message JOIN unnest(%(ids)s::bigint[], %(codes)s::text[], %(reasons)s::text[])
                               AS why (id, code, reason) USING (id)
    ORDER BY id FOR UPDATE OF rejected_message
), counted AS (
    UPDATE rejected_replay SET rejected_count = rejected_count + done.messages
    FROM (SELECT replay_id, count(*) AS messages FROM asked WHERE replay_id IS NOT NULL GROUP BY 1) AS done
    WHERE rejected_replay.id = done.replay_id
)
UPDATE rejected_message SET tried_at = clock_timestamp(), replay_asked_at = NULL, code = asked.code,
       reason = asked.reason
FROM asked WHERE rejected_message.id = asked.id"""


@dataclass(frozen=True, slots=True)
class StillRejected:
    """Why a rejected message could not be read this time either."""

    id: int
    code: str
    reason: str


def mark_unreadable(connection: Connection[Row], messages: Sequence[StillRejected]) -> None:
    """Notes that the messages were read again in vain, and why now; nobody waits for them any more."""
    columns = {
        "ids": [message.id for message in messages],
        "codes": [message.code for message in messages],
        "reasons": [storable_text(message.reason) for message in messages],
    }
    connection.execute(_MARK_UNREADABLE, columns)
