"""How far usage and time may depart from what is expected."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from forecasting.band_tables import DAY_BANDS, HOUR_BANDS, TIME_BANDS
from forecasting.bands import Band, BandTable, band, duration_quantiles, interpolation, usage_quantiles
from forecasting.steadiness import SIGNS

TABLES = [TIME_BANDS, DAY_BANDS, HOUR_BANDS]
COMMON_HOME = np.zeros(len(SIGNS))


@pytest.mark.parametrize("table", TABLES)
def test_the_tables_have_a_row_for_each_history_and_sign(table: BandTable) -> None:
    histories, horizons = len(table.history_hours), len(table.horizon_hours)
    assert table.common.shape == (3, histories, horizons)
    assert table.slopes.shape == (3, len(SIGNS), horizons)
    assert (np.diff(table.history_hours) > 0).all()
    assert (np.diff(table.horizon_hours) > 0).all()


@pytest.mark.parametrize("table", TABLES)
def test_a_common_home_s_bands_narrow_as_history_grows(table: BandTable) -> None:
    low, _, high = table.common.mean(axis=2)
    widths = high - low
    assert widths[0] > widths[4] > widths[-1]


def test_an_unsteady_home_s_bands_are_wider() -> None:
    unsteady = COMMON_HOME.copy()
    unsteady[0] = unsteady[1] = 1.0
    for table in TABLES[:2]:
        common = band(table, history_hours=672, signs=COMMON_HOME).log_ratios
        wide = band(table, history_hours=672, signs=unsteady).log_ratios
        assert ((wide[2] - wide[0]) > (common[2] - common[0])).all()


def test_a_table_s_own_rows_are_read_back_and_the_ends_stand() -> None:
    knots = np.array([1.0, 10.0, 100.0])
    assert interpolation(np.array([1.0, 10.0, 100.0]), knots=knots) == pytest.approx(np.eye(3))
    assert interpolation(np.array([0.0, 1e9]), knots=knots) == pytest.approx(np.eye(3)[[0, 2]])
    assert interpolation(np.array([10**0.5]), knots=knots)[0] == pytest.approx([0.5, 0.5, 0])


def test_a_time_is_stretched_by_the_quantiles() -> None:
    ratios = np.log(np.array([0.5, 1.0, 2.0]))[:, None] * np.ones(len(TIME_BANDS.horizon_hours))
    own = Band(TIME_BANDS.horizon_hours, ratios)
    for hours in (0.1, 12, 100, 5000):
        assert duration_quantiles(own, expected_hours=hours) == pytest.approx([hours / 2, hours, hours * 2])


def test_usage_is_stretched_by_the_quantiles() -> None:
    ratios = np.log(np.array([0.5, 1.0, 2.0]))[:, None] * np.ones(len(DAY_BANDS.horizon_hours))
    own = Band(DAY_BANDS.horizon_hours, ratios)
    kwh = usage_quantiles(own, expected_kwh=np.array([3.0, 5.0]), horizon_hours=np.array([20.0, 99.0]))
    assert kwh == pytest.approx(np.array([[1.5, 2.5], [3, 5], [6, 10]]))


@given(
    ratios=hnp.arrays(float, (3, len(TIME_BANDS.horizon_hours)), elements=st.floats(-6, 6)),
    hours=st.lists(st.floats(1e-3, 1e5), min_size=2, max_size=10),
)
def test_longer_expected_times_never_give_shorter_ones(ratios: np.ndarray, hours: list[float]) -> None:
    own = Band(TIME_BANDS.horizon_hours, np.sort(ratios, axis=0))
    found = [duration_quantiles(own, expected_hours=h) for h in sorted(hours)]
    assert (np.diff(found, axis=0) >= -1e-9 * np.array(found[1:])).all()
    assert (np.diff(found, axis=1) >= 0).all()


@given(
    history_hours=st.floats(0.01, 1e5),
    signs=hnp.arrays(float, len(SIGNS), elements=st.floats(-4, 4)),
    table=st.sampled_from(TABLES),
)
def test_quantiles_ascend_whatever_the_home(history_hours: float, signs: np.ndarray, table: BandTable) -> None:
    ratios = band(table, history_hours=history_hours, signs=signs).log_ratios
    assert np.isfinite(ratios).all()
    assert (np.diff(ratios, axis=0) >= 0).all()
