"""A running server for each test that asks for one."""

from collections.abc import AsyncIterator

import pytest

from tests.fixtures.server import Server, make_app, serving


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[Server]:
    async with serving(make_app(database_url)) as running:
        yield running
