"""Turns what a meter's display showed, and what was bought in between, into the register of what was used."""

from store.forecast_inputs import CreditRow, ForecastInputs, RegisterPoints

UNKNOWN_FALL_KWH = 1e6
"""How far the register falls where nobody can say what was used: a fall is an unknown span, never usage."""


def register_of(inputs: ForecastInputs) -> RegisterPoints:
    """The panel's register, and after its last point what the displays say; by displays alone where it has none."""
    if not inputs.rows:
        return inputs.register
    if not inputs.register.at_s:
        return register_of_displays(inputs.rows)
    metered, (ends_at_s, ends_kwh) = inputs.register, (inputs.register.at_s[-1], inputs.register.register_kwh[-1])
    start = CreditRow(ends_at_s, inputs.left_kwh, 0.0)
    shown = register_of_displays([start, *inputs.rows])
    first = 1 if shown.at_s[:1] == [ends_at_s] else 0
    offset_kwh = ends_kwh if first else ends_kwh - UNKNOWN_FALL_KWH
    return RegisterPoints(
        [*metered.at_s, *shown.at_s[first:]],
        [*metered.register_kwh, *(offset_kwh + kwh for kwh in shown.register_kwh[first:])],
    )


def register_of_displays(rows: list[CreditRow]) -> RegisterPoints:
    """One point a look at the display, from 0 at the first: between two looks, what was left and added less what is.

    `rows` are in the order in which they took effect. Where more is left than can be, something was bought that
    nobody typed in: the register falls far, so that the span counts as unknown.
    """
    at_s: list[float] = []
    register_kwh: list[float] = []
    total_kwh, left_kwh = 0.0, None
    for row in rows:
        if row.shown_kwh is None:
            left_kwh = None if left_kwh is None else left_kwh + row.units_kwh
            continue
        used_kwh = 0.0 if left_kwh is None else left_kwh - row.shown_kwh
        total_kwh += used_kwh if used_kwh >= 0 else -UNKNOWN_FALL_KWH
        at_s.append(row.at_s)
        register_kwh.append(round(total_kwh, 6))
        left_kwh = row.shown_kwh
    return RegisterPoints(at_s, register_kwh)
