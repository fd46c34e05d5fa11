"""Turns minutes of a local day into the time that a clock shows, and back."""

import re
from typing import Final, Literal

Weekday = Literal["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]

WEEKDAYS: Final[tuple[Weekday, ...]] = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
"""The names of the days of the week; Monday is 0."""

_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])|24:00", re.ASCII)


def clock_time(minute: int) -> str:
    """The time of a minute from midnight: 07:00, up to 24:00."""
    return f"{minute // 60:02}:{minute % 60:02}"


def minute_of(text: str) -> int | None:
    """The minute of a time from 00:00 to 24:00; None when it is none."""
    if not _TIME.fullmatch(text):
        return None
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)
