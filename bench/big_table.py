"""What a batch costs when the table is large: the same batches into a full and into an empty database, in turn.

`python -m bench.big_table [--rows N]`. The full one holds N readings of 500 panels, one a minute, with their rollups.
The ratio is the time of the empty database to that of the full one: 1 when size costs nothing.
"""

import argparse
import math
import shutil
import statistics
import tempfile
import time
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from psycopg import sql
from rich.console import Console
from rich.table import Table

from bench.ingest import database
from kilowatch.embedded.postgres import EmbeddedPostgres
from metering.readings import PhaseValues, Reading
from store.connections import connect
from store.merge import BatchWriter, PanelReading

_PANELS = 500
_FULL_SINCE = datetime(2026, 1, 1, tzinfo=UTC)
_MOST_BYTES = 40 * 2**30
_BYTES_A_READING = 300  # with indexes and rollups, rounded up: decides before filling whether it fits
_FILLERS = 2
# Without a log nothing of the filling is written twice; it goes on only for the batches, which are logged as ever.
_SETTINGS = {"wal_level": "minimal", "max_wal_senders": "0", "max_wal_size": "8GB", "maintenance_work_mem": "256MB"}

_NEW_MONTH = "CREATE TABLE {month} (LIKE reading INCLUDING ALL)"
_ATTACH_MONTH = "ALTER TABLE reading ATTACH PARTITION {month} FOR VALUES FROM ({since}) TO ({until})"
# Each series hangs on the one before, else the planner turns them round: day by day here, which is quick, and bucket by
# bucket in rollups, as ingest does, because a batch changes the newest rows of all panels.
_FILL = """
INSERT INTO {month} (panel_id, at, received_at, batch_id, voltage_r_v, voltage_s_v, voltage_t_v, voltage_n_v,
                     current_r_a, current_s_a, current_t_a, current_n_a, active_power_kw, apparent_power_kva,
                     power_factor, energy_import_kwh, voltage_unbalance, current_unbalance)
SELECT panel, at, at + interval '0.4 s', -1, 220 + n * 7 %% 100 * 0.1, 221 + n * 11 %% 100 * 0.1,
       222 + n * 13 %% 100 * 0.1, 149.8, n * 17 %% 500 * 0.01, n * 19 %% 500 * 0.01, n * 23 %% 500 * 0.01, 0.03,
       round((n * 29 %% 1000 * 0.002)::numeric, 3), round((n * 31 %% 1000 * 0.002)::numeric, 3), 0.86,
       round((150 + extract(epoch FROM at - %(start)s) / 3600 + n * 29 %% 10 * 0.0001)::numeric, 3), 0.01, 0.047
FROM generate_series(%(since)s::timestamptz, %(until)s::timestamptz - interval '1 s', '1 day') AS day,
     LATERAL generate_series(1, %(panels)s + (day IS NULL)::integer) AS panel,
     LATERAL generate_series(day + panel * interval '0', least(day + interval '1 day', %(until)s) - interval '1 s',
                             '1 minute') AS at,
     LATERAL (SELECT (extract(epoch FROM at) / 60)::bigint * 7919 + panel * 31) AS numbered (n)
"""
_ROLL_UP = """
INSERT INTO {table} (panel_id, {key}, reading_count, energy_kwh, export_kwh, power_count, power_sum_kw, power_min_kw,
                     power_max_kw, factor_count, factor_sum, first_at, last_at, energy_import_kwh)
SELECT panel, {bucket}, minutes, minutes / 60.0, 0, minutes, minutes, 0.5, 1.5, minutes, minutes * 0.86, at,
       at + make_interval(mins => minutes - 1), 150 + extract(epoch FROM at - %(start)s) / 3600
FROM generate_series(%(start)s::timestamptz, %(until)s::timestamptz - interval '1 s',
                     make_interval(mins => %(minutes)s)) AS at,
     LATERAL generate_series(1, %(panels)s + (at IS NULL)::integer) AS panel,
     LATERAL (SELECT %(minutes)s::integer) AS length (minutes)
"""


@dataclass(frozen=True, slots=True)
class Rollup:
    """A table of sums, its key beside the panel, that key's expression, and how long its buckets are."""

    table: str
    key: str
    bucket: sql.SQL
    minutes: int


_ROLLUPS = (
    Rollup("rollup_five_minutes", "starts_at", sql.SQL("at"), 5),
    Rollup("rollup_hour", "starts_at", sql.SQL("at"), 60),
    Rollup("rollup_day", "day", sql.SQL("(at AT TIME ZONE 'UTC')::date"), 24 * 60),
)


@dataclass(frozen=True, slots=True)
class Took:
    """What batches of one size took in each database, in s, in the order in which they were written."""

    size: int
    empty_s: list[float]
    full_s: list[float]

    @property
    def ratio(self) -> float:
        """Of the medians, empty to full: what is left of the speed."""
        return statistics.median(self.empty_s) / statistics.median(self.full_s)


def months(since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The parts of [since, until) month by month, in UTC."""
    while since < until:
        month_end = (since.replace(day=1) + timedelta(days=32)).replace(day=1, hour=0, minute=0)
        yield since, min(month_end, until)
        since = month_end


def fill(url: str, *, rows: int) -> datetime:
    """Fills an empty database with that many readings and their rollups; when the readings end.

    Each month is filled on its own, two at a time, and only then attached.
    """
    until = _FULL_SINCE + timedelta(minutes=math.ceil(rows / _PANELS))
    spans = list(months(_FULL_SINCE, until))
    with ThreadPoolExecutor(_FILLERS) as pool:
        jobs = [pool.submit(_fill_month, url, since, end) for since, end in spans]
        jobs += [pool.submit(_roll_up, url, rollup, until=until) for rollup in _ROLLUPS]
        for job in jobs:
            job.result()
    with psycopg.connect(url, autocommit=True) as connection:
        for since, _ in spans:
            _attach_month(connection, since)
        _note_newest(connection, until=until)
        connection.execute("ANALYZE")
        connection.execute("CHECKPOINT")
    return until


def _fill_month(url: str, since: datetime, until: datetime) -> None:
    month = sql.Identifier(f"reading_{since:%Y_%m}")
    values = {"since": since, "until": until, "start": _FULL_SINCE, "panels": _PANELS}
    with psycopg.connect(url) as connection:
        connection.execute(sql.SQL(_NEW_MONTH).format(month=month))
        connection.execute(sql.SQL(_FILL).format(month=month), values)


def _roll_up(url: str, rollup: Rollup, *, until: datetime) -> None:
    names = {"table": sql.Identifier(rollup.table), "key": sql.Identifier(rollup.key), "bucket": rollup.bucket}
    statement = sql.SQL(_ROLL_UP).format(**names)
    values = {"start": _FULL_SINCE, "until": until, "minutes": rollup.minutes, "panels": _PANELS}
    with psycopg.connect(url) as connection:
        connection.execute(statement, values)


def _attach_month(connection: psycopg.Connection, since: datetime) -> None:
    first = since.replace(day=1, hour=0, minute=0)
    ends = {"since": sql.Literal(first), "until": sql.Literal((first + timedelta(days=32)).replace(day=1))}
    month = sql.Identifier(f"reading_{since:%Y_%m}")
    connection.execute(sql.SQL(_ATTACH_MONTH).format(month=month, **ends))


def _note_newest(connection: psycopg.Connection, *, until: datetime) -> None:
    connection.execute(
        "INSERT INTO latest_reading (panel_id, at, received_at, batch_id, active_power_kw, energy_import_kwh,"
        " last_seen_at) SELECT panel_id, at, received_at, batch_id, active_power_kw, energy_import_kwh, received_at"
        " FROM reading WHERE at = %s",
        (until - timedelta(minutes=1),),
    )


def batches(start: datetime, *, size: int, count: int) -> Iterator[list[PanelReading]]:
    """Batches of readings that follow each other, one a panel and second."""
    for first in range(0, size * count, size):
        yield [(number % _PANELS + 1, _reading(number, start)) for number in range(first, first + size)]


def _reading(number: int, start: datetime) -> Reading:
    at = start + timedelta(seconds=number // _PANELS)
    a, b = number * 7919 % 97, number * 104_729 % 89
    return Reading(
        at,
        at + timedelta(seconds=0.4),
        voltage_v=PhaseValues(220 + a / 10, 224.7, 223 + b / 10, 149.8),
        current_a=PhaseValues(b / 10, 0.99, 0.58, 0.03),
        active_power_kw=a / 100,
        apparent_power_kva=0.46,
        power_factor=0.86,
        energy_import_kwh=round(150.002 + (at - _FULL_SINCE).total_seconds() / 3600, 3),  # goes on from _FILL's
        voltage_unbalance=0.01,
        current_unbalance=0.047,
    )


def written(urls: Sequence[str], *, start: datetime, size: int, count: int) -> Took:
    """What the batches take in each of the databases, empty and full, which take turns; the first third warms up."""
    took_s: list[list[float]] = [[] for _ in urls]
    connections = [connect(url, application="kilowatch ingest") for url in urls]
    writers = [BatchWriter(connection) for connection in connections]
    for batch in batches(start, size=size, count=count):
        for writer, times in zip(writers, took_s, strict=True):
            began_s = time.perf_counter()
            writer.write(batch)
            times.append(time.perf_counter() - began_s)
    for writer in writers:
        writer.close()
    warm = count // 3
    return Took(size, took_s[0][warm:], took_s[1][warm:])


def sizes(url: str) -> Iterator[tuple[str, int]]:
    """What is on disk, in bytes: the readings, their indexes and the rollups."""
    with psycopg.connect(url) as connection:
        yield "readings", _sum(connection, "SELECT sum(pg_table_size(relid)) FROM pg_partition_tree('reading')")
        yield "their indexes", _sum(connection, "SELECT sum(pg_indexes_size(relid)) FROM pg_partition_tree('reading')")
        for rollup in _ROLLUPS:
            yield rollup.table, _sum(connection, f"SELECT pg_total_relation_size('{rollup.table}')")


def _sum(connection: psycopg.Connection, query: str) -> int:
    ((size_bytes,),) = connection.execute(query.encode()).fetchall()
    return int(size_bytes)


@contextmanager
def server() -> Generator[str]:
    """An embedded Postgres with the defaults of ours, in a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        free_bytes = shutil.disk_usage(folder).free
        with EmbeddedPostgres(Path(folder, "postgres"), settings=_SETTINGS) as postgres:
            print(f"{free_bytes / 2**30:.0f} GB free in {folder}", flush=True)
            yield postgres.url
        postgres.erase()


def main() -> None:
    """Fills, measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m bench.big_table", description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000, help="readings of the full table; 100000000 takes long")
    parser.add_argument("--batches", type=int, default=60, help="of each size")
    given = parser.parse_args()
    if given.rows * _BYTES_A_READING > _MOST_BYTES:
        parser.error(f"at most {_MOST_BYTES // _BYTES_A_READING:,} rows: that is {_MOST_BYTES / 2**30:.0f} GB")
    console = Console(width=120)
    with server() as url, database(url) as empty_url, database(url) as full_url:
        began_s = time.perf_counter()
        until = fill(full_url, rows=given.rows)
        console.print(f"{given.rows:,} readings filled in {time.perf_counter() - began_s:.0f} s, up to {until:%F}")
        console.print(_disk_table(full_url, rows=given.rows))
        console.print(_speed_table([empty_url, full_url], start=until, count=given.batches, rows=given.rows))


def _speed_table(urls: Sequence[str], *, start: datetime, count: int, rows: int) -> Table:
    columns = ("readings a batch", "empty: ms", "full: ms", "full: readings/s", "ratio")
    table = Table(*columns, title=f"a batch into an empty table and into one of {rows:,} readings: medians")
    for size in (500, 1000, 5000):
        took = written(urls, start=start, size=size, count=count)
        start += timedelta(seconds=size * count / _PANELS)
        empty_s, full_s = statistics.median(took.empty_s), statistics.median(took.full_s)
        cells = (f"{size:,}", f"{empty_s * 1000:.1f}", f"{full_s * 1000:.1f}", f"{size / full_s:,.0f}")
        table.add_row(*cells, f"{took.ratio:.2f}")
    return table


def _disk_table(url: str, *, rows: int) -> Table:
    table = Table("on disk", "MB", "bytes a reading", title=f"{rows:,} readings, one a minute")
    for name, size_bytes in sizes(url):
        table.add_row(name, f"{size_bytes / 2**20:,.0f}", f"{size_bytes / rows:.1f}")
    return table


if __name__ == "__main__":
    main()
