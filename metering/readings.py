"""Defines a register reading and the bounds outside which a value is not a measurement."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntFlag

import msgspec

PANEL_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")
"""What a panel may be called: 1 to 64 letters, digits, `_ . : -`, starting with a letter or digit."""

MAX_ENERGY_KWH = 1e9
MAX_POWER_KW = 1e6
MAX_VOLTAGE_V = 1e6
MAX_CURRENT_A = 1e6
MAX_UNBALANCE = 1e3
"""Voltage and current unbalance come as a share or in percent, as the meter has it."""

EARLIEST_AT = datetime(2010, 1, 1, tzinfo=UTC)
"""Clocks that lost their battery say 1970 or 2000: nothing before this is believed."""

MAX_AHEAD = timedelta(minutes=15)
"""How far a device's clock may run ahead of the arrival before it is not believed."""


LATE_AFTER = timedelta(minutes=15)
"""A reading that arrives so long after its own time is flagged as late: it was kept somewhere, or the clock is slow."""


class ReadingFlag(IntFlag):
    """What is to be known of a reading beside its values; a row keeps the sum."""

    IMPORT_GLITCH = 1
    """Its import register is a fault of the meter or the line and counts for nothing."""
    EXPORT_GLITCH = 2
    """The same of its export register."""
    CLOCK_REPLACED = 4
    """The device's clock was not believed: the reading's time is its arrival."""
    ARRIVAL_TIME = 8
    """The message had no time: the reading's time is its arrival."""
    LATE = 16
    """It arrived more than 15 minutes after the time of the device's clock."""
    CORRECTED = 32
    """An admin has corrected a value; the audit keeps what the meter said."""
    TYPED_IN = 64
    """A person read it from the meter's register and typed it in."""


NO_FLAGS = ReadingFlag(0)


class PhaseValues(msgspec.Struct, frozen=True, gc=False):
    """One quantity on the phases R, S, T and the neutral N; None where it is not measured."""

    r: float | None = None
    s: float | None = None
    t: float | None = None
    n: float | None = None


class Reading(msgspec.Struct, frozen=True, gc=False):
    """What a meter said at one instant of its own clock, `at`, and when that arrived; both aware.

    A partial reading is one message of a device that spreads its values over several.
    """

    at: datetime
    received_at: datetime
    voltage_v: PhaseValues | None = None
    current_a: PhaseValues | None = None
    active_power_kw: float | None = None
    apparent_power_kva: float | None = None
    power_factor: float | None = None
    energy_import_kwh: float | None = None
    energy_export_kwh: float | None = None
    voltage_unbalance: float | None = None
    current_unbalance: float | None = None
    flags: ReadingFlag = NO_FLAGS
    is_partial: bool = False


@dataclass(frozen=True, slots=True)
class Rejected:
    """Why a message is not a reading: a stable `code`, and what was wrong and what is accepted."""

    code: str
    reason: str


def believed(at: datetime, *, received_at: datetime) -> tuple[datetime, ReadingFlag]:
    """The time that a reading is given: the device's own where it can be, else that of its arrival, to the second.

    Believed: from 2010 up to 15 minutes after the arrival.
    """
    if at < EARLIEST_AT or at > received_at + MAX_AHEAD:
        return received_at.replace(microsecond=0), ReadingFlag.CLOCK_REPLACED
    return at, ReadingFlag.LATE if at < received_at - LATE_AFTER else NO_FLAGS


def on_arrival(received_at: datetime) -> tuple[datetime, ReadingFlag]:
    """The time that a reading without one of its own is given: that of its arrival, to the second."""
    return received_at.replace(microsecond=0), ReadingFlag.ARRIVAL_TIME
