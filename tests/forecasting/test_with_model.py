"""The forecast with the model that comes along: what holds whatever it has learnt, and how it does in hard cases."""

from datetime import timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.depletion import (
    DepletionForecast,
    DepletionQuestion,
    RegisterHistory,
    forecast_depletion,
    forecast_depletions,
    forecast_usage,
)
from forecasting.folds import answers
from forecasting.homes import shipped_homes
from forecasting.model import load_model
from forecasting.scoring import Case, figures, of_history, read_cases
from forecasting.trained import DepletionModel
from forecasting.widening import Widening
from tests.forecasting.histories import NOW, lived_in, metered, steady

LAGOS = ZoneInfo("Africa/Lagos")
FAR_HOURS = 90 * 24 + 1


@cache
def model() -> DepletionModel:
    return load_model()


def forecast(history: RegisterHistory, *, balance_kwh: float = 60, **more: object) -> DepletionForecast:
    made = forecast_depletion(
        history,
        balance_kwh=balance_kwh,
        now=NOW,
        time_zone=LAGOS,
        model=model(),
        **more,
    )
    assert made
    return made


def hours_ahead(made: DepletionForecast) -> list[float]:
    told = (made.depletes_at_p10, made.depletes_at_p50, made.depletes_at_p90)
    return [(at - made.made_at) / timedelta(hours=1) if at else FAR_HOURS for at in told]


def width(made: DepletionForecast) -> float:
    p10, _, p90 = hours_ahead(made)
    return float(np.log(p90 / p10))


def newest(history: RegisterHistory, *, hours: int) -> RegisterHistory:
    return RegisterHistory(at=history.at[-hours - 1 :], register_kwh=history.register_kwh[-hours - 1 :])


@pytest.mark.parametrize(("hours", "method"), [(12, "LEARNING"), (23, "LEARNING"), (24, "MODEL"), (28 * 24, "MODEL")])
def test_it_is_learning_for_a_day_and_then_goes_by_the_model(hours: int, method: str) -> None:
    assert forecast(newest(lived_in(days=28), hours=hours)).method == method


def test_a_cold_start_s_band_is_wide_and_narrows_with_history() -> None:
    whole = lived_in(days=180)
    widths = [width(forecast(newest(whole, hours=hours), balance_kwh=84)) for hours in (2, 6, 24, 168, 4320)]
    assert widths[0] > 1.5 * widths[3]
    assert widths[1] > widths[2] > widths[3]
    assert widths[4] < 1.1 * widths[3]


def test_many_questions_are_answered_as_each_alone() -> None:
    histories = [newest(lived_in(days=180, seed=seed), hours=hours) for seed, hours in enumerate((3, 30, 700, 4320))]
    questions = [
        *(DepletionQuestion(each, 50.0, NOW, LAGOS) for each in histories),
        DepletionQuestion(steady(days=5, kwh_an_hour=0), 5.0, NOW, LAGOS),
        DepletionQuestion(newest(histories[0], hours=0), 5.0, NOW, LAGOS),
    ]
    together = forecast_depletions(questions, model=model())
    for question, made in zip(questions[:4], together, strict=False):
        assert made
        assert hours_ahead(made) == pytest.approx(hours_ahead(forecast(question.history, balance_kwh=50)), rel=1e-6)
    assert together[4]
    assert together[4].depletes_at_p10 is None
    assert together[5] is None


def test_using_less_lasts_longer() -> None:
    history = lived_in(days=60)
    usual, thrifty = forecast(history, balance_kwh=80), forecast(history, balance_kwh=80, usage_factor=0.8)
    more = forecast(history, balance_kwh=100)
    assert hours_ahead(thrifty) == pytest.approx(hours_ahead(more))
    assert thrifty.daily.p50_kwh == pytest.approx([0.8 * kwh for kwh in usual.daily.p50_kwh])


def test_using_less_changes_nothing_of_what_was_used_since_the_reading() -> None:
    silent_since = NOW - timedelta(days=2)
    history = steady(days=30, until=silent_since)
    usual = forecast(history, balance_at=silent_since)
    half = forecast(history, balance_at=silent_since, usage_factor=0.5)
    assert half.days_left == pytest.approx(2 * (usual.days_left or 0), rel=0.06)


def test_a_widened_forecast_keeps_its_median() -> None:
    history = lived_in(days=60)
    plain, wide = forecast(history), forecast(history, widening=Widening(lower=2.0, upper=1.5))
    assert plain.depletes_at_p50 == wide.depletes_at_p50
    before, after = np.log(hours_ahead(plain)), np.log(hours_ahead(wide))
    assert after - after[1] == pytest.approx((before - before[1]) * [2.0, 1.0, 1.5], abs=1e-5)


def test_usage_until_an_instant_is_the_other_side_of_the_depletion_forecast() -> None:
    history = lived_in(days=90)
    until = NOW + timedelta(days=13)
    used = forecast_usage(history, now=NOW, until=until, time_zone=LAGOS, model=model())
    assert used
    assert used.p10_kwh < used.p50_kwh < used.p90_kwh
    assert used.p50_kwh == pytest.approx(12 * 13, rel=0.25)
    for kwh, quantile in ((used.p90_kwh, 0), (used.p50_kwh, 1), (used.p10_kwh, 2)):
        assert hours_ahead(forecast(history, balance_kwh=kwh))[quantile] == pytest.approx(13 * 24, rel=1e-3)


def test_no_usage_is_forecast_where_none_was_or_nothing_is_known() -> None:
    until = NOW + timedelta(days=9)
    nothing = forecast_usage(steady(days=5, kwh_an_hour=0), now=NOW, until=until, time_zone=LAGOS, model=model())
    assert nothing
    assert (nothing.p10_kwh, nothing.p50_kwh, nothing.p90_kwh) == (0, 0, 0)
    alone = newest(steady(days=1), hours=0)
    assert forecast_usage(alone, now=NOW, until=until, time_zone=LAGOS, model=model()) is None
    with pytest.raises(ValueError, match="not after"):
        forecast_usage(alone, now=NOW, until=NOW, time_zone=LAGOS)


def test_a_home_whose_people_left_may_last_long_but_need_not() -> None:
    """Two days on standby after weeks of use: they may be back tomorrow."""
    used_kwh = np.diff(lived_in(days=60).register_kwh)
    left = used_kwh.copy()
    left[-48:] = 0.05
    home, away = forecast(metered(used_kwh), balance_kwh=84), forecast(metered(left), balance_kwh=84)
    assert hours_ahead(away)[1] > 1.15 * hours_ahead(home)[1]
    assert width(away) > 1.3 * width(home)
    assert hours_ahead(away)[0] < 1.6 * hours_ahead(home)[1]


def test_a_quiet_first_night_promises_no_months_but_quiet_weeks_do() -> None:
    quiet = steady(days=60, kwh_an_hour=0.02)
    night, weeks = forecast(newest(quiet, hours=6), balance_kwh=84), forecast(quiet, balance_kwh=84)
    assert hours_ahead(night)[1] < 60 * 24
    assert weeks.depletes_at_p50 is None


def test_readings_a_week_apart_are_enough() -> None:
    weekly = steady(days=56)
    history = RegisterHistory(at=weekly.at[:: 7 * 24], register_kwh=weekly.register_kwh[:: 7 * 24])
    made = forecast(history)
    assert made.method == "MODEL"
    assert hours_ahead(made)[1] == pytest.approx(120, rel=0.1)


usages = st.lists(st.one_of(st.just(0.0), st.floats(0, 20)), min_size=1, max_size=24 * 9)


@settings(max_examples=40, deadline=None)
@given(usage_kwh=usages, balances_kwh=st.lists(st.floats(-10, 1e4), min_size=2, max_size=5))
def test_bands_are_ordered_and_more_units_never_run_out_earlier(
    usage_kwh: list[float], balances_kwh: list[float]
) -> None:
    history = metered(np.array(usage_kwh))
    found = np.array([hours_ahead(forecast(history, balance_kwh=kwh)) for kwh in sorted(balances_kwh)])
    assert (np.diff(found, axis=1) >= 0).all()
    assert (np.diff(found, axis=0) >= -1e-6 * found[1:]).all()


@settings(max_examples=30, deadline=None)
@given(usage_kwh=usages, factor=st.sampled_from([0.125, 2.0, 32.0]))
def test_twice_the_usage_and_twice_the_units_give_the_same_times(usage_kwh: list[float], factor: float) -> None:
    usage = np.array(usage_kwh)
    plain = forecast(metered(usage, start_kwh=0))
    scaled = forecast(metered(factor * usage, start_kwh=0), balance_kwh=60 * factor)
    assert hours_ahead(scaled) == pytest.approx(hours_ahead(plain), rel=1e-6)


@cache
def some_cases() -> list[Case]:
    return read_cases(shipped_homes())[::7]


@pytest.mark.parametrize(
    ("history", "most_wql"),
    [("6h", 29), ("1d", 18), ("7d", 13), ("28d", 12), ("28d-irregular", 12), ("28d-weekly", 14), ("180d", 11.5)],
)
def test_homes_that_it_knows_are_forecast_well(history: str, most_wql: float) -> None:
    cases = of_history(some_cases(), history=history)
    found = answers(model(), cases=cases, history=history)
    result = figures(cases, quantile_hours=found.quantile_hours, hourly_kwh=list(found.hourly_kwh))
    assert result.wql < most_wql
    assert 72 <= result.held <= 91
    assert max(result.early, result.late) < 17
