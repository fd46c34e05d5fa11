"""Describes what was of a panel: readings, usage and credit of its past, under whatever it is looked back on."""

import strawberry

from metering.registers import EventKind
from resolvers import (
    exports,
    pages,
    reading_changes,
    reading_history,
    register_events,
    summaries,
    typed_readings,
    usage_statistics,
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
from resolvers.prepaid import ledger_page
from resolvers.reading_series import ReadingSeries as Series
from resolvers.readings import series
from resolvers.tariffs import TariffVersion
from resolvers.tariffs import of_panel as tariffs_of
from resolvers.usage_profile import UsageProfile as Profile
from resolvers.usage_profile import of_panel as usage_profile_of
from schema.arguments import Arguments
from schema.demand import Demand
from schema.exports import ExportLink
from schema.pages import WINDOW, Connection
from schema.prepaid import LedgerEntry
from schema.reading_changes import ReadingChange
from schema.readings import Interval, Reading, ReadingSeries
from schema.register_events import RegisterEvent
from schema.summaries import MONTH, WEEK, YEAR, PanelSummary
from schema.tariffs import Tariff
from schema.typed_readings import TypedReading
from schema.usage import PERIOD, DailyUsage, UsageSeries, UsageStatistics
from schema.usage_profile import UsageProfile
from store.ledger import LedgerEntry as EntryRow
from store.panels import Panel as PanelRow
from store.reading_audit import ReadingChange as ChangeRow
from store.register_history import PastEvent
from store.typed_readings import TypedReading as TypedRow


@strawberry.type
class PanelPast:
    """What Panel and PanelHistory have in common; each bounds it by what may be looked back on."""

    readings: Series = strawberry.field(
        resolver=series,
        graphql_type=ReadingSeries,
        description="The readings of a period, as columns or as a list of points: as they are while they are no more"
        " than `maxPoints`, else downsampled.",
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
    reading_history: Connection[Reading] = strawberry.field(  # pyright: ignore[reportAssignmentType]
        resolver=reading_history.of_panel,
        description="The readings of a period with all that the meter said, page by page; keep `from` and `to` while"
        " you page.",
        extensions=[Arguments(**PERIOD, **WINDOW, direction="ASC: the oldest first; DESC: the newest first.")],
    )
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
        description="Usage and cost of a period by bucket, 10000 buckets at the most.",
        extensions=[Arguments(**PERIOD, step="The width of the buckets.")],
    )
    statistics: usage_statistics.UsageStatistics = strawberry.field(
        resolver=usage_statistics.statistics,
        graphql_type=UsageStatistics,
        description="Usage, power and cost between two instants.",
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
        description="The demand of the local days or months that a period touches and that have readings, ascending.",
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
        " 366 at the most.",
        extensions=[
            Arguments(**PERIOD | {"range_": ("range", "The span that ends now; LAST_30D when nothing is given.")})
        ],
    )
    daily_usage: Days = strawberry.field(
        resolver=daily_usage_of,
        graphql_type=DailyUsage,
        description="Usage by local day, beside the 30-day moving average, the same day of the year before and yearly"
        " averages.",
        extensions=[Arguments(days="How many days up to today, 1 to 1830.")],
    )
    weekly_summary: summaries.PanelSummary = strawberry.field(
        resolver=summaries.week_of_panel,
        graphql_type=PanelSummary,
        description="A calendar week, from Monday.",
        extensions=[Arguments(**WEEK)],
    )
    monthly_summary: summaries.PanelSummary = strawberry.field(
        resolver=summaries.of_panel,
        graphql_type=PanelSummary,
        description="A calendar month.",
        extensions=[Arguments(**MONTH)],
    )
    yearly_summary: summaries.PanelSummary = strawberry.field(
        resolver=summaries.year_of_panel,
        graphql_type=PanelSummary,
        description="A calendar year.",
        extensions=[Arguments(**YEAR)],
    )

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
        description="What people read from the meter and typed in, the last first.",
        graphql_type=Connection[TypedReading],
        extensions=[Arguments(first="How many at the most, 1 to 500.", after="Only readings after this cursor.")],
    )
    @staticmethod
    async def typed_readings(
        parent: strawberry.Parent[PanelRow], info: Info, first: int = 50, after: Cursor | None = None
    ) -> pages.Page[TypedRow]:
        """A page of typed-in readings."""
        return await typed_readings.page(parent, info, first=first, after=after)

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

    tariffs: list[TariffVersion] = strawberry.field(
        resolver=tariffs_of,
        graphql_type=list[Tariff],
        description="What a kWh costs on the local days of a period: the tariffs that are for any of them, ascending.",
        extensions=[
            Arguments(
                since=("from", "The first local day; all before it too when left out."),
                until=("to", "The day after the last; all to come too when left out."),
            )
        ],
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


@strawberry.type(
    description="A panel within a tenancy, as it was: nothing from before or after that is in it, and the tenant keeps"
    " it for good. Use counts from the first register that was read within the tenancy."
)
class PanelHistory(PanelPast):
    """See `resolvers.panel_history`."""

    code: str = strawberry.field(description="What the panel is called in this API.")
    name: str = strawberry.field(description="What people call it.")
    time_zone: str = strawberry.field(description="IANA name; the panel's days, months and offsets follow it.")
    is_prepaid: bool = strawberry.field(description="Whether credit is bought before it is used.")

    @strawberry.field(
        description="What was bought, and how credit changed otherwise, within the tenancy; newest first.",
        graphql_type=Connection[LedgerEntry],
        extensions=[Arguments(first="How many at the most, 1 to 500.", after="Only entries after this cursor.")],
    )
    @staticmethod
    async def ledger(
        parent: strawberry.Parent[PanelRow], info: Info, first: int = 50, after: Cursor | None = None
    ) -> pages.Page[EntryRow]:
        """A page of entries."""
        return await ledger_page(parent, info, first=first, after=after)
