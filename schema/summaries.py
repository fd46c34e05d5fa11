"""Describes weeks, months and years of one panel and of all of them, compared with those before."""

from datetime import date
from typing import TYPE_CHECKING, Annotated

import strawberry

from metering.money import Money as Amount
from resolvers import comparisons, cost_lines, summaries
from resolvers.context import Info
from schema.arguments import Arguments
from schema.tariffs import CostLine, Money

if TYPE_CHECKING:
    from schema.panel_list import PanelFilter
    from schema.panels import Panel

YEAR = {"year": "The year, 2000 to 2100."}
MONTH = {**YEAR, "month": "The month, 1 to 12."}
WEEK = {
    "year": "The year of the week by ISO 8601, 2000 to 2100; together with `week`.",
    "week": "The number of the week by ISO 8601, 1 to 52 or 53.",
    "day": ("date", "A day of the week, instead of `year` and `week`."),
}
_WHICH = ("filter", "Only these panels; all that you may see when left out.")

_Filter = Annotated["PanelFilter", strawberry.lazy("schema.panel_list")] | None

_FIRST_DAY = "Its first local day."
_LAST_DAY = "Its last local day, also where that is still to come."
_TOTAL = (
    "The total counts every panel once and what a solar or battery hub's parts share only once: of a hub its loads"
    " (panels whose code ends in :LOAD or :LOAD_METER), or :GRID_IMPORT where you see no load of it; never :SOLAR,"
    " :SOLAR_INPUT, :BATTERY and :GRID_EXPORT."
)


@strawberry.type(
    description="What was used in the week, month or year before: all of it, or, while the one that it is compared with"
    " is not over, as much of it as has passed of that: up to the same weekday, day of the month or day of the year and"
    " the same local time of it, to 5 minutes; up to the end of the month where that has no such day. What 5 minutes of"
    " a day used is in proportion where they are no longer kept."
)
class PreviousSummary:
    """See `resolvers.comparisons.PreviousSummary`."""

    first_day: date = strawberry.field(description="The first local day of it.")
    last_day: date = strawberry.field(description="The last local day of it; maybe a part of that day only.")
    energy_kwh: float = strawberry.field(description="Import in kWh.")
    cost: list[Money] = strawberry.field(
        description="What that cost with taxes by the tariffs of then: one amount for each currency, by its code,"
        " rounded half up."
    )
    is_partial: bool = strawberry.field(
        description="Whether its first day has no reading, of any of the panels: then it says too little."
    )
    energy_change_percent: float | None = strawberry.field(
        description="By how much more was used since, in percent of what was used before; negative for less, null where"
        " nothing was used before."
    )
    cost_change_percent: float | None = strawberry.field(
        description="The same of the cost, in percent; null also where there is more than one currency."
    )


@strawberry.type(description="What a panel used in a week, month or year of its time zone.")
class PanelSummary:
    """See `resolvers.summaries.PanelSummary`."""

    panel: Annotated["Panel", strawberry.lazy("schema.panels")] = strawberry.field(description="The panel.")
    year: int = strawberry.field(description="The year; of a week the one that ISO 8601 counts it in.")
    month: int | None = strawberry.field(description="The month, 1 to 12; null for a week or a year.")
    week: int | None = strawberry.field(
        description="The number of the week by ISO 8601, 1 to 53; null for a month or a year."
    )
    first_day: date = strawberry.field(description=_FIRST_DAY)
    last_day: date = strawberry.field(description=_LAST_DAY)
    energy_kwh: float = strawberry.field(description="Import in kWh.")
    export_kwh: float = strawberry.field(description="Export in kWh.")
    cost: Money = strawberry.field(
        description="What the import, and charges that fell due up to now, cost with taxes by the tariffs of then, in"
        " the currency of the last day's, rounded half up. What was used under tariffs of other currencies is in"
        " `costs`."
    )
    costs: list[Amount] = strawberry.field(
        resolver=summaries.all_costs,
        graphql_type=list[Money],
        description="The same in every currency that the tariffs had: one amount for each, by its code. More than one"
        " where the currency changed in between.",
    )
    cost_breakdown: list[cost_lines.CostLine] = strawberry.field(
        resolver=cost_lines.of_summary,
        graphql_type=list[CostLine],
        description="What `cost` is made of: energy by band, charges and taxes, like the lines of a bill.",
    )
    peak_kw: float | None = strawberry.field(description="The highest active power in kW; null: not measured.")
    average_power_factor: float | None = strawberry.field(
        description="The average power factor of the readings; null: not measured."
    )
    is_partial: bool = strawberry.field(
        description="Whether it is not over yet, starts before the panel's first reading, or has no reading."
    )
    is_counted: bool = strawberry.field(
        description="Whether the total counts it: false for a hub's generation, battery and grid: their energy is in"
        " its loads already."
    )
    previous: comparisons.PreviousSummary | None = strawberry.field(
        resolver=comparisons.of_panel,
        graphql_type=PreviousSummary | None,
        description="What the panel used in the one before, up to the same part; null without readings in it, and while"
        " this one has not begun.",
    )


@strawberry.type(description="What all panels that you asked for and may see used together. " + _TOTAL)
class SummaryTotal:
    """See `resolvers.summaries.SummaryTotal`."""

    energy_kwh: float = strawberry.field(description="Import in kWh.")
    export_kwh: float = strawberry.field(description="Export in kWh.")
    cost: list[Money] = strawberry.field(
        description="What the import costs: the panels' amounts as shown, added up, one for each currency by its code."
    )
    previous: comparisons.PreviousSummary | None = strawberry.field(
        resolver=comparisons.of_total,
        graphql_type=PreviousSummary | None,
        description="What the same panels used in the one before, up to the same part; null without readings in it, and"
        " while this one has not begun.",
    )


@strawberry.type(description="A calendar week, from Monday, of every panel that you asked for and may see.")
class WeeklySummary:
    """See `resolvers.summaries.Summary`."""

    year: int = strawberry.field(description="The year that ISO 8601 counts the week in.")
    week: int = strawberry.field(description="The number of the week by ISO 8601, 1 to 53.")
    first_day: date = strawberry.field(description="Its Monday.")
    last_day: date = strawberry.field(description="Its Sunday.")
    panels: list[PanelSummary] = strawberry.field(description="Each panel's week in its own time zone, by its code.")
    total: SummaryTotal = strawberry.field(description="All panels together: the building's total.")


@strawberry.type(description="A calendar month of every panel that you may see, each in its own time zone.")
class MonthlySummary:
    """See `resolvers.summaries.Summary`."""

    year: int = strawberry.field(description="The year.")
    month: int = strawberry.field(description="The month, 1 to 12.")
    first_day: date = strawberry.field(description=_FIRST_DAY)
    last_day: date = strawberry.field(description=_LAST_DAY)
    panels: list[PanelSummary] = strawberry.field(description="Each panel's month, by its code.")
    total: SummaryTotal = strawberry.field(description="All panels together: the building's total.")


@strawberry.type(description="A calendar year of every panel that you asked for and may see.")
class YearlySummary:
    """See `resolvers.summaries.Summary`."""

    year: int = strawberry.field(description="The year.")
    first_day: date = strawberry.field(description=_FIRST_DAY)
    last_day: date = strawberry.field(description=_LAST_DAY)
    panels: list[PanelSummary] = strawberry.field(description="Each panel's year in its own time zone, by its code.")
    total: SummaryTotal = strawberry.field(description="All panels together: the building's total.")
    months: list[summaries.Summary] = strawberry.field(
        resolver=summaries.months_of,
        graphql_type=list[MonthlySummary],
        description="Its twelve months, those to come too.",
    )


@strawberry.type
class SummaryQueries:
    """The queries about all panels' usage."""

    @strawberry.field(
        description="A week of every panel that you may see, and the building's total.",
        graphql_type=WeeklySummary,
        extensions=[Arguments(**WEEK, where=_WHICH)],
    )
    @staticmethod
    async def weekly_summary(
        info: Info, year: int | None = None, week: int | None = None, day: date | None = None, where: _Filter = None
    ) -> summaries.Summary:
        """A week."""
        return await summaries.of_week(info, year=year, week=week, day=day, where=where and where.chosen())

    @strawberry.field(
        description="A month of every panel that you may see, and the building's total.",
        graphql_type=MonthlySummary,
        extensions=[Arguments(**MONTH, where=_WHICH)],
    )
    @staticmethod
    async def monthly_summary(info: Info, year: int, month: int, where: _Filter = None) -> summaries.Summary:
        """A month."""
        return await summaries.of_month(info, year=year, month=month, where=where and where.chosen())

    @strawberry.field(
        description="A year of every panel that you may see, with its months, and the building's total.",
        graphql_type=YearlySummary,
        extensions=[Arguments(**YEAR, where=_WHICH)],
    )
    @staticmethod
    async def yearly_summary(info: Info, year: int, where: _Filter = None) -> summaries.Summary:
        """A year."""
        return await summaries.of_year(info, year=year, where=where and where.chosen())

    @strawberry.field(
        description="The `months` of a yearlySummary alone: that has the year's own sums as well.",
        graphql_type=list[MonthlySummary],
        extensions=[Arguments(**YEAR, where=_WHICH)],
    )
    @staticmethod
    async def year_summary(info: Info, year: int, where: _Filter = None) -> list[summaries.Summary]:
        """Twelve months."""
        return await summaries.months_of_year(info, year=year, where=where and where.chosen())
