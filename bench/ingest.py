"""Ingest end to end, from PUBLISH to a committed row with its rollups, beside subscribers as they are usually written.

`python -m bench.ingest [--seconds N]`. Publisher, broker, subscriber and database share this machine's cores. Latency
is from the publisher's write to the NOTIFY that follows the COMMIT, without the first fifth of the messages. A rate is
sustained when no more messages wait at the end than at half time. CPU is a message's share of what the subscriber, its
Postgres backends, the broker and the benchmark itself (publisher, listener) used. A ratio is to that peer in the run.
"""

import argparse
import os
import secrets
import tempfile
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import psutil
import psycopg
from psycopg import conninfo, sql
from rich.console import Console
from rich.table import Table

from bench.brokers import Broker, brokers
from bench.processes import cpu_s
from bench.publisher import Prepared, Published, prepared, publish
from bench.subscribers import ZONE, Running, Subscriber, subscribers
from bench.waiting import until
from kilowatch.embedded.postgres import EmbeddedPostgres
from store.migrations import migrate

_PANELS = 500
_RATES = {"mosquitto": (12_500, 25_000, 40_000), "embedded broker": (5000, 10_000)}
_AT_ONCE = {"mosquitto": 400_000, "embedded broker": 100_000}
_PEERS_MESSAGES = 12_000


@dataclass(frozen=True, slots=True)
class Plan:
    """One run: who stores how many messages, how many a second, None for as fast as the broker takes them.

    `has_devices`: each panel is of a registered device, whose right to say so is checked with each message.
    """

    subscriber: Subscriber
    count: int
    rate: int | None
    has_devices: bool = False


@dataclass(frozen=True, slots=True)
class Measured:
    """What a run showed; times in ms, CPU in us a message, `waiting` messages at half time and at the end."""

    rate: float
    waiting: tuple[int, int] | None
    p50_ms: float | None
    p99_ms: float | None
    spent_us: tuple[float, ...]


def sample(count: int) -> tuple[Prepared, datetime]:
    """Full panel messages, one a panel and second of a clock that runs ahead from yesterday; and its first second."""
    start = (datetime.now(UTC) - timedelta(days=1)).replace(microsecond=0)
    return prepared(_messages(count, start)), start


def _messages(count: int, start: datetime) -> Iterator[tuple[str, bytes]]:
    for second in range(-(-count // _PANELS)):
        at = f"{(start + timedelta(seconds=second)).astimezone(ZoneInfo(ZONE)):%Y-%m-%d %H:%M:%S}"
        for panel in range(min(_PANELS, count - second * _PANELS)):
            yield _message(second, panel, at)


def _message(second: int, panel: int, at: str) -> tuple[str, bytes]:
    number = second * _PANELS + panel
    a, b = number * 7919 % 97, number * 104_729 % 89
    payload = (
        f'{{"status":"OK","data":{{"v":[22{a % 10}.{b % 10},224.7,223.{a % 10},149.8],"i":[0.{b},0.99,0.58,0.03],'
        f'"kw":"0.{a}","kVA":"0.46","kWh":"{150 + second / 100:.2f}","pf":0.86,"vunbal":0.01,"iunbal":0.047,'
        f'"time":"{at}"}}}}'
    )
    return f"DATA/PM/P{panel + 1}", payload.encode()


_REGISTER = """
INSERT INTO registered_device (id, kind, name, panel_codes, panel_prefixes, publish_filters, command_filters)
SELECT 'dev_' || translate(lpad(id::text, 16, '0'), '0123456789', 'abcdefghij'), 'PM', code, ARRAY[code], '{}',
       ARRAY['DATA/PM/' || code], '{}'
FROM panel"""


@contextmanager
def database(server_url: str, *, has_devices: bool = False) -> Generator[str]:
    """A fresh database with the panels P1 to P500, whose ids are their numbers; `has_devices`: each of a device."""
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
                (ZONE, _PANELS),
            )
            if has_devices:
                connection.execute(_REGISTER)
        try:
            yield url
        finally:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def postgres() -> Generator[str]:
    """The server that KILOWATCH_TEST_DATABASE_URL names, or an embedded one of our own."""
    given = os.environ.get("KILOWATCH_TEST_DATABASE_URL")
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder)) as server:
        try:
            yield server.url
        finally:
            server.erase()


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


def measure(server_url: str, broker: Broker, plan: Plan, *, messages: Prepared, start: datetime) -> Measured:
    """One run on a database of its own."""
    with (
        database(server_url, has_devices=plan.has_devices) as url,
        plan.subscriber.start(url, broker) as running,
        commits(url) as told_s,
        psycopg.connect(url, autocommit=True) as connection,
    ):
        cpu = _Cpu(running, broker, connection, has_postgres=plan.subscriber.has_postgres)
        published = publish(broker.port_v311, messages.first(plan.count), rate=plan.rate)
        until(lambda: running.stored(connection) >= plan.count)
        ended_s = time.time()
        spent_us = cpu.spent_us(plan.count)
        ended_s = max(told_s.values(), default=ended_s)
        rate = plan.count / (ended_s - published.marks[0][1])
        if not plan.subscriber.is_ours:
            return Measured(rate, None, None, None, spent_us)
        waiting = _waiting(connection, published, told_s=told_s, count=plan.count)
        latencies_ms = sorted(_latencies_ms(connection, published, told_s=told_s, start=start, count=plan.count))
    return Measured(rate, waiting, _quantile(latencies_ms, 0.5), _quantile(latencies_ms, 0.99), spent_us)


class _Cpu:
    """What the processes of a run have used since this was made."""

    def __init__(self, running: Running, broker: Broker, connection: psycopg.Connection, *, has_postgres: bool) -> None:
        self._programs = [running.process, psutil.Process(broker.pid), psutil.Process()]
        self._before_s = [cpu_s(program) for program in self._programs]
        self._connection = connection if has_postgres else None

    def spent_us(self, count: int) -> tuple[float, ...]:
        """Subscriber, Postgres, broker, benchmark; backends of the subscriber began with the run."""
        spent_s = [cpu_s(one) - before_s for one, before_s in zip(self._programs, self._before_s, strict=True)]
        subscriber_s, *others_s = spent_s
        return tuple(used_s / count * 1e6 for used_s in (subscriber_s, self._postgres_s(), *others_s))

    def _postgres_s(self) -> float:
        if self._connection is None:
            return 0.0
        query = (
            "SELECT pid FROM pg_stat_activity "
            "WHERE application_name = 'kilowatch ingest' AND datname = current_database()"
        )
        return sum(cpu_s(psutil.Process(pid)) for (pid,) in self._connection.execute(query).fetchall())


def _waiting(
    connection: psycopg.Connection, published: Published, *, told_s: dict[int, float], count: int
) -> tuple[int, int]:
    """How many messages were sent and not committed when half of them was sent, and when all were."""
    batches = connection.execute("SELECT batch_id, count(*) FROM reading WHERE batch_id > 0 GROUP BY 1").fetchall()
    moments_s = published.sent_at_s(count // 2), published.sent_at_s(count - 1)
    stored = [sum(size for number, size in batches if told_s[number] <= moment_s) for moment_s in moments_s]
    return count // 2 - stored[0], count - stored[1]


def _latencies_ms(
    connection: psycopg.Connection, published: Published, *, told_s: dict[int, float], start: datetime, count: int
) -> Iterator[float]:
    query = "SELECT batch_id, extract(epoch FROM at - %s)::integer * %s + panel_id - 1 FROM reading WHERE batch_id > 0"
    for batch_id, number in connection.execute(query, (start, _PANELS)):
        if number >= count / 5:
            yield (told_s[batch_id] - published.sent_at_s(number)) * 1000


def _quantile(ordered: list[float], share: float) -> float | None:
    return ordered[int(len(ordered) * share)] if ordered else None


def plans(found: Sequence[Subscriber], broker: str, *, seconds: float) -> Iterator[Plan]:
    """The peers, ourselves at each rate for so long, and as fast as it goes: without registered devices, and with."""
    ourselves, *peers = found
    for peer in peers:
        yield Plan(peer, _PEERS_MESSAGES, None)
    for rate in _RATES[broker]:
        yield Plan(ourselves, int(rate * seconds), rate)
    for has_devices in (False, True):
        yield Plan(ourselves, _AT_ONCE[broker], None, has_devices=has_devices)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.ingest", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="that each rate is offered")
    seconds = parser.parse_args().seconds
    console = Console(width=150)
    most = max(*_AT_ONCE.values(), *(int(rate * seconds) for rates in _RATES.values() for rate in rates))
    messages, start = sample(most)
    with tempfile.TemporaryDirectory() as folder, postgres() as server_url:
        found = subscribers(Path(folder))
        for broker in brokers():
            with broker() as running:
                chosen = plans(found, running.name, seconds=seconds)
                measured = [
                    (plan, measure(server_url, running, plan, messages=messages, start=start)) for plan in chosen
                ]
            console.print(_table(running.name, measured))


def _table(broker: str, measured: Sequence[tuple[Plan, Measured]]) -> Table:
    peers = {plan.subscriber.name: run.rate for plan, run in measured if not plan.subscriber.is_ours}
    columns = (
        "offered/s",
        "committed/s",
        "waiting at half, end",
        "p50 ms",
        "p99 ms",
        "CPU us: own, SQL, broker, bench",
    )
    ratios = [f"x {name}" for name in peers]
    title = f"ingest: PUBLISH to committed row, {broker}, {_PANELS} panels"
    table = Table("subscriber", *columns, *ratios, title=title)
    for plan, run in measured:
        against = [f"{run.rate / rate:.1f}" for rate in peers.values()]
        offered = f"{plan.rate:,}" if plan.rate else "all at once"
        name = f"{plan.subscriber.name}, registered devices" if plan.has_devices else plan.subscriber.name
        table.add_row(name, offered, *_cells(run), *against)
    return table


def _cells(measured: Measured) -> list[str]:
    waiting = "{:,}, {:,}".format(*measured.waiting) if measured.waiting else "-"
    latencies = [f"{ms:.1f}" if ms is not None else "-" for ms in (measured.p50_ms, measured.p99_ms)]
    return [f"{measured.rate:,.0f}", waiting, *latencies, ", ".join(f"{us:.0f}" for us in measured.spent_us)]


if __name__ == "__main__":
    main()
