"""Turns what is left into the sentence that a person reads."""

from decimal import Decimal

_HOURS_A_DAY = 24


def low_units_message(panel_name: str, *, left_kwh: Decimal, days_left: Decimal | None, is_likely: bool = False) -> str:
    """A warning such as "Flat 3A has 4.8 kWh left, enough for about 1.3 days." Nothing left is said plainly.

    `is_likely`: nobody has read the meter for a while, and what was used since is an estimate.
    """
    likely = "likely " if is_likely else ""
    if left_kwh <= 0:
        return f"{panel_name} has {likely}used up its units."
    left = f"{panel_name} {likely}has {left_kwh.quantize(Decimal('0.1')) or left_kwh} kWh left"
    return f"{left}." if days_left is None else f"{left}, enough for {_span(days_left)}."


def _span(days_left: Decimal) -> str:
    hours = round(days_left * _HOURS_A_DAY)
    if hours < 1:
        return "less than an hour"
    if hours < 2 * _HOURS_A_DAY:
        return "about an hour" if hours == 1 else f"about {hours} hours"
    return f"about {round(days_left, 1).normalize():f} days"
