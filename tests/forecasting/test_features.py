"""What a model is told of a home."""

from datetime import UTC

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.features import FEATURES, KNOT_HOURS, feature_rows
from forecasting.hours import HourlyUsage
from forecasting.outlook import Outlook, outlook

ENDS_AT_S = 1_750_064_400.0


def home(hours: int, *, seed: int = 1, kwh: float = 0.5) -> HourlyUsage:
    energy_kwh = kwh * np.random.default_rng(seed).gamma(2, 0.5, hours)
    return usage_of(energy_kwh)


def usage_of(energy_kwh: np.ndarray) -> HourlyUsage:
    hours = len(energy_kwh)
    return HourlyUsage(ENDS_AT_S, 3600.0 * hours, energy_kwh, np.ones(hours))


def outlook_of(usage: HourlyUsage) -> Outlook:
    expected = outlook(usage, starts_at_s=ENDS_AT_S, time_zone=UTC)
    assert expected
    return expected


def rows_of(*usages: HourlyUsage) -> np.ndarray:
    return feature_rows(usages, outlooks=[outlook_of(usage) for usage in usages])


def column(rows: np.ndarray, name: str) -> np.ndarray:
    return rows[..., FEATURES.index(name)]


def test_every_horizon_has_a_row_of_every_feature() -> None:
    rows = rows_of(home(700), home(24))
    assert rows.shape == (2, len(KNOT_HOURS), len(FEATURES))
    assert len(set(FEATURES)) == len(FEATURES)
    assert np.isfinite(rows[0][KNOT_HOURS <= 168]).mean() > 0.9


@pytest.mark.parametrize("hours", [1, 5, 24, 100, 700, 4320])
def test_a_home_s_size_does_not_matter(hours: int) -> None:
    small, large = rows_of(home(hours, kwh=0.1)), rows_of(home(hours, kwh=3.0))
    assert small == pytest.approx(large, rel=1e-6, abs=1e-9, nan_ok=True)


def test_each_home_is_seen_as_if_it_were_alone() -> None:
    usages = [home(hours, seed=hours) for hours in (1, 7, 24, 30, 170, 700, 2000, 4320)]
    alone = np.concatenate([rows_of(usage) for usage in usages])
    assert rows_of(*usages) == pytest.approx(alone, rel=1e-9, abs=1e-9, nan_ok=True)


def test_what_was_used_is_compared_with_what_is_expected() -> None:
    usage = home(4320)
    expected = outlook_of(usage)
    rows = feature_rows([usage], outlooks=[expected])[0]
    for knot, hours in enumerate(KNOT_HOURS.tolist()):
        expected_kwh = float(expected.total_kwh[hours])
        last_kwh = float(usage.energy_kwh[-hours:].sum())
        assert column(rows, "last_1x")[knot] == pytest.approx(np.log(last_kwh / expected_kwh))
        week_kwh = float(np.resize(usage.energy_kwh[-168:], hours).sum())
        assert column(rows, "last_period")[knot] == pytest.approx(np.log(week_kwh / expected_kwh))
        weeks_kwh = float(np.resize(usage.energy_kwh[-672:].reshape(4, 168).mean(axis=0), hours).sum())
        assert column(rows, "mean_period")[knot] == pytest.approx(np.log(weeks_kwh / expected_kwh))


def test_windows_of_the_horizon_s_length_are_ranked() -> None:
    usage = home(4320)
    expected = outlook_of(usage)
    rows = feature_rows([usage], outlooks=[expected])[0]
    total_kwh = np.append(0.0, np.cumsum(usage.energy_kwh))
    for knot in (0, 8, 15):
        hours = int(KNOT_HOURS[knot])
        ends = np.arange(4320, 4320 - 1008, -6)
        sums = [total_kwh[end] - total_kwh[end - hours] for end in ends if end - hours >= 4320 - 1008]
        wanted = np.log(np.quantile(sums, [0.1, 0.5, 0.9]) / expected.total_kwh[hours])
        found = [column(rows, f"six_weeks_{name}")[knot] for name in ("p10", "p50", "p90")]
        assert found == pytest.approx(wanted, abs=1e-5)


def test_what_a_short_history_cannot_tell_is_missing() -> None:
    rows = rows_of(home(30))
    assert np.isnan(column(rows, "last_48h")).all()
    assert np.isfinite(column(rows, "last_24h")).all()
    assert np.isnan(column(rows, "last_1x")[:, KNOT_HOURS > 30]).all()
    assert np.isnan(column(rows, "variation_7d")).all()


def test_absences_are_told_from_days_at_home() -> None:
    usage = home(24 * 60)
    usage.energy_kwh[24 * 20 : 24 * 30] = 0.0
    usage.energy_kwh[24 * 57 :] = 0.02
    rows = rows_of(usage)
    told = {name: float(column(rows, name)[0, 0]) for name in FEATURES}
    assert (told["away_7d"], told["away_28d"], told["away_180d"]) == pytest.approx((3 / 7, 3 / 28, 13 / 60))
    assert told["leaves"] == pytest.approx(2 / 60)
    assert np.expm1([told["since_away"], told["since_home"], told["longest_away"]]) == pytest.approx([0, 3, 10])
    assert told["at_home_level"] == pytest.approx(np.log(0.5 / outlook_of(usage).level_kwh), abs=0.1)


def test_absences_of_a_home_known_for_four_days_are_missing() -> None:
    rows = rows_of(home(24 * 4), home(24 * 60))
    assert np.isnan(column(rows[:1], "away_7d")).all()
    assert np.isnan(column(rows[:1], "since_home")).all()


def test_hours_that_are_spread_between_readings_are_seen_as_flat() -> None:
    spread = np.repeat(np.random.default_rng(2).gamma(2, 6, 28), 24) / 24
    assert column(rows_of(usage_of(spread)), "flat")[0, 0] > 0.9
    assert column(rows_of(home(672)), "flat")[0, 0] == 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.just(0.0), st.floats(0, 50)), min_size=1, max_size=400))
def test_no_usage_gives_anything_but_numbers_or_nan(energy_kwh: list[float]) -> None:
    usage = usage_of(np.array(energy_kwh))
    expected = outlook(usage, starts_at_s=ENDS_AT_S, time_zone=UTC)
    if expected:
        assert not np.isinf(feature_rows([usage], outlooks=[expected])).any()
