"""Turns the values that a device's documents have under fixed names into readings of its panels."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, NamedTuple, cast

from ingest.complaints import listed
from ingest.outcomes import NOTHING, Decoded
from ingest.quantities import reading_of
from ingest.units import Unusable, measured
from metering.devices import DeviceReport
from metering.mappings import Quantity
from metering.readings import Reading, ReadingFlag, Rejected, believed

NO_DOCUMENT: Final[Mapping[str, object]] = {}


class Named(NamedTuple):
    """Where a value stands, its own name last, and what it measures in which unit."""

    path: tuple[str, ...]
    quantity: Quantity
    unit: str
    is_reversed: bool = False


@dataclass(slots=True)
class Found:
    """What a document holds, in Kilowatch's units; `faults` are sentences about values that cannot be right."""

    values: dict[Quantity, float] = field(default_factory=dict[Quantity, float])
    faults: list[str] = field(default_factory=list[str])

    @property
    def rejected(self) -> Rejected | None:
        """The faults as the reason of a rejection; None without any."""
        return Rejected("BAD_PAYLOAD", listed(self.faults)) if self.faults else None

    def take(self, document: Mapping[str, object], names: Iterable[Named], *, where: Sequence[str] = ()) -> None:
        """Adds what the document has under the names; of two for one quantity the first stays, null is nothing.

        `where` leads to the document, for whoever reads the faults.
        """
        for name in names:
            value = _value(document, name.path)
            if value is None or name.quantity in self.values:
                continue
            found = measured(value, quantity=name.quantity, unit=name.unit, is_reversed=name.is_reversed)
            if isinstance(found, Unusable):
                self.faults.append(f"{'.'.join((*where, *name.path))} {found.why}")
            else:
                self.values[name.quantity] = found + 0.0  # no negative zero


When = tuple[datetime, ReadingFlag]
"""The time of a message's readings, and how it came about."""

_A_DAY_S: Final = 86_400


def since_1970(seconds: Decimal, *, received_at: datetime, is_retained: bool) -> When | None:
    """The time that a device gives in seconds since 1970, to the second, or that of the arrival in its place.

    None for what the broker kept for us when the device's clock cannot be right: nobody knows when it was sent.
    """
    ahead = Decimal(received_at.timestamp()) + _A_DAY_S  # as good as any later one, and a year that there is
    at = datetime.fromtimestamp(int(min(seconds, ahead)), UTC)
    at, flags = believed(at, received_at=received_at)
    return None if is_retained and flags & ReadingFlag.CLOCK_REPLACED else (at, flags)


def decoded(
    panels: Mapping[str, Found],
    when: When,
    *,
    received_at: datetime,
    is_partial: bool,
    reports: Sequence[DeviceReport],
    or_else: Decoded | Rejected = NOTHING,
) -> Decoded | Rejected:
    """The readings of the panels by code, and what could not be read; `or_else` where there is nothing at all.

    `reports` are what else the message tells, where it holds a reading.
    """
    readings: list[tuple[str, Reading]] = []
    everything = Found()
    for code, found in panels.items():
        everything.faults += found.faults
        if found.values:
            at, flags = when
            reading = reading_of(found.values, at=at, received_at=received_at, flags=flags, is_partial=is_partial)
            readings.append((code, reading))
    if not readings:
        return everything.rejected or or_else
    return Decoded(readings, reports=reports, rejected=everything.rejected)


def object_in(document: Mapping[str, object], name: str) -> Mapping[str, object]:
    """The object under a name; an empty one where there is none."""
    found = document.get(name)
    return cast("dict[str, object]", found) if isinstance(found, dict) else NO_DOCUMENT


def _value(document: Mapping[str, object], path: Sequence[str]) -> object:
    for name in path[:-1]:
        document = object_in(document, name)
    return document.get(path[-1])
