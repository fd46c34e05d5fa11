"""Fixtures of the pages' tests: the browser, and a server that shows what was built."""

from collections.abc import AsyncGenerator

import pytest

from dashboard.build import is_built
from dashboard.pages import graphiql_routes
from tests.dashboard.chromium import chromium
from tests.dashboard.small_server import served

__all__ = ["chromium"]


@pytest.fixture(scope="session")
async def base_url() -> AsyncGenerator[str]:
    if not is_built():
        pytest.skip("GraphiQL is not built from the present sources; run: make graphiql")
    async with served(graphiql_routes()) as url:
        yield url
