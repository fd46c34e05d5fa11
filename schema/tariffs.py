"""Describes money, and what energy costs when."""

from datetime import date
from decimal import Decimal

import strawberry

from resolvers.tariffs import Weekday


@strawberry.type(description="An exact amount of money.")
class Money:
    """See `metering.money.Money`."""

    amount: Decimal = strawberry.field(description="The amount, like 1500.00.")
    currency: str = strawberry.field(description="ISO 4217, like IDR.")


strawberry.enum(
    Weekday,
    description="A day of the week by the panel's calendar: MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY,"
    " SUNDAY.",
)


@strawberry.type(
    description="A part of a tariff: the price of a kWh that is used at these hours of these days, as far as it is one"
    " of these kWh of the month. A flat tariff has one band, for everything."
)
class TariffBand:
    """See `resolvers.tariffs.TariffBand`."""

    name: str = strawberry.field(description="What it is called, like Peak; of a flat tariff the tariff's name.")
    unit_price: Decimal = strawberry.field(description="The price of a kWh without VAT, in the tariff's currency.")
    price_with_vat: Decimal = strawberry.field(description="The price of a kWh with VAT, exactly.")
    from_time: str = strawberry.field(description='The local time at which it begins, inclusive, like "07:00".')
    to_time: str = strawberry.field(
        description='The local time at which it ends, exclusive, "24:00" at the latest; before `fromTime`: next day.'
    )
    weekdays: list[Weekday] = strawberry.field(description="The days of the week that it is for, from Monday on.")
    months: list[int] = strawberry.field(description="The months that it is for, 1 to 12.")
    step_from_kwh: Decimal = strawberry.field(
        description="From which kWh of the local month on it is, in kWh used before it; 0: from the first."
    )
    step_to_kwh: Decimal | None = strawberry.field(
        description="Up to how many kWh of the local month it is, in kWh; null: without end."
    )


@strawberry.type(description="What a kWh costs from a local day on, until the next tariff begins.")
class Tariff:
    """See `resolvers.tariffs.TariffVersion`."""

    name: str = strawberry.field(description="What it is called.")
    valid_from: date = strawberry.field(description="The first local day of the panel that it is for.")
    valid_until: date | None = strawberry.field(
        description="The first local day that it is not for any more; null while no other is to follow."
    )
    time_zone: str = strawberry.field(description="IANA name: its days and hours are the panel's.")
    currency: str = strawberry.field(description="ISO 4217, like IDR.")
    unit_price: Decimal = strawberry.field(description="The price of a kWh without VAT; see `bands` where it varies.")
    vat_percent: Decimal = strawberry.field(description="The VAT on top of it, in percent.")
    price_with_vat: Decimal = strawberry.field(description="The price of a kWh with VAT, exactly.")
    bands: list[TariffBand] = strawberry.field(description="The prices and when each of them is for.")
