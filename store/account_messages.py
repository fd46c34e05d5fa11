"""Keeps mail and text messages about accounts on their way out: written with the act, sent by one worker at a time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from metering.contacts import Channel, Contact
from store.connections import Row

CHANNEL: Final = "message"
"""On which new messages are announced."""

MAX_ERROR_LENGTH: Final = 200

KEPT_FOR: Final = timedelta(days=2)
"""How long news of an account is worth sending."""


class MessageKind(Enum):
    """What a message says; `details` hold the words in brackets."""

    SIGN_UP_CODE = "SIGN_UP_CODE"  # code
    LOG_IN_CODE = "LOG_IN_CODE"  # code
    RESET_CODE = "RESET_CODE"  # code
    CONTACT_CODE = "CONTACT_CODE"  # code
    CONFIRM_CODE = "CONFIRM_CODE"  # code
    ALREADY_SIGNED_UP = "ALREADY_SIGNED_UP"
    PASSWORD_CHANGED = "PASSWORD_CHANGED"  # noqa: S105 - a kind, not a secret
    CONTACT_CHANGED = "CONTACT_CHANGED"  # masked
    RECOVERY_CODE_USED = "RECOVERY_CODE_USED"  # left
    SECOND_FACTOR_ON = "SECOND_FACTOR_ON"
    SECOND_FACTOR_OFF = "SECOND_FACTOR_OFF"
    NEW_API_KEY = "NEW_API_KEY"  # prefix
    INVITATION = "INVITATION"  # code, inviter, place, expires_on


class MessageState(Enum):
    """What became of a message; NOBODY is one that was meant for nobody, so that asking takes as long."""

    PENDING = "PENDING"
    SENT = "SENT"
    FAILED = "FAILED"
    NOBODY = "NOBODY"


@dataclass(frozen=True, slots=True)
class Message:
    """One message, claimed for its `attempts`-th attempt (from 1); `expires_at` in UTC."""

    id: int
    attempts: int
    contact: Contact = field(repr=False)
    kind: MessageKind
    details: dict[str, Any] = field(repr=False)
    created_at: datetime
    expires_at: datetime


_ADD = """
INSERT INTO account_message (channel, kind, sent_to, details, state, created_at, next_attempt_at, expires_at)
VALUES (%(channel)s, %(kind)s, CASE WHEN %(is_sent)s THEN %(sent_to)s END,
        CASE WHEN %(is_sent)s THEN %(details)s::jsonb END, CASE WHEN %(is_sent)s THEN 'PENDING' ELSE 'NOBODY' END,
        %(now)s, %(now)s, %(expires_at)s)"""


async def add(
    connection: AsyncConnection[Row],
    *,
    to: Contact,
    kind: MessageKind,
    now: datetime,
    expires_at: datetime,
    details: Mapping[str, str] = {},
    is_sent: bool = True,
) -> None:
    """Leaves a message to be sent, in the caller's transaction; after `expires_at` nobody tries any more.

    Not `is_sent` writes as much and sends nothing: nobody learns from the time it takes whether there is an account.
    """
    values = {
        "channel": to.channel.value,
        "kind": kind.value,
        "sent_to": to.address,
        "details": Jsonb(dict(details)),
        "is_sent": is_sent,
        "now": now,
        "expires_at": expires_at,
    }
    await connection.execute(_ADD, values)


_EXPIRE = """
UPDATE account_message SET state = 'FAILED', details = NULL, sent_to = NULL,
       last_error = concat_ws('; ', 'too old to be sent', last_error)
WHERE state = 'PENDING' AND expires_at <= %(now)s"""


async def expire(connection: AsyncConnection[Row], *, now: datetime) -> None:
    """Gives up, and erases, what is of no use any more."""
    await connection.execute(_EXPIRE, {"now": now})


# The claim is a lease, as in store.outbox: no transaction stays open while somebody else's server answers.
_CLAIM = """
WITH due AS (
    SELECT id FROM account_message
    WHERE state = 'PENDING' AND next_attempt_at <= %(now)s AND expires_at > %(now)s AND channel = ANY (%(channels)s)
    ORDER BY next_attempt_at, id LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
UPDATE account_message SET attempts = attempts + 1, next_attempt_at = %(leased_until)s
FROM due WHERE account_message.id = due.id
RETURNING account_message.id, attempts, channel, sent_to, kind, details, created_at, expires_at"""


async def claim(
    connection: AsyncConnection[Row], *, channels: frozenset[Channel], now: datetime, leased_until: datetime, limit: int
) -> list[Message]:
    """Up to `limit` messages of the channels that are due, for this caller alone until `leased_until`."""
    names = [channel.value for channel in channels]
    values = {"now": now, "leased_until": leased_until, "limit": limit, "channels": names}
    rows = await (await connection.execute(_CLAIM, values)).fetchall()
    return [_message(row) for row in rows]


def _message(row: Row) -> Message:
    message_id, attempts, channel, sent_to, kind, details, created_at, expires_at = row
    contact = Contact(Channel(channel), sent_to)
    return Message(message_id, attempts, contact, MessageKind(kind), details, created_at, expires_at)


_END = """
UPDATE account_message SET state = %(state)s, details = NULL, sent_to = NULL, last_error = %(error)s
WHERE id = %(id)s AND state = 'PENDING'"""
_RETRY = """
UPDATE account_message SET next_attempt_at = %(next_attempt_at)s, last_error = %(error)s
WHERE id = %(id)s AND state = 'PENDING'"""


async def record_sent(connection: AsyncConnection[Row], message_id: int) -> None:
    """Notes that the message was handed over, and erases what it said and to whom."""
    await connection.execute(_END, {"id": message_id, "state": MessageState.SENT.value, "error": None})


async def record_failed(connection: AsyncConnection[Row], message_id: int, *, reason: str) -> None:
    """Notes that the message will not be sent, and erases what it said and to whom."""
    values = {"id": message_id, "state": MessageState.FAILED.value, "error": reason[:MAX_ERROR_LENGTH]}
    await connection.execute(_END, values)


async def record_retry(
    connection: AsyncConnection[Row], message_id: int, *, next_attempt_at: datetime, reason: str
) -> None:
    """Notes why the attempt failed and when the next one is due."""
    values = {"id": message_id, "next_attempt_at": next_attempt_at, "error": reason[:MAX_ERROR_LENGTH]}
    await connection.execute(_RETRY, values)


_NEXT_DUE = "SELECT min(next_attempt_at) FROM account_message WHERE state = 'PENDING' AND next_attempt_at > %(now)s"


async def next_due_at(connection: AsyncConnection[Row], *, now: datetime) -> datetime | None:
    """When after `now` a message is due; None when none is."""
    row = await (await connection.execute(_NEXT_DUE, {"now": now})).fetchone()
    return row[0] if row else None


_BY_STATE = "SELECT state, count(*) FROM account_message GROUP BY state"


async def by_state(connection: AsyncConnection[Row]) -> dict[MessageState, int]:
    """How many messages of the last day there are in each state."""
    counted = dict.fromkeys(MessageState, 0)
    rows = await (await connection.execute(_BY_STATE)).fetchall()
    return counted | {MessageState(state): count for state, count in rows}


_REMOVE_OLD = "DELETE FROM account_message WHERE created_at < %(until)s AND state <> 'PENDING'"


async def remove_old(connection: AsyncConnection[Row], *, until: datetime) -> None:
    """Forgets what became of messages from before an instant."""
    await connection.execute(_REMOVE_OLD, {"until": until})
