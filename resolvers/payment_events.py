"""Turns what providers post into settled payments: each once, however often and in whatever order it is told."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from metering.access import THE_SERVICE
from metering.ledger import LedgerSource
from metering.money import Money
from metering.payments import EventKind, PaymentEvent, PaymentProvider, PaymentState, Selling, Unreadable, event_of
from metering.refusals import Refused
from resolvers import settling
from store import audit, ledger, ledger_rows, payment_events, settlements, vend_work
from store.audit import Act, Actor
from store.connections import Database, Pool
from store.payments import Payment


class Outcome(Enum):
    """What came of an event, as it is kept and counted."""

    PAID = "PAID"
    UNMATCHED = "UNMATCHED"
    FAILED = "FAILED"
    REFUNDED = "REFUNDED"
    REPEATED = "REPEATED"
    IGNORED = "IGNORED"
    UNREADABLE = "UNREADABLE"


@dataclass(frozen=True, slots=True)
class _Taken:
    """An event in its transaction."""

    connection: Database
    provider: PaymentProvider
    event: PaymentEvent
    event_id: int
    vendor_currency: str | None
    now: datetime


_End = tuple[Outcome, int | None]
"""What came of an event, and the id of its payment."""


async def take(
    pool: Pool, provider: PaymentProvider, body: bytes, *, selling: Selling, now: Callable[[], datetime]
) -> Outcome:
    """Keeps what a provider posted, whose signature is right, and does what follows from it, in one transaction.

    All is committed when this returns. While the database is away it raises, and the provider posts it again later.
    """
    event, moment = event_of(provider, body), now()
    readable = event if isinstance(event, PaymentEvent) else None
    async with pool.connection() as connection, connection.transaction():
        known = await payment_events.keep_event(
            connection,
            provider=provider,
            body_sha256=hashlib.sha256(body).digest(),
            event=readable,
            unreadable_body=body if isinstance(event, Unreadable) else None,
            now=moment,
        )
        if readable is None:
            outcome, payment_id = Outcome.UNREADABLE, None
        elif not known.is_new:
            return Outcome.REPEATED
        else:
            taken = _Taken(connection, provider, readable, known.id, selling.vendor_currency, moment)
            outcome, payment_id = await _ended(taken)
        await payment_events.end_event(connection, known.id, outcome=outcome.value, payment_id=payment_id)
    return outcome


async def _ended(taken: _Taken) -> _End:
    match taken.event.kind:
        case EventKind.PAID:
            return await _paid(taken)
        case EventKind.FAILED:
            return await _failed(taken)
        case EventKind.REFUNDED:
            return await _refunded(taken)
        case EventKind.OTHER:
            return Outcome.IGNORED, None


async def _paid(taken: _Taken) -> _End:
    """Settles the payment of the event's reference, which nobody else touches until the transaction ends."""
    event = taken.event
    if event.reference is None or event.provider_id is None or event.money is None:
        return Outcome.IGNORED, None
    payment = await settlements.lock(taken.connection, provider=taken.provider, reference=event.reference)
    if payment is None:
        added = await _unmatched(taken, event.reference, event.provider_id, event.money, reason="UNKNOWN_REFERENCE")
        if added is not None:
            return Outcome.UNMATCHED, added
        payment = await settlements.lock(taken.connection, provider=taken.provider, reference=event.reference)
    is_told = await settlements.is_told(taken.connection, provider=taken.provider, provider_id=event.provider_id)
    if payment is None or is_told:
        return Outcome.REPEATED, payment and payment.id
    if payment.provider_id is None:
        return await _received(taken, payment, provider_id=event.provider_id, paid=event.money)
    added = await _unmatched(taken, event.reference, event.provider_id, event.money, reason="PAID_TWICE")
    return (Outcome.REPEATED if added is None else Outcome.UNMATCHED), added


async def _received(taken: _Taken, payment: Payment, *, provider_id: str, paid: Money) -> _End:
    """Lets the first money of a reference buy units, but for what was given back before we learnt of it."""
    await settlements.record_paid(taken.connection, payment.id, provider_id=provider_id, paid=paid, now=taken.now)
    left = Money(paid.amount - payment.refunded_amount, paid.currency)
    if payment.state is PaymentState.REFUNDED or left.amount <= 0:
        await settlements.record_state(taken.connection, payment.id, state=PaymentState.REFUNDED, reason=None)
        return Outcome.REFUNDED, payment.id
    return await _settled(taken, payment, left)


async def _unmatched(taken: _Taken, reference: str, provider_id: str, paid: Money, *, reason: str) -> int | None:
    """Keeps money that nobody can be credited with; None when it is there already."""
    added = await settlements.add_unmatched(
        taken.connection,
        provider=taken.provider,
        reference=reference,
        provider_id=provider_id,
        paid=paid,
        reason=reason,
        now=taken.now,
        is_repeated=reason == "PAID_TWICE",
    )
    if added is not None:
        await _audit(taken, None, outcome=Outcome.UNMATCHED, reason=reason)
    return added


async def _settled(taken: _Taken, payment: Payment, paid: Money) -> _End:
    """Lets the money buy units; where it cannot, it stays unmatched, with the reason."""
    try:
        await _settle(taken, payment, paid)
    except Refused as refused:
        await settlements.record_state(taken.connection, payment.id, state=PaymentState.UNMATCHED, reason=refused.code)
        await _audit(taken, payment, outcome=Outcome.UNMATCHED, reason=refused.code)
        return Outcome.UNMATCHED, payment.id
    await _audit(taken, payment, outcome=Outcome.PAID, reason=None)
    return Outcome.PAID, payment.id


async def _settle(taken: _Taken, payment: Payment, paid: Money) -> None:
    if payment.panel_code is None:
        raise Refused("PANEL_NOT_FOUND", "The payment is for no panel.")
    if payment.asked is None or payment.asked.currency != paid.currency:
        raise Refused("BAD_CURRENCY", "It was paid in another currency than we asked for.")
    async with taken.connection.transaction():
        sale = await settling.sale_to(
            taken.connection, panel_code=payment.panel_code, vendor_currency=taken.vendor_currency, now=taken.now
        )
        await settling.settle(taken.connection, sale, payment=payment, paid=paid, account_id=None)


async def _failed(taken: _Taken) -> _End:
    """Notes that an attempt to pay has failed; another one may follow, with the same reference."""
    payment = await _of_event(taken)
    if payment is not None and payment.state is PaymentState.STARTED:
        await settlements.record_state(taken.connection, payment.id, state=PaymentState.FAILED, reason=None)
    return Outcome.FAILED, payment and payment.id


async def _refunded(taken: _Taken) -> _End:
    """Notes that money was given back, each refund once; all of it ends the payment."""
    payment, event = await _given_back(taken), taken.event
    whole = payment and (payment.paid or payment.asked)
    if payment is None or whole is None or event.money is None or event.money.currency != whole.currency:
        return Outcome.IGNORED, payment and payment.id
    if event.provider_id and await payment_events.was_told(
        taken.connection, taken.event_id, provider=taken.provider, event=event
    ):
        return Outcome.REPEATED, payment.id
    total = await settlements.add_refund(taken.connection, payment.id, amount=event.money.amount)
    if total >= whole.amount and payment.state is not PaymentState.REFUNDED:
        reason = await _undone(taken, payment)
        await settlements.record_state(taken.connection, payment.id, state=PaymentState.REFUNDED, reason=reason)
        await _audit(taken, payment, outcome=Outcome.REFUNDED, reason=reason)
    return Outcome.REFUNDED, payment.id


async def _undone(taken: _Taken, payment: Payment) -> str | None:
    """Takes back what a payment has bought, where that can be; otherwise the reason that tells an admin to look.

    A top-up that a landlord has reversed before stays so.
    """
    if payment.state is not PaymentState.PAID:
        return None
    if await vend_work.cancel(taken.connection, payment_id=payment.id, reason="REFUNDED"):
        return None
    if payment.ledger_entry_id is None or payment.panel_id is None:
        return "CREDIT_STANDS"
    await ledger.take_turn(taken.connection, viewer=THE_SERVICE, panel_id=payment.panel_id)
    await ledger_rows.reverse(
        taken.connection,
        viewer=THE_SERVICE,
        entry_id=payment.ledger_entry_id,
        reason=f"{taken.provider.value} has given the payment back.",
        idempotency_key=None,
        source=LedgerSource.PAYMENT,
    )
    return None


async def _of_event(taken: _Taken) -> Payment | None:
    reference = taken.event.reference
    if reference is None:
        return None
    return await settlements.lock(taken.connection, provider=taken.provider, reference=reference)


async def _given_back(taken: _Taken) -> Payment | None:
    """Which payment of the reference a refund is of: the one that bought nothing, where it was paid twice."""
    first, event = await _of_event(taken), taken.event
    if first is None or event.money is None:
        return first
    return await settlements.lock_refunded(
        taken.connection, provider=taken.provider, reference=first.reference, refund=event.money
    )


async def _audit(taken: _Taken, payment: Payment | None, *, outcome: Outcome, reason: str | None) -> None:
    event = taken.event
    details = {
        "reference": event.reference,
        "event": event.name,
        "result": outcome.value,
        "reason": reason,
        "amount": event.money and str(event.money.amount),
        "currency": event.money and event.money.currency,
    }
    said = {name: value for name, value in details.items() if value is not None}
    act = Act(Actor(None, taken.provider.value.lower()), "PAYMENT", payment and payment.panel_code, said)
    await audit.record_done(taken.connection, act, panel_id=payment and payment.panel_id)
