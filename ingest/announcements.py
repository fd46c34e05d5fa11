"""Turns a panel's state into what Home Assistant is sent: the announcement of a device, and its values as JSON."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from decimal import Decimal
from hashlib import blake2s
from typing import Any, Final

import msgspec

from store.announced_panels import AnnouncedPanel

STATUS_TOPIC: Final = "kilowatch/status"
"""Where it says, retained, whether we are there: `online` or `offline`."""

_NOT_IN_AN_ID = re.compile(r"[^A-Za-z0-9_-]")
_encode = msgspec.json.Encoder(decimal_format="number").encode

_Value = float | Decimal | None


@dataclass(frozen=True, slots=True)
class _Sensor:
    """One value of a panel as Home Assistant knows such values."""

    key: str
    name: str
    unit: str | None
    device_class: str | None
    state_class: str
    of: Callable[[AnnouncedPanel], _Value]

    def announcement(self, device_id: str) -> dict[str, Any]:
        said = {
            "platform": "sensor",
            "unique_id": f"{device_id}_{self.key}",
            "name": self.name,
            "device_class": self.device_class,
            "state_class": self.state_class,
            "unit_of_measurement": self.unit,
            "value_template": f"{{{{ value_json.{self.key} }}}}",
        }
        return {key: value for key, value in said.items() if value is not None}


def _measured(
    key: str, name: str, unit: str | None, device_class: str | None, of: Callable[[AnnouncedPanel], _Value]
) -> _Sensor:
    return _Sensor(key, name, unit, device_class, "measurement", of)


def _apparent_power_va(panel: AnnouncedPanel) -> float | None:
    """In VA: the one unit that every Home Assistant of the last years takes."""
    return None if panel.apparent_power_kva is None else round(panel.apparent_power_kva * 1000, 3)


# Credit is no energy that was metered: Home Assistant would count it in its energy balance.
_SENSORS: Final = (
    _Sensor("energy_import_kwh", "Energy import", "kWh", "energy", "total_increasing", lambda p: p.energy_import_kwh),
    _Sensor("energy_export_kwh", "Energy export", "kWh", "energy", "total_increasing", lambda p: p.energy_export_kwh),
    _measured("power_kw", "Power", "kW", "power", lambda panel: panel.active_power_kw),
    _measured("apparent_power_va", "Apparent power", "VA", "apparent_power", _apparent_power_va),
    _measured("power_factor", "Power factor", None, "power_factor", lambda panel: panel.power_factor),
    _measured("voltage_r_v", "Voltage R", "V", "voltage", lambda panel: panel.voltage_v.r),
    _measured("voltage_s_v", "Voltage S", "V", "voltage", lambda panel: panel.voltage_v.s),
    _measured("voltage_t_v", "Voltage T", "V", "voltage", lambda panel: panel.voltage_v.t),
    _measured("current_r_a", "Current R", "A", "current", lambda panel: panel.current_a.r),
    _measured("current_s_a", "Current S", "A", "current", lambda panel: panel.current_a.s),
    _measured("current_t_a", "Current T", "A", "current", lambda panel: panel.current_a.t),
    _measured("balance_kwh", "Prepaid balance", "kWh", None, lambda panel: panel.balance_kwh),
)


def device_id(panel_code: str) -> str:
    """What names a panel at Home Assistant, in letters, digits, `_` and `-`; no two panels share one."""
    plain = _NOT_IN_AN_ID.sub("-", panel_code)
    mark = "" if plain == panel_code else f"-{blake2s(panel_code.encode(), digest_size=3).hexdigest()}"
    return f"kilowatch_{plain}{mark}"


def config_topic(panel_code: str, *, prefix: str) -> str:
    """Where a panel is announced."""
    return f"{prefix}/device/{device_id(panel_code)}/config"


def state_topic(panel_code: str) -> str:
    """Where a panel's values are."""
    return f"kilowatch/panels/{panel_code}/state"


def announcement(panel: AnnouncedPanel, *, known: frozenset[str] = frozenset()) -> bytes:
    """The panel as a device with a sensor for each value that it has, or is `known` to have: keys of the state."""
    name = device_id(panel.code)
    return _encode(
        {
            "device": dict(_device(panel, identifier=name)),
            "origin": {"name": "Kilowatch"},
            "availability_topic": STATUS_TOPIC,
            "state_topic": state_topic(panel.code),
            "qos": 1,
            "components": {
                sensor.key: sensor.announcement(name)
                for sensor in _SENSORS
                if sensor.key in known or sensor.of(panel) is not None
            },
        }
    )


def _device(panel: AnnouncedPanel, *, identifier: str) -> Iterator[tuple[str, Any]]:
    yield from (("identifiers", [identifier]), ("name", panel.name), ("manufacturer", "Kilowatch"))
    yield "model", "Panel" if panel.balance_kwh is None else "Prepaid panel"
    if panel.meter_number:
        yield "serial_number", panel.meter_number
    if panel.location:
        yield "suggested_area", panel.location


def state(panel: AnnouncedPanel) -> Mapping[str, _Value]:
    """The panel's values by the keys that the announcement names, without those that it does not have."""
    found = ((sensor.key, sensor.of(panel)) for sensor in _SENSORS)
    return {key: value for key, value in found if value is not None}


def state_message(panel: AnnouncedPanel) -> bytes:
    """The values as JSON, with the time of the reading."""
    return _encode({"at": panel.at.astimezone(UTC), **state(panel)})
