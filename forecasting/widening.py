"""Turns forecasts whose outcome is known into how much wider, or narrower, the next ones of that panel should be."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAST_RESOLVED = 20
MOST_NARROW, MOST_WIDE = 0.7, 3.0
HALF_LIFE = 100
PRIOR_FORECASTS = 15
TAIL = 0.1

_LEAST_DISTANCE = 0.02


@dataclass(frozen=True, slots=True)
class Widening:
    """What the log distances from P50 to P10 (`lower`) and from P50 to P90 (`upper`) are multiplied by."""

    lower: float
    upper: float


NO_WIDENING = Widening(lower=1.0, upper=1.0)


@dataclass(frozen=True, slots=True)
class Resolved:
    """A forecast whose units ran out: P10, P50, P90 as they were told without widening, and when it was.

    All are hours from when the forecast was made, above 0.
    """

    p10_hours: float
    p50_hours: float
    p90_hours: float
    actual_hours: float


def widening_of(resolved: Iterable[Resolved], *, pooled: Widening = NO_WIDENING) -> Widening:
    """The widening after which P10 and P90 of these forecasts, oldest first, would have missed 1 in 10 on each side.

    Newer forecasts count more: the weight halves every 100. What the panel's own say is averaged (in logarithms) with
    `pooled`, which weighs 15 forecasts; below 20 forecasts `pooled` stands alone. Always between 0.7 and 3. The
    pooled widening of a deployment is this function of all its panels' forecasts.
    """
    hours = np.array([(one.p10_hours, one.p50_hours, one.p90_hours, one.actual_hours) for one in resolved])
    if len(hours) < LEAST_RESOLVED:
        return pooled
    p10, p50, p90, actual = np.log(np.maximum(hours, 0.1)).T
    return Widening(
        lower=_factor((p50 - actual) / np.maximum(p50 - p10, _LEAST_DISTANCE), pooled=pooled.lower),
        upper=_factor((actual - p50) / np.maximum(p90 - p50, _LEAST_DISTANCE), pooled=pooled.upper),
    )


def _factor(distances: NDArray[np.float64], *, pooled: float) -> float:
    """The factor of one side, from how far outcomes lay from P50, in distances told."""
    weights = np.exp2(-np.arange(len(distances) - 1, -1, -1) / HALF_LIFE)
    own = np.clip(_upper_quantile(distances, weights=weights), MOST_NARROW, MOST_WIDE)
    share = weights.sum() / (weights.sum() + PRIOR_FORECASTS)
    return float(np.clip(np.exp(share * np.log(own) + (1 - share) * np.log(pooled)), MOST_NARROW, MOST_WIDE))


def _upper_quantile(values: NDArray[np.float64], *, weights: NDArray[np.float64]) -> float:
    """What all but a tenth of the weight lies at or below, the next forecast counted as beyond (split conformal)."""
    order = np.argsort(values)
    share = np.cumsum(weights[order]) / (weights.sum() + 1.0)
    at = int(np.searchsorted(share, 1 - TAIL))
    return float(values[order][at]) if at < len(values) else np.inf
