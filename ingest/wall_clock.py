"""Turns the wall-clock time of a site without daylight-saving marks into instants."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

_WALL_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} ([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]")
_REMEMBERED = 4096


class WallClock:
    """A time zone that remembers the times it has converted: meters of a site say the same few over and over."""

    def __init__(self, time_zone: str) -> None:
        """`time_zone` is an IANA name.

        Raises:
            ValueError: it is not one.
        """
        self._zone = known_zone(time_zone)
        self._instants: dict[str, datetime | None] = {}

    def instant(self, text: str) -> datetime | None:
        """The instant (UTC) of "YYYY-MM-DD HH:MM:SS"; None when the text is anything else.

        The hour that is passed twice in autumn means its first passing; a time in the hour that spring skips
        moves forward by what was skipped.
        """
        if text in self._instants:
            return self._instants[text]
        if len(self._instants) >= _REMEMBERED:
            self._instants.clear()
        return self._instants.setdefault(text, self._converted(text))

    def _converted(self, text: str) -> datetime | None:
        if _WALL_TIME.fullmatch(text) is None:
            return None
        try:
            return datetime.fromisoformat(text).replace(tzinfo=self._zone).astimezone(UTC)
        except (ValueError, OverflowError):
            return None


def known_zone(name: str) -> ZoneInfo:
    """The time zone of an IANA name.

    Raises:
        ValueError: there is none; the message says so.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"time zone {name!r} is not known; an IANA name such as Asia/Jakarta is") from None
