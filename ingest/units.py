"""Turns a value of a message, in its device's unit, into Kilowatch's unit within the bounds of a measurement."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from metering.mappings import Quantity
from metering.readings import MAX_CURRENT_A, MAX_ENERGY_KWH, MAX_POWER_KW, MAX_VOLTAGE_V
from metering.units import Scale, own_unit, scale_of

_NUMBER = re.compile(r"\s*([+-]?[0-9]{1,30}(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,2})?)\s*", re.ASCII)
_LARGEST: Final = 10**30
_LONGEST_SHOWN: Final = 60


@dataclass(frozen=True, slots=True)
class Unusable:
    """Why a value is not a measurement, as the end of a sentence that begins with its place."""

    why: str


_VOLTAGE: Final = (0.0, MAX_VOLTAGE_V)
_CURRENT: Final = (-MAX_CURRENT_A, MAX_CURRENT_A)
_BOUNDS: Final[Mapping[Quantity, tuple[float, float]]] = {
    Quantity.ENERGY_IMPORT: (0.0, MAX_ENERGY_KWH),
    Quantity.ENERGY_EXPORT: (0.0, MAX_ENERGY_KWH),
    Quantity.ACTIVE_POWER: (-MAX_POWER_KW, MAX_POWER_KW),
    Quantity.APPARENT_POWER: (0.0, MAX_POWER_KW),
    Quantity.POWER_FACTOR: (-1.0, 1.0),
    Quantity.VOLTAGE_R: _VOLTAGE,
    Quantity.VOLTAGE_S: _VOLTAGE,
    Quantity.VOLTAGE_T: _VOLTAGE,
    Quantity.VOLTAGE_N: _VOLTAGE,
    Quantity.CURRENT_R: _CURRENT,
    Quantity.CURRENT_S: _CURRENT,
    Quantity.CURRENT_T: _CURRENT,
    Quantity.CURRENT_N: _CURRENT,
    Quantity.BALANCE: (-MAX_ENERGY_KWH, MAX_ENERGY_KWH),
}


def number_of(value: object) -> Decimal | None:
    """The finite number that a value of a JSON document is, or that its text says; true and false are none.

    Exact: of a float, the shortest decimal that means the same float.
    """
    if isinstance(value, str):
        found = _NUMBER.fullmatch(value)
        return Decimal(found[1]) if found else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float):
        return Decimal(repr(value)) if math.isfinite(value) else None
    return Decimal(value) if abs(value) < _LARGEST else None


def measured(value: object, *, quantity: Quantity, unit: str, is_reversed: bool = False) -> float | Unusable:
    """A value in Kilowatch's unit of its quantity, or why it cannot be one.

    Raises:
        KeyError: `unit` is none of the quantity's.
    """
    exact = measured_exactly(value, quantity=quantity, unit=unit, is_reversed=is_reversed)
    return exact if isinstance(exact, Unusable) else float(exact) + 0.0  # no negative zero


def measured_exactly(value: object, *, quantity: Quantity, unit: str, is_reversed: bool = False) -> Decimal | Unusable:
    """The same in exact decimals, for credit; units that are no power of ten apart are cut after 28 digits.

    Raises:
        KeyError: `unit` is none of the quantity's.
    """
    scale = scale_of(quantity, unit=unit)
    if scale is None:
        raise KeyError(unit)
    number = number_of(value)
    if number is None:
        return Unusable(f"is {shown(value)}, not a number")
    own = _scaled(-number if is_reversed else number, scale)
    if is_within_bounds(own, quantity=quantity):
        return own
    lowest, highest = _BOUNDS[quantity]
    bounds = f"{lowest:,.0f} to {highest:,.0f} {own_unit(quantity)}".rstrip()
    return Unusable(f"is {shown(value)}{f' {unit}' if unit else ''}; accepted: {bounds}")


def is_within_bounds(own: Decimal, *, quantity: Quantity) -> bool:
    """Whether a value in Kilowatch's unit can be a measurement."""
    lowest, highest = _BOUNDS[quantity]
    return lowest <= own <= highest


def shown(value: object) -> str:
    """A value of a JSON document for people, shortened."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    if isinstance(value, bool) or value is None:
        return {None: "null", True: "true", False: "false"}[value]
    text = repr(value) if isinstance(value, str | float) else str(value) if _is_short(value) else "a huge number"
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def _is_short(value: object) -> bool:
    return isinstance(value, int) and abs(value) < _LARGEST


def _scaled(number: Decimal, scale: Scale) -> Decimal:
    return number * scale.times / scale.per if scale.times != 1 or scale.per != 1 else number
