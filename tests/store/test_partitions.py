"""The tables that hold readings are made ahead, dropped whole, and compressed where the server can."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from psycopg import AsyncConnection, Connection

from kilowatch.housekeeping import Keeping, keep_house
from metering.readings import Reading
from store import partitions
from store.connections import Pool, Row, connect
from store.merge import BatchWriter
from store.retention import ANNOUNCED_FOR

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
async def test_making_months_gives_way_to_who_is_there(
    connection: AsyncConnection[Row], database: Connection[Row]
) -> None:
    database.execute("SELECT count(*) FROM reading")
    assert not await partitions.make_months(connection, now=NOW, until=NOW)
    database.rollback()
    assert await partitions.make_months(connection, now=NOW, until=NOW)


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


HOURLY = [(1, reading(NOW - timedelta(days=30) + timedelta(minutes=10 * n), n * 0.5)) for n in range(6 * 24 * 28)]


def sums(database: Connection[Row]) -> list[list[Row]]:
    queries = (
        "SELECT panel_id, at, energy_import_kwh, active_power_kw, flags FROM reading ORDER BY 1, 2",
        "SELECT * FROM rollup_five_minutes ORDER BY 1, 2",
        "SELECT * FROM rollup_day ORDER BY 1, 2",
    )
    found = [database.execute(query).fetchall() for query in queries]
    database.rollback()
    return found


@pytest.mark.usefixtures("timescale")
async def test_late_readings_and_repeated_ones_are_the_same_in_compressed_chunks(
    database: Connection[Row], pool: Pool
) -> None:
    database.execute("INSERT INTO panel (code, name, time_zone) VALUES ('P', 'x', 'Asia/Kathmandu')")
    late = [HOURLY[n] for n in range(5, len(HOURLY), 97)]
    writer = BatchWriter(database)
    writer.write([row for row in HOURLY if row not in late])
    await keep_house(pool, keeping=Keeping(compress_after_days=2), now=NOW)
    compressed = "SELECT count(*) FROM timescaledb_information.chunks WHERE is_compressed"
    ((chunks,),) = database.execute(compressed.encode()).fetchall()
    database.rollback()
    assert chunks >= 3
    result = writer.write(HOURLY[:2000])
    assert result.reading_count == len([row for row in late if row in HOURLY[:2000]])
    writer.write(late)
    found = sums(database)
    await keep_house(pool, keeping=Keeping(compress_after_days=2), now=NOW)
    assert sums(database) == found
    assert len(found[0]) == len(HOURLY)
    assert [row[2] for row in found[0]] == [one.energy_import_kwh for _, one in HOURLY]
    assert sum(row[3] for row in found[2]) == HOURLY[-1][1].energy_import_kwh


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
