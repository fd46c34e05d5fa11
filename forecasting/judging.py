"""Turns earlier forecasts and the usage that followed into how wrong they were, and how wide the next should be."""

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from math import inf, isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecasting.hours import DAY_S, HOUR_S, Floats
from forecasting.widening import LEAST_RESOLVED, Resolved, Widening, widening_of
from store.forecast_inputs import RegisterPoints
from store.resolved_forecasts import Backtest, HorizonBacktest, PastForecasts

HORIZON_DAYS = (0.0, 2.0, 4.0, 8.0, 16.0, inf)
APART_HOURS = 27.0
"""How far apart the judged forecasts are at the least that say how wide the next should be: each at another hour of the
day, and evidence of its own."""
LEAST_LEFT_HOURS = 6.0
"""What a forecast's time left counts as at the least when its error is taken in percent of it."""

_ROUNDING_KWH = 0.0005
_CLOCK_S = 30 * 60
"""By how much less two hourly forecasts may lie apart: they are not made to the second."""


@dataclass(frozen=True, slots=True)
class _Outcomes:
    """What was told and what came, in hours from when each forecast was made; oldest first."""

    made_at_s: Floats
    p10: Floats
    p50: Floats
    p90: Floats
    actual: Floats

    @property
    def is_within(self) -> NDArray[np.bool_]:
        return (self.actual >= self.p10) & (self.actual <= self.p90)

    @property
    def error(self) -> Floats:
        return self.p50 - self.actual


def used_up_at(past: PastForecasts, register: RegisterPoints) -> Floats:
    """When the usage since reached the balance that each forecast had, top-ups left out: `(n,)`, seconds since 1970.

    NaN where it had not by the register's last point. That is the instant at which the units would have run out, and
    it is known of most forecasts, while few panels are ever let run out.
    """
    at_s = np.array(register.at_s)
    used_kwh = np.append(0.0, np.cumsum(np.maximum(np.diff(register.register_kwh), 0.0)))
    target_kwh = np.interp(past.balance_at_s, at_s, used_kwh) + np.array(past.balance_kwh) - _ROUNDING_KWH
    after = np.searchsorted(used_kwh, target_kwh)
    last = np.clip(after, 1, len(at_s) - 1)
    rise_kwh = np.maximum(used_kwh[last] - used_kwh[last - 1], 1e-9)
    share = (target_kwh - used_kwh[last - 1]) / rise_kwh
    return np.where(after < len(at_s), at_s[last - 1] + share * (at_s[last] - at_s[last - 1]), np.nan)


def backtest_of(
    panel_id: int, past: PastForecasts | None, register: RegisterPoints, *, pooled: Widening, now: datetime
) -> Backtest:
    """How the panel's forecasts did; those whose P90 the readings have not reached are left for later.

    Where the units had not run out by the last reading, after P90, they count as having run out there: late for
    certain, and by that much at the least. `pooled` is the widening of the deployment.
    """
    outcomes = None if past is None or len(register.at_s) < 2 else _outcomes(past, register)
    if past is None or outcomes is None:
        return Backtest(panel_id, now, widening_lower=pooled.lower, widening_upper=pooled.upper)
    plain = _as_told_plainly(outcomes, past)
    resolved = [plain[place] for place in _apart(outcomes.made_at_s)]
    widening = widening_of(resolved, pooled=pooled)
    own = widening_of(resolved) if len(resolved) >= LEAST_RESOLVED else None
    return Backtest(
        panel_id,
        now,
        **_figures(outcomes),
        widening_lower=widening.lower,
        widening_upper=widening.upper,
        own_lower=own and own.lower,
        own_upper=own and own.upper,
    )


def _apart(made_at_s: Floats) -> list[int]:
    """Which of these instants lie `APART_HOURS` or more apart, the last one among them; ascending."""
    chosen: list[int] = []
    for place in range(len(made_at_s) - 1, -1, -1):
        if not chosen or made_at_s[chosen[-1]] - made_at_s[place] >= APART_HOURS * HOUR_S - _CLOCK_S:
            chosen.append(place)
    return chosen[::-1]


def _outcomes(past: PastForecasts, register: RegisterPoints) -> _Outcomes | None:
    """Of the forecasts whose P90 is not after the last reading; None where there is none."""
    ends_at_s, made_at_s = register.at_s[-1], np.array(past.made_at_s)
    is_due = np.array(past.p90_at_s) <= ends_at_s
    if not is_due.any():
        return None
    actual_s = np.nan_to_num(used_up_at(past, register), nan=ends_at_s)
    instants = (past.p10_at_s, past.p50_at_s, past.p90_at_s, actual_s)
    hours = [(np.asarray(at_s) - made_at_s)[is_due] / HOUR_S for at_s in instants]
    return _Outcomes(made_at_s[is_due], *hours)


def _figures(outcomes: _Outcomes) -> dict[str, Any]:
    error, left = outcomes.error, np.maximum(outcomes.actual, LEAST_LEFT_HOURS)
    return {
        "since_at": datetime.fromtimestamp(float(outcomes.made_at_s[0]), UTC),
        "resolved_count": len(error),
        "coverage": float(np.mean(outcomes.is_within)),
        "early_share": float(np.mean(outcomes.actual < outcomes.p10)),
        "late_share": float(np.mean(outcomes.actual > outcomes.p90)),
        "median_error_hours": float(np.median(np.abs(error))),
        "mean_percent_error": float(100 * np.mean(np.abs(error) / left)),
        "bias_hours": float(np.mean(error)),
        "by_horizon": _by_horizon(outcomes),
    }


def _by_horizon(outcomes: _Outcomes) -> tuple[HorizonBacktest, ...]:
    told_days = outcomes.p50 * HOUR_S / DAY_S
    rows: list[HorizonBacktest] = []
    for low, high in pairwise(HORIZON_DAYS):
        chosen = (told_days >= low) & (told_days < high)
        if chosen.any():
            rows.append(
                HorizonBacktest(
                    from_days=low,
                    to_days=high if isfinite(high) else None,
                    resolved_count=int(chosen.sum()),
                    coverage=float(np.mean(outcomes.is_within[chosen])),
                    median_absolute_error_hours=float(np.median(np.abs(outcomes.error[chosen]))),
                )
            )
    return tuple(rows)


def _as_told_plainly(outcomes: _Outcomes, past: PastForecasts) -> list[Resolved]:
    """The forecasts as they had been without their widening, which stretched the logarithms of the times."""
    is_judged = np.isin(past.made_at_s, outcomes.made_at_s)
    lower, upper = np.array(past.widening_lower)[is_judged], np.array(past.widening_upper)[is_judged]
    told = (outcomes.p10, outcomes.p50, outcomes.p90, outcomes.actual)
    low, middle, high, came = (np.maximum(hours, 0.1) for hours in told)
    low, high = middle * (low / middle) ** (1 / lower), middle * (high / middle) ** (1 / upper)
    return [Resolved(*(float(hours) for hours in row)) for row in zip(low, middle, high, came, strict=True)]
