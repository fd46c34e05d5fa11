"""Turns hourly usage into how long nobody has been in, and how soon units run out if people come back."""

from dataclasses import dataclass

import numpy as np

from forecasting.hours import Floats, HourlyUsage
from forecasting.profile import by_day

_RECENT_DAYS = 90
_LEAST_DAYS = 5
_USUAL_DAY = 0.85
_AWAY_SHARE = 0.3
_EARLY_ODDS = 9.0


@dataclass(frozen=True, slots=True)
class Absence:
    """So many whole days, up to the newest reading, of next to no usage in a home that uses `usual_kwh` an hour."""

    days: int
    usual_kwh: float

    def early_hours(self, energy_kwh: Floats) -> Floats:
        """How soon that much may be used up, in hours, in the shape of `energy_kwh`: P10 is not to be later.

        People who have been away for some days are as likely to come back within as many as not; with one chance in
        ten they do within a ninth of them. From then on they use what they used before.
        """
        return 24 * self.days / _EARLY_ODDS + energy_kwh / self.usual_kwh


def absence(usage: HourlyUsage) -> Absence | None:
    """The absence that the usage ends with; None when people are in, or too few days are known to tell.

    A day counts as away below three tenths of a usual one, which all but the busiest days of the last 90 reach.
    """
    energy_kwh, known_share = by_day(usage)
    energy_kwh, known_share = energy_kwh[-_RECENT_DAYS:], known_share[-_RECENT_DAYS:]
    day_kwh = energy_kwh[known_share > 0] / known_share[known_share > 0]
    if len(day_kwh) < _LEAST_DAYS:
        return None
    at_home = day_kwh >= _AWAY_SHARE * np.quantile(day_kwh, _USUAL_DAY)
    days = int(at_home[::-1].argmax())
    if days == 0 or not day_kwh.any():
        return None
    return Absence(days=days, usual_kwh=float(day_kwh[at_home].mean()) / 24)
