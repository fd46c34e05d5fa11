"""The questions that apps ask most, over HTTP from 13 million readings, beside the servers that people would write.

`python -m bench.api [--days N] [--seconds N]`. 50 panels at 10 s for 30 days, and the sums of five years of one panel.
Every contender is a process of its own on the same database; they are asked in turns on one connection each, as fast
as they answer. CPU is that of the server's process for each request, and beside it that of Postgres' backends, which
is much the same for all. A ratio is to ours in the same run.
"""

import argparse
import http.client
import json
import socket
import statistics
import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psutil
import psycopg
from rich.console import Console
from rich.table import Table

from bench.api_data import POINTS, admin_token, load
from bench.api_servers import Server, servers
from bench.ingest import database, postgres
from bench.processes import cpu_s

_ROUNDS = 5
_HEADERS = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
_LATEST = "{ at activePowerKw energyImportKwh }"
_PANELS = {
    "Kilowatch": f"{{ panels(first: 50) {{ nodes {{ code name latestReading {_LATEST} }} }} }}",
    "plain Strawberry": f"{{ panels {{ code name latestReading {_LATEST} }} }}",
    "PostGraphile": "{ allPanels { nodes { code name at activePowerKw energyImportKwh } } }",
}
_SERIES = """
query ($since: DateTime!, $until: DateTime!) {
  panel(code: "P1") { readings(from: $since, to: $until%s) { %s } }
}"""
_DAY = {
    "plain Strawberry": """query ($since: DateTime!, $until: DateTime!) {
        readings(panelId: 1, since: $since, until: $until) { at activePowerKw energyImportKwh } }""",
    "PostGraphile": """query ($since: Datetime!, $until: Datetime!) {
        readings(panel: 1, since: $since, until: $until) { nodes { at activePowerKw energyImportKwh } } }""",
}
_VALUES = "activePowerKw energyImportKwh"


@dataclass(frozen=True, slots=True)
class Ask:
    """A question as one server is asked it; a GET where there is no body. `count` is how much an answer must have."""

    server: str
    name: str
    path: str
    body: bytes | None
    count: Callable[[Any], int]
    expected: int


@dataclass(slots=True)
class Measured:
    """What asking showed: CPU and Postgres' CPU of each round in ms a request, latencies in ms, bytes of an answer."""

    ask: Ask
    cpu_ms: list[float] = field(default_factory=list[float])
    database_ms: list[float] = field(default_factory=list[float])
    latencies_ms: list[float] = field(default_factory=list[float])
    size: int = 0

    @property
    def cpu(self) -> float:
        """CPU in ms a request, of the round in the middle."""
        return statistics.median(self.cpu_ms)


# Questions


def hello(names: Iterable[str]) -> list[Ask]:
    """The least that can be asked."""
    body = json.dumps({"query": "{ __typename }"}).encode()
    by_name = {"raw Starlette": ("/hello", None), "FastAPI + SQLAlchemy": ("/hello", None)}
    return [Ask(name, name, *by_name.get(name, (_path(name), body)), len, 1) for name in names]


def panels(names: Iterable[str]) -> list[Ask]:
    """50 panels, each with its latest reading."""

    def ask(name: str) -> Ask:
        if name not in _PANELS:
            return Ask(name, name, "/panels", None, lambda data: len(data["panels"]), 50)
        body = json.dumps({"query": _PANELS[name]}).encode()
        return Ask(name, name, _path(name), body, lambda data: len(_nodes(next(iter(data.values())))), 50)

    return [ask(name) for name in names]


def day(names: Iterable[str], until: datetime) -> list[Ask]:
    """A day of one panel at 10 s, whole: columns and objects, ours and raw; objects, the others."""
    period = {"since": (until - timedelta(days=1)).isoformat(), "until": until.isoformat()}

    def ask(name: str) -> list[Ask]:
        if name == "Kilowatch":
            return [
                _ours(f"{name}, columns with atMs", period, f"atMs {_VALUES}", lambda found: len(found["atMs"])),
                _ours(f"{name}, columns with at", period, f"at {_VALUES}", lambda found: len(found["at"])),
                _ours(f"{name}, objects", period, f"points {_LATEST}", lambda found: len(found["points"])),
            ]
        if name in _DAY:
            body = json.dumps({"query": _DAY[name], "variables": period}).encode()
            return [Ask(name, name, _path(name), body, lambda data: len(_nodes(data["readings"])), POINTS)]
        query = urlencode({"panel_id": 1, **period})
        objects = Ask(name, f"{name}, objects", f"/readings?{query}", None, lambda data: len(data["readings"]), POINTS)
        if name == "FastAPI + SQLAlchemy":
            return [objects]
        columns = Ask(
            name, f"{name}, columns", f"/columns?{query}", None, lambda data: len(data["readings"]["atMs"]), POINTS
        )
        return [columns, objects]

    return [one for name in names for one in ask(name)]


def charts(until: datetime) -> list[Ask]:
    """Ours alone: up to 600 points of ever longer periods, from whatever sums suit."""

    def ask(name: str, days: int, expected: int) -> Ask:
        period = {"since": (until - timedelta(days=days)).isoformat(), "until": until.isoformat()}
        fields = f"atMs {_VALUES}"
        return _ours(name, period, fields, lambda found: len(found["atMs"]), options=", maxPoints: 600", least=expected)

    return [ask("24 hours", 1, 288), ask("30 days", 30, 360), ask("1 year", 365, 365), ask("5 years", 1825, 365)]


def _ours(
    name: str,
    period: dict[str, str],
    fields: str,
    count: Callable[[Any], int],
    *,
    options: str = "",
    least: int = POINTS,
) -> Ask:
    body = json.dumps({"query": _SERIES % (options, fields), "variables": period}).encode()
    return Ask("Kilowatch", name, "/graphql", body, lambda data: count(data["panel"]["readings"]), least)


def _path(name: str) -> str:
    return "/graphql/" if name == "plain Strawberry" else "/graphql"


def _nodes(found: Any) -> list[Any]:
    return found["nodes"] if isinstance(found, dict) else found


# Asking


def asked(asks: Sequence[Ask], running: dict[str, Server], backends: "Backends", *, seconds: float) -> list[Measured]:
    """Every question checked once, and then asked in turns."""
    found = [Measured(ask) for ask in asks]
    for one in found:
        _check(one.ask, running[one.ask.server])
    for _ in range(_ROUNDS):
        for one in found:
            _round(one, running[one.ask.server], backends, seconds=seconds / _ROUNDS)
    return found


def _check(ask: Ask, server: Server) -> None:
    with _connected(server) as connection:
        for _ in range(10):  # plans and prepared statements are made for what is asked often
            content = _answer(ask, server, connection)
    answer = json.loads(content)
    assert "errors" not in answer, (ask.name, answer["errors"])
    assert (count := ask.count(answer["data"])) >= ask.expected, (ask.name, count)


def _round(one: Measured, server: Server, backends: "Backends", *, seconds: float) -> None:
    with _connected(server) as connection:
        _answer(one.ask, server, connection)
        requests, database_s, before_s = 0, backends.used_s(), cpu_s(server.process)
        ends_at = time.perf_counter() + seconds
        while (began_at := time.perf_counter()) < ends_at or not requests:
            one.size = len(_answer(one.ask, server, connection))
            one.latencies_ms.append((time.perf_counter() - began_at) * 1000)
            requests += 1
        one.cpu_ms.append((cpu_s(server.process) - before_s) * 1000 / requests)
        one.database_ms.append((backends.used_s() - database_s) * 1000 / requests)


@contextmanager
def _connected(server: Server) -> Generator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield connection


def _answer(ask: Ask, server: Server, connection: socket.socket) -> bytes:
    """The request goes in one packet: http.client would send the body in another, and make the server wake up twice."""
    body = ask.body or b""
    fields = {"Host": "127.0.0.1", **_HEADERS, **server.headers, "Content-Length": f"{len(body)}"}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    method = "GET" if ask.body is None else "POST"
    connection.sendall(f"{method} {ask.path} HTTP/1.1\r\n{head}\r\n".encode() + body)
    answer = http.client.HTTPResponse(connection, method=method)
    answer.begin()
    content = answer.read()
    assert answer.status == 200, (ask.name, content[:500])
    return content


@dataclass(slots=True)
class Backends:
    """The CPU of all backends of one database, those included that have ended."""

    connection: psycopg.Connection
    known: dict[int, float] = field(default_factory=dict[int, float])

    def used_s(self) -> float:
        """What they have used so far, in s."""
        rows = self.connection.execute("SELECT pid FROM pg_stat_activity WHERE datname = current_database()").fetchall()
        for (pid,) in rows:
            try:
                self.known[pid] = cpu_s(psutil.Process(pid))
            except psutil.NoSuchProcess:
                continue
        return sum(self.known.values())


# Showing


def shown(title: str, found: Sequence[Measured], *, beside: Measured) -> Table:
    """Every contender, and how its CPU and latency compare with ours."""
    table = Table(
        "server", "CPU ms", "CPU : ours", "Postgres CPU ms", "p50 ms", "p50 : ours", "bytes", title=title
    )  # fmt: skip
    own = statistics.median(beside.latencies_ms)
    for one in found:
        p50 = statistics.median(one.latencies_ms)
        table.add_row(
            one.ask.name, f"{one.cpu:.3f}", f"{one.cpu / beside.cpu:.2f}", f"{statistics.median(one.database_ms):.2f}",
            f"{p50:.2f}", f"{p50 / own:.2f}", f"{one.size:,}",
        )  # fmt: skip
    return table


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.api", description=__doc__)
    parser.add_argument("--days", type=float, default=30, help="of 50 panels at 10 s; 30, 13 million readings")
    parser.add_argument("--seconds", type=float, default=5, help="that each server is asked each question; 5")
    chosen = parser.parse_args()
    console = Console(width=140)
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory()))
        url = running.enter_context(database(running.enter_context(postgres())))
        rows, until = load(url, days=chosen.days)
        known = servers(folder, url, token=admin_token(url))
        found = {name: running.enter_context(serving) for name, serving in known.items()}
        backends = Backends(running.enter_context(psycopg.connect(url, autocommit=True)))

        def ask(asks: Sequence[Ask]) -> list[Measured]:
            return asked(asks, found, backends, seconds=chosen.seconds)

        console.print(shown("{ __typename }", results := ask(hello(found)), beside=results[0]))
        console.print(shown("50 panels with their latest readings", results := ask(panels(found)), beside=results[0]))
        results = ask(day(found, until))
        title = f"{POINTS:,} points of one panel from {rows:,} readings"
        console.print(shown(f"{title}, beside our columns", results, beside=results[0]))
        console.print(shown(f"{title}, beside our objects", results, beside=results[2]))
        console.print(shown("Charts of 600 points", results := ask(charts(until)), beside=results[0]))


if __name__ == "__main__":
    main()
