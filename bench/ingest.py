"""Ingest end to end, from PUBLISH to a committed row with its rollups, beside one INSERT a message.

`python -m bench.ingest [--messages N]`. Publisher, broker, ingest and Postgres share this machine's cores. Latency is
from the publisher's write to the NOTIFY that follows the COMMIT, without the first fifth of the messages. CPU is what
the ingest process, its Postgres backend and the broker used, a message; the ratio is to the better baseline run.
"""

import argparse
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import psutil
import psycopg
from psycopg import conninfo, sql
from rich.console import Console
from rich.table import Table

from bench.publisher import Prepared, Published, prepared, publish
from kilowatch.embedded.broker import EmbeddedBroker
from kilowatch.embedded.postgres import EmbeddedPostgres
from store.migrations import migrate

Found = TypeVar("Found")

_BASELINE = "one INSERT a message"
_ZONE = "Asia/Jakarta"
_PANELS = 500
_PATIENCE_S = 60.0
_PATH = f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin"  # where Debian puts mosquitto
_OURS = """
import sys, uvloop
from ingest.service import run
uvloop.run(run(database_url=sys.argv[1], mqtt_url=sys.argv[2], default_time_zone=sys.argv[3],
               connections=int(sys.argv[4])))
"""


@dataclass(frozen=True, slots=True)
class Broker:
    """A running broker: ingest speaks MQTT 5 to it, the publisher 3.1.1."""

    name: str
    url: str
    port_v311: int
    pid: int


@dataclass(frozen=True, slots=True)
class Measured:
    """One run; times in ms, CPU in us a message."""

    rate: float
    p50_ms: float | None
    p99_ms: float | None
    ingest_us: float
    postgres_us: float
    broker_us: float


def sample(count: int) -> tuple[Prepared, datetime]:
    """Full panel messages, one a panel and second of a clock that runs ahead from yesterday; and its first second."""
    start = (datetime.now(UTC) - timedelta(days=1)).replace(microsecond=0)
    return prepared(_message(number, start) for number in range(count)), start


def _message(number: int, start: datetime) -> tuple[str, bytes]:
    second, panel = divmod(number, _PANELS)
    at = (start + timedelta(seconds=second)).astimezone(ZoneInfo(_ZONE))
    a, b = number * 7919 % 97, number * 104_729 % 89
    payload = (
        f'{{"status":"OK","data":{{"v":[22{a % 10}.{b % 10},224.7,223.{a % 10},149.8],"i":[0.{b},0.99,0.58,0.03],'
        f'"kw":"0.{a}","kVA":"0.46","kWh":"{150 + second / 100:.2f}","pf":0.86,"vunbal":0.01,"iunbal":0.047,'
        f'"time":"{at:%Y-%m-%d %H:%M:%S}"}}}}'
    )
    return f"DATA/PM/P{panel + 1}", payload.encode()


@contextmanager
def database(server_url: str) -> Generator[str]:
    """A fresh database with the panels P1 to P500, whose ids are their numbers."""
    parts = conninfo.conninfo_to_dict(server_url)
    name = f"kilowatch_bench_{secrets.token_hex(4)}"
    password = f":{parts['password']}" if parts.get("password") else ""
    url = f"postgresql://{parts['user']}{password}@{parts['host']}:{parts['port']}/{name}"
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        migrate(url)
        with psycopg.connect(url) as connection:
            connection.execute(
                "INSERT INTO panel (code, name, time_zone) SELECT 'P' || n, 'P' || n, %s FROM generate_series(1, %s) n",
                (_ZONE, _PANELS),
            )
        try:
            yield url
        finally:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def embedded() -> Generator[Broker]:
    with EmbeddedBroker() as broker:
        pid = broker.pid
        assert pid is not None
        yield Broker("embedded broker", broker.url, urlsplit(broker.url_v311).port or 0, pid)


@contextmanager
def mosquitto() -> Generator[Broker]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "mosquitto.conf")
        config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n")
        process = subprocess.Popen(
            [shutil.which("mosquitto", path=_PATH) or "mosquitto", "-c", config], stderr=subprocess.DEVNULL
        )
        try:
            _until(lambda: _listens(port))
            yield Broker("mosquitto", f"mqtt://127.0.0.1:{port}", port, process.pid)
        finally:
            process.terminate()
            process.wait()


@contextmanager
def ours(database_url: str, broker: Broker, *, connections: int = 1) -> Generator[psutil.Popen]:
    """The ingest of this project, as its command runs it, once it is connected."""
    arguments = [sys.executable, "-c", _OURS, database_url, broker.url, _ZONE, str(connections)]
    with _process(arguments) as process, psycopg.connect(database_url, autocommit=True) as connection:
        _until(lambda: connection.execute("SELECT is_connected FROM ingest_status").fetchone() == (True,))
        yield process


@contextmanager
def one_insert(database_url: str, broker: Broker) -> Generator[psutil.Popen]:
    """The baseline, once it is subscribed. It has no partitions made for it, so they are made here."""
    with psycopg.connect(database_url) as connection:
        connection.execute("SELECT ensure_reading_partitions(now() - interval '2 days', now())")
    url = urlsplit(broker.url)
    script = Path(__file__).parent / "peers" / "ingest_one_insert.py"
    arguments = [sys.executable, str(script), database_url, "127.0.0.1", str(url.port), _ZONE]
    with _process(arguments, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"subscribed\n"
        yield process


@contextmanager
def _process(arguments: list[str], *, stdout: int | None = None) -> Generator[psutil.Popen]:
    process = psutil.Popen(arguments, stdout=stdout)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)


Subscriber = Callable[[str, Broker], AbstractContextManager[psutil.Popen]]


@contextmanager
def commits(database_url: str) -> Generator[dict[int, float]]:
    """When each batch was told (s since 1970), taken down by a thread of its own while the block runs."""
    told_s: dict[int, float] = {}
    ending = threading.Event()
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("LISTEN reading")

        def listen() -> None:
            while not ending.is_set():
                for notice in connection.notifies(timeout=0.1):
                    told_s[int(notice.payload)] = time.time()

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield told_s
        finally:
            ending.set()
            thread.join()


def measure(server_url: str, broker: Broker, *, subscriber: Subscriber, count: int, rate: float | None) -> Measured:
    """One run on a database of its own: `count` messages at `rate` a second, or as fast as the broker takes them."""
    messages, start = sample(count)
    with (
        database(server_url) as url,
        subscriber(url, broker) as process,
        commits(url) as told_s,
        psycopg.connect(url, autocommit=True) as connection,
    ):
        programs = [process, psutil.Process(broker.pid)]
        before_s = [_cpu_s(program) for program in programs]
        published = publish(broker.port_v311, messages, rate=rate)
        _until(lambda: _stored(connection, is_counted=subscriber is not one_insert) >= count)
        ended_s = max(told_s.values(), default=time.time())
        ingest_s, broker_s = (_cpu_s(program) - cpu_s for program, cpu_s in zip(programs, before_s, strict=True))
        postgres_s = _cpu_s(_backend(connection))
        latencies_ms = sorted(_latencies_ms(connection, published, told_s=told_s, start=start, count=count))
    took_s = ended_s - published.marks[0][1]
    spent_us = [cpu_s / count * 1e6 for cpu_s in (ingest_s, postgres_s, broker_s)]
    return Measured(count / took_s, _quantile(latencies_ms, 0.5), _quantile(latencies_ms, 0.99), *spent_us)


def _backend(connection: psycopg.Connection) -> psutil.Process:
    """The Postgres process that serves the subscriber, since its first message."""
    query = (
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'kilowatch ingest' AND datname = current_database()"
    )
    ((pid,),) = connection.execute(query).fetchall()
    return psutil.Process(pid)


def _cpu_s(process: psutil.Process) -> float:
    used = process.cpu_times()
    return used.user + used.system


def _stored(connection: psycopg.Connection, *, is_counted: bool) -> int:
    query = "SELECT reading_count FROM ingest_status" if is_counted else "SELECT count(*) FROM reading"
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def _latencies_ms(
    connection: psycopg.Connection, published: Published, *, told_s: dict[int, float], start: datetime, count: int
) -> Iterator[float]:
    query = "SELECT batch_id, extract(epoch FROM at - %s)::integer * %s + panel_id - 1 FROM reading WHERE batch_id > 0"
    for batch_id, number in connection.execute(query, (start, _PANELS)):
        if number >= count / 5:
            yield (told_s[batch_id] - published.sent_at_s(number)) * 1000


def _quantile(ordered: list[float], share: float) -> float | None:
    return ordered[int(len(ordered) * share)] if ordered else None


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _until(look: Callable[[], Found]) -> Found:
    ends_at = time.monotonic() + _PATIENCE_S
    while not (found := look()):
        if time.monotonic() > ends_at:
            raise TimeoutError("the benchmark waits in vain")
        time.sleep(0.02)
    return found


def runs(count: int) -> Iterator[tuple[str, Subscriber, int, float | None]]:
    """Who subscribes, how many messages, how many a second. The baseline runs twice, because machines vary."""
    yield _BASELINE, one_insert, max(count // 40, 1000), None
    yield "Kilowatch", ours, count // 2, 5000
    yield "Kilowatch", ours, count, 10_000
    yield "Kilowatch", ours, count, None
    yield _BASELINE, one_insert, max(count // 40, 1000), None


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.ingest", description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000, help="of the longest runs")
    count = parser.parse_args().messages
    console = Console(width=120)
    brokers = [embedded, mosquitto] if shutil.which("mosquitto", path=_PATH) else [embedded]
    if len(brokers) == 1:
        console.print("mosquitto is not installed and left out: apt-get install mosquitto")
    with postgres() as server_url:
        for broker in brokers:
            with broker() as running:
                console.print(_table(server_url, running, count=count))


def _table(server_url: str, broker: Broker, *, count: int) -> Table:
    columns = ("offered msg/s", "committed msg/s", "p50 ms", "p99 ms", "ingest us", "Postgres us", "broker us", "ratio")
    table = Table("subscriber", *columns, title=f"ingest: publish to committed row, {broker.name}, {_PANELS} panels")
    measured = [
        (name, rate, measure(server_url, broker, subscriber=subscriber, count=messages, rate=rate))
        for name, subscriber, messages, rate in runs(count)
    ]
    baseline = max(run.rate for name, _, run in measured if name == _BASELINE)
    for name, rate, run in measured:
        table.add_row(name, f"{rate:,.0f}" if rate else "all at once", *_cells(run), f"{run.rate / baseline:.1f}")
    return table


def _cells(measured: Measured) -> list[str]:
    latencies = [f"{ms:.1f}" if ms is not None else "-" for ms in (measured.p50_ms, measured.p99_ms)]
    spent = [f"{us:.0f}" for us in (measured.ingest_us, measured.postgres_us, measured.broker_us)]
    return [f"{measured.rate:,.0f}", *latencies, *spent]


@contextmanager
def postgres() -> Generator[str]:
    """The server that KILOWATCH_TEST_DATABASE_URL names, or an embedded one of our own."""
    given = os.environ.get("KILOWATCH_TEST_DATABASE_URL")
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder)) as server:
        yield server.url


if __name__ == "__main__":
    main()
