"""Turns tenancies into what of a panel's history its tenant may look back on, and statements into such of that."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import LiteralString

from psycopg import AsyncConnection, Connection
from psycopg.pq import TransactionStatus

from metering.access import Viewer
from metering.tenures import Tenure
from store.connections import Row
from store.panels import Panel, PanelStatus
from store.scope import scope

_TENURES: LiteralString = """
SELECT panel_id, since, CASE WHEN until < 'infinity' THEN until END FROM rented_span(%(viewer_id)s)"""


async def tenures(connection: AsyncConnection[Row], viewer: Viewer) -> dict[int, Tenure]:
    """What the viewer may look back on of each panel, by id, that they rent now and see by nothing else."""
    rows = await (await connection.execute(_TENURES, {"viewer_id": viewer.account_id}, binary=True)).fetchall()
    return {panel_id: Tenure(since, until) for panel_id, since, until in rows}


_PANELS: LiteralString = """
SELECT tenancy.id, panel.id, panel.code, panel.name, panel.time_zone, panel.is_prepaid
FROM tenancy
CROSS JOIN history_panel(%(viewer_id)s, %(sees_all)s, tenancy.starts_at, coalesce(tenancy.ends_at, 'infinity')) AS panel
JOIN tenancy_panel AS let ON let.tenancy_id = tenancy.id AND let.panel_id = panel.id
WHERE tenancy.id = ANY (%(tenancy_ids)s)
ORDER BY tenancy.id, panel.code"""


async def panels(
    connection: AsyncConnection[Row], *, viewer: Viewer, tenancy_ids: Sequence[int]
) -> dict[int, list[Panel]]:
    """The panels of tenancies, by code, where the viewer may look back on the whole span; nothing of them now."""
    parameters = {**scope(viewer), "tenancy_ids": list(tenancy_ids)}
    found: dict[int, list[Panel]] = {}
    for tenancy_id, *row in await (await connection.execute(_PANELS, parameters, binary=True)).fetchall():
        found.setdefault(tenancy_id, []).append(_past_panel(*row))
    return found


def _past_panel(panel_id: int, code: str, name: str, time_zone: str, is_prepaid: bool) -> Panel:  # noqa: FBT001 - a row
    return Panel(panel_id, code, name, "", 0, time_zone, is_prepaid, None, PanelStatus.OFFLINE, None, None)


_ENTER: LiteralString = "SELECT windowed.enter(%(panel_id)s, %(since)s, coalesce(%(until)s::timestamptz, 'infinity'))"


@asynccontextmanager
async def within(connection: AsyncConnection[Row], *, panel_id: int, tenure: Tenure) -> AsyncGenerator[None]:
    """While it lasts, statements of the connection find one panel's rows of a tenure, and sums of these, and no others.

    They read under the names of the tables, and are not to write; `history_panel` has that panel alone.
    """
    async with _own_transaction(connection):
        await connection.execute(_ENTER, _window(panel_id, tenure))
        yield


_BOUND: LiteralString = """
SELECT windowed.enter(panel.id, %(since)s, coalesce(%(until)s::timestamptz, 'infinity'))
FROM panel WHERE code = %(code)s"""
_BOUND_NOW: LiteralString = """
SELECT windowed.enter(panel.id, rented.since, rented.until)
FROM rented_span(%(viewer_id)s) AS rented JOIN panel ON panel.id = rented.panel_id
WHERE panel.code = %(code)s"""


def bound_export(connection: Connection[Row], *, viewer: Viewer, code: str, tenure: Tenure | None) -> None:
    """The same for the one panel of a download, up to the end of the transaction that is open.

    With a tenure for that, else as long as the viewer rents the panel now; without any bound where they do not.
    """
    if tenure is not None:
        connection.execute(_BOUND, {"code": code, "since": tenure.since, "until": tenure.until})
    elif viewer.may_rent and not viewer.sees_all:
        connection.execute(_BOUND_NOW, {"code": code, "viewer_id": viewer.account_id})


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

    Statements are not prepared in it: a plan that others use on this connection would be made anew each time.

    Raises:
        RuntimeError: the connection is in a transaction.
    """
    if connection.info.transaction_status is not TransactionStatus.IDLE:
        raise RuntimeError("a window needs a transaction of its own")
    threshold, connection.prepare_threshold = connection.prepare_threshold, None
    try:
        async with connection.transaction():
            yield
    finally:
        connection.prepare_threshold = threshold
