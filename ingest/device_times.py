"""Turns the times that devices write, in their own clock's words or as seconds since 1970, into instants."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from ingest.units import number_of, shown
from ingest.wall_clock import WallClock
from metering.readings import ReadingFlag, Rejected, believed, on_arrival

ACCEPTED_TIMES: Final = (
    'local time as "YYYY-MM-DDTHH:MM:SS" (also with a space, with dots in the date, with a fraction), the same with '
    "an offset or Z, or seconds or milliseconds since 1970"
)

_SHOWN = re.compile(
    r"([0-9]{4})([-.])([0-9]{2})\2([0-9]{2})[T ]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.[0-9]{1,9})?"
    r"(Z|[+-][0-9]{2}:?[0-9]{2})?",
    re.ASCII,
)
_FIRST_MILLISECONDS: Final = 10**11
"""As seconds this is the year 5138, as milliseconds March 1973."""
_LAST_MILLISECONDS: Final = 4_102_444_800_000  # 2100


def instant(value: object, *, received_at: datetime, clock: WallClock) -> datetime | None:
    """The instant (UTC, whole seconds) that a value says; None when it says none.

    Without an offset it is what `clock` shows at the site.
    """
    if not isinstance(value, str):
        return _since_1970(value)
    found = _SHOWN.fullmatch(value)
    if found is None:
        return _since_1970(value)
    year, _, month, day, time, offset = found.groups()
    if offset is None:
        return clock.instant(f"{year}-{month}-{day} {time}", received_at=received_at)
    try:
        return datetime.fromisoformat(f"{year}-{month}-{day}T{time}{offset}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def stated_time(
    stated: object, *, name: str, received_at: datetime, is_retained: bool, clock: Callable[[], WallClock]
) -> tuple[datetime, ReadingFlag] | Rejected | None:
    """The time that a message's readings get, by the value under `name` where there is one, which may be null.

    Rejected with BAD_TIME where that value is no time; None for what the broker kept for us and nobody knows of when.
    """
    if stated is None:
        return None if is_retained else on_arrival(received_at)
    at = instant(stated, received_at=received_at, clock=clock())
    if at is None:
        return Rejected("BAD_TIME", f"{name} is {shown(stated)}; accepted: {ACCEPTED_TIMES}")
    at, flags = believed(at, received_at=received_at)
    return None if is_retained and flags & ReadingFlag.CLOCK_REPLACED else (at, flags)


def _since_1970(value: object) -> datetime | None:
    number = number_of(value)
    if number is None or not 0 <= number <= _LAST_MILLISECONDS:
        return None
    seconds = number / 1000 if number >= _FIRST_MILLISECONDS else number
    return datetime.fromtimestamp(int(seconds), UTC) if seconds < _LAST_MILLISECONDS // 1000 else None
