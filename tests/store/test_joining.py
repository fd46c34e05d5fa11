"""Messages of one second are one row, and the latest state of a panel that sends its values one by one is whole."""

from datetime import timedelta
from typing import Any

from psycopg import Connection

from metering.readings import PhaseValues, Reading, ReadingFlag
from store.connections import Row, connect
from store.merge import BatchWriter
from tests.store.stored import RECEIVED_AT, START, minutes, reading, rows

SECOND = timedelta(seconds=1)


def test_each_message_of_a_second_adds_what_the_others_lack(writer: BatchWriter, database: Connection[Row]) -> None:
    writer.write([(1, reading(START, 10.0)), (1, reading(START, None, active_power_kw=1.5))])
    result = writer.write([(1, reading(START, 12.0, power_factor=0.5)), (1, reading(START, 11.0))])
    assert (result.reading_count, result.duplicate_count, result.joined_count) == (0, 2, 1)
    kept = "SELECT energy_import_kwh, active_power_kw, power_factor, batch_id = {} FROM {}"
    for table in ("reading", "latest_reading"):
        assert rows(database, kept.format(result.batch_id, table)) == [(12.0, 1.5, 0.5, True)]


def test_a_row_that_was_joined_is_told(writer: BatchWriter, database_url: str) -> None:
    writer.write(minutes(START, 10.0))
    with connect(database_url) as listener:
        listener.autocommit = True
        listener.execute("LISTEN reading")
        batch_id = writer.write([(1, reading(START, None, active_power_kw=2.0))]).batch_id
        told = [notice.payload for notice in listener.notifies(timeout=5, stop_after=1)]
    assert told == [str(batch_id)]


def test_what_was_corrected_is_not_joined(writer: BatchWriter, database: Connection[Row]) -> None:
    writer.write([(1, reading(START, 10.0, flags=ReadingFlag.CORRECTED))])
    assert writer.write([(1, reading(START, 12.0, active_power_kw=3.0))]).joined_count == 0
    assert rows(database, "SELECT energy_import_kwh, active_power_kw, flags FROM reading") == [(10.0, None, 32)]


def test_a_reading_is_late_only_when_all_its_messages_were(writer: BatchWriter, database: Connection[Row]) -> None:
    writer.write([(1, reading(START, 10.0, flags=ReadingFlag.LATE, received_at=RECEIVED_AT + SECOND))])
    writer.write([(1, reading(START, 10.0))])
    writer.write([(1, reading(START, 10.0, flags=ReadingFlag.LATE, received_at=RECEIVED_AT + SECOND))])
    assert rows(database, "SELECT flags, received_at FROM reading") == [(0, RECEIVED_AT)]


def test_an_earlier_arrival_of_the_same_message_is_kept_and_not_told_again(
    writer: BatchWriter, database: Connection[Row]
) -> None:
    first = writer.write([(1, reading(START, 10.0))]).batch_id
    writer.write([(1, reading(START, 10.0, received_at=RECEIVED_AT - SECOND))])
    assert rows(database, "SELECT received_at, batch_id FROM reading") == [(RECEIVED_AT - SECOND, first)]


def partial(second: int, **values: Any) -> Reading:
    return reading(START + second * SECOND, values.pop("kwh", None), is_partial=True, **values)


STATE = "SELECT at, energy_import_kwh, active_power_kw, voltage_r_v, power_factor FROM latest_state"


def test_the_latest_state_of_a_partial_panel_has_what_was_said_in_the_ten_minutes_before(
    writer: BatchWriter, database: Connection[Row]
) -> None:
    said = [
        partial(0, power_factor=0.5),
        partial(300, kwh=10.0, voltage_v=PhaseValues(r=230.0)),
        partial(500, kwh=10.5),
        partial(601, active_power_kw=2.0),
    ]
    expected = [(START + 601 * SECOND, 10.5, 2.0, 230.0, None)]
    for one in said:
        writer.write([(1, one)])
    assert rows(database, STATE) == expected
    database.execute("TRUNCATE reading, latest_reading, rollup_five_minutes, rollup_hour, rollup_day")
    for one in reversed(said):
        writer.write([(1, one)])
    assert rows(database, STATE) == expected


def test_the_latest_state_of_other_panels_is_what_they_said_last(
    writer: BatchWriter, database: Connection[Row]
) -> None:
    writer.write([(1, reading(START, 10.0)), (1, reading(START + SECOND, None, active_power_kw=2.0))])
    assert rows(database, STATE) == [(START + SECOND, None, 2.0, None, None)]
    plan = rows(database, f"EXPLAIN (ANALYZE, COSTS OFF) {STATE}")
    assert "One-Time Filter: latest.is_partial" in str(plan)
    assert "never executed" in str(plan)


def test_a_glitch_is_not_the_latest_registers_past(writer: BatchWriter, database: Connection[Row]) -> None:
    for second, kwh in enumerate([98_412.0, 0.0, 98_412.5]):
        writer.write([(1, partial(second, kwh=kwh))])
    writer.write([(1, partial(3, active_power_kw=2.0))])
    assert rows(database, "SELECT energy_import_kwh FROM latest_state") == [(98_412.5,)]
    assert rows(database, "SELECT flags FROM reading ORDER BY at") == [(0,), (1,), (0,), (0,)]
