"""Turns instants into local hours of the day and local days into the instants at which they start."""

from datetime import UTC, datetime, time, timedelta, tzinfo

import numpy as np

from forecasting.hours import DAY_S, HOUR_S, Floats, Integers

_SURE_S = 7 * DAY_S


def hours_of_day(at_s: Floats, *, time_zone: tzinfo) -> Integers:
    """The local hour, 0 to 23, of each of the ascending instants `(n,)`, seconds since 1970 (UTC).

    The clock is asked at most a week apart and near its changes, not for each instant: two changes that undo each
    other within one week go unseen.
    """
    offsets_s = np.empty(len(at_s))
    if len(at_s):
        _fill(offsets_s, at_s, first=0, last=len(at_s) - 1, time_zone=time_zone)
    return ((at_s + offsets_s) // HOUR_S).astype(np.int64) % 24


def _fill(offsets_s: Floats, at_s: Floats, *, first: int, last: int, time_zone: tzinfo) -> None:
    """Fills the offsets from UTC of the instants `first` to `last`, both included, halving around a change."""
    start_s, end_s = _offset_s(at_s[first], time_zone), _offset_s(at_s[last], time_zone)
    is_constant = start_s == end_s and at_s[last] - at_s[first] <= _SURE_S
    if is_constant or last - first <= 1:
        offsets_s[first : last + 1] = start_s
        offsets_s[last] = end_s
        return
    middle = (first + last) // 2
    _fill(offsets_s, at_s, first=first, last=middle, time_zone=time_zone)
    _fill(offsets_s, at_s, first=middle, last=last, time_zone=time_zone)


def _offset_s(at_s: float, time_zone: tzinfo) -> float:
    offset = datetime.fromtimestamp(float(at_s), tz=time_zone).utcoffset()
    return offset.total_seconds() if offset else 0.0


def day_starts(now: datetime, *, days: int, time_zone: tzinfo) -> list[datetime]:
    """When each of the next `days` local days starts, and when the last one ends: `days + 1` instants in UTC.

    The first is the coming midnight; days of 23 and 25 hours follow from the time zone.
    """
    today = now.astimezone(time_zone).date()
    midnights = (datetime.combine(today + timedelta(days=1 + k), time.min, time_zone) for k in range(days + 1))
    return [midnight.astimezone(UTC) for midnight in midnights]


def hour_starts(now: datetime, *, hours: int) -> list[datetime]:
    """When each of the next `hours` whole hours of UTC starts, and when the last one ends: `hours + 1` instants.

    The first is `now` itself when that is a whole hour.
    """
    this_hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    first = this_hour if this_hour == now else this_hour + timedelta(hours=1)
    return [first + timedelta(hours=k) for k in range(hours + 1)]
