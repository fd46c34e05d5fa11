"""Three panels, one in each of three time zones, and a writer."""

from collections.abc import Iterator

import pytest
from psycopg import Connection

from store.connections import Row, connect
from store.merge import BatchWriter
from tests.store.stored import ZONES


@pytest.fixture
def database(database_url: str) -> Iterator[Connection[Row]]:
    with connect(database_url) as connection:
        for zone in ZONES.values():
            parameters = (zone.replace("/", "_"), zone)
            connection.execute("INSERT INTO panel (code, name, time_zone) VALUES (%s, 'x', %s)", parameters)
        connection.commit()
        yield connection


@pytest.fixture
def writer(database: Connection[Row]) -> BatchWriter:
    return BatchWriter(database)
