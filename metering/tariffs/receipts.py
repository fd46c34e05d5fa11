"""Turns what was paid into the units that it buys."""

from decimal import Decimal
from fractions import Fraction

from metering.money import CENT, MAX_AMOUNT, Money
from metering.refusals import Refused
from metering.tariffs.rules import Tariff

MAX_CREDIT_KWH = Decimal(1_000_000_000)
_UNIT_KWH = Decimal("0.001")


def credit_kwh(paid: Money, tariff: Tariff) -> Decimal:
    """The units that the amount, taxes included, buys: rounded down to 0.001 kWh.

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
    thousandths = Fraction(paid.amount) * 1000 / (Fraction(tariff.unit_price) * Fraction(tariff.tax_factor))
    units_kwh = int(thousandths) * _UNIT_KWH
    if not _UNIT_KWH <= units_kwh <= MAX_CREDIT_KWH:
        raise Refused("BAD_AMOUNT", "`amount` must buy 0.001 to 1000000000 kWh.", "amount")
    return units_kwh
