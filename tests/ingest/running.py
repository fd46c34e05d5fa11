"""Ingest as it runs, inside a test, and waits with a deadline."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from psycopg import AsyncConnection

from bench.publisher import prepared, publish
from ingest.service import run
from store.connections import Row
from store.ingest_status import ingest_status


async def eventually(condition: Callable[[], Awaitable[object]], *, within_s: float = 20) -> None:
    ends_at = time.monotonic() + within_s
    while not await condition():
        assert time.monotonic() < ends_at, "it did not come to pass"
        await asyncio.sleep(0.02)


async def rows(connection: AsyncConnection[Row], query: str) -> list[Row]:
    return await (await connection.execute(query)).fetchall()  # type: ignore[arg-type]


async def holds(connection: AsyncConnection[Row], query: str, *expected: Row) -> None:
    """Waits until the query's rows are the expected ones."""
    found: list[Row] = []

    async def is_so() -> bool:
        found[:] = await rows(connection, query)
        return found == list(expected)

    try:
        await eventually(is_so)
    except AssertionError:
        assert found == list(expected)


async def is_connected(connection: AsyncConnection[Row]) -> bool:
    return (await ingest_status(connection)).is_connected


def url_of(connection: AsyncConnection[Row]) -> str:
    """The URL of the connection's database."""
    info = connection.info
    password = f":{info.password}" if info.password else ""
    return f"postgresql://{info.user}{password}@{info.host}:{info.port}/{info.dbname}"


@asynccontextmanager
async def ingesting(connection: AsyncConnection[Row], mqtt_url: str, **options: Any) -> AsyncIterator[None]:
    """Runs ingest on the connection's database, from when it is connected to the broker."""
    options = {"default_time_zone": "Asia/Jakarta", **options}
    task = asyncio.ensure_future(run(database_url=url_of(connection), mqtt_url=mqtt_url, **options))
    try:

        async def is_up() -> bool:
            if task.done():
                task.result()
            return await is_connected(connection)

        await eventually(is_up)
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def send(port_v311: int, messages: Sequence[tuple[str, bytes]]) -> None:
    """Publishes with QoS 1 and returns when the broker has acknowledged all of it."""
    published = await asyncio.to_thread(publish, port_v311, prepared(messages))
    assert published.acknowledged == len(messages)
