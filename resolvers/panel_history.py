"""Turns a tenancy into its panels as they were within it, whoever sees them now."""

import strawberry

from metering.tenures import Tenure
from resolvers.context import Context, Info
from resolvers.loading import loaded
from resolvers.windows import of_tenancy
from store import tenancies
from store.panels import Panel
from store.tenancy_terms import Tenancy


async def of_tenancy_rows(parent: strawberry.Parent[Tenancy], info: Info) -> tuple[list[Panel], Context]:
    """The tenancy's panels, by code, and the context in which their past is asked for: of the tenancy, and no more.

    None of them where the viewer is neither the tenant nor sees all of the tenancy's time by something else.
    """
    panels = await loaded(info.context, _panels, parent.id) or []
    tenure = Tenure(parent.starts_at, parent.ends_at)
    return panels, of_tenancy(info.context, {panel.id: tenure for panel in panels})


async def _panels(context: Context, tenancy_ids: list[int]) -> dict[int, list[Panel]]:
    async with context.pool.connection() as connection:
        return await tenancies.panels(connection, viewer=context.signed_in, tenancy_ids=tenancy_ids)
