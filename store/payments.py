"""Keeps what people start to pay through a provider, and shows what became of it to who sees its panel."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import LiteralString

from psycopg import AsyncConnection

from metering.access import Viewer
from metering.money import Money
from metering.payments import PaymentProvider, PaymentState
from store.connections import Row
from store.scope import scope


@dataclass(frozen=True, slots=True)
class Payment:
    """What was, or is to be, paid by a reference; instants in UTC.

    `asked` is what we asked for, None where the reference is none of ours; `paid` what came, None before. `reason` is a
    code: why it is UNMATCHED, or what an admin has to look at.
    """

    id: int
    provider: PaymentProvider
    reference: str
    provider_id: str | None
    state: PaymentState
    reason: str | None
    panel_id: int | None
    panel_code: str | None
    account_id: int | None
    asked: Money | None
    paid: Money | None
    refunded_amount: Decimal
    ledger_entry_id: int | None
    started_at: datetime
    paid_at: datetime | None
    settled_at: datetime | None

    @property
    def left(self) -> Money | None:
        """What was paid and not given back; None before."""
        return self.paid and Money(self.paid.amount - self.refunded_amount, self.paid.currency)


PAYMENT_COLUMNS: LiteralString = """payment.id, payment.provider, payment.reference, payment.provider_id, payment.state,
       payment.reason, payment.panel_id, panel.code, payment.account_id, payment.asked_amount, payment.asked_currency,
       payment.paid_amount, payment.paid_currency, payment.refunded_amount, payment.ledger_entry_id,
       payment.created_at, payment.paid_at, payment.settled_at"""
"""What `payment_of` is made of, of rows `payment` and `panel`."""


def payment_of(row: Row) -> Payment:
    """The payment of PAYMENT_COLUMNS."""
    number, provider, reference, provider_id, state, reason, panel_id, panel_code, account_id, *others = row
    asked_amount, asked_currency, paid_amount, paid_currency, *rest = others
    return Payment(
        number,
        PaymentProvider(provider),
        reference,
        provider_id,
        PaymentState(state),
        reason,
        panel_id,
        panel_code,
        account_id,
        None if asked_amount is None else Money(asked_amount, asked_currency),
        None if paid_amount is None else Money(paid_amount, paid_currency),
        *rest,
    )


_START: LiteralString = """
INSERT INTO payment (provider, reference, panel_id, account_id, asked_amount, asked_currency, idempotency_key,
                     created_at)
VALUES (%(provider)s, %(reference)s, %(panel_id)s, %(account_id)s, %(amount)s, %(currency)s, %(idempotency_key)s,
        %(now)s)
ON CONFLICT DO NOTHING
RETURNING id
"""


async def start(
    connection: AsyncConnection[Row],
    *,
    viewer: Viewer,
    provider: PaymentProvider,
    reference: str,
    panel_id: int,
    asked: Money,
    idempotency_key: str,
    now: datetime,
) -> int | None:
    """Gives a reference out, and returns the payment's id; None, and nothing changed, when the key was used before."""
    parameters = {
        "provider": provider.value,
        "reference": reference,
        "panel_id": panel_id,
        "account_id": viewer.account_id,
        "amount": asked.amount,
        "currency": asked.currency,
        "idempotency_key": idempotency_key,
        "now": now,
    }
    row = await (await connection.execute(_START, parameters)).fetchone()
    return row[0] if row else None


_OPEN_SINCE: LiteralString = """
SELECT count(*)::integer FROM payment
WHERE account_id = %(viewer_id)s AND state = 'STARTED' AND created_at > %(since)s
"""


async def open_since(connection: AsyncConnection[Row], *, viewer: Viewer, since: datetime) -> int:
    """How many payments the viewer has started since then of which nothing was heard."""
    cursor = await connection.execute(_OPEN_SINCE, {"viewer_id": viewer.account_id, "since": since})
    ((found,),) = await cursor.fetchall()
    return found


_SEEN: LiteralString = f"""
SELECT {PAYMENT_COLUMNS}
FROM payment
LEFT JOIN panel_in_time(%(viewer_id)s, %(sees_all)s) AS panel
       ON panel.id = payment.panel_id AND payment.created_at >= panel.since AND payment.created_at < panel.until
WHERE (panel.id IS NOT NULL OR %(sees_all)s)"""

_BY_KEY: LiteralString = f"""{_SEEN}
  AND payment.account_id = %(viewer_id)s AND payment.idempotency_key = %(idempotency_key)s
"""

_KEY_IS_USED: LiteralString = """
SELECT FROM payment WHERE account_id = %(viewer_id)s AND idempotency_key = %(idempotency_key)s
"""


@dataclass(frozen=True, slots=True)
class PaymentKeyUse:
    """What the viewer started with a key before; None once they have lost sight of its panel."""

    payment: Payment | None


async def use_of_key(connection: AsyncConnection[Row], *, viewer: Viewer, idempotency_key: str) -> PaymentKeyUse | None:
    """What the viewer used that key for; None for a new one."""
    parameters = {**scope(viewer), "idempotency_key": idempotency_key}
    row = await (await connection.execute(_BY_KEY, parameters, binary=True)).fetchone()
    if row:
        return PaymentKeyUse(payment_of(row))
    is_used = await (await connection.execute(_KEY_IS_USED, parameters)).fetchone()
    return PaymentKeyUse(None) if is_used is not None else None


_BY_REFERENCE: LiteralString = f"""{_SEEN}
  AND payment.reference = %(reference)s AND NOT payment.is_repeated
"""


async def by_reference(connection: AsyncConnection[Row], *, viewer: Viewer, reference: str) -> Payment | None:
    """The payment of a reference; None when there is none for the viewer."""
    parameters = {**scope(viewer), "reference": reference}
    row = await (await connection.execute(_BY_REFERENCE, parameters, binary=True)).fetchone()
    return payment_of(row) if row else None


_PAGE: LiteralString = f"""
SELECT {PAYMENT_COLUMNS}
FROM payment
LEFT JOIN managed_panel(%(viewer_id)s, %(sees_all)s) AS panel ON panel.id = payment.panel_id
WHERE (panel.id IS NOT NULL OR %(sees_all)s)
  AND (%(states)s::text[] IS NULL OR payment.state = ANY(%(states)s))
  AND (%(before_id)s::bigint IS NULL OR payment.id < %(before_id)s)
ORDER BY payment.id DESC
LIMIT %(limit)s
"""

_COUNT: LiteralString = """
SELECT count(*)::integer
FROM payment
LEFT JOIN managed_panel(%(viewer_id)s, %(sees_all)s) AS panel ON panel.id = payment.panel_id
WHERE (panel.id IS NOT NULL OR %(sees_all)s) AND (%(states)s::text[] IS NULL OR payment.state = ANY(%(states)s))
"""


async def page(
    connection: AsyncConnection[Row],
    *,
    viewer: Viewer,
    states: Sequence[PaymentState] | None,
    before_id: int | None,
    limit: int,
) -> tuple[list[Payment], int]:
    """Up to `limit` payments in these states, newest first, those before that id; and how many there are in all.

    Those for panels that the viewer acts for; who sees everything sees those for no panel, too.
    """
    wanted = None if states is None else [state.value for state in states]
    parameters = {**scope(viewer), "states": wanted}
    place = {"before_id": before_id, "limit": limit}
    rows = await (await connection.execute(_PAGE, {**parameters, **place}, binary=True)).fetchall()
    ((total,),) = await (await connection.execute(_COUNT, parameters)).fetchall()
    return [payment_of(row) for row in rows], total


_BY_STATE: LiteralString = "SELECT state, count(*)::integer FROM payment GROUP BY state"


async def by_state(connection: AsyncConnection[Row]) -> dict[PaymentState, int]:
    """How many payments there are in each state, those with none included."""
    found = dict(await (await connection.execute(_BY_STATE)).fetchall())
    return {state: found.get(state.value, 0) for state in PaymentState}
