"""Turns panels into whether the total of all panels that the viewer sees counts them."""

import strawberry

from metering.building import counted, deciding
from resolvers.context import Context, Info
from resolvers.loading import loaded
from store import panels
from store.panels import Panel


async def is_counted(parent: strawberry.Parent[Panel], info: Info) -> bool:
    """Whether the total of all that the viewer sees counts the panel."""
    return bool(await loaded(info.context, _of_codes, parent.code))


async def _of_codes(context: Context, codes: list[str]) -> dict[str, bool]:
    """Whether totals count the panels of these codes: one statement where a hub's other parts decide it, else none."""
    others = [other for code in codes for other in deciding(code)]
    counting = counted({*codes, *await _visible(context, others)})
    return {code: code in counting for code in codes}


async def _visible(context: Context, codes: list[str]) -> set[str]:
    if not codes:
        return set()
    async with context.pool.connection() as connection:
        return await panels.visible_codes(connection, codes, viewer=context.signed_in)
