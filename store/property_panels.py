"""Keeps which property each panel belongs to, and what landlords say of where their panels are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from psycopg import AsyncConnection

from metering.access import Viewer
from metering.refusals import Refused
from store.connections import Row
from store.properties import still_let
from store.scope import scope


@dataclass(frozen=True, slots=True)
class HeldPanel:
    """A panel that a transaction holds; `is_own` says that it is in a property that the viewer acts for."""

    id: int
    code: str
    property_id: int | None
    time_zone: str
    is_own: bool


_HOLD: LiteralString = """
SELECT id, code, property_id, time_zone,
       coalesce(property_id IN (SELECT id FROM managed_property(%(viewer_id)s, %(sees_all)s)), false)
FROM panel
WHERE code = ANY(%(codes)s) AND id IN (SELECT id FROM visible_panel(%(viewer_id)s, %(sees_all)s))
ORDER BY id
FOR UPDATE OF panel"""


async def hold(
    connection: AsyncConnection[Row], *, viewer: Viewer, codes: Sequence[str], field: str = "panelCodes"
) -> list[HeldPanel]:
    """Holds visible panels until the transaction ends.

    Raises:
        Refused: PANEL_NOT_FOUND when there is none of one of the codes for the viewer.
    """
    cursor = await connection.execute(_HOLD, {**scope(viewer), "codes": list(codes)})
    found = [HeldPanel(*row) for row in await cursor.fetchall()]
    if {panel.code for panel in found} != set(codes):
        raise Refused("PANEL_NOT_FOUND", "You have no panel of one of these codes.", field)
    return found


_MOVE: LiteralString = "UPDATE panel SET property_id = %(property_id)s::bigint WHERE id = ANY(%(panel_ids)s)"

_LET: LiteralString = """
(SELECT tenancy.id FROM tenancy
 WHERE (ends_at IS NULL OR ends_at > %(now)s)
   AND EXISTS (SELECT FROM tenancy_panel WHERE tenancy_id = tenancy.id AND panel_id = ANY(%(panel_ids)s)))"""

_IS_TORN: LiteralString = f"""
SELECT EXISTS (SELECT FROM tenancy_panel JOIN panel ON panel.id = panel_id
               WHERE tenancy_id IN {_LET} AND (%(property_id)s::bigint IS NULL OR property_id <> %(property_id)s
                                               OR property_id IS NULL))"""

_MOVE_TENANCIES: LiteralString = f"UPDATE tenancy SET property_id = %(property_id)s::bigint WHERE id IN {_LET}"


async def move(
    connection: AsyncConnection[Row], panel_ids: Sequence[int], *, property_id: int | None, now: datetime
) -> None:
    """Lets panels, which the transaction holds, belong to another property, or to none; their tenancies follow.

    Raises:
        Refused: STILL_LET where a tenancy that is not over would be left without a property, or with panels of two.
    """
    parameters = {"panel_ids": list(panel_ids), "property_id": property_id, "now": now}
    await connection.execute(_MOVE, parameters)
    ((is_torn,),) = await (await connection.execute(_IS_TORN, parameters)).fetchall()
    if is_torn:
        raise still_let("panelCodes")
    await connection.execute(_MOVE_TENANCIES, parameters)
