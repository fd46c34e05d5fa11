"""Fixtures of the faults' tests: a Postgres that syncs and may be killed, and both brokers."""

import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from kilowatch.embedded.broker import EmbeddedBroker
from kilowatch.embedded.postgres import EmbeddedPostgres
from tests.faults.waiting import eventually
from tests.fixtures.database import on_database, prepare
from tests.ingest.brokers import Mosquitto


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(tmp_path_factory.mktemp("faults")) as server:
        yield server


@pytest.fixture
def database(postgres: EmbeddedPostgres) -> Iterator[str]:
    name = f"faults_{secrets.token_hex(4)}"
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    url = on_database(postgres.url, name)
    prepare(url)
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
