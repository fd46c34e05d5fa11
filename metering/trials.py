"""Defines what a dry run of a message shows: what each value would be taken for, and what would be stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from metering.mappings import Quantity
from metering.readings import Rejected


class TimeSource(Enum):
    """Where the time of a reading comes from."""

    DEVICE = "DEVICE"
    REPLACED = "REPLACED"
    ARRIVAL = "ARRIVAL"


@dataclass(frozen=True, slots=True)
class TrialQuantity:
    """A quantity in Kilowatch's unit, `unit`."""

    quantity: Quantity
    value: float
    unit: str


@dataclass(frozen=True, slots=True)
class TrialReading:
    """What would be stored for a panel; `is_partial` says that other messages may add to it."""

    panel_code: str
    at: datetime
    time_source: TimeSource
    is_late: bool
    is_partial: bool
    values: Sequence[TrialQuantity]


@dataclass(frozen=True, slots=True)
class TrialUse:
    """What a value was taken for. `unit` is the unit it was taken to be in, None where it is one part of a sum."""

    panel_code: str
    quantity: Quantity
    unit: str | None
    is_reversed: bool


@dataclass(frozen=True, slots=True)
class TrialValue:
    """A value of the payload, where it stands and what it was taken for; `note` says what else, or why not."""

    path: str
    text: str
    uses: Sequence[TrialUse]
    note: str | None


@dataclass(frozen=True, slots=True)
class MessageTrial:
    """What would become of a message.

    `reader` names who reads it, None where nobody does. `values` are the first of `value_count`, up to 200. `notes` are
    what the message says beside readings. `rejected` is why it, or a part of it, would be kept as unreadable.
    """

    reader: str | None
    values: Sequence[TrialValue]
    value_count: int
    readings: Sequence[TrialReading]
    notes: Sequence[str]
    rejected: Rejected | None


@dataclass(frozen=True, slots=True)
class TrialMessage:
    """A pasted message, as if it arrived at `received_at`; `is_retained` as if the broker had kept it."""

    topic: str
    payload: bytes
    received_at: datetime
    is_retained: bool
