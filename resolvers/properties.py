"""Turns who is asking into the properties that they act for, and what they say of these into changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import strawberry

from metering.access import Viewer
from metering.names import checked_name
from metering.refusals import Refused, about
from resolvers import panels
from resolvers.audit import Audit, audited
from resolvers.checked_words import checked_address, checked_codes
from resolvers.context import Context, Info
from resolvers.loading import loaded
from resolvers.managing import managed
from resolvers.pages import Cursor, Page, bad_cursor, checked_first, cursor_of, page_of, place_of
from resolvers.panel_words import checked_change
from resolvers.places import ID_DIGITS, number_in
from store import properties, property_panels, registry
from store.connections import Database
from store.panels import Panel
from store.properties import Property, PropertyAddress, PropertyFilter, PropertyPlace
from store.registry import PanelChange

CURSOR: Final = "property"
MAX_SEARCH_LENGTH: Final = 100


@dataclass(frozen=True, slots=True)
class PropertyChange:
    """What became of a property; None of one that was removed."""

    property: Property | None = None
    refusal: Refused | None = None


@dataclass(frozen=True, slots=True)
class PanelDescribed:
    """What became of what is known of a panel."""

    panel: Panel | None = None
    refusal: Refused | None = None


async def page(context: Context, *, where: PropertyFilter, first: int, after: Cursor | None) -> Page[Property]:
    """The properties that the viewer acts for, by name.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN (tenants), BAD_INPUT, BAD_CURSOR.
    """
    viewer = context.landlord
    if where.search is not None and not (len(where.search) <= MAX_SEARCH_LENGTH and where.search.isprintable()):
        message = f"`search` may have {MAX_SEARCH_LENGTH} printable characters at the most."
        raise Refused("BAD_INPUT", message, "filter")
    place = None if after is None else _place(after)
    async with context.pool.connection() as connection:
        rows, total = await properties.page(
            connection, viewer=viewer, where=where, after=place, limit=checked_first(first) + 1
        )
    return page_of(rows, first=first, after=after, total_count=total, cursor=_cursor)


def _cursor(row: Property) -> Cursor:
    return cursor_of(CURSOR, msgspec.json.encode((row.id, row.name)).decode())


_PARTS = msgspec.json.Decoder(tuple[int, str])


def _place(cursor: Cursor) -> PropertyPlace:
    try:
        number, name = _PARTS.decode(place_of(cursor, kind=CURSOR))
    except msgspec.MsgspecError:
        raise bad_cursor() from None
    if not 0 <= number < 10**ID_DIGITS or "\0" in name:
        raise bad_cursor()
    return PropertyPlace(name, number)


def number_of_id(id_: str | None) -> int | None:
    """The number of an id, 0 for what can be none; None where it is left out."""
    return None if id_ is None else number_in(id_) or 0


async def one(context: Context, property_id: str) -> Property | None:
    """The property of an id; None for "not there" and "not yours" alike.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN (tenants).
    """
    viewer, number = context.landlord, number_in(property_id)
    if number is None:
        return None
    async with context.pool.connection() as connection:
        return (await properties.by_ids(connection, [number], viewer=viewer)).get(number)


async def of_panel(parent: strawberry.Parent[Panel], info: Info) -> PropertyAddress | None:
    """What may be known of the property of a panel that the viewer sees; None where it belongs to nobody."""
    return await loaded(info.context, _addresses, parent.id)


async def _addresses(context: Context, panel_ids: list[int]) -> dict[int, PropertyAddress]:
    async with context.pool.connection() as connection:
        return await properties.of_panels(connection, viewer=context.signed_in, panel_ids=panel_ids)


async def create(context: Context, *, name: str, address: str, landlord_id: str | None) -> PropertyChange:
    """Adds a property of the viewer's; admins may give it to another landlord.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN, BAD_NAME, BAD_INPUT, NOT_A_LANDLORD.
    """
    async with audited(context, action="CREATE_PROPERTY", name=name, landlordId=landlord_id) as act:
        viewer, landlord = context.landlord, _landlord(context, landlord_id)
        shown_name, place = checked_name(name), checked_address(address)
        async with context.pool.connection() as connection, connection.transaction():
            if landlord is not None:
                await properties.check_landlord(connection, landlord)
            number = await properties.create(
                connection, viewer=viewer, name=shown_name, address=place, landlord_id=landlord
            )
            act.about(property_id=number, subject_account_id=landlord)
            await act.done(connection)
            return PropertyChange((await properties.by_ids(connection, [number], viewer=viewer))[number])


async def update(
    context: Context, *, property_id: str, name: str | None, address: str | None, landlord_id: str | None
) -> PropertyChange:
    """Gives a property another name or address; admins may hand it to another landlord.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN, PROPERTY_NOT_FOUND, BAD_NAME, BAD_INPUT, NOT_A_LANDLORD.
    """
    number = number_in(property_id) or 0
    async with audited(context, action="UPDATE_PROPERTY", property_id=number, name=name, landlordId=landlord_id) as act:
        viewer, landlord = context.landlord, _landlord(context, landlord_id)
        shown_name = None if name is None else checked_name(name)
        place = None if address is None else checked_address(address)
        async with context.pool.connection() as connection, connection.transaction():
            with about("id"):
                await properties.hold(connection, viewer=viewer, property_id=number)
            if landlord is not None:
                await _hand_over(connection, act, viewer, number, landlord_id=landlord)
            await properties.describe(connection, number, name=shown_name, address=place)
            await act.done(connection)
            return PropertyChange((await properties.by_ids(connection, [number], viewer=viewer))[number])


async def _hand_over(connection: Database, act: Audit, viewer: Viewer, number: int, *, landlord_id: int) -> None:
    """Gives a property to another landlord; the one before reads in the audit that it was taken."""
    await properties.check_landlord(connection, landlord_id)
    before = (await properties.by_ids(connection, [number], viewer=viewer))[number].landlord_id
    await properties.describe(connection, number, landlord_id=landlord_id)
    if before is not None:
        act.about(subject_account_id=before)
        await act.done(connection)
    act.about(subject_account_id=landlord_id)


def _landlord(context: Context, landlord_id: str | None) -> int | None:
    """Whose property it is to be; None leaves it open.

    Raises:
        Refused: FORBIDDEN unless the viewer is an admin.
    """
    if landlord_id is None:
        return None
    if not context.signed_in.sees_all:
        raise Refused("FORBIDDEN", "Only admins may give a property to another landlord.", "landlordId")
    return number_in(landlord_id) or 0


async def remove(context: Context, *, property_id: str) -> PropertyChange:
    """Removes a property; its panels belong to nobody then.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN, PROPERTY_NOT_FOUND, STILL_LET.
    """
    number = number_in(property_id) or 0
    async with audited(context, action="REMOVE_PROPERTY", property_id=number) as act:
        viewer = context.landlord
        async with context.pool.connection() as connection, connection.transaction():
            with about("id"):
                await properties.hold(connection, viewer=viewer, property_id=number)
            known = (await properties.by_ids(connection, [number], viewer=viewer))[number]
            act.about(subject_account_id=known.landlord_id)
            await act.done(connection, name=known.name)
            await properties.remove(connection, number, now=context.now())
        return PropertyChange()


async def assign_panels(context: Context, *, panel_codes: Sequence[str], property_id: str | None) -> PropertyChange:
    """Moves panels between the viewer's properties; admins move any, also to no property.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN, PANEL_NOT_FOUND, PROPERTY_NOT_FOUND, STILL_LET, BAD_INPUT.
    """
    number = number_of_id(property_id)
    async with audited(context, action="ASSIGN_PANELS", property_id=number, panelCodes=list(panel_codes)) as act:
        viewer, codes = context.landlord, checked_codes(panel_codes)
        if number is None and not viewer.sees_all:
            raise Refused("FORBIDDEN", "Only admins may take panels out of every property.", "propertyId")
        async with context.pool.connection() as connection, connection.transaction():
            if number is not None:
                await properties.hold(connection, viewer=viewer, property_id=number)
            held = await property_panels.hold(connection, viewer=viewer, codes=codes)
            if not viewer.sees_all and not all(panel.is_own for panel in held):
                raise Refused("FORBIDDEN", "Only panels of your own properties can be moved.", "panelCodes")
            ids = [panel.id for panel in held]
            await property_panels.move(connection, ids, property_id=number, now=context.now())
            for concerned in {number, *(panel.property_id for panel in held)} - {None} or {None}:
                act.about(property_id=concerned)
                await act.done(connection)
            found = await properties.by_ids(connection, [number or 0], viewer=viewer)
            return PropertyChange(found.get(number or 0))


async def describe_panel(context: Context, *, code: str, change: PanelChange) -> PanelDescribed:
    """Changes what is known of a panel that the viewer decides about; days so far keep their time zone.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN, PANEL_NOT_FOUND, BAD_NAME, BAD_INPUT.
    """
    async with audited(context, action="DESCRIBE_PANEL", panel_code=code, **change.given) as act:
        _ = context.landlord
        panel = await managed(context, code)
        checked = checked_change(change)
        async with context.pool.connection() as connection, connection.transaction():
            await registry.change_panel(connection, panel.code, checked)
            await act.done(connection, panel_id=panel.id)
        return PanelDescribed(await panels.visible(context, code))
