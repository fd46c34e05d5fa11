"""Keeps properties and which panels belong to them, and turns a viewer into those that they act for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from psycopg import AsyncConnection

from metering.access import Viewer
from metering.refusals import Refused
from store.connections import Row
from store.scope import scope


@dataclass(frozen=True, slots=True)
class Property:
    """What somebody lets. Without a landlord it is the admins' affair."""

    id: int
    name: str
    address: str
    landlord_id: int | None
    landlord_name: str | None
    panel_count: int


@dataclass(frozen=True, slots=True)
class PropertyAddress:
    """What whoever sees a panel may know of its property."""

    id: int
    name: str
    address: str


@dataclass(frozen=True, slots=True)
class PropertyFilter:
    """Which properties are meant; None leaves it open."""

    search: str | None = None
    landlord_id: int | None = None


@dataclass(frozen=True, slots=True)
class PropertyPlace:
    """Where a property stands in the order of names."""

    name: str
    id: int


_MANAGES = "SELECT EXISTS (SELECT FROM managed_panel(%(viewer_id)s, %(sees_all)s) WHERE id = %(panel_id)s)"


async def manages(connection: AsyncConnection[Row], *, viewer: Viewer, panel_id: int) -> bool:
    """Whether the viewer acts as the panel's landlord."""
    ((is_managed,),) = await (await connection.execute(_MANAGES, {**scope(viewer), "panel_id": panel_id})).fetchall()
    return is_managed


# A home whose panel belongs to nobody is its own landlord: whoever it was given to sees to its devices.
_ONLY_RENTED: LiteralString = """
SELECT EXISTS (SELECT FROM visible_panel(%(viewer_id)s, %(sees_all)s) AS panel
               WHERE code = %(code)s
                 AND id NOT IN (SELECT id FROM managed_panel(%(viewer_id)s, %(sees_all)s))
                 AND NOT (property_id IS NULL
                          AND EXISTS (SELECT FROM panel_access
                                      WHERE panel_id = panel.id
                                        AND account_id = (SELECT acting_account(%(viewer_id)s)))))"""


async def is_only_rented(connection: AsyncConnection[Row], *, viewer: Viewer, code: str) -> bool:
    """Whether the viewer sees a panel and has no say in what its meter is: that is its landlord's.

    False of one that they do not see.
    """
    cursor = await connection.execute(_ONLY_RENTED, {**scope(viewer), "code": code})
    ((is_rented,),) = await cursor.fetchall()
    return is_rented


_COLUMNS: LiteralString = """
       property.id, property.name, property.address, landlord.id, landlord.name,
       (SELECT count(*)::integer FROM panel WHERE property_id = property.id)"""

_MANAGED: LiteralString = f"""
SELECT {_COLUMNS}
FROM managed_property(%(viewer_id)s, %(sees_all)s) AS property
LEFT JOIN account AS landlord ON landlord.id = property.landlord_id"""

_CHOSEN: LiteralString = """
WHERE (%(search)s::text IS NULL
       OR strpos(lower(concat_ws(' ', property.name, property.address)), lower(%(search)s)) > 0)
  AND (%(landlord_id)s::bigint IS NULL OR property.landlord_id = %(landlord_id)s)"""

_PAGE: LiteralString = f"""{_MANAGED} {_CHOSEN}
  AND (%(after_id)s::bigint IS NULL OR (lower(property.name), property.id) > (lower(%(after_name)s), %(after_id)s))
ORDER BY lower(property.name), property.id
LIMIT %(limit)s"""

_COUNT: LiteralString = f"""
SELECT count(*)::integer FROM managed_property(%(viewer_id)s, %(sees_all)s) AS property {_CHOSEN}"""


async def page(
    connection: AsyncConnection[Row],
    *,
    viewer: Viewer,
    where: PropertyFilter,
    after: PropertyPlace | None,
    limit: int | None,
) -> tuple[list[Property], int]:
    """Up to `limit` properties that the viewer acts for, by name, those after a place; and how many there are."""
    parameters = {**scope(viewer), "search": where.search, "landlord_id": where.landlord_id}
    place = {"after_id": after and after.id, "after_name": after and after.name, "limit": limit}
    rows = await (await connection.execute(_PAGE, {**parameters, **place})).fetchall()
    ((total,),) = await (await connection.execute(_COUNT, parameters)).fetchall()
    return [Property(*row) for row in rows], total


_BY_IDS: LiteralString = f"{_MANAGED} WHERE property.id = ANY(%(property_ids)s)"


async def by_ids(
    connection: AsyncConnection[Row], property_ids: Sequence[int], *, viewer: Viewer
) -> dict[int, Property]:
    """Those of these properties that the viewer acts for, by id."""
    cursor = await connection.execute(_BY_IDS, {**scope(viewer), "property_ids": list(property_ids)})
    return {row[0]: Property(*row) for row in await cursor.fetchall()}


_OF_PANELS: LiteralString = """
SELECT panel.id, property.id, property.name, property.address
FROM visible_panel(%(viewer_id)s, %(sees_all)s) AS panel JOIN property ON property.id = panel.property_id
WHERE panel.id = ANY(%(panel_ids)s)"""


async def of_panels(
    connection: AsyncConnection[Row], *, viewer: Viewer, panel_ids: Sequence[int]
) -> dict[int, PropertyAddress]:
    """The property of each visible panel, by the panel's id; panels of none are absent."""
    cursor = await connection.execute(_OF_PANELS, {**scope(viewer), "panel_ids": list(panel_ids)})
    return {panel_id: PropertyAddress(*row) for panel_id, *row in await cursor.fetchall()}


_CREATE: LiteralString = """
INSERT INTO property (landlord_id, name, address)
VALUES (coalesce(%(landlord_id)s::bigint, acting_account(%(viewer_id)s)), %(name)s, %(address)s)
RETURNING id"""


async def create(
    connection: AsyncConnection[Row], *, viewer: Viewer, name: str, address: str, landlord_id: int | None = None
) -> int:
    """Adds a property of the viewer's, or of another landlord's, and returns its id."""
    parameters = {"viewer_id": viewer.account_id, "landlord_id": landlord_id, "name": name, "address": address}
    ((property_id,),) = await (await connection.execute(_CREATE, parameters)).fetchall()
    return property_id


_HOLD: LiteralString = """
SELECT id FROM property
WHERE id = %(property_id)s AND id IN (SELECT id FROM managed_property(%(viewer_id)s, %(sees_all)s))
FOR UPDATE"""


async def hold(connection: AsyncConnection[Row], *, viewer: Viewer, property_id: int) -> None:
    """Holds a property until the transaction ends.

    Raises:
        Refused: PROPERTY_NOT_FOUND unless the viewer acts for it.
    """
    cursor = await connection.execute(_HOLD, {**scope(viewer), "property_id": property_id})
    if not await cursor.fetchall():
        raise Refused("PROPERTY_NOT_FOUND", "You have no property of this id.", "propertyId")


_DESCRIBE: LiteralString = """
UPDATE property SET name = coalesce(%(name)s, name), address = coalesce(%(address)s, address),
                    landlord_id = coalesce(%(landlord_id)s::bigint, landlord_id)
WHERE id = %(property_id)s"""


async def describe(
    connection: AsyncConnection[Row],
    property_id: int,
    *,
    name: str | None = None,
    address: str | None = None,
    landlord_id: int | None = None,
) -> None:
    """Gives a property, which the transaction holds, another name, address or landlord; None leaves it."""
    parameters = {"property_id": property_id, "name": name, "address": address, "landlord_id": landlord_id}
    await connection.execute(_DESCRIBE, parameters)


_IS_LANDLORD = """
SELECT FROM account WHERE id = %s AND kind = 'PERSON' AND role IN ('LANDLORD', 'ADMIN') FOR SHARE"""


async def check_landlord(connection: AsyncConnection[Row], account_id: int) -> None:
    """Whether an account may have properties; it stays so until the transaction ends.

    Raises:
        Refused: NOT_A_LANDLORD.
    """
    if not await (await connection.execute(_IS_LANDLORD, (account_id,))).fetchall():
        message = "Only landlords and admins have properties: give an account of one, or `setRole` first."
        raise Refused("NOT_A_LANDLORD", message, "landlordId")


_IS_LET: LiteralString = """
SELECT EXISTS (SELECT FROM tenancy WHERE property_id = %(property_id)s AND (ends_at IS NULL OR ends_at > %(now)s))"""
_REMOVE: LiteralString = "DELETE FROM property WHERE id = %(property_id)s"


async def remove(connection: AsyncConnection[Row], property_id: int, *, now: datetime) -> None:
    """Removes a property, which the transaction holds; its panels belong to nobody then.

    Raises:
        Refused: STILL_LET while a tenancy of it is not over.
    """
    parameters = {"property_id": property_id, "now": now}
    ((is_let,),) = await (await connection.execute(_IS_LET, parameters)).fetchall()
    if is_let:
        raise still_let("id")
    await connection.execute(_REMOVE, parameters)


def still_let(field: str) -> Refused:
    """The refusal of what has to wait for the end of a tenancy."""
    message = "A tenancy of it is not over: end it first, or move all panels that are let together to one property."
    return Refused("STILL_LET", message, field)
