"""Turns the units that devices use into Kilowatch's: kWh, kW, kVA, V and A."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from metering.mappings import Quantity


@dataclass(frozen=True, slots=True)
class Scale:
    """A value in a device's unit, times `times` and divided by `per`, is one in ours: two whole numbers are exact."""

    times: int = 1
    per: int = 1


_ONE: Final = Scale()

_ENERGY: Final[Mapping[str, Scale]] = {
    "kWh": _ONE,
    "Wh": Scale(per=1000),
    "MWh": Scale(times=1000),
    "GWh": Scale(times=1_000_000),
    "mWh": Scale(per=1_000_000),
    "Wmin": Scale(per=60_000),
    "Ws": Scale(per=3_600_000),
    "J": Scale(per=3_600_000),
    "kJ": Scale(per=3600),
    "MJ": Scale(times=10, per=36),
    "GJ": Scale(times=10_000, per=36),
}
_ACTIVE: Final[Mapping[str, Scale]] = {
    "kW": _ONE,
    "W": Scale(per=1000),
    "MW": Scale(times=1000),
    "mW": Scale(per=1_000_000),
}
_APPARENT: Final[Mapping[str, Scale]] = {
    "kVA": _ONE,
    "VA": Scale(per=1000),
    "MVA": Scale(times=1000),
    "mVA": Scale(per=1_000_000),
}
_FACTOR: Final[Mapping[str, Scale]] = {"": _ONE, "%": Scale(per=100)}
_VOLTAGE: Final[Mapping[str, Scale]] = {"V": _ONE, "mV": Scale(per=1000), "kV": Scale(times=1000)}
_CURRENT: Final[Mapping[str, Scale]] = {"A": _ONE, "mA": Scale(per=1000), "kA": Scale(times=1000)}

UNITS: Final[Mapping[Quantity, Mapping[str, Scale]]] = {
    Quantity.ENERGY_IMPORT: _ENERGY,
    Quantity.ENERGY_EXPORT: _ENERGY,
    Quantity.ACTIVE_POWER: _ACTIVE,
    Quantity.APPARENT_POWER: _APPARENT,
    Quantity.POWER_FACTOR: _FACTOR,
    Quantity.VOLTAGE_R: _VOLTAGE,
    Quantity.VOLTAGE_S: _VOLTAGE,
    Quantity.VOLTAGE_T: _VOLTAGE,
    Quantity.VOLTAGE_N: _VOLTAGE,
    Quantity.CURRENT_R: _CURRENT,
    Quantity.CURRENT_S: _CURRENT,
    Quantity.CURRENT_T: _CURRENT,
    Quantity.CURRENT_N: _CURRENT,
    Quantity.BALANCE: _ENERGY,
}
"""The units of each quantity as they are written, Kilowatch's own first: mW and MW differ by their case alone."""


def own_unit(quantity: Quantity) -> str:
    """Kilowatch's unit of a quantity; empty for the power factor, which has none."""
    return next(iter(UNITS[quantity]))


def scale_of(quantity: Quantity, *, unit: str) -> Scale | None:
    """How a unit becomes Kilowatch's; None when it is none of the quantity's."""
    return UNITS[quantity].get(unit)


def accepted_units(quantity: Quantity) -> str:
    """The units of a quantity, for people: "kWh, Wh, MWh"."""
    return ", ".join(unit or "no unit" for unit in UNITS[quantity])
