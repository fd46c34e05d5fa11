"""Turns a simulated panel and instants into power: the same instant always draws the same."""

from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from kilowatch.demo.site import SimulatedPanel

Floats = NDArray[np.float64]

_HOURS = np.arange(25)
_NO_OFFSET = timedelta(0)
_OFFICE = np.array([2, 2, 2, 2, 2, 4, 12, 40, 78, 95, 100, 98, 84, 92, 99, 96, 88, 62, 34, 20, 12, 8, 4, 3, 2]) / 100
_HOME = np.array([22, 18, 16, 15, 18, 34, 58, 62, 40, 30, 28, 30, 36, 34, 30, 32, 40, 60, 86, 100, 96, 80, 54, 34, 22])
_OFFICE_WEEKEND, _HOME_WEEKEND = 0.22, 1.18
_SUNRISE_H, _SUNSET_H = 6.0, 18.5
_BATTERY_KW = 0.8


class Flow(NamedTuple):
    """Power at instants, arrays (n,) in kW: what comes in through a panel, and what goes out; neither below zero."""

    import_kw: Floats
    export_kw: Floats

    @property
    def power_kw(self) -> Floats:
        """Active power, negative while more goes out than comes in."""
        return self.import_kw - self.export_kw


def flow(panel: SimulatedPanel, at_s: Floats) -> Flow:
    """What flows through a panel at each instant; instants (n,) in seconds since 1970 UTC."""
    used = _used_kw(panel, at_s)
    nothing = np.zeros_like(used)
    if panel.use in {"OFFICE", "HOME", "LOAD"}:
        return Flow(used, nothing)
    yielded, charged = _yielded_kw(panel, at_s), _charged_kw(panel, at_s)
    if panel.use == "SOLAR":
        return Flow(yielded, nothing)
    if panel.use == "BATTERY":
        return Flow(np.maximum(charged, 0), np.maximum(-charged, 0))
    net = used - yielded if panel.use == "SOLAR_HOME" else used - yielded + charged
    drawn = Flow(np.maximum(net, 0), np.maximum(-net, 0))
    if panel.use == "GRID_IMPORT":
        return Flow(drawn.import_kw, nothing)
    return Flow(nothing, drawn.export_kw) if panel.use == "GRID_EXPORT" else drawn


def _used_kw(panel: SimulatedPanel, at_s: Floats) -> Floats:
    """Base load and a share of the busy load by local hour and weekday, above zero.

    They wander from day to day, quarter hour to quarter hour and moment to moment.
    """
    name, local_s = _seed_name(panel), at_s + _offset_s(panel.time_zone, at_s)
    hour = local_s % 86_400 / 3600
    is_weekend = (local_s // 86_400 + 3) % 7 >= 5
    shape, weekend = (_OFFICE, _OFFICE_WEEKEND) if panel.use == "OFFICE" else (_HOME / 100, _HOME_WEEKEND)
    busy = np.interp(hour, _HOURS, shape) * np.where(is_weekend, weekend, 1.0)
    day = 0.75 + 0.5 * _noise(name, local_s // 86_400)
    quarter = 0.6 + 0.8 * _noise(name, local_s // 900)
    moment = 0.97 + 0.06 * _noise(name, at_s // 10)
    return (panel.base_kw + panel.busy_kw * busy * day * quarter) * moment


def _yielded_kw(panel: SimulatedPanel, at_s: Floats) -> Floats:
    """What the roof yields: an arch from sunrise to sunset, lower on cloudy days and under passing clouds."""
    name, local_s = _seed_name(panel) + " sun", at_s + _offset_s(panel.time_zone, at_s)
    hour = local_s % 86_400 / 3600
    arch = np.sin(np.pi * np.clip((hour - _SUNRISE_H) / (_SUNSET_H - _SUNRISE_H), 0, 1)) ** 1.5
    day = 0.35 + 0.65 * _noise(name, local_s // 86_400)
    cloud = 0.7 + 0.3 * _noise(name, local_s // 900)
    return panel.solar_kw * arch * day * cloud


def _charged_kw(panel: SimulatedPanel, at_s: Floats) -> Floats:
    """What goes into the battery around noon, and out of it, negative, in the evening."""
    hour = (at_s + _offset_s(panel.time_zone, at_s)) % 86_400 / 3600
    return np.where((hour >= 9) & (hour < 14), _BATTERY_KW, np.where((hour >= 18) & (hour < 22.6), -_BATTERY_KW, 0.0))


def _seed_name(panel: SimulatedPanel) -> str:
    return panel.device or panel.code


def _offset_s(time_zone: str, at_s: Floats) -> Floats:
    """The zone's offset at each instant, in seconds; what it is at the start of the instant's hour."""
    hours, places = np.unique(at_s // 3600, return_inverse=True)
    zone = ZoneInfo(time_zone)
    offsets = [(datetime.fromtimestamp(hour * 3600, zone).utcoffset() or _NO_OFFSET).total_seconds() for hour in hours]
    return np.array(offsets, dtype=np.float64)[places]


def _noise(name: str, step: Floats) -> Floats:
    """Uniform numbers in [0, 1), one a step, the same for the same name and step (SplitMix64's finalizer)."""
    seed = np.uint64(int.from_bytes(name.encode()[-8:], "little"))
    with np.errstate(over="ignore"):
        x = step.astype(np.uint64) * np.uint64(0x9E37_79B9_7F4A_7C15) + seed
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58_476D_1CE4_E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D0_49BB_1331_11EB)
        x ^= x >> np.uint64(31)
    return x.astype(np.float64) / 2.0**64
