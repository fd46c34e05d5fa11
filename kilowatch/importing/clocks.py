"""Turns local times of a file's rows into instants, also of the hour that autumn shows twice."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from kilowatch.importing.parts import Ints

_MINUTE_US = 60_000_000
_STEPS_BACK_US = 5 * _MINUTE_US
_FORGET_AFTER_US = 360 * _MINUTE_US
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class LocalClock:
    """The clock of a time zone, for rows in the order of a file.

    Of an hour that is shown twice, a panel's rows belong to its first passing until its clock steps back by over 5
    minutes, and from then on to the second. A time that spring skips moves forward by what was skipped.
    """

    zone: ZoneInfo
    _last: dict[str, tuple[int, bool]] = field(default_factory=dict[str, tuple[int, bool]])

    def instants_us(self, local_us: Ints, *, codes: Sequence[str], code_index: Ints) -> Ints:
        """Microseconds since 1970 (UTC), (n,), of local microseconds since 1970, (n,).

        `code_index` (n,) says whose row it is: an index into `codes`, beyond its end for nobody's.
        """
        minutes, inverse = np.unique(local_us // _MINUTE_US, return_inverse=True)
        shifts = np.array([self._shifts_us(int(minute)) for minute in minutes], np.int64).reshape(-1, 2)
        first, second = shifts[inverse, 0], shifts[inverse, 1]
        found = local_us + first
        for row in np.flatnonzero(second > first):
            whose = int(code_index[row])
            if self._is_second(codes[whose] if whose < len(codes) else "", int(local_us[row])):
                found[row] = local_us[row] + second[row]
        return found

    def _shifts_us(self, minute: int) -> tuple[int, int]:
        """What is added to a local time for UTC, at its first and its second passing."""
        shown = _EPOCH + timedelta(minutes=minute)
        local = shown.replace(tzinfo=self.zone)
        first = local.astimezone(UTC) - shown
        second = local.replace(fold=1).astimezone(UTC) - shown
        return first // timedelta(microseconds=1), second // timedelta(microseconds=1)

    def _is_second(self, code: str, local_us: int) -> bool:
        """Whether a panel's time, one that is shown twice, is shown for the second time."""
        before_us, was_second = self._last.get(code, (local_us, False))
        is_same_night = abs(local_us - before_us) < _FORGET_AFTER_US
        is_second = is_same_night and (was_second or local_us < before_us - _STEPS_BACK_US)
        self._last[code] = (local_us, is_second)
        return is_second
