"""Turns whoever stores messages, ourselves and our peers, into running processes for bench/ingest.py.

What the peers need is installed from their registries into a folder that goes away with the benchmark.
"""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import psycopg

from bench.brokers import Broker
from bench.processes import has_python_packages, installed_node
from bench.waiting import until

ZONE, ZONE_OFFSET = "Asia/Jakarta", "+07:00"
_PEERS = Path(__file__).parent / "peers"
_NPM_PACKAGES = ("mqtt@5", "pg@8")
_PIP_PACKAGES = ("sqlalchemy>=2,<3",)


@dataclass(frozen=True, slots=True)
class Running:
    """A subscriber that waits for messages: its process, and how many it has stored."""

    process: psutil.Popen
    stored: Callable[[psycopg.Connection], int]


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Somebody who stores messages; `start` takes a database's URL and a broker."""

    name: str
    start: Callable[[str, Broker], AbstractContextManager[Running]]
    is_ours: bool = False
    has_postgres: bool = True


def subscribers(folder: Path) -> list[Subscriber]:
    """Kilowatch first; a peer whose packages cannot be had here is left out, with a line that says so."""
    found = [
        Subscriber("Kilowatch", ours, is_ours=True),
        Subscriber("psycopg", one_insert),
    ]
    if program := installed_node(folder, _NPM_PACKAGES, who="The Node peer"):
        found.append(Subscriber("Node + pg", partial(node_insert, program=program, modules=folder)))
    if has_python_packages(folder / "python", _PIP_PACKAGES, who="The SQLAlchemy peer"):
        start = partial(sqlalchemy_sqlite, packages=folder / "python")
        found.append(Subscriber("SQLAlchemy", start, has_postgres=False))
    return found


@contextmanager
def ours(database_url: str, broker: Broker) -> Generator[Running]:
    """The ingest of this project, as its command runs it, once it is connected."""
    arguments = [sys.executable, "-m", "bench.subscriber", database_url, broker.url, ZONE]
    with _process(arguments) as process, psycopg.connect(database_url, autocommit=True) as connection:
        until(lambda: connection.execute("SELECT is_connected FROM ingest_status").fetchone() == (True,))
        yield Running(process, _counted)


@contextmanager
def one_insert(database_url: str, broker: Broker) -> Generator[Running]:
    """A subscriber as it is usually written in Python, once it is subscribed."""
    _make_partitions(database_url)
    script = str(_PEERS / "ingest_one_insert.py")
    arguments = [sys.executable, script, database_url, "127.0.0.1", str(broker.port), ZONE]
    with _subscribed(arguments) as process:
        yield Running(process, _rows)


@contextmanager
def node_insert(database_url: str, broker: Broker, *, program: str, modules: Path) -> Generator[Running]:
    """A subscriber as it is usually written for Node, once it is subscribed."""
    _make_partitions(database_url)
    arguments = [program, str(_PEERS / "ingest_node.cjs"), database_url, str(broker.port_v311), ZONE_OFFSET]
    with _subscribed(arguments, environment={"NODE_PATH": str(modules / "node_modules")}) as process:
        yield Running(process, _rows)


@contextmanager
def sqlalchemy_sqlite(database_url: str, broker: Broker, *, packages: Path) -> Generator[Running]:
    """A subscriber that keeps its readings in a SQLite file, once it is subscribed."""
    file = packages / f"{urlsplit(database_url).path.strip('/')}.sqlite"
    script = str(_PEERS / "ingest_sqlalchemy.py")
    arguments = [sys.executable, script, str(file), str(broker.port), ZONE]
    with _subscribed(arguments, environment={"PYTHONPATH": str(packages)}) as process:
        yield Running(process, lambda _connection: _rows_of_file(file))


def _counted(connection: psycopg.Connection) -> int:
    return _number(connection, "SELECT reading_count FROM ingest_status")


def _rows(connection: psycopg.Connection) -> int:
    return _number(connection, "SELECT count(*) FROM reading")


def _number(connection: psycopg.Connection, query: str) -> int:
    row = connection.execute(query).fetchone()  # pyright: ignore[reportArgumentType, reportCallIssue]
    assert row is not None
    return row[0]


def _rows_of_file(file: Path) -> int:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute("SELECT count(*) FROM reading").fetchone()[0]


def _make_partitions(database_url: str) -> None:
    """Peers have nobody who makes them."""
    with psycopg.connect(database_url) as connection:
        connection.execute("SELECT ensure_reading_partitions(now() - interval '2 days', now())")


@contextmanager
def _subscribed(arguments: list[str], *, environment: Mapping[str, str] | None = None) -> Generator[psutil.Popen]:
    with _process(arguments, stdout=subprocess.PIPE, environment=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"subscribed\n"
        yield process


@contextmanager
def _process(
    arguments: list[str], *, stdout: int | None = None, environment: Mapping[str, str] | None = None
) -> Generator[psutil.Popen]:
    process = psutil.Popen(arguments, stdout=stdout, env={**os.environ, **(environment or {})})
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()
