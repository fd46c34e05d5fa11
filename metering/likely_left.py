"""Turns a balance that nobody has read for a while into what is likely left of it now."""

from decimal import Decimal
from typing import Final

_NOTHING: Final = Decimal("0.000")


def likely_left_kwh(balance_kwh: Decimal, *, use_kwh: Decimal) -> Decimal:
    """The balance less what was likely used since: not below 0, unless the balance itself is."""
    return max(balance_kwh - use_kwh, min(balance_kwh, _NOTHING))
