"""Turns what is paid into the units that it buys, with a receipt, and units into what has to be paid for them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from math import ceil
from typing import Final

from metering.currencies import cent_of, minor_digits
from metering.money import MAX_AMOUNT, Money
from metering.refusals import Refused
from metering.tariffs.rules import StandingCharge, Tariff
from metering.tariffs.sales import (
    Sale,
    Split,
    cents_of,
    energy_price,
    first_price,
    least_payment,
    sale_of,
    split_of,
    units_for,
)

MAX_UNITS_KWH: Final = Decimal(100_000)
"""The most that is credited at once: a flat would use it in decades."""
_UNIT_KWH = Decimal("0.001")


class ReceiptKind(Enum):
    """What a part of a payment is for, in the order of a receipt."""

    STAMP_DUTY = "STAMP_DUTY"
    FEE = "FEE"
    STANDING_CHARGE = "STANDING_CHARGE"
    DEBT = "DEBT"
    TAX = "TAX"
    ENERGY = "ENERGY"


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """A part of a payment; `percent` where it is a percentage, of what its rule says."""

    kind: ReceiptKind
    name: str
    amount: Decimal
    percent: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a payment bought; its lines add up to `gross` exactly.

    `energy` is the money that bought the units, without taxes; `unit_price` that of the first kWh, without taxes.
    """

    gross: Money
    lines: tuple[ReceiptLine, ...]
    energy: Decimal
    units_kwh: Decimal
    unit_price: Decimal
    tariff: Tariff


def vend(
    paid: Money,
    tariff: Tariff,
    *,
    at: datetime,
    bought_kwh: Decimal = Decimal(0),
    debt: Decimal = Decimal(0),
    standing_due: tuple[StandingCharge, ...] = (),
) -> Receipt:
    """What a payment buys at a local instant (aware, in the panel's zone): units are rounded down to 0.001 kWh.

    Off it go the stamp duty, the fees, the standing charges that are due, a part for the debt, and the taxes, each
    rounded half up to the currency's least amount; the rest buys energy, in the band of `at`, after `bought_kwh`, the
    units bought before in the local month.

    Raises:
        Refused: BAD_CURRENCY when the tariff has another one; BAD_AMOUNT unless the amount is above zero, at most
            1,000,000,000, of no more decimals than the currency has, at least the tariff's minimum, leaves something
            for energy, and buys 0.001 to 100,000 kWh.
    """
    sale = sale_of(tariff, at=at, bought_kwh=bought_kwh, debt=debt, standing_due=standing_due)
    _check_payment(paid, tariff)
    split = split_of(int(paid.amount / sale.cent), sale)
    energy = split.energy * sale.cent
    if energy <= 0:
        needed = paid.amount - energy
        raise _bad_amount(f"`amount` must be more: {needed} {tariff.currency} go off it before energy.")
    lines = tuple(line for line in _lines(split, tariff=tariff, sale=sale, standing_due=standing_due) if line.amount)
    return Receipt(paid, lines, energy, _units_bought(energy, sale), first_price(sale), tariff)


def quote(
    units_kwh: Decimal,
    tariff: Tariff,
    *,
    at: datetime,
    bought_kwh: Decimal = Decimal(0),
    debt: Decimal = Decimal(0),
    standing_due: tuple[StandingCharge, ...] = (),
) -> Receipt:
    """The receipt of the least amount that buys at least these units; see `vend`.

    It may buy some more: to the minimum payment, and as far as the least amount of money goes.

    Raises:
        Refused: BAD_AMOUNT unless the units are above 0 and at most 100,000, of three decimals at the most, and cost at
            most 1,000,000,000.
    """
    sale = sale_of(tariff, at=at, bought_kwh=bought_kwh, debt=debt, standing_due=standing_due)
    if not (units_kwh.is_finite() and 0 < units_kwh <= MAX_UNITS_KWH) or units_kwh % _UNIT_KWH:
        message = f"`unitsKwh` must be above 0 and at most {MAX_UNITS_KWH:,} kWh, with three decimals at the most."
        raise Refused("BAD_AMOUNT", message, "unitsKwh")
    least, most = (ceil(cents_of(amount, sale.cent)) for amount in (tariff.vending.minimum or Decimal(0), MAX_AMOUNT))
    cents = least_payment(energy_price(units_kwh, sale), sale, least=max(least, 1), most=most)
    if cents is None:
        message = f"`unitsKwh` must cost at most {MAX_AMOUNT:,} {tariff.currency}, all charges included."
        raise Refused("BAD_AMOUNT", message, "unitsKwh")
    paid = Money(cents * sale.cent, tariff.currency)
    return vend(paid, tariff, at=at, bought_kwh=bought_kwh, debt=debt, standing_due=standing_due)


def _check_payment(paid: Money, tariff: Tariff) -> None:
    if paid.currency != tariff.currency:
        raise Refused("BAD_CURRENCY", f"This panel's tariff is in {tariff.currency}.", "amount")
    is_in_range = paid.amount.is_finite() and 0 < paid.amount <= MAX_AMOUNT
    if not is_in_range or paid.amount % cent_of(paid.currency):
        decimals = {0: "no", 2: "two", 3: "three"}[minor_digits(paid.currency)]
        raise _bad_amount(f"`amount` must be above 0 and at most {MAX_AMOUNT:,}, with {decimals} decimals at the most.")
    least = tariff.vending.minimum
    if least is not None and paid.amount < least:
        raise _bad_amount(f"`amount` must be at least {least} {tariff.currency}, the least that this tariff sells for.")


def _bad_amount(message: str) -> Refused:
    return Refused("BAD_AMOUNT", message, "amount")


def _lines(
    split: Split, *, tariff: Tariff, sale: Sale, standing_due: tuple[StandingCharge, ...]
) -> Iterator[ReceiptLine]:
    """All parts of a payment, those of nothing too."""
    cent, vending = sale.cent, tariff.vending
    yield ReceiptLine(ReceiptKind.STAMP_DUTY, "Stamp duty", split.duty * cent)
    for fee, amount in zip(vending.fees, split.fees, strict=True):
        yield ReceiptLine(ReceiptKind.FEE, fee.name, amount * cent, fee.percent or None)
    for charge, amount in zip(standing_due, sale.standing, strict=True):
        yield ReceiptLine(ReceiptKind.STANDING_CHARGE, charge.name, amount * cent)
    percent = None if split.debt == sale.debt else vending.debt_percent
    yield ReceiptLine(ReceiptKind.DEBT, "Debt", split.debt * cent, percent)
    for tax, amount in zip(tariff.taxes, split.taxes, strict=True):
        yield ReceiptLine(ReceiptKind.TAX, tax.name, amount * cent, tax.percent)
    yield ReceiptLine(ReceiptKind.ENERGY, sale.band.name, split.energy * cent)


def _units_bought(energy: Decimal, sale: Sale) -> Decimal:
    """The units for this much money, in 0.001 kWh.

    Raises:
        Refused: BAD_AMOUNT unless they are 0.001 to 100,000 kWh.
    """
    exact_kwh = units_for(Fraction(energy), sale)
    if exact_kwh is None or exact_kwh > MAX_UNITS_KWH:
        raise _bad_amount(f"`amount` must be less: it may buy at most {MAX_UNITS_KWH:,} kWh at once.")
    if exact_kwh < _UNIT_KWH:
        raise _bad_amount(f"`amount` must be more: it buys less than {_UNIT_KWH} kWh.")
    return int(exact_kwh * 1000) * _UNIT_KWH
