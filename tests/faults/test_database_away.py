"""While the database is away ingest holds no more than it may, says so itself, and afterwards catches up."""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from bench.publisher import Prepared, Published, publish
from tests.faults.ingest_runs import Ingest, ingesting
from tests.faults.rollup_truth import assert_rollups_are_exact
from tests.faults.streams import stream
from tests.faults.waiting import STORED, eventually, holds
from tests.fixtures.proxy import Proxy
from tests.ingest.brokers import Mosquitto, free_port

_WARM_UP = 2000
_COUNT = 40_000  # of 4 KB: more than ingest may hold by bytes, and twice its window
_RATE = 5000
_MORE_BYTES = 150 * 2**20  # of 160 MB that are sent, 64 MiB of payloads may wait, in objects


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path) as broker:
        yield broker


class Monitor:
    """Asks ingest's own /metrics."""

    def __init__(self, port: int) -> None:
        self.option = f"metrics={port}"
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10)

    def value(self, name: str) -> float:
        lines = self._client.get("/metrics").text.splitlines()
        (line,) = [line for line in lines if line.startswith(f"kilowatch_ingest_process_{name} ")]
        return float(line.split()[1])


@contextmanager
def publishing(port: int, messages: Prepared) -> Iterator[Future[Published]]:
    with ThreadPoolExecutor(1) as thread:
        yield thread.submit(publish, port, messages, rate=_RATE)


def most_memory_bytes(ingest: Ingest, sending: Future[Published]) -> int:
    """While it goes on."""
    most = 0
    while not sending.done():
        most = max(most, ingest.memory_bytes)
        time.sleep(0.05)
    return most


def test_a_database_that_is_away_costs_bounded_memory_and_no_message(
    database: str, mosquitto: Mosquitto, tmp_path: Path
) -> None:
    monitor, messages = Monitor(free_port()), stream(_COUNT, padding=4000)
    with (
        Proxy.before(database) as to_database,
        ingesting(to_database.url(database), mosquitto.url, monitor.option, log=tmp_path / "ingest.log") as ingest,
    ):
        publish(mosquitto.port, messages.first(_WARM_UP))
        holds(database, STORED, _WARM_UP)
        before = ingest.memory_bytes
        with to_database.away(), publishing(mosquitto.port, messages) as sending:
            most = most_memory_bytes(ingest, sending)
            assert sending.result().acknowledged == _COUNT
            assert monitor.value("database_up") == 0
            assert monitor.value("database_away_seconds") > 1
            assert monitor.value("oldest_waiting_seconds") > 1
            assert 0 < monitor.value("backlog") <= _COUNT / 2
            assert monitor.value("backlog_bytes") < 80 * 2**20
        print(f"memory: {before / 2**20:.0f} MiB before, {most / 2**20:.0f} MiB at most")  # noqa: T201 - for the report
        assert most - before < _MORE_BYTES
        holds(database, STORED, _COUNT)
        eventually(lambda: monitor.value("backlog") == 0)
        assert (monitor.value("database_up"), monitor.value("connected")) == (1, 1)
    assert_rollups_are_exact(database)
    assert ingest.logged.count("The database does not take a batch") <= 3
