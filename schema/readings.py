"""Describes what meters said: single readings and series of them."""

from datetime import datetime

import strawberry

from metering import readings as measured
from metering.periods import Range
from metering.readings import ReadingFlag
from resolvers import gaps
from resolvers.pages import Cursor

strawberry.enum(
    ReadingFlag,
    description="What is to be known of a reading beside its values. IMPORT_GLITCH, EXPORT_GLITCH: the register is a"
    " fault of the meter or the line and counts for nothing. CLOCK_REPLACED: the device's clock was not believed, its"
    " time is the arrival. ARRIVAL_TIME: the message had no time, its time is the arrival. LATE: it arrived more than"
    " 15 minutes after its own time. CORRECTED: an admin corrected it; readingChanges has what the meter said.",
)
strawberry.enum(Range, description="A span that ends now: of so many hours (H), days (D), or a year of 365 days.")


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

    at: datetime = strawberry.field(
        description="When it was read, by the device's clock; panel's offset. A clock that says a time before 2010, or"
        " more than 15 minutes ahead, is not believed: see CLOCK_REPLACED."
    )
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
    voltage_unbalance: float | None = strawberry.field(
        description="Voltage unbalance as the meter gives it: for most as a share, 0.01 is 1 %."
    )
    current_unbalance: float | None = strawberry.field(
        description="Current unbalance as the meter gives it: for most as a share, 0.01 is 1 %."
    )

    @strawberry.field(description="What is to be known of it beside its values; empty for most readings.")
    @staticmethod
    def flags(parent: strawberry.Parent[measured.Reading]) -> list[ReadingFlag]:
        """Each flag that is set."""
        return list(parent.flags)


@strawberry.type(description="A half-open span of time: from its start up to, not including, its end.")
class Interval:
    """See `resolvers.gaps.Interval`."""

    start: datetime = strawberry.field(name="from", description="Its start; panel's offset.")
    end: datetime = strawberry.field(name="to", description="Its end; panel's offset.")


@strawberry.type(
    description="Columns of equal length `count`, ascending by time. A point is a reading. Where there are more"
    " than `maxPoints`, it is the last reading of some minutes, hours or days, with the average power over them."
)
class ReadingSeries:
    """See `resolvers.readings.ReadingSeries`."""

    at: list[datetime] = strawberry.field(description="When each point was read; panel's offset.")
    at_ms: list[float] = strawberry.field(
        description="The same in milliseconds since 1970 (UTC): for charts, and much cheaper than `at`."
    )
    active_power_kw: list[float | None] = strawberry.field(description="Active power in kW; null: not measured.")
    energy_import_kwh: list[float | None] = strawberry.field(
        description="Cumulative import register in kWh; null: not measured."
    )
    energy_export_kwh: list[float | None] = strawberry.field(
        description="Cumulative export register in kWh; null: not measured."
    )
    flags: list[int] = strawberry.field(
        description="The flags of each reading as one number, 0 for most: 1 IMPORT_GLITCH, 2 EXPORT_GLITCH,"
        " 4 CLOCK_REPLACED, 8 ARRIVAL_TIME, 16 LATE, 32 CORRECTED, added up. 0 where a point stands for minutes, hours"
        " or days."
    )
    count: int = strawberry.field(description="How many points there are.")
    downsampled_from: int = strawberry.field(
        description="How many readings the points stand for; the same as `count` when each point is a reading."
    )
    cursor: Cursor = strawberry.field(
        description="Pass it as `after` to get only what was stored since, late readings too. When `count` reached"
        " `maxPoints` there may be more: ask again with the new cursor."
    )
    missing: list[gaps.Interval] = strawberry.field(
        resolver=gaps.missing,
        graphql_type=list[Interval],
        description="The spans of the period, up to now, without readings: those longer than 5 minutes and than 3 times"
        " the usual spacing.",
    )
