"""Turns hourly usage into the few figures that tell how far, and to which side, a home's forecast may err."""

import numpy as np

from forecasting.hours import Floats, HourlyUsage
from forecasting.profile import SHAPE_HALF_LIFE_DAYS, UsageProfile, by_day, level_kwh

SIGNS = (
    "unsteady",
    "unsteady_squared",
    "last_day",
    "last_day_far_down",
    "last_day_far_up",
    "two_weeks",
    "four_weeks",
    "uneven",
    "nearly_even",
)
"""What each row of a table's slopes stands for, in the order of `signs`.

All are logarithms of ratios, 0 in a common home or where the history is too short to tell.
`unsteady`: how much days differ (coefficient of variation), against a common home's.
`last_day`: the level against the last 24 hours, positive when usage has just fallen; `..._far_down` and
`..._far_up` count only what goes beyond a third.
`two_weeks`, `four_weeks`: the level against one that forgets with that half-life.
`uneven`: how much the hours of the last week differ; it counts up to a day and fades out until two weeks.
`nearly_even` counts only what lies below a common home's, as in an empty home on standby.
"""

_COMMON_VARIATION = 0.3
_VARIATION_LIMITS = (0.05, 3.0)
_UNEVENNESS_LIMITS = (0.05, 5.0)
_FAR = 0.3
_MAX_LOG = 2.0
_DAY_HOURS, _WEEK_HOURS, _FORTNIGHT_HOURS = 24, 168, 336


def signs(usage: HourlyUsage, *, profile: UsageProfile) -> Floats:
    """The figures named in `SIGNS`, `(9,)`, finite and without unit."""
    unsteady, last_day = _unsteadiness(usage), _last_day(usage, profile=profile)
    return np.array(
        [
            unsteady,
            unsteady * unsteady,
            last_day,
            max(last_day - _FAR, 0.0),
            max(-last_day - _FAR, 0.0),
            _against_level(usage, profile=profile, half_life_days=14.0),
            _against_level(usage, profile=profile, half_life_days=28.0),
            *_unevenness(usage),
        ]
    )


def _unsteadiness(usage: HourlyUsage) -> float:
    energy_kwh, known_share = by_day(usage)
    weight = np.exp2(-np.arange(len(energy_kwh) - 1, -1, -1) / SHAPE_HALF_LIFE_DAYS) * (known_share > 0)
    if np.count_nonzero(weight) < 2 or not energy_kwh.any():
        return 0.0
    day_kwh = energy_kwh / np.where(known_share > 0, known_share, 1.0)
    return float(np.log(np.clip(_variation(day_kwh, weight=weight), *_VARIATION_LIMITS) / _COMMON_VARIATION))


def _variation(values: Floats, *, weight: Floats) -> float:
    """The weighted coefficient of variation of `values`, which are not all zero."""
    mean = float(weight @ values / weight.sum())
    return float(np.sqrt(weight @ (values - mean) ** 2 / weight.sum())) / mean


def _last_day(usage: HourlyUsage, *, profile: UsageProfile) -> float:
    if len(usage.energy_kwh) <= _DAY_HOURS:
        return 0.0
    expected_kwh = profile.level_kwh * float(usage.known_share[-_DAY_HOURS:] @ profile.seen_shape[-_DAY_HOURS:])
    return _log_ratio(expected_kwh, float(usage.energy_kwh[-_DAY_HOURS:].sum()))


def _against_level(usage: HourlyUsage, *, profile: UsageProfile, half_life_days: float) -> float:
    slow_kwh = level_kwh(usage, seen_shape=profile.seen_shape, half_life_days=half_life_days)
    return _log_ratio(profile.level_kwh, slow_kwh)


def _log_ratio(value: float, other: float) -> float:
    """log(value / other) for a `value` above 0 and an `other` that may be 0, within ±2."""
    limit = float(np.exp(_MAX_LOG))
    return float(np.log(np.clip(value / other, 1 / limit, limit))) if other * limit > value else _MAX_LOG


def _unevenness(usage: HourlyUsage) -> tuple[float, float]:
    """`uneven` and `nearly_even`."""
    known = usage.known_share[-_WEEK_HOURS:] > 0
    energy_kwh = usage.energy_kwh[-_WEEK_HOURS:][known]
    if len(energy_kwh) < 2 or not energy_kwh.any():
        return 0.0, 0.0
    hour_kwh = energy_kwh / usage.known_share[-_WEEK_HOURS:][known]
    variation = _variation(hour_kwh, weight=np.ones(len(hour_kwh)))
    uneven = float(np.log(np.clip(variation, *_UNEVENNESS_LIMITS)))
    fade = _fade(len(usage.energy_kwh))
    return fade * uneven, fade * max(-uneven, 0.0)


def _fade(hours: int) -> float:
    """1 up to a day, 0 from two weeks on, straight in the logarithm between."""
    fade = np.log(_FORTNIGHT_HOURS / hours) / np.log(_FORTNIGHT_HOURS / _DAY_HOURS)
    return float(np.clip(fade, 0.0, 1.0))
