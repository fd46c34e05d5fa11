"""Turns the windows of a tariff's bands into the first hour that two of them have, or none."""

import calendar
from collections.abc import Iterator
from itertools import pairwise, product

from metering.tariffs.hours import Claim, DayKind, claims
from metering.tariffs.rules import MINUTES_A_DAY, Band
from metering.tariffs.times import WEEKDAYS, clock_time

_MONTHS = tuple(calendar.month_name)[1:]


def week_problem(bands: tuple[Band, ...]) -> tuple[str, str] | None:
    """The path of what is wrong with the hours, and what is accepted there; None where each hour has one band.

    Looked at are the minutes of all weekdays in each month, and of the first day of each, into which a window of the
    month before may last.
    """
    rest = [index for index, band in enumerate(bands) if not band.windows]
    if len(rest) > 1:
        accepted = f"must be given: {bands[rest[0]].name} has all hours that no other band has."
        return f"bands[{rest[1]}].windows", accepted
    if len(bands) == len(rest):
        return None
    return next((found for kind in _kinds() if (found := _day_problem(bands, kind=kind, has_rest=bool(rest)))), None)


def _kinds() -> Iterator[DayKind]:
    for is_first, month, weekday in product((False, True), range(1, 13), range(7)):
        yield DayKind(month, weekday, (month - 2) % 12 + 1 if is_first else month)


def _day_problem(bands: tuple[Band, ...], *, kind: DayKind, has_rest: bool) -> tuple[str, str] | None:
    claimed = claims(bands, kind=kind)
    for before, claim in pairwise(claimed):
        if claim.from_minute < before.to_minute:
            both = f"{bands[before.band_index].name} and {bands[claim.band_index].name}"
            path = f"bands[{claim.band_index}].windows[{claim.window_index}]"
            return path, f"must not overlap another: {both} both have {_spoken(kind, claim.from_minute)}."
    return None if has_rest else _gap(bands, claimed, kind=kind)


def _gap(bands: tuple[Band, ...], claimed: list[Claim], *, kind: DayKind) -> tuple[str, str] | None:
    """The first minute of a day without a band, of claims that do not overlap."""
    free_from, before = 0, "midnight"
    for claim in claimed:
        if claim.from_minute > free_from:
            return _no_band(kind, free_from, before=before, after=bands[claim.band_index].name)
        free_from, before = claim.to_minute, bands[claim.band_index].name
    return _no_band(kind, free_from, before=before, after="midnight") if free_from < MINUTES_A_DAY else None


def _no_band(kind: DayKind, minute: int, *, before: str, after: str) -> tuple[str, str]:
    between = f"no band has {_spoken(kind, minute)}, between {before} and {after}"
    return "bands", f"must have every hour: {between}. A band without windows has all hours that are left."


def _spoken(kind: DayKind, minute: int) -> str:
    month = _MONTHS[kind.month - 1]
    when = f"in {month}" if kind.month == kind.month_before else f"when it is 1 {month}"
    return f"{WEEKDAYS[kind.weekday].title()} {clock_time(minute)} {when}"
