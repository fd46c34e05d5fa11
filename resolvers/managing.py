"""Turns the code of a panel that somebody wants to decide about into that panel, where they act as its landlord."""

from metering.refusals import Refused
from resolvers import panels
from resolvers.context import Context
from resolvers.ledger_turns import prepaid_panel
from store import properties
from store.panels import Panel


async def managed(context: Context, code: str) -> Panel:
    """The panel of this code, of which the viewer may decide.

    Raises:
        Refused: UNAUTHENTICATED, PANEL_NOT_FOUND; FORBIDDEN where the viewer sees it as a tenant alone.
    """
    return await checked(context, await panels.required(context, code))


async def managed_prepaid(context: Context, code: str) -> Panel:
    """The prepaid panel of this code, of which the viewer may decide.

    Raises:
        Refused: as `managed`, and NOT_PREPAID.
    """
    return await checked(context, await prepaid_panel(context, code))


async def checked(context: Context, panel: Panel) -> Panel:
    """The panel itself, where the viewer may decide of it: renting one gives no such right, not even to a landlord.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN.
    """
    if not await is_managed(context, panel):
        raise Refused("FORBIDDEN", "Only the panel's landlord and admins may do this.", "panelCode")
    return panel


async def is_managed(context: Context, panel: Panel) -> bool:
    """Whether the viewer acts as the panel's landlord, or is an admin.

    Raises:
        Refused: UNAUTHENTICATED.
    """
    viewer = context.signed_in
    if viewer.sees_all:
        return True
    async with context.pool.connection() as connection:
        return await properties.manages(connection, viewer=viewer, panel_id=panel.id)
