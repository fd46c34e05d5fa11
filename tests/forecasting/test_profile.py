"""The level, the shape of a day and of a week that usage is split into."""

import numpy as np
import pytest
from numpy.typing import NDArray

from forecasting.band_tables import POPULATION_SHAPE
from forecasting.hours import HourlyUsage
from forecasting.profile import UsageProfile, expected_kwh, fitted_profile

MIDNIGHT_S = 1_749_945_600.0


def usage_of(energy_kwh: NDArray[np.float64], *, known_share: NDArray[np.float64] | None = None) -> HourlyUsage:
    """Hours that end at a midnight of UTC."""
    known = np.ones(len(energy_kwh)) if known_share is None else known_share
    return HourlyUsage(MIDNIGHT_S, 3600.0 * len(energy_kwh), energy_kwh, known)


def profile_of(usage: HourlyUsage) -> UsageProfile:
    return fitted_profile(usage, hour_of_day=hours(usage.starts_at_s))


def hours(starts_at_s: NDArray[np.float64]) -> NDArray[np.int64]:
    return (starts_at_s // 3600).astype(np.int64) % 24


def test_the_mean_household_s_shape_and_the_factors_have_mean_one() -> None:
    assert POPULATION_SHAPE.mean() == pytest.approx(1, abs=1e-3)
    profile = profile_of(usage_of(np.random.default_rng(1).gamma(1, 1, 24 * 30)))
    assert profile.shape.mean() == pytest.approx(1)
    assert profile.weekday_factor.mean() == pytest.approx(1)


def test_a_few_evening_hours_are_not_taken_for_the_whole_day() -> None:
    assert profile_of(usage_of(np.full(4, 0.2))).level_kwh < 0.18


def test_with_weeks_of_data_the_home_s_own_shape_wins() -> None:
    evening = np.zeros(24)
    evening[20] = 5.0
    shape = profile_of(usage_of(np.tile(evening, 60))).shape
    assert shape.argmax() == 20
    assert shape[20] == pytest.approx(24 * 0.91, rel=0.03)


def test_the_level_follows_the_last_days() -> None:
    usage = usage_of(np.append(np.full(24 * 60, 1.0), np.full(24 * 4, 3.0)))
    assert profile_of(usage).level_kwh == pytest.approx(2, rel=0.01)


def test_unknown_hours_neither_raise_nor_lower_the_level() -> None:
    energy_kwh, known_share = np.full(24 * 20, 0.5), np.ones(24 * 20)
    energy_kwh[-30:-10] = known_share[-30:-10] = 0
    assert profile_of(usage_of(energy_kwh, known_share=known_share)).level_kwh == pytest.approx(0.5, rel=0.01)


def test_a_weekly_rhythm_is_expected_on_its_day() -> None:
    week = np.repeat([1.0, 1, 1, 1, 1, 3, 3], 24)
    usage = usage_of(np.tile(week, 8))
    profile = profile_of(usage)
    starts_at_s = MIDNIGHT_S + 3600.0 * np.arange(14 * 24)
    days_kwh = (
        expected_kwh(profile, starts_at_s=starts_at_s, hour_of_day=hours(starts_at_s)).reshape(14, 24).sum(axis=1)
    )
    assert days_kwh[5] > 1.5 * days_kwh[0]
    assert days_kwh[:7] == pytest.approx(days_kwh[7:])


def test_below_a_week_all_days_are_alike() -> None:
    usage = usage_of(np.repeat([1.0, 9, 1, 9, 1, 9], 24))
    assert profile_of(usage).weekday_factor.tolist() == [1] * 7
