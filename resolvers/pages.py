"""Turns rows and their places into pages of a Relay connection, and opaque cursors back into places."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, NewType, TypeVar

from metering.refusals import Refused

Cursor = NewType("Cursor", str)
"""An opaque place in a list or a stream: base64url of its version, its kind and where it points."""

T = TypeVar("T")

_VERSION = "1"
MAX_FIRST = 500
MAX_CURSOR_LENGTH = 200


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
    """Some items of a list, in order, and how many the whole list has."""

    total_count: int
    nodes: list[T]
    edges: list[Edge[T]]
    page_info: PageInfo


def cursor_of(kind: str, place: str | int) -> Cursor:
    """The cursor of a place; only `place_of` with the same kind reads it back."""
    return Cursor(urlsafe_b64encode(f"{_VERSION}:{kind}:{place}".encode()).decode().rstrip("="))


def place_of(cursor: Cursor, *, kind: str) -> str:
    """What a cursor points at.

    Raises:
        Refused: BAD_CURSOR unless it was made by `cursor_of` for this kind, in this version.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        version, found, place = urlsafe_b64decode(padded).decode("utf-8").split(":", 2)
    except (binascii.Error, ValueError):
        raise bad_cursor() from None
    if (version, found) != (_VERSION, kind) or cursor_of(kind, place) != cursor:
        raise bad_cursor()
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


def bad_cursor() -> Refused:
    """The refusal of a cursor that leads nowhere."""
    return Refused("BAD_CURSOR", "`after` must be a cursor that this field answered.", "after")


def checked_first(first: int) -> int:
    """How many items a page may have at the most.

    Raises:
        Refused: BAD_INPUT unless it is 1 to 500.
    """
    if not 1 <= first <= MAX_FIRST:
        raise Refused("BAD_INPUT", f"`first` must be 1 to {MAX_FIRST}.", "first")
    return first


def page_of(
    rows: Sequence[T], *, first: int, after: Cursor | None, total_count: int, cursor: Callable[[T], Cursor]
) -> Page[T]:
    """The page of the first rows; `rows` holds one more than `first` where there is a next page."""
    nodes = list(rows[:first])
    edges = [Edge(cursor(node), node) for node in nodes]
    page_info = PageInfo(
        has_next_page=len(rows) > first,
        has_previous_page=after is not None,
        start_cursor=edges[0].cursor if edges else None,
        end_cursor=edges[-1].cursor if edges else None,
    )
    return Page(total_count, nodes, edges, page_info)
