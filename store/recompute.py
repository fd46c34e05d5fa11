"""Turns a panel's changed readings into rollups and a newest reading that are right again."""

from datetime import datetime, timedelta
from typing import Any, Final, LiteralString

from psycopg import Connection

from metering.registers import Register
from store.batch_turns import begin_batch
from store.connections import Row
from store.judging import judge_span, settle
from store.refill import create_touched, refill, touch_buckets
from store.staging import VALUES

_INSTANT: Final = timedelta(microseconds=1)

# The next reading that counts is looked for only where the panel ever had the register.
_TOUCH: LiteralString = """
INSERT INTO touched_bucket
SELECT panel_id, starts_at FROM rollup_five_minutes
WHERE panel_id = %(panel_id)s AND starts_at > %(since)s::timestamptz - interval '5 minutes' AND starts_at < %(until)s
UNION
SELECT panel_id, date_bin('5 minutes', at, 'epoch') FROM reading
WHERE panel_id = %(panel_id)s AND at >= %(since)s AND at < %(until)s
UNION
(SELECT panel_id, date_bin('5 minutes', at, 'epoch') FROM reading
 WHERE panel_id = %(panel_id)s AND at >= %(until)s AND energy_import_kwh IS NOT NULL AND flags & 1 = 0
   AND EXISTS (SELECT FROM rollup_day WHERE panel_id = %(panel_id)s AND energy_import_kwh IS NOT NULL)
 ORDER BY at LIMIT 1)
UNION
(SELECT panel_id, date_bin('5 minutes', at, 'epoch') FROM reading
 WHERE panel_id = %(panel_id)s AND at >= %(until)s AND energy_export_kwh IS NOT NULL AND flags & 2 = 0
   AND EXISTS (SELECT FROM rollup_day WHERE panel_id = %(panel_id)s AND energy_export_kwh IS NOT NULL)
 ORDER BY at LIMIT 1)"""

_BEFORE: LiteralString = """
SELECT max(at) FROM reading WHERE panel_id = %(panel_id)s AND at < %(since)s"""

_HAS_REGISTERS: LiteralString = """
SELECT EXISTS (SELECT FROM rollup_day WHERE panel_id = %(panel_id)s AND energy_import_kwh IS NOT NULL)
    OR EXISTS (SELECT FROM reading WHERE panel_id = %(panel_id)s AND at >= %(since)s AND at < %(until)s
               AND energy_import_kwh IS NOT NULL),
       EXISTS (SELECT FROM rollup_day WHERE panel_id = %(panel_id)s AND energy_export_kwh IS NOT NULL)
    OR EXISTS (SELECT FROM reading WHERE panel_id = %(panel_id)s AND at >= %(since)s AND at < %(until)s
               AND energy_export_kwh IS NOT NULL)"""

_DROP_FIVE_MINUTES: LiteralString = """
DELETE FROM rollup_five_minutes AS kept USING touched_bucket AS touched
WHERE kept.panel_id = touched.panel_id AND kept.starts_at = touched.starts_at
  AND NOT EXISTS (SELECT FROM reading WHERE reading.panel_id = kept.panel_id AND at >= kept.starts_at
                  AND at < kept.starts_at + interval '5 minutes')"""

_DROP_HOURS: LiteralString = """
DELETE FROM rollup_hour AS kept USING touched_bucket AS touched
WHERE kept.panel_id = touched.panel_id AND kept.starts_at = date_bin('1 hour', touched.starts_at, 'epoch')
  AND NOT EXISTS (SELECT FROM rollup_five_minutes AS part
                  WHERE part.panel_id = kept.panel_id AND part.starts_at >= kept.starts_at
                    AND part.starts_at < kept.starts_at + interval '1 hour')"""

_DROP_DAYS: LiteralString = """
DELETE FROM rollup_day AS kept USING touched_bucket AS touched, panel
WHERE kept.panel_id = touched.panel_id AND panel.id = touched.panel_id
  AND kept.day = (touched.starts_at AT TIME ZONE panel.time_zone)::date
  AND NOT EXISTS (SELECT FROM rollup_five_minutes AS part
                  WHERE part.panel_id = kept.panel_id AND part.starts_at >= local_midnight(kept.day, time_zone)
                    AND part.starts_at < local_midnight(kept.day + 1, time_zone))"""

_DROP_LATEST: LiteralString = """
DELETE FROM latest_reading AS latest
WHERE panel_id = %(panel_id)s AND NOT EXISTS (SELECT FROM reading WHERE reading.panel_id = latest.panel_id)"""

# Whether the row that is newest now is partial is not known of it; a panel's device sends all in parts, or none.
_PUT_LATEST: LiteralString = f"""
INSERT INTO latest_reading AS kept (panel_id, at, received_at, batch_id, {VALUES}, last_seen_at, flags)
SELECT panel_id, at, received_at, batch_id, {VALUES}, received_at, flags FROM reading
WHERE panel_id = %(panel_id)s ORDER BY at DESC LIMIT 1
ON CONFLICT (panel_id) DO UPDATE SET
    at = excluded.at, received_at = excluded.received_at, batch_id = excluded.batch_id,
    voltage_r_v = excluded.voltage_r_v, voltage_s_v = excluded.voltage_s_v,
    voltage_t_v = excluded.voltage_t_v, voltage_n_v = excluded.voltage_n_v,
    current_r_a = excluded.current_r_a, current_s_a = excluded.current_s_a,
    current_t_a = excluded.current_t_a, current_n_a = excluded.current_n_a,
    active_power_kw = excluded.active_power_kw, apparent_power_kva = excluded.apparent_power_kva,
    power_factor = excluded.power_factor, energy_import_kwh = excluded.energy_import_kwh,
    energy_export_kwh = excluded.energy_export_kwh, voltage_unbalance = excluded.voltage_unbalance,
    current_unbalance = excluded.current_unbalance, flags = excluded.flags"""

_CLEAR_READINGS: LiteralString = "DELETE FROM touched_reading"
_CLEAR_BUCKETS: LiteralString = "DELETE FROM touched_bucket"

_DROP: Final = (_DROP_FIVE_MINUTES, _DROP_HOURS, _DROP_DAYS)
_LATEST: Final = (_DROP_LATEST, _PUT_LATEST)


def recompute_range(connection: Connection[Row], *, panel_id: int, since: datetime, until: datetime) -> None:
    """Makes everything that is derived of a panel's readings right after those in [since, until) were changed.

    The readings may have been changed, added or removed, by statements of the same transaction: their registers are
    judged again, and events, rollups and the newest reading follow. It takes the writers' turn, and so should whoever
    changes readings, before they do, by `begin_batch`.
    """
    begin_batch(connection)
    create_touched(connection)
    span: dict[str, Any] = {"panel_id": panel_id, "since": since, "until": until}
    is_settled = _judge(connection, span)
    touch_buckets(connection)
    for statement in (_TOUCH, *_DROP):
        connection.execute(statement, span)
    refill(connection)
    for statement in (_CLEAR_READINGS, _CLEAR_BUCKETS, *_LATEST):
        connection.execute(statement, span)
    for register, settled in is_settled.items():
        settle(connection, {panel_id: settled}, register=register)


def _judge(connection: Connection[Row], span: dict[str, Any]) -> dict[Register, bool]:
    """Judges from the reading before the span, on which those that were removed may have depended."""
    ((before_at,),) = connection.execute(_BEFORE, span).fetchall()
    ((has_import, has_export),) = connection.execute(_HAS_REGISTERS, span).fetchall()
    is_settled: dict[Register, bool] = {}
    for register, is_there in ((Register.IMPORT, has_import), (Register.EXPORT, has_export)):
        if is_there:
            settled = judge_span(
                connection,
                panel_id=span["panel_id"],
                register=register,
                since=before_at or span["since"],
                until=span["until"] - _INSTANT,
            )
            is_settled |= {} if settled is None else {register: settled}
    return is_settled
