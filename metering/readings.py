"""Defines a register reading and the bounds outside which a value is not a measurement."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

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


@dataclass(frozen=True, slots=True)
class PhaseValues:
    """One quantity on the phases R, S, T and the neutral N; None where it is not measured."""

    r: float | None = None
    s: float | None = None
    t: float | None = None
    n: float | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a meter said at one instant of its own clock, `at`, and when that arrived; both aware."""

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


@dataclass(frozen=True, slots=True)
class Rejected:
    """Why a message is not a reading: a stable `code`, and what was wrong and what is accepted."""

    code: str
    reason: str


def implausible_time(at: datetime, *, received_at: datetime) -> Rejected | None:
    """Says why a device's clock is not believed; None when it is.

    Accepted: from 2010 up to 15 minutes after the arrival.
    """
    if at < EARLIEST_AT:
        return Rejected(
            "IMPLAUSIBLE_TIME", f"time {at.isoformat()} is before {EARLIEST_AT.date()}; set the meter's clock"
        )
    if at > received_at + MAX_AHEAD:
        return Rejected(
            "IMPLAUSIBLE_TIME",
            f"time {at.isoformat()} is more than 15 minutes after its arrival at {received_at.isoformat()}; "
            "set the meter's clock, or the panel's time zone",
        )
    return None
