"""Any order, repetition and splitting of the same readings ends in the same rows, events and rollups."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from random import Random
from typing import Any, LiteralString

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from psycopg import Connection
from psycopg.rows import dict_row

from metering.readings import PhaseValues, Reading, ReadingFlag
from metering.registers import EventKind, RegisterEvent, RegisterReading
from store.connections import Row
from store.merge import BatchWriter, PanelReading
from tests.store.plain_rollups import counted, rollup
from tests.store.stored import RECEIVED_AT, START, ZONES

TABLES: tuple[LiteralString, ...] = ("rollup_five_minutes", "rollup_hour", "rollup_day")


def found(database: Connection[Row], query: LiteralString) -> list[dict[str, Any]]:
    with database.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query).fetchall()
    database.rollback()
    return rows


def assert_all_is_right(database: Connection[Row], readings: Sequence[PanelReading]) -> None:
    rows, events = counted(readings)
    stored = found(
        database, "SELECT panel_id, at, received_at, flags, active_power_kw FROM reading ORDER BY panel_id, at"
    )
    assert [tuple(row.values()) for row in stored] == [
        (row.panel_id, row.one.at, row.one.received_at, row.flags, row.one.active_power_kw) for row in rows
    ]
    assert stored_events(database) == sorted(events, key=lambda event: (event[0], event[1], event[2].at))
    for table in TABLES:
        key = "day" if table == "rollup_day" else "starts_at"
        kept = {(row.pop("panel_id"), row.pop(key)): row for row in found(database, f"SELECT * FROM {table}")}  # noqa: S608
        expected = rollup(rows, table, ZONES)
        assert kept.keys() == expected.keys()
        for bucket, row in expected.items():
            assert rounded(kept[bucket]) == rounded(row), (table, bucket)
    newest = {row.panel_id: row for row in rows}
    latest = found(
        database, "SELECT panel_id, at, received_at, flags, energy_import_kwh FROM latest_reading ORDER BY 1"
    )
    assert [tuple(row.values()) for row in latest] == [
        (panel_id, row.one.at, row.one.received_at, row.flags, row.one.energy_import_kwh)
        for panel_id, row in newest.items()
    ]


def rounded(row: dict[str, Any]) -> dict[str, Any]:
    """Sums of powers and factors depend on the order in their last digits; nothing else does."""
    sums = {name: round(row[name], 6) for name in ("power_sum_kw", "factor_sum")}
    return row | sums


def stored_events(database: Connection[Row]) -> list[tuple[int, str, RegisterEvent]]:
    return [
        (
            row["panel_id"],
            row["register"],
            RegisterEvent(
                EventKind(row["kind"]), row["at"], RegisterReading(row["before_at"], row["before_kwh"]),
                row["after_kwh"], row["usage_kwh"], row["ends_at"], row["reading_count"],
            ),
        )
        for row in found(database, "SELECT * FROM register_event ORDER BY panel_id, register, at")
    ]  # fmt: skip


def reading(second: float, kwh: float | None = None, **measured: Any) -> Reading:
    values: dict[str, Any] = {"received_at": RECEIVED_AT, **measured}
    return Reading(at=START + timedelta(seconds=second), energy_import_kwh=kwh, **values)


@st.composite
def free_readings(draw: st.DrawFn) -> Reading:
    """Readings that have nothing to do with each other, some of one second."""
    late_s = draw(st.integers(0, 2))
    return reading(
        draw(st.integers(0, 60) | st.integers(0, 4 * 86_400)),
        draw(st.none() | st.integers(0, 5000).map(lambda tenths: tenths / 10)),
        energy_export_kwh=draw(st.none() | st.integers(0, 50).map(lambda tenths: tenths / 10)),
        active_power_kw=draw(st.none() | st.integers(-100_000, 100_000).map(lambda watts: watts / 1000)),
        power_factor=draw(st.none() | st.sampled_from([0.5, 0.75, 1.0])),
        received_at=RECEIVED_AT + timedelta(seconds=late_s),
        voltage_v=draw(st.none() | st.builds(PhaseValues, st.sampled_from([None, 220.0, 230.0]), st.just(225.0))),
        flags=ReadingFlag.LATE if late_s else ReadingFlag(0),
    )


def course_of(random: Random) -> list[Reading]:
    """A meter's readings, whose register rises, with zeros, peaks, resets, rollovers, swaps and silences."""
    readings: list[Reading] = []
    second, kwh = 0.0, random.choice([0.0, 50.0, 9_999.95, 98_412.0])
    for _ in range(random.randint(1, 5)):
        every_s = random.choice([1, 60, 60, 400, 7200])
        noise = random.choice([0.0, 0.0, 0.1, 0.5])
        for _ in range(random.choice([1, 3, 8, 15])):
            second += every_s
            kwh = kwh + random.choice([0, 0.01, 0.1])
            kwh = kwh - 10_000 if 10_000 <= kwh < 10_001 else kwh
            shown = random.choice([0.0, kwh + 20, 999_999.0]) if random.random() < noise else kwh
            export_kwh = random.choice([None, None, 3.0])
            readings.append(reading(second, random.choice([shown] * 5 + [None]), energy_export_kwh=export_kwh))
        kwh = random.choice([kwh, kwh, 0.0, kwh * 1.5, kwh / 3])
    return readings


COURSES = st.randoms(use_true_random=False).map(course_of)


@st.composite
def deliveries(draw: st.DrawFn) -> list[list[PanelReading]]:
    """Batches that bring each of some readings at least once, in any order."""
    free = draw(st.lists(st.tuples(st.integers(1, 3), free_readings()), min_size=1, max_size=12))
    course = [(1, one) for one in draw(COURSES)]
    stream = free + course + draw(st.lists(st.sampled_from(free), max_size=6))
    random = draw(st.randoms(use_true_random=False))
    kind = draw(st.sampled_from(["in order", "nearly", "any"]))
    places = {"in order": 0.0, "nearly": 4.0, "any": 1e9}
    order = sorted(range(len(stream)), key=lambda n: (n if n >= len(free) else 0) + random.random() * places[kind])
    cuts = sorted(draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    return [[stream[place] for place in order[start:end]] for start, end in pairwise([0, *cuts, len(stream)])]


def empty(database: Connection[Row]) -> None:
    database.execute("TRUNCATE reading, latest_reading, register_event, rollup_five_minutes, rollup_hour, rollup_day")
    database.commit()


@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(batches=deliveries())
def test_any_order_repetition_and_splitting_ends_the_same(
    writer: BatchWriter, database: Connection[Row], batches: list[list[PanelReading]]
) -> None:
    empty(database)
    for batch in batches:
        writer.write(batch)
    assert_all_is_right(database, [pair for batch in batches for pair in batch])


def test_a_second_that_was_said_again_changes_nothing(writer: BatchWriter, database: Connection[Row]) -> None:
    batch = [(1, one) for one in course_of(Random(7))]  # noqa: S311
    writer.write(batch)
    tables: tuple[LiteralString, ...] = ("reading", "latest_reading", "register_event", *TABLES)
    before = [found(database, f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables]  # noqa: S608
    later = [(panel_id, replace(one, received_at=RECEIVED_AT + timedelta(hours=1))) for panel_id, one in batch]
    assert writer.write(later).joined_count == 0
    assert [found(database, f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables] == before  # noqa: S608
