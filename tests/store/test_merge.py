"""Any order, repetition and splitting of the same readings ends in the same rows and rollups."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection

from metering.periods import local_midnight
from metering.readings import PhaseValues, Reading, ReadingFlag
from store.connections import Row, connect
from store.merge import Arrivals, BatchRefusedError, BatchWriter, DatabaseAwayError, PanelReading
from store.rejected import RejectedMessage
from store.rollups import COUNTED

BERLIN, JAKARTA, KATHMANDU = "Europe/Berlin", "Asia/Jakarta", "Asia/Kathmandu"
RECEIVED_AT = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def database(database_url: str) -> Iterator[Connection[Row]]:
    with connect(database_url) as connection:
        yield connection


@pytest.fixture
def writer(database: Connection[Row]) -> BatchWriter:
    for time_zone in (BERLIN, JAKARTA, KATHMANDU):
        database.execute(
            "INSERT INTO panel (code, name, time_zone) VALUES (%s, 'x', %s)",
            (time_zone.replace("/", "_"), time_zone),
        )
    return BatchWriter(database)


def reading(at: datetime, kwh: float | None = None, **measured: Any) -> Reading:
    return Reading(at=at, received_at=measured.pop("received_at", RECEIVED_AT), energy_import_kwh=kwh, **measured)


def rows(database: Connection[Row], query: str) -> list[Row]:
    found = database.execute(query).fetchall()  # type: ignore[arg-type]
    database.rollback()
    return found


BUCKETS = {
    "rollup_five_minutes": lambda at, _zone: at - (at - datetime(1970, 1, 1, tzinfo=UTC)) % timedelta(minutes=5),
    "rollup_hour": lambda at, _zone: at.replace(minute=0, second=0, microsecond=0),
    "rollup_day": lambda at, zone: at.astimezone(ZoneInfo(zone)).date(),
}
ZONES = {1: BERLIN, 2: JAKARTA, 3: KATHMANDU}


Register = tuple[datetime, float]


def rise_kwh(before: Register | None, after: Register) -> Decimal:
    """A rise counts up to 2 MW for as long as it took, and 1 kWh; a fall and anything more count as nothing."""
    if before is None:
        return Decimal(0)
    risen_kwh = after[1] - before[1]
    is_plausible = 0 <= risen_kwh <= 2000 * (after[0] - before[0]).total_seconds() / 3600 + 1
    return Decimal(round(risen_kwh * 1e6)) / 1_000_000 if is_plausible else Decimal(0)


def from_scratch(readings: Sequence[PanelReading], table: str) -> dict[tuple[int, datetime | date], dict[str, Any]]:
    """What a rollup must hold, computed the plain way."""
    rollup: dict[tuple[int, datetime | date], dict[str, Any]] = {}
    registers: dict[int, list[Register | None]] = defaultdict(lambda: [None, None])
    for panel_id, one in sorted(readings, key=lambda pair: (pair[0], pair[1].at)):
        key = panel_id, BUCKETS[table](one.at, ZONES[panel_id])
        row = rollup.setdefault(
            key,
            {"n": 0, "energy": Decimal(0), "export": Decimal(0), "kw": [], "pf": [], "at": [], "last": [None, None]},
        )
        row["n"] += 1
        for number, (name, register) in enumerate(
            [("energy", one.energy_import_kwh), ("export", one.energy_export_kwh)]
        ):
            if register is not None:
                row[name] += rise_kwh(registers[panel_id][number], (one.at, register))
                registers[panel_id][number] = one.at, register
                row["last"][number] = register
        row["kw"] += [one.active_power_kw] if one.active_power_kw is not None else []
        row["pf"] += [one.power_factor] if one.power_factor is not None else []
        row["at"].append(one.at)
    return rollup


def assert_rollups(database: Connection[Row], readings: Sequence[PanelReading]) -> None:
    for table in BUCKETS:
        stored = {tuple(row[:2]): row[2:15] for row in rows(database, f"SELECT * FROM {table}")}  # noqa: S608
        expected = from_scratch(readings, table)
        assert stored.keys() == expected.keys(), table
        for key, row in expected.items():
            assert_row(stored[key], row)


def assert_row(stored: Row, row: dict[str, Any]) -> None:
    n, energy, export, kw_n, kw_sum, kw_min, kw_max, pf_n, pf_sum, first_at, last_at, *last = stored
    assert (n, energy, export) == (row["n"], row["energy"], row["export"])
    assert (kw_n, kw_min, kw_max) == (len(row["kw"]), min(row["kw"], default=None), max(row["kw"], default=None))
    assert kw_sum == pytest.approx(sum(row["kw"]), abs=1e-9)
    assert (pf_n, first_at, last_at) == (len(row["pf"]), min(row["at"]), max(row["at"]))
    assert pf_sum == pytest.approx(sum(row["pf"]), abs=1e-6)
    assert last == row["last"]


def assert_latest(database: Connection[Row], readings: Sequence[PanelReading]) -> None:
    stored = rows(
        database, "SELECT panel_id, at, active_power_kw, energy_import_kwh, energy_export_kwh FROM latest_reading"
    )
    newest = dict(sorted(readings, key=lambda pair: (pair[0], pair[1].at)))
    assert sorted(stored) == [
        (panel_id, one.at, one.active_power_kw, one.energy_import_kwh, one.energy_export_kwh)
        for panel_id, one in newest.items()
    ]


# Two days of which one has 23 hours in Berlin, midnight in Kathmandu at 18:15 UTC, and a month's end.
START = datetime(2026, 3, 28, 17, 0, tzinfo=UTC)
REGISTERS = st.none() | st.integers(0, 5000).map(lambda tenths: tenths / 10)
READINGS = st.builds(
    lambda second, register, export, kw, pf: reading(
        START + timedelta(seconds=second), register, energy_export_kwh=export, active_power_kw=kw, power_factor=pf
    ),
    st.integers(0, 2000) | st.integers(0, 4 * 86_400),
    REGISTERS,
    st.none() | REGISTERS,
    st.none() | st.floats(-100, 100).map(lambda kw: round(kw, 3)),
    st.none() | st.sampled_from([0.5, 0.86, 1.0]),
)


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[PanelReading], list[list[PanelReading]]]:
    """Readings, one a panel and second, and batches that bring each of them at least once, in any order."""
    drawn = draw(st.lists(st.tuples(st.integers(1, 3), READINGS), min_size=1, max_size=25))
    unique = list({(panel_id, one.at): (panel_id, one) for panel_id, one in drawn}.values())
    repeated = draw(st.lists(st.sampled_from(unique), max_size=10))
    stream = draw(st.permutations(unique + repeated))
    cuts = sorted(draw(st.lists(st.integers(0, len(stream)), max_size=4)))
    return unique, [stream[start:end] for start, end in pairwise([0, *cuts, len(stream)])]


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(delivered=deliveries())
def test_any_order_repetition_and_splitting_ends_the_same(
    writer: BatchWriter, database: Connection[Row], delivered: tuple[list[PanelReading], list[list[PanelReading]]]
) -> None:
    unique, batches = delivered
    database.execute("TRUNCATE reading, latest_reading, rollup_five_minutes, rollup_hour, rollup_day")
    database.commit()
    results = [writer.write(batch) for batch in batches]
    assert sum(result.reading_count for result in results) == len(unique)
    assert sum(result.duplicate_count for result in results) == sum(map(len, batches)) - len(unique)
    assert rows(database, "SELECT count(*) FROM reading") == [(len(unique),)]
    assert_rollups(database, unique)
    assert_latest(database, unique)


def minutes(start: datetime, *registers: float | None) -> list[PanelReading]:
    return [(1, reading(start + timedelta(minutes=number), kwh)) for number, kwh in enumerate(registers)]


def test_the_first_reading_of_a_panel_uses_nothing(writer: BatchWriter, database: Connection[Row]) -> None:
    writer.write(minutes(START, 150.07))
    assert rows(database, "SELECT energy_kwh, reading_count FROM rollup_day") == [(Decimal(0), 1)]


def test_a_fall_of_the_register_is_no_usage(writer: BatchWriter, database: Connection[Row]) -> None:
    writer.write(minutes(START, 150.0, 151.0, 3.0, 3.5))
    assert rows(database, "SELECT energy_kwh FROM rollup_day") == [(Decimal("1.500000"),)]


@pytest.mark.parametrize(
    ("registers", "used_kwh"),
    [
        ([98_412.0, 98_412.01, 0.0, 98_412.02, 98_412.05], "0.040000"),
        ([98_412.0, 98_412.01, 999_999.0, 98_412.02, 98_412.05], "0.040000"),
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
    plan = rows(database, f"EXPLAIN (VERBOSE, COSTS OFF) SELECT {COUNTED} FROM ({IN_ORDER}) AS own")  # noqa: S608
    assert "date_part('epoch'" in str(plan)
    assert "register_rise_kwh" not in str(plan)


IN_ORDER = """
    SELECT at, active_power_kw, power_factor, energy_import_kwh, energy_export_kwh,
           lag(energy_import_kwh) OVER by_time AS import_before_kwh, lag(at) OVER by_time AS import_before_at,
           lag(energy_export_kwh) OVER by_time AS export_before_kwh, lag(at) OVER by_time AS export_before_at
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


def test_of_two_readings_in_one_second_the_first_stays(writer: BatchWriter, database: Connection[Row]) -> None:
    result = writer.write([(1, reading(START, 10.0)), (1, reading(START, 11.0))])
    assert (result.reading_count, result.duplicate_count) == (1, 1)
    assert writer.write([(1, reading(START, 12.0))]).reading_count == 0
    assert rows(database, "SELECT energy_import_kwh FROM reading") == [(10.0,)]


def test_every_value_is_stored_where_it_belongs(writer: BatchWriter, database: Connection[Row]) -> None:
    full = Reading(
        START, RECEIVED_AT, PhaseValues(1, 2, 3, 4), PhaseValues(5, 6, 7, 8), 9.0, 10.0, 0.5, 12.0, 13.0, 0.25, 0.75,
        flags=ReadingFlag.LATE, is_partial=True,
    )  # fmt: skip
    batch_id = writer.write([(1, full)]).batch_id
    expected = (1, START, RECEIVED_AT, batch_id, 1, 2, 3, 4, 5, 6, 7, 8, 9.0, 10.0, 0.5, 12.0, 13.0, 0.25, 0.75)
    assert rows(database, "SELECT * FROM reading") == [(*expected, 16)]
    assert rows(database, "SELECT * FROM latest_reading") == [(*expected, RECEIVED_AT, 16, True, False)]


def test_a_late_reading_says_that_the_panel_is_alive_and_leaves_the_latest_alone(
    writer: BatchWriter, database: Connection[Row]
) -> None:
    later = RECEIVED_AT + timedelta(minutes=1)
    writer.write(minutes(START, 10.0))
    writer.write([(1, reading(START - timedelta(days=1), 9.0, received_at=later))])
    assert rows(database, "SELECT at, last_seen_at FROM latest_reading") == [(START, later)]


def test_a_reading_that_is_there_already_changes_nothing(writer: BatchWriter, database: Connection[Row]) -> None:
    batch = minutes(START, 10.0, 10.1, 10.2)
    writer.write(batch)
    tables = ["reading", "latest_reading", *BUCKETS]
    before = [rows(database, f"SELECT * FROM {table}") for table in tables]  # noqa: S608
    writer.write([(panel_id, replace(one, received_at=RECEIVED_AT + timedelta(hours=1))) for panel_id, one in batch])
    assert [rows(database, f"SELECT * FROM {table}") for table in tables] == before  # noqa: S608


def test_batch_ids_rise_in_the_order_of_commits(writer: BatchWriter, database: Connection[Row]) -> None:
    ids = [writer.write([one]).batch_id for one in minutes(START, 1.0, 2.0, 3.0)]
    assert ids == sorted(set(ids))
    assert rows(database, "SELECT batch_id FROM reading ORDER BY at") == [(batch_id,) for batch_id in ids]


def test_new_rows_are_told_with_the_batch_and_duplicates_are_not(writer: BatchWriter, database_url: str) -> None:
    with connect(database_url) as listener:
        listener.autocommit = True
        listener.execute("LISTEN reading")
        batch_id = writer.write(minutes(START, 10.0)).batch_id
        writer.write(minutes(START, 10.0))
        told = [notice.payload for notice in listener.notifies(timeout=0.2)]
    assert told == [str(batch_id)]


def test_what_arrived_is_counted_with_what_became_of_it(writer: BatchWriter, database: Connection[Row]) -> None:
    bad = RejectedMessage("DATA/PM/\0", b"{", RECEIVED_AT, "BAD_JSON", "not JSON")
    batch = [*minutes(START, 10.0, 10.1), *minutes(START, 10.0)]
    result = writer.write(batch, rejected=[bad], arrivals=Arrivals(4, RECEIVED_AT, RECEIVED_AT))
    status = rows(
        database,
        "SELECT message_count, reading_count, duplicate_count, rejected_count, last_batch_id, last_message_at "
        "FROM ingest_status",
    )
    assert status == [(4, 2, 1, 1, result.batch_id, RECEIVED_AT)]
    kept = rows(database, "SELECT topic, payload, code, reason, received_at FROM rejected_message")
    assert kept == [("DATA/PM/\ufffd", b"{", "BAD_JSON", "not JSON", RECEIVED_AT)]


def skip_on_timescaledb(database: Connection[Row]) -> None:
    if rows(database, "SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'"):
        pytest.skip("TimescaleDB makes chunks of its own")


def test_months_get_their_partitions_and_only_the_months_that_are_needed(
    writer: BatchWriter, database: Connection[Row]
) -> None:
    skip_on_timescaledb(database)
    writer.write([(1, reading(START, 1.0)), (1, reading(START - timedelta(days=3000), 0.5))])
    made = rows(database, "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'reading'::regclass")
    assert sorted(made) == [("reading_2018_01",), ("reading_2026_03",)]


def test_a_partition_that_was_dropped_meanwhile_is_made_again_at_the_second_try(
    writer: BatchWriter, database: Connection[Row]
) -> None:
    skip_on_timescaledb(database)
    writer.write(minutes(START, 10.0))
    database.execute("DROP TABLE reading_2026_03")
    database.commit()
    with pytest.raises(BatchRefusedError):
        writer.write(minutes(START, 10.0))
    assert writer.write(minutes(START, 10.0)).reading_count == 1


def test_a_refused_value_leaves_nothing_behind(writer: BatchWriter, database: Connection[Row]) -> None:
    database.execute("ALTER TABLE reading ADD CHECK (energy_import_kwh <> 666)")
    database.commit()
    with pytest.raises(BatchRefusedError, match="reading"):
        writer.write(minutes(START, 10.0, 666.0))
    assert rows(database, "SELECT count(*) FROM reading") == [(0,)]
    assert writer.write(minutes(START, 10.0)).reading_count == 1


def test_a_connection_that_was_cut_is_an_outage(
    writer: BatchWriter, database: Connection[Row], database_url: str
) -> None:
    with connect(database_url) as other:
        other.execute("SELECT pg_terminate_backend(%s)", (database.info.backend_pid,))
    with pytest.raises(DatabaseAwayError):
        writer.write(minutes(START, 10.0))
