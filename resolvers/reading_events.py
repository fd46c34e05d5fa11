"""Defines what a subscription to readings says, and turns places in its stream into cursors and back."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum

from metering.readings import Reading
from metering.refusals import Refused
from resolvers import readings
from resolvers.pages import Cursor, bad_cursor, cursor_of, place_of
from store.events import Position
from store.panels import Panel

CURSOR = "live"
_PLACE = re.compile(r"(\d{1,18})(?:\.(\d{1,16})(?:\.(\d{1,10}))?)?", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class GapReason(Enum):
    """Why readings are missing from a stream."""

    TOO_MANY = "TOO_MANY"
    TOO_OLD = "TOO_OLD"
    UNKNOWN_CURSOR = "UNKNOWN_CURSOR"
    SLOW_CLIENT = "SLOW_CLIENT"


@dataclass(frozen=True, slots=True)
class ReadingSnapshot:
    """Panels as they are where the stream begins; large sets come in several events, the last one `is_complete`."""

    cursor: Cursor
    panels: list[Panel]
    is_complete: bool

    @property
    def is_whole(self) -> bool:
        """All panels are told, always."""
        return True


@dataclass(frozen=True, slots=True)
class ReadingReceived:
    """A reading that was stored; told `at` (UTC)."""

    cursor: Cursor
    at: datetime
    panel_code: str
    reading: Reading


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Nothing was stored for a while; `last_seen_at` is the newest arrival of all watched panels."""

    cursor: Cursor
    at: datetime
    last_seen_at: datetime | None
    is_current: bool


@dataclass(frozen=True, slots=True)
class Gap:
    """Readings are missing here: how many, where that is known."""

    cursor: Cursor
    reason: GapReason
    missed: int | None


Event = ReadingSnapshot | ReadingReceived | Heartbeat | Gap


def cursor_at(position: Position) -> Cursor:
    """The cursor of a place in the stream."""
    if position.is_after_batch:
        return cursor_of(CURSOR, position.batch_id)
    at_us = (position.at - _EPOCH) // timedelta(microseconds=1)
    return cursor_of(CURSOR, f"{position.batch_id}.{at_us}.{position.panel_id}")


FROM_SNAPSHOT = cursor_of(CURSOR, "snapshot")
"""The cursor of an event before which a client cannot know the state: it resumes with a snapshot."""


def position_of(cursor: Cursor | None) -> Position | None:
    """The place that a cursor points at, also one of a panel's series; None for the beginning, a snapshot.

    Raises:
        Refused: BAD_CURSOR.
    """
    if cursor is None or cursor == FROM_SNAPSHOT:
        return None
    match = _PLACE.fullmatch(_place_of(cursor))
    if match is None:
        raise bad_cursor()
    batch_id, at_us, panel_id = match.groups()
    if at_us is None:
        return Position.after_batch(int(batch_id))
    at = _EPOCH + timedelta(microseconds=int(at_us))
    if panel_id is None:
        return Position.after_instant(int(batch_id), at)
    return Position(int(batch_id), at, int(panel_id))


def _place_of(cursor: Cursor) -> str:
    try:
        return place_of(cursor, kind=CURSOR)
    except Refused:
        return place_of(cursor, kind=readings.CURSOR)
