"""Register histories to forecast from: made up, and of three real homes."""

import csv
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from forecasting.depletion import RegisterHistory

NOW = datetime(2025, 6, 16, 9, tzinfo=UTC)

_HOMES = {
    "lcl_000044": (datetime(2013, 3, 4, tzinfo=UTC), 0),
    "sgsc_10014582": (datetime(2013, 6, 3, tzinfo=UTC), 10),
    "ihepc_1": (datetime(2009, 2, 2, tzinfo=UTC), 1),
}


@dataclass(frozen=True, slots=True)
class Home:
    name: str
    starts_at: datetime
    offset_hours: float
    energy_kwh: NDArray[np.float64]


def homes() -> list[Home]:
    with (Path(__file__).parent / "data" / "three_homes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [Home(name, at, hours, np.array([float(row[name]) for row in rows])) for name, (at, hours) in _HOMES.items()]


def metered(energy_kwh: NDArray[np.float64], *, until: datetime = NOW, start_kwh: float = 1000.0) -> RegisterHistory:
    """The hourly register that ends at `until` and rose by `energy_kwh` each hour."""
    register_kwh = start_kwh + np.append(0.0, np.cumsum(energy_kwh))
    ages_s = 3600 * np.arange(len(energy_kwh), -1, -1)
    return RegisterHistory(at=until.timestamp() - ages_s, register_kwh=register_kwh)


def steady(*, days: float, kwh_an_hour: float = 0.5, until: datetime = NOW) -> RegisterHistory:
    return metered(np.full(round(days * 24), kwh_an_hour), until=until)


def lived_in(*, days: int, kwh_a_day: float = 12.0, seed: int = 5) -> RegisterHistory:
    """A home that sleeps at night, with days that differ by a third."""
    random = np.random.default_rng(seed)
    shape = 1 + 0.6 * np.sin(2 * np.pi * (np.arange(24) - 9) / 24)
    daily_kwh = kwh_a_day * np.exp(random.normal(0, 0.3, days))
    return metered((daily_kwh[:, None] * shape / 24 * random.gamma(3, 1 / 3, (days, 24))).ravel())
