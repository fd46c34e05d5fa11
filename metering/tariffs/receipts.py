"""Turns what is paid into the units that it buys, with a receipt, and units into what has to be paid for them."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from itertools import zip_longest
from zoneinfo import ZoneInfo

from metering.currencies import cent_of, minor_digits
from metering.money import MAX_AMOUNT, Money
from metering.refusals import Refused
from metering.tariffs.hours import Hours
from metering.tariffs.rules import Band, Block, Fee, StandingCharge, Tariff, TaxBase, TaxMethod

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
    sale = _sale(tariff, at=at, bought_kwh=bought_kwh, debt=debt, standing_due=standing_due)
    _check_payment(paid, tariff)
    lines = list(_deductions(paid.amount, sale))
    energy = paid.amount - sum((line.amount for line in lines), Decimal(0))
    if energy <= 0:
        needed = paid.amount - energy
        raise _bad_amount(f"`amount` must be above {needed} {tariff.currency}: so much goes off it before energy.")
    lines.append(ReceiptLine(ReceiptKind.ENERGY, sale.band.name, energy))
    return Receipt(paid, tuple(lines), energy, _units_bought(energy, sale), _unit_price(sale), tariff)


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
    sale = _sale(tariff, at=at, bought_kwh=bought_kwh, debt=debt, standing_due=standing_due)
    if not (units_kwh.is_finite() and 0 < units_kwh <= MAX_CREDIT_KWH) or units_kwh % _UNIT_KWH:
        message = f"`unitsKwh` must be above 0 and at most {MAX_CREDIT_KWH}, with three decimals at the most."
        raise Refused("BAD_AMOUNT", message, "unitsKwh")
    amount = _least_amount(_energy_price(units_kwh, sale), sale)
    if amount is None:
        message = f"`unitsKwh` must cost at most {MAX_AMOUNT} {tariff.currency}, all charges included."
        raise Refused("BAD_AMOUNT", message, "unitsKwh")
    paid = Money(amount, tariff.currency)
    return vend(paid, tariff, at=at, bought_kwh=bought_kwh, debt=debt, standing_due=standing_due)


@dataclass(frozen=True, slots=True)
class _Sale:
    """What decides on a receipt beside the amount; `cent` is the currency's least amount."""

    tariff: Tariff
    band: Band
    bought_kwh: Decimal
    debt: Decimal
    standing_due: tuple[StandingCharge, ...]
    cent: Decimal

    def rounded(self, amount: Fraction) -> Decimal:
        """Half up to the cent."""
        return int(amount / Fraction(self.cent) + Fraction(1, 2)) * self.cent

    @property
    def standing(self) -> Fraction:
        """The standing charges that are due."""
        return sum((Fraction(self.rounded(Fraction(charge.amount))) for charge in self.standing_due), Fraction(0))


def _sale(
    tariff: Tariff, *, at: datetime, bought_kwh: Decimal, debt: Decimal, standing_due: tuple[StandingCharge, ...]
) -> _Sale:
    local = at.astimezone(ZoneInfo(tariff.time_zone)) if tariff.time_zone else at
    band = Hours(tariff.bands).band_at(local)
    return _Sale(tariff, band, bought_kwh, debt, standing_due, cent_of(tariff.currency))


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


def _deductions(gross: Decimal, sale: _Sale) -> Iterator[ReceiptLine]:
    """What goes off a payment before energy, line by line."""
    lines = [line for line in _before_taxes(gross, sale) if line.amount]
    yield from lines
    left = Fraction(gross) - sum((Fraction(line.amount) for line in lines), Fraction(0))
    exact = _tax_amounts(Fraction(gross), left=left, sale=sale)
    for tax, amount in zip(sale.tariff.taxes, exact, strict=True):
        if rounded := sale.rounded(max(amount, Fraction(0))):
            yield ReceiptLine(ReceiptKind.TAX, tax.name, rounded, tax.percent)


def _before_taxes(gross: Decimal, sale: _Sale) -> Iterator[ReceiptLine]:
    vending = sale.tariff.vending
    if duty := vending.stamp_duty:
        amount = duty.amount if gross > duty.above else Decimal(0)
        yield ReceiptLine(ReceiptKind.STAMP_DUTY, "Stamp duty", sale.rounded(Fraction(amount)))
    for fee in vending.fees:
        yield ReceiptLine(ReceiptKind.FEE, fee.name, sale.rounded(_fee(fee, Fraction(gross))), fee.percent or None)
    for charge in sale.standing_due:
        yield ReceiptLine(ReceiptKind.STANDING_CHARGE, charge.name, sale.rounded(Fraction(charge.amount)))
    debt = _debt(Fraction(gross), sale)
    percent = None if debt == Fraction(sale.debt) else vending.debt_percent
    yield ReceiptLine(ReceiptKind.DEBT, "Debt", sale.rounded(debt), percent)


def _fee(fee: Fee, gross: Fraction) -> Fraction:
    return Fraction(fee.amount) + gross * Fraction(fee.percent) / 100


def _debt(gross: Fraction, sale: _Sale) -> Fraction:
    return min(Fraction(sale.debt), gross * Fraction(sale.tariff.vending.debt_percent) / 100)


def _tax_amounts(gross: Fraction, *, left: Fraction, sale: _Sale) -> list[Fraction]:
    """Each tax exactly, where `left` remains for energy and all taxes."""
    if sale.tariff.vending.taxes is TaxMethod.DEDUCTED:
        return [gross * Fraction(tax.percent) / 100 for tax in sale.tariff.taxes]
    of_standing = sum(_taxes_on(Fraction(0), sale=sale), Fraction(0))
    factor = 1 + sum(_taxes_on(Fraction(1), sale=sale), Fraction(0)) - of_standing
    return _taxes_on((left - of_standing) / factor, sale=sale)


def _taxes_on(energy: Fraction, *, sale: _Sale) -> list[Fraction]:
    """Each tax on the price of energy and the standing charges that are due, exactly."""
    net = before = energy + sale.standing
    found: list[Fraction] = []
    for tax in sale.tariff.taxes:
        base = {TaxBase.ENERGY: energy, TaxBase.NET: net, TaxBase.COMPOUND: before}[tax.on]
        found.append(base * Fraction(tax.percent) / 100)
        before += found[-1]
    return found


def _units_bought(energy: Decimal, sale: _Sale) -> Decimal:
    """The units for this much money, in 0.001 kWh.

    Raises:
        Refused: BAD_AMOUNT unless they are 0.001 to 1,000,000,000 kWh.
    """
    exact_kwh = _units(Fraction(energy), sale)
    if exact_kwh is None or not _UNIT_KWH <= exact_kwh <= MAX_CREDIT_KWH:
        raise _bad_amount(f"`amount` must buy 0.001 to {MAX_CREDIT_KWH} kWh.")
    return int(exact_kwh * 1000) * _UNIT_KWH


def _units(left: Fraction, sale: _Sale) -> Fraction | None:
    """The units for this much money, exactly; None without end, where the last block costs nothing."""
    units_kwh = Fraction(0)
    for block, room_kwh in _blocks_ahead(sale):
        price = Fraction(block.unit_price)
        if room_kwh is None or price * room_kwh > left:
            return units_kwh + left / price if price else None
        units_kwh += room_kwh
        left -= price * room_kwh
    return units_kwh


def _blocks_ahead(sale: _Sale) -> Iterator[tuple[Block, Fraction | None]]:
    """The blocks of the band that are not used up, and how many kWh each still has; None: without end."""
    blocks = sale.band.blocks
    for block, following in zip_longest(blocks, blocks[1:]):
        if following is None:
            yield block, None
        elif following.from_kwh > sale.bought_kwh:
            yield block, Fraction(following.from_kwh - max(block.from_kwh, sale.bought_kwh))


def _unit_price(sale: _Sale) -> Decimal:
    return next(block.unit_price for block, _ in _blocks_ahead(sale))


def _energy_price(units_kwh: Decimal, sale: _Sale) -> Fraction:
    """What units cost without taxes, exactly."""
    left_kwh, price = Fraction(units_kwh), Fraction(0)
    for block, room_kwh in _blocks_ahead(sale):
        taken_kwh = left_kwh if room_kwh is None else min(room_kwh, left_kwh)
        price += taken_kwh * Fraction(block.unit_price)
        left_kwh -= taken_kwh
    return price


def _least_amount(price: Fraction, sale: _Sale) -> Decimal | None:
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


def _least_cents(needed: int, *, low: int, high: int, sale: _Sale) -> int | None:
    """The least payment from `low` to `high` that leaves `needed` for energy, all in cents; no duty begins between."""
    slack = len(sale.tariff.vending.fees) + len(sale.tariff.taxes) + 1
    first = low + bisect_left(range(low, high + 1), needed - slack, key=lambda paid: _exact_cents(paid, sale))
    payments = (paid for paid in range(first, high + 1) if _energy(paid * sale.cent, sale) >= needed * sale.cent)
    return next(payments, None)


def _energy(gross: Decimal, sale: _Sale) -> Decimal:
    """What a payment leaves for energy; may be negative."""
    return gross - sum((line.amount for line in _deductions(gross, sale)), Decimal(0))


def _exact_cents(paid: int, sale: _Sale) -> Fraction:
    """The same in cents, before anything is rounded."""
    gross = paid * Fraction(sale.cent)
    duty = sale.tariff.vending.stamp_duty
    left = gross - sale.standing - _debt(gross, sale)
    left -= Fraction(duty.amount) if duty and gross > duty.above else 0
    left -= sum((_fee(fee, gross) for fee in sale.tariff.vending.fees), Fraction(0))
    taxes = sum(_tax_amounts(gross, left=left, sale=sale), Fraction(0))
    return (left - taxes) / Fraction(sale.cent)


def credit_kwh(paid: Money, tariff: Tariff) -> Decimal:
    """The units that a payment buys by a tariff of one price, of which nothing but taxes goes off; see `vend`."""
    _check_payment(paid, tariff)
    thousandths = Fraction(paid.amount) * 1000 / (Fraction(tariff.unit_price) * Fraction(tariff.tax_factor))
    units_kwh = int(thousandths) * _UNIT_KWH
    if not _UNIT_KWH <= units_kwh <= MAX_CREDIT_KWH:
        raise _bad_amount(f"`amount` must buy 0.001 to {MAX_CREDIT_KWH} kWh.")
    return units_kwh
