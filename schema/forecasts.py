"""Describes forecasts: when a prepaid panel's units run out, and the usage to expect."""

from datetime import datetime
from decimal import Decimal

import strawberry

from resolvers import forecasts
from resolvers.forecasts import ForecastBacktest as Backtest
from resolvers.forecasts import ForecastMethod

strawberry.enum(
    ForecastMethod,
    description="How a forecast was made: LEARNING while less than a day of the panel's usage is known, when it is"
    " wide; then by the trained MODEL, or from the panel's PROFILE of hours and weekdays where no model is in use.",
)


@strawberry.type(description="When something happens, as it is foreseen. Null lies beyond what can be foreseen.")
class DateTimeQuantiles:
    """See `resolvers.forecasts.TimeQuantiles`."""

    p10: datetime | None = strawberry.field(description="Early: one in ten is earlier. Panel's offset.")
    p50: datetime | None = strawberry.field(description="The median. Panel's offset.")
    p90: datetime | None = strawberry.field(description="Late: one in ten is later. Panel's offset.")


@strawberry.type(description="Expected usage of each span to come, as columns of equal length, ascending.")
class UsageForecastColumns:
    """See `store.forecasts.UsageColumns`."""

    starts_at: list[datetime] = strawberry.field(description="When each span starts; panel's offset.")
    p10_kwh: list[float] = strawberry.field(description="Low: one in ten is lower. In kWh.")
    p50_kwh: list[float] = strawberry.field(description="The median, in kWh.")
    p90_kwh: list[float] = strawberry.field(description="High: one in ten is higher. In kWh.")


@strawberry.type(
    description="Expected usage. Each span stands for itself: the sum of the P90 of days is not the P90 of their sum."
)
class UsageForecast:
    """See `resolvers.forecasts.ExpectedUsage`."""

    daily: UsageForecastColumns = strawberry.field(description="By local day, 30 days from the coming midnight.")
    hourly: UsageForecastColumns = strawberry.field(description="By hour, 168 hours from the coming whole one.")


@strawberry.type(description="How much the distances from the median were stretched, because of how earlier ones did.")
class BandWidening:
    """See `resolvers.forecasts.BandWidening`."""

    lower_factor: float = strawberry.field(
        description="Of the distance from P50 to P10: 1 is as computed, 2 twice as far."
    )
    upper_factor: float = strawberry.field(
        description="Of the distance from P50 to P90: 1 is as computed, 2 twice as far."
    )


@strawberry.type(description="How earlier forecasts did that told the median within some span of days ahead.")
class HorizonBacktest:
    """See `resolvers.forecasts.HorizonView`."""

    from_days: float = strawberry.field(description="The median lay so many days ahead or more.")
    to_days: float | None = strawberry.field(description="It lay less than so many days ahead; null is without end.")
    resolved_count: int = strawberry.field(description="How many forecasts these are.")
    coverage_percent: float = strawberry.field(
        description="How many of them, in percent, came between P10 and P90: 80 is right."
    )
    median_absolute_error_hours: float = strawberry.field(
        description="How far the median was from what came, in hours: half of them were closer."
    )


@strawberry.type(
    description="How wrong earlier forecasts of this panel were. A forecast is judged once its P90 has passed, against"
    " the instant at which the usage since reached the balance that it had, top-ups left out: when the units would have"
    " run out. One forecast of three hours is judged, of the last 120 days."
)
class ForecastBacktest:
    """See `resolvers.forecasts.ForecastBacktest`."""

    oldest_made_at: datetime | None = strawberry.field(
        description="When the oldest forecast that was judged was made; panel's offset. Null before the first."
    )
    resolved_count: int = strawberry.field(description="How many forecasts were judged.")
    coverage_percent: float | None = strawberry.field(
        description="How many of them, in percent, came between P10 and P90: 80 is right. Null before the first."
    )
    early_percent: float | None = strawberry.field(
        description="How many, in percent, came before P10: 10 is right. Null before the first."
    )
    late_percent: float | None = strawberry.field(
        description="How many, in percent, came after P90: 10 is right. Null before the first."
    )
    median_absolute_error_hours: float | None = strawberry.field(
        description="How far P50 was from what came, in hours: half of them were closer. Null before the first."
    )
    mean_absolute_error_percent: float | None = strawberry.field(
        description="How far P50 was from what came, in percent of the time that was left, on average; less than 6"
        " hours left count as 6. Null before the first."
    )
    bias_hours: float | None = strawberry.field(
        description="How much later than it came P50 was on average, in hours; below 0: earlier. Null before the first."
    )
    by_horizon: list[HorizonBacktest] = strawberry.field(
        description="The same by how far ahead the median lay: up to 2, 4, 8, 16 days, and beyond."
    )


@strawberry.type(
    description="When a prepaid panel's units run out. It is made anew when readings come or the credit changes, and at"
    " least once an hour."
)
class DepletionForecast:
    """See `resolvers.forecasts.DepletionForecast`."""

    made_at: datetime = strawberry.field(description="When it was computed; panel's offset.")
    data_up_to: datetime = strawberry.field(
        description="The newest reading, or look at the display, that it knows; panel's offset."
    )
    data_age_s: float = strawberry.field(
        description="How old that was when the forecast was made, in seconds. What was used since is estimated."
    )
    method: ForecastMethod = strawberry.field(description="How it was made.")
    balance_kwh: Decimal = strawberry.field(
        description="The units it counts with, in kWh: those left after the usage known so far."
    )
    depletes_at: DateTimeQuantiles = strawberry.field(
        description="When the units run out: in 8 of 10 cases between P10 and P90. Null is more than 90 days"
        " ahead. Never before now: where a quantile has passed since `madeAt`, they may have run out already."
    )
    days_left: float | None = strawberry.field(
        description="Days from `madeAt` to the median of `depletesAt`; null beyond the horizon."
    )
    expected_usage: UsageForecast = strawberry.field(description="What is expected to be used.")
    history_days: float = strawberry.field(description="How many days of the panel's history it was made from.")
    widening: BandWidening = strawberry.field(
        description="How much P10 and P90 were moved away from P50, or towards it, because of how earlier ones did."
    )
    backtest: Backtest = strawberry.field(
        resolver=forecasts.backtest,
        graphql_type=ForecastBacktest,
        description="How wrong earlier forecasts of this panel were.",
    )
