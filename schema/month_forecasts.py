"""Describes what a panel will have used, and will have to pay, by the end of its month."""

from datetime import date, datetime

import strawberry

from schema.forecasts import ForecastMethod
from schema.tariffs import Money


@strawberry.type(description="How much energy, as it is foreseen, in kWh.")
class EnergyQuantiles:
    """See `resolvers.month_forecasts.EnergyQuantiles`."""

    p10_kwh: float = strawberry.field(description="Low: one in ten months is lower. In kWh.")
    p50_kwh: float = strawberry.field(description="The median, in kWh.")
    p90_kwh: float = strawberry.field(description="High: one in ten months is higher. In kWh.")


@strawberry.type(description="How much money, as it is foreseen.")
class MoneyQuantiles:
    """See `resolvers.month_forecasts.MoneyQuantiles`."""

    p10: Money = strawberry.field(description="Low: one in ten months is cheaper.")
    p50: Money = strawberry.field(description="The median.")
    p90: Money = strawberry.field(description="High: one in ten months is dearer.")


@strawberry.type(
    description="What a panel uses and costs in its local month: so far, and by its end. It is made anew once an hour;"
    " readings that came since are counted as they are."
)
class MonthForecast:
    """See `resolvers.month_forecasts.MonthForecast`."""

    first_day: date = strawberry.field(description="The first day of the month, by the panel's calendar.")
    made_at: datetime = strawberry.field(description="When what is to come was computed; panel's offset.")
    data_up_to: datetime = strawberry.field(
        description="The newest reading, or look at the display, that is counted; panel's offset."
    )
    ends_at: datetime = strawberry.field(description="When the month ends; panel's offset.")
    method: ForecastMethod = strawberry.field(description="How it was made.")
    energy_so_far_kwh: float = strawberry.field(
        description="Used in the month so far, in kWh: as metered, and by displays where nothing is metered. See"
        " `dataUpTo`."
    )
    energy: EnergyQuantiles = strawberry.field(description="Used by the end of the month, so far included.")
    cost_so_far: Money | None = strawberry.field(
        description="What that costs so far, by the panel's tariffs, taxes and charges that are due included. Null"
        " where no tariff is known, or there are two currencies."
    )
    cost: MoneyQuantiles | None = strawberry.field(
        description="What the whole month will cost, with its standing and minimum charges; what is to come counts to"
        " the hours at which it usually is used. Null as `costSoFar`."
    )
    previous_energy_kwh: float | None = strawberry.field(
        description="Metered in the whole month before, in kWh; null without a reading before this month."
    )
    energy_change_percent: float | None = strawberry.field(
        description="How much more the median is than the month before, in percent; below 0: less. Null without it."
    )
