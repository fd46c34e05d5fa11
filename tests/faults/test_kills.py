"""However often ingest and Postgres are killed, what the publisher was told to be safe is there, and counted once.

The truth is the publisher's count of PUBACKs; the broker survives.
"""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from bench.publisher import Prepared, Published, prepared, publish
from kilowatch.embedded.broker import EmbeddedBroker
from kilowatch.embedded.postgres import EmbeddedPostgres
from store.migrations import migrate
from tests.fixtures.database import on_database
from tests.ingest.brokers import Mosquitto

_PROCESS = Path(__file__).with_name("ingest_process.py")
_ROOT = Path(__file__).parents[2]
_PANELS = 20
_START = datetime(2026, 1, 31, 23, 50, tzinfo=UTC)  # five minutes, hour, day and partition end in the stream


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(tmp_path_factory.mktemp("faults")) as server:
        yield server


@pytest.fixture
def database(postgres: EmbeddedPostgres) -> Iterator[str]:
    name = f"faults_{secrets.token_hex(4)}"
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    url = on_database(postgres.url, name)
    migrate(url)
    yield url
    eventually(lambda: dropped(postgres.url, name))


def dropped(server_url: str, name: str) -> bool:
    with suppress(psycopg.OperationalError), psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        return True
    return False


@pytest.fixture(params=["embedded", "mosquitto"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, int]]:
    """The broker's URL, and its port for MQTT 3.1.1."""
    if request.param == "mosquitto":
        with Mosquitto(tmp_path) as mosquitto:
            yield mosquitto.url, mosquitto.port
    else:
        with EmbeddedBroker() as embedded:
            yield embedded.url, urlsplit(embedded.url_v311).port or 0


def stream(count: int) -> Prepared:
    """Readings with a key of their own each; the register of a panel rises by 1 Wh a second."""
    return prepared(
        (
            f"DATA/PM/P{number % _PANELS}",
            f'{{"status":"OK","data":{{"kw":"1.5","kWh":{100 + number // _PANELS / 1000},'
            f'"time":"{_START + timedelta(seconds=number // _PANELS):%Y-%m-%d %H:%M:%S}"}}}}'.encode(),
        )
        for number in range(count)
    )


class Ingest:
    """The process, which is started again after each kill."""

    def __init__(self, database: str, mqtt_url: str, *options: str) -> None:
        self._arguments = [sys.executable, str(_PROCESS), database, mqtt_url, *options]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._arguments, cwd=_ROOT, env={**os.environ, "PYTHONPATH": str(_ROOT)})

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextmanager
def ingesting(database: str, mqtt_url: str, *options: str) -> Iterator[Ingest]:
    """From when its session exists at the broker."""
    ingest = Ingest(database, mqtt_url, *options)
    ingest.start()
    try:
        eventually(lambda: one(database, "SELECT is_connected FROM ingest_status") is True)
        yield ingest
    finally:
        ingest.kill()


def eventually(condition: Callable[[], object], *, within_s: float = 60) -> None:
    ends_at = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < ends_at, "it did not come to pass"
        time.sleep(0.02)


def one(database: str, query: str) -> object:
    """A single value; None while the database is away."""
    with suppress(psycopg.OperationalError), psycopg.connect(database, autocommit=True) as connection:
        row = connection.execute(query).fetchone()  # type: ignore[arg-type]
        return row[0] if row else None
    return None


STORED = "SELECT count(*) FROM reading"


def test_nothing_that_was_acknowledged_is_lost_or_counted_twice(
    postgres: EmbeddedPostgres, database: str, broker: tuple[str, int]
) -> None:
    count, mqtt_url, port = 24_000, *broker
    published = Published()
    kills = 0
    with ingesting(database, mqtt_url) as ingest, ThreadPoolExecutor(1) as thread:
        publishing = thread.submit(publish, port, stream(count), rate=4000, published=published)
        for number, share in enumerate((0.1, 0.3, 0.45, 0.6, 0.75, 0.9)):
            eventually(lambda due=share * count: published.acknowledged >= due)
            if number % 3 == 1:
                kill_postmaster(postgres)
            else:
                ingest.kill()
                ingest.start()
            kills += 1
        acknowledged = publishing.result().acknowledged
        eventually(lambda: one(database, STORED) == acknowledged)
    assert (acknowledged, kills) == (count, 6)
    assert_rollups_are_exact(database)


def kill_postmaster(postgres: EmbeddedPostgres) -> None:
    """Its supervisor starts it again, and it recovers from its log."""
    eventually(lambda: postgres.pid is not None)
    pid = postgres.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: postgres.pid not in (pid, None))


@pytest.mark.parametrize("options", [(), ("ack-on-receipt",)], ids=["ack-after-commit", "control-ack-on-receipt"])
def test_a_batch_that_was_not_committed_when_ingest_was_killed_comes_again(
    database: str, broker: tuple[str, int], options: tuple[str, ...]
) -> None:
    """The control shows that this can fail: acknowledged on receipt, the batch is gone for good."""
    mqtt_url, port = broker
    with ingesting(database, mqtt_url, *options) as ingest, psycopg.connect(database) as locker:
        locker.execute("LOCK TABLE reading")
        publish(port, stream(60))  # fewer than any broker's window: all of it reaches ingest
        eventually(lambda: one(database, "SELECT backlog FROM ingest_status") == 60)
        ingest.kill()
    with ingesting(database, mqtt_url):
        publish(port, LAST)
        eventually(lambda: one(database, "SELECT count(*) FROM panel WHERE code = 'LAST'") == 1)
        if options:
            eventually(lambda: one(database, STORED) == 1)
            assert one(database, "SELECT message_count FROM ingest_status") == 1, "the control lost nothing"
        else:
            eventually(lambda: one(database, STORED) == 61)
            assert_rollups_are_exact(database)


LAST = prepared([("DATA/PM/LAST", b'{"status":"OK","data":{"kWh":1,"time":"2026-02-01 00:00:00"}}')])


_RISES = """
SELECT panel_id, at, register_rise_kwh(
           lag(energy_import_kwh) OVER in_order, energy_import_kwh, at - lag(at) OVER in_order) AS kwh
FROM reading WINDOW in_order AS (PARTITION BY panel_id ORDER BY at)"""
_DIFFERENCES = {
    "rollup_five_minutes": f"""
        SELECT panel_id, date_bin('5 minutes', at, 'epoch'), count(*), sum(kwh) FROM ({_RISES}) AS r GROUP BY 1, 2
        EXCEPT SELECT panel_id, starts_at, reading_count, energy_kwh FROM rollup_five_minutes""",  # noqa: S608
    "rollup_hour": f"""
        SELECT panel_id, date_bin('1 hour', at, 'epoch'), count(*), sum(kwh) FROM ({_RISES}) AS r GROUP BY 1, 2
        EXCEPT SELECT panel_id, starts_at, reading_count, energy_kwh FROM rollup_hour""",  # noqa: S608
    "rollup_day": f"""
        SELECT panel_id, (at AT TIME ZONE 'UTC')::date, count(*), sum(kwh) FROM ({_RISES}) AS r GROUP BY 1, 2
        EXCEPT SELECT panel_id, day, reading_count, energy_kwh FROM rollup_day""",  # noqa: S608
}


def assert_rollups_are_exact(database: str) -> None:
    for table, differences in _DIFFERENCES.items():
        assert one(database, f"SELECT count(*) FROM ({differences}) AS difference") == 0, table  # noqa: S608
        assert one(database, f"SELECT sum(reading_count) FROM {table}") == one(database, STORED), table  # noqa: S608
    newest = "SELECT count(*) FROM latest_reading JOIN (SELECT panel_id, max(at) AS at FROM reading GROUP BY 1) AS r"
    assert one(database, f"{newest} USING (panel_id, at)") == one(database, "SELECT count(*) FROM latest_reading")
