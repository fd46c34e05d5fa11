"""The call that a scorer makes."""

import numpy as np
import pytest

from forecasting.score import forecast
from tests.forecasting.histories import NOW, steady

AT = np.datetime64(int(NOW.timestamp()), "s")


def test_it_answers_in_numpy_s_instants_and_hours() -> None:
    history = steady(days=28)
    made = forecast(history.at.astype("datetime64[s]"), history.register_kwh, 60.0, AT, tz_offset_hours=5.5)
    assert AT < made["p10"] < made["p50"] < made["p90"]
    assert (made["p50"] - AT) / np.timedelta64(1, "h") == pytest.approx(120, rel=0.05)
    assert len(made["hourly_kwh"]) == 168


@pytest.mark.parametrize(("kwh_an_hour", "points"), [(0.0, 100), (0.5, 1)])
def test_what_is_not_known_lies_at_the_horizon(kwh_an_hour: float, points: int) -> None:
    history = steady(days=5, kwh_an_hour=kwh_an_hour)
    at, register_kwh = history.at[-points:].astype("datetime64[s]"), history.register_kwh[-points:]
    made = forecast(at, register_kwh, 60.0, AT, tz_offset_hours=0)
    assert made["p90"] == AT + np.timedelta64(90, "D")
