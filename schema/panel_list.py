"""Describes how panels are found: one by its code, and lists of them by a filter and in an order."""

import strawberry

from metering.devices import DeviceKind
from resolvers import pages, panels
from resolvers.context import Info
from resolvers.pages import Cursor, Direction
from resolvers.properties import number_of_id
from schema.arguments import Arguments
from schema.pages import WINDOW, Connection
from schema.panels import Panel
from store.panel_list import PanelFilter as Filter
from store.panel_list import PanelOrder as PanelOrderBy
from store.panels import Panel as PanelRow
from store.panels import PanelStatus


@strawberry.input(description="Which panels are meant. What is left out or null stays open.")
class PanelFilter:
    """See `store.panel_list.PanelFilter`."""

    search: str | None = strawberry.field(
        default=None, description="Text in the code, name, location or meter number, upper and lower case alike."
    )
    status: PanelStatus | None = strawberry.field(default=None, description="Only panels of this status.")
    floor: int | None = strawberry.field(default=None, description="Only panels on this storey.")
    is_prepaid: bool | None = strawberry.field(default=None, description="Only prepaid panels, or only the others.")
    codes: list[str] | None = strawberry.field(
        default=None,
        description="Only panels of these codes, 500 at the most; unknown ones are passed over.",
    )
    location: str | None = strawberry.field(default=None, description="Only panels at exactly this location.")
    time_zone: str | None = strawberry.field(default=None, description="Only panels of this time zone, by IANA name.")
    device_kind: DeviceKind | None = strawberry.field(
        default=None, description="Only panels whose readings come from a device of this family."
    )

    property_id: strawberry.ID | None = strawberry.field(
        default=None, description="Only panels that belong to the property of this `id`."
    )

    def chosen(self) -> Filter:
        """The same for the resolvers."""
        return Filter(
            self.search,
            self.status,
            self.floor,
            self.is_prepaid,
            self.codes,
            self.location,
            self.time_zone,
            self.device_kind,
            number_of_id(self.property_id),
        )


strawberry.enum(
    PanelOrderBy,
    name="PanelOrderField",
    description="What a list of panels is ordered by. CODE: capitals before small letters. NAME and LOCATION: upper and"
    " lower case alike. LAST_SEEN: when the last reading arrived. POWER_NOW: the newest reading's active power in kW."
    " A cursor of these two is a place among such times or powers: a panel that moves past it between two pages comes"
    " twice or not at all.",
)


@strawberry.input(
    description="The order of a list of panels. Panels that are alike come by code, those without a value last."
)
class PanelOrder:
    """See `resolvers.panels.Order`."""

    by: PanelOrderBy = strawberry.field(name="field", description="What it is ordered by.")
    direction: Direction = strawberry.field(
        default=Direction.ASC, description="ASC: the least first; DESC: the most first. ASC when left out."
    )

    def chosen(self) -> panels.Order:
        """The same for the resolvers."""
        return panels.Order(self.by, self.direction is Direction.DESC)


_ORDER = "The order; by code when left out. A cursor is good for the order that it was made in."


@strawberry.type
class PanelQueries:
    """The queries that start from panels."""

    panel: PanelRow | None = strawberry.field(
        resolver=panels.one,
        graphql_type=Panel | None,
        description='The panel of this code; null for "not there" and "not yours" alike.',
        extensions=[Arguments(code="The panel's code.")],
    )

    @strawberry.field(
        description="The panels that you may see.",
        graphql_type=Connection[Panel],
        extensions=[Arguments(**WINDOW, where=("filter", "Which panels; all when left out."), order_by=_ORDER)],
    )
    @staticmethod
    async def panels(  # noqa: PLR0917 - the arguments of the field
        info: Info,
        first: int | None = pages.USUAL_FIRST,
        after: Cursor | None = None,
        last: int | None = None,
        before: Cursor | None = None,
        where: PanelFilter | None = None,
        order_by: PanelOrder | None = None,
    ) -> pages.Page[PanelRow]:
        """A page of panels."""
        window = pages.window(first=first, last=last, after=after, before=before)
        order = order_by.chosen() if order_by else panels.Order()
        return await panels.page(info, window=window, where=where.chosen() if where else Filter(), order=order)
