"""Turns readings of a register into kWh hour by hour, back from the newest reading."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

HOUR_S = 3600
DAY_S = 24 * HOUR_S
MAX_HISTORY_HOURS = 180 * 24


@dataclass(frozen=True, slots=True)
class RegisterHistory:
    """What a meter's register said, one point an hour or closer.

    `at` `(n,)` is datetime64 in UTC or seconds since 1970, in any order; `register_kwh` `(n,)` counts upwards from
    any start. Of several points at one instant the last stands; points that are not numbers are left out.
    """

    at: NDArray[Any]
    register_kwh: Floats


@dataclass(frozen=True, slots=True)
class HourlyUsage:
    """Usage of whole hours, oldest first; the last hour ends at `ends_at_s`, seconds since 1970 (UTC).

    `energy_kwh` `(n,)` is what was metered, `known_share` `(n,)` the part of the hour (0 to 1) that it covers: less
    than 1 in the oldest hour and where the register fell. `span_s` runs from the oldest reading to the newest.
    """

    ends_at_s: float
    span_s: float
    energy_kwh: Floats
    known_share: Floats

    @property
    def starts_at_s(self) -> Floats:
        """When each hour starts, `(n,)`, seconds since 1970 (UTC)."""
        return self.ends_at_s - HOUR_S * np.arange(len(self.energy_kwh), 0, -1, dtype=np.float64)


def hourly_usage(history: RegisterHistory, *, until_s: float) -> HourlyUsage | None:
    """The usage of each hour up to the newest reading that is not after `until_s`, at most 180 days back.

    Between two readings the register rises in a straight line, so a silent meter's usage is spread, not lost. A fall
    of the register is an unknown span, never usage, and a reading that its neighbours contradict (a dip or a peak
    for one reading) is left out. None when fewer than two instants are left.
    """
    at_s, register_kwh = _ordered(history, until_s=until_s)
    at_s, register_kwh = _without_glitches(at_s, register_kwh)
    if len(at_s) < 2:
        return None
    return _interpolated(at_s, register_kwh)


def _ordered(history: RegisterHistory, *, until_s: float) -> tuple[Floats, Floats]:
    """Seconds and kWh, strictly ascending in time, up to `until_s`."""
    at_s = _seconds(history.at)
    register_kwh = np.asarray(history.register_kwh, dtype=np.float64)
    usable = np.flatnonzero(np.isfinite(at_s) & np.isfinite(register_kwh) & (at_s <= until_s))
    order = usable[np.argsort(at_s[usable], kind="stable")]
    is_last = np.diff(at_s[order], append=np.inf) > 0
    return at_s[order[is_last]], register_kwh[order[is_last]]


def _seconds(at: NDArray[Any]) -> Floats:
    instants = np.asarray(at)
    if instants.dtype.kind != "M":
        return instants.astype(np.float64)
    seconds = instants.astype("datetime64[ms]").astype(np.int64) / 1000
    return np.where(np.isnat(instants), np.nan, seconds)


def _without_glitches(at_s: Floats, register_kwh: Floats) -> tuple[Floats, Floats]:
    before, here, after = register_kwh[:-2], register_kwh[1:-1], register_kwh[2:]
    is_glitch = (before <= after) & ((here < before) | (here > after))
    kept = np.ones(len(at_s), dtype=np.bool_)
    kept[1:-1] = ~is_glitch
    return at_s[kept], register_kwh[kept]


def _interpolated(at_s: Floats, register_kwh: Floats) -> HourlyUsage:
    rise_kwh, elapsed_s = np.diff(register_kwh), np.diff(at_s)
    used_kwh = np.append(0.0, np.cumsum(np.maximum(rise_kwh, 0.0)))
    known_s = np.append(0.0, np.cumsum(np.where(rise_kwh >= 0, elapsed_s, 0.0)))
    span_s = float(at_s[-1] - at_s[0])
    hours = min(int(np.ceil(span_s / HOUR_S)), MAX_HISTORY_HOURS)
    edges_s: Floats = at_s[-1] - HOUR_S * np.arange(hours, -1, -1, dtype=np.float64)
    return HourlyUsage(
        ends_at_s=float(at_s[-1]),
        span_s=min(span_s, float(MAX_HISTORY_HOURS * HOUR_S)),
        energy_kwh=np.diff(np.interp(edges_s, at_s, used_kwh)),
        known_share=np.diff(np.interp(edges_s, at_s, known_s)) / HOUR_S,
    )
