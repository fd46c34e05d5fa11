"""One worker at a time does a piece of work, and a dead one's turn is over at once."""

import psycopg
import pytest

from store.connections import Pool, connect_async
from store.turns import turn


async def test_a_turn_is_one_workers_until_it_ends(pool: Pool) -> None:
    async with turn(pool, "forecast") as first, turn(pool, "forecast") as second, turn(pool, "warn") as other:
        assert (first, second, other) == (True, False, True)
    async with turn(pool, "forecast") as again:
        assert again


async def test_the_turn_of_a_worker_that_fails_ends(pool: Pool) -> None:
    with pytest.raises(RuntimeError):
        async with turn(pool, "forecast"):
            raise RuntimeError
    async with turn(pool, "forecast") as again:
        assert again


_KILL = """
SELECT pg_terminate_backend(pid) FROM pg_locks
WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""


async def test_the_turn_of_a_dead_worker_is_free_and_the_worker_learns_of_it(pool: Pool, database_url: str) -> None:
    async with await connect_async(database_url) as other:
        with pytest.raises(psycopg.OperationalError):
            async with turn(pool, "forecast"):
                await other.execute(_KILL)
    async with turn(pool, "forecast") as ours:
        assert ours
