"""Says in SQL how readings add up to five minutes, hours and local days."""

from typing import LiteralString

_SUMS: LiteralString = """reading_count, energy_kwh, export_kwh, power_count, power_sum_kw, power_min_kw, power_max_kw,
    factor_count, factor_sum, first_at, last_at, energy_import_kwh, energy_export_kwh"""

FIVE_MINUTE_COLUMNS: LiteralString = f"panel_id, starts_at, {_SUMS}, spread_kwh"
HOUR_COLUMNS: LiteralString = f"""panel_id, starts_at, {_SUMS},
    quarter_1_kwh, quarter_2_kwh, quarter_3_kwh, quarter_4_kwh, longest_gap"""
DAY_COLUMNS: LiteralString = f"panel_id, day, {_SUMS}, peak_demand_kw, peak_demand_at"
"""The columns of the rollups in the order in which the expressions below fill them."""

COUNTED: LiteralString = """
           count(*) AS reading_count,
           coalesce(sum(import_rise_kwh), 0) AS energy_kwh, coalesce(sum(export_rise_kwh), 0) AS export_kwh,
           count(active_power_kw) AS power_count, coalesce(sum(active_power_kw), 0) AS power_sum_kw,
           min(active_power_kw) AS power_min_kw, max(active_power_kw) AS power_max_kw,
           count(power_factor) AS factor_count, coalesce(sum(power_factor::float8), 0) AS factor_sum,
           min(at) AS first_at, max(at) AS last_at,
           (array_agg(energy_import_kwh ORDER BY at DESC) FILTER (WHERE energy_import_kwh IS NOT NULL))[1]
               AS energy_import_kwh,
           (array_agg(energy_export_kwh ORDER BY at DESC) FILTER (WHERE energy_export_kwh IS NOT NULL))[1]
               AS energy_export_kwh,
           coalesce(sum(import_rise_kwh) FILTER (WHERE is_spread), 0) AS spread_kwh"""
"""Of readings, with their registers but for glitches and how far these have risen: one row of five minutes.

The register of a bucket is the last one that any of its readings had. `is_spread`: the import's rise took more than a
quarter of an hour, so it says nothing of the demand in one.
"""

SUMMED: LiteralString = """
           sum(reading_count), sum(energy_kwh), sum(export_kwh),
           sum(power_count), sum(power_sum_kw), min(power_min_kw), max(power_max_kw),
           sum(factor_count), sum(factor_sum), min(first_at), max(last_at),
           (array_agg(energy_import_kwh ORDER BY last_at DESC) FILTER (WHERE energy_import_kwh IS NOT NULL))[1],
           (array_agg(energy_export_kwh ORDER BY last_at DESC) FILTER (WHERE energy_export_kwh IS NOT NULL))[1]"""
"""Of rows of five minutes: one row of a longer bucket."""

# Spans without readings are told by five minutes' first and last readings: one inside five minutes is none.
WITH_SILENCE: LiteralString = """
           *, CASE WHEN date_bin('1 hour', starts_at, 'epoch') <= lag(last_at) OVER (ORDER BY panel_id, starts_at)
                    AND panel_id = lag(panel_id) OVER (ORDER BY panel_id, starts_at)
              THEN first_at - lag(last_at) OVER (ORDER BY panel_id, starts_at) END AS silence"""
"""Rows of five minutes, with how long there was no reading before each, since the one before it in the same hour."""

SUMMED_HOUR: LiteralString = f"""{SUMMED},
           coalesce(sum(energy_kwh - spread_kwh) FILTER (WHERE date_part('minute', starts_at) < 15), 0),
           coalesce(sum(energy_kwh - spread_kwh) FILTER (WHERE date_part('minute', starts_at) IN (15, 20, 25)), 0),
           coalesce(sum(energy_kwh - spread_kwh) FILTER (WHERE date_part('minute', starts_at) IN (30, 35, 40)), 0),
           coalesce(sum(energy_kwh - spread_kwh) FILTER (WHERE date_part('minute', starts_at) >= 45), 0),
           max(silence)"""
"""Of rows WITH_SILENCE: one row of an hour, with the energy of its quarters and its longest silence."""

QUARTERS: LiteralString = """
    VALUES (hour.starts_at, hour.quarter_1_kwh), (hour.starts_at + interval '15 minutes', hour.quarter_2_kwh),
           (hour.starts_at + interval '30 minutes', hour.quarter_3_kwh),
           (hour.starts_at + interval '45 minutes', hour.quarter_4_kwh)"""
"""The four quarters of a row `hour`: when they start, and their energy."""

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

ADDED_FIVE_MINUTES: LiteralString = f"{ADDED}, spread_kwh = kept.spread_kwh + excluded.spread_kwh"

ADDED_HOUR: LiteralString = f"""{ADDED},
        quarter_1_kwh = kept.quarter_1_kwh + excluded.quarter_1_kwh,
        quarter_2_kwh = kept.quarter_2_kwh + excluded.quarter_2_kwh,
        quarter_3_kwh = kept.quarter_3_kwh + excluded.quarter_3_kwh,
        quarter_4_kwh = kept.quarter_4_kwh + excluded.quarter_4_kwh,
        longest_gap = greatest(kept.longest_gap, excluded.longest_gap,
                               CASE WHEN date_bin('5 minutes', excluded.first_at, 'epoch') > kept.last_at
                               THEN excluded.first_at - kept.last_at END)"""

# Quarters only grow by younger readings, so the peak is the one there was or one of those that grew.
ADDED_DAY: LiteralString = f"""{ADDED},
        peak_demand_kw = greatest(kept.peak_demand_kw, excluded.peak_demand_kw),
        peak_demand_at = CASE
            WHEN kept.peak_demand_kw IS NULL OR excluded.peak_demand_kw > kept.peak_demand_kw
                 OR (excluded.peak_demand_kw = kept.peak_demand_kw AND excluded.peak_demand_at < kept.peak_demand_at)
            THEN excluded.peak_demand_at ELSE kept.peak_demand_at END"""
