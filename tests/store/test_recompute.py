"""Readings that were changed, added or removed by hand leave everything derived of them right."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import LiteralString

import pytest
from psycopg import Connection

from metering.readings import Reading
from store.connections import Row, connect
from store.merge import BatchWriter
from store.recompute import recompute_range

START = datetime(2026, 3, 28, 17, 0, tzinfo=UTC)
TABLES: tuple[LiteralString, ...] = ("rollup_five_minutes", "rollup_hour", "rollup_day", "latest_reading")


@pytest.fixture
def database(database_url: str) -> Iterator[Connection[Row]]:
    with connect(database_url) as connection:
        connection.execute("INSERT INTO panel (code, name, time_zone) VALUES ('PM', 'x', 'Asia/Kathmandu')")
        yield connection


def store(database: Connection[Row], *registers_kwh: float) -> None:
    readings = [
        Reading(at=START + timedelta(minutes=10 * number), received_at=START, energy_import_kwh=kwh)
        for number, kwh in enumerate(registers_kwh)
    ]
    BatchWriter(database).write([(1, one) for one in readings])


def remove(database: Connection[Row], first: int, end: int) -> None:
    since, until = (START + timedelta(minutes=10 * number) for number in (first, end))
    database.execute("DELETE FROM reading WHERE at >= %s AND at < %s", (since, until))
    recompute_range(database, panel_id=1, since=since, until=until)


def used(database: Connection[Row], table: LiteralString) -> list[Decimal]:
    return [kwh for (kwh,) in database.execute(f"SELECT energy_kwh FROM {table} ORDER BY last_at").fetchall()]  # noqa: S608


def test_what_was_used_over_removed_readings_belongs_to_the_reading_after_them(database: Connection[Row]) -> None:
    store(database, 100, 101, 102, 103)
    remove(database, 1, 3)
    assert used(database, "rollup_five_minutes") == [0, 3]
    assert used(database, "rollup_day") == [3]


def test_buckets_without_a_reading_are_gone(database: Connection[Row]) -> None:
    store(database, *range(100, 120))
    remove(database, 0, 7)
    assert used(database, "rollup_hour") == [4, 6, 2]
    counts = database.execute("SELECT sum(reading_count) FROM rollup_day").fetchall()
    assert counts == [(13,)]


def test_the_newest_reading_that_is_left_is_the_latest(database: Connection[Row]) -> None:
    store(database, 100, 101, 102)
    remove(database, 2, 3)
    latest = database.execute("SELECT at, energy_import_kwh FROM latest_reading").fetchall()
    assert latest == [(START + timedelta(minutes=10), 101)]


def test_nothing_is_left_of_a_panel_without_readings(database: Connection[Row]) -> None:
    store(database, 100, 101, 102)
    remove(database, 0, 3)
    for table in TABLES:
        assert database.execute(f"SELECT count(*) FROM {table}").fetchall() == [(0,)]  # noqa: S608


def test_a_changed_register_moves_usage(database: Connection[Row]) -> None:
    store(database, 100, 101, 102)
    at = START + timedelta(minutes=10)
    database.execute("UPDATE reading SET energy_import_kwh = 101.5 WHERE at = %s", (at,))
    recompute_range(database, panel_id=1, since=at, until=at + timedelta(seconds=1))
    assert used(database, "rollup_five_minutes") == [0, Decimal("1.5"), Decimal("0.5")]
