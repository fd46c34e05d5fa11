"""Turns rows and their places into pages of a Relay connection, and opaque cursors back into places."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Generic, NewType, TypeVar

from metering.refusals import Refused
from resolvers.rows import Rows

Cursor = NewType("Cursor", str)
"""An opaque place in a list or a stream: base64url of its version, its kind and where it points."""

T = TypeVar("T")

_VERSION = "1"
USUAL_FIRST = 50
MAX_FIRST = 500
MAX_CURSOR_LENGTH = 1500


class Direction(Enum):
    """From which end a list begins."""

    ASC = "ASC"
    DESC = "DESC"


@dataclass(frozen=True, slots=True)
class Edge(Generic[T]):
    """One item and its place."""

    cursor: Cursor
    node: T


@dataclass(frozen=True, slots=True)
class PageInfo:
    """Where a page starts and ends, and whether there is more after it or before it."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: Cursor | None
    end_cursor: Cursor | None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items of a list, in order, and how many the whole list has; None where nobody asked.

    `cursor` makes the cursor of the item at an index, where somebody asks for it: few ask for those of all items.
    """

    total_count: int | None
    nodes: list[T] | Rows[T]
    cursor: Callable[[int], Cursor]
    has_next: bool
    has_previous: bool

    @property
    def edges(self) -> list[Edge[T]]:
        """The items with their cursors."""
        return [Edge(self.cursor(index), node) for index, node in enumerate(self.nodes)]

    @property
    def page_info(self) -> PageInfo:
        """Where the page starts and ends."""
        return PageInfo(
            has_next_page=self.has_next,
            has_previous_page=self.has_previous,
            start_cursor=self.cursor(0) if self.nodes else None,
            end_cursor=self.cursor(len(self.nodes) - 1) if self.nodes else None,
        )


def cursor_of(kind: str, place: str | int) -> Cursor:
    """The cursor of a place; only `place_of` with the same kind reads it back."""
    return Cursor(urlsafe_b64encode(f"{_VERSION}:{kind}:{place}".encode()).decode().rstrip("="))


def place_of(cursor: Cursor, *, kind: str, field: str = "after") -> str:
    """What a cursor points at.

    Raises:
        Refused: BAD_CURSOR unless it was made by `cursor_of` for this kind, in this version.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        version, found, place = urlsafe_b64decode(padded).decode("utf-8").split(":", 2)
    except (binascii.Error, ValueError):
        raise bad_cursor(field) from None
    if (version, found) != (_VERSION, kind) or cursor_of(kind, place) != cursor:
        raise bad_cursor(field)
    return place


def number_of(cursor: Cursor, *, kind: str) -> int:
    """The number, 0 to 2^63 - 1, that a cursor points at.

    Raises:
        Refused: BAD_CURSOR as in `place_of`, or when it is no such number.
    """
    place = place_of(cursor, kind=kind)
    if not (place.isascii() and place.isdigit() and len(place) < 19):
        raise bad_cursor()
    return int(place)


def bad_cursor(field: str = "after") -> Refused:
    """The refusal of a cursor that leads nowhere."""
    return Refused("BAD_CURSOR", f"`{field}` must be a cursor that this field answered.", field)


def checked_first(first: int, *, field: str = "first") -> int:
    """How many items a page may have at the most.

    Raises:
        Refused: BAD_INPUT unless it is 1 to 500.
    """
    if not 1 <= first <= MAX_FIRST:
        raise Refused("BAD_INPUT", f"`{field}` must be 1 to {MAX_FIRST}.", field)
    return first


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of a list a page is: `size` items between two cursors, the last of them for `is_last`."""

    size: int
    is_last: bool
    after: Cursor | None
    before: Cursor | None


def window(*, first: int | None, last: int | None, after: Cursor | None, before: Cursor | None) -> Window:
    """The page that a client asks for: with `last`, `first` does not count; the first 50 where neither is given.

    Raises:
        Refused: BAD_INPUT (first, last) unless the number is 1 to 500.
    """
    if last is not None:
        return Window(checked_first(last, field="last"), is_last=True, after=after, before=before)
    return Window(checked_first(USUAL_FIRST if first is None else first), is_last=False, after=after, before=before)


def page_within(
    window: Window, rows: Sequence[T], *, total_count: int | None, cursor: Callable[[T], Cursor]
) -> Page[T]:
    """The page of a window; `rows` are in order and hold one more than its size where there are more.

    That one is the first of them where the last are asked for.
    """
    part, has_next, has_previous = within(window, len(rows))
    nodes = list(rows[part])
    return Page(total_count, nodes, lambda index: cursor(nodes[index]), has_next, has_previous)


def within(window: Window, count: int) -> tuple[slice, bool, bool]:
    """Which of so many rows are a window's, and whether there are more after them and before them."""
    has_more = count > window.size
    if window.is_last:
        return slice(max(count - window.size, 0), count), window.before is not None, has_more
    return slice(0, window.size), has_more, window.after is not None


def page_of(
    rows: Sequence[T], *, first: int, after: Cursor | None, total_count: int, cursor: Callable[[T], Cursor]
) -> Page[T]:
    """The page of the first rows; `rows` holds one more than `first` where there is a next page."""
    window = Window(first, is_last=False, after=after, before=None)
    return page_within(window, rows, total_count=total_count, cursor=cursor)
