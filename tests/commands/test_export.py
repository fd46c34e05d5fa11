"""What is exported, imported into an empty database, gives the same rows."""

import gzip
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import Connection, sql
from pyarrow import parquet

from kilowatch.exporting.columns import columns_of
from kilowatch.exporting.command import run_export
from kilowatch.importing.run import ImportOptions, import_file
from metering.readings import PhaseValues, Reading, ReadingFlag
from metering.refusals import Refused
from metering.transfer import COLUMNS, ExportLevel, flags_text, format_of, parse_flags
from store.connections import Row, connect
from store.merge import BatchWriter
from store.transfer import Span
from tests.fixtures.database import cloned

START_AT = datetime(2026, 2, 28, 20, tzinfo=UTC)


@pytest.fixture
def filled(database_url: str) -> str:
    """Two panels with readings of every shape over the end of a month."""
    draw = random.Random(7)  # noqa: S311
    add_panels(database_url)
    with closing(connect(database_url)) as connection:
        BatchWriter(connection).write([(1 + n % 2, odd_reading(n, draw)) for n in range(400)])
    return database_url


def add_panels(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO panel (code, name, time_zone)"
            " VALUES ('B:1', 'B', 'Africa/Lagos'), ('a', 'A', 'Asia/Kathmandu')"
        )


def odd_reading(n: int, draw: random.Random) -> Reading:
    def perhaps(least: float, most: float) -> float | None:
        return None if draw.random() < 0.3 else draw.uniform(least, most)

    at = START_AT + timedelta(seconds=40 * n + n % 2)
    return Reading(
        at,
        at + timedelta(microseconds=draw.randrange(10**9)),
        PhaseValues(perhaps(0, 250), 224.7, perhaps(0, 1e6), None) if n % 3 else None,
        PhaseValues(perhaps(-50, 50), 1e-7, None, perhaps(0, 1)) if n % 5 else None,
        perhaps(-10, 10),
        perhaps(0, 10),
        perhaps(-1, 1),
        energy_import_kwh=100 + n / 7,
        energy_export_kwh=perhaps(0, 1),
        voltage_unbalance=perhaps(0, 1),
        current_unbalance=perhaps(0, 1000),
        flags=draw.choice([ReadingFlag(0), ReadingFlag.LATE, ReadingFlag.ARRIVAL_TIME | ReadingFlag.CORRECTED]),
    )


@pytest.fixture
def empty_url(server_url: str, server: Connection[Row], template: sql.Identifier) -> Iterator[str]:
    with cloned(server_url, server, template) as url:
        yield url


def export(url: str, path: Path, **options: Any) -> None:
    run_export(
        url,
        str(path),
        codes=options.get("codes"),
        span=Span(options.get("since"), options.get("until")),
        file_format=format_of(path.name),
        level=options.get("level", ExportLevel.READINGS),
    )


def stored(url: str) -> list[list[Row]]:
    """Everything that is known of readings, by panel; batches and ids apart, and bits as they are."""
    tables = ["reading", "rollup_five_minutes", "rollup_hour", "rollup_day", "register_event"]
    rows = "SELECT code, to_jsonb(r) - 'batch_id' - 'panel_id' FROM {} r JOIN panel ON id = panel_id ORDER BY 1, 2"
    with psycopg.connect(url) as connection:
        return [connection.execute(rows.format(table).encode()).fetchall() for table in tables]


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.jsonl", "a.parquet"])
def test_an_export_imported_into_an_empty_database_gives_the_same_rows(
    filled: str, empty_url: str, tmp_path: Path, name: str
) -> None:
    add_panels(empty_url)
    export(filled, tmp_path / name)
    found = import_file(empty_url, str(tmp_path / name), ImportOptions(format_of(name), {}), tell=lambda _: None)
    assert (found.progress.new_count, found.rejected_codes) == (400, {})
    assert stored(empty_url) == stored(filled)
    again = ImportOptions(format_of(name), {}, is_restart=True)
    assert import_file(empty_url, str(tmp_path / name), again, tell=lambda _: None).progress.new_count == 0
    assert stored(empty_url) == stored(filled)


def test_rows_have_the_columns_of_the_one_shape_and_their_panels_offset(filled: str, tmp_path: Path) -> None:
    export(filled, tmp_path / "a.csv")
    header, *lines = (tmp_path / "a.csv").read_text().splitlines()
    assert header == ",".join(COLUMNS)
    assert lines[0].startswith("B:1,2026-02-28T21:00:00+01:00,100,")
    assert lines[200].startswith("a,2026-03-01T01:45:41+05:45,")
    assert sum(line.startswith("a,") for line in lines) == 200


def test_a_span_is_half_open_and_panels_are_chosen(filled: str, tmp_path: Path) -> None:
    since, until = START_AT + timedelta(seconds=80), START_AT + timedelta(seconds=240)
    export(filled, tmp_path / "a.csv", codes=["B:1"], since=since, until=until)
    lines = (tmp_path / "a.csv").read_text().splitlines()[1:]
    assert [line.split(",")[1] for line in lines] == ["2026-02-28T21:01:20+01:00", "2026-02-28T21:02:40+01:00"]
    with pytest.raises(Refused, match="PANEL_NOT_FOUND"):
        export(filled, tmp_path / "b.csv", codes=["B:1", "none"])
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_every_level_is_exported_with_its_columns(filled: str, tmp_path: Path) -> None:
    for name, count in {"readings": 400, "five-minutes": 108, "hour": 10, "day": 3, "month": 3}.items():
        level = ExportLevel(name)
        for ending in ("csv", "parquet"):
            export(filled, tmp_path / f"{name}.{ending}", level=level)
        header, *lines = (tmp_path / f"{name}.csv").read_text().splitlines()
        assert (header, len(lines)) == (",".join(columns_of(level)), count)
        table = parquet.read_table(tmp_path / f"{name}.parquet")
        assert (table.column_names, table.num_rows) == (list(columns_of(level)), count)


def test_an_empty_database_gives_files_without_rows(database_url: str, tmp_path: Path) -> None:
    for name in ("a.csv", "a.jsonl", "a.parquet"):
        export(database_url, tmp_path / name)
    assert (tmp_path / "a.csv").read_text() == ",".join(COLUMNS) + "\n"
    assert (tmp_path / "a.jsonl").read_bytes() == b""
    assert parquet.read_table(tmp_path / "a.parquet").num_rows == 0


def test_flags_are_told_by_the_same_names_everywhere(filled: str, tmp_path: Path) -> None:
    every = ReadingFlag(2 * max(ReadingFlag) - 1)
    with psycopg.connect(filled, autocommit=True) as connection:
        connection.execute("UPDATE reading SET flags = %s", (int(every),))
    export(filled, tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text().splitlines()[1].endswith("," + flags_text(every))
    assert parse_flags(flags_text(every)) == every
    assert parse_flags(str(int(every))) == every


def test_the_command_writes_to_a_pipe_and_to_compressed_files(filled: str, tmp_path: Path) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[bytes]:
        environment = {"DATABASE_URL": filled, "PATH": os.environ["PATH"]}
        command = [sys.executable, "-m", "kilowatch", "export", *words]
        return subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False)

    piped = run("--panel", "a", "--from", "2026-03-01T00:00Z")
    assert (piped.returncode, piped.stdout.count(b"\n")) == (0, 21), piped.stderr
    assert b"20 rows written" in piped.stderr
    assert run("-o", str(tmp_path / "a.jsonl.gz")).returncode == 0
    assert gzip.decompress((tmp_path / "a.jsonl.gz").read_bytes()).count(b"\n") == 400
    refused = run("-o", "readings.txtt")
    assert refused.returncode == 1
    assert b"BAD_FORMAT" in refused.stderr
    assert b"accepted" in run("--from", "2026-03-01").stderr
    backwards = run("--from", "2026-03-02T00:00Z", "--to", "2026-03-01T00:00Z")
    assert (backwards.returncode, backwards.stdout) == (1, b"")
    assert b"is not before --to" in backwards.stderr
