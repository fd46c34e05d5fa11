"""Describes what meters said: single readings and series of them."""

from datetime import datetime

import strawberry

from metering import readings as measured
from metering.buckets import Downsampling, Level
from metering.periods import Range
from metering.readings import ReadingFlag
from resolvers import gaps
from resolvers import reading_series as series
from resolvers.pages import Cursor
from resolvers.rows import Rows

strawberry.enum(
    ReadingFlag,
    description="What is to be known of a reading beside its values. IMPORT_GLITCH, EXPORT_GLITCH: the register is a"
    " fault of the meter or the line and counts for nothing. CLOCK_REPLACED: the device's clock was not believed, its"
    " time is the arrival. ARRIVAL_TIME: the message had no time, its time is the arrival. LATE: it arrived more than"
    " 15 minutes after its own time. CORRECTED: an admin corrected it; readingChanges has what the meter said."
    " TYPED_IN: a person read it from the meter and typed it in; typedReadings has who.",
)
strawberry.enum(
    Downsampling,
    description="How more readings than `maxPoints` become points. AVERAGE: one point for each bin of equal length:"
    " averages over it, its lowest and highest power, and the registers of its last reading. MIN_MAX_LTTB: readings"
    " picked so that a line through them keeps its shape and its peaks; of those that have a power the period's first"
    " and last, and from 4 points on the lowest and highest, are always among them. Over 200000 readings, sums of"
    " minutes, hours or days are picked in the same way: see `level`.",
)
strawberry.enum(
    Level,
    name="SeriesLevel",
    description="What the points of a series were made of. READINGS: readings. FIVE_MINUTES, HOUR, DAY: sums of five"
    " minutes, hours or local days; they have no voltages, currents, unbalances or apparent power.",
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


@strawberry.type(description="One quantity on the phases R, S, T and the neutral N, as columns as long as the series.")
class PhaseColumns:
    """See `resolvers.reading_series.PhaseColumns`."""

    r: list[float | None] = strawberry.field(description="Phase R (L1); null where it is not measured.")
    s: list[float | None] = strawberry.field(description="Phase S (L2); null where it is not measured.")
    t: list[float | None] = strawberry.field(description="Phase T (L3); null where it is not measured.")
    n: list[float | None] = strawberry.field(description="Neutral; null where it is not measured.")


_FLAGS = (
    "0 for most: 1 IMPORT_GLITCH, 2 EXPORT_GLITCH, 4 CLOCK_REPLACED, 8 ARRIVAL_TIME, 16 LATE, 32 CORRECTED,"
    " 64 TYPED_IN, added up. 0 where a point stands for minutes, hours or days."
)
_POWER = (
    "Active power in kW; negative while the panel exports; null: not measured. Of a point that stands for many readings"
    " the average; where it was picked from sums, their lowest or highest, whichever is further from the average."
)


@strawberry.type(description="One point of a series. Null: not measured, or not known at the series' `level`.")
class ReadingPoint:
    """See `resolvers.reading_series.ReadingPoint`."""

    at: datetime = strawberry.field(description="When it was read; panel's offset. Of many readings: the last.")
    at_ms: float = strawberry.field(description="The same in milliseconds since 1970 (UTC).")
    active_power_kw: float | None = strawberry.field(description=_POWER)
    min_active_power_kw: float | None = strawberry.field(
        description="The lowest active power in kW of what the point stands for."
    )
    max_active_power_kw: float | None = strawberry.field(
        description="The highest active power in kW of what the point stands for."
    )
    energy_import_kwh: float | None = strawberry.field(description="Cumulative import register in kWh at that time.")
    energy_export_kwh: float | None = strawberry.field(description="Cumulative export register in kWh at that time.")
    apparent_power_kva: float | None = strawberry.field(description="Apparent power in kVA.")
    power_factor: float | None = strawberry.field(description="Power factor, -1 to 1.")
    voltage_v: PhaseValues | None = strawberry.field(name="voltage", description="Voltage to neutral in V.")
    current_a: PhaseValues | None = strawberry.field(name="current", description="Current in A.")
    voltage_unbalance: float | None = strawberry.field(
        description="Voltage unbalance as the meter gives it: for most as a share, 0.01 is 1 %."
    )
    current_unbalance: float | None = strawberry.field(
        description="Current unbalance as the meter gives it: for most as a share, 0.01 is 1 %."
    )
    flags: int = strawberry.field(name="flagBits", description=f"The flags of the reading as one number, {_FLAGS}")


@strawberry.type(
    description="Points of a period, ascending by time: as columns of equal length `count`, and as the list `points`."
    " A point is a reading. Where there are more than `maxPoints`, `downsampling` says what a point is, and `level` and"
    " `pointSpanS` what it stands for."
)
class ReadingSeries:
    """See `resolvers.reading_series.ReadingSeries`."""

    level: Level = strawberry.field(description="What the points were made of.")
    point_span_s: int | None = strawberry.field(
        description="How many seconds a point stands for; null where each point is one reading."
    )
    at: list[datetime] = strawberry.field(
        description="When each point was read; panel's offset. Of many readings: the last."
    )
    at_ms: list[float] = strawberry.field(
        description="The same in milliseconds since 1970 (UTC): for charts, and much cheaper than `at`."
    )
    active_power_kw: list[float | None] = strawberry.field(description=_POWER)
    min_active_power_kw: list[float | None] = strawberry.field(
        description="The lowest active power in kW of what each point stands for; of one reading its own."
    )
    max_active_power_kw: list[float | None] = strawberry.field(
        description="The highest active power in kW of what each point stands for; of one reading its own."
    )
    energy_import_kwh: list[float | None] = strawberry.field(
        description="Cumulative import register in kWh; null: not measured."
    )
    energy_export_kwh: list[float | None] = strawberry.field(
        description="Cumulative export register in kWh; null: not measured."
    )
    apparent_power_kva: list[float | None] | None = strawberry.field(
        description="Apparent power in kVA; null for a series of sums, see `level`."
    )
    power_factor: list[float | None] = strawberry.field(description="Power factor, -1 to 1; null: not measured.")
    voltage_v: PhaseColumns | None = strawberry.field(
        name="voltage", description="Voltage to neutral in V; null for a series of sums, see `level`."
    )
    current_a: PhaseColumns | None = strawberry.field(
        name="current", description="Current in A; null for a series of sums, see `level`."
    )
    voltage_unbalance: list[float | None] | None = strawberry.field(
        description="Voltage unbalance as the meter gives it, for most as a share; null for a series of sums."
    )
    current_unbalance: list[float | None] | None = strawberry.field(
        description="Current unbalance as the meter gives it, for most as a share; null for a series of sums."
    )
    flags: list[int] = strawberry.field(
        name="flagBits", description=f"The flags of each reading as one number, {_FLAGS}"
    )
    count: int = strawberry.field(description="How many points there are.")
    downsampled_from: int = strawberry.field(
        description="How many readings the points stand for; the same as `count` when each point is a reading and none"
        " was left out."
    )
    points: Rows[series.ReadingPoint] | list[series.ReadingPoint] = strawberry.field(
        resolver=series.points,
        graphql_type=list[ReadingPoint],
        description="The same points as a list of objects, of 150000 values at the most: TOO_MANY_POINTS where points"
        " times fields are more. Columns are half as long on the wire.",
    )
    cursor: Cursor = strawberry.field(
        description="Pass it as `after` to get only what was stored since, late readings too. When `count` reached"
        " `maxPoints` there may be more: ask again, of the same panel, with the new cursor."
    )
    missing: list[gaps.Interval] = strawberry.field(
        resolver=gaps.missing,
        graphql_type=list[Interval],
        description="The spans of the period, up to now, without readings: those longer than 5 minutes and than 3 times"
        " the usual spacing.",
    )
