"""Says what a tariff consists of: prices by hour and month's kWh, standing charges, taxes, and what a top-up bears."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Final

from metering.money import EXACT, exact_sum, trimmed

EVERY_DAY: Final = frozenset(range(7))
EVERY_MONTH: Final = frozenset(range(1, 13))
MINUTES_A_DAY: Final = 24 * 60


@dataclass(frozen=True, slots=True)
class Block:
    """The price of a kWh, without taxes, from that kWh of the local month on; `from_kwh` 0 is the first."""

    from_kwh: Decimal
    unit_price: Decimal


@dataclass(frozen=True, slots=True)
class Window:
    """Local hours of some days: minutes from midnight, the end excluded, up to 24:00.

    An end that is not after the start is on the next day; `weekdays` (0 is Monday) and `months` (1 to 12) are those of
    the day on which the window begins.
    """

    from_minute: int = 0
    to_minute: int = MINUTES_A_DAY
    weekdays: frozenset[int] = EVERY_DAY
    months: frozenset[int] = EVERY_MONTH


@dataclass(frozen=True, slots=True)
class Band:
    """What a kWh costs within its windows; without windows, at all hours that no other band has.

    `blocks` ascend from 0. They count the local month's kWh of all bands.
    """

    name: str
    blocks: tuple[Block, ...]
    windows: tuple[Window, ...] = ()


class Recurrence(Enum):
    """How often a standing charge falls due: as a local day or a local month begins."""

    DAY = "DAY"
    MONTH = "MONTH"


@dataclass(frozen=True, slots=True)
class StandingCharge:
    """An amount that falls due whatever is used, without taxes."""

    name: str
    amount: Decimal
    per: Recurrence


class TaxBase(Enum):
    """What a tax is a percentage of, unless it is deducted from payments (see `TaxMethod`).

    ENERGY: the price of energy. NET: that and standing and minimum charges. COMPOUND: NET and the taxes before it.
    """

    ENERGY = "ENERGY"
    NET = "NET"
    COMPOUND = "COMPOUND"


@dataclass(frozen=True, slots=True)
class Tax:
    """A tax or levy, such as VAT or PPJ."""

    name: str
    percent: Decimal
    on: TaxBase = TaxBase.NET


@dataclass(frozen=True, slots=True)
class Fee:
    """What is kept of each top-up: an amount, and a percentage of what is paid."""

    name: str
    amount: Decimal = Decimal(0)
    percent: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class StampDuty:
    """A fixed duty on a payment above an amount, such as Indonesia's materai."""

    amount: Decimal
    above: Decimal


class TaxMethod(Enum):
    """How taxes are taken out of a payment.

    ADDED: the payment is the price and the taxes on it. DEDUCTED: a tax is its percentage of the payment itself.
    """

    ADDED = "ADDED"
    DEDUCTED = "DEDUCTED"


@dataclass(frozen=True, slots=True)
class Vending:
    """What a top-up bears beside its energy; `minimum` is the least that may be paid.

    `debt_percent` of what is paid goes to the panel's debt, as long as there is one.
    """

    fees: tuple[Fee, ...] = ()
    stamp_duty: StampDuty | None = None
    debt_percent: Decimal = Decimal(0)
    minimum: Decimal | None = None
    taxes: TaxMethod = TaxMethod.ADDED


@dataclass(frozen=True, slots=True)
class Tariff:
    """What energy costs from a local day on.

    `minimum_charge` is the least that a local month's energy costs, without taxes. `time_zone` is whose hours, days and
    months count, None for the panel's; `valid_from` is the panel's local day in any case. `note` and `source` are for
    people. `checks.checked` says what may be in it.
    """

    name: str
    valid_from: date
    currency: str
    bands: tuple[Band, ...]
    standing_charges: tuple[StandingCharge, ...] = ()
    minimum_charge: Decimal | None = None
    taxes: tuple[Tax, ...] = ()
    vending: Vending = Vending()
    time_zone: str | None = None
    note: str | None = None
    source: str | None = None

    @property
    def is_flat(self) -> bool:
        """Whether a kWh costs the same at any time, however much is used, and nothing else falls due."""
        is_one_price = len(self.bands) == 1 and len(self.bands[0].blocks) == 1
        return is_one_price and not self.standing_charges and self.minimum_charge is None

    @property
    def unit_price(self) -> Decimal:
        """The price of the first kWh of the month in the first band, without taxes."""
        return self.bands[0].blocks[0].unit_price

    @property
    def tax_shares(self) -> list[tuple[Decimal, Decimal]]:
        """How much of each tax is on 1 of the price of energy, and on 1 of standing and minimum charges, exactly."""
        one, none = Decimal(1), Decimal(0)
        energy, charges = one, one
        shares: list[tuple[Decimal, Decimal]] = []
        for tax in self.taxes:
            base = {TaxBase.ENERGY: (one, none), TaxBase.NET: (one, one), TaxBase.COMPOUND: (energy, charges)}[tax.on]
            shares.append((_percent_of(base[0], tax.percent), _percent_of(base[1], tax.percent)))
            energy, charges = EXACT.add(energy, shares[-1][0]), EXACT.add(charges, shares[-1][1])
        return shares

    @property
    def tax_factor(self) -> Decimal:
        """What a price of energy is multiplied with to include all taxes, exactly."""
        return exact_sum((Decimal(1), *(on_energy for on_energy, _ in self.tax_shares)))

    @property
    def price_with_taxes(self) -> Decimal:
        """`unit_price` with all taxes, exactly, without trailing zeros."""
        return trimmed(EXACT.multiply(self.unit_price, self.tax_factor))

    @property
    def tax_percent(self) -> Decimal:
        """All taxes together in percent of the price of energy."""
        return trimmed(EXACT.subtract(self.tax_factor, Decimal(1)).scaleb(2, EXACT))


def _percent_of(amount: Decimal, percent: Decimal) -> Decimal:
    return EXACT.multiply(amount, percent).scaleb(-2, EXACT)


def flat(
    name: str, *, valid_from: date, unit_price: Decimal, currency: str, vat_percent: Decimal = Decimal(0)
) -> Tariff:
    """A tariff of one price a kWh, without VAT, of which `vat_percent` comes on top."""
    vat = (Tax("VAT", vat_percent),) if vat_percent else ()
    return Tariff(name, valid_from, currency, (Band(name, (Block(Decimal(0), unit_price),)),), taxes=vat)
