"""Describes what is used at which hour of the local day."""

from datetime import date

import strawberry


@strawberry.type(
    description="The 24 hours of the local day, as columns. An hour that clocks show twice in autumn counts as two,"
    " the one that they leave out in spring as none."
)
class HourProfile:
    """See `resolvers.usage_profile.HourProfile`."""

    hour: list[int] = strawberry.field(description="The hours by the panel's clock, 0 to 23.")
    hour_count: list[int] = strawberry.field(description="How many such hours have a reading.")
    average_energy_kwh: list[float | None] = strawberry.field(
        description="Import of such an hour in kWh, on average of those with a reading: as a number the average load in"
        " kW, too. Null: none has a reading."
    )
    average_power_kw: list[float | None] = strawberry.field(
        description="The average active power of the readings in kW; null: not measured."
    )
    peak_kw: list[float | None] = strawberry.field(description="The highest active power in kW; null: not measured.")
    busiest_hour: int | None = strawberry.field(
        description="The hour with the highest averageEnergyKwh, the first of several; null without any reading."
    )


@strawberry.type(description="What a panel uses at which hour of the day. Each of the local days counts whole.")
class UsageProfile:
    """See `resolvers.usage_profile.UsageProfile`."""

    first_day: date = strawberry.field(
        description="The first local day that is counted: of those asked for, the first whose hours are still kept; of"
        " time zones that are not whole hours from UTC, whose 5 minutes are. Where none is kept, the first asked for."
    )
    last_day: date = strawberry.field(description="The last local day that is counted; today as far as it has gone.")
    all_days: HourProfile = strawberry.field(description="All days together.")
    weekdays: HourProfile = strawberry.field(description="Monday to Friday.")
    weekends: HourProfile = strawberry.field(description="Saturday and Sunday.")
