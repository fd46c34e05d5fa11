"""Importing and exporting readings, beside a plain COPY of the same file and one INSERT a row.

`python -m bench.transfer [--rows N]`. The file is CSV of 500 panels in the order of time, as `kilowatch export` writes
it. The import tells duplicates, keeps rollups and judges registers; the plain COPY goes into a bare table without an
index, which is as fast as this Postgres takes the file at all. CPU is what our process and its backends used, a row.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import psycopg
from rich.console import Console
from rich.table import Table

from bench.ingest import database, postgres
from metering.transfer import COLUMNS

_PANELS = 500
_EVERY = timedelta(seconds=10)
_START = datetime(2026, 1, 1, tzinfo=UTC)
_INSERTED = 20_000
_COLUMN_TYPES = ("text", "timestamptz", *["float8"] * 15, "timestamptz", "text")
_BARE = f"CREATE TABLE bare ({', '.join(f'{n} {t}' for n, t in zip(COLUMNS, _COLUMN_TYPES, strict=True))})"
_COPY = "COPY bare FROM STDIN (FORMAT CSV, HEADER)"
_OTHERS = """
SELECT FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"""
_INSERT = f"INSERT INTO bare VALUES ({', '.join(['%s'] * len(COLUMNS))})"  # noqa: S608 - names of our own


@dataclass(frozen=True, slots=True)
class Measured:
    """One way; CPU in us a row."""

    name: str
    rows: int
    seconds: float
    client_us: float
    postgres_us: float
    size: int = 0

    @property
    def rate(self) -> float:
        return self.rows / self.seconds


def lines(count: int) -> Iterator[str]:
    """The file, a header and rows; values move as a meter's do."""
    yield ",".join(COLUMNS) + "\n"
    for number in range(count):
        step, panel = divmod(number, _PANELS)
        at = f"{_START + step * _EVERY:%Y-%m-%dT%H:%M:%SZ}"
        a, b = number * 7919 % 97, number * 104_729 % 89
        yield (
            f"P{panel + 1},{at},{150 + step / 100:.2f},,0.{a},0.46,0.86,22{a % 10}.{b % 10},224.7,223.{a % 10},149.8,"
            f"0.{b},0.99,0.58,0.03,0.01,0.047,{at},\n"
        )


@dataclass(frozen=True, slots=True)
class Server:
    """The database's processes, watched over a connection of its own."""

    process: psutil.Process
    watch: psycopg.Connection

    def used_s(self) -> float:
        """CPU of its backends, those included that have ended."""
        while self.watch.execute(_OTHERS).fetchall():
            time.sleep(0.01)
        time.sleep(0.2)  # until the server has reaped them
        used_s = sum(self.process.cpu_times()[:4])
        for backend in self.process.children():
            with suppress(psutil.NoSuchProcess):
                used_s += sum(backend.cpu_times()[:2])
        return used_s


def measured(name: str, rows: int, work: Callable[[], None], *, server: Server, path: Path | None = None) -> Measured:
    before, client, begun = server.used_s(), _client_s(), time.perf_counter()
    work()
    seconds = time.perf_counter() - begun
    return Measured(
        name,
        rows,
        seconds,
        (_client_s() - client) / rows * 1e6,
        (server.used_s() - before) / rows * 1e6,
        path.stat().st_size if path else 0,
    )


def _client_s() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _command(url: str, *words: str) -> None:
    environment = {**os.environ, "DATABASE_URL": url, "KILOWATCH_TIME_ZONE": "UTC"}
    subprocess.run([sys.executable, "-m", "kilowatch", *words], env=environment, check=True, capture_output=True)


def _plain_copy(url: str, path: Path) -> None:
    with psycopg.connect(url) as connection, path.open("rb") as file:
        connection.execute(_BARE.encode())
        with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
            while piece := file.read(1 << 20):
                copy.write(piece)


def _one_insert_a_row(url: str, rows: list[list[str | None]]) -> None:
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.executemany(_INSERT.encode(), rows)


def _split(path: Path, count: int) -> list[list[str | None]]:
    with path.open() as file:
        next(file)
        return [
            [value or None for value in line.rstrip("\n").split(",")]
            for line, _ in zip(file, range(count), strict=False)
        ]


def run(rows: int, folder: Path, url: str, server: Server) -> list[Measured]:
    source = folder / "readings.csv"
    with source.open("w") as file:
        file.writelines(lines(rows))
    few = _split(source, min(rows, _INSERTED))
    found = [
        measured("plain COPY into a bare table", rows, lambda: _plain_copy(url, source), server=server, path=source),
        measured("one INSERT a row, executemany", len(few), lambda: _one_insert_a_row(url, few), server=server),
        measured("kilowatch import", rows, lambda: _command(url, "import", str(source)), server=server, path=source),
        measured(
            "kilowatch import, all there already",
            rows,
            lambda: _command(url, "import", str(source), "--restart"),
            server=server,
            path=source,
        ),
    ]
    for ending in ("csv", "jsonl", "parquet"):
        target = folder / f"out.{ending}"
        name = f"kilowatch export, {ending}"
        found.append(
            measured(name, rows, lambda target=target: _command(url, "export", "-o", str(target)), server=server)
        )
        found[-1] = _sized(found[-1], target)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM reading").fetchone() == (rows,)
        assert connection.execute("SELECT sum(reading_count) FROM rollup_day").fetchone() == (rows,)
    return found


def _sized(found: Measured, path: Path) -> Measured:
    return Measured(found.name, found.rows, found.seconds, found.client_us, found.postgres_us, path.stat().st_size)


def show(found: list[Measured]) -> None:
    baseline = found[1]
    table = Table("", "rows/s", "MB/s", "x INSERT", "CPU us/row: client", "Postgres", title="import and export")
    for each in found:
        size = f"{each.size / each.seconds / 1e6:.1f}" if each.size else ""
        ratio = f"{each.rate / baseline.rate:.1f}"
        table.add_row(each.name, f"{each.rate:,.0f}", size, ratio, f"{each.client_us:.1f}", f"{each.postgres_us:.1f}")
    Console(width=120).print(table)
    print(f"import: {found[2].rate / found[0].rate:.2f} x a plain COPY, {found[2].rate / baseline.rate:.1f} x INSERTs")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.transfer", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="how many readings")
    rows = parser.parse_args().rows
    with (
        tempfile.TemporaryDirectory() as folder,
        postgres() as server_url,
        database(server_url) as url,
        psycopg.connect(url, autocommit=True) as watch,
    ):
        process = psutil.Process(watch.info.backend_pid).parent()
        assert process
        show(run(rows, Path(folder), url, Server(process, watch)))


if __name__ == "__main__":
    main()
