"""Describes money, and what energy costs when."""

from datetime import date, datetime
from decimal import Decimal

import strawberry

from metering.tariffs.cost import ChargeKind
from metering.tariffs.rules import Recurrence, TaxBase, TaxMethod
from resolvers.tariffs import Weekday


@strawberry.type(description="An exact amount of money.")
class Money:
    """See `metering.money.Money`."""

    amount: Decimal = strawberry.field(description="The amount, like 1500.00.")
    currency: str = strawberry.field(description="ISO 4217, like IDR.")


strawberry.enum(
    Weekday,
    description="A day of the week by the tariff's calendar: MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY,"
    " SUNDAY.",
)
strawberry.enum(Recurrence, description="How often a standing charge falls due.")
strawberry.enum(TaxBase, description="What a tax is a percentage of.")
strawberry.enum(TaxMethod, description="How taxes are taken out of what is paid for a top-up.")
strawberry.enum(ChargeKind, description="What a part of a cost is for.")


@strawberry.type(description="One part of a cost.")
class CostLine:
    """See `resolvers.cost_lines.CostLine`."""

    kind: ChargeKind = strawberry.field(description="What it is for.")
    name: str = strawberry.field(
        description="The name of the band, of the standing charge or of the tax; of a minimum charge the tariff's."
    )
    amount: Decimal = strawberry.field(
        description="The amount in the cost's currency, rounded so that all lines together are the cost."
    )


@strawberry.type(description="Hours of some days, by the clock on the wall of the tariff's time zone.")
class TariffWindow:
    """See `resolvers.tariffs.TariffWindow`."""

    from_time: str = strawberry.field(description='The local time at which it begins, inclusive, like "07:00".')
    to_time: str = strawberry.field(
        description='The local time at which it ends, exclusive, "24:00" at the latest; not after `fromTime`: next day.'
    )
    weekdays: list[Weekday] = strawberry.field(description="The weekdays on which it begins, from Monday on.")
    months: list[int] = strawberry.field(description="The months in which it begins, 1 to 12.")


@strawberry.type(description="The price of some of the kWh of a local month.")
class TariffBlock:
    """See `resolvers.tariffs.TariffBlock`."""

    from_kwh: Decimal = strawberry.field(
        description="From which kWh of the local month on it is, in kWh used before it, of all bands; 0: the first."
    )
    to_kwh: Decimal | None = strawberry.field(
        description="Up to how many kWh of the local month it is, in kWh; null: without end."
    )
    unit_price: Decimal = strawberry.field(description="The price of a kWh without taxes, in the tariff's currency.")
    price_with_taxes: Decimal = strawberry.field(description="The price of a kWh with all taxes, exactly.")


@strawberry.type(
    description="What a kWh costs at some hours, such as peak hours; a tariff of one price for all hours has one band."
)
class TariffBand:
    """See `resolvers.tariffs.TariffBand`."""

    name: str = strawberry.field(description="What it is called, like Peak; of a flat tariff the tariff's name.")
    blocks: list[TariffBlock] = strawberry.field(
        description="Its prices, ascending from the month's first kWh; one where a kWh always costs the same."
    )
    windows: list[TariffWindow] = strawberry.field(
        description="The hours that it is for; none: all hours that no other band is for."
    )


@strawberry.type(description="An amount that falls due whatever is used.")
class StandingCharge:
    """See `metering.tariffs.rules.StandingCharge`."""

    name: str = strawberry.field(description="What it is called.")
    amount: Decimal = strawberry.field(description="The amount without taxes, in the tariff's currency.")
    per: Recurrence = strawberry.field(description="How often: at the start of each local day or month.")


@strawberry.type(description="A tax or levy, such as VAT or PPJ.")
class Tax:
    """See `metering.tariffs.rules.Tax`."""

    name: str = strawberry.field(description="What it is called.")
    percent: Decimal = strawberry.field(description="How much, in percent.")
    on: TaxBase = strawberry.field(description="Of what.")


@strawberry.type(description="What is kept of each top-up.")
class Fee:
    """See `metering.tariffs.rules.Fee`."""

    name: str = strawberry.field(description="What it is called.")
    amount: Decimal = strawberry.field(description="An amount in the tariff's currency; 0: none.")
    percent: Decimal = strawberry.field(description="Of what is paid, in percent; 0: nothing.")


@strawberry.type(description="A fixed duty on large payments, such as Indonesia's materai.")
class StampDuty:
    """See `metering.tariffs.rules.StampDuty`."""

    amount: Decimal = strawberry.field(description="The duty, in the tariff's currency.")
    above: Decimal = strawberry.field(description="It is due on payments above this amount, in the tariff's currency.")


@strawberry.type(description="What a top-up bears beside its energy and taxes.")
class Vending:
    """See `metering.tariffs.rules.Vending`."""

    fees: list[Fee] = strawberry.field(description="What is kept of each top-up.")
    stamp_duty: StampDuty | None = strawberry.field(description="The duty on large payments; null: none.")
    debt_percent: Decimal = strawberry.field(
        description="How much of what is paid goes to the panel's debt while there is one, in percent."
    )
    minimum: Decimal | None = strawberry.field(
        description="The least that may be paid, in the tariff's currency; null: any amount."
    )
    taxes: TaxMethod = strawberry.field(description="How taxes are taken out of what is paid.")


@strawberry.type(description="What a kWh costs from a local day on, until the next tariff begins.")
class Tariff:
    """See `resolvers.tariffs.TariffVersion`."""

    name: str = strawberry.field(description="What it is called.")
    valid_from: date = strawberry.field(description="The first local day of the panel that it is for.")
    valid_until: date | None = strawberry.field(
        description="The first local day that it is not for any more; null while no other is to follow."
    )
    time_zone: str | None = strawberry.field(
        description="IANA name of the zone whose hours, days and months count; null where it is each panel's own."
    )
    currency: str = strawberry.field(description="ISO 4217, like IDR.")
    is_flat: bool = strawberry.field(
        description="Whether a kWh costs the same at any time and nothing else falls due: `priceWithTaxes` says it all."
    )
    unit_price: Decimal = strawberry.field(
        description="The price of a kWh without taxes: of the month's first in the first band; see `bands` if not flat."
    )
    tax_percent: Decimal = strawberry.field(description="All taxes on top of it, in percent.")
    price_with_taxes: Decimal = strawberry.field(description="`unitPrice` with all taxes, exactly.")
    bands: list[TariffBand] = strawberry.field(description="The prices and when each of them is for.")
    standing_charges: list[StandingCharge] = strawberry.field(description="What falls due whatever is used.")
    minimum_charge: Decimal | None = strawberry.field(
        description="The least that a local month's energy costs, without taxes, in the tariff's currency; null: none."
    )
    taxes: list[Tax] = strawberry.field(description="The taxes, in the order in which they are added.")
    vending: Vending = strawberry.field(description="What a top-up bears beside its energy and taxes.")
    note: str | None = strawberry.field(description="What people should know of it.")
    source: str | None = strawberry.field(description="Where its figures are from.")


@strawberry.type(description="What the next kWh costs, and when that changes.")
class CurrentPrice:
    """See `resolvers.current_price.CurrentPrice`."""

    currency: str = strawberry.field(description="ISO 4217, like IDR.")
    unit_price: Decimal = strawberry.field(description="The price of a kWh without taxes.")
    price_with_taxes: Decimal = strawberry.field(description="The price of a kWh with all taxes, exactly.")
    band_name: str = strawberry.field(description="The band that is valid now, like Peak.")
    changes_at: datetime | None = strawberry.field(
        description="When another price begins, panel's offset; null where none does within a year."
    )
    changes_at_kwh: Decimal | None = strawberry.field(
        description="At how many kWh of the local month another price begins, whenever that is; null: at none."
    )
