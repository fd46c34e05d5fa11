"""Turns the wall-clock time of a site without daylight-saving marks into instants."""

import re
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

_WALL_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} ([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]")
_REMEMBERED = 4096


class _Twice(NamedTuple):
    """The instants of a time that clocks show twice, an hour apart in most zones."""

    first: datetime
    second: datetime


class WallClock:
    """A time zone that remembers the times it has converted: meters of a site say the same few over and over."""

    def __init__(self, time_zone: str) -> None:
        """`time_zone` is an IANA name.

        Raises:
            ValueError: it is not one.
        """
        self._zone = known_zone(time_zone)
        self._instants: dict[str, datetime | _Twice | None] = {}

    def instant(self, text: str, *, received_at: datetime) -> datetime | None:
        """The instant (UTC) of "YYYY-MM-DD HH:MM:SS"; None when the text is anything else.

        Of the hour that is passed twice in autumn, the passing that is nearer to `received_at`: right for what comes
        within half an hour. A time in the hour that spring skips moves forward by what was skipped.
        """
        found = self._remembered(text)
        if isinstance(found, _Twice):
            is_first = received_at - found.first <= found.second - received_at
            return found.first if is_first else found.second
        return found

    def _remembered(self, text: str) -> datetime | _Twice | None:
        if text in self._instants:
            return self._instants[text]
        if len(self._instants) >= _REMEMBERED:
            self._instants.clear()
        return self._instants.setdefault(text, self._converted(text))

    def _converted(self, text: str) -> datetime | _Twice | None:
        if _WALL_TIME.fullmatch(text) is None:
            return None
        try:
            shown = datetime.fromisoformat(text).replace(tzinfo=self._zone)
            first, second = shown.astimezone(UTC), shown.replace(fold=1).astimezone(UTC)
        except (ValueError, OverflowError):
            return None
        return _Twice(first, second) if first < second else first  # in the hour that is skipped, first > second


def known_zone(name: str) -> ZoneInfo:
    """The time zone of an IANA name.

    Raises:
        ValueError: there is none; the message says so.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"time zone {name!r} is not known; an IANA name such as Asia/Jakarta is") from None
