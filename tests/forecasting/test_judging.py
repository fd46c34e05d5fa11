"""How wrong earlier forecasts were, and what follows for the next ones."""

from datetime import UTC, datetime

import numpy as np
import pytest

from forecasting.judging import backtest_of, used_up_at
from forecasting.widening import NO_WIDENING, Widening
from store.forecast_inputs import RegisterPoints
from store.resolved_forecasts import PastForecasts

HOUR_S = 3600.0
NOW = datetime(2025, 3, 4, 12, tzinfo=UTC)
STEADY = RegisterPoints([hour * HOUR_S for hour in range(1001)], [0.5 * hour for hour in range(1001)])
"""Half a kilowatt for 1,000 hours."""


def past(
    made_hours: list[float], *, lasts: float = 40.0, told: tuple[float, float, float], widening: float = 1.0
) -> PastForecasts:
    """Forecasts of units for `lasts` hours, that told P10, P50 and P90 so many hours ahead."""
    made = np.array(made_hours) * HOUR_S
    p10, p50, p90 = ((made + hours * HOUR_S).tolist() for hours in told)
    ones = [widening] * len(made)
    return PastForecasts(made.tolist(), made.tolist(), [0.5 * lasts] * len(made), p10, p50, p90, ones, ones)


def test_units_count_as_used_up_when_the_usage_since_reaches_what_was_left() -> None:
    made = past([0, 100.5, 990], told=(30, 40, 50))
    assert used_up_at(made, STEADY) / HOUR_S == pytest.approx([40, 140.5, np.nan], abs=0.01, nan_ok=True)


def test_a_span_that_is_unknown_is_no_usage() -> None:
    register = RegisterPoints([0.0, 10 * HOUR_S, 20 * HOUR_S, 30 * HOUR_S], [0.0, 5.0, -1e6, -1e6 + 10])
    assert used_up_at(past([0], lasts=20, told=(1, 2, 3)), register) / HOUR_S == pytest.approx([25.0], abs=0.01)


def test_figures_say_how_far_what_was_told_lay_from_what_came() -> None:
    judged = backtest_of(7, past([0, 30, 60, 90], told=(36, 44, 60)), STEADY, pooled=NO_WIDENING, now=NOW)
    assert (judged.panel_id, judged.judged_at, judged.resolved_count) == (7, NOW, 4)
    assert judged.since_at == datetime.fromtimestamp(0, UTC)
    assert (judged.coverage, judged.early_share, judged.late_share) == (1, 0, 0)
    assert judged.median_error_hours == pytest.approx(4, abs=0.01)
    assert judged.mean_percent_error == pytest.approx(10, abs=0.1)
    assert judged.bias_hours == pytest.approx(4, abs=0.01)
    (horizon,) = judged.by_horizon
    assert (horizon.from_days, horizon.to_days, horizon.resolved_count, horizon.coverage) == (0.0, 2.0, 4, 1.0)


def test_forecasts_are_judged_once_their_p90_has_passed_whatever_came_of_them() -> None:
    judged = backtest_of(7, past([0, 945, 955], told=(20, 30, 50)), STEADY, pooled=NO_WIDENING, now=NOW)
    assert judged.resolved_count == 2


def test_units_that_still_last_after_p90_were_told_too_early_by_at_least_that() -> None:
    judged = backtest_of(7, past([970], told=(5, 10, 20)), STEADY, pooled=NO_WIDENING, now=NOW)
    assert (judged.coverage, judged.late_share) == (0, 1)
    assert judged.bias_hours == pytest.approx(-20)


def test_before_the_first_is_judged_there_are_no_figures_and_the_deployments_widening() -> None:
    pooled = Widening(1.2, 1.4)
    for nothing in (None, past([990], told=(30, 40, 50))):
        judged = backtest_of(7, nothing, STEADY, pooled=pooled, now=NOW)
        assert (judged.resolved_count, judged.coverage, judged.own_lower) == (0, None, None)
        assert (judged.widening_lower, judged.widening_upper) == (1.2, 1.4)


def test_bands_that_were_too_narrow_are_widened_on_the_side_where_they_were() -> None:
    made = [3.0 * number for number in range(300)]
    judged = backtest_of(7, past(made, told=(28, 30, 32)), STEADY, pooled=NO_WIDENING, now=NOW)
    assert judged.late_share == 1
    assert judged.widening_upper > 1.5
    assert judged.widening_lower < 1.01


def test_a_widening_that_was_right_stays() -> None:
    made = [3.0 * number for number in range(300)]
    plain = backtest_of(7, past(made, told=(28, 30, 32)), STEADY, pooled=NO_WIDENING, now=NOW)
    told = (30 * (28 / 30) ** 2, 30, 30 * (32 / 30) ** 2)
    again = backtest_of(7, past(made, told=told, widening=2.0), STEADY, pooled=NO_WIDENING, now=NOW)
    assert again.own_upper == pytest.approx(plain.own_upper)
    assert again.own_lower == pytest.approx(plain.own_lower)


@pytest.mark.parametrize("every_hours", [1, 3, 6, 9, 24])
def test_bands_are_widened_by_forecasts_of_four_weeks_however_often_they_were_made(every_hours: int) -> None:
    made = [float(hour) for hour in range(0, 950, every_hours)]
    judged = backtest_of(7, past(made, told=(28, 30, 32)), STEADY, pooled=NO_WIDENING, now=NOW)
    assert judged.widening_upper > 1.5


def test_forecasts_of_two_weeks_widen_nothing_however_often_they_were_made() -> None:
    made = [hour / 2 for hour in range(2 * 14 * 24)]
    judged = backtest_of(7, past(made, told=(28, 30, 32)), STEADY, pooled=NO_WIDENING, now=NOW)
    assert (judged.own_upper, judged.widening_upper) == (None, 1.0)
