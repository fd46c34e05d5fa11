"""Describes the demand of panels: the peaks, load factor and power factor of days and months."""

from datetime import datetime

import strawberry

from resolvers.demand import DemandStep

strawberry.enum(DemandStep, description="Whether demand is told of local days or of local months.")


@strawberry.type(description="The demand of a local day or month. Demand is the mean power of a quarter of an hour.")
class Demand:
    """See `resolvers.demand.Demand`."""

    starts: datetime = strawberry.field(name="from", description="When the day or month starts; panel's offset.")
    energy_kwh: float = strawberry.field(description="Import in kWh.")
    peak_demand_kw: float | None = strawberry.field(
        description="The highest demand of a quarter of an hour in kW; null where the registers do not tell: nothing"
        " was used, or all of it came over a silence of more than a quarter."
    )
    peak_demand_at: datetime | None = strawberry.field(
        description="When the first quarter with the highest demand started; panel's offset."
    )
    load_factor: float | None = strawberry.field(
        description="The average demand so far as a share of the highest, 0 to 1; null where it is not known."
    )
    average_power_kw: float | None = strawberry.field(
        description="The average active power of the readings in kW; null: not measured."
    )
    min_power_kw: float | None = strawberry.field(description="Their lowest active power in kW; null: not measured.")
    max_power_kw: float | None = strawberry.field(description="Their highest active power in kW; null: not measured.")
    average_power_factor: float | None = strawberry.field(
        description="The average power factor of the readings; null: not measured."
    )
    is_partial: bool = strawberry.field(description="Whether the day or month is not over yet.")
