"""Turns a viewer, a filter and an order into one page of the panels they may see."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, LiteralString

import msgspec
from psycopg import AsyncConnection

from metering.access import Viewer
from metering.devices import DeviceKind
from store.connections import Row
from store.panels import STATE_COLUMNS, Panel, PanelStatus, panel_of


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


# One way of ordering gives a number or a text, the other is the same for all. Numbers are turned round for a descending
# order, so that panels without one come last either way.
_PAGE: LiteralString = f"""
WITH matching AS (
    SELECT panel.id, panel.code, panel.name, panel.location, panel.floor, panel.time_zone, panel.is_prepaid,
           panel.meter_number, coalesce(latest.last_seen_at >= %(online_since)s, false) AS is_online,
           coalesce(%(sign)s::integer * CASE %(order)s::text
               WHEN 'FLOOR' THEN panel.floor
               WHEN 'LAST_SEEN' THEN (extract(epoch FROM latest.last_seen_at) * 1000000)::float8
               WHEN 'POWER_NOW' THEN (SELECT active_power_kw FROM latest_state WHERE panel_id = panel.id)
           END, 'Infinity') AS number,
           CASE %(order)s WHEN 'CODE' THEN panel.code WHEN 'NAME' THEN lower(panel.name)
                WHEN 'LOCATION' THEN lower(panel.location) ELSE '' END COLLATE "C" AS text
    FROM visible_panel(%(viewer_id)s, %(sees_all)s) AS panel
    LEFT JOIN latest_reading AS latest ON latest.panel_id = panel.id
    WHERE (%(floor)s::integer IS NULL OR panel.floor = %(floor)s)
      AND (%(is_prepaid)s::boolean IS NULL OR panel.is_prepaid = %(is_prepaid)s)
      AND (%(is_online)s::boolean IS NULL
           OR coalesce(latest.last_seen_at >= %(online_since)s, false) = %(is_online)s)
      AND (%(search)s::text IS NULL OR strpos(
           lower(concat_ws(' ', panel.code, panel.name, panel.location, panel.meter_number)),
           lower(%(search)s)) > 0)
      AND (%(codes)s::text[] IS NULL OR panel.code = ANY(%(codes)s))
      AND (%(location)s::text IS NULL OR panel.location = %(location)s)
      AND (%(time_zone)s::text IS NULL OR panel.time_zone = %(time_zone)s)
      AND (%(device_kind)s::text IS NULL OR EXISTS (
           SELECT FROM device WHERE kind = %(device_kind)s AND panel_code IN (SELECT device_codes(panel.code))))
), ranked AS (
    SELECT *, row_number() OVER (
        ORDER BY number, CASE WHEN %(sign)s > 0 THEN text END, CASE WHEN %(sign)s < 0 THEN text END DESC,
                 code COLLATE "C") AS rank
    FROM matching
), page AS (
    SELECT * FROM ranked
    WHERE (%(after_code)s::text IS NULL
           OR number > %(after_number)s::float8
           OR number = %(after_number)s AND (
              CASE WHEN %(sign)s > 0 THEN text > %(after_text)s ELSE text < %(after_text)s END
              OR text = %(after_text)s AND code COLLATE "C" > %(after_code)s))
      AND (%(before_code)s::text IS NULL
           OR number < %(before_number)s::float8
           OR number = %(before_number)s AND (
              CASE WHEN %(sign)s > 0 THEN text < %(before_text)s ELSE text > %(before_text)s END
              OR text = %(before_text)s AND code COLLATE "C" < %(before_code)s))
    ORDER BY CASE WHEN %(is_last)s THEN -rank ELSE rank END LIMIT %(limit)s
)
SELECT CASE WHEN %(is_counted)s THEN (SELECT count(*)::integer FROM matching) END, page.number, page.text,
       page.id, page.code, page.name, page.location, page.floor, page.time_zone, page.is_prepaid, page.meter_number,
       page.is_online, {STATE_COLUMNS}
FROM (SELECT) AS always
LEFT JOIN page ON true
LEFT JOIN latest_state AS latest ON latest.panel_id = page.id
ORDER BY page.rank
"""


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
    parameters = {
        "viewer_id": viewer.account_id,
        "sees_all": viewer.sees_all,
        "online_since": online_since,
        "is_counted": is_counted,
        **_filter(where),
        **_slice(part),
    }
    rows = await (await connection.execute(_PAGE, parameters, binary=True)).fetchall()
    found = [(PanelPlace(row[1], row[2], row[4]), panel_of(row[3:])) for row in rows if row[3] is not None]
    return found, rows[0][0]


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
    }


_NOWHERE = PanelPlace(math.inf, "", "")


def _slice(part: PanelSlice) -> dict[str, Any]:
    after, before = part.after or _NOWHERE, part.before or _NOWHERE
    return {
        "order": part.order.value,
        "sign": -1 if part.is_descending else 1,
        "after_number": after.number,
        "after_text": after.text,
        "after_code": after.code or None,
        "before_number": before.number,
        "before_text": before.text,
        "before_code": before.code or None,
        "is_last": part.is_last,
        "limit": part.limit,
    }
