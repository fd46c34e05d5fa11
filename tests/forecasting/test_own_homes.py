"""Which of a site's meters a model may learn from, and what."""

from datetime import UTC

import numpy as np
import pytest

from forecasting.own_homes import own_home

STARTS_S = 1_700_000_000.0


def readings(days: float, *, every_s: float = 3600, kwh_an_hour: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    at_s = STARTS_S + np.arange(0, days * 86400 + 1, every_s)
    return at_s, (at_s - STARTS_S) / 3600 * kwh_an_hour


def test_hours_are_whole_ones_of_utc() -> None:
    at_s, register_kwh = readings(50)
    home = own_home("own_1", at_s=at_s, register_kwh=register_kwh, time_zone=UTC)
    assert home
    assert home.starts_at_s % 3600 == 0
    assert 0 <= home.starts_at_s - STARTS_S < 3600
    assert home.energy_kwh == pytest.approx(np.full(50 * 24 - 1, 0.5))


def test_hours_of_a_long_silence_are_unknown() -> None:
    at_s, register_kwh = readings(60)
    silent = (at_s > STARTS_S + 86400 * 20) & (at_s < STARTS_S + 86400 * 21)
    home = own_home("own_1", at_s=at_s[~silent], register_kwh=register_kwh[~silent], time_zone=UTC)
    assert home
    assert 24 <= np.isnan(home.energy_kwh).sum() <= 26
    assert np.nanmax(home.energy_kwh) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("days", "kwh_an_hour", "every_s"), [(40, 0.5, 3600), (60, 0.0, 3600), (60, 0.5, 86400), (0, 0.5, 3600)]
)
def test_a_young_an_empty_and_a_seldom_read_home_teach_nothing(days: float, kwh_an_hour: float, every_s: float) -> None:
    at_s, register_kwh = readings(days, kwh_an_hour=kwh_an_hour, every_s=every_s)
    assert own_home("own_1", at_s=at_s, register_kwh=register_kwh, time_zone=UTC) is None
