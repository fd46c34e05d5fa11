"""Turns a meter's register into a home to train on."""

import math
from datetime import tzinfo

import numpy as np

from forecasting.hours import DAY_S, HOUR_S, Floats
from forecasting.training_rows import TrainingHome

LEAST_DAYS = 45
LONGEST_SILENCE_S = 3 * HOUR_S + 60

_MOST_IDLE = 0.5


def own_home(name: str, *, at_s: Floats, register_kwh: Floats, time_zone: tzinfo) -> TrainingHome | None:
    """The home whose register only rises and was read at the ascending `at_s` `(n,)`; None where it says too little.

    Hours are whole ones of UTC; of a silence of more than 3 hours they are unknown, as nobody knows when within it the
    units were used. A home needs 45 days, and usage in most of its hours: empty flats would teach that nothing is used.
    """
    if len(at_s) < 2 or at_s[-1] - at_s[0] < LEAST_DAYS * DAY_S:
        return None
    first, last = math.ceil(at_s[0] / HOUR_S), math.floor(at_s[-1] / HOUR_S)
    edges_s: Floats = HOUR_S * np.arange(first, last + 1, dtype=np.float64)
    energy_kwh = np.diff(np.interp(edges_s, at_s, register_kwh))
    silence = np.append(0.0, np.cumsum(np.where(np.diff(at_s) > LONGEST_SILENCE_S, np.diff(at_s), 0.0)))
    energy_kwh[np.diff(np.interp(edges_s, at_s, silence)) > 0] = np.nan
    known_kwh = energy_kwh[~np.isnan(energy_kwh)]
    if len(known_kwh) < LEAST_DAYS * 24 or np.mean(known_kwh <= 0) > _MOST_IDLE:
        return None
    return TrainingHome(name, time_zone, float(edges_s[0]), energy_kwh)
