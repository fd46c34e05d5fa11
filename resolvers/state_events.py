"""Defines what subscriptions to the panels' state say, and turns places in such a stream into cursors and back."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar
from zlib import crc32

from resolvers.pages import Cursor, bad_cursor, cursor_of, place_of
from resolvers.reading_events import Gap, Heartbeat
from store.panels import Panel

_PLACE = re.compile(r"(\d{1,18})\.(\d{1,16})\.([0-9a-f]{8})", re.ASCII)
_SNAPSHOT = "snapshot"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class PanelState:
    """What is told of one panel; `panel` is the panel as it was when that was read."""

    panel: Panel = field(compare=False)

    @property
    def panel_code(self) -> str:
        """The panel's code."""
        return self.panel.code


S = TypeVar("S", bound=PanelState)


@dataclass(frozen=True, slots=True)
class StateSnapshot(Generic[S]):
    """The panels' state, of all (`is_whole`) or of those where it changed; the last of several is `is_complete`."""

    cursor: Cursor
    states: list[S]
    is_whole: bool
    is_complete: bool


@dataclass(frozen=True, slots=True)
class StateChanged(Generic[S]):
    """One panel's new state."""

    cursor: Cursor
    at: datetime
    state: S


StateEvent = StateSnapshot[S] | StateChanged[S] | Heartbeat | Gap


@dataclass(frozen=True, slots=True)
class Since:
    """Where a stream stands: after a batch of readings, after an instant (UTC), and who saw which panels.

    `sight` stands for the panels that it was about: where it differs, some came into sight or went out of it.
    """

    batch_id: int
    at: datetime
    sight: str

    def cursor(self, kind: str) -> Cursor:
        """The cursor of the place, in streams of this kind."""
        return cursor_of(kind, f"{self.batch_id}.{(self.at - _EPOCH) // _MILLISECOND}.{self.sight}")


def sight_of(panel_ids: Iterable[int]) -> str:
    """What stands for a set of panels: eight hexadecimal digits."""
    return f"{crc32(','.join(map(str, sorted(panel_ids))).encode()):08x}"


def from_snapshot(kind: str) -> Cursor:
    """The cursor of an event before which a client cannot know the state: it resumes with a whole snapshot."""
    return cursor_of(kind, _SNAPSHOT)


def since_of(cursor: Cursor | None, *, kind: str) -> Since | None:
    """The place that a cursor points at; None for the beginning, a whole snapshot.

    Raises:
        Refused: BAD_CURSOR, also for cursors of streams of other kinds.
    """
    if cursor is None or cursor == from_snapshot(kind):
        return None
    match = _PLACE.fullmatch(place_of(cursor, kind=kind))
    if match is None:
        raise bad_cursor()
    batch_id, at_ms, sight = match.groups()
    try:
        return Since(int(batch_id), _EPOCH + int(at_ms) * _MILLISECOND, sight)
    except OverflowError:
        raise bad_cursor() from None
