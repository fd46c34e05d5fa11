"""Turns history length, horizon and steadiness into how far usage and time may depart from what is expected."""

from dataclasses import dataclass

import numpy as np

from forecasting.hours import Floats
from forecasting.widening import Widening


@dataclass(frozen=True, slots=True)
class BandTable:
    """Quantiles 10, 50 and 90 % of log(actual / expected), first axis in this order, by history and horizon.

    `common` `(3, h, k)` is for a common home at `history_hours` `(h,)` and `horizon_hours` `(k,)`, both ascending;
    `slopes` `(3, s, k)` is what each sign of `forecasting.steadiness.SIGNS` adds a unit.
    """

    history_hours: Floats
    horizon_hours: Floats
    common: Floats
    slopes: Floats


@dataclass(frozen=True, slots=True)
class Band:
    """One home's quantiles 10, 50 and 90 % of log(actual / expected), `(3, k)`, at `horizon_hours` `(k,)`, ascending.

    P10 <= P50 <= P90 at each horizon.
    """

    horizon_hours: Floats
    log_ratios: Floats


def band(table: BandTable, *, history_hours: float, signs: Floats) -> Band:
    """The band of one home at the table's horizons.

    Between the table's histories it runs straight in the logarithm of the hours; outside, the nearest one stands.
    """
    weight = interpolation(np.array([history_hours]), knots=table.history_hours)[0]
    ratios = weight @ table.common + np.einsum("s,qsk->qk", signs, table.slopes)
    return Band(horizon_hours=table.horizon_hours, log_ratios=np.sort(ratios, axis=0))


def interpolation(hours: Floats, *, knots: Floats) -> Floats:
    """Weights `(n, k)` that read a row of values at `knots` `(k,)` at the `hours` `(n,)`, straight in log hours.

    Each row sums to 1 and has at most two weights; outside the knots the nearest one has all.
    """
    position = np.interp(np.log(np.maximum(hours, knots[0])), np.log(knots), np.arange(len(knots)))
    return np.maximum(1.0 - np.abs(position[:, None] - np.arange(len(knots))), 0.0)


def widened(own: Band, *, widening: Widening) -> Band:
    """The band of times with its distances from P50 stretched: `lower` towards P10, `upper` towards P90."""
    p10, p50, p90 = own.log_ratios
    ratios = np.stack([p50 - widening.lower * (p50 - p10), p50, p50 + widening.upper * (p90 - p50)])
    return Band(horizon_hours=own.horizon_hours, log_ratios=ratios)


def usage_quantiles(own: Band, *, expected_kwh: Floats, horizon_hours: Floats) -> Floats:
    """P10, P50 and P90 of usage in kWh, `(3, n)`, for the spans `(n,)` around `horizon_hours` ahead."""
    return expected_kwh * np.exp(own.log_ratios @ interpolation(horizon_hours, knots=own.horizon_hours).T)


def duration_quantiles(own: Band, *, expected_hours: float) -> Floats:
    """P10, P50 and P90 of a time in hours, `(3,)`, that is expected to be `expected_hours`, above 0.

    It never shrinks when `expected_hours` grows, whatever the band says: more units never run out earlier.
    """
    knots = np.log(own.horizon_hours)
    expected = np.log(expected_hours)
    outside = min(expected - knots[0], 0.0) + max(expected - knots[-1], 0.0)
    within = np.array([np.interp(expected, knots, times) for times in _log_times(own)], dtype=np.float64)
    return np.exp(within + outside)


def expected_durations(own: Band, *, actual_hours: float) -> Floats:
    """The expected times in hours, `(3,)`, whose P10, P50 and P90 are `actual_hours`, above 0: the other way round.

    The first is the longest: what is used by then with 1 in 10 chances only.
    """
    knots = np.log(own.horizon_hours)
    rows = _log_times(own) + 1e-9 * np.arange(len(knots))
    actual = np.log(actual_hours)
    outside = np.minimum(actual - rows[:, 0], 0.0) + np.maximum(actual - rows[:, -1], 0.0)
    within = np.array([np.interp(actual, times, knots) for times in rows], dtype=np.float64)
    return np.exp(within + outside)


def _log_times(own: Band) -> Floats:
    return np.maximum.accumulate(np.log(own.horizon_hours) + own.log_ratios, axis=1)
