"""What a reading takes on disk: in Postgres, and in TimescaleDB before and after compression.

`python -m bench.disk [--rows N]`. Readings of 100 panels every 10 s go through the same merge as ingest's; values move
as a household's do. TimescaleDB is measured when KILOWATCH_TEST_DATABASE_URL names a server that has it.
"""

import argparse
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg
from rich.console import Console
from rich.table import Table

from bench.big_table import server
from bench.ingest import database
from metering.readings import PhaseValues, Reading
from store.connections import connect
from store.merge import BatchWriter, PanelReading

_PANELS = 100
_EVERY = timedelta(seconds=10)
_START = datetime(2026, 1, 1, tzinfo=UTC)
_END = datetime(2030, 1, 1, tzinfo=UTC)

_NATIVE = """
SELECT sum(pg_table_size(relid)), sum(pg_indexes_size(relid)) FROM pg_partition_tree('reading') WHERE isleaf"""
_HYPERTABLE = "SELECT table_bytes + toast_bytes, index_bytes FROM hypertable_detailed_size('reading')"


@dataclass(slots=True)
class Home:
    """One home's meter: a base load, appliances that come and go, and a register that counts them."""

    chance: random.Random
    register_kwh: float
    power_kw: float = 0.3

    def reading(self, at: datetime) -> Reading:
        """What it says at an instant; call it in order."""
        chance = self.chance
        if chance.random() < 0.02:
            self.power_kw = round(chance.choice((0.15, 0.3, 0.5, 1.2, 2.4)) * chance.uniform(0.9, 1.1), 3)
        power_kw = round(self.power_kw + chance.gauss(0, 0.004), 3)
        self.register_kwh += power_kw * _EVERY.total_seconds() / 3600
        volts, factor = round(chance.gauss(229, 1.2), 1), round(chance.gauss(0.93, 0.01), 2)
        r_a, s_a, t_a = (round(power_kw * share / volts * 1000, 2) for share in (0.5, 0.3, 0.2))
        return Reading(
            at,
            at + timedelta(milliseconds=chance.randint(150, 900)),
            voltage_v=PhaseValues(volts, round(volts + chance.gauss(0, 0.4), 1), round(volts - 0.6, 1), None),
            current_a=PhaseValues(r_a, s_a, t_a, None),
            active_power_kw=power_kw,
            apparent_power_kva=round(power_kw / factor, 3),
            power_factor=factor,
            energy_import_kwh=round(self.register_kwh, 3),
        )


def batches(rows: int) -> Iterator[list[PanelReading]]:
    """So many readings, ten instants a batch."""
    homes = {number + 1: Home(random.Random(number), 1000.0 * number) for number in range(_PANELS)}  # noqa: S311
    for first in range(0, rows // _PANELS, 10):
        instants = [_START + (first + place) * _EVERY for place in range(10)]
        yield [(panel_id, home.reading(at)) for at in instants for panel_id, home in homes.items()]


def fill(url: str, *, rows: int) -> None:
    """Writes the readings as ingest does."""
    with connect(url) as connection:
        writer = BatchWriter(connection)
        for batch in batches(rows):
            writer.write(batch)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE reading")


def compress(url: str) -> None:
    """Compresses everything, as `kilowatch work` does with what is old enough."""
    with psycopg.connect(url, autocommit=True) as connection:
        while connection.execute("SELECT compress_readings(%s, '10 s')", (_END,)).fetchone() != (None,):
            pass


def size(url: str, query: str) -> tuple[int, int]:
    """Bytes of the rows and of the indexes."""
    with psycopg.connect(url) as connection:
        ((rows_bytes, index_bytes),) = connection.execute(query.encode()).fetchall()
    return int(rows_bytes), int(index_bytes)


def measured(rows: int) -> Iterator[tuple[str, int, int]]:
    """Each way of keeping the readings, with the bytes of rows and of indexes."""
    with server() as url, database(url) as plain_url:
        fill(plain_url, rows=rows)
        yield "Postgres", *size(plain_url, _NATIVE)
    given = os.environ.get("KILOWATCH_TEST_DATABASE_URL")
    if not given or not _has_timescale(given):
        return
    with database(given) as url:
        fill(url, rows=rows)
        yield "TimescaleDB", *size(url, _HYPERTABLE)
        compress(url)
        yield "TimescaleDB, compressed", *size(url, _HYPERTABLE)


def _has_timescale(url: str) -> bool:
    with psycopg.connect(url) as connection:
        row = connection.execute("SHOW shared_preload_libraries").fetchone()
    return row is not None and "timescaledb" in row[0]


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m bench.disk", description=__doc__)
    parser.add_argument("--rows", type=int, default=500_000, help="readings to write")
    rows = parser.parse_args().rows // (10 * _PANELS) * 10 * _PANELS
    table = Table("kept in", "rows: bytes", "indexes: bytes", "together", title=f"a reading on disk, of {rows:,}")
    for name, rows_bytes, index_bytes in measured(rows):
        sizes = (rows_bytes / rows, index_bytes / rows, (rows_bytes + index_bytes) / rows)
        table.add_row(name, *(f"{value:.1f}" for value in sizes))
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
