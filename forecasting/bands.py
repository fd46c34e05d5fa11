"""Turns history length, horizon and steadiness into how far usage and time may depart from what is expected."""

from dataclasses import dataclass

import numpy as np

from forecasting.hours import Floats


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


def band(table: BandTable, *, history_hours: float, signs: Floats) -> Floats:
    """The quantiles of log(actual / expected) of one home at the table's horizons, `(3, k)`, ascending in axis 0.

    Between the table's histories it runs straight in the logarithm of the hours; outside, the nearest one stands.
    """
    weight = interpolation(np.array([history_hours]), knots=table.history_hours)[0]
    return np.sort(weight @ table.common + np.einsum("s,qsk->qk", signs, table.slopes), axis=0)


def interpolation(hours: Floats, *, knots: Floats) -> Floats:
    """Weights `(n, k)` that read a row of values at `knots` `(k,)` at the `hours` `(n,)`, straight in log hours.

    Each row sums to 1 and has at most two weights; outside the knots the nearest one has all.
    """
    position = np.interp(np.log(np.maximum(hours, knots[0])), np.log(knots), np.arange(len(knots)))
    return np.maximum(1.0 - np.abs(position[:, None] - np.arange(len(knots))), 0.0)


def usage_quantiles(ratios: Floats, *, table: BandTable, expected_kwh: Floats, horizon_hours: Floats) -> Floats:
    """P10, P50 and P90 of usage in kWh, `(3, n)`, for the spans `(n,)` around `horizon_hours` ahead."""
    return expected_kwh * np.exp(ratios @ interpolation(horizon_hours, knots=table.horizon_hours).T)


def duration_quantiles(ratios: Floats, *, table: BandTable, expected_hours: float) -> Floats:
    """P10, P50 and P90 of a time in hours, `(3,)`, that is expected to be `expected_hours`, above 0.

    It never shrinks when `expected_hours` grows, whatever the table says: more units never run out earlier.
    """
    knots = np.log(table.horizon_hours)
    log_times = np.maximum.accumulate(knots + ratios, axis=1)
    expected = np.log(expected_hours)
    outside = min(expected - knots[0], 0.0) + max(expected - knots[-1], 0.0)
    within = np.array([np.interp(expected, knots, log_times[quantile]) for quantile in range(3)], dtype=np.float64)
    return np.exp(within + outside)
