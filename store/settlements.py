"""Lets one transaction at a time decide on a payment, and keeps what was decided."""

from datetime import datetime
from decimal import Decimal
from typing import LiteralString

from psycopg import AsyncConnection

from metering.money import Money
from metering.payments import PaymentProvider, PaymentState
from store.connections import Row
from store.payments import PAYMENT_COLUMNS, Payment, payment_of

_LOCK: LiteralString = f"""
SELECT {PAYMENT_COLUMNS}
FROM payment
LEFT JOIN panel ON panel.id = payment.panel_id
WHERE payment.provider = %(provider)s AND payment.reference = %(reference)s AND NOT payment.is_repeated
FOR UPDATE OF payment
"""


async def lock(connection: AsyncConnection[Row], *, provider: PaymentProvider, reference: str) -> Payment | None:
    """The payment of a reference, which nobody else may change until the transaction ends; None when there is none."""
    parameters = {"provider": provider.value, "reference": reference}
    row = await (await connection.execute(_LOCK, parameters, binary=True)).fetchone()
    return payment_of(row) if row else None


# Money that bought nothing is what is given back first, then what fits.
_LOCK_REFUNDED: LiteralString = f"""
SELECT {PAYMENT_COLUMNS}
FROM payment
LEFT JOIN panel ON panel.id = payment.panel_id
WHERE payment.provider = %(provider)s AND payment.reference = %(reference)s
ORDER BY payment.state = 'REFUNDED',
         payment.refunded_amount + %(amount)s <= coalesce(payment.paid_amount, payment.asked_amount)
         AND coalesce(payment.paid_currency, payment.asked_currency) = %(currency)s DESC,
         payment.state IN ('UNMATCHED', 'DISMISSED') DESC, payment.is_repeated, payment.id
LIMIT 1
FOR UPDATE OF payment
"""


async def lock_refunded(
    connection: AsyncConnection[Row], *, provider: PaymentProvider, reference: str, refund: Money
) -> Payment | None:
    """Which payment a refund is of, where a reference was paid more than once; held until the transaction ends.

    Lock the reference's own payment before.
    """
    parameters = {
        "provider": provider.value,
        "reference": reference,
        "amount": refund.amount,
        "currency": refund.currency,
    }
    row = await (await connection.execute(_LOCK_REFUNDED, parameters, binary=True)).fetchone()
    return payment_of(row) if row else None


_IS_TOLD: LiteralString = "SELECT FROM payment WHERE provider = %(provider)s AND provider_id = %(provider_id)s"


async def is_told(connection: AsyncConnection[Row], *, provider: PaymentProvider, provider_id: str) -> bool:
    """Whether a transaction of the provider is known, by whatever reference."""
    parameters = {"provider": provider.value, "provider_id": provider_id}
    return await (await connection.execute(_IS_TOLD, parameters)).fetchone() is not None


_LOCK_BY_ID: LiteralString = f"""
SELECT {PAYMENT_COLUMNS}
FROM payment
LEFT JOIN panel ON panel.id = payment.panel_id
WHERE payment.id = %(payment_id)s
FOR UPDATE OF payment
"""


async def lock_by_id(connection: AsyncConnection[Row], payment_id: int) -> Payment | None:
    """The payment, held until the transaction ends; None when there is none."""
    row = await (await connection.execute(_LOCK_BY_ID, {"payment_id": payment_id}, binary=True)).fetchone()
    return payment_of(row) if row else None


_ADD_PAID: LiteralString = """
INSERT INTO payment (provider, reference, provider_id, is_repeated, state, reason, paid_amount, paid_currency,
                     created_at, paid_at)
VALUES (%(provider)s, %(reference)s, %(provider_id)s, %(is_repeated)s, 'UNMATCHED', %(reason)s, %(amount)s,
        %(currency)s, %(now)s, %(now)s)
ON CONFLICT DO NOTHING
RETURNING id
"""


async def add_unmatched(
    connection: AsyncConnection[Row],
    *,
    provider: PaymentProvider,
    reference: str,
    provider_id: str,
    paid: Money,
    reason: str,
    now: datetime,
    is_repeated: bool,
) -> int | None:
    """Keeps money that came without being asked for; None when it is there, or its reference is, since a moment."""
    parameters = {
        "provider": provider.value,
        "reference": reference,
        "provider_id": provider_id,
        "is_repeated": is_repeated,
        "reason": reason,
        "amount": paid.amount,
        "currency": paid.currency,
        "now": now,
    }
    row = await (await connection.execute(_ADD_PAID, parameters)).fetchone()
    return row[0] if row else None


_PAID: LiteralString = """
UPDATE payment SET provider_id = %(provider_id)s, paid_amount = %(amount)s, paid_currency = %(currency)s,
                   paid_at = %(now)s, state = CASE WHEN state = 'REFUNDED' THEN state ELSE 'UNMATCHED' END,
                   reason = CASE WHEN state = 'REFUNDED' THEN reason ELSE 'TAKEN' END
WHERE id = %(payment_id)s
"""


async def record_paid(
    connection: AsyncConnection[Row], payment_id: int, *, provider_id: str, paid: Money, now: datetime
) -> None:
    """Notes that the money came; it is unmatched until it is settled, and stays refunded where it was given back."""
    parameters = {
        "payment_id": payment_id,
        "provider_id": provider_id,
        "amount": paid.amount,
        "currency": paid.currency,
        "now": now,
    }
    await connection.execute(_PAID, parameters)


_SETTLED: LiteralString = """
UPDATE payment SET state = 'PAID', reason = NULL, settled_at = %(now)s, ledger_entry_id = %(ledger_entry_id)s,
                   panel_id = %(panel_id)s, account_id = coalesce(account_id, %(account_id)s)
WHERE id = %(payment_id)s AND state = 'UNMATCHED'
"""


async def record_settled(
    connection: AsyncConnection[Row],
    payment_id: int,
    *,
    panel_id: int,
    account_id: int | None,
    ledger_entry_id: int | None,
    now: datetime,
) -> None:
    """Notes which panel got it, and the ledger's row; None when it went to the vendor."""
    parameters = {
        "payment_id": payment_id,
        "panel_id": panel_id,
        "account_id": account_id,
        "ledger_entry_id": ledger_entry_id,
        "now": now,
    }
    await connection.execute(_SETTLED, parameters)


_STATE: LiteralString = """
UPDATE payment SET state = %(state)s, reason = %(reason)s, settled_at = coalesce(%(settled_at)s, settled_at)
WHERE id = %(payment_id)s
"""


async def record_state(
    connection: AsyncConnection[Row],
    payment_id: int,
    *,
    state: PaymentState,
    reason: str | None,
    settled_at: datetime | None = None,
) -> None:
    """Notes a payment's state, and why it is so."""
    parameters = {"payment_id": payment_id, "state": state.value, "reason": reason, "settled_at": settled_at}
    await connection.execute(_STATE, parameters)


_REFUND: LiteralString = """
UPDATE payment SET refunded_amount = refunded_amount + %(amount)s WHERE id = %(payment_id)s RETURNING refunded_amount
"""


async def add_refund(connection: AsyncConnection[Row], payment_id: int, *, amount: Decimal) -> Decimal:
    """Notes that so much was given back, and returns how much that is in all."""
    cursor = await connection.execute(_REFUND, {"payment_id": payment_id, "amount": amount})
    ((total,),) = await cursor.fetchall()
    return total
