"""However often ingest, Postgres and the network fail, what the publisher was told to be safe is there, once.

Kinds, order, number and moments of the faults come of a seed, which the test's name tells; KILOWATCH_FAULT_SEEDS takes
others, separated by commas. The publisher's own connection is spared: its PUBACKs are the truth.
"""

import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.publisher import Published, publish
from kilowatch.embedded.postgres import EmbeddedPostgres
from tests.faults.ingest_runs import Ingest, ingesting, kill_postmaster
from tests.faults.rollup_truth import assert_rollups_are_exact
from tests.faults.streams import mixed_stream
from tests.faults.waiting import STORED, eventually, holds
from tests.fixtures.proxy import Proxy

_SEEDS = os.environ.get("KILOWATCH_FAULT_SEEDS", "20261121").split(",")
_COUNT = 24_000
_RATE = 4000


@dataclass(frozen=True, slots=True)
class Victims:
    """What there is to break."""

    ingest: Ingest
    postgres: EmbeddedPostgres
    to_broker: Proxy
    to_database: Proxy


def kill_ingest(victims: Victims) -> None:
    victims.ingest.kill()
    victims.ingest.start()


def be_silent(proxy: Proxy) -> None:
    with proxy.silent():
        time.sleep(0.4)  # how long the fault lasts


def slow_down(proxy: Proxy) -> None:
    proxy.delay(0.02)
    time.sleep(0.4)  # how long the fault lasts
    proxy.delay(0)


FAULTS: Mapping[str, Callable[[Victims], None]] = {
    "kill -9 of ingest": kill_ingest,
    "kill -9 of Postgres": lambda victims: kill_postmaster(victims.postgres),
    "cut to the broker": lambda victims: victims.to_broker.cut(),
    "ingest loses the broker, who does not notice": lambda victims: victims.to_broker.lose_clients(),
    "the broker loses ingest, who does not notice": lambda victims: victims.to_broker.lose_server(),
    "silence of the broker": lambda victims: be_silent(victims.to_broker),
    "a slow way to the broker": lambda victims: slow_down(victims.to_broker),
    "cut to the database": lambda victims: victims.to_database.cut(),
    "silence of the database": lambda victims: be_silent(victims.to_database),
}


def plan(seed: str) -> list[tuple[float, str]]:
    """Shares of the stream, rising, and what happens there: each kind of kill and cut, and whatever else."""
    chance = random.Random(seed)  # noqa: S311 - dice, no secret
    kinds = [*list(FAULTS)[:3], *chance.choices(list(FAULTS), k=chance.randint(3, 6))]
    chance.shuffle(kinds)
    shares = sorted(chance.uniform(0.02, 0.98) for _ in kinds)
    return list(zip(shares, kinds, strict=True))


@contextmanager
def victims_of(postgres: EmbeddedPostgres, database: str, mqtt_url: str, *, log: Path) -> Iterator[Victims]:
    with (
        Proxy.before(mqtt_url) as to_broker,
        Proxy.before(database) as to_database,
        ingesting(to_database.url(database), to_broker.url(mqtt_url), log=log) as ingest,
    ):
        yield Victims(ingest, postgres, to_broker, to_database)


@pytest.mark.parametrize("seed", _SEEDS)
def test_nothing_that_was_acknowledged_is_lost_or_counted_twice(
    postgres: EmbeddedPostgres, database: str, broker: tuple[str, int], tmp_path: Path, seed: str
) -> None:
    mqtt_url, port = broker
    published = Published()
    messages = mixed_stream(_COUNT)
    with (
        victims_of(postgres, database, mqtt_url, log=tmp_path / "ingest.log") as victims,
        ThreadPoolExecutor(1) as thread,
    ):
        publishing = thread.submit(publish, port, messages, rate=_RATE, published=published)
        for share, kind in plan(seed):
            eventually(lambda due=share * _COUNT: published.acknowledged >= due)
            print(f"at {published.acknowledged}: {kind}")  # noqa: T201 - for the report of a failure
            FAULTS[kind](victims)
        acknowledged = publishing.result().acknowledged
        assert acknowledged == _COUNT
        holds(database, STORED, acknowledged)
    assert_rollups_are_exact(database)
