"""A day of one panel at 10 s, 8,640 points, over HTTP from a real database, beside plain Strawberry and no GraphQL.

`python -m bench.series [--days N]`. 50 panels' rows are loaded in the order of time; the servers are asked in turns,
one request at a time. CPU is what the server process used; the database's is the same for all and not counted.
"""

import argparse
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import psycopg
from rich.console import Console
from rich.table import Table

from bench.ingest import database, postgres
from kilowatch.web.tokens import Tokens

_PANELS = 50
_EVERY_S = 10
_POINTS = 86_400 // _EVERY_S
_ROUNDS = 5
_KEY = "k" * 32
_PEERS = Path(__file__).with_name("peers")
_OURS = """
import sys
from kilowatch.serve import application
from kilowatch.settings import Settings
from kilowatch.web.serve import run
app = application(Settings(database_url=sys.argv[2], graphiql=False), key=sys.argv[3].encode())
run(app, host="127.0.0.1", port=int(sys.argv[1]))
"""
_QUERY = """
query ($since: DateTime!, $until: DateTime!) {
  panel(code: "P1") { readings(from: $since, to: $until) { %s activePowerKw energyImportKwh } }
}"""
_PLAIN_QUERY = """
query ($since: DateTime!, $until: DateTime!) {
  readings(panelId: 1, since: $since, until: $until) { at activePowerKw energyImportKwh }
}"""

_LOAD = """
INSERT INTO reading (panel_id, at, received_at, batch_id, voltage_r_v, active_power_kw, energy_import_kwh)
SELECT panel, at, at, 1, 224.7, round((1 + 0.5 * sin(second / 600.0) + panel / 100.0)::numeric, 3),
       round((second / 3600.0)::numeric, 3)
FROM generate_series(0, %(seconds)s, %(every_s)s) AS second,
     LATERAL (SELECT %(since)s::timestamptz + second * interval '1 second' AS at) AS instant,
     generate_series(1, %(panels)s) AS panel"""
_ROLL_UP = """
INSERT INTO rollup_five_minutes (panel_id, starts_at, reading_count, energy_kwh, export_kwh, power_count, power_sum_kw,
                                 factor_count, factor_sum, first_at, last_at)
SELECT panel_id, date_bin('5 minutes', at, 'epoch'), count(*), 0, 0, count(*), sum(active_power_kw), 0, 0,
       min(at), max(at)
FROM reading WHERE panel_id = 1 GROUP BY 1, 2"""


@dataclass(slots=True)
class Contender:
    """A server and how it is asked."""

    name: str
    path: str
    body: bytes
    count_points: Callable[[Any], int]
    requests: int
    headers: dict[str, str] = field(default_factory=dict)
    port: int = 0
    process: psutil.Process | None = None
    cpu_ms: list[float] = field(default_factory=list)
    latencies_ms: list[float] = field(default_factory=list)
    size: int = 0

    def run(self) -> None:
        """One round: so many requests on one connection; the first one is not counted."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        self.ask(connection)
        assert self.process is not None
        before_s = _cpu_s(self.process)
        for _ in range(self.requests):
            began_s = time.perf_counter()
            self.size = len(self.ask(connection))
            self.latencies_ms.append((time.perf_counter() - began_s) * 1000)
        self.cpu_ms.append((_cpu_s(self.process) - before_s) * 1000 / self.requests)
        connection.close()

    def ask(self, connection: http.client.HTTPConnection) -> bytes:
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity", **self.headers}
        connection.request("POST", self.path, self.body, headers)
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status == 200, content[:500]
        return content

    def check(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        answer = json.loads(self.ask(connection))
        assert "errors" not in answer, answer["errors"]
        assert self.count_points(answer["data"]) == _POINTS, self.count_points(answer["data"])


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


@contextmanager
def serving(contender: Contender, arguments: list[str], url: str) -> Generator[None]:
    """Starts a contender as a process of its own; its arguments are a program, the port, and what ours needs more."""
    contender.port = _free_port()
    command = [sys.executable, *(str(contender.port) if part == "PORT" else part for part in arguments)]
    with subprocess.Popen(command, env={**os.environ, "DATABASE_URL": url}) as child:
        try:
            contender.process = psutil.Process(child.pid)
            while not _listens(contender.port):
                assert child.poll() is None, f"{contender.name} has ended"
                time.sleep(0.02)
            yield
        finally:
            child.terminate()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def load(url: str, *, days: float) -> tuple[int, datetime]:
    """Fills the database, in the order of time; how many rows there are, and when the last day begins."""
    since = datetime(2026, 3, 1, tzinfo=UTC)
    until = since + timedelta(days=days)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT ensure_reading_partitions(%s, %s)", (since, until))
        seconds = int(days * 86_400) - _EVERY_S
        values = {"since": since, "seconds": seconds, "every_s": _EVERY_S, "panels": _PANELS}
        count = connection.execute(_LOAD, values).rowcount
        connection.execute(_ROLL_UP)
        connection.execute("VACUUM ANALYZE")
    return count, until - timedelta(days=1)


def admin_token(url: str) -> str:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(
            "INSERT INTO account (email, name, role, password_hash) VALUES ('a@b', 'A', 'ADMIN', '!') RETURNING id"
        )
        ((account_id,),) = cursor.fetchall()
    return Tokens(_KEY.encode(), timedelta(hours=1), lambda: datetime.now(UTC)).issue(account_id).token


def contenders(since: datetime, token: str) -> dict[str, Contender]:
    """Who is compared: ours by milliseconds and by instants, a list of objects, and no GraphQL."""
    period = {"since": since.isoformat(), "until": (since + timedelta(days=1)).isoformat()}
    signed_in = {"Authorization": f"Bearer {token}"}

    def asked(query: str) -> bytes:
        return json.dumps({"query": query, "variables": period}).encode()

    def ours(name: str, column: str) -> Contender:
        query = asked(_QUERY % column)
        return Contender(name, "/graphql", query, lambda data: len(data["panel"]["readings"][column]), 60, signed_in)

    raw = json.dumps({**period, "panelId": 1}).encode()
    return {
        "ours": ours("Kilowatch, columns with atMs", "atMs"),
        "ours_at": ours("Kilowatch, columns with at", "at"),
        "plain": Contender(
            "plain Strawberry, list of objects", "/graphql/", asked(_PLAIN_QUERY), lambda data: len(data["readings"]), 6
        ),
        "raw": Contender(
            "raw Starlette + orjson, no GraphQL", "/readings", raw, lambda data: len(data["readings"]["atMs"]), 60
        ),
    }


def table(found: list[Contender], *, rows: int) -> Table:
    """Every contender, and how its CPU compares with ours."""
    shown = Table(
        "server", "CPU ms/request", "CPU : ours", "p50 ms", "p50 : ours", "bytes",
        title=f"{_POINTS:,} points of one panel from {rows:,} rows",
    )  # fmt: skip
    cpu, p50 = statistics.median(found[0].cpu_ms), statistics.median(found[0].latencies_ms)
    for one in found:
        own_cpu, own_p50 = statistics.median(one.cpu_ms), statistics.median(one.latencies_ms)
        ratios = f"{own_cpu / cpu:.2f}", f"{own_p50 / p50:.2f}"
        shown.add_row(one.name, f"{own_cpu:.2f}", ratios[0], f"{own_p50:.1f}", ratios[1], f"{one.size:,}")
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.series", description=__doc__)
    parser.add_argument("--days", type=float, default=2.5, help="of 50 panels at 10 s; 30 are 13 million rows")
    days = parser.parse_args().days
    console = Console()
    with ExitStack() as running:
        url = running.enter_context(database(running.enter_context(postgres())))
        rows, since = load(url, days=days)
        found = contenders(since, admin_token(url))
        running.enter_context(serving(found["ours"], ["-c", _OURS, "PORT", url, _KEY], url))
        running.enter_context(serving(found["ours_at"], ["-c", _OURS, "PORT", url, _KEY], url))
        for name, file in (("plain", "series_plain_strawberry.py"), ("raw", "series_raw_starlette.py")):
            running.enter_context(serving(found[name], [str(_PEERS / file), "PORT"], url))
        for contender in found.values():
            contender.check()
        for _ in range(_ROUNDS):
            for contender in found.values():
                contender.run()
        console.print(table(list(found.values()), rows=rows))


if __name__ == "__main__":
    main()
