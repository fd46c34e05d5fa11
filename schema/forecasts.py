"""Describes forecasts: when a prepaid panel's units run out, and the usage to expect."""

from datetime import datetime

import strawberry

from resolvers.forecasts import ForecastMethod

strawberry.enum(
    ForecastMethod,
    description="How a forecast was made: LEARNING while little of the panel's usage is known, then PROFILE.",
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


@strawberry.type(description="Expected usage.")
class UsageForecast:
    """See `resolvers.forecasts.ExpectedUsage`."""

    daily: UsageForecastColumns = strawberry.field(description="By day.")
    hourly: UsageForecastColumns = strawberry.field(description="By hour, for the near future.")


@strawberry.type(description="When a prepaid panel's units run out.")
class DepletionForecast:
    """See `resolvers.forecasts.DepletionForecast`."""

    made_at: datetime = strawberry.field(description="When it was computed; panel's offset.")
    data_up_to: datetime = strawberry.field(description="The newest reading that it knows; panel's offset.")
    method: ForecastMethod = strawberry.field(description="How it was made.")
    depletes_at: DateTimeQuantiles = strawberry.field(description="When the units run out.")
    days_left: float | None = strawberry.field(
        description="Days from `madeAt` to the median of `depletesAt`; null beyond the horizon."
    )
    expected_usage: UsageForecast = strawberry.field(description="What is expected to be used.")
    history_days: float = strawberry.field(description="How many days of the panel's history it was made from.")
