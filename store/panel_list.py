"""Turns a viewer, a filter and an order into one page of the panels they may see."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, LiteralString

import msgspec
from psycopg import AsyncConnection

from metering.access import Viewer
from metering.devices import DeviceKind
from store.connections import Row
from store.panels import PANEL_COLUMNS, Panel, PanelStatus, panel_of


class PanelOrder(Enum):
    """What a list of panels is ordered by."""

    CODE = "CODE"
    NAME = "NAME"
    LOCATION = "LOCATION"
    FLOOR = "FLOOR"
    LAST_SEEN = "LAST_SEEN"
    POWER_NOW = "POWER_NOW"


@dataclass(frozen=True, slots=True)
class PanelFilter:
    """Which of the visible panels are meant; None leaves a property open."""

    search: str | None = None
    status: PanelStatus | None = None
    floor: int | None = None
    is_prepaid: bool | None = None
    codes: Sequence[str] | None = None
    location: str | None = None
    time_zone: str | None = None
    device_kind: DeviceKind | None = None
    property_id: int | None = None


EVERY_PANEL = PanelFilter()


class PanelPlace(msgspec.Struct, frozen=True):
    """Where a panel stands in an order: by `number`, then `text`, then its code; what has no number is infinite."""

    number: float
    text: str
    code: str


@dataclass(frozen=True, slots=True)
class PanelSlice:
    """Which part of an order is meant: up to `limit` panels after and before places, the last of them for `is_last`."""

    order: PanelOrder = PanelOrder.CODE
    is_descending: bool = False
    after: PanelPlace | None = None
    before: PanelPlace | None = None
    is_last: bool = False
    limit: int | None = None


_CONDITIONS: Mapping[str, LiteralString] = {
    "search": "strpos(lower(concat_ws(' ', panel.code, panel.name, panel.location, panel.meter_number)),"
    " lower(%(search)s::text)) > 0",
    "is_online": "coalesce(latest.last_seen_at >= %(online_since)s, false) = %(is_online)s::boolean",
    "floor": "panel.floor = %(floor)s::integer",
    "is_prepaid": "panel.is_prepaid = %(is_prepaid)s::boolean",
    "codes": "panel.code = ANY(%(codes)s::text[])",
    "location": "panel.location = %(location)s::text",
    "time_zone": "panel.time_zone = %(time_zone)s::text",
    "device_kind": "EXISTS (SELECT FROM device WHERE kind = %(device_kind)s::text"
    " AND panel_code IN (SELECT device_codes(panel.code)))",
    "property_id": "panel.property_id = %(property_id)s::bigint",
}
"""What each property of a filter asks of a panel. One that is open is not in the statement: it costs nothing."""
_NUMBERS: Mapping[PanelOrder, LiteralString] = {
    PanelOrder.FLOOR: "panel.floor",
    PanelOrder.LAST_SEEN: "(extract(epoch FROM latest.last_seen_at) * 1000000)::float8",
    PanelOrder.POWER_NOW: "(SELECT active_power_kw FROM latest_state WHERE panel_id = panel.id)",
}
_TEXTS: Mapping[PanelOrder, LiteralString] = {
    PanelOrder.CODE: "panel.code",
    PanelOrder.NAME: "lower(panel.name)",
    PanelOrder.LOCATION: "lower(panel.location)",
}
"""One way of ordering gives a number or a text, the other is the same for all."""


_ORDER: Mapping[bool, LiteralString] = {
    False: 'number, text, code COLLATE "C"',
    True: 'number, text DESC, code COLLATE "C"',
}
_FROM_ITS_END: Mapping[bool, LiteralString] = {
    False: 'number DESC, text DESC, code COLLATE "C" DESC',
    True: 'number DESC, text, code COLLATE "C" DESC',
}
"""An order, ascending and descending. Numbers are turned round for a descending one, so that panels without one come
last either way."""
_AFTER: LiteralString = """(number > %(after_number)s::float8 OR number = %(after_number)s AND (
           text {beyond} %(after_text)s OR text = %(after_text)s AND code COLLATE "C" > %(after_code)s))"""
_BEFORE: LiteralString = """(number < %(before_number)s::float8 OR number = %(before_number)s AND (
           text {beyond} %(before_text)s OR text = %(before_text)s AND code COLLATE "C" < %(before_code)s))"""


def _statement(
    cells: LiteralString, *, part: PanelSlice, conditions: Iterable[LiteralString], is_counted: bool
) -> LiteralString:
    """What is asked for of a part of the list, after the number of all, and each panel's number and text in the order.

    Where there is no panel, there is a row of nulls.
    """
    order, sign = _ORDER[part.is_descending], "-" if part.is_descending else "+"
    wanted = _FROM_ITS_END[part.is_descending] if part.is_last else order
    total = "(SELECT count(*)::integer FROM matching)" if is_counted else "NULL::integer"
    return f"""
WITH matching AS (
    SELECT panel.*, coalesce({sign} {_NUMBERS.get(part.order, "NULL::float8")}, 'Infinity'::float8) AS number,
           {_TEXTS.get(part.order, "''")} COLLATE "C" AS text
    FROM visible_panel(%(viewer_id)s, %(sees_all)s) AS panel
    LEFT JOIN latest_reading AS latest ON latest.panel_id = panel.id
    WHERE {_all(conditions)}
), page AS (
    SELECT * FROM matching WHERE {_all(_between(part))}
    ORDER BY {wanted} LIMIT %(limit)s
)
SELECT whole.total, panel.number, panel.text, {cells}
FROM (SELECT {total} AS total) AS whole
LEFT JOIN page AS panel ON true
LEFT JOIN latest_state AS latest ON latest.panel_id = panel.id
ORDER BY {order}
"""


def _between(part: PanelSlice) -> Iterable[LiteralString]:
    """What holds for the panels between the places of a part."""
    if part.after is not None:
        yield _AFTER.format(beyond="<" if part.is_descending else ">")
    if part.before is not None:
        yield _BEFORE.format(beyond=">" if part.is_descending else "<")


def _all(conditions: Iterable[LiteralString]) -> LiteralString:
    return " AND ".join(conditions) or "true"


_PLACE = PanelPlace(0, "", "")
_PAGE: LiteralString = _statement(
    PANEL_COLUMNS,
    part=PanelSlice(PanelOrder.LAST_SEEN, is_descending=True, after=_PLACE, before=_PLACE, is_last=True),
    conditions=_CONDITIONS.values(),
    is_counted=True,
)
"""All that a statement may have."""


async def rows(
    connection: AsyncConnection[Row],
    cells: LiteralString,
    *,
    viewer: Viewer,
    where: PanelFilter,
    part: PanelSlice,
    is_counted: bool,
    online_since: datetime,
) -> tuple[list[Row], int | None]:
    """What cells of `panel` and its latest_state `latest` say of the visible panels of a part of the list, in order.

    The first cell is the panel's id; each row has the number and the text of its place before it. The second value is
    how many there are in all, None unless `is_counted`.
    """
    chosen = {name: value for name, value in _filter(where).items() if value is not None}
    conditions: list[LiteralString] = [_CONDITIONS[name] for name in chosen]
    statement = _statement(cells, part=part, conditions=conditions, is_counted=is_counted)
    parameters = {
        "viewer_id": viewer.account_id,
        "sees_all": viewer.sees_all,
        "online_since": online_since,
        **chosen,
        **_slice(part),
    }
    found = await (await connection.execute(statement, parameters, binary=True)).fetchall()
    return [row[1:] for row in found if row[3] is not None], found[0][0]


async def page(
    connection: AsyncConnection[Row],
    *,
    viewer: Viewer,
    where: PanelFilter,
    part: PanelSlice,
    is_counted: bool,
    online_since: datetime,
) -> tuple[list[tuple[PanelPlace, Panel]], int | None]:
    """The visible panels of a part of the list, in its order, each with its place; and how many there are in all.

    None instead of the number unless `is_counted`.
    """
    found, total = await rows(
        connection,
        PANEL_COLUMNS,
        viewer=viewer,
        where=where,
        part=part,
        is_counted=is_counted,
        online_since=online_since,
    )
    return [(PanelPlace(row[0], row[1], row[3]), panel_of(row[2:])) for row in found], total


async def every(
    connection: AsyncConnection[Row], *, viewer: Viewer, where: PanelFilter, online_since: datetime
) -> list[Panel]:
    """All visible panels that the filter lets through, by code."""
    found, _ = await page(
        connection, viewer=viewer, where=where, part=PanelSlice(), is_counted=False, online_since=online_since
    )
    return [panel for _, panel in found]


def _filter(where: PanelFilter) -> dict[str, Any]:
    return {
        "search": where.search,
        "is_online": None if where.status is None else where.status is PanelStatus.ONLINE,
        "floor": where.floor,
        "is_prepaid": where.is_prepaid,
        "codes": None if where.codes is None else list(where.codes),
        "location": where.location,
        "time_zone": where.time_zone,
        "device_kind": where.device_kind and where.device_kind.value,
        "property_id": where.property_id,
    }


def _slice(part: PanelSlice) -> dict[str, Any]:
    found: dict[str, Any] = {"limit": part.limit}
    for name, place in (("after", part.after), ("before", part.before)):
        if place is not None:
            found |= {f"{name}_number": place.number, f"{name}_text": place.text, f"{name}_code": place.code}
    return found
