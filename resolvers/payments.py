"""Turns wishes to pay into references for providers' checkouts, and payments into pages; lets admins settle them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import strawberry

from metering.access import Viewer
from metering.ledger import checked_key
from metering.money import Money
from metering.payments import PaymentProvider, PaymentState, subunits
from metering.refusals import Refused
from metering.vending import checked_amount
from resolvers import settling
from resolvers.audit import Details, audited
from resolvers.context import Context, Info
from resolvers.ledger_turns import KeyUsed, prepaid_panel
from resolvers.loading import loaded
from resolvers.pages import Cursor, Page, checked_first, cursor_of, number_of, page_of
from resolvers.places import number_in
from resolvers.receipts import ReceiptView, view_of
from resolvers.settling import Sale
from resolvers.vends import is_reference, new_number
from store import payments, settlements, vends
from store.connections import Database
from store.panels import Panel
from store.payments import Payment
from store.vends import Vend

CURSOR = "payment"
MAX_REASON_LENGTH = 200
MAX_OPEN_AN_HOUR = 60
"""How many payments an account may start in an hour without paying them."""


@dataclass(frozen=True, slots=True)
class PaymentStart:
    """What became of a wish to pay. `amount_in_subunits` is what Paystack's checkout wants: kobo, cents.

    `quote` is what the money would buy now; None where the vendor alone can tell, and for a repeated key.
    """

    payment: Payment | None = None
    amount_in_subunits: Decimal | None = None
    quote: ReceiptView | None = None
    refusal: KeyUsed | None = None


@dataclass(frozen=True, slots=True)
class PaymentChange:
    """What became of an admin's decision."""

    payment: Payment | None = None
    refusal: None = None


async def start_payment(
    context: Context, *, panel_code: str, asked: Money, provider: PaymentProvider, idempotency_key: str
) -> PaymentStart:
    """Gives out a reference with which the provider's checkout takes that money for a panel's units.

    Raises:
        Refused: UNAUTHENTICATED, PAYMENTS_NOT_SET_UP, PANEL_NOT_FOUND, NOT_PREPAID, NO_METER_NUMBER, NO_TARIFF,
            BAD_CURRENCY, BAD_AMOUNT, TOO_MANY_ATTEMPTS, BAD_INPUT.
    """
    details: Details = {"provider": provider.value, "amount": asked.amount, "currency": asked.currency}
    async with audited(context, action="START_PAYMENT", panel_code=panel_code, **details) as act:
        viewer, key = context.signed_in, checked_key(idempotency_key)
        if provider not in context.selling.providers:
            message = f"This server takes no payments by {provider.value}: it has no secret of it."
            raise Refused("PAYMENTS_NOT_SET_UP", message, "provider")
        panel, now, currency = await prepaid_panel(context, panel_code), context.now(), context.selling.vendor_currency
        async with context.pool.connection() as connection, connection.transaction():
            expected = await settling.expected(connection, Sale(panel, currency, now), money=checked_amount(asked))
            reference = await _reference(connection, viewer, panel, provider, asked=asked, key=key, now=now)
            if reference is None:
                act.code = KeyUsed().code
                use = await payments.use_of_key(connection, viewer=viewer, idempotency_key=key)
                return _started(use and use.payment, refusal=KeyUsed())
            await act.done(connection, panel_id=panel.id, reference=reference)
            payment = await payments.by_reference(connection, viewer=viewer, reference=reference)
        return _started(payment, quote=expected and view_of(expected))


async def _reference(
    connection: Database,
    viewer: Viewer,
    panel: Panel,
    provider: PaymentProvider,
    *,
    asked: Money,
    key: str,
    now: datetime,
) -> str | None:
    """The reference of a new payment; None, and nothing changed, when the key was used before.

    Raises:
        Refused: TOO_MANY_ATTEMPTS.
    """
    if await payments.use_of_key(connection, viewer=viewer, idempotency_key=key):
        return None
    if await payments.open_since(connection, viewer=viewer, since=now - timedelta(hours=1)) >= MAX_OPEN_AN_HOUR:
        raise Refused("TOO_MANY_ATTEMPTS", f"{MAX_OPEN_AN_HOUR} payments were started lately and not paid: wait.")
    reference = new_number(now)
    payment_id = await payments.start(
        connection,
        viewer=viewer,
        provider=provider,
        reference=reference,
        panel_id=panel.id,
        asked=asked,
        idempotency_key=key,
        now=now,
    )
    return None if payment_id is None else reference


def _started(
    payment: Payment | None, *, quote: ReceiptView | None = None, refusal: KeyUsed | None = None
) -> PaymentStart:
    asked = payment and payment.asked
    return PaymentStart(payment, asked and subunits(asked), quote, refusal)


async def page(
    context: Context, *, states: Sequence[PaymentState] | None, first: int, after: Cursor | None
) -> Page[Payment]:
    """The payments for the panels that the viewer sees, newest first; admins see those for no panel, too.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN (tenants), BAD_INPUT (first), BAD_CURSOR.
    """
    viewer = context.landlord
    async with context.pool.connection() as connection:
        rows, total = await payments.page(
            connection,
            viewer=viewer,
            states=states,
            before_id=None if after is None else number_of(after, kind=CURSOR),
            limit=checked_first(first) + 1,
        )
    return page_of(rows, first=first, after=after, total_count=total, cursor=lambda row: cursor_of(CURSOR, row.id))


async def one(info: Info, reference: str) -> Payment | None:
    """The payment of a reference; None when there is none for the viewer.

    Raises:
        Refused: UNAUTHENTICATED.
    """
    viewer = info.context.signed_in
    if not is_reference(reference):
        return None
    async with info.context.pool.connection() as connection:
        return await payments.by_reference(connection, viewer=viewer, reference=reference)


async def vend_of(parent: strawberry.Parent[Payment], info: Info) -> Vend | None:
    """The newest purchase that a payment led to; None without one."""
    return await loaded(info.context, _vends, parent.id)


async def _vends(context: Context, payment_ids: list[int]) -> dict[int, Vend]:
    async with context.pool.connection() as connection:
        return await vends.of_payments(connection, viewer=context.signed_in, payment_ids=payment_ids)


async def assign(context: Context, *, payment_id: str, panel_code: str) -> PaymentChange:
    """Gives an unmatched payment to a panel: its money buys units there, as if it had been paid for it.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN unless the viewer is an admin; PAYMENT_NOT_FOUND, PAYMENT_SETTLED,
            PANEL_NOT_FOUND, NOT_PREPAID, NO_METER_NUMBER, NO_TARIFF, BAD_CURRENCY, BAD_AMOUNT, TOKENS_NOT_ENTERED,
            BAD_INPUT.
    """
    async with audited(context, action="ASSIGN_PAYMENT", panel_code=panel_code, payment=payment_id) as act:
        viewer, now, currency = context.admin, context.now(), context.selling.vendor_currency
        panel = await prepaid_panel(context, panel_code)
        async with context.pool.connection() as connection, connection.transaction():
            payment, paid = await _unmatched(connection, payment_id)
            sale = Sale(panel, currency, now)
            await settling.settle(connection, sale, payment=payment, paid=paid, account_id=viewer.account_id)
            await act.done(connection, panel_id=panel.id, reference=payment.reference)
            return PaymentChange(await settlements.lock_by_id(connection, payment.id))


async def dismiss(context: Context, *, payment_id: str, reason: str) -> PaymentChange:
    """Notes that an unmatched payment buys nothing, and why: it was given back by hand, for one.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN unless the viewer is an admin; PAYMENT_NOT_FOUND, PAYMENT_SETTLED,
            BAD_INPUT.
    """
    async with audited(context, action="DISMISS_PAYMENT", payment=payment_id, reason=reason) as act:
        _ = context.admin
        if not (0 < len(reason) <= MAX_REASON_LENGTH and reason.isprintable()):
            message = f"`reason` must have 1 to {MAX_REASON_LENGTH} printable characters."
            raise Refused("BAD_INPUT", message, "reason")
        async with context.pool.connection() as connection, connection.transaction():
            payment, _paid = await _unmatched(connection, payment_id)
            await settlements.record_state(
                connection, payment.id, state=PaymentState.DISMISSED, reason=reason, settled_at=context.now()
            )
            await act.done(connection, panel_id=payment.panel_id, reference=payment.reference)
            return PaymentChange(await settlements.lock_by_id(connection, payment.id))


async def _unmatched(connection: Database, payment_id: str) -> tuple[Payment, Money]:
    """The payment, held until the transaction ends, and what was paid and not given back.

    Raises:
        Refused: BAD_INPUT, PAYMENT_NOT_FOUND, PAYMENT_SETTLED.
    """
    number = number_in(payment_id)
    payment = None if number is None else await settlements.lock_by_id(connection, number)
    if payment is None or payment.left is None:
        raise Refused("PAYMENT_NOT_FOUND", "There is no such payment, or nothing was paid.", "paymentId")
    if payment.state is not PaymentState.UNMATCHED:
        message = f"The payment is {payment.state.value}: only one that is UNMATCHED can be settled."
        raise Refused("PAYMENT_SETTLED", message, "paymentId")
    return payment, payment.left
