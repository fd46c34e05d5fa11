"""Turns what a person read from a meter's register into a value and an instant that may be kept, or refuses it."""

from datetime import datetime
from math import isfinite

from metering.ledger import entry_time
from metering.readings import MAX_ENERGY_KWH
from metering.refusals import Refused


def checked_register_kwh(energy_import_kwh: float) -> float:
    """The register as it is. How far it rose or fell is judged as of any reading.

    Raises:
        Refused: BAD_INPUT unless it is 0 to 1,000,000,000 kWh.
    """
    if not (isfinite(energy_import_kwh) and 0 <= energy_import_kwh <= MAX_ENERGY_KWH):
        message = f"`energyImportKwh` must be 0 to {MAX_ENERGY_KWH:,.0f} kWh, as the meter's register shows it."
        raise Refused("BAD_INPUT", message, "energyImportKwh")
    return energy_import_kwh


def reading_time(at: datetime | None, *, now: datetime) -> datetime:
    """When the register was read, to the second: `at`, or now when it is left out or a little ahead of our clock.

    Raises:
        Refused: BAD_TIME before 2010 or more than five minutes after now.
    """
    return entry_time(at, now=now).replace(microsecond=0)
