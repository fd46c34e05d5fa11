"""Turns the windows of a tariff's bands into the band of each local minute."""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise

from metering.tariffs.rules import MINUTES_A_DAY, Band, Window


@dataclass(frozen=True, slots=True)
class DayKind:
    """What decides which windows a local day has: its month and weekday (0 is Monday), and the month of the day before.

    A window that begins on the day before may last into it.
    """

    month: int
    weekday: int
    month_before: int


@dataclass(frozen=True, slots=True)
class Claim:
    """Minutes of a day, the end excluded, that the window `window_index` of the band `band_index` is for."""

    from_minute: int
    to_minute: int
    band_index: int
    window_index: int


def kind_of(day: date) -> DayKind:
    """The kind of a local day."""
    return DayKind(day.month, day.weekday(), (day - timedelta(days=1)).month)


def claims(bands: tuple[Band, ...], *, kind: DayKind) -> list[Claim]:
    """What the windows of all bands claim of a day of that kind, ascending; they may overlap and leave gaps."""
    found = [
        Claim(from_minute, to_minute, band_index, window_index)
        for band_index, band in enumerate(bands)
        for window_index, window in enumerate(band.windows)
        for from_minute, to_minute in _minutes(window, kind=kind)
    ]
    return sorted(found, key=lambda claim: claim.from_minute)


def _minutes(window: Window, *, kind: DayKind) -> list[tuple[int, int]]:
    """The minutes that a window has of a day: those of the one that began the day before, and of the day's own."""
    lasts_over_midnight = window.to_minute <= window.from_minute
    found: list[tuple[int, int]] = []
    is_from_before = kind.month_before in window.months and (kind.weekday - 1) % 7 in window.weekdays
    if lasts_over_midnight and window.to_minute and is_from_before:
        found.append((0, window.to_minute))
    if kind.month in window.months and kind.weekday in window.weekdays:
        found.append((window.from_minute, MINUTES_A_DAY if lasts_over_midnight else window.to_minute))
    return found


@dataclass(frozen=True, slots=True)
class DayBands:
    """The minutes of a day at which bands begin, from 0 on, and those bands."""

    minutes: tuple[int, ...]
    bands: tuple[Band, ...]


class Hours:
    """The band of each local minute, of bands that neither overlap nor leave a gap (see `checks.checked`)."""

    def __init__(self, bands: tuple[Band, ...]) -> None:
        self._bands = bands
        self._rest = next((band for band in bands if not band.windows), bands[0])
        self._days: dict[tuple[int, int, bool], DayBands] = {}

    def band_at(self, local: datetime) -> Band:
        """The band by the clock on the wall."""
        day = self.on(local)
        return day.bands[bisect_right(day.minutes, local.hour * 60 + local.minute) - 1]

    def on(self, day: date) -> DayBands:
        """The bands of a local day."""
        key = (day.month, day.weekday(), day.day == 1)
        if key not in self._days:
            begun = self._begun(kind_of(day))
            kept = [begun[0], *(after for before, after in pairwise(begun) if after[1] is not before[1])]
            self._days[key] = DayBands(tuple(minute for minute, _ in kept), tuple(band for _, band in kept))
        return self._days[key]

    def _begun(self, kind: DayKind) -> list[tuple[int, Band]]:
        found: list[tuple[int, Band]] = []
        free_from = 0
        for claim in claims(self._bands, kind=kind):
            if claim.from_minute > free_from:
                found.append((free_from, self._rest))
            found.append((claim.from_minute, self._bands[claim.band_index]))
            free_from = claim.to_minute
        return [*found, (free_from, self._rest)] if free_from < MINUTES_A_DAY else found
