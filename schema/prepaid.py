"""Describes prepaid credit: what is left, how it changed, and how it is topped up."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

import strawberry

from metering.ledger import LedgerKind, LedgerSource
from metering.money import Money as PaidMoney
from resolvers import forecasts, pages, prepaid
from resolvers import low_units as resolved_low_units
from resolvers.context import Info
from resolvers.pages import Cursor
from resolvers.prepaid import LedgerChange
from schema.arguments import Arguments
from schema.forecasts import DepletionForecast
from schema.low_units import LowUnitsRule
from schema.pages import Connection
from schema.refusals import Refusal, RefusedAsData
from schema.tariffs import Money
from store.ledger import LedgerEntry as EntryRow

strawberry.enum(
    LedgerKind,
    description="What changed the credit: TOP_UP is credit bought, BALANCE_READING what the meter's display showed.",
)
strawberry.enum(
    LedgerSource,
    description="Who knew of a change of credit: PERSON, somebody who typed it in; METER, the prepaid meter itself, of"
    " what its display shows.",
)


@strawberry.type(description="A change of a panel's credit. It is never altered later.")
class LedgerEntry:
    """See `store.ledger.LedgerEntry`."""

    id: strawberry.ID = strawberry.field(description="Its number.")
    at: datetime = strawberry.field(description="When it takes effect; panel's offset.")
    kind: LedgerKind = strawberry.field(description="What changed the credit.")
    units_kwh: Decimal = strawberry.field(
        description="The units in kWh that were added. Of a BALANCE_READING: how far the display was from the balance"
        " as it was known then; the balance goes on from `shownKwh`."
    )
    shown_kwh: Decimal | None = strawberry.field(description="BALANCE_READING: what the display showed, in kWh.")
    paid: Money | None = strawberry.field(
        description="TOP_UP: what was paid, VAT included; null for a token whose slip said the units."
    )
    unit_price: Decimal | None = strawberry.field(
        description="TOP_UP for money: the price of a kWh without VAT that it was computed with."
    )
    vat_percent: Decimal | None = strawberry.field(
        description="TOP_UP for money: the VAT in percent that it was computed with."
    )
    tariff_name: str | None = strawberry.field(description="TOP_UP for money: the tariff that it was computed with.")
    token_ending: str | None = strawberry.field(description="TOP_UP: the last four digits of the token; null without.")
    recorded_at: datetime = strawberry.field(
        description="When it was typed in, or came from the meter; panel's offset."
    )
    source: LedgerSource = strawberry.field(description="Who knew of it.")


@strawberry.type(description="The credit of a prepaid panel.")
class PrepaidAccount:
    """See `resolvers.prepaid.PrepaidAccount`."""

    meter_number: str | None = strawberry.field(description="The meter's number at the utility; null when unknown.")
    balance_kwh: Decimal | None = strawberry.field(
        description="Units left in kWh: what the display showed when it was last recorded, plus what was bought since,"
        " less the usage metered since; readings from before that change nothing, however late they arrive. Without a"
        " recorded balance: what was bought less the usage since the first top-up. Below zero when more was used than"
        " is known to have been bought. Null before the first top-up or recorded balance."
    )
    balance_at: datetime | None = strawberry.field(
        description="The newest reading or change that the balance knows; panel's offset. Null without a balance."
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
        description="Every change of the credit, newest first.",
        graphql_type=Connection[LedgerEntry],
        extensions=[Arguments(first="How many at the most, 1 to 500.", after="Only entries after this cursor.")],
    )
    @staticmethod
    async def ledger(
        parent: strawberry.Parent[prepaid.PrepaidAccount], info: Info, first: int = 50, after: Cursor | None = None
    ) -> pages.Page[EntryRow]:
        """A page of entries."""
        return await prepaid.entries(parent, info, first=first, after=after)


@strawberry.input(description="An amount of money.")
class MoneyInput:
    """See `metering.money.Money`."""

    amount: Decimal = strawberry.field(description="Above 0 and at most 1000000000, with two decimals at the most.")
    currency: str = strawberry.field(description="ISO 4217; must be that of the panel's tariff.")


@strawberry.input(description="Credit that was bought: money, or a token with the units that its slip states.")
class TopUpInput:
    """See `resolvers.prepaid.top_up`."""

    panel_code: str = strawberry.field(description="The prepaid panel's code.")
    amount: MoneyInput | None = strawberry.field(
        default=None, description="What was paid, VAT included; units follow from the tariff of the day of `at`."
    )
    units_kwh: Decimal | None = strawberry.field(
        default=None,
        description="Instead of `amount`, with `token`: the units on the slip, above 0 and at most 100000 kWh.",
    )
    token: str | None = strawberry.field(
        default=None,
        description="The token's 20 digits; each can be credited once. Spaces and hyphens may stand between.",
    )
    at: datetime | None = strawberry.field(
        default=None,
        description="When it was entered into the meter, from 2010 on and not in the future; now when left out.",
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
        default=None, description="When it was read, from 2010 on and not in the future; now when left out."
    )
    idempotency_key: str | None = strawberry.field(
        default=None, description="A key of your own, as in TopUpInput; a repeated one changes nothing."
    )


@strawberry.type(description="What a top-up credited, or why it was refused.")
class TopUpPayload:
    """See `resolvers.prepaid.LedgerChange`."""

    entry: LedgerEntry | None = strawberry.field(
        description="The entry; with IDEMPOTENCY_KEY_USED the one that the key made the first time."
    )
    prepaid: PrepaidAccount | None = strawberry.field(description="The panel's credit as it is now; null when refused.")
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, PANEL_NOT_FOUND, NOT_PREPAID, BAD_AMOUNT, BAD_CURRENCY, BAD_TOKEN, TOKEN_USED,"
        " BAD_TIME, NO_TARIFF, IDEMPOTENCY_KEY_USED or BAD_INPUT; null when it was credited."
    )


@strawberry.type(description="The balance as recorded, or why it was refused.")
class RecordBalancePayload:
    """See `resolvers.prepaid.LedgerChange`."""

    entry: LedgerEntry | None = strawberry.field(
        description="The entry; with IDEMPOTENCY_KEY_USED the one that the key made the first time."
    )
    prepaid: PrepaidAccount | None = strawberry.field(description="The panel's credit as it is now; null when refused.")
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, PANEL_NOT_FOUND, NOT_PREPAID, BAD_AMOUNT, BAD_TIME, IDEMPOTENCY_KEY_USED or"
        " BAD_INPUT; null when it was recorded."
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
