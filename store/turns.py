"""Lets one worker at a time, of all processes, do a piece of work."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from psycopg import AsyncConnection

from store.connections import Pool, Row

_ADVISORY_KEY = 0x4B57_544E  # "KWTN"

_TRY = "SELECT pg_try_advisory_lock(%(key)s, hashtext(%(name)s))"
_END = "SELECT pg_advisory_unlock(%(key)s, hashtext(%(name)s))"


@asynccontextmanager
async def turn(pool: Pool, name: str) -> AsyncGenerator[bool]:
    """Whether it is this worker's turn at the work of that name, until the block ends.

    False while another worker has it. The server ends the turn of a worker that dies at once, so that nothing is left
    to clean up.
    """
    parameters: dict[str, int | str] = {"key": _ADVISORY_KEY, "name": name}
    async with pool.connection() as connection:
        is_ours = await _first(connection, parameters)
        try:
            yield is_ours
        finally:
            if is_ours and not connection.closed:
                await connection.execute(_END, parameters)


async def keep_turn(connection: AsyncConnection[Row], name: str) -> bool:
    """Whether it is this connection's turn, from now until it is closed; False while another one has it."""
    return await _first(connection, {"key": _ADVISORY_KEY, "name": name})


async def _first(connection: AsyncConnection[Row], parameters: dict[str, int | str]) -> bool:
    return await (await connection.execute(_TRY, parameters)).fetchone() == (True,)
