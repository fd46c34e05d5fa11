"""Says which keys a tariff has as data, such as a JSON file."""

from datetime import date
from decimal import Decimal
from typing import Literal

import msgspec

from metering.tariffs.times import Weekday


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """An object of a document; its keys are the names of its fields."""


class WindowDocument(_Part, frozen=True):
    """Local hours of some days; see `metering.tariffs.rules.Window`. Times are like 07:00, up to 24:00."""

    from_: str = msgspec.field(name="from", default="00:00")
    to: str = "24:00"
    weekdays: list[Weekday] | None = None
    months: list[int] | None = None


class BlockDocument(_Part, frozen=True):
    """The price of a kWh from that kWh of the local month on."""

    from_kwh: Decimal
    unit_price: Decimal


class BandDocument(_Part, frozen=True):
    """What a kWh costs at some hours: `unit_price`, or `blocks` where it hangs on what was used in the month."""

    name: str
    unit_price: Decimal | None = None
    blocks: list[BlockDocument] | None = None
    windows: list[WindowDocument] = []


class StandingChargeDocument(_Part, frozen=True):
    """An amount that falls due each local day or month, without taxes."""

    name: str
    amount: Decimal
    per: Literal["DAY", "MONTH"]


class TaxDocument(_Part, frozen=True):
    """A percentage of the price of energy, of all charges (NET), or of all and the taxes before it (COMPOUND)."""

    name: str
    percent: Decimal
    on: Literal["ENERGY", "NET", "COMPOUND"] = "NET"


class FeeDocument(_Part, frozen=True):
    """What is kept of each top-up."""

    name: str
    amount: Decimal | None = None
    percent: Decimal | None = None


class StampDutyDocument(_Part, frozen=True):
    """A duty on each payment above an amount."""

    amount: Decimal
    above: Decimal


class VendingDocument(_Part, frozen=True):
    """What a top-up bears beside its energy."""

    fees: list[FeeDocument] = []
    stamp_duty: StampDutyDocument | None = None
    debt_percent: Decimal | None = None
    minimum: Decimal | None = None
    taxes: Literal["ADDED", "DEDUCTED"] = "ADDED"


class TariffDocument(_Part, frozen=True):
    """A tariff: `unit_price` where a kWh always costs the same, else `bands`."""

    name: str
    valid_from: date
    currency: str
    unit_price: Decimal | None = None
    bands: list[BandDocument] | None = None
    standing_charges: list[StandingChargeDocument] = []
    minimum_charge: Decimal | None = None
    taxes: list[TaxDocument] = []
    vending: VendingDocument | None = None
    time_zone: str | None = None
    note: str | None = None
    source: str | None = None
