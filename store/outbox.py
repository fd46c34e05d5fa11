"""Keeps messages on their way out: written with the alert, claimed by one worker at a time, sent or given up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from psycopg import AsyncConnection
from psycopg.rows import class_row

from store.connections import Row

_ADD = """
INSERT INTO outbox (alert_id, push_device_id, next_attempt_at)
SELECT %(alert_id)s, id, %(now)s FROM push_device WHERE account_id = %(account_id)s
ON CONFLICT (alert_id, push_device_id) DO NOTHING"""

_CANCEL = """
UPDATE outbox SET state = 'FAILED', last_error = 'the alert was cleared first'
WHERE alert_id = ANY(%(alert_ids)s) AND state = 'PENDING'"""

_EXPIRE = """
UPDATE outbox SET state = 'FAILED', last_error = concat_ws('; ', 'too old to be sent', last_error)
FROM alert
WHERE alert.id = outbox.alert_id AND outbox.state = 'PENDING' AND alert.raised_at < %(raised_before)s"""

# The claim is a lease: whoever takes a row moves its next attempt past the time that sending can take, and commits.
# No transaction stays open while the push service answers, and a worker that dies only delays its rows.
_CLAIM = """
WITH due AS (
    SELECT outbox.id
    FROM outbox
    JOIN alert ON alert.id = outbox.alert_id
    JOIN account ON account.id = alert.account_id
    JOIN push_device AS device ON device.id = outbox.push_device_id AND device.account_id = alert.account_id
    WHERE outbox.state = 'PENDING' AND outbox.next_attempt_at <= %(now)s
      AND EXISTS (SELECT FROM visible_panel(account.id, account.role = 'ADMIN') WHERE id = alert.panel_id)
    ORDER BY outbox.next_attempt_at, outbox.id
    LIMIT %(limit)s
    FOR UPDATE OF outbox SKIP LOCKED
)
UPDATE outbox SET attempts = outbox.attempts + 1, next_attempt_at = %(leased_until)s
FROM due, alert, panel, push_device AS device
WHERE outbox.id = due.id AND alert.id = outbox.alert_id AND panel.id = alert.panel_id
  AND device.id = outbox.push_device_id
RETURNING outbox.id, outbox.attempts, device.id AS push_device_id, device.token, alert.id AS alert_id,
          panel.code AS panel_code, panel.name AS panel_name, alert.message, alert.balance_kwh, alert.days_left,
          alert.raised_at"""

_SENT = """
UPDATE outbox SET state = 'SENT', provider_id = %(provider_id)s, sent_at = %(now)s, last_error = NULL
WHERE id = %(outbox_id)s"""

_RETRY = """
UPDATE outbox SET next_attempt_at = %(next_attempt_at)s, last_error = %(reason)s
WHERE id = %(outbox_id)s AND state = 'PENDING'"""

_FAILED = """
UPDATE outbox SET state = 'FAILED', last_error = %(reason)s
WHERE id = %(outbox_id)s AND state = 'PENDING'"""

_NEXT_DUE = "SELECT min(next_attempt_at) FROM outbox WHERE state = 'PENDING' AND next_attempt_at > %(now)s"

MAX_REASON_LENGTH = 500


@dataclass(frozen=True, slots=True)
class Push:
    """One message for one device, claimed for its `attempts`-th attempt (from 1)."""

    id: int
    attempts: int
    push_device_id: int
    token: str
    alert_id: int
    panel_code: str
    panel_name: str
    message: str
    balance_kwh: Decimal
    days_left: float | None
    raised_at: datetime


async def add(connection: AsyncConnection[Row], *, alert_id: int, account_id: int, now: datetime) -> None:
    """One message for each of the account's devices, due now."""
    await connection.execute(_ADD, {"alert_id": alert_id, "account_id": account_id, "now": now})


async def cancel(connection: AsyncConnection[Row], alert_ids: Sequence[int]) -> None:
    """Gives up what was not sent yet of alerts whose reason is gone."""
    await connection.execute(_CANCEL, {"alert_ids": list(alert_ids)})


async def expire(connection: AsyncConnection[Row], *, raised_before: datetime) -> None:
    """Gives up messages of alerts that are old news."""
    await connection.execute(_EXPIRE, {"raised_before": raised_before})


async def claim(connection: AsyncConnection[Row], *, now: datetime, leased_until: datetime, limit: int) -> list[Push]:
    """Up to `limit` messages that are due, for this caller alone until `leased_until`.

    A message waits for good while its device has gone to another account or its panel is out of the owner's sight.
    """
    parameters = {"now": now, "leased_until": leased_until, "limit": limit}
    async with connection.cursor(row_factory=class_row(Push)) as cursor:
        return await (await cursor.execute(_CLAIM, parameters)).fetchall()


async def record_sent(connection: AsyncConnection[Row], outbox_id: int, *, provider_id: str, now: datetime) -> None:
    """Notes that the push service took the message, and what it called it."""
    parameters = {"outbox_id": outbox_id, "provider_id": provider_id, "now": now}
    await connection.execute(_SENT, parameters)


async def record_retry(
    connection: AsyncConnection[Row], outbox_id: int, *, next_attempt_at: datetime, reason: str
) -> None:
    """Notes why the attempt failed and when the next one is due."""
    parameters = {
        "outbox_id": outbox_id,
        "next_attempt_at": next_attempt_at,
        "reason": reason[:MAX_REASON_LENGTH],
    }
    await connection.execute(_RETRY, parameters)


async def record_failed(connection: AsyncConnection[Row], outbox_id: int, *, reason: str) -> None:
    """Notes that the message will not be sent, and why."""
    await connection.execute(_FAILED, {"outbox_id": outbox_id, "reason": reason[:MAX_REASON_LENGTH]})


async def next_due_at(connection: AsyncConnection[Row], *, now: datetime) -> datetime | None:
    """When after `now` a message is due; None when none is."""
    row = await (await connection.execute(_NEXT_DUE, {"now": now})).fetchone()
    return row[0] if row else None
