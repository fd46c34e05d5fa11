"""Turns a panel and a period into its readings, whole, part by part in order of time."""

from datetime import datetime
from typing import LiteralString
from zoneinfo import ZoneInfo

from psycopg import AsyncConnection

from metering.access import Viewer
from metering.buckets import pieces
from metering.periods import Period
from metering.readings import Reading
from store.connections import Row
from store.panels import reading_of
from store.reading_columns import whole_reading
from store.readings import COUNTED, PANEL, scope

_OLDEST: LiteralString = f"""
WITH {PANEL}
SELECT {whole_reading("reading")} FROM reading
WHERE panel_id = (SELECT id FROM panel) AND at >= %(start)s AND at < %(end)s
ORDER BY at LIMIT %(limit)s"""

_NEWEST: LiteralString = f"""
WITH {PANEL}
SELECT {whole_reading("reading")} FROM reading
WHERE panel_id = (SELECT id FROM panel) AND at >= %(start)s AND at < %(end)s
ORDER BY at DESC LIMIT %(limit)s"""


async def part(
    connection: AsyncConnection[Row],
    *,
    viewer: Viewer,
    panel_id: int,
    period: Period,
    zone: ZoneInfo,
    limit: int,
    is_newest_first: bool,
) -> list[Reading]:
    """Up to `limit` readings of a period from one end of it, with their instants in `zone`."""
    parameters = {**scope(viewer, panel_id), "start": period.start, "end": period.end, "limit": limit}
    cursor = await connection.execute(_NEWEST if is_newest_first else _OLDEST, parameters, binary=True)
    return [reading_of(row, zone=zone) for row in await cursor.fetchall()]


_REMOVED_BEFORE = "SELECT max(removed_before) FROM retention WHERE level = 'READINGS'"

# Of what was removed a few readings are kept, see readings_to_keep: those are looked up.
_COUNT: LiteralString = f"""
WITH {PANEL}, {COUNTED}
SELECT reading_count + (SELECT count(*) FROM reading
                        WHERE panel_id = (SELECT id FROM panel) AND at >= %(since)s AND at < %(start)s)
FROM counted"""


async def count(
    connection: AsyncConnection[Row], *, viewer: Viewer, panel_id: int, period: Period, zone: ZoneInfo
) -> int:
    """How many readings of a period there are, from rollups: as quick for ten years as for a day."""
    ((removed_before,),) = await (await connection.execute(_REMOVED_BEFORE)).fetchall()
    kept = Period(_kept_since(period, removed_before), period.end)
    parameters = {**scope(viewer, panel_id), **pieces(kept, time_zone=zone).by_name, "since": period.start}
    ((counted,),) = await (await connection.execute(_COUNT, parameters, binary=True)).fetchall()
    return int(counted)


def _kept_since(period: Period, removed_before: datetime | None) -> datetime:
    return min(max(period.start, removed_before or period.start), period.end)
