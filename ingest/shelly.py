"""Turns messages of Shelly's energy meters, plugs and relays, of any generation, into readings and their presence."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final, cast

from ingest.documents import document, json_object
from ingest.named_values import Found, Named, When, decoded, object_in, since_1970
from ingest.outcomes import NOTHING, ClockOf, Decoded, Source
from ingest.units import number_of, shown
from metering.devices import DeviceKind, DeviceReport, panel_code_of
from metering.mappings import Quantity
from metering.readings import Rejected, on_arrival

_FILTERS: Final = ("+/status/+", "+/events/rpc", "+/online", "shellies/#")
_FAMILY: Final = "shellies/"
_STATUS = re.compile(r"((?:shellies/)?[^/]+)/status/([a-z0-9_]+)(?::([0-9]{1,3}))?")
_EVENTS = re.compile(r"((?:shellies/)?[^/]+)/events/rpc")
_PRESENCE = re.compile(r"((?:shellies/)?[^/]+)/online")
_SCALAR = re.compile(r"shellies/([^/]+)/(emeter|relay|roller|light)/([0-9]{1,3})/([a-z_]+)")
_COMPONENT = re.compile(r"([a-z0-9_]+):([0-9]{1,3})")
_NOTIFIED: Final = ("NotifyStatus", "NotifyFullStatus")
_IS_ONLINE: Final[Mapping[object, bool]] = {b"true": True, b"false": False}

_THREE_PHASES: Final = (
    Named(("a_voltage",), Quantity.VOLTAGE_R, "V"),
    Named(("b_voltage",), Quantity.VOLTAGE_S, "V"),
    Named(("c_voltage",), Quantity.VOLTAGE_T, "V"),
    Named(("a_current",), Quantity.CURRENT_R, "A"),
    Named(("b_current",), Quantity.CURRENT_S, "A"),
    Named(("c_current",), Quantity.CURRENT_T, "A"),
    Named(("n_current",), Quantity.CURRENT_N, "A"),
    Named(("total_act_power",), Quantity.ACTIVE_POWER, "W"),
    Named(("total_aprt_power",), Quantity.APPARENT_POWER, "VA"),
)
_THREE_PHASE_REGISTERS: Final = (
    Named(("total_act",), Quantity.ENERGY_IMPORT, "Wh"),
    Named(("total_act_ret",), Quantity.ENERGY_EXPORT, "Wh"),
)
_ONE_PHASE: Final = (
    Named(("voltage",), Quantity.VOLTAGE_R, "V"),
    Named(("current",), Quantity.CURRENT_R, "A"),
    Named(("act_power",), Quantity.ACTIVE_POWER, "W"),
    Named(("aprt_power",), Quantity.APPARENT_POWER, "VA"),
    Named(("pf",), Quantity.POWER_FACTOR, ""),
)
_ONE_PHASE_REGISTERS: Final = (
    Named(("total_act_energy",), Quantity.ENERGY_IMPORT, "Wh"),
    Named(("total_act_ret_energy",), Quantity.ENERGY_EXPORT, "Wh"),
)
_METERED_OUTPUT: Final = (
    Named(("voltage",), Quantity.VOLTAGE_R, "V"),
    Named(("current",), Quantity.CURRENT_R, "A"),
    Named(("apower",), Quantity.ACTIVE_POWER, "W"),
    Named(("aprtpower",), Quantity.APPARENT_POWER, "VA"),
    Named(("pf",), Quantity.POWER_FACTOR, ""),
    Named(("aenergy", "total"), Quantity.ENERGY_IMPORT, "Wh"),
    Named(("ret_aenergy", "total"), Quantity.ENERGY_EXPORT, "Wh"),
)
_COMPONENTS: Final[Mapping[str, tuple[Named, ...]]] = {
    "em": _THREE_PHASES,
    "emdata": _THREE_PHASE_REGISTERS,
    "em1": _ONE_PHASE,
    "em1data": _ONE_PHASE_REGISTERS,
    **dict.fromkeys(("pm1", "switch", "cover", "light", "rgb", "rgbw", "cct"), _METERED_OUTPUT),
}
"""What the components of the second generation and later say; all the others measure no electricity."""

_FIRST_GENERATION: Final[Mapping[tuple[str, str], Named]] = {
    ("emeter", "power"): Named(("power",), Quantity.ACTIVE_POWER, "W"),
    ("emeter", "voltage"): Named(("voltage",), Quantity.VOLTAGE_R, "V"),
    ("emeter", "current"): Named(("current",), Quantity.CURRENT_R, "A"),
    ("emeter", "pf"): Named(("pf",), Quantity.POWER_FACTOR, ""),
    ("emeter", "total"): Named(("total",), Quantity.ENERGY_IMPORT, "Wh"),
    ("emeter", "total_returned"): Named(("total_returned",), Quantity.ENERGY_EXPORT, "Wh"),
    **{(output, "power"): Named(("power",), Quantity.ACTIVE_POWER, "W") for output in ("relay", "roller", "light")},
    **{
        (output, "energy"): Named(("energy",), Quantity.ENERGY_IMPORT, "Wmin")
        for output in ("relay", "roller", "light")
    },
}
"""One number a topic. An emeter's `energy` is what flowed since its last message; an output's counts from its start."""


def _shelly_message(
    topic: str, payload: bytes, *, received_at: datetime, is_retained: bool, clock_of: ClockOf
) -> Decoded | Rejected:
    """What a message holds; what the broker kept and has no time of its own is the state of some other time."""
    del clock_of
    if not payload:
        return NOTHING
    presence, events = _PRESENCE.fullmatch(topic), _EVENTS.fullmatch(topic)
    if presence:
        return _presence(_device(presence[1]), payload, received_at=received_at)
    if events:
        return _notified(_device(events[1]), payload, received_at=received_at, is_retained=is_retained)
    return NOTHING if is_retained else _state(topic, payload, received_at=received_at)


def _state(topic: str, payload: bytes, *, received_at: datetime) -> Decoded | Rejected:
    """The state of one component, or one number of a first generation's."""
    status, scalar = _STATUS.fullmatch(topic), _SCALAR.fullmatch(topic)
    if status and status[2] in _COMPONENTS:
        return _status(_device(status[1]), status[2], status[3] or "0", payload, received_at=received_at)
    if scalar and (scalar[2], scalar[4]) in _FIRST_GENERATION:
        name = _FIRST_GENERATION[scalar[2], scalar[4]]
        return _scalar(scalar[1], scalar[3], name, payload, received_at=received_at)
    return NOTHING


def _device(prefix: str) -> str:
    return prefix.removeprefix(_FAMILY)


def _presence(device: str, payload: bytes, *, received_at: datetime) -> Decoded | Rejected:
    is_online = _IS_ONLINE.get(payload.strip().lower()[:16])
    if is_online is None:
        return Rejected("BAD_PAYLOAD", f"the payload is {shown(repr(payload[:40]))}; accepted: true or false")
    return Decoded(reports=[DeviceReport(device, DeviceKind.SHELLY, received_at, is_online=is_online)])


def _status(device: str, component: str, number: str, payload: bytes, *, received_at: datetime) -> Decoded | Rejected:
    content = json_object(payload)
    if isinstance(content, Rejected):
        return content
    found = Found()
    found.take(content, _COMPONENTS[component])
    return _decoded(device, {_code(device, number): found}, on_arrival(received_at), received_at=received_at)


def _scalar(device: str, number: str, name: Named, payload: bytes, *, received_at: datetime) -> Decoded | Rejected:
    """One value of the first generation; its reading is joined with the others of its second."""
    content = document(payload)
    if isinstance(content, Rejected):
        return Rejected("BAD_PAYLOAD", f"the payload is {shown(repr(payload[:40]))}; accepted: a number")
    found = Found()
    found.take({name.path[0]: content}, (name,))
    return _decoded(device, {_code(device, number): found}, on_arrival(received_at), received_at=received_at)


def _notified(device: str, payload: bytes, *, received_at: datetime, is_retained: bool) -> Decoded | Rejected:
    """What a device says has changed, all components together; it has a time where the device knows one."""
    content = json_object(payload)
    if isinstance(content, Rejected):
        return content
    if content.get("method") not in _NOTIFIED:
        return NOTHING
    changed = object_in(content, "params")
    when = _when(changed.get("ts"), received_at=received_at, is_retained=is_retained)
    if when is None:
        return NOTHING
    found: dict[str, Found] = {}
    for component, number, values in _components(changed):
        panel = found.setdefault(_code(device, number), Found())
        panel.take(values, _COMPONENTS[component], where=(f"{component}:{number}",))
    return _decoded(device, found, when, received_at=received_at, is_retained=is_retained)


def _components(changed: Mapping[str, object]) -> Iterator[tuple[str, str, Mapping[str, object]]]:
    for key, values in changed.items():
        named = _COMPONENT.fullmatch(key)
        if named and named[1] in _COMPONENTS and isinstance(values, dict):
            yield named[1], named[2], cast("dict[str, object]", values)


def _when(stated: object, *, received_at: datetime, is_retained: bool) -> When | None:
    """The time of a notification; None for what the broker kept and whose time nobody knows.

    Without the network's time a device counts from its start, or says nothing.
    """
    seconds = number_of(stated)
    if seconds is None or seconds < _FIRST_SECOND:
        return None if is_retained else on_arrival(received_at)
    return since_1970(seconds, received_at=received_at, is_retained=is_retained)


_FIRST_SECOND: Final = 10**9


def _code(device: str, number: str) -> str:
    """The first component of a kind is the device's own panel, any other has its number behind the device's code."""
    place = int(number)
    return panel_code_of(panel_code_of(device), str(place)) if place else panel_code_of(device)


def _decoded(
    device: str, panels: Mapping[str, Found], when: When, *, received_at: datetime, is_retained: bool = False
) -> Decoded | Rejected:
    """The readings of the panels; a message of components that measure nothing is nothing of ours."""
    reports = [] if is_retained else [DeviceReport(device, DeviceKind.SHELLY, received_at)]
    return decoded(panels, when, received_at=received_at, is_partial=True, reports=reports)


def _is_ours(topic: str) -> bool:
    """Whether it is a Shelly's; others have a `status` as well, so of those only what measures is taken."""
    if topic.startswith(_FAMILY) or _EVENTS.fullmatch(topic) or _PRESENCE.fullmatch(topic):
        return True
    status = _STATUS.fullmatch(topic)
    return status is not None and status[2] in _COMPONENTS


SOURCE: Final = Source("Shelly", _FILTERS, _is_ours, _shelly_message)
"""Shelly devices that measure: of the first generation, and of the second and all later ones."""
