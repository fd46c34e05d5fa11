"""Describes payments through Paystack and Flutterwave: starting them, following them, and settling strays."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

import strawberry

from metering.money import Money as MoneyGiven
from metering.payments import PaymentProvider, PaymentState
from resolvers import pages, payments
from resolvers.context import Info
from resolvers.pages import Cursor
from resolvers.payments import PaymentChange, PaymentStart
from schema.pages import Connection
from schema.receipts import MoneyInput, Receipt
from schema.refusals import Refusal, RefusedAsData
from schema.tariffs import Money
from schema.vends import Vend
from store.payments import Payment as PaymentRow
from store.vends import Vend as VendRow

strawberry.enum(PaymentProvider, description="Who takes people's money.")
strawberry.enum(PaymentState, description="How far a payment is.")


@strawberry.type(description="What was, or is to be, paid for a panel's units.")
class Payment:
    """See `store.payments.Payment`."""

    id: strawberry.ID = strawberry.field(description="Its number.")
    provider: PaymentProvider = strawberry.field(description="Who takes the money.")
    reference: str = strawberry.field(description="The reference of the checkout: Flutterwave calls it tx_ref.")
    provider_id: str | None = strawberry.field(description="The provider's own number of what was paid; null before.")
    state: PaymentState = strawberry.field(description="How far it is.")
    reason: str | None = strawberry.field(
        description="Why it is UNMATCHED: UNKNOWN_REFERENCE, PAID_TWICE, VEND_FAILED, or the code of the refusal. Of a"
        " REFUNDED one CREDIT_STANDS where what it had bought could not be taken back. Of a DISMISSED one an admin's"
        " words. Null otherwise."
    )
    panel_code: str | None = strawberry.field(description="The panel that it is for; null where that is not known.")
    asked: Money | None = strawberry.field(description="What was asked for; null for a payment that we did not start.")
    paid: Money | None = strawberry.field(description="What was paid, and is credited; null before.")
    refunded_amount: Decimal = strawberry.field(description="What the provider gave back of it, in its currency.")
    started_at: datetime = strawberry.field(description="When its reference was given out, or it came (UTC).")
    paid_at: datetime | None = strawberry.field(description="When the provider told of the money (UTC); null before.")
    settled_at: datetime | None = strawberry.field(
        description="When it led to units, or an admin dismissed it (UTC); null before."
    )
    vend: VendRow | None = strawberry.field(
        resolver=payments.vend_of,
        graphql_type=Vend | None,
        description="The purchase that it led to, the newest one; null without a vendor.",
    )

    @strawberry.field(
        description="The ledger's entry that credits it; null before, where a vendor sells units, and where it made a"
        " token of the panel's own meter."
    )
    @staticmethod
    def entry_id(parent: strawberry.Parent[PaymentRow]) -> strawberry.ID | None:
        """The id as clients have it."""
        return None if parent.ledger_entry_id is None else strawberry.ID(str(parent.ledger_entry_id))


@strawberry.input(description="Money that somebody is about to pay for units.")
class StartPaymentInput:
    """See `resolvers.payments.start_payment`."""

    panel_code: str = strawberry.field(description="The prepaid panel's code.")
    amount: MoneyInput = strawberry.field(description="What is to be paid, in the tariff's or the vendor's currency.")
    provider: PaymentProvider = strawberry.field(description="Whose checkout the app opens.")
    idempotency_key: str = strawberry.field(
        description="A key of your own for this payment, like a UUID: 8 to 100 letters, digits or signs."
    )


@strawberry.type(description="What the app hands to the provider's checkout, or why it was refused.")
class StartPaymentPayload:
    """See `resolvers.payments.PaymentStart`."""

    payment: Payment | None = strawberry.field(
        description="The payment, whose `reference` the checkout must carry; with IDEMPOTENCY_KEY_USED the one that the"
        " key started the first time."
    )
    amount_in_subunits: Decimal | None = strawberry.field(
        description="The amount as Paystack's checkout takes it, in kobo or cents; null when refused."
    )
    quote: Receipt | None = strawberry.field(
        description="The receipt that it would be now; null where the vendor alone can tell, and when refused."
    )
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, PAYMENTS_NOT_SET_UP, PANEL_NOT_FOUND, NOT_PREPAID, NO_METER_NUMBER, NO_TARIFF,"
        " BAD_CURRENCY, BAD_AMOUNT, TOO_MANY_ATTEMPTS, IDEMPOTENCY_KEY_USED or BAD_INPUT; null when it was started."
    )


@strawberry.input(description="An unmatched payment, and the panel whose units it shall buy.")
class AssignPaymentInput:
    """See `resolvers.payments.assign`."""

    payment_id: strawberry.ID = strawberry.field(description="The payment's `id`.")
    panel_code: str = strawberry.field(description="The prepaid panel's code.")


@strawberry.input(description="An unmatched payment that shall buy nothing.")
class DismissPaymentInput:
    """See `resolvers.payments.dismiss`."""

    payment_id: strawberry.ID = strawberry.field(description="The payment's `id`.")
    reason: str = strawberry.field(description="Why, such as `given back by hand`: 1 to 200 characters.")


@strawberry.type(description="The payment as it is now, or why it was refused.")
class AssignPaymentPayload:
    """See `resolvers.payments.PaymentChange`."""

    payment: Payment | None = strawberry.field(description="The payment; null when refused.")
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, FORBIDDEN, PAYMENT_NOT_FOUND, PAYMENT_SETTLED, PANEL_NOT_FOUND, NOT_PREPAID,"
        " NO_METER_NUMBER, NO_TARIFF, BAD_CURRENCY, BAD_AMOUNT, TOKENS_NOT_ENTERED or BAD_INPUT; null when it was"
        " assigned."
    )


@strawberry.type(description="The payment as it is now, or why it was refused.")
class DismissPaymentPayload:
    """See `resolvers.payments.PaymentChange`."""

    payment: Payment | None = strawberry.field(description="The payment; null when refused.")
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, FORBIDDEN, PAYMENT_NOT_FOUND, PAYMENT_SETTLED or BAD_INPUT; null when it was"
        " dismissed."
    )


@strawberry.type
class PaymentQueries:
    """The queries about payments."""

    @strawberry.field(
        description="Payments for the panels that you see, newest first; admins see those for no panel, too.",
        graphql_type=Connection[Payment],
    )
    async def payments(
        self,
        info: Info,
        states: Annotated[
            list[PaymentState] | None,
            strawberry.argument(description="Those in any of these states; all without it."),
        ] = None,
        first: Annotated[int, strawberry.argument(description="How many at the most, 1 to 500.")] = 50,
        after: Annotated[Cursor | None, strawberry.argument(description="Only payments after this cursor.")] = None,
    ) -> pages.Page[PaymentRow]:
        """A page of payments."""
        return await payments.page(info.context, states=states, first=first, after=after)

    @strawberry.field(
        description="A payment by its reference: ask it after the checkout until it is PAID. Null when there is none"
        " for you.",
        graphql_type=Payment | None,
    )
    async def payment(
        self, info: Info, reference: Annotated[str, strawberry.argument(description="The payment's reference.")]
    ) -> PaymentRow | None:
        """The payment."""
        return await payments.one(info, reference)


@strawberry.type
class PaymentMutations:
    """The changes of payments."""

    @strawberry.mutation(
        description="Starts a payment for a prepaid panel's units: gives the reference that the provider's checkout"
        " must carry. The money is credited when the provider tells of it.",
        graphql_type=StartPaymentPayload,
        extensions=[RefusedAsData(PaymentStart)],
    )
    async def start_payment(
        self,
        info: Info,
        given: Annotated[StartPaymentInput, strawberry.argument(name="input", description="What is to be paid.")],
    ) -> PaymentStart:
        """What the checkout is given."""
        return await payments.start_payment(
            info.context,
            panel_code=given.panel_code,
            asked=MoneyGiven(given.amount.amount, given.amount.currency),
            provider=given.provider,
            idempotency_key=given.idempotency_key,
        )

    @strawberry.mutation(
        description="Gives an UNMATCHED payment to a panel: it buys units there.",
        graphql_type=AssignPaymentPayload,
        extensions=[RefusedAsData(PaymentChange)],
    )
    async def assign_payment(
        self,
        info: Info,
        given: Annotated[AssignPaymentInput, strawberry.argument(name="input", description="What goes where.")],
    ) -> PaymentChange:
        """The payment as it is now."""
        return await payments.assign(info.context, payment_id=given.payment_id, panel_code=given.panel_code)

    @strawberry.mutation(
        description="Notes that an UNMATCHED payment buys nothing.",
        graphql_type=DismissPaymentPayload,
        extensions=[RefusedAsData(PaymentChange)],
    )
    async def dismiss_payment(
        self,
        info: Info,
        given: Annotated[DismissPaymentInput, strawberry.argument(name="input", description="Which, and why.")],
    ) -> PaymentChange:
        """The payment as it is now."""
        return await payments.dismiss(info.context, payment_id=given.payment_id, reason=given.reason)
