"""Describes what a payment went for, how many units it bought, and units that are lent."""

from decimal import Decimal

import strawberry

from metering.tariffs.receipts import ReceiptKind
from schema.tariffs import Money

strawberry.enum(
    ReceiptKind,
    name="ReceiptLineKind",
    description="What a part of a payment is for, in the order of a receipt.",
)


@strawberry.input(description="An amount of money.")
class MoneyInput:
    """See `metering.money.Money`."""

    amount: Decimal = strawberry.field(
        description="Above 0, with no more decimals than the currency has. A top-up may buy at most 100000 kWh, and a"
        " debt be what these cost."
    )
    currency: str = strawberry.field(description="ISO 4217; must be that of the panel's tariff.")


@strawberry.type(description="A part of a payment.")
class ReceiptLine:
    """See `metering.tariffs.receipts.ReceiptLine`."""

    kind: ReceiptKind = strawberry.field(description="What it is for.")
    name: str = strawberry.field(description="The charge's name; of ENERGY that of the tariff's band.")
    amount: Decimal = strawberry.field(description="How much, in the receipt's currency.")
    percent: Decimal | None = strawberry.field(
        description="The rate of the tariff's rule where it is a percentage; null where it is an amount."
    )


@strawberry.type(
    description="What a payment bought. Its lines add up to `gross` exactly; a tariff that is set later changes nothing"
    " of it."
)
class Receipt:
    """See `resolvers.receipts.ReceiptView`."""

    gross: Money = strawberry.field(description="What was paid.")
    lines: list[ReceiptLine] = strawberry.field(description="What it went for.")
    energy_amount: Decimal = strawberry.field(
        description="The money that bought units, taxes and all else taken off, in the receipt's currency."
    )
    units_kwh: Decimal = strawberry.field(description="The units bought in kWh, rounded down to 0.001.")
    repaid_kwh: Decimal = strawberry.field(description="Those in kWh that went back to emergency credit.")
    added_kwh: Decimal = strawberry.field(description="Those in kWh that the balance rose by: the rest.")
    unit_price: Decimal = strawberry.field(description="The price of the first kWh without taxes.")
    tariff_name: str = strawberry.field(description="The tariff that it was computed with.")
    tariff: str | None = strawberry.field(
        description="That tariff as it was then, as a JSON document; null for receipts from before these were kept."
    )


@strawberry.type(description="Units that a prepaid panel can be lent when little is left.")
class EmergencyCredit:
    """See `resolvers.lending.EmergencyCredit`."""

    limit_kwh: Decimal | None = strawberry.field(
        description="How many kWh are lent at once; null where nothing is lent any more."
    )
    available_below_kwh: Decimal | None = strawberry.field(
        description="They can be taken when fewer kWh are left than this; null as `limitKwh`."
    )
    taken_kwh: Decimal = strawberry.field(description="What was taken and is not repaid, in kWh.")
    is_available: bool = strawberry.field(description="Whether it can be taken now: see takeEmergencyCredit.")
