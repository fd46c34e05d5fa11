"""Turns cases with a known outcome, and forecasts for them, into figures of how good these are."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecasting.homes import HOUSEHOLDS
from forecasting.hours import HOUR_S, Floats, RegisterHistory
from forecasting.training_rows import TrainingHome

HISTORY_HOURS = {
    "6h": 6,
    "12h": 12,
    "1d": 24,
    "3d": 72,
    "7d": 168,
    "28d": 672,
    "28d-irregular": 672,
    "28d-weekly": 672,
    "180d": 4320,
}
"""The lengths of history that are shown, with a reading every hour.

`28d-irregular` has 30 % of its readings, and an outage of 36 hours; `28d-weekly` has one every 7 days, the last of
them at the instant of the case.
"""

CAP_HOURS = 1080.0
QUANTILES = (0.1, 0.5, 0.9)

_MASE_HOURS, _SEASON_HOURS, _SCALE_HOURS = 168, 168, 672
_LEAST_HOURS = 0.1
_SEED = 2026


@dataclass(frozen=True, slots=True)
class Case:
    """A home at the start of `hour` (counted from the first of its data) that holds `balance_kwh`.

    `true_hours` is how long that lasted, at most 1080. `has_half_year` says whether 180 unbroken days come before.
    """

    number: int
    home: TrainingHome
    hour: int
    balance_kwh: float
    true_hours: float
    has_half_year: bool

    @property
    def now(self) -> datetime:
        """When the question is asked."""
        return datetime.fromtimestamp(self.home.starts_at_s + HOUR_S * self.hour, tz=UTC)

    def seen_kwh(self, history: str) -> Floats:
        """The hours of the history of that name, as metered."""
        return self.home.energy_kwh[self.hour - HISTORY_HOURS[history] : self.hour]

    def ahead_kwh(self) -> Floats:
        """The 168 hours that came; nan where it is not known."""
        return self.home.energy_kwh[self.hour : self.hour + _MASE_HOURS]


@dataclass(frozen=True, slots=True)
class Figures:
    """How forecasts did, in percent but for `mase`, which is without unit; nan where no hours were forecast.

    `wape`: error of P50 in all, of the true hours in all. `wql`: the same for the whole distribution, twice the mean
    pinball loss. `held`: in how many cases P10 to P90 held the truth, `early` and `late`: it was before or after.
    `median_error`: the median of the error against the true hours. `winkler`: the width of P10 to P90, and ten times
    what lay outside. `mase`: the error of the next week's hours against the last four weeks' repeated by week.
    """

    count: int
    wape: float
    wql: float
    held: float
    early: float
    late: float
    median_error: float
    winkler: float
    mase: float


def read_cases(homes: Sequence[TrainingHome], *, folder: Path = HOUSEHOLDS) -> list[Case]:
    """The cases of these homes, in the order of the file."""
    by_name = {home.name: home for home in homes}
    with (folder / "cases.csv").open(newline="", encoding="utf-8") as file:
        return [_case(row, home=by_name[row["meter"]]) for row in csv.DictReader(file) if row["meter"] in by_name]


def _case(row: dict[str, str], *, home: TrainingHome) -> Case:
    now_s = datetime.fromisoformat(row["now_utc"]).timestamp()
    return Case(
        number=int(row["case_id"]),
        home=home,
        hour=round((now_s - home.starts_at_s) / HOUR_S),
        balance_kwh=float(row["balance_kwh"]),
        true_hours=float(row["true_hours"]),
        has_half_year=row["has180"] == "1",
    )


def of_history(cases: Sequence[Case], *, history: str) -> list[Case]:
    """The cases that can be shown that history."""
    return [case for case in cases if case.has_half_year or HISTORY_HOURS[history] <= _SCALE_HOURS]


def shown(case: Case, *, history: str) -> RegisterHistory:
    """The register readings that a forecaster is given."""
    hours = HISTORY_HOURS[history]
    register_kwh = 1000.0 + np.append(0.0, np.cumsum(case.seen_kwh(history)))
    at_s = case.now.timestamp() - HOUR_S * np.arange(hours, -1, -1)
    kept = _kept(hours, history=history, number=case.number)
    return RegisterHistory(at=at_s[kept], register_kwh=register_kwh[kept])


def _kept(hours: int, *, history: str, number: int) -> NDArray[np.bool_]:
    """Which of the readings are shown; the first and the last always are."""
    if history.endswith("weekly"):
        return np.arange(hours, -1, -1) % _SEASON_HOURS == 0
    if not history.endswith("irregular"):
        return np.ones(hours + 1, dtype=np.bool_)
    random = np.random.default_rng([_SEED, number])
    kept = random.random(hours + 1) < 0.3
    start = int(random.integers(24, hours - 96))
    kept[start : start + 36] = False
    kept[[0, -1]] = True
    return kept


def figures(cases: Sequence[Case], *, quantile_hours: Floats, hourly_kwh: Sequence[Floats] | None = None) -> Figures:
    """The figures of forecasts: P10, P50 and P90 in hours `(n, 3)`, and what 168 hours or more were to use."""
    true = np.array([case.true_hours for case in cases])
    low, middle, high = np.sort(np.clip(quantile_hours, _LEAST_HOURS, CAP_HOURS), axis=1).T
    error = np.abs(middle - true)
    beyond = np.maximum(low - true, 0) + np.maximum(true - high, 0)
    pinball = sum(_pinball(true, told, share=share) for told, share in zip((low, middle, high), QUANTILES, strict=True))
    mase = [_mase(case, kwh) for case, kwh in zip(cases, hourly_kwh or [], strict=hourly_kwh is not None)]
    return Figures(
        count=len(cases),
        wape=_percent(error.sum() / true.sum()),
        wql=_percent(2 / 3 * float(pinball) / true.sum()),
        held=_percent(np.mean((true >= low) & (true <= high))),
        early=_percent(np.mean(true < low)),
        late=_percent(np.mean(true > high)),
        median_error=_percent(np.median(error / true)),
        winkler=_percent(((high - low) + 10 * beyond).sum() / true.sum()),
        mase=float(np.nanmean(mase)) if np.isfinite(mase).any() else float("nan"),
    )


def _percent(share: Any) -> float:
    return 100 * float(share)


def _pinball(true: Floats, told: Floats, *, share: float) -> float:
    return float(np.maximum(share * (true - told), (share - 1) * (true - told)).sum())


def _mase(case: Case, hourly_kwh: Floats) -> float:
    """Nan where the four weeks before or the week after are not known in full."""
    past, ahead = case.home.energy_kwh[max(case.hour - _SCALE_HOURS, 0) : case.hour], case.ahead_kwh()
    if len(past) < _SCALE_HOURS or len(ahead) < _MASE_HOURS:
        return float("nan")
    scale = float(np.mean(np.abs(past[_SEASON_HOURS:] - past[:-_SEASON_HOURS])))
    error = float(np.mean(np.abs(np.asarray(hourly_kwh)[:_MASE_HOURS] - ahead)))
    return error / scale if scale > 0 else float("nan")


def hours_after(at: datetime | None, *, now: datetime) -> float:
    """How many hours `at` is after `now`; beyond the cap where it is not known."""
    return (at - now) / timedelta(hours=1) if at else CAP_HOURS + 1
