"""Turns a panel and a period into power by the instant for a pick among them, and the places picked into columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, LiteralString

from psycopg import AsyncConnection

from metering.access import Viewer
from metering.buckets import Level
from store.connections import Row
from store.reading_columns import ALL_IN_READINGS, ALL_IN_ROLLUPS, OF_READING, OF_ROLLUP, OUTLIER, Columns, one_series
from store.readings import PANEL, scope


@dataclass(frozen=True, slots=True)
class PowerSample:
    """Every power of a period, ascending by time, as Postgres sends numbers: big-endian, 8 bytes each.

    `places` are integers, microseconds since 2000 (UTC) of a reading or of the start of a rollup's row; the others are
    floats. A rollup's row has as its power its lowest or highest, whichever is further from its average.
    """

    places: bytes
    powers_kw: bytes
    lowest_kw: bytes
    highest_kw: bytes


SAMPLED: LiteralString = """
SELECT string_agg(timestamptz_send(place), ''::bytea), string_agg(float8send(power_kw), ''::bytea)"""
"""The first two of a PowerSample. As bytes: two lists of a day at 1 s would hold Python up for 8 ms."""

_READING_SAMPLE: LiteralString = f"""
WITH {PANEL}, point AS (
    SELECT at AS place, active_power_kw AS power_kw FROM reading
    WHERE panel_id = (SELECT id FROM panel) AND at >= %(start)s AND at < %(end)s AND active_power_kw IS NOT NULL
    ORDER BY at
){SAMPLED} FROM point
"""

_WITH_EXTREMES: LiteralString = f"""){SAMPLED},
       string_agg(float8send(power_min_kw), ''::bytea), string_agg(float8send(power_max_kw), ''::bytea)
FROM point
"""

_FIVE_MINUTE_SAMPLE: LiteralString = f"""
WITH {PANEL}, point AS (
    SELECT starts_at AS place, {OUTLIER} AS power_kw, power_min_kw, power_max_kw FROM rollup_five_minutes
    WHERE panel_id = (SELECT id FROM panel) AND starts_at > %(start)s::timestamptz - interval '5 minutes'
      AND starts_at < %(end)s AND last_at >= %(start)s AND last_at < %(end)s AND power_count > 0
    ORDER BY starts_at
{_WITH_EXTREMES}"""

_HOUR_SAMPLE: LiteralString = f"""
WITH {PANEL}, point AS (
    SELECT starts_at AS place, {OUTLIER} AS power_kw, power_min_kw, power_max_kw FROM rollup_hour
    WHERE panel_id = (SELECT id FROM panel) AND starts_at > %(start)s::timestamptz - interval '1 hour'
      AND starts_at < %(end)s AND last_at >= %(start)s AND last_at < %(end)s AND power_count > 0
    ORDER BY starts_at
{_WITH_EXTREMES}"""

_DAY_SAMPLE: LiteralString = f"""
WITH {PANEL}, point AS (
    SELECT day::timestamp AT TIME ZONE 'UTC' AS place, {OUTLIER} AS power_kw, power_min_kw, power_max_kw FROM rollup_day
    WHERE panel_id = (SELECT id FROM panel) AND day BETWEEN %(first_day)s AND %(last_day)s
      AND last_at >= %(start)s AND last_at < %(end)s AND power_count > 0
    ORDER BY day
{_WITH_EXTREMES}"""

_SAMPLES: dict[Level, LiteralString] = {
    Level.READINGS: _READING_SAMPLE,
    Level.FIVE_MINUTES: _FIVE_MINUTE_SAMPLE,
    Level.HOUR: _HOUR_SAMPLE,
    Level.DAY: _DAY_SAMPLE,
}


async def power_sample(
    connection: AsyncConnection[Row],
    *,
    viewer: Viewer,
    panel_id: int,
    start: datetime,
    end: datetime,
    days: tuple[date, date],
    level: Level,
) -> PowerSample:
    """The powers of a period; `days` are its first and last local day."""
    parameters = {**scope(viewer, panel_id), "start": start, "end": end, "first_day": days[0], "last_day": days[1]}
    cursor = await connection.execute(_SAMPLES[level], parameters, binary=True)
    (row,) = await cursor.fetchall()
    places, powers_kw, *extremes = (sent or b"" for sent in row)
    return PowerSample(places, powers_kw, *(extremes or (powers_kw, powers_kw)))


_PLACE: LiteralString = """picked AS MATERIALIZED (
    SELECT timestamptz '2000-01-01 00:00:00Z' + place * interval '1 microsecond' AS place
    FROM unnest(%(places)s::text::bigint[]) AS place
)"""

_PICKED_READINGS: LiteralString = f"""
WITH {PANEL}, {_PLACE}, point AS (
    SELECT {OF_READING} FROM reading
    WHERE panel_id = (SELECT id FROM panel) AND at >= %(start)s AND at < %(end)s
      AND at = ANY (ARRAY(SELECT place FROM picked))
    ORDER BY at
)
SELECT count(*)::bigint,
       {ALL_IN_READINGS}
FROM point
"""

_ALL_OF_THEM: LiteralString = f""")
SELECT count(*)::bigint,
       {ALL_IN_ROLLUPS}
FROM point
"""
_THAT_START_THERE: LiteralString = f"""
    WHERE panel_id = (SELECT id FROM panel) AND starts_at = ANY (ARRAY(SELECT place FROM picked))
    ORDER BY starts_at
{_ALL_OF_THEM}"""

_PICKED_FIVE_MINUTES: LiteralString = f"""
WITH {PANEL}, {_PLACE}, point AS (
    SELECT {OF_ROLLUP} FROM rollup_five_minutes{_THAT_START_THERE}"""

_PICKED_HOURS: LiteralString = f"""
WITH {PANEL}, {_PLACE}, point AS (
    SELECT {OF_ROLLUP} FROM rollup_hour{_THAT_START_THERE}"""

_PICKED_DAYS: LiteralString = f"""
WITH {PANEL}, {_PLACE}, point AS (
    SELECT {OF_ROLLUP} FROM rollup_day
    WHERE panel_id = (SELECT id FROM panel) AND day = ANY (ARRAY(SELECT (place AT TIME ZONE 'UTC')::date FROM picked))
    ORDER BY day
{_ALL_OF_THEM}"""

_PICKED: dict[Level, LiteralString] = {
    Level.READINGS: _PICKED_READINGS,
    Level.FIVE_MINUTES: _PICKED_FIVE_MINUTES,
    Level.HOUR: _PICKED_HOURS,
    Level.DAY: _PICKED_DAYS,
}


async def picked(
    connection: AsyncConnection[Row],
    *,
    viewer: Viewer,
    panel_id: int,
    start: datetime,
    end: datetime,
    level: Level,
    places: Sequence[int],
    wanted: frozenset[str],
) -> Columns:
    """The columns of the places of a sample that were picked, ascending by time."""
    written = f"{{{','.join(map(str, places))}}}"  # as in store.usage: ten times faster than psycopg's own
    parameters: dict[str, Any] = {**scope(viewer, panel_id), "start": start, "end": end, "places": written}
    return (await one_series(connection, _PICKED[level], parameters, wanted=wanted))[1]
