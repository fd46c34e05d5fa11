"""Turns an empty database into the one of bench/api.py: 50 panels' readings, and five years of sums of one panel."""

from datetime import UTC, datetime, timedelta

import psycopg
from rich.progress import track

from bench.signing import ring
from kilowatch.web.signing_keys import Signing
from kilowatch.web.tokens import Tokens
from resolvers.context import system_now

PANELS = 50
EVERY_S = 10
POINTS = 86_400 // EVERY_S
_YEARS = 5
_UNTIL = datetime(2026, 3, 31, tzinfo=UTC)

_READINGS = """
INSERT INTO reading (panel_id, at, received_at, batch_id, voltage_r_v, active_power_kw, energy_import_kwh)
SELECT panel, at, at, 1, 224.7, round((1 + 0.5 * sin(second / 600.0) + panel / 100.0)::numeric, 3),
       round((second / 3600.0)::numeric, 3)
FROM generate_series(%(first_s)s, %(end_s)s - 1, %(every_s)s) AS second,
     LATERAL (SELECT %(since)s::timestamptz + second * interval '1 second' AS at) AS instant,
     generate_series(1, %(panels)s) AS panel"""
_LATEST = """
INSERT INTO latest_reading (panel_id, at, received_at, batch_id, voltage_r_v, active_power_kw, energy_import_kwh,
                            last_seen_at)
SELECT panel_id, at, received_at, batch_id, voltage_r_v, active_power_kw, energy_import_kwh, at
FROM reading WHERE at = %(last_at)s"""
_FIVE_MINUTES = """
INSERT INTO rollup_five_minutes
SELECT panel_id, date_bin('5 minutes', at, 'epoch'), count(*), 0.1, 0, count(*), sum(active_power_kw),
       min(active_power_kw), max(active_power_kw), 0, 0, min(at), max(at), max(energy_import_kwh)
FROM reading GROUP BY 1, 2"""
_YEARS_BEFORE = """
INSERT INTO rollup_five_minutes
SELECT 1, at, 30, 0.1, 0, 30, 45, 1, 2, 0, 0, at, at + interval '290 seconds', 100
FROM generate_series(%(before)s, %(since)s::timestamptz - interval '5 minutes', interval '5 minutes') AS at"""
_HOURS = """
INSERT INTO rollup_hour
SELECT panel_id, date_bin('1 hour', starts_at, 'epoch'), sum(reading_count), sum(energy_kwh), 0, sum(power_count),
       sum(power_sum_kw), min(power_min_kw), max(power_max_kw), 0, 0, min(first_at), max(last_at),
       max(energy_import_kwh)
FROM rollup_five_minutes GROUP BY 1, 2"""
_DAYS = """
INSERT INTO rollup_day
SELECT panel_id, (starts_at AT TIME ZONE time_zone)::date, sum(reading_count), sum(energy_kwh), 0, sum(power_count),
       sum(power_sum_kw), min(power_min_kw), max(power_max_kw), 0, 0, min(first_at), max(last_at),
       max(energy_import_kwh)
FROM rollup_five_minutes JOIN panel ON panel.id = panel_id GROUP BY 1, 2"""
_FOR_POSTGRAPHILE = """
CREATE SCHEMA peer;
CREATE VIEW peer.panels AS
SELECT code, name, at, active_power_kw, energy_import_kwh
FROM panel JOIN latest_reading ON panel_id = id ORDER BY code;
CREATE TYPE peer.reading AS (at timestamptz, active_power_kw double precision, energy_import_kwh double precision);
CREATE FUNCTION peer.readings(panel integer, since timestamptz, until timestamptz) RETURNS SETOF peer.reading
LANGUAGE sql STABLE AS $$
    SELECT at, active_power_kw, energy_import_kwh FROM reading
    WHERE panel_id = panel AND reading.at >= since AND reading.at < until ORDER BY at
$$"""


def load(url: str, *, days: float) -> tuple[int, datetime]:
    """Fills the database, readings in the order of time; how many they are, and when they end."""
    since = _UNTIL - timedelta(days=days)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = off")
        connection.execute("DELETE FROM panel WHERE id > %s", (PANELS,))
        connection.execute("SELECT ensure_reading_partitions(%s, %s)", (since, _UNTIL))
        count = sum(_add_readings(connection, since, hour) for hour in track(range(0, round(days * 24), 6), "Loading"))
        for statement in (_LATEST, _FIVE_MINUTES, _YEARS_BEFORE, _HOURS, _DAYS):
            before, last_at = _UNTIL - timedelta(days=_YEARS * 366), _UNTIL - timedelta(seconds=EVERY_S)
            connection.execute(statement, {"since": since, "before": before, "last_at": last_at})
        connection.execute(_FOR_POSTGRAPHILE)
        connection.execute("VACUUM ANALYZE")
    return count, _UNTIL


def _add_readings(connection: psycopg.Connection, since: datetime, hour: int) -> int:
    """Six hours of all panels."""
    span = {"first_s": hour * 3600, "end_s": (hour + 6) * 3600}
    return connection.execute(_READINGS, {**span, "since": since, "every_s": EVERY_S, "panels": PANELS}).rowcount


_ADMIN = "INSERT INTO account (email, name, role, password_hash) VALUES ('a@b', 'A', 'ADMIN', '!') RETURNING id"
_SESSION = """
INSERT INTO session (account_id, kind, family_hash, refresh_hash, expires_at, last_until)
SELECT %(account_id)s, 'PASSWORD', sha256(''), sha256(''), clock_timestamp() + interval '1 day',
       clock_timestamp() + interval '1 day'
RETURNING id"""


def admin_token(url: str) -> str:
    """The access token of an admin, who sees all panels."""
    with psycopg.connect(url, autocommit=True) as connection:
        ((account_id,),) = connection.execute(_ADMIN).fetchall()
        ((session_id,),) = connection.execute(_SESSION, {"account_id": account_id}).fetchall()
    tokens = Tokens(Signing(ring(), system_now), timedelta(hours=2), system_now)
    return tokens.issue(account_id, session_id).token
