"""Publishes what simulated meters would say, as real MQTT messages in the panels' own format."""

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import orjson

from ingest.publisher import Publisher
from kilowatch.demo.load import power_kw
from kilowatch.demo.site import SimulatedPanel

_NOMINAL_V = 226.0
_FACTOR = 0.93


@dataclass(slots=True)
class SimulatedMeter:
    """A panel's meter: a register that rises with the power drawn since it was last read."""

    panel: SimulatedPanel
    register_kwh: float
    read_at_s: float

    def read(self, at_s: float) -> bytes:
        """Advances the register to `at_s` (seconds since 1970 UTC) and returns the message of that instant."""
        power = float(power_kw(self.panel, np.array([at_s]))[0])
        self.register_kwh += power * max(at_s - self.read_at_s, 0.0) / 3600
        self.read_at_s = at_s
        local = datetime.fromtimestamp(at_s, UTC).astimezone(ZoneInfo(self.panel.time_zone))
        return orjson.dumps({"status": "OK", "data": self._measured(power, local)})

    def _measured(self, power: float, local: datetime) -> dict[str, object]:
        """The fields of a panel's message: numbers as text where the real meters send text."""
        wobble = math.sin(self.read_at_s / 37)
        volts = [round(_NOMINAL_V + shift + wobble, 1) for shift in (0.4, 0.2, -0.9)]
        shares = (0.36, 0.38, 0.26)
        amperes = [round(power * 1000 * share / volt / _FACTOR, 2) for share, volt in zip(shares, volts, strict=True)]
        return {
            "v": [*volts, round(1.2 + 0.3 * wobble, 1)],
            "i": [*amperes, round(max(amperes) - min(amperes), 2)],
            "kw": f"{power:.3f}",
            "kVA": f"{power / _FACTOR:.3f}",
            "kWh": f"{self.register_kwh:.3f}",
            "pf": _FACTOR,
            "vunbal": round((max(volts) - min(volts)) / _NOMINAL_V, 3),
            "iunbal": round((max(amperes) - min(amperes)) / max(*amperes, 0.01), 3),
            "time": local.strftime("%Y-%m-%d %H:%M:%S"),
        }


async def simulate(
    mqtt_url: str, *, panels: tuple[SimulatedPanel, ...], registers_kwh: Mapping[str, float], every_s: float
) -> None:
    """Publishes one message a panel every `every_s` seconds, until cancelled.

    `registers_kwh` is where each panel's register goes on; a panel without an entry starts at its own value.
    """
    loop = asyncio.get_running_loop()
    started_s = datetime.now(UTC).timestamp()
    meters = [SimulatedMeter(panel, registers_kwh.get(panel.code, panel.register_kwh), started_s) for panel in panels]
    async with Publisher(mqtt_url, client_id="kilowatch-simulator") as publisher:
        next_s = loop.time()
        while True:
            now_s = datetime.now(UTC).timestamp()
            for meter in meters:
                publisher.publish(f"DATA/PM/{meter.panel.code}", meter.read(now_s))
            next_s = max(next_s + every_s, loop.time())
            await asyncio.sleep(next_s - loop.time())
