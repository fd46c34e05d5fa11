"""Turns readings that were touched into rollups, recomputed from the readings, and a newest reading that is theirs."""

from typing import Final, LiteralString

from psycopg import Connection

from store.connections import Row
from store.judging import create_touched_readings
from store.rollups import (
    COUNTED,
    DAY_COLUMNS,
    FIVE_MINUTE_COLUMNS,
    HOUR_COLUMNS,
    QUARTERS,
    SUMMED,
    SUMMED_HOUR,
    WITH_SILENCE,
)

_CREATE_TOUCHED = """
CREATE TEMPORARY TABLE IF NOT EXISTS touched_bucket (panel_id integer, starts_at timestamptz) ON COMMIT DELETE ROWS"""


def create_touched(connection: Connection[Row]) -> None:
    """Makes the tables of what is to be judged and recomputed; they are emptied at the end of each transaction."""
    create_touched_readings(connection)
    connection.execute(_CREATE_TOUCHED)


# A reading changes its own five minutes, and those of the next reading that counts, whose rise starts from it.
_TOUCH: LiteralString = """
INSERT INTO touched_bucket
WITH touched AS MATERIALIZED (
    SELECT panel_id, date_bin('5 minutes', at, 'epoch') AS starts_at, bool_or(has_import) AS has_import,
           bool_or(has_export) AS has_export
    FROM touched_reading
    GROUP BY 1, 2
)
SELECT panel_id, starts_at FROM touched
UNION
SELECT panel_id, date_bin('5 minutes', following.at, 'epoch') FROM touched CROSS JOIN LATERAL (
    SELECT at FROM reading
    WHERE touched.has_import AND reading.panel_id = touched.panel_id
      AND reading.at >= touched.starts_at + interval '5 minutes'
      AND reading.energy_import_kwh IS NOT NULL AND reading.flags & 1 = 0
    ORDER BY at LIMIT 1
) AS following
UNION
SELECT panel_id, date_bin('5 minutes', following.at, 'epoch') FROM touched CROSS JOIN LATERAL (
    SELECT at FROM reading
    WHERE touched.has_export AND reading.panel_id = touched.panel_id
      AND reading.at >= touched.starts_at + interval '5 minutes'
      AND reading.energy_export_kwh IS NOT NULL AND reading.flags & 2 = 0
    ORDER BY at LIMIT 1
) AS following"""

_REPLACE: LiteralString = """
    reading_count = excluded.reading_count, energy_kwh = excluded.energy_kwh, export_kwh = excluded.export_kwh,
    power_count = excluded.power_count, power_sum_kw = excluded.power_sum_kw,
    power_min_kw = excluded.power_min_kw, power_max_kw = excluded.power_max_kw,
    factor_count = excluded.factor_count, factor_sum = excluded.factor_sum,
    first_at = excluded.first_at, last_at = excluded.last_at,
    energy_import_kwh = excluded.energy_import_kwh, energy_export_kwh = excluded.energy_export_kwh"""

# A register before a bucket is looked up only for the first reading in it that has one. An irregular step is no usage,
# unless it was a rollover.
_FIVE_MINUTES: LiteralString = f"""
INSERT INTO rollup_five_minutes ({FIVE_MINUTE_COLUMNS})
SELECT touched.panel_id, touched.starts_at, summed.*
FROM (SELECT DISTINCT panel_id, starts_at FROM touched_bucket) AS touched CROSS JOIN LATERAL (
    SELECT {COUNTED}
    FROM (
        SELECT at, active_power_kw, power_factor, energy_import_kwh, energy_export_kwh,
               coalesce(regular_rise_kwh(import_before_kwh, energy_import_kwh, at - import_before_at),
                        CASE WHEN import_before_kwh IS NOT NULL AND energy_import_kwh IS NOT NULL THEN (
                            SELECT usage_kwh FROM register_event AS event
                            WHERE event.panel_id = touched.panel_id AND register = 'IMPORT' AND event.at = own.at
                              AND kind = 'ROLLOVER'
                        ) END) AS import_rise_kwh,
               coalesce(regular_rise_kwh(export_before_kwh, energy_export_kwh, at - export_before_at),
                        CASE WHEN export_before_kwh IS NOT NULL AND energy_export_kwh IS NOT NULL THEN (
                            SELECT usage_kwh FROM register_event AS event
                            WHERE event.panel_id = touched.panel_id AND register = 'EXPORT' AND event.at = own.at
                              AND kind = 'ROLLOVER'
                        ) END) AS export_rise_kwh,
               at - import_before_at > interval '15 minutes' AS is_spread
        FROM (
            SELECT own.*,
                   coalesce(lag(energy_import_kwh) OVER imports,
                            CASE WHEN energy_import_kwh IS NOT NULL THEN (
                                SELECT energy_import_kwh FROM reading
                                WHERE reading.panel_id = touched.panel_id AND reading.at < own.at
                                  AND reading.energy_import_kwh IS NOT NULL AND reading.flags & 1 = 0
                                ORDER BY reading.at DESC LIMIT 1
                            ) END) AS import_before_kwh,
                   coalesce(lag(at) OVER imports,
                            CASE WHEN energy_import_kwh IS NOT NULL THEN (
                                SELECT at FROM reading
                                WHERE reading.panel_id = touched.panel_id AND reading.at < own.at
                                  AND reading.energy_import_kwh IS NOT NULL AND reading.flags & 1 = 0
                                ORDER BY reading.at DESC LIMIT 1
                            ) END) AS import_before_at,
                   coalesce(lag(energy_export_kwh) OVER exports,
                            CASE WHEN energy_export_kwh IS NOT NULL THEN (
                                SELECT energy_export_kwh FROM reading
                                WHERE reading.panel_id = touched.panel_id AND reading.at < own.at
                                  AND reading.energy_export_kwh IS NOT NULL AND reading.flags & 2 = 0
                                ORDER BY reading.at DESC LIMIT 1
                            ) END) AS export_before_kwh,
                   coalesce(lag(at) OVER exports,
                            CASE WHEN energy_export_kwh IS NOT NULL THEN (
                                SELECT at FROM reading
                                WHERE reading.panel_id = touched.panel_id AND reading.at < own.at
                                  AND reading.energy_export_kwh IS NOT NULL AND reading.flags & 2 = 0
                                ORDER BY reading.at DESC LIMIT 1
                            ) END) AS export_before_at
            FROM (
                SELECT at, active_power_kw, power_factor,
                       CASE WHEN flags & 1 = 0 THEN energy_import_kwh END AS energy_import_kwh,
                       CASE WHEN flags & 2 = 0 THEN energy_export_kwh END AS energy_export_kwh
                FROM reading
                WHERE panel_id = touched.panel_id
                  AND at >= touched.starts_at AND at < touched.starts_at + interval '5 minutes'
            ) AS own
            WINDOW imports AS (PARTITION BY energy_import_kwh IS NULL ORDER BY at),
                   exports AS (PARTITION BY energy_export_kwh IS NULL ORDER BY at)
        ) AS own
    ) AS risen
    HAVING count(*) > 0
) AS summed
ON CONFLICT (panel_id, starts_at) DO UPDATE SET {_REPLACE}, spread_kwh = excluded.spread_kwh"""

_HOURS: LiteralString = f"""
INSERT INTO rollup_hour ({HOUR_COLUMNS})
SELECT touched.panel_id, touched.starts_at, summed.*
FROM (SELECT DISTINCT panel_id, date_bin('1 hour', starts_at, 'epoch') AS starts_at FROM touched_bucket) AS touched
CROSS JOIN LATERAL (
    SELECT {SUMMED_HOUR} FROM (
        SELECT {WITH_SILENCE} FROM rollup_five_minutes AS part
        WHERE part.panel_id = touched.panel_id
          AND part.starts_at >= touched.starts_at AND part.starts_at < touched.starts_at + interval '1 hour'
    ) AS part
    HAVING count(*) > 0
) AS summed
ON CONFLICT (panel_id, starts_at) DO UPDATE SET {_REPLACE},
    quarter_1_kwh = excluded.quarter_1_kwh, quarter_2_kwh = excluded.quarter_2_kwh,
    quarter_3_kwh = excluded.quarter_3_kwh, quarter_4_kwh = excluded.quarter_4_kwh,
    longest_gap = excluded.longest_gap"""

_DAYS: LiteralString = f"""
INSERT INTO rollup_day ({DAY_COLUMNS})
SELECT touched.panel_id, touched.day, summed.*, peak.demand_kw, peak.starts_at
FROM (
    SELECT panel_id, day, local_midnight(day, time_zone) AS since, local_midnight(day + 1, time_zone) AS until
    FROM (SELECT DISTINCT panel_id, time_zone, (starts_at AT TIME ZONE time_zone)::date AS day
          FROM touched_bucket JOIN panel ON panel.id = panel_id) AS own
) AS touched
CROSS JOIN LATERAL (
    SELECT {SUMMED} FROM rollup_five_minutes AS part
    WHERE part.panel_id = touched.panel_id AND part.starts_at >= since AND part.starts_at < until
    HAVING count(*) > 0
) AS summed
LEFT JOIN LATERAL (
    SELECT 4 * quarter.energy_kwh AS demand_kw, quarter.starts_at
    FROM rollup_hour AS hour CROSS JOIN LATERAL ({QUARTERS}) AS quarter (starts_at, energy_kwh)
    WHERE hour.panel_id = touched.panel_id AND hour.starts_at > since - interval '1 hour' AND hour.starts_at < until
      AND quarter.starts_at >= since AND quarter.starts_at < until AND quarter.energy_kwh > 0
    ORDER BY quarter.energy_kwh DESC, quarter.starts_at LIMIT 1
) AS peak ON true
ON CONFLICT (panel_id, day) DO UPDATE SET {_REPLACE},
    peak_demand_kw = excluded.peak_demand_kw, peak_demand_at = excluded.peak_demand_at"""

_REFILL: Final[tuple[LiteralString, ...]] = (_FIVE_MINUTES, _HOURS, _DAYS)


def touch_buckets(connection: Connection[Row]) -> None:
    """Marks the five minutes that depend on the touched readings."""
    connection.execute(_TOUCH)


def refill(connection: Connection[Row]) -> None:
    """Recomputes the marked five minutes from their readings, and from those their hours and days."""
    for statement in _REFILL:
        connection.execute(statement)


# What a late or joined message and a judgement change in the row that is the newest.
_FOLLOW: LiteralString = """
UPDATE latest_reading AS kept SET
    received_at = own.received_at, batch_id = own.batch_id, flags = own.flags,
    voltage_r_v = own.voltage_r_v, voltage_s_v = own.voltage_s_v,
    voltage_t_v = own.voltage_t_v, voltage_n_v = own.voltage_n_v,
    current_r_a = own.current_r_a, current_s_a = own.current_s_a,
    current_t_a = own.current_t_a, current_n_a = own.current_n_a,
    active_power_kw = own.active_power_kw, apparent_power_kva = own.apparent_power_kva,
    power_factor = own.power_factor, energy_import_kwh = own.energy_import_kwh,
    energy_export_kwh = own.energy_export_kwh, voltage_unbalance = own.voltage_unbalance,
    current_unbalance = own.current_unbalance
FROM reading AS own
WHERE kept.panel_id = ANY (%(panels)s) AND own.panel_id = kept.panel_id AND own.at = kept.at"""


def follow(connection: Connection[Row], *, panels: list[int]) -> None:
    """Gives the newest reading of these panels what its row holds now."""
    connection.execute(_FOLLOW, {"panels": panels})
