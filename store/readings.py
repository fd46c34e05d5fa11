"""Turns a panel and a period into columns of readings, or of points that stand for many readings."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, LiteralString

from psycopg import AsyncConnection

from metering.access import Viewer
from metering.buckets import Level, Pieces, Stride
from store.connections import Row
from store.reading_columns import (
    ALL_IN_READINGS,
    ALL_IN_ROLLUPS,
    OF_BIN,
    OF_BIN_OF_ROLLUPS,
    OF_READING,
    Columns,
    one_series,
)


@dataclass(frozen=True, slots=True)
class Place:
    """How far a series goes in the order of storing: all batches up to `batch_id`; with `at`, that one up to `at`."""

    batch_id: int
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """A series, how many readings it stands for, how far it goes, and the finest level that is kept of its period."""

    columns: Columns
    reading_count: int
    place: Place
    finest: Level = Level.READINGS


PANEL: LiteralString = """panel AS MATERIALIZED (
    SELECT id FROM history_panel(%(viewer_id)s, %(sees_all)s) WHERE id = %(panel_id)s
)"""
"""The panel, where the viewer may see it: what follows reads `(SELECT id FROM panel)`."""

# How many readings a period has: whole days and five minutes from rollups, only its edges from readings themselves.
COUNTED: LiteralString = """part AS (
    SELECT count(*) AS reading_count FROM reading
    WHERE panel_id = (SELECT id FROM panel) AND at >= %(start)s AND at < %(buckets_start)s
    UNION ALL
    SELECT count(*) FROM reading
    WHERE panel_id = (SELECT id FROM panel) AND at >= %(buckets_end)s AND at < %(end)s
    UNION ALL
    SELECT sum(reading_count) FROM rollup_five_minutes
    WHERE panel_id = (SELECT id FROM panel) AND starts_at >= %(buckets_start)s AND starts_at < %(days_start)s
    UNION ALL
    SELECT sum(reading_count) FROM rollup_five_minutes
    WHERE panel_id = (SELECT id FROM panel) AND starts_at >= %(days_end)s AND starts_at < %(buckets_end)s
    UNION ALL
    SELECT sum(reading_count) FROM rollup_day
    WHERE panel_id = (SELECT id FROM panel) AND day >= %(first_day)s AND day < %(end_day)s
), counted AS MATERIALIZED (
    SELECT coalesce(sum(reading_count), 0)::bigint AS reading_count FROM part
)"""
"""Needs `panel` before it, and the parameters of metering.buckets.Pieces."""

# Readings are only touched where rollups say that they are few enough, and where none of the period was removed.
_RAW: LiteralString = f"""
WITH {PANEL}, {COUNTED}, kept AS MATERIALIZED (
    SELECT CASE WHEN bool_or(level = 'HOURS') THEN 'DAY' WHEN bool_or(level = 'FIVE_MINUTES') THEN 'HOUR'
                WHEN bool_or(level = 'READINGS') THEN 'FIVE_MINUTES' ELSE 'READINGS' END AS finest
    FROM retention WHERE removed_before > %(start)s
), point AS (
    SELECT {OF_READING} FROM reading
    WHERE panel_id = (SELECT id FROM panel) AND at >= %(start)s AND at < %(end)s
      AND (SELECT reading_count FROM counted) <= %(limit)s AND (SELECT finest FROM kept) = 'READINGS'
    ORDER BY at
)
SELECT (SELECT reading_count FROM counted),
       (SELECT finest FROM kept),
       greatest(max(batch_id), (SELECT last_batch_id FROM ingest_status),
                (SELECT batch_id FROM latest_reading WHERE panel_id = (SELECT id FROM panel)), 0),
       count(*)::bigint,
       {ALL_IN_READINGS}
FROM point
"""


async def raw(
    connection: AsyncConnection[Row],
    *,
    viewer: Viewer,
    panel_id: int,
    pieces: Pieces,
    limit: int,
    wanted: frozenset[str],
) -> Series:
    """The readings of a period; when they are more than `limit`, or no longer all kept, only how many they are."""
    parameters = {**scope(viewer, panel_id), **pieces.by_name, "limit": limit}
    first, columns = await one_series(connection, _RAW, parameters, wanted=wanted)
    reading_count, finest, batch_id, _ = first
    return Series(columns, reading_count, Place(batch_id), Level(finest))


_READING_POINTS: LiteralString = f"""
WITH {PANEL}, point AS (
    SELECT {OF_BIN}
    FROM reading
    WHERE panel_id = (SELECT id FROM panel) AND reading.at >= %(start)s AND reading.at < %(end)s
    GROUP BY date_bin(%(stride)s, reading.at, 'epoch')
    ORDER BY 1
)
SELECT count(*)::bigint,
       {ALL_IN_READINGS}
FROM point
"""

_FIVE_MINUTE_POINTS: LiteralString = f"""
WITH {PANEL}, point AS (
    SELECT {OF_BIN_OF_ROLLUPS}
    FROM rollup_five_minutes
    WHERE panel_id = (SELECT id FROM panel) AND starts_at > %(start)s::timestamptz - interval '5 minutes'
      AND starts_at < %(end)s AND last_at >= %(start)s AND last_at < %(end)s
    GROUP BY date_bin(%(stride)s, starts_at, 'epoch')
    ORDER BY 1
)
SELECT count(*)::bigint,
       {ALL_IN_ROLLUPS}
FROM point
"""

_HOUR_POINTS: LiteralString = f"""
WITH {PANEL}, point AS (
    SELECT {OF_BIN_OF_ROLLUPS}
    FROM rollup_hour
    WHERE panel_id = (SELECT id FROM panel) AND starts_at > %(start)s::timestamptz - interval '1 hour'
      AND starts_at < %(end)s AND last_at >= %(start)s AND last_at < %(end)s
    GROUP BY date_bin(%(stride)s, starts_at, 'epoch')
    ORDER BY 1
)
SELECT count(*)::bigint,
       {ALL_IN_ROLLUPS}
FROM point
"""

_DAY_POINTS: LiteralString = f"""
WITH {PANEL}, point AS (
    SELECT {OF_BIN_OF_ROLLUPS}
    FROM rollup_day
    WHERE panel_id = (SELECT id FROM panel) AND day BETWEEN %(first_day)s AND %(last_day)s
      AND last_at >= %(start)s AND last_at < %(end)s
    GROUP BY (day - %(first_day)s) / %(stride_days)s
    ORDER BY 1
)
SELECT count(*)::bigint,
       {ALL_IN_ROLLUPS}
FROM point
"""

_POINTS: dict[Level, LiteralString] = {
    Level.READINGS: _READING_POINTS,
    Level.FIVE_MINUTES: _FIVE_MINUTE_POINTS,
    Level.HOUR: _HOUR_POINTS,
    Level.DAY: _DAY_POINTS,
}


async def points(
    connection: AsyncConnection[Row],
    *,
    viewer: Viewer,
    panel_id: int,
    start: datetime,
    end: datetime,
    days: tuple[date, date],
    stride: Stride,
    wanted: frozenset[str],
) -> Columns:
    """A point for each stride of the period in which there are readings; `days` are its first and last local day."""
    parameters = {**scope(viewer, panel_id), "start": start, "end": end}
    if stride.level is Level.DAY:
        parameters |= {"first_day": days[0], "last_day": days[1], "stride_days": stride.length.days}
    else:
        parameters["stride"] = stride.length
    return (await one_series(connection, _POINTS[stride.level], parameters, wanted=wanted))[1]


_STORED_SINCE: LiteralString = f"""
WITH {PANEL}, fresh AS MATERIALIZED (
    SELECT * FROM reading
    WHERE panel_id = (SELECT id FROM panel) AND at >= %(start)s AND at < %(end)s
      AND batch_id >= %(batch_id)s AND (batch_id > %(batch_id)s OR at > %(after_at)s)
    ORDER BY batch_id, at
    LIMIT %(limit)s
), point AS (
    SELECT {OF_READING} FROM fresh ORDER BY at
)
SELECT max(batch_id),
       (SELECT at FROM fresh ORDER BY batch_id DESC, at DESC LIMIT 1),
       count(*)::bigint,
       {ALL_IN_READINGS}
FROM point
"""


async def stored_since(
    connection: AsyncConnection[Row],
    *,
    viewer: Viewer,
    panel_id: int,
    start: datetime,
    end: datetime,
    place: Place,
    limit: int,
    wanted: frozenset[str],
) -> Series:
    """Up to `limit` readings of the period that were stored after `place`, late ones too."""
    parameters = {
        **scope(viewer, panel_id),
        "start": start,
        "end": end,
        "batch_id": place.batch_id,
        "after_at": place.at,
        "limit": limit,
    }
    first, columns = await one_series(connection, _STORED_SINCE, parameters, wanted=wanted)
    batch_id, last_at, count = first
    if not count:
        return Series(columns, 0, place)
    return Series(columns, count, Place(batch_id, last_at if count == limit else None))


def scope(viewer: Viewer, panel_id: int) -> dict[str, Any]:
    """The parameters of PANEL."""
    return {"viewer_id": viewer.account_id, "sees_all": viewer.sees_all, "panel_id": panel_id}
