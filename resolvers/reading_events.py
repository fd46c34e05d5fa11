"""Defines what a subscription to readings says, and turns places in its stream into cursors and back."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from metering.readings import Reading
from metering.refusals import Refused
from resolvers import readings
from resolvers.pages import Cursor, bad_cursor, cursor_of, place_of
from resolvers.places import BatchPlace, batch_place_in, batch_place_text
from store.events import Position
from store.panels import Panel

CURSOR = "live"


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
    place = BatchPlace(position.batch_id, position.at, position.panel_id)
    return cursor_of(CURSOR, batch_place_text(place))


FROM_SNAPSHOT = cursor_of(CURSOR, "snapshot")
"""The cursor of an event before which a client cannot know the state: it resumes with a snapshot."""


def position_of(cursor: Cursor | None) -> Position | None:
    """The place that a cursor points at, also one of a panel's series; None for the beginning, a snapshot.

    Raises:
        Refused: BAD_CURSOR.
    """
    if cursor is None or cursor == FROM_SNAPSHOT:
        return None
    place = batch_place_in(_place_of(cursor))
    if place is None:
        raise bad_cursor()
    if place.at is None:
        return Position.after_batch(place.batch_id)
    if place.panel_id is None:
        return Position.after_instant(place.batch_id, place.at)
    return Position(place.batch_id, place.at, place.panel_id)


def _place_of(cursor: Cursor) -> str:
    try:
        return place_of(cursor, kind=CURSOR)
    except Refused:
        return place_of(cursor, kind=readings.CURSOR)
