"""Turns hourly usage into the usage to expect from an instant on, and what is needed to put bands around it."""

import sys
from dataclasses import dataclass
from datetime import tzinfo

import numpy as np

from forecasting.band_tables import POPULATION_SHAPE
from forecasting.hours import HOUR_S, Floats, HourlyUsage
from forecasting.local_time import hours_of_day
from forecasting.profile import expected_kwh, fitted_profile
from forecasting.steadiness import signs

PATH_HOURS = 45 * 24

_LEAST_KWH = 1e-9
_SEEN_HOURS = 48


@dataclass(frozen=True, slots=True)
class Outlook:
    """Usage expected from `starts_at_s` (seconds since 1970) on, in the eyes of `history_hours` of readings.

    `total_kwh` `(1081,)` is the sum up to each hour after the start, from 0, over 45 days; later hours are expected
    to use `level_kwh` each. `signs` `(9,)` are those of `forecasting.steadiness`. `local_hour` is the local hour of
    the day, 0 to 23, in which it starts; `seen_shape` how the hours of the last two days compare with a mean hour in
    the home's shape of a day: below 1 when only quiet hours were seen.
    """

    starts_at_s: float
    history_hours: float
    level_kwh: float
    total_kwh: Floats
    signs: Floats
    local_hour: int
    seen_shape: float


def outlook(
    usage: HourlyUsage, *, starts_at_s: float, time_zone: tzinfo, prior: Floats = POPULATION_SHAPE
) -> Outlook | None:
    """What to expect from `starts_at_s` on; None when nothing was used in the whole history.

    `prior` `(24,)` is the mean household's shape of a local day, mean 1.
    """
    if usage.energy_kwh.sum() < _LEAST_KWH * len(usage.energy_kwh):
        return None
    seen_hours = hours_of_day(usage.starts_at_s + HOUR_S / 2, time_zone=time_zone)
    profile = fitted_profile(usage, hour_of_day=seen_hours, prior=prior)
    starts_s = starts_at_s + HOUR_S * np.arange(PATH_HOURS, dtype=np.float64)
    coming_hours = hours_of_day(starts_s + HOUR_S / 2, time_zone=time_zone)
    coming_kwh = expected_kwh(profile, starts_at_s=starts_s, hour_of_day=coming_hours)
    return Outlook(
        starts_at_s=starts_at_s,
        history_hours=usage.span_s / HOUR_S,
        level_kwh=profile.level_kwh,
        total_kwh=np.append(0.0, np.cumsum(coming_kwh)),
        signs=signs(usage, profile=profile),
        local_hour=int(coming_hours[0]),
        seen_shape=float(profile.seen_shape[-_SEEN_HOURS:].mean()),
    )


def expected_hours(expected: Outlook, *, energy_kwh: float) -> float:
    """How many hours `energy_kwh` is expected to last; both above 0."""
    beyond_kwh = energy_kwh - float(expected.total_kwh[-1])
    if beyond_kwh > 0:
        return PATH_HOURS + beyond_kwh / expected.level_kwh
    within = float(np.interp(energy_kwh, expected.total_kwh, np.arange(PATH_HOURS + 1)))
    return max(within, sys.float_info.min)  # np.interp rounds 5e-324 kWh to no time, and bands take the logarithm


def expected_total(expected: Outlook, *, hours: Floats) -> Floats:
    """KWh expected up to each of the `hours` after the start, in the shape of `hours`."""
    within = np.interp(hours, np.arange(PATH_HOURS + 1), expected.total_kwh)
    return within + expected.level_kwh * np.maximum(hours - PATH_HOURS, 0.0)


def expected_usage(expected: Outlook, *, edges_hours: Floats) -> Floats:
    """KWh expected in each span between the ascending edges `(n + 1,)`, hours after the start: `(n,)`."""
    return np.diff(expected_total(expected, hours=edges_hours))
