"""The tables that hold readings are made ahead, dropped whole, and compressed where the server can."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from psycopg import AsyncConnection, Connection, sql

from kilowatch.housekeeping import Keeping, keep_house
from metering.readings import Reading
from store import partitions
from store.batch_turns import begin_batch
from store.connections import Pool, Row, connect
from store.merge import BatchWriter
from store.reading_changes import Author, correct, restore, withdraw
from store.retention import ANNOUNCED_FOR
from store.transfer import begin_export
from tests.fixtures.database import cloned

NOW = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)


def reading(at: datetime, kwh: float) -> Reading:
    return Reading(at, at + timedelta(seconds=1), energy_import_kwh=kwh, active_power_kw=kwh % 7)


@pytest.fixture
def database(database_url: str) -> Iterator[Connection[Row]]:
    with connect(database_url) as connection:
        yield connection


@pytest.fixture
def is_native(database: Connection[Row]) -> bool:
    ((kind,),) = database.execute("SELECT relkind FROM pg_class WHERE oid = 'reading'::regclass").fetchall()
    database.rollback()
    return kind == "p"


@pytest.fixture
def native(is_native: bool) -> None:  # noqa: FBT001
    if not is_native:
        pytest.skip("TimescaleDB makes its chunks by itself")


@pytest.fixture
def timescale(is_native: bool) -> None:  # noqa: FBT001
    if is_native:
        pytest.skip("needs TimescaleDB: name a server that preloads it in KILOWATCH_TEST_DATABASE_URL")


def parts(database: Connection[Row]) -> list[str]:
    found = database.execute("SELECT relid::text FROM pg_partition_tree('reading') WHERE isleaf ORDER BY 1").fetchall()
    database.rollback()
    return [name for (name,) in found]


@pytest.mark.usefixtures("native")
async def test_the_months_ahead_are_there_before_they_are_needed(
    connection: AsyncConnection[Row], database: Connection[Row]
) -> None:
    assert await partitions.make_months(connection, now=NOW, until=NOW + timedelta(days=62))
    assert parts(database) == ["reading_2026_06", "reading_2026_07", "reading_2026_08"]
    assert await partitions.make_months(connection, now=NOW, until=NOW + timedelta(days=62))


@pytest.mark.usefixtures("native")
async def test_making_months_gives_way_to_a_batch_under_way(
    connection: AsyncConnection[Row], database: Connection[Row]
) -> None:
    begin_batch(database)
    assert not await partitions.make_months(connection, now=NOW, until=NOW)
    database.rollback()
    assert await partitions.make_months(connection, now=NOW, until=NOW)


@pytest.mark.usefixtures("native")
def test_a_new_month_and_a_long_export_do_not_wait_for_each_other(
    database_url: str, database: Connection[Row], writer: BatchWriter
) -> None:
    database.execute("INSERT INTO panel (code, name, time_zone) VALUES ('A', 'A', 'UTC')")
    writer.write([(1, reading(NOW, 10.0))])
    with connect(database_url) as export:
        begin_export(export)
        assert export.execute("SELECT count(*) FROM reading").fetchone() == (1,)
        database.execute("SET lock_timeout = '1s'")
        writer.write([(1, reading(NOW - timedelta(days=60), 9.0))])
        assert export.execute("SELECT count(*) FROM reading").fetchone() == (1,)
    assert parts(database) == ["reading_2026_04", "reading_2026_06"]


@pytest.mark.usefixtures("native")
def test_restoring_a_span_of_centuries_makes_no_months(database: Connection[Row], writer: BatchWriter) -> None:
    database.execute("INSERT INTO panel (code, name, time_zone) VALUES ('A', 'A', 'UTC')")
    writer.write([(1, reading(NOW, 10.0))])
    since, until, author = NOW.replace(year=1900), NOW.replace(year=2199), Author("by mistake")
    withdrawal = withdraw(database, panel_id=1, since=since, until=until, author=author)
    restore(database, change_id=withdrawal, author=author)
    database.commit()
    assert parts(database) == ["reading_2026_06"]
    assert database.execute("SELECT count(*) FROM reading").fetchone() == (1,)


@pytest.mark.usefixtures("native")
async def test_what_is_kept_of_dropped_months_has_one_small_partition(database: Connection[Row], pool: Pool) -> None:
    database.execute("INSERT INTO panel (code, name, time_zone) VALUES ('P', 'x', 'UTC')")
    writer = BatchWriter(database)
    writer.write([(1, reading(NOW - timedelta(days=120 - day), day)) for day in range(121)])
    for now in (NOW, NOW + ANNOUNCED_FOR):
        await keep_house(pool, keeping=Keeping(readings_days=40), now=now)
    assert parts(database) == [
        "reading_2026_05",
        "reading_2026_06",
        "reading_2026_07",
        "reading_2026_08",
        "reading_past",
    ]
    kept = database.execute("SELECT energy_import_kwh FROM reading_past ORDER BY at").fetchall()
    assert [kwh for (kwh,) in kept] == list(range(57, 75))  # up to 30 April: the newest 12, and 6 before the first
    database.rollback()
    writer.write([(1, reading(NOW - timedelta(days=100, minutes=1), 20))])  # by somebody who did not know the horizon
    assert "reading_2026_03" not in parts(database)
    months = database.execute("SELECT count(*) FROM reading_past WHERE at < '2026-04-01'").fetchone()
    assert months == (1,)


async def test_operators_are_told_what_is_stored(connection: AsyncConnection[Row], database: Connection[Row]) -> None:
    before = await partitions.storage(connection)
    assert (before.row_estimate, before.oldest_at) == (0, None)
    database.execute("INSERT INTO panel (code, name, time_zone) VALUES ('P', 'x', 'UTC'), ('Q', 'x', 'UTC')")
    BatchWriter(database).write(
        [(panel, reading(NOW + timedelta(seconds=n), n)) for n in range(500) for panel in (1, 2)]
    )
    await connection.execute("ANALYZE reading")
    after = await partitions.storage(connection)
    assert after.row_estimate == 1000
    assert after.size_bytes > before.size_bytes
    assert after.oldest_at == NOW


EVERY_TEN_MINUTES = [
    (1, reading(NOW - timedelta(days=30) + timedelta(minutes=10 * n), n * 0.5)) for n in range(6 * 24 * 28)
]
LATE = EVERY_TEN_MINUTES[5::97]
ADMIN = Author("wrong", name="admin")


def sums(database: Connection[Row]) -> list[list[Row]]:
    queries = (
        "SELECT panel_id, at, energy_import_kwh, active_power_kw, flags FROM reading ORDER BY 1, 2",
        "SELECT * FROM rollup_five_minutes ORDER BY 1, 2",
        "SELECT * FROM rollup_hour ORDER BY 1, 2",
        "SELECT * FROM rollup_day ORDER BY 1, 2",
        "SELECT panel_id, register, at, kind, usage_kwh FROM register_event ORDER BY 1, 2, 3",
    )
    found = [database.execute(query).fetchall() for query in queries]
    database.rollback()
    return found


def handed_in_late_corrected_and_withdrawn(database: Connection[Row], writer: BatchWriter) -> None:
    writer.write(EVERY_TEN_MINUTES[:2000])
    writer.write(LATE)
    instants = [one.at for _, one in EVERY_TEN_MINUTES]
    correct(database, panel_id=1, at=instants[200], values={"energy_import_kwh": 100.25}, author=ADMIN)
    withdraw(database, panel_id=1, since=instants[300], until=instants[320], author=ADMIN)
    number = withdraw(database, panel_id=1, since=instants[900], until=instants[1100], author=ADMIN)
    restore(database, change_id=number, author=ADMIN)
    database.commit()
    writer.write(EVERY_TEN_MINUTES[150:400])


@pytest.mark.usefixtures("timescale")
async def test_late_readings_and_changes_are_the_same_in_compressed_chunks(
    database: Connection[Row],
    pool: Pool,
    server_url: str,
    server: Connection[Row],
    template: sql.Identifier,
) -> None:
    with cloned(server_url, server, template) as plain_url, connect(plain_url) as plain:
        writers = [BatchWriter(one) for one in (database, plain)]
        for one, writer in zip((database, plain), writers, strict=True):
            one.execute("INSERT INTO panel (code, name, time_zone) VALUES ('P', 'x', 'Asia/Kathmandu')")
            writer.write([row for row in EVERY_TEN_MINUTES if row not in LATE])
        await keep_house(pool, keeping=Keeping(compress_after_days=2), now=NOW)
        ((chunks,),) = database.execute(
            "SELECT count(*) FROM timescaledb_information.chunks WHERE is_compressed"
        ).fetchall()
        database.rollback()
        assert chunks >= 3
        for one, writer in zip((database, plain), writers, strict=True):
            handed_in_late_corrected_and_withdrawn(one, writer)
        found = sums(database)
        assert found == sums(plain)
        assert len(found[0]) == len(EVERY_TEN_MINUTES) - 20
    await keep_house(pool, keeping=Keeping(compress_after_days=2), now=NOW)
    assert sums(database) == found


@pytest.mark.usefixtures("timescale")
async def test_compressed_chunks_are_dropped_like_others(database: Connection[Row], pool: Pool) -> None:
    database.execute("INSERT INTO panel (code, name, time_zone) VALUES ('P', 'x', 'UTC')")
    writer = BatchWriter(database)
    since = NOW - timedelta(days=90)
    writer.write([(1, reading(since + timedelta(hours=n), n)) for n in range(24 * 90)])
    for now in (NOW, NOW + ANNOUNCED_FOR):
        await keep_house(pool, keeping=Keeping(readings_days=32, compress_after_days=2), now=now)
    ((oldest_kwh, left),) = database.execute("SELECT min(energy_import_kwh), count(*) FROM reading").fetchall()
    assert 24 * 32 < left < 24 * 48
    assert oldest_kwh == 24 * 90 - left
