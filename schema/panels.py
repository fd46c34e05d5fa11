"""Describes panels and how to find them."""

from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import strawberry

from metering.devices import DeviceKind
from metering.periods import Range, chosen_period
from metering.readings import Reading as ReadingRow
from metering.registers import EventKind
from resolvers import (
    devices,
    exports,
    nodes,
    pages,
    panels,
    reading_changes,
    reading_history,
    register_events,
    summaries,
)
from resolvers import usage as resolved
from resolvers.context import Info
from resolvers.daily_usage import DailyUsage as Days
from resolvers.daily_usage import of_panel as daily_usage_of
from resolvers.demand import Demand as DemandRow
from resolvers.demand import of_panel as demand_of
from resolvers.gaps import Interval as Span
from resolvers.gaps import of_panel
from resolvers.pages import Cursor
from resolvers.prepaid import PrepaidAccount as Account
from resolvers.prepaid import account
from resolvers.reading_series import ReadingSeries as Series
from resolvers.readings import series
from resolvers.tariffs import TariffVersion
from resolvers.tariffs import of_panel as tariffs_of
from resolvers.tariffs import tariff as tariff_of
from resolvers.usage_profile import UsageProfile as Profile
from resolvers.usage_profile import of_panel as usage_profile_of
from schema.arguments import Arguments
from schema.demand import Demand
from schema.exports import ExportLink
from schema.nodes import Node
from schema.pages import WINDOW, Connection
from schema.prepaid import PrepaidAccount
from schema.reading_changes import ReadingChange
from schema.readings import Interval, Reading, ReadingSeries
from schema.register_events import RegisterEvent
from schema.summaries import MONTH, WEEK, YEAR, PanelSummary
from schema.tariffs import Tariff
from schema.usage import PERIOD, DailyUsage, UsageSeries, UsageStatistics, UsageToday
from schema.usage_profile import UsageProfile
from store.panel_list import PanelFilter as Filter
from store.panel_list import PanelOrder as PanelOrderBy
from store.panels import Panel as PanelRow
from store.panels import PanelStatus
from store.reading_audit import ReadingChange as ChangeRow
from store.register_history import PastEvent

if TYPE_CHECKING:
    from schema.devices import Device

strawberry.enum(
    PanelStatus,
    description="Decided by the server: ONLINE while the last reading came no more than 5 minutes ago (a setting).",
)

strawberry.enum(
    DeviceKind,
    description="The family that a device belongs to. PANEL_METER: a power meter on DATA/PM/; MAPPED: read by a mapping"
    " of its owner's; HOME_ASSISTANT: announced by Home Assistant's discovery.",
)


@strawberry.enum(description="Whether a list begins with the least or with the most.")
class Direction(Enum):
    """The direction of an order."""

    ASC = "ASC"
    DESC = "DESC"


@strawberry.type(description="A metered connection: a floor's electrical panel, a home, a flat's prepaid meter.")
class Panel(Node):
    """See `store.panels.Panel`."""

    id: strawberry.ID = strawberry.field(  # pyright: ignore[reportIncompatibleVariableOverride]
        resolver=nodes.panel_id, description="Opaque, the only one in the whole API; stays when code or name change."
    )
    code: str = strawberry.field(description="What the panel is called in MQTT topics and in this API.")
    name: str = strawberry.field(description="What people call it.")
    location: str = strawberry.field(description="Where it is; empty when nobody said.")
    floor: int = strawberry.field(description="The storey; 0 is the ground floor.")
    time_zone: str = strawberry.field(description="IANA name; the panel's days, months and offsets follow it.")
    is_prepaid: bool = strawberry.field(description="Whether credit is bought before it is used.")
    status: PanelStatus = strawberry.field(description="Whether the panel has been heard of lately.")
    last_seen_at: datetime | None = strawberry.field(
        description="When the last reading arrived; null before the first."
    )
    latest_reading: Reading | None = strawberry.field(
        description="The newest reading by the device's clock; null before the first."
    )
    readings: Series = strawberry.field(
        resolver=series,
        graphql_type=ReadingSeries,
        description="The readings of a period, as columns or as a list of points: as they are while they are no more"
        " than `maxPoints`, else downsampled. Refuses with UNAUTHENTICATED, BAD_RANGE, BAD_MAX_POINTS, BAD_CURSOR,"
        " TOO_MANY_POINTS.",
        extensions=[
            Arguments(
                **PERIOD,
                after="A series' cursor: only what was stored since of the period, up to `maxPoints` readings, as they"
                " are.",
                max_points="How many points at the most, 2 to 20000; 10000 when left out.",
                downsampling="What a point is where there are more readings than `maxPoints`.",
            )
        ],
    )

    @strawberry.field(
        description="The readings of a period with all that the meter said, page by page; keep `from` and `to` while"
        " you page. Refuses with UNAUTHENTICATED, BAD_INPUT, BAD_RANGE, BAD_CURSOR, TOO_MANY_POINTS.",
        graphql_type=Connection[Reading],
        extensions=[Arguments(**PERIOD, **WINDOW, direction="ASC: the oldest first; DESC: the newest first.")],
    )
    @staticmethod
    async def reading_history(  # noqa: PLR0917 - the arguments of the field
        parent: strawberry.Parent[PanelRow],
        info: Info,
        range_: Range | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        first: int | None = 50,
        after: Cursor | None = None,
        last: int | None = None,
        before: Cursor | None = None,
        direction: Direction = Direction.ASC,
    ) -> pages.Page[ReadingRow]:
        """A page of readings."""
        period = chosen_period(range_, since=since, until=until, now=info.context.now(), default=Range.LAST_24H)
        window = pages.window(first=50 if first is None else first, last=last, after=after, before=before)
        is_newest_first = direction is Direction.DESC
        return await reading_history.page(parent, info, period=period, window=window, is_newest_first=is_newest_first)

    gaps: list[Span] = strawberry.field(
        resolver=of_panel,
        graphql_type=list[Interval],
        description="The spans of a period, up to now, without readings; ascending.",
        extensions=[
            Arguments(
                **PERIOD,
                at_least_s="Only spans longer than so many seconds, 300 or more. When left out: longer than 5 minutes"
                " and than 3 times the usual spacing.",
            )
        ],
    )
    usage: resolved.UsageSeries = strawberry.field(
        resolver=resolved.series,
        graphql_type=UsageSeries,
        description="Usage and cost of a period by bucket, 10000 buckets at the most. Refuses with BAD_RANGE,"
        " TOO_MANY_BUCKETS, TOO_MANY_POINTS, NO_TARIFF.",
        extensions=[Arguments(**PERIOD, step="The width of the buckets.")],
    )
    today: resolved.UsageToday = strawberry.field(
        resolver=resolved.today,
        graphql_type=UsageToday,
        description="The local day so far. Refuses with NO_TARIFF.",
    )
    statistics: resolved.UsageStatistics = strawberry.field(
        resolver=resolved.statistics,
        graphql_type=UsageStatistics,
        description="Usage, power and cost between two instants. Refuses with BAD_RANGE, NO_TARIFF.",
        extensions=[
            Arguments(
                since=("from", "The start, inclusive; ten years before the end at the earliest."),
                until=("to", "The end, exclusive."),
            )
        ],
    )
    demand: list[DemandRow] = strawberry.field(
        resolver=demand_of,
        graphql_type=list[Demand],
        description="The demand of the local days or months that a period touches and that have readings, ascending."
        " Refuses with BAD_RANGE, TOO_MANY_POINTS.",
        extensions=[
            Arguments(
                **PERIOD | {"range_": ("range", "The span that ends now; LAST_30D when nothing is given.")},
                step="Days or months.",
            )
        ],
    )
    usage_profile: Profile = strawberry.field(
        resolver=usage_profile_of,
        graphql_type=UsageProfile,
        description="What is used at which hour of the local day, weekdays and weekends apart, over whole local days,"
        " 366 at the most. Refuses with BAD_RANGE, TOO_MANY_POINTS.",
        extensions=[
            Arguments(**PERIOD | {"range_": ("range", "The span that ends now; LAST_30D when nothing is given.")})
        ],
    )
    daily_usage: Days = strawberry.field(
        resolver=daily_usage_of,
        graphql_type=DailyUsage,
        description="Usage by local day, beside the 30-day moving average, the same day of the year before and yearly"
        " averages. Refuses with BAD_INPUT, TOO_MANY_POINTS.",
        extensions=[Arguments(days="How many days up to today, 1 to 1830.")],
    )
    weekly_summary: summaries.PanelSummary = strawberry.field(
        resolver=summaries.week_of_panel,
        graphql_type=PanelSummary,
        description="A calendar week, from Monday. Refuses with BAD_WEEK, NO_TARIFF.",
        extensions=[Arguments(**WEEK)],
    )
    monthly_summary: summaries.PanelSummary = strawberry.field(
        resolver=summaries.of_panel,
        graphql_type=PanelSummary,
        description="A calendar month. Refuses with BAD_MONTH, NO_TARIFF.",
        extensions=[Arguments(**MONTH)],
    )
    yearly_summary: summaries.PanelSummary = strawberry.field(
        resolver=summaries.year_of_panel,
        graphql_type=PanelSummary,
        description="A calendar year. Refuses with BAD_MONTH, NO_TARIFF.",
        extensions=[Arguments(**YEAR)],
    )

    @classmethod
    def is_type_of(cls, value: object, _info: object) -> bool:
        """Whether a node is one of these."""
        return isinstance(value, PanelRow)

    @strawberry.field(
        description="What admins did to the panel's stored readings, newest first.",
        graphql_type=Connection[ReadingChange],
        extensions=[Arguments(first="How many at the most, 1 to 500.", after="Only changes after this cursor.")],
    )
    @staticmethod
    async def reading_changes(
        parent: strawberry.Parent[PanelRow], info: Info, first: int = 50, after: Cursor | None = None
    ) -> pages.Page[ChangeRow]:
        """A page of changes."""
        return await reading_changes.page(parent, info, first=first, after=after)

    @strawberry.field(
        description="What the panel's registers did that was no usage, newest first.",
        graphql_type=Connection[RegisterEvent],
        extensions=[
            Arguments(
                first="How many at the most, 1 to 500.",
                after="Only events after this cursor.",
                kinds="Only events of these kinds; of all when left out.",
            )
        ],
    )
    @staticmethod
    async def register_events(
        parent: strawberry.Parent[PanelRow],
        info: Info,
        first: int = 50,
        after: Cursor | None = None,
        kinds: list[EventKind] | None = None,
    ) -> pages.Page[PastEvent]:
        """A page of events."""
        return await register_events.page(parent, info, first=first, after=after, kinds=kinds)

    tariff: TariffVersion = strawberry.field(
        resolver=tariff_of,
        graphql_type=Tariff,
        description="What a kWh costs. Refuses with NO_TARIFF.",
        extensions=[Arguments(at="The tariff of this instant's local day; today's when left out.")],
    )
    tariffs: list[TariffVersion] = strawberry.field(
        resolver=tariffs_of,
        graphql_type=list[Tariff],
        description="What a kWh costs on the local days of a period: the tariffs that are for any of them, ascending."
        " Refuses with BAD_RANGE.",
        extensions=[
            Arguments(
                since=("from", "The first local day; all before it too when left out."),
                until=("to", "The day after the last; all to come too when left out."),
            )
        ],
    )
    prepaid: Account | None = strawberry.field(
        resolver=account, graphql_type=PrepaidAccount | None, description="Its credit; null for a post-paid panel."
    )
    device: Annotated["Device", strawberry.lazy("schema.devices")] | None = strawberry.field(  # pyright: ignore[reportAssignmentType]
        resolver=devices.of_panel,
        description="The device that its readings come from; null where that has told nothing of itself.",
    )
    export_link: exports.ExportLink = strawberry.field(
        resolver=exports.export_link,
        graphql_type=ExportLink,
        description="A link to download the readings of a period, good for 10 minutes and for whoever has it, as long"
        " as you see the panel.",
        extensions=[
            Arguments(
                since=("from", "The start, inclusive; ten years before the end at the earliest."),
                until=("to", "The end, exclusive; now when left out."),
                file_format=("format", "CSV when left out."),
            )
        ],
    )


@strawberry.input(description="Which panels are meant. What is left out or null stays open.")
class PanelFilter:
    """See `store.panels.PanelFilter`."""

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
        )


strawberry.enum(
    PanelOrderBy,
    name="PanelOrderField",
    description="What a list of panels is ordered by. CODE: capitals before small letters. NAME and LOCATION: upper and"
    " lower case alike. LAST_SEEN: when the last reading arrived. POWER_NOW: the newest reading's active power in kW.",
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
        description="The panels that you may see. Refuses with UNAUTHENTICATED, BAD_INPUT, BAD_CURSOR.",
        graphql_type=Connection[Panel],
        extensions=[Arguments(**WINDOW, where=("filter", "Which panels; all when left out."), order_by=_ORDER)],
    )
    @staticmethod
    async def panels(  # noqa: PLR0917 - the arguments of the field
        info: Info,
        first: int | None = 50,
        after: Cursor | None = None,
        last: int | None = None,
        before: Cursor | None = None,
        where: PanelFilter | None = None,
        order_by: PanelOrder | None = None,
    ) -> pages.Page[PanelRow]:
        """A page of panels."""
        window = pages.window(first=50 if first is None else first, last=last, after=after, before=before)
        order = order_by.chosen() if order_by else panels.Order()
        return await panels.page(info, window=window, where=where.chosen() if where else Filter(), order=order)
