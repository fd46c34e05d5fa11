"""Describes what meters said: single readings and series of them."""

from datetime import datetime

import strawberry


@strawberry.type(description="One quantity on the phases R, S, T and the neutral N.")
class PhaseValues:
    """See `metering.readings.PhaseValues`."""

    r: float | None = strawberry.field(description="Phase R (L1); null where it is not measured.")
    s: float | None = strawberry.field(description="Phase S (L2); null where it is not measured.")
    t: float | None = strawberry.field(description="Phase T (L3); null where it is not measured.")
    n: float | None = strawberry.field(description="Neutral; null where it is not measured.")


@strawberry.type(description="What a meter said at one instant. Null: the meter did not say.")
class Reading:
    """See `metering.readings.Reading`."""

    at: datetime = strawberry.field(description="The device's clock, corrected where it lies; panel's offset.")
    received_at: datetime = strawberry.field(description="When the server received it; panel's offset.")
    voltage_v: PhaseValues | None = strawberry.field(name="voltage", description="Voltage to neutral in V.")
    current_a: PhaseValues | None = strawberry.field(name="current", description="Current in A.")
    active_power_kw: float | None = strawberry.field(
        description="Active power in kW; negative while the panel exports."
    )
    apparent_power_kva: float | None = strawberry.field(description="Apparent power in kVA.")
    power_factor: float | None = strawberry.field(description="Power factor, -1 to 1.")
    energy_import_kwh: float | None = strawberry.field(description="Cumulative import register in kWh.")
    energy_export_kwh: float | None = strawberry.field(description="Cumulative export register in kWh.")
    voltage_unbalance: float | None = strawberry.field(description="Voltage unbalance in %.")
    current_unbalance: float | None = strawberry.field(description="Current unbalance in %.")
