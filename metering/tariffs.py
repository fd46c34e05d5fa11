"""Turns tariffs and energy into money, and money into energy credit, exactly."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Final

from metering.refusals import Refused

CENT = Decimal("0.01")
MAX_AMOUNT = Decimal(1_000_000_000)
MAX_CREDIT_KWH = Decimal(1_000_000_000)
_UNIT_KWH = Decimal("0.001")


@dataclass(frozen=True, slots=True)
class Money:
    """An amount of a currency (ISO 4217)."""

    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Tariff:
    """What a kWh costs from a local day on: `unit_price` a kWh without VAT, of which `vat_percent` comes on top."""

    name: str
    valid_from: date
    unit_price: Decimal
    currency: str
    vat_percent: Decimal

    @property
    def price_with_vat(self) -> Decimal:
        """What a kWh costs with VAT, exactly, without trailing zeros."""
        return _trimmed(self.unit_price * (100 + self.vat_percent) / 100)

    def cost(self, energy_kwh: Decimal) -> Decimal:
        """What that energy costs with VAT, exactly, without trailing zeros."""
        return cost_of(energy_kwh, price=self.price_with_vat)


def cost_of(energy_kwh: Decimal, *, price: Decimal) -> Decimal:
    """What that energy costs at a price a kWh, exactly, without trailing zeros."""
    return _trimmed(energy_kwh * price)


def _trimmed(number: Decimal) -> Decimal:
    whole = number.to_integral_value()
    return whole if whole == number else number.normalize()


class TariffBook:
    """A panel's tariffs: its own from the first on, before that the default ones."""

    def __init__(self, *, own: Iterable[Tariff], default: Iterable[Tariff]) -> None:
        self._own = sorted(own, key=_start)
        self._default = sorted(default, key=_start)

    def on(self, day: date) -> Tariff | None:
        """The tariff of a local day; None before the first."""
        return _newest(self._own, day) or _newest(self._default, day)

    def versions(self) -> list[tuple[Tariff, date | None]]:
        """The tariffs in the order of their days, each with the day on which the next begins; None for the last."""
        first_own = self._own[0].valid_from if self._own else date.max
        begun = [*(tariff for tariff in self._default if tariff.valid_from < first_own), *self._own]
        ends = [*(tariff.valid_from for tariff in begun[1:]), None]
        return list(zip(begun, ends, strict=False))

    def changes(self, first: date, end: date) -> list[date]:
        """The days after `first` and before `end` on which another tariff may begin."""
        return sorted({t.valid_from for t in (*self._own, *self._default) if first < t.valid_from < end})


def _start(tariff: Tariff) -> date:
    return tariff.valid_from


def _newest(tariffs: list[Tariff], day: date) -> Tariff | None:
    place = bisect_right(tariffs, day, key=_start)
    return tariffs[place - 1] if place else None


NO_TARIFFS: Final = TariffBook(own=(), default=())
"""The book of a panel without any."""


def money(amount: Decimal, currency: str) -> Money:
    """The amount rounded half up to 0.01."""
    return Money(amount.quantize(CENT, ROUND_HALF_UP), currency)


def credit_kwh(paid: Money, tariff: Tariff) -> Decimal:
    """The units that the amount, VAT included, buys: rounded down to 0.001 kWh.

    Raises:
        Refused: BAD_CURRENCY when the tariff has another one; BAD_AMOUNT unless the amount is above zero, at most
            1,000,000,000, has two decimals at the most and buys 0.001 to 1,000,000,000 kWh.
    """
    if paid.currency != tariff.currency:
        raise Refused("BAD_CURRENCY", f"This panel's tariff is in {tariff.currency}.", "amount")
    if not 0 < paid.amount <= MAX_AMOUNT or paid.amount != paid.amount.quantize(CENT):
        raise Refused(
            "BAD_AMOUNT", "`amount` must be above 0 and at most 1000000000, with two decimals at the most.", "amount"
        )
    thousandths = Fraction(paid.amount) * 100_000 / (Fraction(tariff.unit_price) * Fraction(100 + tariff.vat_percent))
    units_kwh = int(thousandths) * _UNIT_KWH
    if not _UNIT_KWH <= units_kwh <= MAX_CREDIT_KWH:
        raise Refused("BAD_AMOUNT", "`amount` must buy 0.001 to 1000000000 kWh.", "amount")
    return units_kwh
