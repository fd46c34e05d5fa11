"""Describes purchases of units from the token vendor, which are followed to their token."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

import strawberry

from metering.vending import VendState
from resolvers import vends
from resolvers.context import Info
from schema.tariffs import Money
from store.vends import Vend as VendRow

strawberry.enum(
    VendState,
    description="How far a purchase of units is. It moves on within seconds; ask `vend` again, or follow the balance.",
)


@strawberry.type(description="A purchase of units from the token vendor. It is sent once, whatever happens on the way.")
class Vend:
    """See `store.vends.Vend`."""

    reference: str = strawberry.field(description="Our name of it, by which the vendor knows it, too.")
    panel_code: str = strawberry.field(description="The panel that it is for.")
    meter_number: str = strawberry.field(description="The meter that the token is for.")
    price: Money = strawberry.field(description="What is spent, fees and taxes included.")
    state: VendState = strawberry.field(description="How far it is.")
    reason: str | None = strawberry.field(
        description="Why it FAILED: METER_NOT_FOUND, DECLINED, NOT_SENT (the vendor could not be reached for a day),"
        " NOT_SEEN (the vendor never got it) or REFUNDED. Why a DELIVERED token's units are not in the ledger:"
        " NO_UNITS (the vendor did not say them), TOKEN_USED or another code; see to it by hand. Null otherwise."
    )
    detail: str | None = strawberry.field(description="What the vendor said last, for people; null without that.")
    requested_at: datetime = strawberry.field(description="When it was asked for (UTC).")
    sent_at: datetime | None = strawberry.field(
        description="When its one request for payment went out (UTC); null before."
    )
    delivered_at: datetime | None = strawberry.field(description="When the token came (UTC); null before.")
    token: str | None = strawberry.field(
        description="The token, 20 digits, to be typed into the meter; null before it is DELIVERED."
    )
    units_kwh: Decimal | None = strawberry.field(
        description="The token's units in kWh; null before, and where the vendor did not say them."
    )

    @strawberry.field(description="The ledger's entry with its units; null until it is ACCEPTED.")
    @staticmethod
    def entry_id(parent: strawberry.Parent[VendRow]) -> strawberry.ID | None:
        """The id as clients have it."""
        return None if parent.ledger_entry_id is None else strawberry.ID(str(parent.ledger_entry_id))


@strawberry.type
class VendQueries:
    """The queries about purchases."""

    @strawberry.field(
        description="A purchase of units by its reference; null when there is none for you.",
        graphql_type=Vend | None,
    )
    async def vend(
        self, info: Info, reference: Annotated[str, strawberry.argument(description="The purchase's reference.")]
    ) -> VendRow | None:
        """The purchase."""
        return await vends.one(info, reference)
