"""Describes how units are bought from the token vendor."""

from typing import Annotated

import strawberry

from metering.money import Money as PriceGiven
from resolvers import vends
from resolvers.context import Info
from resolvers.vends import VendChange
from schema.receipts import MoneyInput
from schema.refusals import Refusal, RefusedAsData
from schema.vends import Vend


@strawberry.input(description="Units that are to be bought from the vendor, on the account of who runs this server.")
class BuyUnitsInput:
    """See `resolvers.vends.buy_units`."""

    panel_code: str = strawberry.field(description="The prepaid panel's code; its meter number must be known.")
    amount: MoneyInput = strawberry.field(description="What to spend, in the vendor's currency.")
    idempotency_key: str = strawberry.field(
        description="A key of your own for this purchase, like a UUID: 8 to 100 letters, digits or signs. Sent again"
        " after a lost answer, it buys nothing a second time."
    )


@strawberry.type(description="The purchase as it was taken down, or why it was refused.")
class BuyUnitsPayload:
    """See `resolvers.vends.VendChange`."""

    vend: Vend | None = strawberry.field(
        description="The purchase; with IDEMPOTENCY_KEY_USED the one that the key made the first time."
    )
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, FORBIDDEN, VENDING_NOT_SET_UP, PANEL_NOT_FOUND, NOT_PREPAID, NO_METER_NUMBER,"
        " BAD_CURRENCY, BAD_AMOUNT, IDEMPOTENCY_KEY_USED or BAD_INPUT; null when it was asked for."
    )


@strawberry.type
class VendMutations:
    """The wishes for units."""

    @strawberry.mutation(
        description="Buys units from the token vendor, where this server has one. For landlords and admins: it spends"
        " what whoever runs this server has at the vendor. Tenants pay first, see startPayment.",
        graphql_type=BuyUnitsPayload,
        extensions=[RefusedAsData(VendChange)],
    )
    async def buy_units(
        self,
        info: Info,
        given: Annotated[BuyUnitsInput, strawberry.argument(name="input", description="What to buy.")],
    ) -> VendChange:
        """The purchase, which goes out within moments."""
        return await vends.buy_units(
            info.context,
            panel_code=given.panel_code,
            price=PriceGiven(given.amount.amount, given.amount.currency),
            idempotency_key=given.idempotency_key,
        )
