"""Running servers: one for a whole module that stores nothing, one of its own for each test that does."""

from collections.abc import AsyncIterator

import psycopg
import pytest
from psycopg import sql

from tests.fixtures.database import cloned
from tests.fixtures.server import Server, make_app, serving


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[Server]:
    async with serving(make_app(database_url)) as running:
        yield running


@pytest.fixture(scope="module")
async def bare_api(server_url: str, server: psycopg.Connection, template: sql.Identifier) -> AsyncIterator[Server]:
    with cloned(server_url, server, template) as url:
        async with serving(make_app(url)) as running:
            yield running
