"""Turns several messages of one second of a panel's clock into one row, whichever of them came first."""

from dataclasses import dataclass
from typing import LiteralString

from psycopg import Connection

from store.connections import Row

# Where both have a value the larger stands, a value that only one has is taken, the arrival is the earlier, and a
# reading is late only when all of its messages were: rules that do not depend on the order, nor on repetition. Messages
# that add nothing are left out first, those that are the row itself by the cheapest comparison. What an admin has
# corrected stays as it is. An earlier arrival alone does not give the row the batch's number: another ingest process
# got the same message a moment before, and streams would tell the reading again.
_JOIN: LiteralString = """
WITH said AS (
    SELECT staged.panel_id, staged.at, min(staged.received_at) AS received_at,
           max(staged.voltage_r_v) AS voltage_r_v, max(staged.voltage_s_v) AS voltage_s_v,
           max(staged.voltage_t_v) AS voltage_t_v, max(staged.voltage_n_v) AS voltage_n_v,
           max(staged.current_r_a) AS current_r_a, max(staged.current_s_a) AS current_s_a,
           max(staged.current_t_a) AS current_t_a, max(staged.current_n_a) AS current_n_a,
           max(staged.active_power_kw) AS active_power_kw, max(staged.apparent_power_kva) AS apparent_power_kva,
           max(staged.power_factor) AS power_factor, max(staged.energy_import_kwh) AS energy_import_kwh,
           max(staged.energy_export_kwh) AS energy_export_kwh, max(staged.voltage_unbalance) AS voltage_unbalance,
           max(staged.current_unbalance) AS current_unbalance,
           bit_or(staged.flags) AS any_flags, bit_and(staged.flags) AS all_flags, bool_or(staged.is_news) AS is_news
    FROM (
        SELECT staged.*, kept.received_at AS kept_received_at,
           (staged.flags & 76 & ~kept.flags <> 0
           OR kept.flags & ~staged.flags & 16 <> 0
           OR (kept.voltage_r_v, kept.voltage_s_v, kept.voltage_t_v, kept.voltage_n_v, kept.current_r_a,
               kept.current_s_a, kept.current_t_a, kept.current_n_a, kept.active_power_kw, kept.apparent_power_kva,
               kept.power_factor, kept.energy_import_kwh, kept.energy_export_kwh, kept.voltage_unbalance,
               kept.current_unbalance)
              IS DISTINCT FROM
              (staged.voltage_r_v, staged.voltage_s_v, staged.voltage_t_v, staged.voltage_n_v, staged.current_r_a,
               staged.current_s_a, staged.current_t_a, staged.current_n_a, staged.active_power_kw,
               staged.apparent_power_kva, staged.power_factor, staged.energy_import_kwh, staged.energy_export_kwh,
               staged.voltage_unbalance, staged.current_unbalance)
          AND (kept.voltage_r_v, kept.voltage_s_v, kept.voltage_t_v, kept.voltage_n_v, kept.current_r_a,
               kept.current_s_a, kept.current_t_a, kept.current_n_a, kept.active_power_kw, kept.apparent_power_kva,
               kept.power_factor, kept.energy_import_kwh, kept.energy_export_kwh, kept.voltage_unbalance,
               kept.current_unbalance)
              IS DISTINCT FROM
              (greatest(kept.voltage_r_v, staged.voltage_r_v), greatest(kept.voltage_s_v, staged.voltage_s_v),
               greatest(kept.voltage_t_v, staged.voltage_t_v), greatest(kept.voltage_n_v, staged.voltage_n_v),
               greatest(kept.current_r_a, staged.current_r_a), greatest(kept.current_s_a, staged.current_s_a),
               greatest(kept.current_t_a, staged.current_t_a), greatest(kept.current_n_a, staged.current_n_a),
               greatest(kept.active_power_kw, staged.active_power_kw),
               greatest(kept.apparent_power_kva, staged.apparent_power_kva),
               greatest(kept.power_factor, staged.power_factor),
               greatest(kept.energy_import_kwh, staged.energy_import_kwh),
               greatest(kept.energy_export_kwh, staged.energy_export_kwh),
               greatest(kept.voltage_unbalance, staged.voltage_unbalance),
               greatest(kept.current_unbalance, staged.current_unbalance))) AS is_news
        FROM staged_reading AS staged JOIN reading AS kept ON kept.panel_id = staged.panel_id AND kept.at = staged.at
        WHERE kept.at >= (SELECT min(at) FROM staged_reading) AND kept.at <= (SELECT max(at) FROM staged_reading)
          AND kept.flags & 32 = 0
    ) AS staged
    WHERE staged.is_news OR staged.received_at < staged.kept_received_at
    GROUP BY staged.panel_id, staged.at
), joined AS (
    UPDATE reading AS kept SET
        batch_id = CASE WHEN said.is_news THEN %(batch_id)s ELSE kept.batch_id END,
        received_at = least(kept.received_at, said.received_at),
        flags = (kept.flags & 3) | ((kept.flags | said.any_flags) & 76) | (kept.flags & said.all_flags & 16),
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
