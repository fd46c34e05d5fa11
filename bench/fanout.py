"""Readings to many subscribers over real websockets, beside plain Strawberry and graphql-ws on Node.

`python -m bench.fanout [--seconds N]`. Ours is the whole way: a message published over MQTT is stored by ingest, and
the database tells of it; the peers make their messages in memory, which is easier. Every contender is a process of its
own, the load client another. CPU is that of the server process for each message that arrived; the rest of the way
(broker, ingest, Postgres) costs the same whoever listens. Latency is from the publisher's write, for peers from the
making, to the client.
"""

import argparse
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psutil
import psycopg
from rich.console import Console
from rich.table import Table

from bench.api_data import admin_token
from bench.brokers import Broker, brokers
from bench.ingest import database, postgres
from bench.processes import cpu_s, free_port, installed_node, listening
from bench.publisher import Prepared, Published, prepared, publish
from bench.subscribers import ZONE, ours

_PEERS = Path(__file__).with_name("peers")
_NPM_PACKAGES = ("graphql@16", "graphql-ws@6", "ws@8")
_OUR_QUERY = """
subscription ($codes: [String!]) { panelReadings(codes: $codes) {
  __typename ... on ReadingReceived { panelCode reading { at activePowerKw energyImportKwh } }
} }"""
_PEERS_QUERY = """
subscription ($code: String!) {
  panelReadings(code: $code) { __typename panelCode reading { at activePowerKw energyImportKwh } }
}"""
_SETTLE_S = 1.0


@dataclass(frozen=True, slots=True)
class Scene:
    """So many subscribers, spread over the panels; each panel has so many readings a second."""

    name: str
    subscribers: int
    panels: int
    rate: float
    stalled: int = 0

    @property
    def offered(self) -> float:
        """Messages a second that are to be delivered, all subscribers together."""
        return self.subscribers * self.rate


SCENES = (
    Scene("1 panel, 100 subscribers", 100, 1, 20),
    Scene("1 panel, 1,000 subscribers", 1000, 1, 2),
    Scene("1 panel, 5,000 subscribers", 5000, 1, 0.5),
    Scene("1 panel, 1,000 subscribers, busy", 1000, 1, 20),
    Scene("50 panels, 5,000 subscribers", 5000, 50, 1),
    Scene("1,000 panels, 1,000 subscribers", 1000, 1000, 1),
    Scene("1 panel, 500 subscribers", 500, 1, 50),
    Scene("1 panel, 500 subscribers, 50 stalled", 500, 1, 50, stalled=50),
)


@dataclass(frozen=True, slots=True)
class Measured:
    """What a scene showed: messages a second, CPU in µs a message and as a share of a core, times in ms, memory."""

    delivered: float
    cpu_us: float
    core_percent: float
    p50_ms: float
    p99_ms: float
    kib_each: float
    grown_mib: float
    opened_s: float
    closed: int


@dataclass(frozen=True, slots=True)
class Contender:
    """Somebody who tells subscribers; `serving` starts it for a scene and tells how to ask it and how to begin."""

    name: str
    serving: Callable[[Scene, float], Any]


@dataclass(frozen=True, slots=True)
class Served:
    """A running server: what the load client needs, when message `number` was sent, and what starts the messages."""

    process: psutil.Process
    wanted: dict[str, Any]
    begin: Callable[[], None]
    sent_at_s: Callable[[float], float]


def measured(contender: Contender, scene: Scene, *, seconds: float) -> Measured:
    with ExitStack() as running:
        served: Served = running.enter_context(contender.serving(scene, seconds))
        empty = served.process.memory_info().rss
        folder = running.enter_context(tempfile.TemporaryDirectory())
        wanted: dict[str, Any] = served.wanted | {
            "result": str(Path(folder, "result.json")),
            "stalled": scene.stalled,
            "sample_every": max(1, int(scene.offered * seconds / 20_000)),
        }
        load = running.enter_context(_loading(wanted))
        began_s = time.monotonic()
        _line_of(load)
        opened_s = time.monotonic() - began_s
        full = served.process.memory_info().rss
        served.begin()
        time.sleep(_SETTLE_S)
        _go_on(load)
        before_s, since_s = cpu_s(served.process), time.monotonic()
        time.sleep(seconds)
        spent_s, took_s = cpu_s(served.process) - before_s, time.monotonic() - since_s
        grown = served.process.memory_info().rss - full
        _go_on(load)
        load.wait(60)
        result = json.loads(Path(wanted["result"]).read_text("utf-8"))
        late = [(arrived_s - served.sent_at_s(number)) * 1000 for number, arrived_s in result["samples"]]
        delivered = result["messages"]
        quantiles = statistics.quantiles(late, n=100) if len(late) > 1 else [float("nan")] * 99
        return Measured(
            delivered=delivered / took_s,
            cpu_us=spent_s * 1e6 / max(delivered, 1),
            core_percent=spent_s * 100 / took_s,
            p50_ms=quantiles[49],
            p99_ms=quantiles[98],
            kib_each=(full - empty) / 1024 / scene.subscribers,
            grown_mib=grown / 1024 / 1024,
            opened_s=opened_s,
            closed=result["closed"],
        )


@contextmanager
def _loading(wanted: dict[str, Any]) -> Generator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "bench.websocket_load"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as load:
        assert load.stdin is not None
        load.stdin.write(json.dumps(wanted) + "\n")
        load.stdin.flush()
        try:
            yield load
        finally:
            load.terminate()


def _go_on(load: subprocess.Popen[str]) -> None:
    assert load.stdin is not None
    load.stdin.write("\n")
    load.stdin.flush()


def _line_of(load: subprocess.Popen[str]) -> str:
    assert load.stdout is not None
    line = load.stdout.readline()
    assert line, "the load client has ended"
    return line


# Ours


@dataclass(slots=True)
class Publisher:
    """Sends one reading a panel and tick over MQTT, in a thread; a reading's power is its number by a thousand."""

    broker: Broker
    messages: Prepared
    rate: float
    published: Published
    thread: threading.Thread | None = None

    def begin(self) -> None:
        arguments = {"rate": self.rate, "published": self.published}
        self.thread = threading.Thread(
            target=publish, args=(self.broker.port_v311, self.messages), kwargs=arguments, daemon=True
        )
        self.thread.start()

    def sent_at_s(self, power_kw: float) -> float:
        return self.published.sent_at_s(round(power_kw * 1000))


@contextmanager
def kilowatch(scene: Scene, seconds: float, *, broker: Broker, server_url: str) -> Generator[Served]:
    with ExitStack() as running:
        url = running.enter_context(database(server_url))
        _add_panels(url, count=scene.panels)
        token = admin_token(url)
        running.enter_context(ours(url, broker))
        port = free_port()
        command = [sys.executable, "-m", "bench.server", str(port), url]
        process = running.enter_context(listening(command, port))
        count = int((seconds + 3) * scene.panels * scene.rate) + scene.panels
        messages = prepared(_messages(count, panels=scene.panels))
        publisher = Publisher(broker, messages, scene.panels * scene.rate, Published())
        yield Served(
            process,
            {
                "port": port,
                "path": "/graphql",
                "init": {"authorization": f"Bearer {token}"},
                "query": _OUR_QUERY,
                "has_snapshot": True,
                "variables": [{"codes": [f"P{number % scene.panels + 1}"]} for number in range(scene.subscribers)],
            },
            publisher.begin,
            publisher.sent_at_s,
        )
        if publisher.thread is not None:
            publisher.thread.join()


def _messages(count: int, *, panels: int) -> Iterator[tuple[str, bytes]]:
    """One reading a panel and second of a clock that runs ahead from yesterday."""
    start = (datetime.now(UTC) - timedelta(days=1)).replace(microsecond=0)
    for number in range(count):
        second, panel = divmod(number, panels)
        at = f"{(start + timedelta(seconds=second)).astimezone(ZoneInfo(ZONE)):%Y-%m-%d %H:%M:%S}"
        data = f'{{"kw":"{number / 1000}","kWh":"{150 + second / 100:.2f}","time":"{at}"}}'
        yield f"DATA/PM/P{panel + 1}", f'{{"status":"OK","data":{data}}}'.encode()


def _add_panels(url: str, *, count: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO panel (code, name, time_zone) SELECT 'P' || n, 'P' || n, %s FROM generate_series(1, %s) n"
            " ON CONFLICT DO NOTHING",
            (ZONE, count),
        )


# Peers


@contextmanager
def peer(scene: Scene, _seconds: float, *, command: Sequence[str], environment: dict[str, str]) -> Generator[Served]:
    port = free_port()
    arguments = [*command, str(port), str(scene.panels), str(scene.rate)]
    # Peers complain at length of clients that go away.
    with listening(arguments, port, environment=environment, is_quiet=True) as process:
        yield Served(
            process,
            {
                "port": port,
                "path": "/graphql" if command[0] != sys.executable else "/graphql/",
                "init": {},
                "query": _PEERS_QUERY,
                "has_snapshot": False,
                "variables": [{"code": f"P{number % scene.panels + 1}"} for number in range(scene.subscribers)],
            },
            lambda: process.send_signal(signal.SIGUSR2),
            lambda made_at_s: made_at_s,
        )


def contenders(folder: Path, *, broker: Broker, server_url: str) -> list[Contender]:
    def of_ours(scene: Scene, seconds: float) -> Any:
        return kilowatch(scene, seconds, broker=broker, server_url=server_url)

    def of_peer(*command: str, **environment: str) -> Callable[[Scene, float], Any]:
        return lambda scene, seconds: peer(scene, seconds, command=command, environment=environment)

    found = [
        Contender("Kilowatch, from MQTT on", of_ours),
        Contender("plain Strawberry", of_peer(sys.executable, str(_PEERS / "fanout_plain_strawberry.py"))),
    ]
    if program := installed_node(folder, _NPM_PACKAGES, who="graphql-ws"):
        script, modules = str(_PEERS / "fanout_graphql_ws.cjs"), str(folder / "node_modules")
        found.append(Contender("graphql-ws on Node", of_peer(program, script, NODE_PATH=modules)))
    return found


def shown(scene: Scene, results: list[tuple[Contender, Measured]]) -> Table:
    table = Table(
        "server", "delivered/s", "CPU µs a message", ": ours", "% of a core", "p50 ms", "p99 ms", "KiB each",
        "grown MiB", "opened s", "closed",
        title=f"{scene.name}: {scene.offered:,.0f} messages/s offered",
    )  # fmt: skip
    best = results[0][1].cpu_us
    for contender, one in results:
        table.add_row(
            contender.name, f"{one.delivered:,.0f}", f"{one.cpu_us:.1f}", f"{one.cpu_us / best:.1f}",
            f"{one.core_percent:.0f}", f"{one.p50_ms:.1f}", f"{one.p99_ms:.1f}", f"{one.kib_each:.0f}",
            f"{one.grown_mib:.1f}", f"{one.opened_s:.1f}", f"{one.closed}",
        )  # fmt: skip
    return table


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.fanout", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10, help="of each scene and contender; 10")
    parser.add_argument("--scenes", default="", help="only scenes whose names contain this text")
    chosen = parser.parse_args()
    console = Console(width=140)
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory()))
        server_url = running.enter_context(postgres())
        broker = running.enter_context(brokers()[0]())
        found = contenders(folder, broker=broker, server_url=server_url)
        for scene in SCENES:
            if chosen.scenes not in scene.name:
                continue
            results = [(one, measured(one, scene, seconds=chosen.seconds)) for one in found]
            console.print(shown(scene, results))


if __name__ == "__main__":
    main()
