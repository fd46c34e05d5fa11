"""What is used is the plausible rise of registers, in the buckets of the readings' own time and local days."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from psycopg import Connection

from metering.periods import local_midnight
from store.connections import Row
from store.merge import BatchWriter
from tests.store.stored import BERLIN, KATHMANDU, START, minutes, reading, rows


def test_the_first_reading_of_a_panel_uses_nothing(writer: BatchWriter, database: Connection[Row]) -> None:
    writer.write(minutes(START, 150.07))
    assert rows(database, "SELECT energy_kwh, reading_count FROM rollup_day") == [(Decimal(0), 1)]


def test_a_fall_of_the_register_is_no_usage(writer: BatchWriter, database: Connection[Row]) -> None:
    writer.write(minutes(START, 150.0, 151.0, 3.0, 3.5))
    assert rows(database, "SELECT energy_kwh FROM rollup_day") == [(Decimal("1.500000"),)]


@pytest.mark.parametrize(
    ("registers", "used_kwh"),
    [
        ([98_412.0, 98_412.01, 0.0, 98_412.02, 98_412.05], "0.050000"),
        ([98_412.0, 98_412.01, 999_999.0, 98_412.02, 98_412.05], "0.050000"),
        ([1.5, 98_412.0, 98_412.25], "0.250000"),
        ([98_412.0, 0.0, 0.25, 1.0], "1.000000"),
        ([100.0, 134.333], "34.333000"),
        ([100.0, 134.334], "0"),
    ],
    ids=["a zero", "a peak", "another meter", "a reset", "2 MW for a minute and 1 kWh", "more than that"],
)
@pytest.mark.parametrize("order", [list, reversed], ids=["in order", "late"])
def test_only_a_rise_that_is_plausible_counts(
    writer: BatchWriter, database: Connection[Row], registers: list[float], used_kwh: str, order: Any
) -> None:
    for one in order(minutes(START, *registers)):
        writer.write([one])
    assert rows(database, "SELECT sum(energy_kwh) FROM rollup_five_minutes") == [(Decimal(used_kwh),)]
    assert rows(database, METERED) == [(Decimal(used_kwh),)]


METERED = "SELECT metered_usage_kwh(1, '2026-03-01', '2026-04-01')"


def test_the_most_that_counts_is_2_mw_for_as_long_as_it_took_and_1_kwh(database: Connection[Row]) -> None:
    rises = """
        SELECT register_rise_kwh(0, kwh, took)
        FROM (VALUES (2001, interval '1 h'), (2001.000001, '1 h'), (1, '0 s')) AS rise (kwh, took)"""
    assert rows(database, rises) == [(Decimal(2001),), (Decimal(0),), (Decimal(1),)]


def test_what_was_used_during_a_long_silence_counts(writer: BatchWriter, database: Connection[Row]) -> None:
    writer.write([(1, reading(START, 98_412.0)), (1, reading(START + timedelta(days=3), 98_912.5))])
    assert rows(database, METERED) == [(Decimal("500.500000"),)]


def test_the_time_that_a_rise_took_is_since_the_last_register_however_many_readings_had_none(
    writer: BatchWriter, database: Connection[Row]
) -> None:
    registers = [100.0, None, None, None, 200.0]
    for one in minutes(START, *registers):
        assert writer.write([one]).late_panels == ()
    assert rows(database, METERED) == [(Decimal("100.000000"),)]
    assert rows(database, "SELECT energy_kwh FROM rollup_day") == [(Decimal("100.000000"),)]


def test_the_rule_of_a_rise_stands_in_the_merge_itself_and_is_not_called_for_each_reading(
    database: Connection[Row],
) -> None:
    plan = rows(database, f"EXPLAIN (VERBOSE, COSTS OFF) SELECT {RISE} FROM ({IN_ORDER}) AS own")  # noqa: S608
    assert "date_part('epoch'" in str(plan)
    assert "regular_rise_kwh" not in str(plan)


RISE = "regular_rise_kwh(import_before_kwh, energy_import_kwh, at - import_before_at)"
IN_ORDER = """
    SELECT at, energy_import_kwh, lag(energy_import_kwh) OVER by_time AS import_before_kwh,
           lag(at) OVER by_time AS import_before_at
    FROM reading WINDOW by_time AS (ORDER BY at)"""


def test_usage_across_batches_starts_from_the_register_before(writer: BatchWriter, database: Connection[Row]) -> None:
    for one in minutes(START, 10.0, 10.1, 10.3):
        writer.write([one])
    assert rows(database, "SELECT sum(energy_kwh) FROM rollup_five_minutes") == [(Decimal("0.300000"),)]


def test_a_register_that_was_missing_for_a_while_rises_from_where_it_was(
    writer: BatchWriter, database: Connection[Row]
) -> None:
    for one in minutes(START, 10.0, None, None, 10.3):
        assert writer.write([one]).late_panels == ()
    assert rows(database, "SELECT energy_kwh FROM rollup_day") == [(Decimal("0.300000"),)]


def test_a_late_reading_moves_usage_between_the_buckets_that_it_touches(
    writer: BatchWriter, database: Connection[Row]
) -> None:
    at_0, at_5, at_10 = (START + timedelta(minutes=minute) for minute in (0, 5, 10))
    writer.write([(1, reading(at_0, 100.0)), (1, reading(at_10, 101.0))])
    result = writer.write([(1, reading(at_5, 100.8))])
    assert result.late_panels == (1,)
    stored = rows(database, "SELECT starts_at, energy_kwh FROM rollup_five_minutes ORDER BY starts_at")
    assert stored == [(at_0, Decimal(0)), (at_5, Decimal("0.800000")), (at_10, Decimal("0.200000"))]
    assert rows(database, "SELECT energy_kwh FROM rollup_day") == [(Decimal("1.000000"),)]


@pytest.mark.parametrize(("midnight", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25)])
def test_a_local_day_has_its_own_number_of_hours(
    writer: BatchWriter, database: Connection[Row], midnight: date, hours: int
) -> None:
    first = datetime.combine(midnight, datetime.min.time(), ZoneInfo(BERLIN)).astimezone(UTC)
    writer.write([(1, reading(first + timedelta(hours=hour), float(hour), active_power_kw=1.0)) for hour in range(30)])
    counts = rows(database, "SELECT day, reading_count FROM rollup_day ORDER BY day")
    assert counts == [(midnight, hours), (midnight + timedelta(days=1), 30 - hours)]


# Clocks go back over midnight: the first hour of the day comes twice.
TWO_MIDNIGHTS = {"Atlantic/Azores": date(2026, 10, 25), "America/Havana": date(2026, 11, 1)}


@pytest.mark.parametrize("zone", TWO_MIDNIGHTS)
@pytest.mark.parametrize("order", [list, reversed], ids=["in order", "late"])
def test_a_day_with_two_midnights_starts_at_the_first(
    writer: BatchWriter, database: Connection[Row], zone: str, order: Any
) -> None:
    database.execute("UPDATE panel SET time_zone = %s WHERE id = 1", (zone,))
    database.commit()
    day = TWO_MIDNIGHTS[zone]
    start, end = (local_midnight(day + timedelta(days=days), ZoneInfo(zone)) for days in (0, 1))
    assert end - start == timedelta(hours=25)
    for one in order([(1, reading(start + timedelta(minutes=15 * n), 50 + n / 4)) for n in range(-20, 120)]):
        writer.write([one])
    assert rows(database, f"SELECT energy_kwh FROM rollup_day WHERE day = '{day}'") == [(Decimal(25),)]  # noqa: S608
    whole = f"SELECT metered_usage_kwh(1, '{start - MOMENT}', '{end - MOMENT}')"
    assert rows(database, whole) == [(Decimal(25),)]


MOMENT = timedelta(microseconds=1)


@pytest.mark.parametrize("zone", [*TWO_MIDNIGHTS, BERLIN, KATHMANDU, "America/Santiago", "Africa/Cairo", "Asia/Beirut"])
def test_days_start_in_the_database_when_they_start_in_our_rules(database: Connection[Row], zone: str) -> None:
    days = [date(2010, 1, 1) + timedelta(days=number) for number in range(27 * 366)]
    found = database.execute("SELECT local_midnight(day, %s) FROM unnest(%s::date[]) AS day", (zone, days)).fetchall()
    assert [at for (at,) in found] == [local_midnight(day, ZoneInfo(zone)) for day in days]
