"""What requests that should be refused, and the heaviest that are allowed, do to a server: CPU, and stalls of its loop.

`python -m bench.bad_input`. Each probe is sent five times; shown are the middle of the CPU times and the longest stall:
what the loop's thread computed while a task that wants to run each millisecond waited. The second server is Strawberry
as its tutorial has it, and gets only the probes about documents and bodies.
"""

import gzip
import http.client
import json
import statistics
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from graphql import get_introspection_query
from rich.console import Console
from rich.table import Table

from bench.api_data import admin_token
from bench.api_servers import serving
from bench.ingest import database, postgres
from bench.stalls import PATH, command

_TIMES = 5
_DAYS = 400

_READINGS = """
INSERT INTO reading (panel_id, at, received_at, batch_id, voltage_r_v, active_power_kw, energy_import_kwh)
SELECT 1, at, at, 1, 224.7, 1.5, extract(epoch FROM at - %(since)s) / 3600
FROM generate_series(%(since)s, %(until)s::timestamptz - interval '4 seconds', interval '4 seconds') AS at"""
_LATEST = """
INSERT INTO latest_reading (panel_id, at, received_at, batch_id, voltage_r_v, active_power_kw, energy_import_kwh,
                            last_seen_at)
SELECT id, %(until)s, %(until)s, 1, 224.7, 1.5, 5000, %(until)s FROM panel"""
_FIVE_MINUTES = """
INSERT INTO rollup_five_minutes
SELECT id, at, 30, 0.1, 0, 30, 45, 1, 2, 0, 0, at, at + interval '290 seconds', 100
FROM panel, generate_series(%(since)s, %(until)s::timestamptz - interval '5 minutes', interval '5 minutes') AS at"""
_DAY_SUMS = """
INSERT INTO rollup_day
SELECT id, at::date, 8640, 24, 0, 8640, 8640, 1, 2, 0, 0, at, at + interval '23 hours', 100
FROM panel, generate_series(%(until)s::timestamptz - %(days)s * interval '1 day', %(until)s, interval '1 day') AS at"""
_TARIFF = "INSERT INTO tariff (name, valid_from, unit_price, currency) VALUES ('Flat', '2000-01-01', 1500, 'IDR')"


@dataclass(frozen=True, slots=True)
class Probe:
    """A request, and whether it is about documents and bodies alone, so that any GraphQL server can be sent it."""

    name: str
    body: bytes
    is_general: bool = False


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, its endpoint, and what every request to it must carry."""

    port: int
    path: str
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Found:
    """What a server did with a probe."""

    status: int
    code: str
    cpu_ms: float
    stall_ms: float
    size: int


def probes() -> Iterator[Probe]:
    """What is refused, then what is allowed."""
    yield from general()
    yield from refused()
    yield from legal()


def general() -> Iterator[Probe]:
    """Probes that need no schema of ours."""

    def probe(name: str, query: str, **others: Any) -> Probe:
        return Probe(name, json.dumps({"query": query, **others}).encode(), is_general=True)

    yield probe("2,000 aliases", "{" + " ".join(f"a{n}: __typename" for n in range(2000)) + "}")
    yield Probe("body of 10 MB", b'{"query": "{ __typename }", "pad": "' + b"x" * 10_000_000 + b'"}', is_general=True)
    yield Probe("JSON 100,000 deep", b'{"query": ' + b"[" * 40_000 + b"]" * 40_000 + b"}", is_general=True)
    yield probe("document 20,000 deep", "{a" * 20_000 + "}" * 20_000)
    yield probe("fragments that double", _doubling(14))
    yield probe("one field 490 times", "{" + " __typename" * 490 + "}")
    yield probe("3,000 directives", "{ __typename " + "@skip(if: false) " * 3000 + "}")
    yield probe("90 KB of comments", "#\n" * 45_000 + "{ __typename }")
    yield probe("unknown operation", "query A { __typename }", operationName="B")
    yield probe(
        "wrong types in variables", "query ($n: Int!) { __typename @skip(if: $n) }", variables={"n": ["x"] * 9000}
    )
    yield probe("subscription by POST", "subscription { panelStatus { __typename } }")
    yield Probe("no JSON", b"{" * 90_000, is_general=True)


def _doubling(levels: int) -> str:
    parts = [f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(levels)]
    return "{ ...F0 } " + " ".join(parts) + f" fragment F{levels} on Query {{ __typename }}"


def refused() -> Iterator[Probe]:
    """Probes of our own arguments that are too much."""

    def probe(name: str, query: str, **variables: Any) -> Probe:
        return Probe(name, json.dumps({"query": query, "variables": variables}).encode())

    usage = '{ panel(code: "P1") { usage(%s) { energyKwh } } }'
    yield probe("from after to", usage % 'step: HOUR, from: "2026-03-02T00:00:00Z", to: "2026-03-01T00:00:00Z"')
    yield probe("a range of 20 years", usage % 'step: DAY, from: "2006-01-01T00:00:00Z"')
    yield probe("300,000 buckets", usage % "step: MINUTE, range: LAST_1Y")
    yield probe("10,000 buckets of 500 panels", _everybody("usage(step: MINUTE, range: LAST_7D) { energyKwh }"))
    yield probe("20,000 ids", "query ($c: [ID!]!) { nodes(ids: $c) { __typename } }", c=["P"] * 20_000)
    yield probe("first: 2,147,483,647", "{ panels(first: 2147483647) { nodes { code } } }")


def legal() -> Iterator[Probe]:
    """The heaviest of what is allowed."""

    def probe(name: str, query: str) -> Probe:
        return Probe(name, json.dumps({"query": query}).encode())

    year = datetime.now(UTC).year
    day = "readings(range: LAST_24H, maxPoints: 20000) { %s }"
    yield probe("full introspection", get_introspection_query())
    yield probe("one panel", '{ panel(code: "P1") { code name } }')
    yield probe("500 panels, names", _everybody("code name location"))
    yield probe(
        "500 panels, cards",
        _everybody("code name status latestReading { at activePowerKw } today { energyKwh cost { amount } }"),
    )
    yield probe("500 panels, everything small", _everybody(_EVERYTHING))
    yield probe(
        "20,000 points, columns", f'{{ panel(code: "P1") {{ {day % "at atMs activePowerKw energyImportKwh"} }} }}'
    )
    yield probe(
        "20,000 points, a list", f'{{ panel(code: "P1") {{ {day % "points { at activePowerKw energyImportKwh }"} }} }}'
    )
    yield probe(
        "10,000 buckets",
        '{ panel(code: "P1") { usage(step: FIVE_MINUTES, range: LAST_30D) { from energyKwh cost peakKw } } }',
    )
    yield probe("1,830 days", '{ panel(code: "P1") { dailyUsage(days: 1830) { date energyKwh movingAverage30dKwh } } }')
    yield probe("500 panels, a week by hours", _everybody("usage(step: HOUR, range: LAST_7D) { energyKwh }"))
    yield probe("the month of 500 panels", f"{{ monthlySummary(year: {year}, month: 1) {{ {_SUMMARY} }} }}")
    yield probe("the year of 500 panels", f"{{ yearSummary(year: {year - 1}) {{ {_SUMMARY} }} }}")


_SUMMARY = "panels { panel { code } energyKwh cost { amount } peakKw } total { energyKwh }"
_EVERYTHING = """code name location floor timeZone isPrepaid status lastSeenAt
    latestReading { at receivedAt voltage { r s t n } current { r s t n } activePowerKw energyImportKwh flags }
    today { date energyKwh cost { amount currency } registerNowKwh } prepaid { balanceKwh } device { name }"""


def _everybody(selection: str) -> str:
    return f"{{ panels(first: 500) {{ totalCount nodes {{ {selection} }} }} }}"


def load(url: str) -> None:
    """500 panels with sums of a year and a day's five minutes, one of them with 21,600 readings."""
    until = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    values = {"since": until - timedelta(days=1), "until": until, "days": _DAYS}
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT ensure_reading_partitions(%(since)s, %(until)s)", values)
        for statement in (_READINGS, _LATEST, _FIVE_MINUTES, _DAY_SUMS, _TARIFF):
            connection.execute(statement, values)
        connection.execute("VACUUM ANALYZE")


def sent(server: Server, probe: Probe) -> Found:
    """The middle of what a probe did when it was sent some times."""
    found = [_sent_once(server, probe) for _ in range(_TIMES)]
    cpu_ms = statistics.median(one.cpu_ms for one in found)
    return Found(found[0].status, found[0].code, cpu_ms, max(one.stall_ms for one in found), found[0].size)


def _sent_once(server: Server, probe: Probe) -> Found:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    _asked(connection, "GET", PATH)
    headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip", **server.headers}
    try:
        status, content = _asked(connection, "POST", server.path, probe.body, headers)
    except (OSError, http.client.HTTPException) as error:
        status, content = 0, json.dumps({"errors": [{"message": type(error).__name__}]}).encode()
    connection.close()
    _, told = _asked(http.client.HTTPConnection("127.0.0.1", server.port, timeout=60), "GET", PATH)
    stalls = json.loads(told)
    return Found(status, _code(content), stalls["cpu_ms"], stalls["longest_ms"], len(content))


def _asked(connection: http.client.HTTPConnection, method: str, path: str, *rest: Any) -> tuple[int, bytes]:
    connection.request(method, path, *rest)
    answer = connection.getresponse()
    return answer.status, answer.read()


def _code(content: bytes) -> str:
    """The code of the first error, or its message where it has none."""
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    try:
        answer: dict[str, Any] = json.loads(content)
    except ValueError:
        return content[:30].decode(errors="replace")
    errors: list[dict[str, Any]] = answer.get("errors", [])
    return (errors[0].get("extensions") or {}).get("code", errors[0]["message"][:30]) if errors else ""


def table(title: str, found: dict[str, dict[str, Found]]) -> Table:
    """Each probe, and what each server did with it."""
    shown = Table(
        "probe", *(f"{server}: {what}" for server in found for what in ("answer", "CPU ms", "stall ms")), title=title
    )
    for name in next(iter(found.values())):
        cells = [_cells(by_probe.get(name)) for by_probe in found.values()]
        shown.add_row(name, *(cell for one in cells for cell in one))
    return shown


def _cells(found: Found | None) -> tuple[str, str, str]:
    if found is None:
        return "", "", ""
    return f"{found.status} {found.code}".strip(), f"{found.cpu_ms:.1f}", f"{found.stall_ms:.0f}"


def main() -> None:
    with ExitStack() as running:
        url = running.enter_context(database(running.enter_context(postgres())))
        load(url)
        signed_in = {"Authorization": f"Bearer {admin_token(url)}"}
        servers = {
            name: Server(running.enter_context(serving(command(name, url), url)).port, path, headers)
            for name, path, headers in (("ours", "/graphql", signed_in), ("plain Strawberry", "/graphql/", {}))
        }
        found = {name: dict[str, Found]() for name in servers}
        for probe in probes():
            for name, server in servers.items():
                if name == "ours" or probe.is_general:
                    found[name][probe.name] = sent(server, probe)
        Console(width=150).print(table("Bad input, and the heaviest good one", found))


if __name__ == "__main__":
    main()
