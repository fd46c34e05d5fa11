"""Turns purchases that are due into one worker's at a time, and keeps how each attempt and each delivery ended."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, LiteralString
from zoneinfo import ZoneInfo

from psycopg import AsyncConnection
from psycopg.rows import class_row

from metering.money import Money
from metering.vending import VendState
from store.connections import Row

MAX_DETAIL_LENGTH: Final = 500


@dataclass(frozen=True, slots=True)
class DueVend:
    """A purchase that a worker has claimed, for its `attempts`-th attempt (from 1) in this state."""

    id: int
    reference: str
    state: str
    attempts: int
    meter_number: str
    amount: Decimal
    currency: str
    requested_at: datetime
    sent_at: datetime | None


# The claim is a lease: it moves the next attempt past the time that one can take, and commits. No transaction stays
# open while the vendor answers, and a worker that dies only delays its rows.
_CLAIM: LiteralString = """
WITH due AS (
    SELECT id FROM vend
    WHERE state IN ('REQUESTED', 'UNKNOWN') AND next_attempt_at <= %(now)s
    ORDER BY next_attempt_at, id
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
UPDATE vend SET attempts = vend.attempts + 1, next_attempt_at = %(leased_until)s
FROM due WHERE vend.id = due.id
RETURNING vend.id, vend.reference, vend.state, vend.attempts, vend.meter_number, vend.amount, vend.currency,
          vend.created_at AS requested_at, vend.sent_at
"""


async def claim(
    connection: AsyncConnection[Row], *, now: datetime, leased_until: datetime, limit: int
) -> list[DueVend]:
    """Up to `limit` purchases that are to be sent or asked about, for this caller alone until `leased_until`."""
    parameters = {"now": now, "leased_until": leased_until, "limit": limit}
    async with connection.cursor(row_factory=class_row(DueVend)) as cursor:
        return await (await cursor.execute(_CLAIM, parameters)).fetchall()


_SENDING: LiteralString = """
UPDATE vend SET state = 'UNKNOWN', sent_at = %(now)s, attempts = 0, next_attempt_at = %(ask_at)s
WHERE id = %(vend_id)s AND state = 'REQUESTED' AND attempts = %(attempts)s
RETURNING id
"""


async def mark_sending(connection: AsyncConnection[Row], vend: DueVend, *, now: datetime, ask_at: datetime) -> bool:
    """Whether the caller may send the request for payment now: of all callers, ever, one may.

    Committed before the request goes out: whatever happens to the worker then, the purchase is UNKNOWN, and the vendor
    is asked about it from `ask_at` on.
    """
    parameters = {"vend_id": vend.id, "attempts": vend.attempts, "now": now, "ask_at": ask_at}
    return await (await connection.execute(_SENDING, parameters)).fetchone() is not None


# The payment first, as refunds do, which take the purchase after it.
_HOLD_PAYMENT: LiteralString = """
SELECT state FROM payment WHERE id = (SELECT payment_id FROM vend WHERE id = %(vend_id)s) FOR UPDATE
"""

# A payment whose purchase failed has bought nothing: an admin decides what becomes of money that was not given back.
_FAILED: LiteralString = """
WITH failed AS (
    UPDATE vend SET state = 'FAILED', reason = %(reason)s, detail = %(detail)s
    WHERE id = %(vend_id)s AND state = %(state)s
    RETURNING payment_id
)
UPDATE payment SET state = CASE state WHEN 'PAID' THEN 'UNMATCHED' ELSE state END,
                   reason = CASE state WHEN 'PAID' THEN 'VEND_FAILED' END,
                   settled_at = CASE WHEN state <> 'PAID' THEN settled_at END
FROM failed WHERE payment.id = failed.payment_id AND payment.state IN ('PAID', 'REFUNDED')
"""

_NOT_SENT: LiteralString = """
UPDATE vend SET state = 'REQUESTED', sent_at = NULL, attempts = %(attempts)s, next_attempt_at = %(again_at)s,
                detail = %(detail)s
WHERE id = %(vend_id)s AND state = 'UNKNOWN' AND sent_at = %(sent_at)s
"""


async def record_not_sent(
    connection: AsyncConnection[Row], vend: DueVend, *, sent_at: datetime, again_at: datetime, detail: str
) -> None:
    """Notes, by who had marked it as sent at that instant, that nothing left this machine; it is sent anew later.

    Unless its payment was given back meanwhile: then it is given up.
    """
    parameters = {
        "vend_id": vend.id,
        "attempts": vend.attempts,
        "sent_at": sent_at,
        "again_at": again_at,
        "detail": _cut(detail),
    }
    async with connection.transaction():
        held = await (await connection.execute(_HOLD_PAYMENT, {"vend_id": vend.id})).fetchone()
        await connection.execute(_NOT_SENT, parameters)
        if held == ("REFUNDED",):
            await connection.execute(_FAILED, {**parameters, "state": "REQUESTED", "reason": "REFUNDED"})


_LATER: LiteralString = """
UPDATE vend SET next_attempt_at = %(again_at)s, detail = %(detail)s
WHERE id = %(vend_id)s AND state = %(state)s
"""


async def record_later(
    connection: AsyncConnection[Row], vend_id: int, *, state: VendState, again_at: datetime, detail: str
) -> None:
    """Notes what is known of a purchase that stays in its state, and when to look again."""
    parameters = {"vend_id": vend_id, "state": state.value, "again_at": again_at, "detail": _cut(detail)}
    await connection.execute(_LATER, parameters)


_DELIVERED: LiteralString = """
UPDATE vend SET state = 'DELIVERED', token = %(token)s, units_kwh = %(units_kwh)s, delivered_at = %(now)s,
                vendor_reference = %(vendor_reference)s, attempts = 0, next_attempt_at = %(now)s, detail = NULL,
                reason = CASE WHEN %(units_kwh)s::numeric IS NULL THEN 'NO_UNITS' END
WHERE id = %(vend_id)s AND state = 'UNKNOWN'
RETURNING pg_notify('vend', id::text)
"""


async def record_delivered(
    connection: AsyncConnection[Row],
    vend_id: int,
    *,
    token: str,
    units_kwh: Decimal | None,
    vendor_reference: str | None,
    now: datetime,
) -> None:
    """Keeps the token; nothing changes when an answer came before. Without units a person has to credit it."""
    parameters = {
        "vend_id": vend_id,
        "token": token,
        "units_kwh": units_kwh,
        "vendor_reference": vendor_reference and vendor_reference[:200],
        "now": now,
    }
    await connection.execute(_DELIVERED, parameters)


async def record_failed(
    connection: AsyncConnection[Row], vend_id: int, *, state: VendState, reason: str, detail: str
) -> None:
    """Gives a purchase up that is still in `state`: nothing was bought. What was paid for it is unmatched again."""
    parameters = {"vend_id": vend_id, "state": state.value, "reason": reason, "detail": _cut(detail)}
    async with connection.transaction():
        await connection.execute(_HOLD_PAYMENT, {"vend_id": vend_id})
        await connection.execute(_FAILED, parameters)


_CANCEL: LiteralString = """
UPDATE vend SET state = 'FAILED', reason = %(reason)s
WHERE payment_id = %(payment_id)s AND state = 'REQUESTED'
"""


async def cancel(connection: AsyncConnection[Row], *, payment_id: int, reason: str) -> bool:
    """Gives up what was not sent yet of a payment, and says whether there was any."""
    return (await connection.execute(_CANCEL, {"payment_id": payment_id, "reason": reason})).rowcount > 0


_NEXT_DUE: LiteralString = """
SELECT min(next_attempt_at) FROM vend
WHERE state IN ('REQUESTED', 'UNKNOWN', 'DELIVERED') AND reason IS NULL
"""


async def next_due_at(connection: AsyncConnection[Row]) -> datetime | None:
    """When there is next something to do; None when there is nothing."""
    row = await (await connection.execute(_NEXT_DUE)).fetchone()
    return row[0] if row else None


_UNCREDITED: LiteralString = """
SELECT id FROM vend
WHERE state = 'DELIVERED' AND reason IS NULL AND next_attempt_at <= %(now)s
ORDER BY next_attempt_at, id LIMIT %(limit)s
"""


async def uncredited(connection: AsyncConnection[Row], *, now: datetime, limit: int) -> list[int]:
    """Purchases whose token is not in the ledger yet, the longest waiting first."""
    cursor = await connection.execute(_UNCREDITED, {"now": now, "limit": limit})
    return [vend_id for (vend_id,) in await cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class Delivered:
    """A delivered token, whose units are to be credited to the panel."""

    id: int
    reference: str
    panel_id: int
    panel_code: str
    zone: ZoneInfo
    token: str
    units_kwh: Decimal
    price: Money


_LOCK_DELIVERED: LiteralString = """
SELECT vend.id, vend.reference, vend.panel_id, panel.code, panel.time_zone, vend.token, vend.units_kwh, vend.amount,
       vend.currency
FROM vend JOIN panel ON panel.id = vend.panel_id
WHERE vend.id = %(vend_id)s AND vend.state = 'DELIVERED' AND vend.reason IS NULL
FOR UPDATE OF vend SKIP LOCKED
"""


async def lock_delivered(connection: AsyncConnection[Row], vend_id: int) -> Delivered | None:
    """The purchase, which nobody else may touch until the transaction ends; None when it is done, or being done."""
    row = await (await connection.execute(_LOCK_DELIVERED, {"vend_id": vend_id}, binary=True)).fetchone()
    if row is None:
        return None
    number, reference, panel_id, code, time_zone, token, units_kwh, *price = row
    return Delivered(number, reference, panel_id, code, ZoneInfo(time_zone), token, units_kwh, Money(*price))


_ACCEPTED: LiteralString = """
UPDATE vend SET state = 'ACCEPTED', ledger_entry_id = %(ledger_entry_id)s
WHERE id = %(vend_id)s AND state = 'DELIVERED'
"""


async def record_accepted(connection: AsyncConnection[Row], vend_id: int, *, ledger_entry_id: int) -> None:
    """Notes which row of the ledger holds the units, in that row's transaction."""
    await connection.execute(_ACCEPTED, {"vend_id": vend_id, "ledger_entry_id": ledger_entry_id})


_NOT_CREDITED: LiteralString = """
UPDATE vend SET reason = %(reason)s, detail = %(detail)s WHERE id = %(vend_id)s AND state = 'DELIVERED'
"""


async def record_not_credited(connection: AsyncConnection[Row], vend_id: int, *, reason: str, detail: str) -> None:
    """Notes why the units of a delivered token cannot be credited; a person has to look."""
    await connection.execute(_NOT_CREDITED, {"vend_id": vend_id, "reason": reason, "detail": _cut(detail)})


_HOLDER: LiteralString = """
SELECT entry.id FROM ledger_entry AS entry
JOIN vend ON vend.panel_id = entry.panel_id AND vend.token = entry.token
WHERE vend.id = %(vend_id)s AND NOT EXISTS (SELECT FROM vend AS other WHERE other.ledger_entry_id = entry.id)
"""


async def entry_of_token(connection: AsyncConnection[Row], vend_id: int) -> int | None:
    """The ledger row by which somebody typed in a purchase's token for its own panel; None where nobody did."""
    row = await (await connection.execute(_HOLDER, {"vend_id": vend_id})).fetchone()
    return row[0] if row else None


def _cut(detail: str) -> str:
    return detail.replace("\0", "")[:MAX_DETAIL_LENGTH]
