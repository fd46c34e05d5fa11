"""Compares the rollups with what the rows say: by plain SQL, and by recomputing all of them."""

from datetime import UTC, datetime
from typing import LiteralString

import psycopg
from psycopg import sql

from store.connections import connect
from store.recompute import recompute_range
from tests.faults.waiting import STORED, one

_ROLLUPS = ("rollup_five_minutes", "rollup_hour", "rollup_day")
_RISES: LiteralString = """
SELECT panel_id, at, register_rise_kwh(
           lag(energy_import_kwh) OVER in_order, energy_import_kwh, at - lag(at) OVER in_order) AS kwh
FROM reading WINDOW in_order AS (PARTITION BY panel_id ORDER BY at)"""
_DIFFERENCES = {
    "rollup_five_minutes": f"""
        SELECT panel_id, date_bin('5 minutes', at, 'epoch'), count(*), sum(kwh) FROM ({_RISES}) AS r GROUP BY 1, 2
        EXCEPT SELECT panel_id, starts_at, reading_count, energy_kwh FROM rollup_five_minutes""",  # noqa: S608
    "rollup_hour": f"""
        SELECT panel_id, date_bin('1 hour', at, 'epoch'), count(*), sum(kwh) FROM ({_RISES}) AS r GROUP BY 1, 2
        EXCEPT SELECT panel_id, starts_at, reading_count, energy_kwh FROM rollup_hour""",  # noqa: S608
    "rollup_day": f"""
        SELECT panel_id, (at AT TIME ZONE 'UTC')::date, count(*), sum(kwh) FROM ({_RISES}) AS r GROUP BY 1, 2
        EXCEPT SELECT panel_id, day, reading_count, energy_kwh FROM rollup_day""",  # noqa: S608
}


def assert_rollups_are_exact(database: str) -> None:
    """Every panel's clock is UTC and its register only rises."""
    for table, differences in _DIFFERENCES.items():
        assert one(database, f"SELECT count(*) FROM ({differences}) AS difference") == 0, table  # noqa: S608
        assert one(database, f"SELECT sum(reading_count) FROM {table}") == one(database, STORED), table  # noqa: S608
    newest = "SELECT count(*) FROM latest_reading JOIN (SELECT panel_id, max(at) AS at FROM reading GROUP BY 1) AS r"
    assert one(database, f"{newest} USING (panel_id, at)") == one(database, "SELECT count(*) FROM latest_reading")
    assert_recomputing_changes_nothing(database)


def assert_recomputing_changes_nothing(database: str) -> None:
    """Of any column of the rollups: peaks and quarters too."""
    with connect(database) as connection:
        for table in _ROLLUPS:
            kept, rollup = sql.Identifier(f"{table}_kept"), sql.Identifier(table)
            connection.execute(sql.SQL("CREATE TEMPORARY TABLE {} AS TABLE {}").format(kept, rollup))
        for (panel_id,) in connection.execute("SELECT id FROM panel").fetchall():
            recompute_range(
                connection, panel_id=panel_id, since=datetime(2020, 1, 1, tzinfo=UTC), until=datetime.now(UTC)
            )
        for table in _ROLLUPS:
            assert _difference(connection, table) == 0, table
        connection.rollback()


def _difference(connection: psycopg.Connection[tuple[object, ...]], table: str) -> object:
    kept, rollup = sql.Identifier(f"{table}_kept"), sql.Identifier(table)
    query = "SELECT count(*) FROM ((TABLE {} EXCEPT TABLE {}) UNION ALL (TABLE {} EXCEPT TABLE {})) AS difference"
    row = connection.execute(sql.SQL(query).format(rollup, kept, kept, rollup)).fetchone()
    assert row is not None
    return row[0]
