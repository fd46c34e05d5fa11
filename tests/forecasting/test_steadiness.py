"""The figures that tell how far a home's forecast may err."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from forecasting.hours import HourlyUsage
from forecasting.profile import fitted_profile
from forecasting.steadiness import SIGNS, signs

DAYS = 30


def signs_of(energy_kwh: NDArray[np.float64]) -> dict[str, float]:
    usage = HourlyUsage(0.0, 3600.0 * len(energy_kwh), energy_kwh, np.ones(len(energy_kwh)))
    profile = fitted_profile(usage, hour_of_day=np.arange(-len(energy_kwh), 0) % 24)
    return dict(zip(SIGNS, signs(usage, profile=profile).tolist(), strict=True))


def by_days(kwh: Callable[[int], float], *, days: int = DAYS) -> NDArray[np.float64]:
    return np.repeat([kwh(day) for day in range(days)], 24)


def test_days_that_differ_by_the_common_measure_are_zero() -> None:
    common = signs_of(by_days(lambda day: 1.3 if day % 2 else 0.7))
    assert common["unsteady"] == pytest.approx(0, abs=0.01)
    assert signs_of(by_days(lambda day: 1.9 if day % 2 else 0.1))["unsteady"] == pytest.approx(np.log(3), abs=0.03)
    assert signs_of(by_days(lambda _: 1.0))["unsteady"] == pytest.approx(np.log(0.05 / 0.3))


def test_a_home_that_has_just_emptied_says_so() -> None:
    left = signs_of(by_days(lambda day: 0.2 if day == DAYS - 1 else 1.0))
    assert left["last_day"] > 1
    assert left["last_day_far_down"] == pytest.approx(left["last_day"] - 0.3)
    assert left["last_day_far_up"] == 0


def test_a_home_that_has_just_filled_says_so() -> None:
    back = signs_of(by_days(lambda day: 1.0 if day == DAYS - 1 else 0.2))
    assert back["last_day"] < -0.5
    assert back["last_day_far_up"] == pytest.approx(-back["last_day"] - 0.3)
    assert back["last_day_far_down"] == 0


def test_a_level_above_that_of_the_last_weeks_is_positive() -> None:
    rising = signs_of(by_days(lambda day: 1.0 + day / DAYS))
    assert 0 < rising["two_weeks"] < rising["four_weeks"]


def test_an_empty_home_on_standby_is_nearly_even_and_only_short_histories_count() -> None:
    assert signs_of(np.full(24, 0.05))["nearly_even"] == pytest.approx(np.log(20))
    assert signs_of(np.full(24 * 4, 0.05))["nearly_even"] < np.log(20)
    assert signs_of(np.full(24 * 14, 0.05))["nearly_even"] == 0


def test_histories_too_short_to_tell_are_common() -> None:
    assert set(signs_of(np.array([0.4])).values()) == {0.0}


def test_a_last_day_without_usage_stays_finite() -> None:
    silent = signs_of(by_days(lambda day: 0.0 if day >= DAYS - 20 else 1.0))
    assert np.isfinite(list(silent.values())).all()
    assert silent["last_day"] == 2.0
