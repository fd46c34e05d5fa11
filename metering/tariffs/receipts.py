"""Turns what is paid into the units that it buys, with a receipt, and units into what has to be paid for them."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from fractions import Fraction

from metering.currencies import cent_of, minor_digits
from metering.money import MAX_AMOUNT, Money
from metering.refusals import Refused
from metering.tariffs.rules import StandingCharge, Tariff
from metering.tariffs.sales import (
    Sale,
    debt_amount,
    energy_price,
    exact_energy,
    fee_amount,
    first_price,
    sale_of,
    tax_amounts,
    units_for,
)

MAX_CREDIT_KWH = Decimal(1_000_000_000)
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
            for energy, and buys 0.001 to 1,000,000,000 kWh.
    """
    sale = sale_of(tariff, at=at, bought_kwh=bought_kwh, debt=debt, standing_due=standing_due)
    _check_payment(paid, tariff)
    lines = list(_deductions(paid.amount, sale))
    energy = paid.amount - sum((line.amount for line in lines), Decimal(0))
    if energy <= 0:
        needed = paid.amount - energy
        raise _bad_amount(f"`amount` must be above {needed} {tariff.currency}: so much goes off it before energy.")
    lines.append(ReceiptLine(ReceiptKind.ENERGY, sale.band.name, energy))
    return Receipt(paid, tuple(lines), energy, _units_bought(energy, sale), first_price(sale), tariff)


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
        Refused: BAD_AMOUNT unless the units are above 0, of three decimals at the most, and cost at most
            1,000,000,000.
    """
    sale = sale_of(tariff, at=at, bought_kwh=bought_kwh, debt=debt, standing_due=standing_due)
    if not (units_kwh.is_finite() and 0 < units_kwh <= MAX_CREDIT_KWH) or units_kwh % _UNIT_KWH:
        message = f"`unitsKwh` must be above 0 and at most {MAX_CREDIT_KWH}, with three decimals at the most."
        raise Refused("BAD_AMOUNT", message, "unitsKwh")
    amount = _least_amount(energy_price(units_kwh, sale), sale)
    if amount is None:
        message = f"`unitsKwh` must cost at most {MAX_AMOUNT} {tariff.currency}, all charges included."
        raise Refused("BAD_AMOUNT", message, "unitsKwh")
    paid = Money(amount, tariff.currency)
    return vend(paid, tariff, at=at, bought_kwh=bought_kwh, debt=debt, standing_due=standing_due)


def _check_payment(paid: Money, tariff: Tariff) -> None:
    if paid.currency != tariff.currency:
        raise Refused("BAD_CURRENCY", f"This panel's tariff is in {tariff.currency}.", "amount")
    is_in_range = paid.amount.is_finite() and 0 < paid.amount <= MAX_AMOUNT
    if not is_in_range or paid.amount % cent_of(paid.currency):
        decimals = {0: "no", 2: "two", 3: "three"}[minor_digits(paid.currency)]
        raise _bad_amount(f"`amount` must be above 0 and at most {MAX_AMOUNT}, with {decimals} decimals at the most.")
    least = tariff.vending.minimum
    if least is not None and paid.amount < least:
        raise _bad_amount(f"`amount` must be at least {least} {tariff.currency}, the least that this tariff sells for.")


def _bad_amount(message: str) -> Refused:
    return Refused("BAD_AMOUNT", message, "amount")


def _deductions(gross: Decimal, sale: Sale) -> Iterator[ReceiptLine]:
    """What goes off a payment before energy, line by line."""
    lines = [line for line in _before_taxes(gross, sale) if line.amount]
    yield from lines
    left = Fraction(gross) - sum((Fraction(line.amount) for line in lines), Fraction(0))
    exact = tax_amounts(Fraction(gross), left=left, sale=sale)
    for tax, amount in zip(sale.tariff.taxes, exact, strict=True):
        if rounded := sale.rounded(max(amount, Fraction(0))):
            yield ReceiptLine(ReceiptKind.TAX, tax.name, rounded, tax.percent)


def _before_taxes(gross: Decimal, sale: Sale) -> Iterator[ReceiptLine]:
    vending = sale.tariff.vending
    if duty := vending.stamp_duty:
        amount = duty.amount if gross > duty.above else Decimal(0)
        yield ReceiptLine(ReceiptKind.STAMP_DUTY, "Stamp duty", sale.rounded(Fraction(amount)))
    for fee in vending.fees:
        amount = sale.rounded(fee_amount(fee, Fraction(gross)))
        yield ReceiptLine(ReceiptKind.FEE, fee.name, amount, fee.percent or None)
    for charge in sale.standing_due:
        yield ReceiptLine(ReceiptKind.STANDING_CHARGE, charge.name, sale.rounded(Fraction(charge.amount)))
    debt = debt_amount(Fraction(gross), sale)
    percent = None if debt == Fraction(sale.debt) else vending.debt_percent
    yield ReceiptLine(ReceiptKind.DEBT, "Debt", sale.rounded(debt), percent)


def _units_bought(energy: Decimal, sale: Sale) -> Decimal:
    """The units for this much money, in 0.001 kWh.

    Raises:
        Refused: BAD_AMOUNT unless they are 0.001 to 1,000,000,000 kWh.
    """
    exact_kwh = units_for(Fraction(energy), sale)
    if exact_kwh is None or not _UNIT_KWH <= exact_kwh <= MAX_CREDIT_KWH:
        raise _bad_amount(f"`amount` must buy 0.001 to {MAX_CREDIT_KWH} kWh.")
    return int(exact_kwh * 1000) * _UNIT_KWH


def _least_amount(price: Fraction, sale: Sale) -> Decimal | None:
    """The least payment that leaves this much for energy; None when it is over the most that may be paid.

    What is left grows with the payment, but for its fall where the stamp duty begins, and for the roundings: at most
    half a cent a line.
    """
    cent, vending = Fraction(sale.cent), sale.tariff.vending
    needed = max(-(-price // cent), 1)
    least, most = -(-Fraction(vending.minimum or 0) // cent), Fraction(MAX_AMOUNT) // cent
    free = Fraction(vending.stamp_duty.above) // cent if vending.stamp_duty else most
    for low, high in ((max(least, 1), min(free, most)), (max(least, free + 1), most)):
        if (found := _least_cents(needed, low=low, high=high, sale=sale)) is not None:
            return found * sale.cent
    return None


def _least_cents(needed: int, *, low: int, high: int, sale: Sale) -> int | None:
    """The least payment from `low` to `high` that leaves `needed` for energy, all in cents; no duty begins between."""
    rounded_lines = len(sale.tariff.vending.fees) + len(sale.tariff.taxes) + 1
    enough = needed - Fraction(rounded_lines, 2)
    first = low + bisect_left(range(low, high + 1), enough, key=lambda paid: exact_energy(paid, sale))
    payments = (paid for paid in range(first, high + 1) if _energy(paid * sale.cent, sale) >= needed * sale.cent)
    return next(payments, None)


def _energy(gross: Decimal, sale: Sale) -> Decimal:
    """What a payment leaves for energy; may be negative."""
    return gross - sum((line.amount for line in _deductions(gross, sale)), Decimal(0))
