"""Turns a simulated panel and instants into power: the same instant always draws the same."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from kilowatch.demo.site import SimulatedPanel, Use

Floats = NDArray[np.float64]

_HOURS = np.arange(25)
_BUSY: dict[Use, Floats] = {
    "OFFICE": np.array(
        [2, 2, 2, 2, 2, 4, 12, 40, 78, 95, 100, 98, 84, 92, 99, 96, 88, 62, 34, 20, 12, 8, 4, 3, 2]
    ) / 100,
    "HOME": np.array(
        [22, 18, 16, 15, 18, 34, 58, 62, 40, 30, 28, 30, 36, 34, 30, 32, 40, 60, 86, 100, 96, 80, 54, 34, 22]
    ) / 100,
}  # fmt: skip
_WEEKEND: dict[Use, float] = {"OFFICE": 0.22, "HOME": 1.18}
_STARTED = datetime(2024, 1, 1, tzinfo=UTC)


def power_kw(panel: SimulatedPanel, at_s: Floats) -> Floats:
    """Active power at each instant; instants (n,) in seconds since 1970 UTC, power (n,) in kW, above zero.

    Base load and a share of the busy load by local hour and weekday, which wander from day to day, quarter hour to
    quarter hour and moment to moment.
    """
    local_s = at_s + _offset_s(panel.time_zone)
    hour = local_s % 86_400 / 3600
    weekend = (local_s // 86_400 + 3) % 7 >= 5
    busy = np.interp(hour, _HOURS, _BUSY[panel.use]) * np.where(weekend, _WEEKEND[panel.use], 1.0)
    day = 0.75 + 0.5 * _noise(panel.code, local_s // 86_400)
    quarter = 0.6 + 0.8 * _noise(panel.code, local_s // 900)
    moment = 0.97 + 0.06 * _noise(panel.code, at_s // 10)
    return (panel.base_kw + panel.busy_kw * busy * day * quarter) * moment


def _offset_s(time_zone: str) -> float:
    """The zone's offset; the simulated zones have no summer time."""
    offset = _STARTED.astimezone(ZoneInfo(time_zone)).utcoffset()
    return offset.total_seconds() if offset else 0.0


def _noise(name: str, step: Floats) -> Floats:
    """Uniform numbers in [0, 1), one a step, the same for the same name and step (SplitMix64's finalizer)."""
    seed = np.uint64(int.from_bytes(name.encode()[-8:], "little"))
    with np.errstate(over="ignore"):
        x = step.astype(np.uint64) * np.uint64(0x9E37_79B9_7F4A_7C15) + seed
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58_476D_1CE4_E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D0_49BB_1331_11EB)
        x ^= x >> np.uint64(31)
    return x.astype(np.float64) / 2.0**64
