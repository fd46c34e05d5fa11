"""Describes prepaid credit: what is left, how it changed, and how it is topped up."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

import strawberry

from metering.ledger import LedgerKind, LedgerSource
from metering.money import Money as PaidMoney
from resolvers import forecasts, lending, openpaygo, pages, prepaid, receipts, vends
from resolvers import low_units as resolved_low_units
from resolvers.context import Info
from resolvers.ledger_turns import LedgerChange
from resolvers.pages import Cursor
from schema.arguments import Arguments
from schema.forecasts import DepletionForecast
from schema.low_units import LowUnitsRule
from schema.openpaygo import OpenPaygoMeter
from schema.pages import Connection
from schema.receipts import EmergencyCredit, MoneyInput, Receipt
from schema.refusals import Refusal, RefusedAsData
from schema.tariffs import Money
from schema.vends import Vend
from store.ledger import LedgerEntry as EntryRow
from store.vends import Vend as VendRow

strawberry.enum(LedgerKind, description="What a row of the ledger is about.")
strawberry.enum(LedgerSource, description="Who knew of a change of credit.")


@strawberry.type(description="A change of a panel's credit. It is never altered later.")
class LedgerEntry:
    """See `store.ledger.LedgerEntry`."""

    id: strawberry.ID = strawberry.field(description="Its number.")
    panel_code: str = strawberry.field(description="The code of its panel.")
    at: datetime = strawberry.field(description="When it takes effect; panel's offset.")
    kind: LedgerKind = strawberry.field(description="What changed the credit.")
    units_kwh: Decimal = strawberry.field(
        description="By how many kWh the balance rose. Of a BALANCE_READING: how far the display was from the balance"
        " as it was known then; the balance goes on from `shownKwh`."
    )
    shown_kwh: Decimal | None = strawberry.field(description="BALANCE_READING: what the display showed, in kWh.")
    paid: Money | None = strawberry.field(
        description="TOP_UP: what was paid, all taxes and fees included; null for a token whose slip said the units. Of"
        " a reversed payment, below zero."
    )
    unit_price: Decimal | None = strawberry.field(
        description="TOP_UP for money: the price of the first kWh without taxes that it was computed with."
    )
    vat_percent: Decimal | None = strawberry.field(
        name="taxPercent", description="TOP_UP for money: all taxes together, in percent of the price of energy."
    )
    tariff_name: str | None = strawberry.field(description="TOP_UP for money: the tariff that it was computed with.")
    token_ending: str | None = strawberry.field(description="TOP_UP: the last four digits of the token; null without.")
    recorded_at: datetime = strawberry.field(
        description="When it was typed in, or came from a machine; panel's offset."
    )
    source: LedgerSource = strawberry.field(description="Who knew of it.")
    receipt: receipts.ReceiptView | None = strawberry.field(
        resolver=receipts.of_entry,
        graphql_type=Receipt | None,
        description="TOP_UP for money: what the payment went for; null without, and of an OpenPAYGO token: its price"
        " was taken when it was made, see generateToken.",
    )
    emergency_kwh: Decimal = strawberry.field(
        description="By how many kWh the emergency credit that is to be repaid changed: above zero when it is taken,"
        " below when a top-up repays of it."
    )
    debt_change: PaidMoney | None = strawberry.field(
        resolver=receipts.debt_change,
        graphql_type=Money | None,
        description="By how much the debt changed: above zero when it is recorded, below when a top-up pays of it; null"
        " where it did not.",
    )
    reverses: strawberry.ID | None = strawberry.field(
        description="REVERSAL: the entry that it takes back; null otherwise."
    )
    reversed_by: strawberry.ID | None = strawberry.field(
        description="The REVERSAL that took this entry back; null where none did."
    )
    reason: str | None = strawberry.field(description="REVERSAL and DEBT: why; null otherwise.")


@strawberry.type(description="The credit of a prepaid panel.")
class PrepaidAccount:
    """See `resolvers.ledger_turns.PrepaidAccount`."""

    meter_number: str | None = strawberry.field(description="The meter's number at the utility; null when unknown.")
    balance_kwh: Decimal | None = strawberry.field(
        description="Units left in kWh: what the display showed when it was last recorded, plus what was bought since,"
        " less the usage metered since; rows and readings from before that change nothing, however late they arrive."
        " Without a recorded balance: what was bought less the usage since the first top-up. Below zero when more was"
        " used than is known to have been bought. Null before the first top-up or recorded balance."
    )
    balance_at: datetime | None = strawberry.field(
        description="The newest reading or change that the balance knows; panel's offset. Null without a balance."
    )
    estimated_balance_kwh: Decimal | None = strawberry.field(
        resolver=prepaid.estimated_balance_kwh,
        description="Units in kWh that are likely left now: `balanceKwh` less what the forecast expects to have been"
        " used since the newest reading or look at the display, where that is more than an hour ago; else `balanceKwh`."
        " 0 when they are likely used up. Null without a balance, and where nothing is known of the usage.",
    )
    forecast: forecasts.DepletionForecast | None = strawberry.field(
        resolver=forecasts.forecast,
        graphql_type=DepletionForecast | None,
        description="When the units run out; null when nothing is known yet.",
    )
    low_units: resolved_low_units.LowUnitsRule | None = strawberry.field(
        resolver=prepaid.low_units_rule,
        graphql_type=LowUnitsRule | None,
        description="Your own rule for being warned; null without one. See setLowUnitsRule.",
    )

    @strawberry.field(
        description="When the units would run out after a top-up made now, or if you used less from now on. Nothing is"
        " changed. It is computed at once; null when nothing is known yet.",
        graphql_type=DepletionForecast | None,
        extensions=[
            Arguments(
                top_up_kwh="Units that would be added, 0 to 100000 kWh, three decimals.",
                top_up_amount="Instead: money that would be paid; the units follow as in `quote`.",
                use_less_percent="By how many percent less is used from now on, -90 to 90: 20 is a fifth less.",
            )
        ],
    )
    @staticmethod
    async def what_if(
        parent: strawberry.Parent[prepaid.PrepaidAccount],
        info: Info,
        top_up_kwh: Decimal | None = None,
        top_up_amount: MoneyInput | None = None,
        use_less_percent: float | None = None,
    ) -> forecasts.DepletionForecast | None:
        """The forecast as it would be."""
        paid = top_up_amount and PaidMoney(top_up_amount.amount, top_up_amount.currency)
        return await forecasts.what_if(
            parent, info, top_up_kwh=top_up_kwh, paid=paid, use_less_percent=use_less_percent
        )

    debt: PaidMoney | None = strawberry.field(
        resolver=lending.debt,
        graphql_type=Money | None,
        description="What is owed: each top-up pays the share of it that the tariff says, none while the tariff has"
        " another currency. Null when nothing is.",
    )
    emergency_credit: lending.EmergencyCredit | None = strawberry.field(
        resolver=lending.emergency_credit,
        graphql_type=EmergencyCredit | None,
        description="What can be lent when little is left; null where nothing can be, and nothing is to be repaid.",
    )

    @strawberry.field(
        description="Units in kWh that were left at an instant, as it is known now: what the display had shown last,"
        " plus what was bought after that, less the usage metered since. Null before the first top-up or recorded"
        " balance.",
        extensions=[Arguments(at="The instant, not in the future.")],
    )
    @staticmethod
    async def balance_kwh_at(
        parent: strawberry.Parent[prepaid.PrepaidAccount], info: Info, at: datetime
    ) -> Decimal | None:
        """The balance then."""
        return await prepaid.balance_kwh_at(parent, info, at)

    @strawberry.field(
        description="The receipt that a payment made now would get, or that of the least payment which buys at least so"
        " many units. Nothing is changed or reserved. Give one of the two. Null when refused.",
        graphql_type=Receipt | None,
        extensions=[
            Arguments(
                amount="What would be paid.",
                units_kwh="The units that are wanted, in kWh: above 0 and at most 100000, three decimals.",
            )
        ],
    )
    @staticmethod
    async def quote(
        parent: strawberry.Parent[prepaid.PrepaidAccount],
        info: Info,
        amount: MoneyInput | None = None,
        units_kwh: Decimal | None = None,
    ) -> receipts.ReceiptView:
        """The receipt."""
        paid = amount and PaidMoney(amount.amount, amount.currency)
        return await receipts.quote(parent, info, paid, units_kwh)

    open_paygo: openpaygo.PaygoSettings | None = strawberry.field(
        resolver=openpaygo.settings,
        graphql_type=OpenPaygoMeter | None,
        description="How the meter's OpenPAYGO tokens are read; null where tokens are those of 20 digits.",
    )

    @strawberry.field(
        description="Every change of the credit, newest first; a reversal stands by the entry that it takes back.",
        graphql_type=Connection[LedgerEntry],
        extensions=[Arguments(first="How many at the most, 1 to 500.", after="Only entries after this cursor.")],
    )
    @staticmethod
    async def ledger(
        parent: strawberry.Parent[prepaid.PrepaidAccount], info: Info, first: int = 50, after: Cursor | None = None
    ) -> pages.Page[EntryRow]:
        """A page of entries."""
        return await prepaid.entries(parent, info, first=first, after=after)

    @strawberry.field(
        description="Purchases of units from the token vendor, newest first; see buyUnits and startPayment.",
        graphql_type=Connection[Vend],
        extensions=[Arguments(first="How many at the most, 1 to 500.", after="Only purchases after this cursor.")],
    )
    @staticmethod
    async def vends(
        parent: strawberry.Parent[prepaid.PrepaidAccount], info: Info, first: int = 50, after: Cursor | None = None
    ) -> pages.Page[VendRow]:
        """A page of purchases."""
        return await vends.of_account(parent, info, first=first, after=after)


@strawberry.input(description="Credit that was bought: money, or a token with the units that its slip states.")
class TopUpInput:
    """See `resolvers.prepaid.top_up`."""

    panel_code: str = strawberry.field(description="The prepaid panel's code.")
    amount: MoneyInput | None = strawberry.field(
        default=None,
        description="What was paid, all taxes and fees included; units follow from the tariff of the day of `at`, all"
        " of them by the price of its band at that hour. With the `token` that it bought, or without one.",
    )
    units_kwh: Decimal | None = strawberry.field(
        default=None,
        description="Instead of `amount`, and only with `token`: the units on its slip in kWh, above 0 and at most"
        " 100000.",
    )
    token: str | None = strawberry.field(
        default=None,
        description="The token's 20 digits; each can be credited once. Of a panel with an OpenPAYGO meter: the token of"
        " 9, 12, 15 or 20 digits alone, because it says itself what it does. Spaces and hyphens may stand between.",
    )
    at: datetime | None = strawberry.field(
        default=None,
        description="When it was entered into the meter: not in the future, not before the meter was there; now when"
        " left out. Entries may come in any order: one from before a recorded balance is history.",
    )
    idempotency_key: str = strawberry.field(
        description="A key of your own for this top-up, like a UUID: 8 to 100 letters, digits or signs. Sent again"
        " after a lost answer, it credits nothing a second time."
    )


@strawberry.input(description="What a prepaid meter's display shows.")
class RecordBalanceInput:
    """See `resolvers.prepaid.record_balance`."""

    panel_code: str = strawberry.field(description="The prepaid panel's code.")
    shown_kwh: Decimal = strawberry.field(description="The units on the display, 0 to 100000 kWh, three decimals.")
    at: datetime | None = strawberry.field(
        default=None,
        description="When it was read: not in the future, not before the meter was there; now when left out.",
    )
    idempotency_key: str | None = strawberry.field(
        default=None, description="A key of your own, as in TopUpInput; a repeated one changes nothing."
    )


@strawberry.type(description="What a top-up credited, or why it was refused.")
class TopUpPayload:
    """See `resolvers.ledger_turns.LedgerChange`."""

    entry: LedgerEntry | None = strawberry.field(
        description="The entry; with IDEMPOTENCY_KEY_USED the one that the key made the first time. Null of an"
        " OpenPAYGO token that changes no units."
    )
    prepaid: PrepaidAccount | None = strawberry.field(
        description="The panel's credit as it is now; null when refused, also by a key that was used for another panel."
    )
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, PANEL_NOT_FOUND, NOT_PREPAID, BAD_AMOUNT, BAD_CURRENCY, BAD_TOKEN, TOKEN_USED,"
        " TOO_MANY_ATTEMPTS,"
        " BAD_TIME, BEFORE_METER, NO_TARIFF, IDEMPOTENCY_KEY_USED or BAD_INPUT; null when it was credited."
    )


@strawberry.type(description="The balance as recorded, or why it was refused.")
class RecordBalancePayload:
    """See `resolvers.ledger_turns.LedgerChange`."""

    entry: LedgerEntry | None = strawberry.field(
        description="The entry; with IDEMPOTENCY_KEY_USED the one that the key made the first time."
    )
    prepaid: PrepaidAccount | None = strawberry.field(
        description="The panel's credit as it is now; null when refused, also by a key that was used for another panel."
    )
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, PANEL_NOT_FOUND, NOT_PREPAID, BAD_AMOUNT, BAD_TIME, BEFORE_METER,"
        " IDEMPOTENCY_KEY_USED or BAD_INPUT; null when it was recorded."
    )


@strawberry.type
class PrepaidMutations:
    """The changes of credit."""

    @strawberry.mutation(
        description="Credits a prepaid panel with what was bought.",
        graphql_type=TopUpPayload,
        extensions=[RefusedAsData(LedgerChange)],
    )
    async def top_up(
        self,
        info: Info,
        given: Annotated[TopUpInput, strawberry.argument(name="input", description="What was bought.")],
    ) -> LedgerChange:
        """The entry and the new balance."""
        return await prepaid.top_up(
            info.context,
            panel_code=given.panel_code,
            paid=given.amount and PaidMoney(given.amount.amount, given.amount.currency),
            units_kwh=given.units_kwh,
            token=given.token,
            at=given.at,
            idempotency_key=given.idempotency_key,
        )

    @strawberry.mutation(
        description="Makes a prepaid panel's balance what its display shows; the first time, it opens the account.",
        graphql_type=RecordBalancePayload,
        extensions=[RefusedAsData(LedgerChange)],
    )
    async def record_balance(
        self,
        info: Info,
        given: Annotated[RecordBalanceInput, strawberry.argument(name="input", description="What is shown.")],
    ) -> LedgerChange:
        """The entry and the new balance."""
        return await prepaid.record_balance(
            info.context,
            panel_code=given.panel_code,
            shown_kwh=given.shown_kwh,
            at=given.at,
            idempotency_key=given.idempotency_key,
        )
