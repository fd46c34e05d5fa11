"""Turns the household data that comes with this package into homes to train on."""

import csv
import gzip
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np

from forecasting.hours import HOUR_S, Floats
from forecasting.local_time import hours_of_day
from forecasting.training_rows import TrainingHome

HOUSEHOLDS = Path(__file__).parent / "households"
_HOUR = timedelta(hours=1)


def shipped_homes(folder: Path = HOUSEHOLDS) -> list[TrainingHome]:
    """The 89 homes of `folder`, named `source_number`; see its README.md for where they come from."""
    with (folder / "meters.csv").open(newline="", encoding="utf-8") as file:
        offsets = {row["meter"]: float(row["tz_offset_hours"]) for row in csv.DictReader(file)}
    return [home for path in sorted(folder.glob("hourly_*.csv.gz")) for home in _homes_of(path, offsets=offsets)]


def _homes_of(path: Path, *, offsets: dict[str, float]) -> list[TrainingHome]:
    with gzip.open(path, "rt", newline="", encoding="utf-8") as file:
        names, *lines = csv.reader(file)
    starts_at_s = datetime.fromisoformat(lines[0][0]).timestamp()
    columns = np.array([[float(cell) if cell else np.nan for cell in line[1:]] for line in lines]).T
    return [
        TrainingHome(name, timezone(offsets[name] * _HOUR), starts_at_s, energy_kwh)
        for name, energy_kwh in zip(names[1:], columns, strict=True)
    ]


def licences(folder: Path = HOUSEHOLDS) -> tuple[str, ...]:
    """The lines that are to be kept with any copy of the data, and with what was made of it."""
    _, kept = (folder / "README.md").read_text(encoding="utf-8").split("## Sources and licences", maxsplit=1)
    return tuple(" ".join(line.split()) for line in kept.split("\n- ")[1:])


def mean_day(homes: Sequence[TrainingHome]) -> Floats:
    """How the homes' usage spreads over the local hours of a day on average, `(24,)`, mean 1."""
    days = [_mean_day(home) for home in homes]
    mean = np.mean([day for day in days if np.isfinite(day).all()], axis=0)
    return mean / mean.mean()


def _mean_day(home: TrainingHome) -> Floats:
    known = np.flatnonzero(~np.isnan(home.energy_kwh))
    middle_s: Floats = home.starts_at_s + HOUR_S * (known.astype(np.float64) + 0.5)
    hour = hours_of_day(middle_s, time_zone=home.time_zone)
    seen = np.bincount(hour, minlength=24)
    total = np.bincount(hour, home.energy_kwh[known], 24) / np.maximum(seen, 1)
    return total / total.mean() if seen.all() and total.any() else np.full(24, np.nan)
