"""Turns exact amounts into money as it is shown."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
MAX_AMOUNT = Decimal(1_000_000_000)


@dataclass(frozen=True, slots=True)
class Money:
    """An amount of a currency (ISO 4217)."""

    amount: Decimal
    currency: str


def money(amount: Decimal, currency: str) -> Money:
    """The amount rounded half up to 0.01."""
    return Money(amount.quantize(CENT, ROUND_HALF_UP), currency)


def trimmed(number: Decimal) -> Decimal:
    """The number without trailing zeros, and without an exponent."""
    whole = number.to_integral_value()
    return whole if whole == number else number.normalize()
