"""Describes meters whose tokens are OpenPAYGO's: how they are read, and tokens that are made for them."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

import strawberry

from metering.money import Money as PaidMoney
from resolvers import made_tokens, openpaygo
from resolvers.context import Info
from resolvers.made_tokens import TokenMade
from resolvers.openpaygo import PaygoSet
from schema.receipts import MoneyInput
from schema.refusals import Refusal, RefusedAsData
from schema.tariffs import Money
from store.openpaygo import KnownToken

PrepaidAccount = Annotated["PrepaidAccount", strawberry.lazy("schema.prepaid")]


@strawberry.type(description="A token that was made for a panel's OpenPAYGO meter.")
class OpenPaygoToken:
    """See `store.openpaygo.KnownToken`."""

    digits: str = strawberry.field(description="What is typed into the meter: 9, 12, 15 or 20 digits.")
    units_kwh: Decimal = strawberry.field(description="The units in kWh that it adds.")
    paid: Money | None = strawberry.field(description="What was paid for it; null where it was made for units.")
    made_at: datetime = strawberry.field(description="When it was made; panel's offset.")

    @strawberry.field(description="The meter's count that it takes: each can be entered once.")
    @staticmethod
    def count(parent: strawberry.Parent[KnownToken]) -> int:
        """The count."""
        return parent.token.count


@strawberry.type(description="How the tokens of a panel's OpenPAYGO meter are read. Its key is never shown.")
class OpenPaygoMeter:
    """See `resolvers.openpaygo.PaygoSettings`."""

    kwh_per_value: Decimal = strawberry.field(description="How many kWh one step of a token's value is.")
    has_restricted_digits: bool = strawberry.field(description="Whether tokens have the digits 1 to 4 alone.")
    makes_long_tokens: bool = strawberry.field(
        description="Whether tokens that are made are long: 12 digits, or 20 of the restricted ones."
    )
    set_at: datetime = strawberry.field(description="When that was set; panel's offset.")
    is_disabled: bool = strawberry.field(
        description="Whether the last token that was entered told the meter to count no units any more."
    )
    tokens_not_entered: list[OpenPaygoToken] = strawberry.field(
        description="Tokens that were made and that nobody has said were entered, the oldest first; 32 at the most."
    )
    next_try_at: datetime | None = strawberry.field(
        description="After ten wrong tokens within an hour, or thirty within a day: from when on one is looked at"
        " again, panel's offset; null: now."
    )


@strawberry.input(description="How the tokens of a panel's OpenPAYGO meter are read.")
class SetOpenPaygoInput:
    """See `resolvers.openpaygo.set_meter`."""

    panel_code: str = strawberry.field(description="The prepaid panel's code.")
    secret_key_hex: str = strawberry.field(
        description="The meter's secret key, 32 hexadecimal digits. It is never shown again: send it as a variable."
    )
    kwh_per_value: Decimal = strawberry.field(
        description="How many kWh one step of a token's value is: above 0 and at most 100, three decimals."
    )
    starting_code: int | None = strawberry.field(
        default=None, description="The meter's starting code, 1 to 999999999; the one of its key when left out."
    )
    starting_count: int = strawberry.field(
        default=0,
        description="The meter's count as it is now, 0 to 20000: every token up to it counts as used. Of a meter that"
        " was here before the higher count stays.",
    )
    has_restricted_digits: bool = strawberry.field(
        default=False, description="Whether its tokens have the digits 1 to 4 alone."
    )
    makes_long_tokens: bool = strawberry.field(
        default=False,
        description="Whether tokens are made with 12 digits (20 restricted ones), for up to 999999 steps instead of"
        " 995. Tokens of either length can be entered.",
    )


@strawberry.input(description="The panel whose tokens are not OpenPAYGO's any more.")
class RemoveOpenPaygoInput:
    """See `resolvers.openpaygo.remove_meter`."""

    panel_code: str = strawberry.field(description="The prepaid panel's code.")


@strawberry.input(description="What a token shall add: units, or what a payment buys.")
class GenerateTokenInput:
    """See `resolvers.made_tokens.make`."""

    panel_code: str = strawberry.field(description="The code of a prepaid panel with an OpenPAYGO meter.")
    units_kwh: Decimal | None = strawberry.field(
        default=None,
        description="The units in kWh, in whole steps of the meter's `kwhPerValue`; 995 steps, or 999999.",
    )
    amount: MoneyInput | None = strawberry.field(
        default=None,
        description="Instead: what was paid. The units follow from today's tariff, rounded down to whole steps; debts"
        " and monthly charges are not taken off it.",
    )
    idempotency_key: str = strawberry.field(
        description="A key of your own for this token, like a UUID: 8 to 100 letters, digits or signs. Sent again after"
        " a lost answer, it shows the same token and makes none."
    )


@strawberry.type(description="The panel's credit with its meter, or why that was refused.")
class SetOpenPaygoPayload:
    """See `resolvers.openpaygo.PaygoSet`."""

    prepaid: PrepaidAccount | None = strawberry.field(description="The panel's credit; null when refused.")
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, FORBIDDEN, PANEL_NOT_FOUND, NOT_PREPAID, METER_IN_USE or BAD_INPUT; null when"
        " set."
    )


@strawberry.type(description="The panel's credit without that meter, or why that was refused.")
class RemoveOpenPaygoPayload:
    """See `resolvers.openpaygo.PaygoSet`."""

    prepaid: PrepaidAccount | None = strawberry.field(description="The panel's credit; null when refused.")
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, FORBIDDEN, PANEL_NOT_FOUND or NOT_PREPAID; null when removed."
    )


@strawberry.type(description="The token, or why it was refused.")
class GenerateTokenPayload:
    """See `resolvers.made_tokens.TokenMade`."""

    token: OpenPaygoToken | None = strawberry.field(
        description="The token; with IDEMPOTENCY_KEY_USED the one that the key made the first time."
    )
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, FORBIDDEN, PANEL_NOT_FOUND, NOT_PREPAID, NO_OPEN_PAYGO, BAD_AMOUNT, BAD_CURRENCY,"
        " NO_TARIFF, TOKENS_NOT_ENTERED, IDEMPOTENCY_KEY_USED or BAD_INPUT; null when it was made."
    )


@strawberry.type
class OpenPaygoMutations:
    """How OpenPAYGO meters are set, and their tokens made. They are entered by topUp."""

    @strawberry.mutation(
        description="Makes the tokens of a prepaid panel OpenPAYGO's: topUp takes them from then on, and no others. A"
        " meter that is set again goes on with its count.",
        graphql_type=SetOpenPaygoPayload,
        extensions=[RefusedAsData(PaygoSet)],
    )
    async def set_open_paygo(
        self,
        info: Info,
        given: Annotated[SetOpenPaygoInput, strawberry.argument(name="input", description="The panel and its meter.")],
    ) -> PaygoSet:
        """The panel's credit."""
        return await openpaygo.set_meter(
            info.context,
            panel_code=given.panel_code,
            secret_key_hex=given.secret_key_hex,
            starting_code=given.starting_code,
            kwh_per_value=given.kwh_per_value,
            starting_count=given.starting_count,
            has_restricted_digits=given.has_restricted_digits,
            makes_long_tokens=given.makes_long_tokens,
        )

    @strawberry.mutation(
        description="Makes the tokens of a panel those of 20 digits again, as when its meter was taken away. What the"
        " meter took stays used, and its key can be set on another panel.",
        graphql_type=RemoveOpenPaygoPayload,
        extensions=[RefusedAsData(PaygoSet)],
    )
    async def remove_open_paygo(
        self,
        info: Info,
        given: Annotated[RemoveOpenPaygoInput, strawberry.argument(name="input", description="The panel.")],
    ) -> PaygoSet:
        """The panel's credit."""
        return await openpaygo.remove_meter(info.context, panel_code=given.panel_code)

    @strawberry.mutation(
        description="Makes a token that adds units to a panel's OpenPAYGO meter. The balance rises when it is entered:"
        " whoever types it into the meter says so by topUp.",
        graphql_type=GenerateTokenPayload,
        extensions=[RefusedAsData(TokenMade)],
    )
    async def generate_token(
        self,
        info: Info,
        given: Annotated[GenerateTokenInput, strawberry.argument(name="input", description="What it shall add.")],
    ) -> TokenMade:
        """The token."""
        return await made_tokens.make(
            info.context,
            panel_code=given.panel_code,
            units_kwh=given.units_kwh,
            paid=given.amount and PaidMoney(given.amount.amount, given.amount.currency),
            idempotency_key=given.idempotency_key,
        )
