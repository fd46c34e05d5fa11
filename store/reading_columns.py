"""Turns the columns that a series asks for into what a statement selects, and its one row back into columns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg import AsyncConnection

from store.connections import Row

_IN_ROLLUPS: dict[str, LiteralString] = {
    "after_start": "at - %(start)s::timestamptz",
    "at_ms": "date_part('epoch', at) * 1000",
    "active_power_kw": "active_power_kw",
    "min_active_power_kw": "min_active_power_kw",
    "max_active_power_kw": "max_active_power_kw",
    "energy_import_kwh": "energy_import_kwh",
    "energy_export_kwh": "energy_export_kwh",
    "power_factor": "power_factor",
    "flags": "flags",
}
_IN_READINGS: dict[str, LiteralString] = {
    **_IN_ROLLUPS,
    "apparent_power_kva": "apparent_power_kva",
    "voltage_r_v": "voltage_r_v",
    "voltage_s_v": "voltage_s_v",
    "voltage_t_v": "voltage_t_v",
    "voltage_n_v": "voltage_n_v",
    "current_r_a": "current_r_a",
    "current_s_a": "current_s_a",
    "current_t_a": "current_t_a",
    "current_n_a": "current_n_a",
    "voltage_unbalance": "voltage_unbalance",
    "current_unbalance": "current_unbalance",
}
COLUMN_NAMES = frozenset(_IN_READINGS)
"""What may be asked for. Points that stand for rollups have none of voltages, currents, unbalances, apparent power."""


def _listed(cells: list[LiteralString]) -> LiteralString:
    return ", ".join([f"array_agg({cell})" for cell in cells])


ALL_IN_READINGS: LiteralString = _listed(list(_IN_READINGS.values()))
ALL_IN_ROLLUPS: LiteralString = _listed(list(_IN_ROLLUPS.values()))
"""What a statement selects of its `point`, as if all were asked for: `one_series` leaves out what is not."""


_OF_ONE: tuple[LiteralString, ...] = (
    *("at", "received_at"),
    *("voltage_r_v::text::float8", "voltage_s_v::text::float8", "voltage_t_v::text::float8"),
    *("voltage_n_v::text::float8", "current_r_a::text::float8", "current_s_a::text::float8"),
    *("current_t_a::text::float8", "current_n_a::text::float8"),
    *("active_power_kw", "apparent_power_kva", "power_factor::text::float8"),
    *("energy_import_kwh", "energy_export_kwh"),
    *("voltage_unbalance::text::float8", "current_unbalance::text::float8", "flags"),
)


def whole_reading(of: LiteralString) -> LiteralString:
    """What a statement selects of the table, or alias, `of` a reading; `store.panels.reading_of` reads it back."""
    return ", ".join([of + "." + column for column in _OF_ONE])


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns of equal length `count`, ascending by time, by name: of those asked for, the ones that there are.

    `after_start` is how long after the period's start each instant is: spans are read four times faster than instants.
    `flags` are sums of ReadingFlag, 0 for a point that stands for rollups.
    """

    count: int
    of: Mapping[str, list[Any]]


# Real columns are read by their text, so that 224.7 stays 224.7: 0.2 us each.
OF_READING: LiteralString = """at, batch_id, active_power_kw, active_power_kw AS min_active_power_kw,
           active_power_kw AS max_active_power_kw, energy_import_kwh, energy_export_kwh, flags, apparent_power_kva,
           power_factor::text::float8 AS power_factor,
           voltage_r_v::text::float8 AS voltage_r_v, voltage_s_v::text::float8 AS voltage_s_v,
           voltage_t_v::text::float8 AS voltage_t_v, voltage_n_v::text::float8 AS voltage_n_v,
           current_r_a::text::float8 AS current_r_a, current_s_a::text::float8 AS current_s_a,
           current_t_a::text::float8 AS current_t_a, current_n_a::text::float8 AS current_n_a,
           voltage_unbalance::text::float8 AS voltage_unbalance, current_unbalance::text::float8 AS current_unbalance"""
# A bin's point stands where its last reading was: registers as they stood there, all else averaged over the bin.
OF_BIN: LiteralString = """max(reading.at) AS at,
           round(avg(active_power_kw) * 1e6) / 1e6 AS active_power_kw,
           min(active_power_kw) AS min_active_power_kw, max(active_power_kw) AS max_active_power_kw,
           (array_agg(energy_import_kwh ORDER BY reading.at DESC) FILTER (WHERE energy_import_kwh IS NOT NULL))[1]
               AS energy_import_kwh,
           (array_agg(energy_export_kwh ORDER BY reading.at DESC) FILTER (WHERE energy_export_kwh IS NOT NULL))[1]
               AS energy_export_kwh,
           bit_or(flags) AS flags,
           round(avg(apparent_power_kva) * 1e6) / 1e6 AS apparent_power_kva,
           round(avg(power_factor) * 1e6) / 1e6 AS power_factor,
           round(avg(voltage_r_v) * 1e4) / 1e4 AS voltage_r_v, round(avg(voltage_s_v) * 1e4) / 1e4 AS voltage_s_v,
           round(avg(voltage_t_v) * 1e4) / 1e4 AS voltage_t_v, round(avg(voltage_n_v) * 1e4) / 1e4 AS voltage_n_v,
           round(avg(current_r_a) * 1e4) / 1e4 AS current_r_a, round(avg(current_s_a) * 1e4) / 1e4 AS current_s_a,
           round(avg(current_t_a) * 1e4) / 1e4 AS current_t_a, round(avg(current_n_a) * 1e4) / 1e4 AS current_n_a,
           round(avg(voltage_unbalance) * 1e6) / 1e6 AS voltage_unbalance,
           round(avg(current_unbalance) * 1e6) / 1e6 AS current_unbalance"""
OF_BIN_OF_ROLLUPS: LiteralString = """max(last_at) AS at,
           round(sum(power_sum_kw) / nullif(sum(power_count), 0) * 1e6) / 1e6 AS active_power_kw,
           min(power_min_kw) AS min_active_power_kw, max(power_max_kw) AS max_active_power_kw,
           (array_agg(energy_import_kwh ORDER BY last_at DESC) FILTER (WHERE energy_import_kwh IS NOT NULL))[1]
               AS energy_import_kwh,
           (array_agg(energy_export_kwh ORDER BY last_at DESC) FILTER (WHERE energy_export_kwh IS NOT NULL))[1]
               AS energy_export_kwh,
           round(sum(factor_sum) / nullif(sum(factor_count), 0) * 1e6) / 1e6 AS power_factor,
           0::smallint AS flags"""
# Of one row of a rollup: its lowest or its highest power, whichever is further from its average.
OUTLIER: LiteralString = """CASE WHEN power_max_kw + power_min_kw >= 2 * power_sum_kw / nullif(power_count, 0)
           THEN power_max_kw ELSE power_min_kw END"""
OF_ROLLUP: LiteralString = f"""last_at AS at,
           {OUTLIER} AS active_power_kw,
           power_min_kw AS min_active_power_kw, power_max_kw AS max_active_power_kw,
           energy_import_kwh, energy_export_kwh,
           round(factor_sum / nullif(factor_count, 0) * 1e6) / 1e6 AS power_factor,
           0::smallint AS flags"""


async def one_series(
    connection: AsyncConnection[Row], statement: LiteralString, parameters: dict[str, Any], *, wanted: frozenset[str]
) -> tuple[Row, Columns]:
    """What a statement selects before ALL_IN_READINGS or ALL_IN_ROLLUPS, a count the last of it; and the columns.

    Columns that are not asked for are not in the statement that is run: Postgres need not compute them.
    """
    is_of_rollups = ALL_IN_READINGS not in statement
    known = _IN_ROLLUPS if is_of_rollups else _IN_READINGS
    cells: dict[str, LiteralString] = {name: cell for name, cell in known.items() if name in wanted}
    everything = ALL_IN_ROLLUPS if is_of_rollups else ALL_IN_READINGS
    text = statement.replace(everything, _listed(list(cells.values())) or "NULL")
    cursor = await connection.execute(text, parameters, binary=True)
    (row,) = await cursor.fetchall()
    first = row[: len(row) - max(len(cells), 1)]
    return first, Columns(first[-1], {name: row[len(first) + place] or [] for place, name in enumerate(cells)})
