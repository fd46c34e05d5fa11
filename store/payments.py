"""Keeps what people paid through a provider, and each event that the provider posted of it, once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, LiteralString

from psycopg import AsyncConnection

from metering.access import Viewer
from metering.money import Money
from metering.payments import PaymentEvent, PaymentProvider, PaymentState
from store.connections import Row

MAX_KEPT_BYTES: Final = 4096
"""How much is kept of a body that cannot be read."""


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


_COLUMNS: LiteralString = """payment.id, payment.provider, payment.reference, payment.provider_id, payment.state,
       payment.reason, payment.panel_id, panel.code, payment.account_id, payment.asked_amount, payment.asked_currency,
       payment.paid_amount, payment.paid_currency, payment.refunded_amount, payment.ledger_entry_id,
       payment.created_at, payment.paid_at, payment.settled_at"""


def _payment(row: Row) -> Payment:
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
SELECT {_COLUMNS}
FROM payment
LEFT JOIN visible_panel(%(viewer_id)s, %(sees_all)s) AS panel ON panel.id = payment.panel_id
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
    parameters = {**_scope(viewer), "idempotency_key": idempotency_key}
    row = await (await connection.execute(_BY_KEY, parameters, binary=True)).fetchone()
    if row:
        return PaymentKeyUse(_payment(row))
    is_used = await (await connection.execute(_KEY_IS_USED, parameters)).fetchone()
    return PaymentKeyUse(None) if is_used is not None else None


_BY_REFERENCE: LiteralString = f"""{_SEEN}
  AND payment.reference = %(reference)s AND NOT payment.is_repeated
"""


async def by_reference(connection: AsyncConnection[Row], *, viewer: Viewer, reference: str) -> Payment | None:
    """The payment of a reference; None when there is none for the viewer."""
    parameters = {**_scope(viewer), "reference": reference}
    row = await (await connection.execute(_BY_REFERENCE, parameters, binary=True)).fetchone()
    return _payment(row) if row else None


_PAGE: LiteralString = f"""{_SEEN}
  AND (%(states)s::text[] IS NULL OR payment.state = ANY(%(states)s))
  AND (%(before_id)s::bigint IS NULL OR payment.id < %(before_id)s)
ORDER BY payment.id DESC
LIMIT %(limit)s
"""

_COUNT: LiteralString = """
SELECT count(*)::integer
FROM payment
LEFT JOIN visible_panel(%(viewer_id)s, %(sees_all)s) AS panel ON panel.id = payment.panel_id
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

    Those for visible panels; who sees everything sees those for no panel, too.
    """
    wanted = None if states is None else [state.value for state in states]
    parameters = {**_scope(viewer), "states": wanted}
    place = {"before_id": before_id, "limit": limit}
    rows = await (await connection.execute(_PAGE, {**parameters, **place}, binary=True)).fetchall()
    ((total,),) = await (await connection.execute(_COUNT, parameters)).fetchall()
    return [_payment(row) for row in rows], total


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


_LOCK: LiteralString = f"""
SELECT {_COLUMNS}
FROM payment
LEFT JOIN panel ON panel.id = payment.panel_id
WHERE payment.provider = %(provider)s AND payment.reference = %(reference)s AND NOT payment.is_repeated
FOR UPDATE OF payment
"""


async def lock(connection: AsyncConnection[Row], *, provider: PaymentProvider, reference: str) -> Payment | None:
    """The payment of a reference, which nobody else may change until the transaction ends; None when there is none."""
    parameters = {"provider": provider.value, "reference": reference}
    row = await (await connection.execute(_LOCK, parameters, binary=True)).fetchone()
    return _payment(row) if row else None


_LOCK_PAID: LiteralString = f"""
SELECT {_COLUMNS}
FROM payment
LEFT JOIN panel ON panel.id = payment.panel_id
WHERE payment.provider = %(provider)s AND payment.provider_id = %(provider_id)s
FOR UPDATE OF payment
"""


async def lock_paid(connection: AsyncConnection[Row], *, provider: PaymentProvider, provider_id: str) -> Payment | None:
    """The payment of a provider's own number, held until the transaction ends; None when there is none."""
    parameters = {"provider": provider.value, "provider_id": provider_id}
    row = await (await connection.execute(_LOCK_PAID, parameters, binary=True)).fetchone()
    return _payment(row) if row else None


_LOCK_BY_ID: LiteralString = f"""
SELECT {_COLUMNS}
FROM payment
LEFT JOIN panel ON panel.id = payment.panel_id
WHERE payment.id = %(payment_id)s
FOR UPDATE OF payment
"""


async def lock_by_id(connection: AsyncConnection[Row], payment_id: int) -> Payment | None:
    """The payment, held until the transaction ends; None when there is none."""
    row = await (await connection.execute(_LOCK_BY_ID, {"payment_id": payment_id}, binary=True)).fetchone()
    return _payment(row) if row else None


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


_BY_STATE: LiteralString = "SELECT state, count(*)::integer FROM payment GROUP BY state"


async def by_state(connection: AsyncConnection[Row]) -> dict[PaymentState, int]:
    """How many payments there are in each state, those with none included."""
    found = dict(await (await connection.execute(_BY_STATE)).fetchall())
    return {state: found.get(state.value, 0) for state in PaymentState}


def _scope(viewer: Viewer) -> dict[str, Any]:
    return {"viewer_id": viewer.account_id, "sees_all": viewer.sees_all}
