"""How a panel's resolved forecasts widen or narrow the next ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.widening import LEAST_RESOLVED, MOST_NARROW, MOST_WIDE, NO_WIDENING, Resolved, Widening, widening_of

Z90 = 1.2816


def resolved(count: int, *, sigma: float, shift: float = 0.0, told_sigma: float = 0.2, seed: int = 1) -> list[Resolved]:
    """Forecasts of 100 hours that tell `told_sigma`, while log times are normal around `shift` with `sigma`."""
    actual = 100 * np.exp(np.random.default_rng(seed).normal(shift, sigma, count))
    low, high = 100 * np.exp(-Z90 * told_sigma), 100 * np.exp(Z90 * told_sigma)
    return [Resolved(p10_hours=low, p50_hours=100, p90_hours=high, actual_hours=float(hours)) for hours in actual]


def missed(widening: Widening, outcomes: list[Resolved]) -> tuple[float, float]:
    """How many ran out before the widened P10, and after the widened P90."""
    logs = np.log([(one.p10_hours, one.p50_hours, one.p90_hours, one.actual_hours) for one in outcomes])
    low, middle, high, actual = logs.T
    early = actual < middle - widening.lower * (middle - low)
    return float(early.mean()), float((actual > middle + widening.upper * (high - middle)).mean())


def test_few_resolved_forecasts_leave_it_to_the_deployment_s() -> None:
    few = resolved(LEAST_RESOLVED - 1, sigma=2.0)
    assert widening_of(few) == NO_WIDENING
    assert widening_of(few, pooled=Widening(1.5, 0.9)) == Widening(1.5, 0.9)


@pytest.mark.parametrize("sigma", [0.15, 0.2, 0.3, 0.45])
def test_both_tails_miss_one_in_ten_however_steady_the_home(sigma: float) -> None:
    fresh = resolved(2000, sigma=sigma, seed=99)
    tails = [missed(widening_of(resolved(300, sigma=sigma, seed=seed)), fresh) for seed in range(20)]
    assert np.mean(tails, axis=0) == pytest.approx([0.1, 0.1], abs=0.03)
    if sigma != 0.2:
        assert np.abs(np.array(missed(NO_WIDENING, fresh)) - 0.1).min() > 0.04


def test_a_home_that_outlasts_its_forecasts_is_widened_to_that_side_only() -> None:
    widening = widening_of(resolved(200, sigma=0.2, shift=0.3))
    assert widening.upper > 1.4
    assert widening.lower < 1
    early, late = missed(widening, resolved(5000, sigma=0.2, shift=0.3, seed=2))
    assert late < 0.25 < missed(NO_WIDENING, resolved(5000, sigma=0.2, shift=0.3, seed=2))[1]
    assert early < 0.1


def test_newer_forecasts_count_more() -> None:
    steady, wild = resolved(150, sigma=0.1), resolved(150, sigma=0.5, seed=3)
    assert widening_of([*steady, *wild]).upper > 1.2 * widening_of([*wild, *steady]).upper


def test_the_deployment_s_widening_counts_as_fifteen_forecasts() -> None:
    few = resolved(LEAST_RESOLVED, sigma=0.2)
    assert widening_of(few, pooled=Widening(2, 2)).upper > widening_of(few).upper * 1.15


hours = st.floats(0.0, 5000)


@given(st.lists(st.tuples(hours, hours, hours, hours), max_size=60))
def test_whatever_came_it_stays_within_its_limits(rows: list[tuple[float, float, float, float]]) -> None:
    forecasts = [Resolved(*sorted(row[:3]), row[3]) for row in rows]
    widening = widening_of(forecasts)
    assert MOST_NARROW <= widening.lower <= MOST_WIDE
    assert MOST_NARROW <= widening.upper <= MOST_WIDE
