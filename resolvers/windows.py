"""Turns a panel whose past is asked for into a connection that finds what the viewer may look back on of it."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from metering.access import Viewer
from metering.refusals import Refused
from metering.tenures import Tenure
from resolvers.context import Context
from resolvers.loading import loaded
from store import tenancies
from store.connections import Database
from store.panels import Panel

T = TypeVar("T")

Read = Callable[[Database, list[int]], Awaitable[Iterable[T]]]
"""Reads something of some panels' past by a connection; what it answers of several is put together."""


def is_bounded(context: Context) -> bool:
    """Whether a tenancy may bound what the viewer looks back on, of some panel, or of all."""
    viewer = context.viewer
    return context.tenures is not None or (viewer is not None and viewer.may_rent and not viewer.sees_all)


async def tenures_of(context: Context) -> Mapping[int, Tenure]:
    """What may be looked back on of each panel, by id, that is bounded; of a panel that is absent there is no bound.

    As it is now: those who do not rent pay nothing, the others a statement for all that is asked for at the same time.
    """
    if context.tenures is not None:
        return context.tenures
    if not is_bounded(context):
        return {}
    return await loaded(context, _tenures, context.signed_in.account_id) or {}


async def _tenures(context: Context, account_ids: list[int]) -> dict[int, Mapping[int, Tenure]]:
    async with context.pool.connection() as connection:
        found = await tenancies.tenures(connection, context.signed_in)
    return dict.fromkeys(account_ids, found)


async def tenure_of(context: Context, panel_id: int) -> Tenure | None:
    """What may be looked back on of a panel; None where there is no bound."""
    return (await tenures_of(context)).get(panel_id)


async def present_tenure(context: Context, panel_id: int) -> Tenure | None:
    """The same for what must not be missed: whether the viewer rents may have been looked up some seconds ago."""
    if context.signed_in.sees_all:
        return None
    async with context.pool.connection() as connection:
        return (await tenancies.tenures(connection, context.signed_in)).get(panel_id)


async def check_own_time(context: Context, panel: Panel, at: datetime | None) -> None:
    """Whether the viewer may write what happened at an instant: to who rents, the time before is another's.

    Raises:
        Refused: BAD_TIME.
    """
    tenure = None if at is None else await present_tenure(context, panel.id)
    if tenure is not None and at is not None and at < tenure.since:
        since = tenure.since.astimezone(panel.zone).isoformat(timespec="seconds")
        raise Refused("BAD_TIME", f"`at` must not be before {since}, when your tenancy began.", "at")


def seen_until(tenure: Tenure | None, *, now: datetime) -> datetime:
    """Up to when something is known: now, or the end of a tenancy that is over."""
    return now if tenure is None or tenure.until is None else min(now, tenure.until)


@asynccontextmanager
async def looking_back(context: Context, panel_id: int) -> AsyncGenerator[Database]:
    """A connection for reads of one panel's past."""
    bounds = await tenures_of(context)
    async with context.pool.connection() as connection, _bounded(connection, panel_id, bounds):
        yield connection


async def looked_back(context: Context, panel_ids: Collection[int], read: Read[T]) -> list[T]:
    """What is read of many panels' past: at once of those without bounds, and of each that has some by itself."""
    bounds = await tenures_of(context)
    async with context.pool.connection() as connection:
        return await _each(connection, panel_ids, bounds, read)


async def looked_back_by(connection: Database, context: Context, panel_ids: Collection[int], read: Read[T]) -> list[T]:
    """The same by a connection that is there already, which is in no transaction."""
    bounds = await tenures_by(connection, context)
    return await _each(connection, panel_ids, bounds, read)


async def tenures_by(connection: Database, context: Context) -> Mapping[int, Tenure]:
    """The same as `tenures_of`, without waiting for another connection, which whoever holds one should not do."""
    if context.tenures is not None or not is_bounded(context):
        return context.tenures or {}
    return await tenancies.tenures(connection, context.signed_in)


async def _each(
    connection: Database, panel_ids: Collection[int], bounds: Mapping[int, Tenure], read: Read[T]
) -> list[T]:
    free = [panel_id for panel_id in panel_ids if panel_id not in bounds]
    found = list(await read(connection, free)) if free else []
    for panel_id in panel_ids:
        if panel_id in bounds:
            async with tenancies.within(connection, panel_id=panel_id, tenure=bounds[panel_id]):
                found += await read(connection, [panel_id])
    return found


@asynccontextmanager
async def _bounded(connection: Database, panel_id: int, bounds: Mapping[int, Tenure]) -> AsyncGenerator[None]:
    tenure = bounds.get(panel_id)
    if tenure is None:
        yield
        return
    async with tenancies.within(connection, panel_id=panel_id, tenure=tenure):
        yield


@asynccontextmanager
async def seeing_now(context: Context) -> AsyncGenerator[Database]:
    """A connection for reads of panels with their newest readings, without any from before the viewer's tenancy."""
    async with context.pool.connection() as connection, as_now(connection, context):
        yield connection


@asynccontextmanager
async def as_now(connection: Database, context: Context, *, viewer: Viewer | None = None) -> AsyncGenerator[None]:
    """The same by a connection that is there already, which is in no transaction; for another viewer if given."""
    who = viewer or context.signed_in
    if who.sees_all or not who.may_rent:
        yield
        return
    async with tenancies.as_renter(connection, who):
        yield


def of_tenancy(context: Context, tenures: Mapping[int, Tenure]) -> Context:
    """The context of what is asked about a tenancy that may be over: its panels, and no other time than its own."""
    return replace(context, tenures=tenures, origin=context, loaders={})
