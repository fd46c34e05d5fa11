"""What a home that nobody is in says, and what the forecast makes of it."""

import numpy as np
import pytest

from forecasting.absence import absence
from forecasting.hours import HourlyUsage, hourly_usage
from tests.forecasting.histories import NOW, lived_in, metered
from tests.forecasting.test_with_model import forecast, hours_ahead

USUAL_DAYS = 84 / 12
"""How long 84 units last in this home while people are in."""


def usage(*, days: int, away: int = 0, standby_kwh: float = 0.0) -> np.ndarray:
    used_kwh = np.diff(lived_in(days=days).register_kwh)
    used_kwh[len(used_kwh) - 24 * away :] = standby_kwh
    return used_kwh


def seen(used_kwh: np.ndarray) -> HourlyUsage:
    found = hourly_usage(metered(used_kwh), until_s=NOW.timestamp())
    assert found
    return found


@pytest.mark.parametrize("standby_kwh", [0.0, 0.03])
@pytest.mark.parametrize(("days", "away"), [(20, 1), (60, 2), (60, 14), (180, 40)])
def test_it_counts_the_days_that_nobody_is_in(days: int, away: int, standby_kwh: float) -> None:
    found = absence(seen(usage(days=days, away=away, standby_kwh=standby_kwh)))
    assert found
    assert found.days == away
    assert found.usual_kwh == pytest.approx(0.5, rel=0.15)


@pytest.mark.parametrize(("days", "away"), [(60, 0), (4, 2), (3, 3), (60, 60)])
def test_it_says_nothing_of_homes_where_people_are_in_or_that_are_hardly_known(days: int, away: int) -> None:
    assert absence(seen(usage(days=days, away=away))) is None


@pytest.mark.parametrize("standby_kwh", [0.0, 0.03])
@pytest.mark.parametrize("away", [3, 7, 14, 21, 40])
def test_units_of_an_empty_home_may_be_used_soon_by_people_who_come_back(away: int, standby_kwh: float) -> None:
    made = forecast(metered(usage(days=60, away=away, standby_kwh=standby_kwh)), balance_kwh=84)
    early, middle, _ = hours_ahead(made)
    assert 0.8 * USUAL_DAYS < early / 24 < USUAL_DAYS + away / 6 + 1
    assert middle > 1.5 * early


def test_a_second_absence_is_no_longer_one_when_people_are_back() -> None:
    used_kwh = usage(days=60)
    used_kwh[-24 * 20 : -24 * 2] = 0.0
    assert absence(seen(used_kwh)) is None
