"""When units run out, and what the days and hours ahead will use."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from forecasting.depletion import DepletionForecast, RegisterHistory, forecast_depletion
from tests.forecasting.histories import NOW, lived_in, metered, steady

LAGOS = ZoneInfo("Africa/Lagos")
BERLIN = ZoneInfo("Europe/Berlin")


def forecast(history: RegisterHistory, *, balance_kwh: float = 60, now: datetime = NOW) -> DepletionForecast:
    made = forecast_depletion(history, balance_kwh=balance_kwh, now=now, time_zone=LAGOS)
    assert made is not None
    return made


def instants(made: DepletionForecast) -> list[datetime | None]:
    return [made.depletes_at_p10, made.depletes_at_p50, made.depletes_at_p90]


def hours_ahead(made: DepletionForecast) -> list[float]:
    """P10, P50 and P90 in hours; the horizon and a bit where there is none."""
    return [(at - made.made_at) / timedelta(hours=1) if at else 90 * 24 + 1 for at in instants(made)]


def test_a_steady_home_runs_out_when_its_units_are_used() -> None:
    made = forecast(steady(days=30), balance_kwh=60)
    p10, p50, p90 = hours_ahead(made)
    assert p50 == pytest.approx(120, rel=0.05)
    assert p10 < p50 < p90
    assert made.days_left == pytest.approx(p50 / 24)
    assert (made.method, made.history_days, made.made_at, made.data_up_to) == ("PROFILE", 30, NOW, NOW)


def test_a_lived_in_home_s_bands_are_wider_than_a_steady_one_s() -> None:
    steady_p10, _, steady_p90 = hours_ahead(forecast(steady(days=60), balance_kwh=84))
    p10, p50, p90 = hours_ahead(forecast(lived_in(days=60), balance_kwh=84))
    assert p50 == pytest.approx(168, rel=0.25)
    assert p90 - p10 > 1.3 * (steady_p90 - steady_p10)


def test_below_one_day_it_is_learning_with_wide_bands() -> None:
    whole = lived_in(days=28)
    learning = forecast(RegisterHistory(at=whole.at[-13:], register_kwh=whole.register_kwh[-13:]))
    known = forecast(whole)
    assert (learning.method, known.method) == ("LEARNING", "PROFILE")
    assert learning.history_days == 0.5
    widths = [p90 / p10 for p10, _, p90 in map(hours_ahead, (learning, known))]
    assert widths[0] > 1.3 * widths[1]


def test_two_readings_a_minute_apart_are_enough_to_begin() -> None:
    history = RegisterHistory(at=NOW.timestamp() - np.array([60.0, 0.0]), register_kwh=np.array([7.0, 7.01]))
    made = forecast(history)
    assert made.method == "LEARNING"
    assert all(np.isfinite(hours_ahead(made)))


@pytest.mark.parametrize("points", [0, 1])
def test_nothing_is_known_before_two_readings(points: int) -> None:
    history = RegisterHistory(at=np.full(points, NOW.timestamp()), register_kwh=np.full(points, 5.0))
    assert forecast_depletion(history, balance_kwh=10, now=NOW, time_zone=LAGOS) is None


def test_without_any_usage_it_never_runs_out() -> None:
    made = forecast(steady(days=5, kwh_an_hour=0))
    assert instants(made) == [None, None, None]
    assert made.days_left is None
    assert made.daily.p90_kwh == [0] * 30
    assert made.hourly.p90_kwh == [0] * 168


@pytest.mark.parametrize("balance_kwh", [0, -3.5])
@pytest.mark.parametrize("kwh_an_hour", [0, 0.5])
def test_a_used_up_balance_has_run_out_now(balance_kwh: float, kwh_an_hour: float) -> None:
    made = forecast(steady(days=5, kwh_an_hour=kwh_an_hour), balance_kwh=balance_kwh)
    assert instants(made) == [NOW, NOW, NOW]
    assert made.days_left == 0


def test_beyond_ninety_days_there_is_no_instant() -> None:
    made = forecast(steady(days=28), balance_kwh=12 * 92)
    assert made.depletes_at_p10
    assert made.depletes_at_p90 is None
    assert instants(forecast(steady(days=28), balance_kwh=1e308)) == [None, None, None]


def test_a_silent_meter_goes_on_using() -> None:
    silent_since = NOW - timedelta(days=2)
    history = steady(days=30, until=silent_since)
    at_now = forecast_depletion(history, balance_kwh=60, now=NOW, time_zone=LAGOS)
    at_reading = forecast_depletion(history, balance_kwh=60, now=NOW, time_zone=LAGOS, balance_at=silent_since)
    assert at_now
    assert at_reading
    assert at_now.data_up_to == at_reading.data_up_to == silent_since
    assert at_now.days_left == pytest.approx(5, rel=0.05)
    assert at_reading.days_left == pytest.approx(3, rel=0.1)
    assert at_reading.daily.p50_kwh == pytest.approx(at_now.daily.p50_kwh, rel=0.05)


def test_units_that_should_be_gone_run_out_now() -> None:
    silent_since = NOW - timedelta(days=20)
    made = forecast_depletion(
        steady(days=30, until=silent_since), balance_kwh=24, now=NOW, time_zone=LAGOS, balance_at=silent_since
    )
    assert made
    assert instants(made) == [NOW, NOW, NOW]


def test_readings_of_the_future_do_not_count() -> None:
    history = steady(days=10, until=NOW + timedelta(hours=5))
    assert forecast(history).data_up_to == NOW


@pytest.mark.parametrize("balance_kwh", [float("nan"), float("inf")])
def test_a_balance_that_is_no_number_is_an_error(balance_kwh: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        forecast(steady(days=1), balance_kwh=balance_kwh)


def test_an_instant_without_time_zone_is_an_error() -> None:
    with pytest.raises(ValueError, match="time zone"):
        forecast(steady(days=1), now=datetime(2025, 6, 1))  # noqa: DTZ001 - the error


def test_days_are_the_next_thirty_local_ones() -> None:
    made = forecast_depletion(lived_in(days=40), balance_kwh=60, now=NOW, time_zone=BERLIN)
    assert made
    assert len(made.daily.starts_at) == len(made.daily.p50_kwh) == 30
    assert made.daily.starts_at[0] == datetime(2025, 6, 16, 22, tzinfo=UTC)
    assert sum(made.daily.p50_kwh) == pytest.approx(360, rel=0.25)


@pytest.mark.parametrize(("now", "longer"), [((2025, 3, 28), -1), ((2025, 10, 24), 1)])
def test_a_local_day_of_23_or_25_hours_uses_an_hour_less_or_more(now: tuple[int, int, int], longer: int) -> None:
    at = datetime(*now, 12, tzinfo=UTC)
    made = forecast_depletion(steady(days=60, until=at), balance_kwh=60, now=at, time_zone=BERLIN)
    assert made
    before, changed, after = made.daily.p50_kwh[:3]
    assert changed - (before + after) / 2 == pytest.approx(0.5 * longer, abs=0.15)


def test_hours_are_the_next_168_and_follow_the_day_s_shape() -> None:
    history = lived_in(days=60)
    made = forecast(history)
    assert made.hourly.starts_at[0] == NOW
    assert len(made.hourly.starts_at) == len(made.hourly.p10_kwh) == 168
    usual_kwh = np.diff(history.register_kwh).reshape(60, 24).mean(axis=0)
    coming_kwh = np.array(made.hourly.p50_kwh).reshape(7, 24).mean(axis=0)
    assert np.corrcoef(usual_kwh, coming_kwh)[0, 1] > 0.95


def test_the_same_readings_give_the_same_forecast() -> None:
    assert forecast(lived_in(days=20)) == forecast(lived_in(days=20))


usages = st.lists(st.floats(0, 20).map(lambda kwh: round(kwh, 3)), min_size=1, max_size=24 * 9)


@settings(max_examples=150, deadline=None)
@given(usage_kwh=usages, balance_kwh=st.floats(-10, 1e5, allow_subnormal=False), start_kwh=st.floats(0, 1e6))
def test_whatever_was_used_the_bands_are_ordered_and_finite(
    usage_kwh: list[float], balance_kwh: float, start_kwh: float
) -> None:
    made = forecast(metered(np.array(usage_kwh), start_kwh=start_kwh), balance_kwh=balance_kwh)
    p10, p50, p90 = hours_ahead(made)
    assert 0 <= p10 <= p50 <= p90
    for usage in (made.daily, made.hourly):
        columns = np.array([usage.p10_kwh, usage.p50_kwh, usage.p90_kwh])
        assert np.isfinite(columns).all()
        assert (columns >= 0).all()
        assert (np.diff(columns, axis=0) >= 0).all()


@settings(max_examples=60, deadline=None)
@given(usage_kwh=usages, balances_kwh=st.lists(st.floats(-10, 1e4), min_size=2, max_size=6))
@example(usage_kwh=[20.0] * 48, balances_kwh=[0.0, 5e-324, 1e-9])
def test_more_units_never_run_out_earlier(usage_kwh: list[float], balances_kwh: list[float]) -> None:
    history = metered(np.array(usage_kwh))
    found = [hours_ahead(forecast(history, balance_kwh=balance)) for balance in sorted(balances_kwh)]
    assert (np.diff(found, axis=0) >= -1e-6).all()


@settings(max_examples=60, deadline=None)
@given(
    usage_kwh=st.lists(st.floats(0.01, 20), min_size=2, max_size=24 * 9),
    balance_kwh=st.floats(0.1, 1e3),
    times=st.floats(0.1, 100),
)
def test_the_unit_of_energy_does_not_matter(usage_kwh: list[float], balance_kwh: float, times: float) -> None:
    usage = np.array(usage_kwh)
    plain = forecast(metered(usage), balance_kwh=balance_kwh)
    scaled = forecast(metered(usage * times), balance_kwh=balance_kwh * times)
    assert hours_ahead(scaled) == pytest.approx(hours_ahead(plain), rel=1e-6, abs=1e-3)


@settings(max_examples=60, deadline=None)
@given(usage_kwh=st.lists(st.floats(0.01, 20), min_size=2, max_size=24 * 9), start_kwh=st.floats(0, 1e5))
def test_where_the_register_starts_does_not_matter(usage_kwh: list[float], start_kwh: float) -> None:
    usage = np.array(usage_kwh)
    moved = forecast(metered(usage, start_kwh=start_kwh))
    assert hours_ahead(moved) == pytest.approx(hours_ahead(forecast(metered(usage, start_kwh=0))), rel=1e-6, abs=1e-3)


@given(at=st.integers(1, 24 * 9))
def test_a_reset_of_the_register_leaves_the_forecast_near(at: int) -> None:
    history = lived_in(days=10)
    register_kwh = history.register_kwh.copy()
    register_kwh[at:] -= register_kwh[at]
    reset = RegisterHistory(at=history.at, register_kwh=register_kwh)
    _, before, _ = hours_ahead(forecast(history))
    _, after, _ = hours_ahead(forecast(reset))
    assert after == pytest.approx(before, rel=0.15)
