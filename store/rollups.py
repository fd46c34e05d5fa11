"""Says in SQL how readings add up to five minutes, hours and local days."""

from typing import Final, LiteralString

from psycopg import Connection

from store.connections import Row

COUNTED: LiteralString = """
           count(*) AS reading_count,
           sum(register_rise_kwh(import_before_kwh, energy_import_kwh, at - import_before_at)) AS energy_kwh,
           sum(register_rise_kwh(export_before_kwh, energy_export_kwh, at - export_before_at)) AS export_kwh,
           count(active_power_kw) AS power_count, coalesce(sum(active_power_kw), 0) AS power_sum_kw,
           min(active_power_kw) AS power_min_kw, max(active_power_kw) AS power_max_kw,
           count(power_factor) AS factor_count, coalesce(sum(power_factor::float8), 0) AS factor_sum,
           min(at) AS first_at, max(at) AS last_at,
           (array_agg(energy_import_kwh ORDER BY at DESC) FILTER (WHERE energy_import_kwh IS NOT NULL))[1]
               AS energy_import_kwh,
           (array_agg(energy_export_kwh ORDER BY at DESC) FILTER (WHERE energy_export_kwh IS NOT NULL))[1]
               AS energy_export_kwh"""
"""Of readings with the registers before them, `import_before_kwh` at `import_before_at` and the same of the export:
one row of five minutes.

The register of a bucket is the last one that any of its readings had.
"""

SUMMED: LiteralString = """
           sum(reading_count), sum(energy_kwh), sum(export_kwh),
           sum(power_count), sum(power_sum_kw), min(power_min_kw), max(power_max_kw),
           sum(factor_count), sum(factor_sum), min(first_at), max(last_at),
           (array_agg(energy_import_kwh ORDER BY last_at DESC) FILTER (WHERE energy_import_kwh IS NOT NULL))[1],
           (array_agg(energy_export_kwh ORDER BY last_at DESC) FILTER (WHERE energy_export_kwh IS NOT NULL))[1]"""
"""Of rows of five minutes: one row of a longer bucket."""

ADDED: LiteralString = """
        reading_count = kept.reading_count + excluded.reading_count,
        energy_kwh = kept.energy_kwh + excluded.energy_kwh,
        export_kwh = kept.export_kwh + excluded.export_kwh,
        power_count = kept.power_count + excluded.power_count,
        power_sum_kw = kept.power_sum_kw + excluded.power_sum_kw,
        power_min_kw = least(kept.power_min_kw, excluded.power_min_kw),
        power_max_kw = greatest(kept.power_max_kw, excluded.power_max_kw),
        factor_count = kept.factor_count + excluded.factor_count,
        factor_sum = kept.factor_sum + excluded.factor_sum,
        last_at = excluded.last_at,
        energy_import_kwh = coalesce(excluded.energy_import_kwh, kept.energy_import_kwh),
        energy_export_kwh = coalesce(excluded.energy_export_kwh, kept.energy_export_kwh)"""
"""What a row of younger readings adds to the row `kept`."""

_CREATE_TOUCHED = """
CREATE TEMPORARY TABLE IF NOT EXISTS touched_bucket (panel_id integer, starts_at timestamptz) ON COMMIT DELETE ROWS"""


def create_touched(connection: Connection[Row]) -> None:
    """Makes the table of the five minutes that are to be recomputed; it is emptied at the end of each transaction."""
    connection.execute(_CREATE_TOUCHED)


_HEAR: LiteralString = """
UPDATE latest_reading AS kept SET last_seen_at = greatest(kept.last_seen_at, heard.at)
FROM (
    SELECT panel_id, max(reading.received_at) AS at FROM staged_reading JOIN reading USING (panel_id, at)
    WHERE reading.batch_id = %(batch_id)s AND panel_id = ANY (%(panels)s)
    GROUP BY panel_id
) AS heard
WHERE kept.panel_id = heard.panel_id"""

# A late reading changes its own five minutes, and those of the next reading, whose rise now starts from it.
_TOUCH: LiteralString = """
INSERT INTO touched_bucket
WITH renewed AS MATERIALIZED (
    SELECT reading.panel_id, date_bin('5 minutes', reading.at, 'epoch') AS starts_at,
           bool_or(reading.energy_import_kwh IS NOT NULL) AS has_import,
           bool_or(reading.energy_export_kwh IS NOT NULL) AS has_export
    FROM staged_reading JOIN reading USING (panel_id, at)
    WHERE reading.batch_id = %(batch_id)s AND panel_id = ANY (%(panels)s)
    GROUP BY 1, 2
)
SELECT panel_id, starts_at FROM renewed
UNION
SELECT panel_id, date_bin('5 minutes', following.at, 'epoch') FROM renewed CROSS JOIN LATERAL (
    SELECT at FROM reading
    WHERE renewed.has_import AND reading.panel_id = renewed.panel_id
      AND reading.at >= renewed.starts_at + interval '5 minutes' AND reading.energy_import_kwh IS NOT NULL
    ORDER BY at LIMIT 1
) AS following
UNION
SELECT panel_id, date_bin('5 minutes', following.at, 'epoch') FROM renewed CROSS JOIN LATERAL (
    SELECT at FROM reading
    WHERE renewed.has_export AND reading.panel_id = renewed.panel_id
      AND reading.at >= renewed.starts_at + interval '5 minutes' AND reading.energy_export_kwh IS NOT NULL
    ORDER BY at LIMIT 1
) AS following"""

_REPLACE: LiteralString = """
    reading_count = excluded.reading_count, energy_kwh = excluded.energy_kwh, export_kwh = excluded.export_kwh,
    power_count = excluded.power_count, power_sum_kw = excluded.power_sum_kw,
    power_min_kw = excluded.power_min_kw, power_max_kw = excluded.power_max_kw,
    factor_count = excluded.factor_count, factor_sum = excluded.factor_sum,
    first_at = excluded.first_at, last_at = excluded.last_at,
    energy_import_kwh = excluded.energy_import_kwh, energy_export_kwh = excluded.energy_export_kwh"""

_FIVE_MINUTES: LiteralString = f"""
INSERT INTO rollup_five_minutes
SELECT touched.panel_id, touched.starts_at, summed.*
FROM touched_bucket AS touched CROSS JOIN LATERAL (
    SELECT {COUNTED}
    FROM (
        SELECT own.at, own.active_power_kw, own.power_factor, own.energy_import_kwh, own.energy_export_kwh,
               coalesce(lag(own.energy_import_kwh) OVER imports,
                        CASE WHEN own.energy_import_kwh IS NOT NULL THEN (
                            SELECT energy_import_kwh FROM reading
                            WHERE reading.panel_id = touched.panel_id AND reading.at < own.at
                              AND reading.energy_import_kwh IS NOT NULL ORDER BY reading.at DESC LIMIT 1
                        ) END) AS import_before_kwh,
               coalesce(lag(own.at) OVER imports,
                        CASE WHEN own.energy_import_kwh IS NOT NULL THEN (
                            SELECT at FROM reading
                            WHERE reading.panel_id = touched.panel_id AND reading.at < own.at
                              AND reading.energy_import_kwh IS NOT NULL ORDER BY reading.at DESC LIMIT 1
                        ) END) AS import_before_at,
               coalesce(lag(own.energy_export_kwh) OVER exports,
                        CASE WHEN own.energy_export_kwh IS NOT NULL THEN (
                            SELECT energy_export_kwh FROM reading
                            WHERE reading.panel_id = touched.panel_id AND reading.at < own.at
                              AND reading.energy_export_kwh IS NOT NULL ORDER BY reading.at DESC LIMIT 1
                        ) END) AS export_before_kwh,
               coalesce(lag(own.at) OVER exports,
                        CASE WHEN own.energy_export_kwh IS NOT NULL THEN (
                            SELECT at FROM reading
                            WHERE reading.panel_id = touched.panel_id AND reading.at < own.at
                              AND reading.energy_export_kwh IS NOT NULL ORDER BY reading.at DESC LIMIT 1
                        ) END) AS export_before_at
        FROM reading AS own
        WHERE own.panel_id = touched.panel_id
          AND own.at >= touched.starts_at AND own.at < touched.starts_at + interval '5 minutes'
        WINDOW imports AS (PARTITION BY own.energy_import_kwh IS NULL ORDER BY own.at),
               exports AS (PARTITION BY own.energy_export_kwh IS NULL ORDER BY own.at)
    ) AS own
    HAVING count(*) > 0
) AS summed
ON CONFLICT (panel_id, starts_at) DO UPDATE SET {_REPLACE}"""

_HOURS: LiteralString = f"""
INSERT INTO rollup_hour
SELECT touched.panel_id, touched.starts_at, summed.*
FROM (SELECT DISTINCT panel_id, date_bin('1 hour', starts_at, 'epoch') AS starts_at FROM touched_bucket) AS touched
CROSS JOIN LATERAL (
    SELECT {SUMMED} FROM rollup_five_minutes AS part
    WHERE part.panel_id = touched.panel_id
      AND part.starts_at >= touched.starts_at AND part.starts_at < touched.starts_at + interval '1 hour'
    HAVING count(*) > 0
) AS summed
ON CONFLICT (panel_id, starts_at) DO UPDATE SET {_REPLACE}"""

_DAYS: LiteralString = f"""
INSERT INTO rollup_day
SELECT touched.panel_id, touched.day, summed.*
FROM (SELECT DISTINCT panel_id, time_zone, (starts_at AT TIME ZONE time_zone)::date AS day
      FROM touched_bucket JOIN panel ON panel.id = panel_id) AS touched
CROSS JOIN LATERAL (
    SELECT {SUMMED} FROM rollup_five_minutes AS part
    WHERE part.panel_id = touched.panel_id
      AND part.starts_at >= local_midnight(touched.day, time_zone)
      AND part.starts_at < local_midnight(touched.day + 1, time_zone)
    HAVING count(*) > 0
) AS summed
ON CONFLICT (panel_id, day) DO UPDATE SET {_REPLACE}"""

REFILL: Final[tuple[LiteralString, ...]] = (_FIVE_MINUTES, _HOURS, _DAYS)
"""Recomputes the touched five minutes from their readings, and from those their hours and days."""

RECOMPUTE: Final[tuple[LiteralString, ...]] = (_HEAR, _TOUCH, *REFILL)
"""Run in this order after the merge, in its transaction, with `batch_id` and `panels`, those with a late reading."""
