"""Connections of a pool are good when somebody gets one, and what was not wanted any more is closed."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from store.connections import Pool, connect_async, open_pool
from tests.fixtures.silence import silent_server


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    async with open_pool(database_url, size=1, application="pooled") as opened:
        yield opened


async def backend(pool: Pool) -> int:
    async with pool.connection() as connection:
        return connection.info.backend_pid


async def test_a_connection_is_used_again(pool: Pool) -> None:
    assert await backend(pool) == await backend(pool)


async def test_a_connection_that_the_server_has_ended_is_replaced_before_it_is_used(
    pool: Pool, database_url: str
) -> None:
    ended = await backend(pool)
    async with await connect_async(database_url) as connection:
        cursor = await connection.execute("SELECT pg_terminate_backend(%s, 5000)", (ended,))
        assert await cursor.fetchone() == (True,)
    async with pool.connection() as connection:
        cursor = await connection.execute("SELECT pg_backend_pid()")
        assert await cursor.fetchone() != (ended,)


async def test_what_is_cancelled_while_it_connects_is_closed_at_once() -> None:
    async with silent_server() as server:
        url = f"postgresql://nobody@127.0.0.1:{server.port}/none?sslmode=disable"
        connecting = asyncio.create_task(connect_async(url))
        await asyncio.wait_for(server.heard.wait(), 30)
        connecting.cancel()
        await asyncio.wait([connecting])
        await asyncio.wait_for(server.hung_up.wait(), 30)
    assert connecting.cancelled()
