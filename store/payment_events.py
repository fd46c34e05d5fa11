"""Keeps each event that a payment provider posted, once, and what came of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString

from psycopg import AsyncConnection

from metering.payments import PaymentEvent, PaymentProvider
from store.connections import Row

MAX_KEPT_BYTES: Final = 4096
"""How much is kept of a body that cannot be read."""


@dataclass(frozen=True, slots=True)
class KnownEvent:
    """A body that a provider posted; `is_new` the first time."""

    id: int
    is_new: bool


_EVENT: LiteralString = """
INSERT INTO payment_event (provider, body_sha256, name, reference, provider_id, amount, currency, outcome,
                           unreadable_body, first_received_at, last_received_at)
VALUES (%(provider)s, %(body_sha256)s, %(name)s, %(reference)s, %(provider_id)s, %(amount)s, %(currency)s, 'TAKEN',
        %(unreadable_body)s, %(now)s, %(now)s)
ON CONFLICT (provider, body_sha256) DO UPDATE
    SET times = payment_event.times + 1, last_received_at = excluded.last_received_at
RETURNING id, times = 1
"""


async def keep_event(
    connection: AsyncConnection[Row],
    *,
    provider: PaymentProvider,
    body_sha256: bytes,
    event: PaymentEvent | None,
    unreadable_body: bytes | None,
    now: datetime,
) -> KnownEvent:
    """Keeps what was posted, and holds it until the transaction ends: the same body is worked on once at a time."""
    money = event.money if event else None
    parameters = {
        "provider": provider.value,
        "body_sha256": body_sha256,
        "name": event and event.name,
        "reference": event and event.reference,
        "provider_id": event and event.provider_id,
        "amount": money and money.amount,
        "currency": money and money.currency,
        "unreadable_body": unreadable_body and unreadable_body[:MAX_KEPT_BYTES],
        "now": now,
    }
    ((event_id, is_new),) = await (await connection.execute(_EVENT, parameters)).fetchall()
    return KnownEvent(event_id, is_new)


_END_EVENT: LiteralString = """
UPDATE payment_event SET outcome = %(outcome)s, payment_id = %(payment_id)s WHERE id = %(event_id)s
"""


async def end_event(connection: AsyncConnection[Row], event_id: int, *, outcome: str, payment_id: int | None) -> None:
    """Notes what came of an event."""
    await connection.execute(_END_EVENT, {"event_id": event_id, "outcome": outcome, "payment_id": payment_id})


_WAS_REFUNDED: LiteralString = """
SELECT FROM payment_event
WHERE provider = %(provider)s AND name = %(name)s AND provider_id = %(provider_id)s AND payment_id IS NOT NULL
  AND id <> %(event_id)s AND outcome <> 'REPEATED'
"""


async def was_told(
    connection: AsyncConnection[Row], event_id: int, *, provider: PaymentProvider, event: PaymentEvent
) -> bool:
    """Whether another body told the same of the same thing before."""
    parameters = {
        "provider": provider.value,
        "name": event.name,
        "provider_id": event.provider_id,
        "event_id": event_id,
    }
    return await (await connection.execute(_WAS_REFUNDED, parameters)).fetchone() is not None
