"""Fixtures of the clients' tests: a furnished server, and a folder where Node runs npm clients."""

from collections.abc import AsyncIterator

import psycopg
import pytest
from psycopg import sql

from store.connections import Row
from tests.clients.house import House, furnished
from tests.clients.workshop import Workshop, opened
from tests.dashboard.chromium import chromium
from tests.fixtures.database import cloned

__all__ = ["chromium"]


@pytest.fixture(scope="package")
async def house(server_url: str, server: psycopg.Connection[Row], template: sql.Identifier) -> AsyncIterator[House]:
    """Torn down with the package: its meter counts on as long as it stands."""
    with cloned(server_url, server, template) as url:
        async with furnished(url) as built:
            yield built


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return opened(tmp_path_factory.mktemp("clients"))
