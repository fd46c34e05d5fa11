"""Turns tenancies into what of a panel's history its tenant may look back on, and statements into such of that."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import LiteralString

from psycopg import AsyncConnection, Connection
from psycopg.pq import TransactionStatus

from metering.access import Viewer
from metering.tenures import Tenure
from store.connections import Row

_TENURES: LiteralString = """
SELECT panel_id, since, CASE WHEN until < 'infinity' THEN until END FROM rented_span(%(viewer_id)s)"""


async def tenures(connection: AsyncConnection[Row], viewer: Viewer) -> dict[int, Tenure]:
    """What the viewer may look back on of each panel, by id, that they rent now and see by nothing else."""
    rows = await (await connection.execute(_TENURES, {"viewer_id": viewer.account_id}, binary=True)).fetchall()
    return {panel_id: Tenure(since, until) for panel_id, since, until in rows}


_ENTER: LiteralString = "SELECT windowed.enter(%(panel_id)s, %(since)s, coalesce(%(until)s::timestamptz, 'infinity'))"


@asynccontextmanager
async def within(connection: AsyncConnection[Row], *, panel_id: int, tenure: Tenure) -> AsyncGenerator[None]:
    """While it lasts, statements of the connection find one panel's rows of a tenure, and sums of these, and no others.

    They read under the names of the tables, and are not to write; `history_panel` has that panel alone.
    """
    async with _own_transaction(connection):
        await connection.execute(_ENTER, _window(panel_id, tenure))
        yield


def enter_window(connection: Connection[Row], *, panel_id: int, tenure: Tenure) -> None:
    """The same up to the end of the transaction that is open."""
    connection.execute(_ENTER, _window(panel_id, tenure))


def _window(panel_id: int, tenure: Tenure) -> dict[str, object]:
    return {"panel_id": panel_id, "since": tenure.since, "until": tenure.until}


_AS_RENTER: LiteralString = "SELECT rented.enter(%(viewer_id)s)"


@asynccontextmanager
async def as_renter(connection: AsyncConnection[Row], viewer: Viewer) -> AsyncGenerator[None]:
    """While it lasts, the newest readings of the panels that the viewer rents are none from before their tenures."""
    async with _own_transaction(connection):
        await connection.execute(_AS_RENTER, {"viewer_id": viewer.account_id})
        yield


@asynccontextmanager
async def _own_transaction(connection: AsyncConnection[Row]) -> AsyncGenerator[None]:
    """What a window sets ends with its transaction, and would outlast one inside another.

    Raises:
        RuntimeError: the connection is in a transaction.
    """
    if connection.info.transaction_status is not TransactionStatus.IDLE:
        raise RuntimeError("a window needs a transaction of its own")
    async with connection.transaction():
        yield
