"""Describes what a panel uses and what that costs: by bucket, today, between two instants and by day."""

from datetime import date, datetime
from decimal import Decimal

import strawberry

from metering.periods import Step
from resolvers import cost_lines, usage_before
from resolvers import usage as resolved
from schema.tariffs import CostLine, Money

strawberry.enum(
    Step,
    description="The width of a bucket. A day and longer are local days, weeks start on Monday; shorter buckets count"
    " from local midnight.",
)

PERIOD = {
    "range_": ("range", "The span that ends now; LAST_24H when `range`, `from` and `to` are left out."),
    "since": ("from", "The start, inclusive, instead of `range`; ten years before the end at the earliest."),
    "until": ("to", "The end, exclusive; now when left out."),
}
"""Names and descriptions of the arguments of fields that answer for a period."""


@strawberry.type(description="Usage and cost of all buckets together.")
class UsageTotal:
    """See `resolvers.usage.UsageTotal`."""

    energy_kwh: float = strawberry.field(description="Import in kWh.")
    export_kwh: float = strawberry.field(description="Export in kWh.")
    cost: Money = strawberry.field(
        description="What the import and the charges that fell due cost with taxes, rounded half up to the currency's"
        " least amount, in the currency of the last bucket."
    )
    cost_breakdown: list[cost_lines.CostLine] = strawberry.field(
        resolver=cost_lines.of_total,
        graphql_type=list[CostLine],
        description="What `cost` is made of: energy by band, charges and taxes, like the lines of a bill.",
    )
    peak_kw: float | None = strawberry.field(description="The highest active power in kW; null: not measured.")
    peak_at: datetime | None = strawberry.field(
        resolver=resolved.peak_at,
        description="When it was, the first time: the start of the 5 minutes with it, with the panel's offset; of its"
        " bucket or day where 5 minutes are not kept any more. Null: not measured.",
    )
    average_power_factor: float | None = strawberry.field(
        description="The average power factor of the readings; null: not measured."
    )


@strawberry.type(
    description="What was used before: in as many days, weeks, months or years as the series has, up to the same local"
    " time where its last one is not over (to the end of the month where that has no such day); of shorter buckets in"
    " the same span of time before."
)
class PreviousUsage:
    """See `resolvers.usage_before.PreviousUsage`."""

    since: datetime = strawberry.field(name="from", description="The start, inclusive; panel's offset.")
    until: datetime = strawberry.field(name="to", description="The end, exclusive; panel's offset.")
    energy_kwh: float = strawberry.field(description="Import in kWh.")
    cost: list[Money] = strawberry.field(
        description="What that cost with taxes by the tariffs of then: one amount for each currency, by its code,"
        " rounded half up."
    )
    is_partial: bool = strawberry.field(description="Whether it starts before the panel's first reading.")
    energy_change_percent: float | None = strawberry.field(
        description="By how much more was used since, in percent of what was used before; negative for less, null where"
        " nothing was used before."
    )
    cost_change_percent: float | None = strawberry.field(
        description="The same of the cost, in percent; null also where there is more than one currency."
    )


@strawberry.type(
    description="Usage and cost of each bucket that the period touches, as columns of equal length, ascending and"
    " without gaps. Buckets are whole, also where the period starts or ends inside one."
)
class UsageSeries:
    """See `resolvers.usage.UsageSeries`."""

    step: Step = strawberry.field(description="The width of the buckets.")
    currency: str = strawberry.field(description="The currency of the costs: that of the last bucket's tariff.")
    starts: list[datetime] = strawberry.field(name="from", description="When each bucket starts; panel's offset.")
    start_ms: list[float] = strawberry.field(
        name="fromMs", description="The same in milliseconds since 1970 (UTC), for charts."
    )
    energy_kwh: list[float | None] = strawberry.field(description="Import in kWh; null: no reading in the bucket.")
    export_kwh: list[float | None] = strawberry.field(description="Export in kWh; null: no reading in the bucket.")
    cost: list[Decimal | None] = strawberry.field(
        description="What the import costs with taxes, exactly, by the tariff's price at the time, and charges that"
        " fell due in the bucket; null without either, or where the tariff had another currency."
    )
    peak_kw: list[float | None] = strawberry.field(description="The highest active power in kW; null: not measured.")
    average_power_factor: list[float | None] = strawberry.field(
        description="The average power factor of the readings; null: not measured."
    )
    is_partial: list[bool] = strawberry.field(
        description="Whether the bucket is not over yet, starts before the panel's first reading, or has no reading."
    )
    total_energy_kwh: float = strawberry.field(
        description="The same as `total.energyKwh`: the import of all buckets in kWh."
    )
    total_cost: Money = strawberry.field(
        description="The same as `total.cost`: the cost of all buckets, rounded half up."
    )
    total: resolved.UsageTotal = strawberry.field(graphql_type=UsageTotal, description="All buckets together.")
    previous: usage_before.PreviousUsage | None = strawberry.field(
        resolver=usage_before.of_series,
        graphql_type=PreviousUsage | None,
        description="What was used in as many buckets before these, and the change since; null before the panel's first"
        " reading, and while the first of these has not begun.",
    )


@strawberry.type(description="The panel's local day so far.")
class UsageToday:
    """See `resolvers.usage_today.UsageToday`."""

    day: date = strawberry.field(name="date", description="The local day.")
    energy_kwh: float = strawberry.field(
        description="Import in kWh: the rise of the register since the last reading before midnight. Never negative: a"
        " meter's reset counts as nothing."
    )
    cost: Money = strawberry.field(
        description="What that costs with taxes by today's tariff, with charges that fell due today, rounded half up."
    )
    register_now_kwh: float | None = strawberry.field(
        description="The newest import register in kWh; null before the first."
    )
    register_at_midnight_kwh: float | None = strawberry.field(
        description="The last import register before local midnight in kWh, from which the usage counts; null without."
    )
    peak_kw: float | None = strawberry.field(description="The highest active power today in kW; null: not measured.")


@strawberry.type(description="Usage between two instants, and the power of the readings in between.")
class UsageStatistics:
    """See `resolvers.usage_statistics.UsageStatistics`."""

    energy_kwh: float = strawberry.field(
        description="Import in kWh: the rise of the register; resets count as nothing."
    )
    min_power_kw: float | None = strawberry.field(description="The lowest active power in kW; null: not measured.")
    max_power_kw: float | None = strawberry.field(description="The highest active power in kW; null: not measured.")
    average_power_kw: float | None = strawberry.field(
        description="The average active power of the readings in kW; null: not measured."
    )
    load_factor: float | None = strawberry.field(
        description="Average by highest power, up to 1; null where the highest is not above zero."
    )
    cost: Money = strawberry.field(
        description="What the import, and charges that fell due in between, cost with taxes, rounded half up."
    )
    count: int = strawberry.field(description="How many readings there are.")


@strawberry.type(description="Usage by local day up to today, as columns of equal length, ascending and without gaps.")
class DailyUsage:
    """See `resolvers.daily_usage.DailyUsage`."""

    days: list[date] = strawberry.field(name="date", description="The local days.")
    energy_kwh: list[float | None] = strawberry.field(description="Import in kWh; null: no reading on that day.")
    is_partial: list[bool] = strawberry.field(
        description="Whether the day is not over yet, starts before the panel's first reading, or has no reading."
    )
    moving_average_30d_kwh: list[float | None] = strawberry.field(
        name="movingAverage30dKwh",
        description="The average in kWh of the 30 days up to and including the day, of those that are not partial; null"
        " until there are 7 of them.",
    )
    year_before_kwh: list[float | None] = strawberry.field(
        description="Import in kWh of the same day of the year before; null: no reading on that day, or 29 February."
    )
    yearly_average_kwh: float | None = strawberry.field(
        description="The average in kWh of the 365 days up to today that are not partial, however many are shown; null"
        " without any."
    )
    average_daily_kwh: float | None = strawberry.field(
        description="The average in kWh of the days shown that are not partial; null without any."
    )
