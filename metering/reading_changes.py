"""Turns what an admin says about stored readings into values, spans and reasons that may be kept, or refuses them."""

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from math import isfinite
from typing import Final

from metering.readings import MAX_CURRENT_A, MAX_ENERGY_KWH, MAX_POWER_KW, MAX_UNBALANCE, MAX_VOLTAGE_V
from metering.refusals import Refused

MAX_WITHDRAWN: Final = 200_000
"""How many readings one withdrawal may take: it lasts 3 s, and undoing it 7 s, while ingest waits."""
MAX_REASON_LENGTH: Final = 500

Values = Mapping[str, float | None]
"""Values of a reading by their names in VALUES; None: the reading does not have it."""


class ChangeKind(Enum):
    """What was done to stored readings."""

    CORRECTION = "CORRECTION"
    WITHDRAWAL = "WITHDRAWAL"
    RESTORATION = "RESTORATION"


_VOLTAGE = ("voltage", 0.0, MAX_VOLTAGE_V, "V")
_CURRENT = ("current", -MAX_CURRENT_A, MAX_CURRENT_A, "A")

VALUES: Final[Mapping[str, tuple[str, float, float, str]]] = {
    **{f"voltage_{phase}_v": _VOLTAGE for phase in "rstn"},
    **{f"current_{phase}_a": _CURRENT for phase in "rstn"},
    "active_power_kw": ("activePowerKw", -MAX_POWER_KW, MAX_POWER_KW, "kW"),
    "apparent_power_kva": ("apparentPowerKva", 0.0, MAX_POWER_KW, "kVA"),
    "power_factor": ("powerFactor", -1.0, 1.0, ""),
    "energy_import_kwh": ("energyImportKwh", 0.0, MAX_ENERGY_KWH, "kWh"),
    "energy_export_kwh": ("energyExportKwh", 0.0, MAX_ENERGY_KWH, "kWh"),
    "voltage_unbalance": ("voltageUnbalance", 0.0, MAX_UNBALANCE, ""),
    "current_unbalance": ("currentUnbalance", 0.0, MAX_UNBALANCE, ""),
}
"""Every value of a reading: the input that it comes from, the least and the most that it may be, its unit."""


def checked_values(values: Values) -> dict[str, float | None]:
    """The values that a correction sets, in the order of VALUES; None removes one.

    Raises:
        Refused: BAD_INPUT when there is none, an unknown one, or one outside its bounds.
    """
    unknown = sorted(values.keys() - VALUES.keys())
    if unknown:
        raise Refused("BAD_INPUT", f"A reading has no {unknown[0]}. Its values: {', '.join(VALUES)}.", "values")
    if not values:
        raise Refused("BAD_INPUT", "Give at least one new value; null removes what the reading has.")
    return {name: _checked_value(name, values[name]) for name in VALUES if name in values}


def _checked_value(name: str, value: float | None) -> float | None:
    field, least, most, unit = VALUES[name]
    if value is not None and not (isfinite(value) and least <= value <= most):
        bounds = f"{least:,.0f} to {most:,.0f} {unit}".rstrip()
        raise Refused("BAD_INPUT", f"`{field}` must be {bounds}, or null to remove it.", field)
    return value


def checked_reason(reason: str) -> str:
    """Why readings are changed, without the spaces around it.

    Raises:
        Refused: BAD_INPUT unless it has 1 to 500 characters.
    """
    words = reason.strip()
    if not (1 <= len(words) <= MAX_REASON_LENGTH and "\0" not in words):
        raise Refused("BAD_INPUT", f"`reason` must have 1 to {MAX_REASON_LENGTH} characters.", "reason")
    return words


def checked_span(since: datetime, until: datetime) -> tuple[datetime, datetime]:
    """The half-open span whose readings are withdrawn.

    Raises:
        Refused: BAD_RANGE unless it starts before its end.
    """
    if since >= until:
        raise Refused("BAD_RANGE", "`from` must be before `to`; a reading at `to` stays.", "from")
    return since, until


def checked_count(count: int) -> int:
    """How many readings a withdrawal takes.

    Raises:
        Refused: READING_NOT_FOUND when there is none, TOO_MANY_READINGS above 200,000.
    """
    if not count:
        raise Refused("READING_NOT_FOUND", "The panel has no readings from `from` up to `to`.", "from")
    if count > MAX_WITHDRAWN:
        message = f"One withdrawal may take {MAX_WITHDRAWN} readings: withdraw them in shorter spans."
        raise Refused("TOO_MANY_READINGS", message, "to")
    return count
