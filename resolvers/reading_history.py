"""Turns a panel and a period into pages of its readings, whole."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import strawberry

from metering.periods import Period, Range, chosen_period
from metering.readings import Reading
from resolvers import pages
from resolvers.context import Context, Info
from resolvers.pages import Cursor, Direction, Page, Window, bad_cursor, cursor_of, page_within, place_of
from resolvers.places import instant_in, micros_of
from resolvers.selection import selected
from resolvers.windows import looking_back
from store import reading_history
from store.connections import Database
from store.panels import Panel

CURSOR = "reading"


@dataclass(frozen=True, slots=True)
class _Part:
    """The part of a period that a window looks at, and from which end of it."""

    period: Period
    is_newest_first: bool


async def of_panel(
    parent: strawberry.Parent[Panel],
    info: Info,
    *,
    range_: Range | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    first: int | None = pages.USUAL_FIRST,
    after: Cursor | None = None,
    last: int | None = None,
    before: Cursor | None = None,
    direction: Direction = Direction.ASC,
) -> Page[Reading]:
    """A page of the panel's readings of a period, by time.

    Raises:
        Refused: BAD_INPUT (first, last), BAD_RANGE, BAD_CURSOR, TOO_MANY_POINTS.
    """
    period = chosen_period(range_, since=since, until=until, now=info.context.now(), default=Range.LAST_24H)
    window = pages.window(first=first, last=last, after=after, before=before)
    return await _page(parent, info, window=window, asked=_Part(period, direction is Direction.DESC))


async def _page(panel: Panel, info: Info, *, window: Window, asked: _Part) -> Page[Reading]:
    context, period = info.context, asked.period
    part = _part(panel, window=window, asked=asked)
    async with context.turns:
        context.check_points(root=info.root_value)
        async with looking_back(context, panel.id) as connection:
            rows = await _rows(connection, context, panel, part=part, limit=window.size + 1)
            total = await _total(connection, context, panel, period) if "totalCount" in selected(info) else None
        context.spend(len(rows), root=info.root_value)
    in_order = rows[::-1] if window.is_last else rows
    return page_within(window, in_order, total_count=total, cursor=lambda reading: _cursor(reading, panel=panel))


def _part(panel: Panel, *, window: Window, asked: _Part) -> _Part:
    """`after` and `before` are in the order of the list; newest first, what comes after is earlier."""
    after, before = _at(window.after, panel, field="after"), _at(window.before, panel, field="before")
    above, below = (before, after) if asked.is_newest_first else (after, before)
    start = asked.period.start if above is None else max(asked.period.start, above + timedelta(microseconds=1))
    end = asked.period.end if below is None else min(asked.period.end, below)
    return _Part(Period(start, end), is_newest_first=asked.is_newest_first != window.is_last)


async def _rows(connection: Database, context: Context, panel: Panel, *, part: _Part, limit: int) -> list[Reading]:
    return await reading_history.part(
        connection,
        viewer=context.signed_in,
        panel_id=panel.id,
        period=part.period,
        zone=panel.zone,
        limit=limit,
        is_newest_first=part.is_newest_first,
    )


async def _total(connection: Database, context: Context, panel: Panel, period: Period) -> int:
    return await reading_history.count(
        connection, viewer=context.signed_in, panel_id=panel.id, period=period, zone=panel.zone
    )


def _cursor(reading: Reading, *, panel: Panel) -> Cursor:
    return cursor_of(CURSOR, f"{panel.id}.{micros_of(reading.at)}")


def _at(cursor: Cursor | None, panel: Panel, *, field: str) -> datetime | None:
    """The instant of a cursor, which is good for its own panel alone."""
    if cursor is None:
        return None
    panel_id, _, at_us = place_of(cursor, kind=CURSOR, field=field).partition(".")
    at = instant_in(at_us)
    if panel_id != str(panel.id) or at is None:
        raise bad_cursor(field)
    return at
