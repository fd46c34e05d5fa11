"""Turns codes and filters into the panels that the viewer may see."""

import math
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypedDict

import msgspec

from metering.access import Viewer
from metering.readings import PANEL_CODE
from metering.refusals import Refused
from resolvers.context import Context, Info
from resolvers.pages import Cursor, Page, Window, bad_cursor, cursor_of, page_within, place_of, within
from resolvers.panel_rows import columns_for, rows_of
from resolvers.selection import selected_paths
from resolvers.windows import seeing_now
from store import panel_columns, panel_list, panels
from store.panel_columns import PanelColumns
from store.panel_list import PanelFilter, PanelOrder, PanelPlace, PanelSlice
from store.panels import Panel

CURSOR = "panel"
MAX_SEARCH_LENGTH = 100
MAX_CODES = 500


@dataclass(frozen=True, slots=True)
class Order:
    """How a list of panels is ordered; panels of the same value by code, those without one last."""

    by: PanelOrder = PanelOrder.CODE
    is_descending: bool = False


async def page(info: Info, *, window: Window, where: PanelFilter, order: Order) -> Page[Panel]:
    """The visible panels that the filter lets through, in an order.

    Raises:
        Refused: UNAUTHENTICATED, BAD_INPUT (filter), BAD_CURSOR.
    """
    asked, paths = info.context, selected_paths(info)
    wanted = columns_for(paths)
    options: _Asked = {
        "viewer": asked.signed_in,
        "where": checked(where),
        "part": _part(window, order=order),
        "is_counted": "totalCount" in paths,
        "online_since": asked.now() - asked.online_within,
    }
    async with seeing_now(asked) as connection:
        if wanted is not None:
            return _page_of_columns(*await panel_columns.part_of_list(connection, wanted, **options), window, order)
        rows, total = await panel_list.page(connection, **options)
    places = {panel.id: place for place, panel in rows}
    return page_within(
        window,
        [panel for _, panel in rows],
        total_count=total,
        cursor=lambda panel: _cursor(places[panel.id], order=order),
    )


class _Asked(TypedDict):
    viewer: Viewer
    where: PanelFilter
    part: PanelSlice
    is_counted: bool
    online_since: datetime


def _page_of_columns(columns: PanelColumns, total: int | None, window: Window, order: Order) -> Page[Panel]:
    part, has_next, has_previous = within(window, len(columns.numbers))
    nodes, first = rows_of(columns, part), part.start
    return Page(total, nodes, lambda index: _cursor(columns.place(first + index), order=order), has_next, has_previous)


def checked(where: PanelFilter) -> PanelFilter:
    """The filter, of which only what can be anything's is left.

    Raises:
        Refused: BAD_INPUT (filter) for a text over 100 characters or with others than printable ones, and for no code
            or over 500.
    """
    for name, text in (("search", where.search), ("location", where.location), ("timeZone", where.time_zone)):
        if text is not None and not (len(text) <= MAX_SEARCH_LENGTH and text.isprintable()):
            message = f"`{name}` may have {MAX_SEARCH_LENGTH} printable characters at the most."
            raise Refused("BAD_INPUT", message, "filter")
    if where.codes is None:
        return where
    if not 1 <= len(where.codes) <= MAX_CODES:
        raise Refused("BAD_INPUT", f"`codes` names 1 to {MAX_CODES} panels; leave it out for all.", "filter")
    return replace(where, codes=[code for code in where.codes if PANEL_CODE.fullmatch(code)])


def _part(window: Window, *, order: Order) -> PanelSlice:
    return PanelSlice(
        order=order.by,
        is_descending=order.is_descending,
        after=None if window.after is None else _place(window.after, order=order, field="after"),
        before=None if window.before is None else _place(window.before, order=order, field="before"),
        is_last=window.is_last,
        limit=window.size + 1,
    )


def _cursor(place: PanelPlace, *, order: Order) -> Cursor:
    number = place.number if math.isfinite(place.number) else None
    parts = (order.by, order.is_descending, number, place.text, place.code)
    return cursor_of(CURSOR, msgspec.json.encode(parts).decode())


_PARTS = msgspec.json.Decoder(tuple[PanelOrder, bool, float | None, str, str])


def _place(cursor: Cursor, *, order: Order, field: str) -> PanelPlace:
    """Where a cursor of this order points.

    Raises:
        Refused: BAD_CURSOR, also for one of another order.
    """
    try:
        by, is_descending, number, text, code = _PARTS.decode(place_of(cursor, kind=CURSOR, field=field))
    except msgspec.MsgspecError:
        raise bad_cursor(field) from None
    if (by, is_descending) != (order.by, order.is_descending):
        raise Refused("BAD_CURSOR", f"`{field}` must be a cursor of the same `orderBy`.", field)
    if not PANEL_CODE.fullmatch(code) or "\0" in text:  # Postgres refuses NUL
        raise bad_cursor(field)
    return PanelPlace(math.inf if number is None else number, text, code)


async def one(info: Info, code: str) -> Panel | None:
    """The panel of this code; None for "not there" and "not yours" alike.

    Raises:
        Refused: UNAUTHENTICATED.
    """
    return await visible(info.context, code)


async def visible(context: Context, code: str) -> Panel | None:
    """The panel of this code as the viewer sees it; None when there is no such panel for them."""
    viewer = context.signed_in
    if not PANEL_CODE.fullmatch(code):  # Postgres refuses some texts, such as one with a NUL
        return None
    async with seeing_now(context) as connection:
        return await panels.by_code(
            connection,
            viewer=viewer,
            code=code,
            online_since=context.now() - context.online_within,
        )


async def required(context: Context, code: str) -> Panel:
    """The panel of this code, for mutations.

    Raises:
        Refused: PANEL_NOT_FOUND when there is no such panel for the viewer.
    """
    panel = await visible(context, code)
    if panel is None:
        raise Refused("PANEL_NOT_FOUND", "You have no panel of this code.", "panelCode")
    return panel
