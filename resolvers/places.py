"""Turns instants and numbers into the text of cursors and ids, and such text back, whoever wrote it."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

ID_DIGITS: Final = 18
"""How long a number of an id or a place may be: more does not fit the database's."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_INSTANT_DIGITS: Final = 16
_BATCH_PLACE: Final = re.compile(r"(\d{1,18})(?:\.(\d{1,16})(?:\.(\d{1,10}))?)?", re.ASCII)


def micros_of(at: datetime) -> int:
    """The microseconds since 1970 of an aware instant."""
    return (at - _EPOCH) // _MICROSECOND


def instant_in(text: str) -> datetime | None:
    """The instant (UTC) of microseconds since 1970, up to the year 2286; None when it is none."""
    at_us = number_in(text, most_digits=_INSTANT_DIGITS)
    return None if at_us is None else _EPOCH + at_us * _MICROSECOND


def number_in(text: str, *, most_digits: int = ID_DIGITS) -> int | None:
    """The number that digits 0 to 9 write, so many at the most; None when it is none."""
    is_number = text.isascii() and text.isdigit() and len(text) <= most_digits
    return int(text) if is_number else None


class BatchPlace(NamedTuple):
    """A place in the order of storing: after a batch, or in it after an instant (UTC), or after a panel's at that."""

    batch_id: int
    at: datetime | None = None
    panel_id: int | None = None


def batch_place_in(text: str) -> BatchPlace | None:
    """The place that `batch_place_text` wrote; None when it is none."""
    match = _BATCH_PLACE.fullmatch(text)
    if match is None:
        return None
    batch_id, at_us, panel_id = match.groups()
    return BatchPlace(int(batch_id), instant_in(at_us or ""), number_in(panel_id or ""))


def batch_place_text(place: BatchPlace) -> str:
    """The batch, the instant's microseconds and the panel, as far as they are given, with points between them."""
    known = (place.batch_id, place.at and micros_of(place.at), place.panel_id)
    return ".".join(str(part) for part in known if part is not None)
