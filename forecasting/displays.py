"""Turns what a meter's display showed, and what was bought in between, into the register of what was used."""

from bisect import bisect_right
from collections.abc import Iterator
from itertools import groupby, pairwise

from forecasting.hours import DAY_S
from store.forecast_inputs import CreditRow, ForecastInputs, RegisterPoints

UNKNOWN_FALL_KWH = 1e6
"""How far the register falls where nobody can say what was used: a fall is an unknown span, never usage."""

_SAYS_MORE = 2.0
"""How many times a gap's rise the displays within it must tell: then another meter's register goes on after it."""


def register_of(inputs: ForecastInputs) -> RegisterPoints:
    """The panel's register, and what displays say where it says nothing; by displays alone where it has none.

    Displays say what was used until the register begins, between an old meter's register and a new one's, and after
    its last point. Between the two nobody can say, unless what was left is known at the last point.
    """
    metered = inputs.register
    if not inputs.rows:
        return metered
    if not metered.at_s:
        return register_of_displays(inputs.rows)
    pieces: list[RegisterPoints] = []
    begins = 0
    for place, rows in _gaps(inputs):
        shown = register_of_displays(rows)
        if place == len(metered.at_s):
            break
        if _says_more(shown, metered=metered, place=place):
            pieces += [_part(metered, begins, place), shown]
            begins = place
    last = _part(metered, begins, len(metered.at_s))
    return _joined([*pieces, _continued(last, inputs)])


def history_of(inputs: ForecastInputs) -> RegisterPoints:
    """The register to forecast from: up to a last span that is unknown, where less than a day is known after it.

    Minutes after a gap say nothing of a home, and would outweigh what was told of it before.
    """
    points = register_of(inputs)
    falls = [place for place, rise_kwh in enumerate(_rises(points), start=1) if rise_kwh < -UNKNOWN_FALL_KWH / 2]
    if not falls or points.at_s[-1] - points.at_s[falls[-1]] >= DAY_S:
        return points
    known = _part(points, 0, falls[-1])
    return known if known.at_s[-1] - known.at_s[0] >= DAY_S else points


def _rises(points: RegisterPoints) -> Iterator[float]:
    return (after - before for before, after in pairwise(points.register_kwh))


def _gaps(inputs: ForecastInputs) -> Iterator[tuple[int, list[CreditRow]]]:
    """The rows before each point of the register, with the point's place; those after the last point at its end."""
    at_s = inputs.register.at_s
    for place, rows in groupby(inputs.rows, key=lambda row: bisect_right(at_s, row.at_s)):
        yield place, list(rows)


def _says_more(shown: RegisterPoints, *, metered: RegisterPoints, place: int) -> bool:
    """Whether displays before the point at `place` are to be believed, rather than the register's rise to it."""
    if len(shown.at_s) < 2:
        return False
    if place == 0:
        return True
    rise_kwh = metered.register_kwh[place] - metered.register_kwh[place - 1]
    return sum(max(told_kwh, 0.0) for told_kwh in _rises(shown)) > _SAYS_MORE * rise_kwh


def _part(points: RegisterPoints, start: int, end: int) -> RegisterPoints:
    return RegisterPoints(points.at_s[start:end], points.register_kwh[start:end])


def _continued(metered: RegisterPoints, inputs: ForecastInputs) -> RegisterPoints:
    """The register, and after its last point what displays say."""
    ends_at_s, ends_kwh = metered.at_s[-1], metered.register_kwh[-1]
    rows = [row for row in inputs.rows if row.at_s > ends_at_s]
    if not rows:
        return metered
    shown = register_of_displays([CreditRow(ends_at_s, inputs.left_kwh, 0.0), *rows])
    if shown.at_s[:1] != [ends_at_s]:
        return _joined([metered, shown])
    return RegisterPoints(
        [*metered.at_s, *shown.at_s[1:]],
        [*metered.register_kwh, *(ends_kwh + kwh for kwh in shown.register_kwh[1:])],
    )


def _joined(pieces: list[RegisterPoints]) -> RegisterPoints:
    """One register of several, each after the one before; what was used from one to the next is unknown."""
    at_s: list[float] = []
    register_kwh: list[float] = []
    for piece in pieces:
        if not piece.at_s:
            continue
        offset_kwh = register_kwh[-1] - UNKNOWN_FALL_KWH - piece.register_kwh[0] if register_kwh else 0.0
        at_s += piece.at_s
        register_kwh += [offset_kwh + kwh for kwh in piece.register_kwh]
    return RegisterPoints(at_s, register_kwh)


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
