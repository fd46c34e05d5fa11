"""How the forecast does on ten measured weeks of three homes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pytest

from forecasting.score import forecast
from tests.forecasting.histories import homes, metered


@dataclass(frozen=True, slots=True)
class Case:
    """Hours: what happened, P10, P50 and P90, and what the last day's rate says."""

    true: float
    p10: float
    p50: float
    p90: float
    last_day: float


def cases(*, history_days: int) -> Iterator[Case]:
    """Each second day of weeks 5 to 8, balances of 1, 3 and 8 mean days."""
    for home in homes():
        for hour in range(28 * 24, 56 * 24, 45):
            now = home.starts_at + timedelta(hours=hour)
            seen_kwh = home.energy_kwh[hour - history_days * 24 : hour]
            register = metered(seen_kwh, until=now)
            for days in (1, 3, 8):
                balance_kwh = days * float(home.energy_kwh[hour - 28 * 24 : hour].mean()) * 24
                made = forecast(
                    register.at.astype("datetime64[s]"),
                    register.register_kwh,
                    balance_kwh,
                    np.datetime64(int(now.timestamp()), "s"),
                    tz_offset_hours=home.offset_hours,
                )
                start = np.datetime64(int(now.timestamp()), "s")
                quantiles = [float((made[name] - start).astype(int)) / 3600 for name in ("p10", "p50", "p90")]
                total_kwh = np.cumsum(home.energy_kwh[hour:])
                true = float(np.searchsorted(total_kwh, balance_kwh)) + 0.5
                yield Case(true, *quantiles, last_day=balance_kwh / max(float(seen_kwh[-24:].mean()), 1e-3))


@pytest.mark.parametrize(("history_days", "gain"), [(7, 0.85), (28, 0.8)])
def test_the_median_errs_less_than_the_last_day_s_rate(history_days: int, gain: float) -> None:
    found = list(cases(history_days=history_days))
    error = sum(abs(case.p50 - case.true) for case in found)
    assert error < gain * sum(abs(case.last_day - case.true) for case in found)


@pytest.mark.parametrize("history_days", [1, 7, 28])
def test_the_band_holds_about_four_of_five(history_days: int) -> None:
    found = list(cases(history_days=history_days))
    held = np.mean([case.p10 <= case.true <= case.p90 for case in found])
    assert 0.65 <= held <= 0.95
