"""Turns an announced sensor into the quantity of a panel that it measures, if it measures one."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from ingest.sensor_words import channel, is_of_a_period, is_of_a_tariff, is_outward, part, phases, words
from ingest.templates import Template, simple_template
from metering.mappings import FieldMapping, Quantity
from metering.units import UNITS, Scale, accepted_units

_REGISTERS: Final = frozenset({"total", "total_increasing"})

_CLASSES: Final[Mapping[str, Quantity]] = {
    "energy": Quantity.ENERGY_IMPORT,
    "power": Quantity.ACTIVE_POWER,
    "apparent_power": Quantity.APPARENT_POWER,
    "power_factor": Quantity.POWER_FACTOR,
    "voltage": Quantity.VOLTAGE_R,
    "current": Quantity.CURRENT_R,
}
"""The device classes that we read, each with the quantity that tells its units."""
_BY_PHASE: Final = frozenset({"voltage", "current"})


@dataclass(frozen=True, slots=True)
class Announced:
    """What an announcement says of one sensor, and the words of its device's names; empty where it says nothing."""

    object_id: str
    name: str
    device_words: frozenset[str]
    device_class: str
    state_class: str
    unit: str
    template: str
    starts_again: bool


@dataclass(frozen=True, slots=True)
class PanelField:
    """Where a panel's quantity stands, and which part and channel of the device the panel is: () for all of it."""

    mapping: FieldMapping
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unusable:
    """Why a sensor of electricity is not read."""

    why: str


def announced_field(sensor: Announced) -> PanelField | Unusable | None:
    """What a sensor measures; None where it is not about a panel's electricity, or counts a day or a month.

    Registers of one tariff or phase are unusable: the panel's register is their sum, which nobody has announced.
    """
    if sensor.device_class not in _CLASSES:
        return None
    template = simple_template(sensor.template) if sensor.template else Template((), Fraction(1))
    if template is None:
        return Unusable(f"its template {sensor.template[:100]!r} is more than a path and a factor")
    spoken = _spoken(sensor, template)
    unit = _unit_in_the_payload(sensor, template)
    if sensor.device_class == "energy":
        found = _register(sensor, template, spoken=spoken)
    else:
        found = _measured(sensor, spoken=spoken)
    if not isinstance(found, Quantity):
        return found
    if unit is None:
        factor = f", with a factor of {float(template.factor):g}" if template.factor != 1 else ""
        return Unusable(f"its unit is {sensor.unit[:20]!r}{factor}; accepted: {accepted_units(found)}")
    return _panel_field(sensor, template, quantity=found, unit=unit, spoken=spoken)


def _spoken(sensor: Announced, template: Template) -> list[str]:
    """The words that tell the sensor from the others of its device."""
    keys = (step for step in template.path if isinstance(step, str))
    return [word for word in words(sensor.object_id, sensor.name, *keys) if word not in sensor.device_words]


def _register(sensor: Announced, template: Template, *, spoken: list[str]) -> Quantity | Unusable | None:
    if is_of_a_period(spoken) or sensor.starts_again:
        return None
    if sensor.state_class not in _REGISTERS:
        return Unusable(f"its state_class is {sensor.state_class[:50]!r}, and total or total_increasing with registers")
    if is_of_a_tariff(spoken) or phases(spoken):
        return Unusable("it counts one tariff or one phase, which is a part of the register")
    names = (sensor.object_id, sensor.name, *map(str, template.path))
    return Quantity.ENERGY_EXPORT if is_outward(spoken, names=names) else Quantity.ENERGY_IMPORT


def _measured(sensor: Announced, *, spoken: list[str]) -> Quantity | None:
    """Powers of single phases are parts of a panel's; a voltage between two phases is none of a phase."""
    named = phases(spoken)
    if sensor.device_class not in _BY_PHASE:
        return None if named else _CLASSES[sensor.device_class]
    if len(named) > 1:
        return None
    return Quantity(f"{sensor.device_class.upper()}_{(named or {'R'}).pop()}")


def _unit_in_the_payload(sensor: Announced, template: Template) -> str | None:
    """The unit of the number before the template's factor: a register divided by 1000 into kWh is in Wh."""
    units = UNITS[_CLASSES[sensor.device_class]]
    if sensor.unit not in units:
        return None
    size = _size(units[sensor.unit]) * abs(template.factor)
    return next((unit for unit, scale in units.items() if _size(scale) == size), None)


def _size(scale: Scale) -> Fraction:
    return Fraction(scale.times, scale.per)


def _panel_field(
    sensor: Announced, template: Template, *, quantity: Quantity, unit: str, spoken: list[str]
) -> PanelField:
    turned = quantity is Quantity.ACTIVE_POWER and is_outward(spoken)
    is_reversed = turned != (template.factor < 0)
    number = "" if phases(spoken) else _channel(sensor, template)
    parts = tuple(filter(None, (part(spoken), number)))
    return PanelField(FieldMapping(template.path, quantity, unit, is_reversed), parts)


def _channel(sensor: Announced, template: Template) -> str:
    """The channel of a device with several: the place in a list, counted from 1, or the number at the name's end."""
    last = template.path[-1] if template.path else ""
    if isinstance(last, int):
        return str(last + 1)
    return channel(last) or channel(sensor.object_id)
