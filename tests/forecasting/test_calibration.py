"""How the tables of bands are made."""

from typing import Any

import numpy as np

from bench.calibrate_bands import QUANTILES, Tables, hours_until_used, printed, quantile_regression
from forecasting import band_tables


def test_the_printed_tables_read_back_as_they_were() -> None:
    tables = Tables(band_tables.POPULATION_SHAPE, band_tables.TIME_BANDS, band_tables.DAY_BANDS, band_tables.HOUR_BANDS)
    module: dict[str, Any] = {}
    exec(printed(tables), module)  # noqa: S102 - our own text
    assert (module["POPULATION_SHAPE"] == tables.population_shape).all()
    for name, table in (("TIME_BANDS", tables.time), ("DAY_BANDS", tables.day), ("HOUR_BANDS", tables.hour)):
        for field in ("history_hours", "horizon_hours", "common", "slopes"):
            assert (getattr(module[name], field) == getattr(table, field)).all()


def test_the_regression_finds_the_quantiles_of_each_group() -> None:
    groups = np.array([1.0, 5.0])
    target = np.random.default_rng(2).normal(size=(4000, 2)) * [1, 3] + groups
    design = np.tile(np.eye(2), (4000, 1))
    for quantile in QUANTILES:
        found = quantile_regression(design, target=target.ravel(), quantile=quantile)
        assert np.abs(found - np.quantile(target, quantile, axis=0)).max() < 0.05


def test_units_are_used_up_within_an_hour_in_a_straight_line() -> None:
    assert hours_until_used(np.array([1.0, 2.0, 4.0]), balance_kwh=2.0) == 1.5
    assert hours_until_used(np.array([1.0, 2.0]), balance_kwh=9.0) == 2.0
