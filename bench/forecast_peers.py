"""Turns hours of usage and a balance into depletion times by the methods that the forecast is compared with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.hours import Floats, hourly_usage
from forecasting.scoring import CAP_HOURS, HISTORY_HOURS, QUANTILES, Case, shown

HALF_LIFE_HOURS = 7 * 24
EDGES_HOURS = (48.0, 96.0, 192.0, 384.0)
LEAST_KWH = 1e-4
SIMULATIONS, DAYS_AHEAD, MOST_DAYS = 200, 45, 28

Point = Callable[[Floats, float], float]


def seen_hours(case: Case, *, history: str) -> Floats:
    """The kWh of each hour as it can be rebuilt from the readings, straight between them."""
    usage = hourly_usage(shown(case, history=history), until_s=case.now.timestamp())
    assert usage is not None
    return usage.energy_kwh


def mean_rate(hours: int) -> Point:
    return lambda seen_kwh, balance_kwh: balance_kwh / max(float(seen_kwh[-hours:].mean()), LEAST_KWH)


def weighted_rate(seen_kwh: Floats, balance_kwh: float) -> float:
    weight = np.exp2(-np.arange(len(seen_kwh) - 1, -1, -1) / HALF_LIFE_HOURS)
    return balance_kwh / max(float(weight @ seen_kwh / weight.sum()), LEAST_KWH)


def bootstrap(seen_kwh: Floats, balance_kwh: float) -> Floats:
    """Days drawn from the last 28, every second one from those of the same weekday."""
    days = min(MOST_DAYS, len(seen_kwh) // 24)
    if days < 1:
        return np.full(3, mean_rate(len(seen_kwh))(seen_kwh, balance_kwh))
    random = np.random.default_rng(0)
    drawn = random.integers(0, days, (SIMULATIONS, DAYS_AHEAD))
    if days >= 14:
        for ahead in range(DAYS_AHEAD):
            same = np.flatnonzero((np.arange(days) - days - ahead) % 7 == 0)
            is_same = random.random(SIMULATIONS) < 0.5
            drawn[:, ahead] = np.where(is_same, random.choice(same, SIMULATIONS), drawn[:, ahead])
    paths = seen_kwh[-24 * days :].reshape(days, 24)[drawn].reshape(SIMULATIONS, -1).cumsum(axis=1)
    return np.quantile([hours_to(path, balance_kwh) for path in paths], QUANTILES)


def hours_to(total_kwh: Floats, balance_kwh: float) -> float:
    if balance_kwh >= total_kwh[-1]:
        return CAP_HOURS
    return float(np.interp(balance_kwh, np.append(0.0, total_kwh), np.arange(len(total_kwh) + 1)))


@dataclass(frozen=True, slots=True)
class Conformal:
    """Quantiles of log(true / told) of the weighted rate, by how long it tells, `(5, 3)`."""

    log_ratios: Floats

    def hours(self, told_hours: float) -> Floats:
        return told_hours * np.exp(self.log_ratios[np.searchsorted(EDGES_HOURS, told_hours)])


def conformal(cases: Sequence[Case], *, history: str) -> Conformal:
    """From these cases, whose outcome it therefore knows."""
    told = np.array([weighted_rate(seen_hours(case, history=history), case.balance_kwh) for case in cases])
    ratio = np.log(np.array([case.true_hours for case in cases]) / np.clip(told, 0.1, None))
    part = np.searchsorted(EDGES_HOURS, told)
    return Conformal(np.array([np.quantile(ratio[part == k], QUANTILES) for k in range(len(EDGES_HOURS) + 1)]))


POINTS: dict[str, tuple[int, Point]] = {
    "mean of the last 24 hours": (6, mean_rate(24)),
    "mean of the last 7 days": (HISTORY_HOURS["7d"], mean_rate(168)),
    "mean of the last 28 days": (HISTORY_HOURS["28d"], mean_rate(672)),
}
"""By name: from how many hours of history on it differs from the one before, and the method."""
