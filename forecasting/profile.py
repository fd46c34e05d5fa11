"""Turns hourly usage into a level, the shape of a day and of a week, and these into the usage to expect."""

from dataclasses import dataclass

import numpy as np

from forecasting.band_tables import POPULATION_SHAPE
from forecasting.hours import DAY_S, HOUR_S, Floats, HourlyUsage, Integers

LEVEL_HALF_LIFE_DAYS = 4.0
SHAPE_HALF_LIFE_DAYS = 14.0
SHAPE_PRIOR_DAYS = 2.0
WEEKDAY_PRIOR_DAYS = 3.0

_SHAPE_ROUNDS = 2
_WEEK_DAYS = 7


@dataclass(frozen=True, slots=True)
class UsageProfile:
    """What is expected of an hour: `level_kwh` * `shape[local hour]` * `weekday_factor[days since the data % 7]`.

    `level_kwh` is the kWh of a mean hour; `shape` `(24,)` and `weekday_factor` `(7,)` have mean 1. Day classes count
    in 24 hours from the newest reading, at `ends_at_s`, so that class 0 is the day that follows it. `seen_shape`
    `(n,)` is the shape under each hour of the history.
    """

    ends_at_s: float
    level_kwh: float
    shape: Floats
    weekday_factor: Floats
    seen_shape: Floats


def fitted_profile(usage: HourlyUsage, *, hour_of_day: Integers, prior: Floats = POPULATION_SHAPE) -> UsageProfile:
    """The profile of usage that is not all zero; `hour_of_day` `(n,)` is the local hour of each hour of it.

    The level forgets with a half-life of 4 days. The shape forgets with one of 14 days and starts from the mean
    household's (`prior`), which weighs 2 days; the weekday factors start from 1, which weighs 3 days.
    """
    shape = _shape(usage, hour_of_day=hour_of_day, prior=prior)
    seen_shape = shape[hour_of_day]
    return UsageProfile(
        ends_at_s=usage.ends_at_s,
        level_kwh=level_kwh(usage, seen_shape=seen_shape, half_life_days=LEVEL_HALF_LIFE_DAYS),
        shape=shape,
        weekday_factor=_weekday_factor(usage),
        seen_shape=seen_shape,
    )


def level_kwh(usage: HourlyUsage, *, seen_shape: Floats, half_life_days: float) -> float:
    """The weighted mean hour in kWh, corrected for the hours of the day that the history covers."""
    weight = recency(len(usage.energy_kwh), half_life_days=half_life_days)
    return float(weight @ usage.energy_kwh / (weight @ (usage.known_share * seen_shape)))


def recency(hours: int, *, half_life_days: float) -> Floats:
    """Weights `(hours,)` that halve with age and end in 1."""
    age_days = np.arange(hours - 1, -1, -1) / 24
    return np.exp2(-age_days / half_life_days)


def _shape(usage: HourlyUsage, *, hour_of_day: Integers, prior: Floats) -> Floats:
    weight = recency(len(usage.energy_kwh), half_life_days=SHAPE_HALF_LIFE_DAYS)
    used_kwh = np.bincount(hour_of_day, weight * usage.energy_kwh, 24)
    seen_days = np.bincount(hour_of_day, weight * usage.known_share, 24)
    shape = prior
    for _ in range(_SHAPE_ROUNDS):
        level = level_kwh(usage, seen_shape=shape[hour_of_day], half_life_days=LEVEL_HALF_LIFE_DAYS)
        shape = (SHAPE_PRIOR_DAYS * prior + used_kwh / level) / (SHAPE_PRIOR_DAYS + seen_days)
        shape = shape / shape.mean()
    return shape


def _weekday_factor(usage: HourlyUsage) -> Floats:
    energy_kwh, known_share = by_day(usage)
    days = len(energy_kwh)
    if days < _WEEK_DAYS or not energy_kwh.any():
        return np.ones(_WEEK_DAYS)
    weight = np.exp2(-np.arange(days - 1, -1, -1) / SHAPE_HALF_LIFE_DAYS)
    day_class = np.arange(-days, 0) % _WEEK_DAYS
    seen = np.bincount(day_class, weight * known_share, _WEEK_DAYS)
    mean_kwh = (weight @ energy_kwh) / (weight @ known_share)
    relative = np.bincount(day_class, weight * energy_kwh, _WEEK_DAYS) / mean_kwh
    factor = (WEEKDAY_PRIOR_DAYS + relative) / (WEEKDAY_PRIOR_DAYS + seen)
    return factor / factor.mean()


def by_day(usage: HourlyUsage) -> tuple[Floats, Floats]:
    """The kWh and known share of each whole 24 hours back from the newest reading, `(days,)` each, oldest first."""
    days = len(usage.energy_kwh) // 24
    recent = slice(len(usage.energy_kwh) - 24 * days, None)
    energy_kwh = usage.energy_kwh[recent].reshape(days, 24).sum(axis=1)
    return energy_kwh, usage.known_share[recent].reshape(days, 24).mean(axis=1)


def expected_kwh(profile: UsageProfile, *, starts_at_s: Floats, hour_of_day: Integers) -> Floats:
    """The kWh to expect in each of the hours `(n,)` that start at `starts_at_s` at the local `hour_of_day`."""
    middle_s = starts_at_s + HOUR_S / 2
    day_class = ((middle_s - profile.ends_at_s) // DAY_S).astype(np.int64) % _WEEK_DAYS
    return profile.level_kwh * profile.shape[hour_of_day] * profile.weekday_factor[day_class]
