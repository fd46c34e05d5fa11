"""Turns simulated panels into the messages that their devices would send, each in its own format."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import numpy as np
import orjson

from kilowatch.demo.load import flow
from kilowatch.demo.site import HUB, SMART_METER, SimulatedPanel
from store.registry import Registers

Message = tuple[str, bytes]
"""A topic and a payload."""

_NOMINAL_V: Final = 226.0
_FACTOR: Final = 0.93
_HUB_PARTS: Final = {
    "LOAD": "load",
    "SOLAR": "solar",
    "BATTERY": "battery",
    "GRID_IMPORT": "import",
    "GRID_EXPORT": "export",
}


class Device(Protocol):
    """Something that publishes."""

    def messages(self, at_s: float) -> Iterator[Message]:
        """Advances its registers to `at_s` (seconds since 1970 UTC), and says what it measures."""
        ...


@dataclass(slots=True)
class Meter:
    """A panel's registers, which rise with what has flowed since they were last read; `power_kw` is signed."""

    panel: SimulatedPanel
    import_kwh: float
    export_kwh: float
    read_at_s: float
    power_kw: float = 0.0

    def read(self, at_s: float) -> None:
        """Advances the registers to an instant."""
        flows = flow(self.panel, np.array([at_s]))
        hours = max(at_s - self.read_at_s, 0.0) / 3600
        self.power_kw = float(flows.power_kw[0])
        self.import_kwh += float(flows.import_kw[0]) * hours
        self.export_kwh += float(flows.export_kw[0]) * hours
        self.read_at_s = at_s

    def local_time(self) -> datetime:
        """When it was last read, by the clock on its wall."""
        return datetime.fromtimestamp(self.read_at_s, UTC).astimezone(ZoneInfo(self.panel.time_zone))


@dataclass(frozen=True, slots=True)
class PowerMeter:
    """A three-phase power meter on a topic of its own, with numbers as text where the real ones send text."""

    meter: Meter

    def messages(self, at_s: float) -> Iterator[Message]:
        """One message with every field."""
        self.meter.read(at_s)
        yield f"DATA/PM/{self.meter.panel.code}", orjson.dumps({"status": "OK", "data": self._measured()})

    def _measured(self) -> dict[str, object]:
        power, wobble = self.meter.power_kw, math.sin(self.meter.read_at_s / 37)
        volts = [round(_NOMINAL_V + shift + wobble, 1) for shift in (0.4, 0.2, -0.9)]
        shares = (0.36, 0.38, 0.26)
        amperes = [round(power * 1000 * share / volt / _FACTOR, 2) for share, volt in zip(shares, volts, strict=True)]
        return {
            "v": [*volts, round(1.2 + 0.3 * wobble, 1)],
            "i": [*amperes, round(max(amperes) - min(amperes), 2)],
            "kw": f"{power:.3f}",
            "kVA": f"{power / _FACTOR:.3f}",
            "kWh": f"{self.meter.import_kwh:.3f}",
            "pf": _FACTOR,
            "vunbal": round((max(volts) - min(volts)) / _NOMINAL_V, 3),
            "iunbal": round((max(amperes) - min(amperes)) / max(*amperes, 0.01), 3),
            "time": f"{self.meter.local_time():%Y-%m-%d %H:%M:%S}",
        }


@dataclass(frozen=True, slots=True)
class InfraredHead:
    """A Tasmota head on a smart meter: signed power in W, registers of both directions."""

    meter: Meter

    def messages(self, at_s: float) -> Iterator[Message]:
        """One message with the registers and the power."""
        self.meter.read(at_s)
        block = {
            "Total_in": round(self.meter.import_kwh, 3),
            "Total_out": round(self.meter.export_kwh, 3),
            "Power_curr": round(self.meter.power_kw * 1000),
            "Meter_number": "0a01495352000",
        }
        payload = {"Time": f"{self.meter.local_time():%Y-%m-%dT%H:%M:%S}", "SML": block}
        yield f"tele/{SMART_METER}/SENSOR", orjson.dumps(payload)


@dataclass(frozen=True, slots=True)
class EnergyHub:
    """A hub with one meter a part of its home; it also says that it lives, and how it is."""

    meters: Sequence[Meter]
    started_s: float

    def messages(self, at_s: float) -> Iterator[Message]:
        """Its parts together, and a heartbeat."""
        for meter in self.meters:
            meter.read(at_s)
        at_ms = round(at_s * 1000)
        parts = {_HUB_PARTS[meter.panel.use]: _part(meter) for meter in self.meters}
        yield f"home/energy-monitor/sensors/{HUB}", orjson.dumps({"timestamp": at_ms, **parts})
        alive = {"status": "alive", "uptime": round((at_s - self.started_s) * 1000), "timestamp": at_ms}
        yield f"home/energy-monitor/heartbeat/{HUB}", orjson.dumps({**alive, "free_heap": 226_024})


def _part(meter: Meter) -> dict[str, object]:
    """What goes to the grid is told without a sign; what comes out of the battery is negative."""
    power_w = meter.power_kw * 1000 if meter.panel.counts_import else -meter.power_kw * 1000
    total_kwh = meter.import_kwh if meter.panel.counts_import else meter.export_kwh
    return {
        "power": round(power_w, 1),
        "voltage": _NOMINAL_V,
        "current": round(power_w / _NOMINAL_V, 3),
        "total_energy_wh": round(total_kwh * 1000, 3),
    }


def devices(panels: Sequence[SimulatedPanel], *, registers: dict[str, Registers], started_s: float) -> list[Device]:
    """The devices of the panels; a panel whose registers are not known starts at its own value."""
    meters = [_meter(panel, registers.get(panel.code), started_s=started_s) for panel in panels]
    own = [PowerMeter(meter) for meter in meters if meter.panel.device is None]
    heads = [InfraredHead(meter) for meter in meters if meter.panel.device == SMART_METER]
    parts = [meter for meter in meters if meter.panel.device == HUB]
    return [*own, *heads, *([EnergyHub(parts, started_s)] if parts else [])]


def _meter(panel: SimulatedPanel, known: Registers | None, *, started_s: float) -> Meter:
    if known is None:
        return Meter(panel, panel.register_kwh, panel.register_kwh, started_s)
    return Meter(panel, known.import_kwh, known.export_kwh, started_s)
