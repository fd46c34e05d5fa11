"""A batch becomes rows, the newest reading of each panel, counts and a notification, or nothing at all."""

from datetime import timedelta

import pytest
from msgspec.structs import replace
from psycopg import Connection

from metering.readings import PhaseValues, Reading, ReadingFlag
from store.connections import Row, connect
from store.merge import Arrivals, BatchRefusedError, BatchWriter, DatabaseAwayError
from store.rejected import RejectedMessage
from tests.fixtures.notices import told
from tests.store.stored import RECEIVED_AT, START, minutes, reading, rows


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
    tables = ["reading", "latest_reading", "rollup_five_minutes", "rollup_hour", "rollup_day"]
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
        assert told(listener, "reading") == [str(batch_id)]


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
