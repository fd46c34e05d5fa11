"""Turns a panel and a period into columns of readings, or of points that stand for many readings."""

from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any, LiteralString

from psycopg import AsyncConnection

from metering.access import Viewer
from metering.buckets import Level, Pieces, Stride
from store.connections import Row


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which columns are asked for; the others are neither computed nor sent."""

    at: bool = True
    at_ms: bool = True
    active_power_kw: bool = True
    energy_import_kwh: bool = True
    energy_export_kwh: bool = True
    flags: bool = True


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns of equal length `count`, ascending by time; those that were not wanted are empty.

    Flags are sums of ReadingFlag; of a point that stands for rollups 0.
    `after_start` is how long after the period's start each instant is: spans are read four times faster than instants.
    """

    count: int
    after_start: list[timedelta]
    at_ms: list[float]
    active_power_kw: list[float | None]
    energy_import_kwh: list[float | None]
    energy_export_kwh: list[float | None]
    flags: list[int]


@dataclass(frozen=True, slots=True)
class Place:
    """How far a series goes in the order of storing: all batches up to `batch_id`; with `at`, that one up to `at`."""

    batch_id: int
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """A series, how many readings it stands for, and how far it goes."""

    columns: Columns
    reading_count: int
    place: Place


_PANEL: LiteralString = """panel AS MATERIALIZED (
    SELECT id FROM visible_panel(%(viewer_id)s, %(sees_all)s) WHERE id = %(panel_id)s
)"""
_COLUMNS: LiteralString = """array_agg(at - %(start)s::timestamptz) FILTER (WHERE %(wants_at)s),
       array_agg(date_part('epoch', at) * 1000) FILTER (WHERE %(wants_at_ms)s),
       array_agg(active_power_kw) FILTER (WHERE %(wants_active_power_kw)s),
       array_agg(energy_import_kwh) FILTER (WHERE %(wants_energy_import_kwh)s),
       array_agg(energy_export_kwh) FILTER (WHERE %(wants_energy_export_kwh)s),
       array_agg(flags) FILTER (WHERE %(wants_flags)s)"""
# A bin's point stands where its last reading was: registers as they stood there, power averaged over the bin.
_BIN_OF_ROLLUPS: LiteralString = """max(last_at) AS at,
           round(sum(power_sum_kw) / nullif(sum(power_count), 0) * 1e6) / 1e6 AS active_power_kw,
           (array_agg(energy_import_kwh ORDER BY last_at DESC) FILTER (WHERE energy_import_kwh IS NOT NULL))[1]
               AS energy_import_kwh,
           (array_agg(energy_export_kwh ORDER BY last_at DESC) FILTER (WHERE energy_export_kwh IS NOT NULL))[1]
               AS energy_export_kwh,
           0::smallint AS flags"""

# The readings are only touched when the rollups say that they are few enough.
_RAW: LiteralString = f"""
WITH {_PANEL}, part AS (
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
), point AS (
    SELECT at, batch_id, active_power_kw, energy_import_kwh, energy_export_kwh, flags FROM reading
    WHERE panel_id = (SELECT id FROM panel) AND at >= %(start)s AND at < %(end)s
      AND (SELECT reading_count FROM counted) <= %(limit)s
    ORDER BY at
)
SELECT (SELECT reading_count FROM counted),
       greatest(max(batch_id), (SELECT last_batch_id FROM ingest_status),
                (SELECT batch_id FROM latest_reading WHERE panel_id = (SELECT id FROM panel)), 0),
       count(*)::bigint,
       {_COLUMNS}
FROM point
"""


async def raw(
    connection: AsyncConnection[Row], *, viewer: Viewer, panel_id: int, pieces: Pieces, limit: int, wanted: Wanted
) -> Series:
    """The readings of a period; when they are more than `limit`, only how many they are."""
    parameters = {**_scope(viewer, panel_id, wanted), **asdict(pieces), "limit": limit}
    reading_count, batch_id, *columns = await _one_row(connection, _RAW, parameters)
    return Series(_columns(columns), reading_count, Place(batch_id))


_READING_POINTS: LiteralString = f"""
WITH {_PANEL}, point AS (
    SELECT max(reading.at) AS at,
           round(avg(active_power_kw) * 1e6) / 1e6 AS active_power_kw,
           (array_agg(energy_import_kwh ORDER BY reading.at DESC) FILTER (WHERE energy_import_kwh IS NOT NULL))[1]
               AS energy_import_kwh,
           (array_agg(energy_export_kwh ORDER BY reading.at DESC) FILTER (WHERE energy_export_kwh IS NOT NULL))[1]
               AS energy_export_kwh,
           bit_or(flags) AS flags
    FROM reading
    WHERE panel_id = (SELECT id FROM panel) AND reading.at >= %(start)s AND reading.at < %(end)s
    GROUP BY date_bin(%(stride)s, reading.at, 'epoch')
    ORDER BY 1
)
SELECT count(*)::bigint,
       {_COLUMNS}
FROM point
"""

_FIVE_MINUTE_POINTS: LiteralString = f"""
WITH {_PANEL}, point AS (
    SELECT {_BIN_OF_ROLLUPS}
    FROM rollup_five_minutes
    WHERE panel_id = (SELECT id FROM panel) AND starts_at > %(start)s::timestamptz - interval '5 minutes'
      AND starts_at < %(end)s AND last_at >= %(start)s AND last_at < %(end)s
    GROUP BY date_bin(%(stride)s, starts_at, 'epoch')
    ORDER BY 1
)
SELECT count(*)::bigint,
       {_COLUMNS}
FROM point
"""

_HOUR_POINTS: LiteralString = f"""
WITH {_PANEL}, point AS (
    SELECT {_BIN_OF_ROLLUPS}
    FROM rollup_hour
    WHERE panel_id = (SELECT id FROM panel) AND starts_at > %(start)s::timestamptz - interval '1 hour'
      AND starts_at < %(end)s AND last_at >= %(start)s AND last_at < %(end)s
    GROUP BY date_bin(%(stride)s, starts_at, 'epoch')
    ORDER BY 1
)
SELECT count(*)::bigint,
       {_COLUMNS}
FROM point
"""

_DAY_POINTS: LiteralString = f"""
WITH {_PANEL}, point AS (
    SELECT {_BIN_OF_ROLLUPS}
    FROM rollup_day
    WHERE panel_id = (SELECT id FROM panel) AND day BETWEEN %(first_day)s AND %(last_day)s
      AND last_at >= %(start)s AND last_at < %(end)s
    GROUP BY (day - %(first_day)s) / %(stride_days)s
    ORDER BY 1
)
SELECT count(*)::bigint,
       {_COLUMNS}
FROM point
"""

_POINTS: dict[Level, LiteralString] = {
    Level.READINGS: _READING_POINTS,
    Level.FIVE_MINUTES: _FIVE_MINUTE_POINTS,
    Level.HOUR: _HOUR_POINTS,
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
    wanted: Wanted,
) -> Columns:
    """A point for each stride of the period in which there are readings; `days` are its first and last local day."""
    parameters = {**_scope(viewer, panel_id, wanted), "start": start, "end": end}
    if stride.level is Level.DAY:
        parameters |= {"first_day": days[0], "last_day": days[1], "stride_days": stride.length.days}
        return _columns(await _one_row(connection, _DAY_POINTS, parameters))
    parameters["stride"] = stride.length
    return _columns(await _one_row(connection, _POINTS[stride.level], parameters))


_STORED_SINCE: LiteralString = f"""
WITH {_PANEL}, fresh AS MATERIALIZED (
    SELECT at, batch_id, active_power_kw, energy_import_kwh, energy_export_kwh, flags FROM reading
    WHERE panel_id = (SELECT id FROM panel) AND at >= %(start)s AND at < %(end)s
      AND batch_id >= %(batch_id)s AND (batch_id > %(batch_id)s OR at > %(after_at)s)
    ORDER BY batch_id, at
    LIMIT %(limit)s
), point AS (
    SELECT * FROM fresh ORDER BY at
)
SELECT max(batch_id),
       (SELECT at FROM fresh ORDER BY batch_id DESC, at DESC LIMIT 1),
       count(*)::bigint,
       {_COLUMNS}
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
    wanted: Wanted,
) -> Series:
    """Up to `limit` readings of the period that were stored after `place`, late ones too."""
    parameters = {
        **_scope(viewer, panel_id, wanted),
        "start": start,
        "end": end,
        "batch_id": place.batch_id,
        "after_at": place.at,
        "limit": limit,
    }
    batch_id, last_at, count, *columns = await _one_row(connection, _STORED_SINCE, parameters)
    if not count:
        return Series(_columns([0, *columns]), 0, place)
    return Series(_columns([count, *columns]), count, Place(batch_id, last_at if count == limit else None))


def _scope(viewer: Viewer, panel_id: int, wanted: Wanted) -> dict[str, Any]:
    return {
        "viewer_id": viewer.account_id,
        "sees_all": viewer.sees_all,
        "panel_id": panel_id,
        "wants_at": wanted.at,
        "wants_at_ms": wanted.at_ms,
        "wants_active_power_kw": wanted.active_power_kw,
        "wants_energy_import_kwh": wanted.energy_import_kwh,
        "wants_energy_export_kwh": wanted.energy_export_kwh,
        "wants_flags": wanted.flags,
    }


async def _one_row(connection: AsyncConnection[Row], statement: LiteralString, parameters: dict[str, Any]) -> Row:
    cursor = await connection.execute(statement, parameters, binary=True)
    (row,) = await cursor.fetchall()
    return row


def _columns(row: list[Any] | Row) -> Columns:
    count, *columns = row
    filled: list[list[Any]] = [column or [] for column in columns]
    return Columns(count, *filled)
