"""Describes money and what energy costs."""

from datetime import date
from decimal import Decimal

import strawberry


@strawberry.type(description="An exact amount of money.")
class Money:
    """See `metering.tariffs.Money`."""

    amount: Decimal = strawberry.field(description="The amount, like 1500.00.")
    currency: str = strawberry.field(description="ISO 4217, like IDR.")


@strawberry.type(description="What a kWh costs from a local day on, until the next tariff begins.")
class Tariff:
    """See `metering.tariffs.Tariff`."""

    name: str = strawberry.field(description="What it is called.")
    valid_from: date = strawberry.field(description="The first local day of the panel that it is for.")
    unit_price: Decimal = strawberry.field(description="The price of a kWh without VAT.")
    vat_percent: Decimal = strawberry.field(description="The VAT on top of it, in percent.")
    price_with_vat: Decimal = strawberry.field(description="The price of a kWh with VAT, exactly.")
    currency: str = strawberry.field(description="ISO 4217, like IDR.")
