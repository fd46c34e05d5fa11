"""Turns messages of solar and battery hubs into readings of each of their parts, heartbeats and status documents."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Final, NamedTuple, cast

from ingest.device_times import stated_time
from ingest.documents import json_object, json_text
from ingest.named_values import Found, Named, When, decoded, object_in, since_1970
from ingest.outcomes import NOTHING, ClockOf, Decoded, Source
from ingest.units import number_of, shown
from metering.devices import DeviceKind, DeviceReport, ReportKind, panel_code_of
from metering.mappings import Quantity
from metering.readings import EARLIEST_AT, Rejected, on_arrival
from metering.units import accepted_units, scale_of

_FILTERS: Final = ("home/energy-monitor/#", "enerlink/meters/#")
_FIRST: Final = "home/energy-monitor/"
_SECOND: Final = "enerlink/meters/"
_LONGEST_NAME: Final = 512
_NAMELESS: Final = "energy-monitor"
"""The device of messages whose topic names none."""

_TOPIC = re.compile(r"home/energy-monitor/(sensors|heartbeat|status)(?:/([^/]+))?")

_PARTS: Final[Mapping[str, str]] = {
    "load": "LOAD",
    "solar": "SOLAR",
    "export": "GRID_EXPORT",
    "import": "GRID_IMPORT",
    "battery": "BATTERY",
}
_NEWER_PARTS: Final[Mapping[str, str]] = {
    "load_home": "LOAD",
    "load_smart_mtr": "LOAD_METER",
    "solar_output": "SOLAR",
    "solar_input": "SOLAR_INPUT",
    "export": "GRID_EXPORT",
    "import": "GRID_IMPORT",
    "battery": "BATTERY",
}
"""Of the second format, in which the inverter's two sides and the meter of other loads are parts of their own."""


class _Units(NamedTuple):
    """What the numbers of a message are in; the first format does not say it, and always means these."""

    power: str = "W"
    current: str = "A"
    voltage: str = "V"
    energy: str = "Wh"


_QUANTITIES: Final[Mapping[str, Quantity]] = {
    "power": Quantity.ACTIVE_POWER,
    "current": Quantity.CURRENT_R,
    "voltage": Quantity.VOLTAGE_R,
    "energy": Quantity.ENERGY_IMPORT,
}


def _names(units: _Units, *, register: str, is_export: bool) -> tuple[Named, ...]:
    """What a part says. What goes out to the grid has an export register and negative power, like any other panel."""
    energy = Quantity.ENERGY_EXPORT if is_export else Quantity.ENERGY_IMPORT
    return (
        Named(("power",), Quantity.ACTIVE_POWER, units.power, is_export),
        Named(("voltage",), Quantity.VOLTAGE_R, units.voltage),
        Named(("current",), Quantity.CURRENT_R, units.current),
        Named((register,), energy, units.energy),
    )


def _hub_message(
    topic: str, payload: bytes, *, received_at: datetime, is_retained: bool, clock_of: ClockOf
) -> Decoded | Rejected:
    """What a message holds; commands and whatever else comes under the hubs' topics are nothing of ours."""
    if topic.startswith(_SECOND):
        return _newer_message(topic, payload, received_at=received_at, is_retained=is_retained, clock_of=clock_of)
    named = _TOPIC.fullmatch(topic)
    if named is None or not payload:
        return NOTHING
    device = named[2] or _NAMELESS
    if named[1] != "sensors":
        kind = ReportKind.HEARTBEAT if named[1] == "heartbeat" else ReportKind.STATUS
        return _report(device, payload, kind=kind, received_at=received_at, is_retained=is_retained)
    document = json_object(payload)
    if isinstance(document, Rejected):
        return document
    at = _first_format_time(document.get("timestamp"), received_at=received_at, is_retained=is_retained)
    message = _Sensors(device, document, _PARTS, _Units(), "total_energy_wh")
    return _readings(message, at, received_at=received_at, is_retained=is_retained)


def _report(
    device: str, payload: bytes, *, kind: ReportKind, received_at: datetime, is_retained: bool
) -> Decoded | Rejected:
    """A document that a device sent of itself; one that the broker kept is no sign of life."""
    document = json_object(payload)
    if isinstance(document, Rejected):
        return document
    if is_retained:
        return NOTHING
    text = json_text(payload)
    return Decoded(reports=[DeviceReport(device, DeviceKind.ENERGY_HUB, received_at, report=kind, document=text)])


_EARLIEST_S: Final = int(EARLIEST_AT.timestamp())


def _first_format_time(stated: object, *, received_at: datetime, is_retained: bool) -> When | Rejected | None:
    """Milliseconds since 1970, where that is a date that can be; else they count from the hub's start."""
    number = Decimal(0) if stated is None else number_of(stated)
    if number is None:
        accepted = "milliseconds since 1970 or since the hub's start, a number"
        return Rejected("BAD_TIME", f"timestamp is {shown(stated)}; accepted: {accepted}")
    if number < _EARLIEST_S * 1000:
        return None if is_retained else on_arrival(received_at)
    return since_1970(number / 1000, received_at=received_at, is_retained=is_retained)


class _Sensors(NamedTuple):
    """What the parts of a hub measured: which parts there may be, in which units, under which name the register."""

    device: str
    document: Mapping[str, object]
    parts: Mapping[str, str]
    units: _Units
    register: str


def _readings(
    message: _Sensors, at: When | Rejected | None, *, received_at: datetime, is_retained: bool
) -> Decoded | Rejected:
    """The readings of all parts; nothing when the broker kept the message and nobody knows since when."""
    if isinstance(at, Rejected):
        return at
    if at is None:
        return NOTHING
    return decoded(
        dict(_found(message)),
        at,
        received_at=received_at,
        is_partial=False,
        reports=[] if is_retained else [DeviceReport(message.device, DeviceKind.ENERGY_HUB, received_at)],
        or_else=_nothing_in(message),
    )


def _found(message: _Sensors) -> Iterator[tuple[str, Found]]:
    """The panel of each part, and what the part says."""
    for name, part in message.parts.items():
        found, value = Found(), message.document.get(name)
        if isinstance(value, dict):
            is_export = part == "GRID_EXPORT"
            names = _names(message.units, register=message.register, is_export=is_export)
            found.take(cast("dict[str, object]", value), names, where=(name,))
        elif value is not None:
            found.faults.append(f"{name} is {shown(value)}, not an object")
        yield _code(message.device, part), found


def _code(device: str, part: str) -> str:
    """Of a name that a code cannot hold, the device's own code stays in front."""
    return panel_code_of(panel_code_of(device), part)


def _nothing_in(message: _Sensors) -> Rejected:
    accepted = f"at least one of {', '.join(message.parts)}, an object with power, voltage, current or"
    return Rejected("BAD_PAYLOAD", f"the message has no value of any part; accepted: {accepted} {message.register}")


def _newer_message(
    topic: str, payload: bytes, *, received_at: datetime, is_retained: bool, clock_of: ClockOf
) -> Decoded | Rejected:
    """A message of the second format, which names its device, its units and its time in the payload."""
    kind = topic.removeprefix(_SECOND)
    if kind not in {"data", "status"} or not payload:
        return NOTHING
    document = json_object(payload)
    if isinstance(document, Rejected):
        return document
    device = document.get("meterId")
    if not isinstance(device, str) or not device.strip() or "\0" in device or len(device) > _LONGEST_NAME:
        accepted = f"the name of the device, up to {_LONGEST_NAME} characters"
        return Rejected("BAD_PAYLOAD", f"meterId is {shown(device)}; accepted: {accepted}")
    if kind == "status":
        return _report(device, payload, kind=ReportKind.STATUS, received_at=received_at, is_retained=is_retained)
    units = _declared_units(object_in(document, "units"))
    if isinstance(units, Rejected):
        return units
    at = stated_time(
        document.get("datetime"),
        name="datetime",
        received_at=received_at,
        is_retained=is_retained,
        clock=partial(clock_of, _code(device, "LOAD")),
    )
    message = _Sensors(device, object_in(document, "data"), _NEWER_PARTS, units, "total_energy")
    return _readings(message, at, received_at=received_at, is_retained=is_retained)


def _declared_units(given: Mapping[str, object]) -> _Units | Rejected:
    """The units that a message of the second format declares; those of its description where it is silent."""
    units = _Units(power="mW", current="mA")
    for name, quantity in _QUANTITIES.items():
        unit = given.get(name)
        if unit is None:
            continue
        if not isinstance(unit, str) or scale_of(quantity, unit=unit) is None:
            accepted = accepted_units(quantity)
            return Rejected("BAD_PAYLOAD", f"units.{name} is {shown(unit)}; accepted: {accepted}")
        units = units._replace(**{name: unit})
    return units


def _is_ours(topic: str) -> bool:
    return topic.startswith((_FIRST, _SECOND))


SOURCE: Final = Source("Energy hub", _FILTERS, _is_ours, _hub_message)
"""Hubs that measure a home's load, sun, battery and grid, each part a panel."""
