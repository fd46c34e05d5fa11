"""Turns several messages of one second of a panel's clock into one row, whichever of them came first."""

from dataclasses import dataclass
from typing import LiteralString

from psycopg import Connection

from store.connections import Row

# Where both have a value the larger stands, a value that only one has is taken, the arrival is the earlier, and a
# reading is late only when all of its messages were: rules that do not depend on the order, nor on repetition. Rows
# that would not change are left alone, and so is what an admin has corrected.
_JOIN: LiteralString = """
WITH said AS (
    SELECT panel_id, at, min(received_at) AS received_at,
           max(voltage_r_v) AS voltage_r_v, max(voltage_s_v) AS voltage_s_v, max(voltage_t_v) AS voltage_t_v,
           max(voltage_n_v) AS voltage_n_v, max(current_r_a) AS current_r_a, max(current_s_a) AS current_s_a,
           max(current_t_a) AS current_t_a, max(current_n_a) AS current_n_a, max(active_power_kw) AS active_power_kw,
           max(apparent_power_kva) AS apparent_power_kva, max(power_factor) AS power_factor,
           max(energy_import_kwh) AS energy_import_kwh, max(energy_export_kwh) AS energy_export_kwh,
           max(voltage_unbalance) AS voltage_unbalance, max(current_unbalance) AS current_unbalance,
           bit_or(flags) AS any_flags, bit_and(flags) AS all_flags
    FROM staged_reading
    GROUP BY panel_id, at
), joined AS (
    UPDATE reading AS kept SET
        batch_id = %(batch_id)s, received_at = least(kept.received_at, said.received_at),
        flags = (kept.flags & 3) | ((kept.flags | said.any_flags) & 12) | (kept.flags & said.all_flags & 16),
        voltage_r_v = greatest(kept.voltage_r_v, said.voltage_r_v),
        voltage_s_v = greatest(kept.voltage_s_v, said.voltage_s_v),
        voltage_t_v = greatest(kept.voltage_t_v, said.voltage_t_v),
        voltage_n_v = greatest(kept.voltage_n_v, said.voltage_n_v),
        current_r_a = greatest(kept.current_r_a, said.current_r_a),
        current_s_a = greatest(kept.current_s_a, said.current_s_a),
        current_t_a = greatest(kept.current_t_a, said.current_t_a),
        current_n_a = greatest(kept.current_n_a, said.current_n_a),
        active_power_kw = greatest(kept.active_power_kw, said.active_power_kw),
        apparent_power_kva = greatest(kept.apparent_power_kva, said.apparent_power_kva),
        power_factor = greatest(kept.power_factor, said.power_factor),
        energy_import_kwh = greatest(kept.energy_import_kwh, said.energy_import_kwh),
        energy_export_kwh = greatest(kept.energy_export_kwh, said.energy_export_kwh),
        voltage_unbalance = greatest(kept.voltage_unbalance, said.voltage_unbalance),
        current_unbalance = greatest(kept.current_unbalance, said.current_unbalance)
    FROM said
    WHERE kept.panel_id = said.panel_id AND kept.at = said.at
      AND kept.at >= (SELECT min(at) FROM staged_reading) AND kept.at <= (SELECT max(at) FROM staged_reading)
      AND kept.flags & 32 = 0
      AND (kept.received_at > said.received_at
           OR (kept.flags | said.any_flags) & 12 <> kept.flags & 12 OR kept.flags & 16 > said.all_flags & 16
           OR (kept.voltage_r_v, kept.voltage_s_v, kept.voltage_t_v, kept.voltage_n_v, kept.current_r_a,
               kept.current_s_a, kept.current_t_a, kept.current_n_a, kept.active_power_kw, kept.apparent_power_kva,
               kept.power_factor, kept.energy_import_kwh, kept.energy_export_kwh, kept.voltage_unbalance,
               kept.current_unbalance)
              IS DISTINCT FROM
              (greatest(kept.voltage_r_v, said.voltage_r_v), greatest(kept.voltage_s_v, said.voltage_s_v),
               greatest(kept.voltage_t_v, said.voltage_t_v), greatest(kept.voltage_n_v, said.voltage_n_v),
               greatest(kept.current_r_a, said.current_r_a), greatest(kept.current_s_a, said.current_s_a),
               greatest(kept.current_t_a, said.current_t_a), greatest(kept.current_n_a, said.current_n_a),
               greatest(kept.active_power_kw, said.active_power_kw),
               greatest(kept.apparent_power_kva, said.apparent_power_kva),
               greatest(kept.power_factor, said.power_factor),
               greatest(kept.energy_import_kwh, said.energy_import_kwh),
               greatest(kept.energy_export_kwh, said.energy_export_kwh),
               greatest(kept.voltage_unbalance, said.voltage_unbalance),
               greatest(kept.current_unbalance, said.current_unbalance)))
    RETURNING kept.panel_id
)
SELECT count(*)::integer, coalesce(array_agg(DISTINCT panel_id), '{}') FROM joined"""


@dataclass(frozen=True, slots=True)
class Joined:
    """How many rows were changed by further messages of their second, and of which panels."""

    reading_count: int
    panels: tuple[int, ...]


def join_staged(connection: Connection[Row], *, batch_id: int) -> Joined:
    """Joins staged rows with the rows of their seconds; the rows that this changes carry the batch's number."""
    ((count, panels),) = connection.execute(_JOIN, {"batch_id": batch_id}).fetchall()
    return Joined(count, tuple(panels))
