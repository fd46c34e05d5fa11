"""Turns a database URL into connections with the settings that every process relies on."""

import asyncio
import select
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg import AsyncConnection, Connection, sql
from psycopg_pool import AsyncConnectionPool

Row = tuple[Any, ...]
"""A result row as psycopg returns it."""

Pool = AsyncConnectionPool[AsyncConnection[Row]]

Database = AsyncConnection[Row]
"""One connection of a pool; psycopg stays in this package."""

# TimescaleDB would refuse a batch of late readings that touches more than 100,000 compressed ones; others ignore it.
_OPTIONS = "-c timezone=UTC -c jit=off -c timescaledb.max_tuples_decompressed_per_dml_transaction=0"
CONNECT_TIMEOUT_S = 5
STATEMENT_TIMEOUT_MS = 15_000
_POOL_OPTIONS = f"{_OPTIONS} -c statement_timeout={STATEMENT_TIMEOUT_MS}"


def _parameters(application: str, *, options: str = _OPTIONS) -> dict[str, Any]:
    """What every connection has; one whose host has vanished without a word is noticed within half a minute."""
    return {
        "options": options,
        "application_name": application,
        "connect_timeout": CONNECT_TIMEOUT_S,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 30_000,
    }


def connect(url: str, *, application: str = "kilowatch") -> Connection[Row]:
    """A connection for work in a thread of its own (ingest, migrations); not in autocommit.

    Raises:
        psycopg.OperationalError: the database does not answer within 5 s.
    """
    return psycopg.connect(url, **_parameters(application))


async def connect_async(url: str, *, application: str = "kilowatch") -> AsyncConnection[Row]:
    """A connection in autocommit, for LISTEN and other long-lived work."""
    try:
        return await AsyncConnection.connect(url, autocommit=True, **_parameters(application))
    except asyncio.CancelledError as error:
        # psycopg 3.3: a frame of its traceback keeps the half-open connection, as long as somebody keeps the task.
        raise error.with_traceback(None) from None


def open_pool(url: str, *, size: int = 8, application: str = "kilowatch", wait_s: float = 5.0) -> Pool:
    """A pool of connections in autocommit, not opened yet: `await pool.open()` or `async with`.

    A statement is cancelled by the server after 15 s. Waiting for a free connection ends after `wait_s` with
    psycopg_pool.PoolTimeout.
    """
    return AsyncConnectionPool(
        url,
        min_size=1,
        max_size=size,
        timeout=wait_s,
        reconnect_timeout=5,
        open=False,
        check=_check,
        kwargs={"autocommit": True, **_parameters(application, options=_POOL_OPTIONS)},
    )


async def _check(connection: AsyncConnection[Row]) -> None:
    """Asks the server where it has said something while nobody was asking: that it ends the connection, mostly.

    Asking it each time would be one more round trip a request. A server that vanished without a word is the kernel's
    to find out.
    """
    looking = select.poll()
    looking.register(connection.fileno(), select.POLLIN)
    if looking.poll(0):
        await AsyncConnectionPool.check_connection(connection)


@asynccontextmanager
async def listening(url: str, *channels: str) -> AsyncGenerator[AsyncConnection[Row]]:
    """A connection that LISTENs on the channels; iterate `connection.notifies()`."""
    async with await connect_async(url, application="kilowatch listen") as connection:
        for channel in channels:
            await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
        yield connection
