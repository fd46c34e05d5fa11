"""Turns exact amounts into money as it is shown."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Final

from metering.currencies import cent_of

MAX_AMOUNT: Final = Decimal(1_000_000_000)
EXACT: Final = Context(prec=200)
"""Rounds no product of an energy, a price and ten taxes on each other: 28 digits, which are usual, would be too few."""


@dataclass(frozen=True, slots=True)
class Money:
    """An amount of a currency (ISO 4217)."""

    amount: Decimal
    currency: str


def money(amount: Decimal, currency: str) -> Money:
    """The amount rounded half up to the currency's least: 0.01 for most, 1 for JPY, 0.001 for KWD."""
    return Money(in_cents(amount, currency), currency)


def in_cents(amount: Decimal, currency: str) -> Decimal:
    """The same without its currency."""
    return amount.quantize(cent_of(currency), ROUND_HALF_UP, EXACT)


def trimmed(number: Decimal) -> Decimal:
    """The number without trailing zeros, and without an exponent."""
    whole = number.quantize(Decimal(1), context=EXACT)
    return whole if whole == number else number.normalize(EXACT)


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    """The sum, of which nothing is rounded; 0 of nothing."""
    total = Decimal(0)
    for amount in amounts:
        total = EXACT.add(total, amount)
    return total
