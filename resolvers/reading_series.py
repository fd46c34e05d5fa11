"""Defines what a series of readings answers, and turns its columns into a list of points."""

from dataclasses import dataclass
from datetime import datetime

import msgspec
import strawberry

from metering.buckets import Level
from metering.periods import Period
from metering.readings import PhaseValues
from resolvers.pages import Cursor
from resolvers.rows import Rows
from store.panels import Panel


@dataclass(frozen=True, slots=True)
class PhaseColumns:
    """One quantity on the phases R, S, T and the neutral N, in columns."""

    r: list[float | None]
    s: list[float | None]
    t: list[float | None]
    n: list[float | None]


class ReadingPoint(msgspec.Struct, frozen=True, gc=False):
    """One point of a series; None where nothing was measured, or nothing was asked for."""

    at: datetime | None = None
    at_ms: float | None = None
    active_power_kw: float | None = None
    min_active_power_kw: float | None = None
    max_active_power_kw: float | None = None
    energy_import_kwh: float | None = None
    energy_export_kwh: float | None = None
    apparent_power_kva: float | None = None
    power_factor: float | None = None
    voltage_v: PhaseValues | None = None
    current_a: PhaseValues | None = None
    voltage_unbalance: float | None = None
    current_unbalance: float | None = None
    flags: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingSeries:
    """Columns of equal length, ascending by time, and what they stand for.

    None: there is no such column at this `level`, or it was not asked for. `point_span_s` is how long a point is that
    stands for several readings, None where each point is one.
    """

    panel: Panel
    period: Period
    level: Level
    point_span_s: int | None
    count: int
    downsampled_from: int
    cursor: Cursor
    at: list[datetime]
    at_ms: list[float] | None
    active_power_kw: list[float | None] | None
    min_active_power_kw: list[float | None] | None
    max_active_power_kw: list[float | None] | None
    energy_import_kwh: list[float | None] | None
    energy_export_kwh: list[float | None] | None
    apparent_power_kva: list[float | None] | None
    power_factor: list[float | None] | None
    voltage_v: PhaseColumns | None
    current_a: PhaseColumns | None
    voltage_unbalance: list[float | None] | None
    current_unbalance: list[float | None] | None
    flags: list[int] | None


def points(parent: strawberry.Parent[ReadingSeries]) -> Rows[ReadingPoint] | list[ReadingPoint]:
    """The same as a list of points: columns that are turned into objects only where somebody looks at one.

    With phases, objects: they are looked at in any case, and made three times faster all at once.
    """
    nothing = [None] * parent.count
    columns = {name: getattr(parent, name) or nothing for name in ReadingPoint.__struct_fields__}
    if parent.voltage_v is None and parent.current_a is None:
        return Rows(ReadingPoint, columns)
    for name in ("voltage_v", "current_a"):
        phases: PhaseColumns | None = getattr(parent, name)
        if phases is not None:
            columns[name] = _phase_values(phases, nothing=nothing)
    return list(map(ReadingPoint, *columns.values()))


def _phase_values(columns: PhaseColumns, *, nothing: list[None]) -> list[PhaseValues | None]:
    """One by one only where a point may have nothing: 8 ms for 20,000 points, 0.9 otherwise."""
    phases = [phase or nothing for phase in (columns.r, columns.s, columns.t, columns.n)]
    if any(None not in phase for phase in phases):
        return list(map(PhaseValues, *phases))
    return [None if values == _NOTHING else PhaseValues(*values) for values in zip(*phases, strict=True)]


_NOTHING = (None, None, None, None)
