"""Connections of a pool are good when somebody gets one, without asking the server each time."""

from collections.abc import AsyncIterator

import pytest

from store.connections import Pool, connect_async, open_pool


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
