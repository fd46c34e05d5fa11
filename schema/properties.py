"""Describes properties: what a landlord lets, its panels, tenancies and invitations."""

from typing import Annotated

import strawberry

from resolvers import invitations, pages, panels, properties, property_overview, tenancies
from resolvers.context import Info
from resolvers.pages import Cursor
from resolvers.properties import PanelDescribed, PropertyChange
from schema.arguments import Arguments
from schema.invitations import Invitation
from schema.pages import WINDOW, Connection
from schema.property_overview import MONTH, PropertyOverview
from schema.refusals import Refusal, RefusedAsData
from schema.tenancies import Tenancy
from store.panel_list import PanelFilter
from store.panels import Panel as PanelRow
from store.properties import Property as PropertyRow
from store.properties import PropertyFilter as Filter
from store.registry import PanelChange

Panel = Annotated["Panel", strawberry.lazy("schema.panels")]


@strawberry.type(description="What whoever sees a panel may know of the property that it belongs to.")
class PropertyAddress:
    """See `store.properties.PropertyAddress`."""

    id: strawberry.ID = strawberry.field(description="The property's number.")
    name: str = strawberry.field(description="What its landlord calls it.")
    address: str = strawberry.field(description="Where it is; empty when nobody said.")


@strawberry.type(description="What a landlord lets: a building, a house, a row of shops; for its landlord and admins.")
class Property:
    """See `store.properties.Property`."""

    id: strawberry.ID = strawberry.field(description="Its number.")
    name: str = strawberry.field(description="What its landlord calls it.")
    address: str = strawberry.field(description="Where it is; empty when nobody said.")
    landlord_id: strawberry.ID | None = strawberry.field(
        description="The landlord's account; null where that was removed, and admins alone decide."
    )
    landlord_name: str | None = strawberry.field(description="What the landlord is called; null without one.")
    panel_count: int = strawberry.field(description="How many panels belong to it.")

    @strawberry.field(
        description="The panels that belong to it, by code.",
        graphql_type=Connection[Panel],
        extensions=[Arguments(**WINDOW)],
    )
    @staticmethod
    async def panels(  # noqa: PLR0917 - the arguments of the field
        parent: strawberry.Parent[PropertyRow],
        info: Info,
        first: int | None = pages.USUAL_FIRST,
        after: Cursor | None = None,
        last: int | None = None,
        before: Cursor | None = None,
    ) -> pages.Page[PanelRow]:
        """A page of panels."""
        window = pages.window(first=first, last=last, after=after, before=before)
        where = PanelFilter(property_id=parent.id)
        return await panels.page(info, window=window, where=where, order=panels.Order())

    overview: property_overview.PropertyOverview = strawberry.field(
        resolver=property_overview.of_property,
        graphql_type=PropertyOverview,
        description="How it stands with the property.",
        extensions=[Arguments(**MONTH)],
    )
    tenancies: Connection[Tenancy] = strawberry.field(  # pyright: ignore[reportAssignmentType]
        resolver=tenancies.of_property,
        description="Who rents, has rented and is to rent here, what was accepted last first.",
        extensions=[
            Arguments(
                first="How many at the most, 1 to 500.",
                after="Only tenancies after this cursor.",
                is_current="Only those that have begun and are not over, or only the others; all when left out.",
            )
        ],
    )
    invitations: Connection[Invitation] = strawberry.field(  # pyright: ignore[reportAssignmentType]
        resolver=invitations.of_property,
        description="Who was invited to rent here, the newest first; without their codes.",
        extensions=[Arguments(first="How many at the most, 1 to 500.", after="Only invitations after this cursor.")],
    )


@strawberry.input(description="Which properties are meant. What is left out or null stays open.")
class PropertyFilter:
    """See `store.properties.PropertyFilter`."""

    search: str | None = strawberry.field(
        default=None, description="Text in the name or address, upper and lower case alike; 100 characters at the most."
    )
    landlord_id: strawberry.ID | None = strawberry.field(default=None, description="Only properties of this account.")

    def chosen(self) -> Filter:
        """The same for the resolvers."""
        return Filter(self.search, properties.number_of_id(self.landlord_id))


@strawberry.input(description="A new property.")
class CreatePropertyInput:
    """See `resolvers.properties.create`."""

    name: str = strawberry.field(description="What to call it, 1 to 200 characters.")
    address: str = strawberry.field(default="", description="Where it is, up to 500 characters.")
    landlord_id: strawberry.ID | None = strawberry.field(
        default=None, description="For admins: the landlord's account. Your own when left out."
    )


@strawberry.input(description="What is to change of a property; what is left out or null stays.")
class UpdatePropertyInput:
    """See `resolvers.properties.update`."""

    id: strawberry.ID = strawberry.field(description="The `id` of the Property.")
    name: str | None = strawberry.field(default=None, description="What to call it, 1 to 200 characters.")
    address: str | None = strawberry.field(default=None, description="Where it is, up to 500 characters.")
    landlord_id: strawberry.ID | None = strawberry.field(
        default=None, description="For admins: the account of the landlord that it goes to, with all that is let."
    )


@strawberry.input(description="Which property goes.")
class RemovePropertyInput:
    """See `resolvers.properties.remove`."""

    id: strawberry.ID = strawberry.field(description="The `id` of the Property.")


@strawberry.type(description="The property as it is now, or why it was refused.")
class PropertyPayload:
    """See `resolvers.properties.PropertyChange`."""

    property: Property | None = strawberry.field(
        description="The property; null when refused, when it was removed, and for panels that belong to none now."
    )
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, FORBIDDEN, PROPERTY_NOT_FOUND, PANEL_NOT_FOUND, NOT_A_LANDLORD, STILL_LET,"
        " CLAIM_NOT_VALID, TOO_MANY_ATTEMPTS, BAD_NAME or BAD_INPUT; null when it was changed."
    )


@strawberry.input(description="Which panels are to belong to which property.")
class AssignPanelsInput:
    """See `resolvers.properties.assign_panels`."""

    panel_codes: list[str] = strawberry.field(description="The panels' codes, 1 to 500.")
    property_id: strawberry.ID | None = strawberry.field(
        description="The `id` of the Property; null, for admins, for none."
    )


@strawberry.input(description="What is known of a panel besides its readings; what is left out or null stays.")
class DescribePanelInput:
    """See `resolvers.properties.describe_panel`."""

    code: str = strawberry.field(description="The panel's code, which stays.")
    name: str | None = strawberry.field(default=None, description="What people call it, 1 to 200 characters.")
    location: str | None = strawberry.field(default=None, description="Where it is, up to 500 characters.")
    floor: int | None = strawberry.field(default=None, description="The storey, -100 to 1000; 0 is the ground floor.")
    time_zone: str | None = strawberry.field(
        default=None,
        description="The IANA name of its time zone, such as Africa/Lagos. It counts for days to come; those before"
        " keep the old one.",
    )
    is_prepaid: bool | None = strawberry.field(
        default=None, description="Whether credit is bought first. What was bought stays in the ledger either way."
    )
    meter_number: str | None = strawberry.field(
        default=None, description='The prepaid meter\'s number, up to 100 characters; "" for none.'
    )

    def change(self) -> PanelChange:
        """The same for the resolvers."""
        return PanelChange(self.name, self.location, self.floor, self.time_zone, self.is_prepaid, self.meter_number)


@strawberry.type(description="The panel as it is now, or why it was refused.")
class DescribePanelPayload:
    """See `resolvers.properties.PanelDescribed`."""

    panel: Panel | None = strawberry.field(description="The panel; null when refused.")
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, FORBIDDEN, PANEL_NOT_FOUND, BAD_NAME or BAD_INPUT; null when it was changed."
    )


@strawberry.type
class PropertyQueries:
    """Properties, one and all."""

    @strawberry.field(
        description="The properties that you act for, by name: for landlords their own, for admins all.",
        graphql_type=Connection[Property],
        extensions=[
            Arguments(
                first="How many at the most, 1 to 500.",
                after="Only properties after this cursor.",
                where=("filter", "Which properties; all when left out."),
            )
        ],
    )
    @staticmethod
    async def properties(
        info: Info, first: int = 50, after: Cursor | None = None, where: PropertyFilter | None = None
    ) -> pages.Page[PropertyRow]:
        """A page of properties."""
        chosen = where.chosen() if where else Filter()
        return await properties.page(info.context, where=chosen, first=first, after=after)

    @strawberry.field(
        name="property",
        description='The property of this id; null for "not there" and "not yours" alike.',
        graphql_type=Property | None,
        extensions=[Arguments(id_=("id", "The `id` of a Property."))],
    )
    @staticmethod
    async def one_property(info: Info, id_: strawberry.ID) -> PropertyRow | None:
        """The property."""
        return await properties.one(info.context, str(id_))


@strawberry.type
class PropertyMutations:
    """Changes of properties, and of what belongs to them."""

    @strawberry.mutation(
        description="Adds a property of yours, for landlords and admins.",
        graphql_type=PropertyPayload,
        extensions=[RefusedAsData(PropertyChange)],
    )
    async def create_property(
        self, info: Info, given: Annotated[CreatePropertyInput, strawberry.argument(name="input", description="It.")]
    ) -> PropertyChange:
        """The property."""
        return await properties.create(
            info.context, name=given.name, address=given.address, landlord_id=_text(given.landlord_id)
        )

    @strawberry.mutation(
        description="Gives a property of yours another name or address, for landlords and admins.",
        graphql_type=PropertyPayload,
        extensions=[RefusedAsData(PropertyChange)],
    )
    async def update_property(
        self,
        info: Info,
        given: Annotated[UpdatePropertyInput, strawberry.argument(name="input", description="Which, and what.")],
    ) -> PropertyChange:
        """The property as it is now."""
        return await properties.update(
            info.context,
            property_id=str(given.id),
            name=given.name,
            address=given.address,
            landlord_id=_text(given.landlord_id),
        )

    @strawberry.mutation(
        description="Removes a property of yours, for landlords and admins: not while a tenancy is not over. Its panels"
        " belong to nobody then, and tenants keep what is from their time.",
        graphql_type=PropertyPayload,
        extensions=[RefusedAsData(PropertyChange)],
    )
    async def remove_property(
        self, info: Info, given: Annotated[RemovePropertyInput, strawberry.argument(name="input", description="Which.")]
    ) -> PropertyChange:
        """Nothing is left of it."""
        return await properties.remove(info.context, property_id=str(given.id))

    @strawberry.mutation(
        description="Moves panels between properties of yours, for landlords; admins move any panels. Tenancies follow"
        " their panels, which have to move together.",
        graphql_type=PropertyPayload,
        extensions=[RefusedAsData(PropertyChange)],
    )
    async def assign_panels(
        self,
        info: Info,
        given: Annotated[AssignPanelsInput, strawberry.argument(name="input", description="Which, and where to.")],
    ) -> PropertyChange:
        """The property with the panels."""
        return await properties.assign_panels(
            info.context, panel_codes=given.panel_codes, property_id=_text(given.property_id)
        )

    @strawberry.mutation(
        description="Changes what is known of a panel besides its readings, such as its name, place and time zone, for"
        " its landlord and admins.",
        graphql_type=DescribePanelPayload,
        extensions=[RefusedAsData(PanelDescribed)],
    )
    async def describe_panel(
        self,
        info: Info,
        given: Annotated[DescribePanelInput, strawberry.argument(name="input", description="Which, and what.")],
    ) -> PanelDescribed:
        """The panel as it is now."""
        return await properties.describe_panel(info.context, code=given.code, change=given.change())


def _text(id_: strawberry.ID | None) -> str | None:
    return None if id_ is None else str(id_)
