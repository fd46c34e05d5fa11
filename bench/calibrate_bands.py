"""Turns a folder of household data into `forecasting/band_tables.py`: `python -m bench.calibrate_bands FOLDER`.

The folder holds `meters.csv`, `hourly_*.csv.gz` and, for `--check`, `cases.csv`. From random instants of random
history lengths the untrained forecast is compared with what happened; quantile regression on hat functions gives the
quantiles of log(actual / expected). `--check` fits five times without a fifth of the meters, and scores those.
Balances are drawn from the past: 0.75 to 40 mean days, as people hold units for days to weeks.
"""

import argparse
import csv
import gzip
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np

from forecasting.bands import BandTable, interpolation
from forecasting.depletion import depletion_hours
from forecasting.hours import HOUR_S, Floats, HourlyUsage
from forecasting.outlook import Outlook, expected_hours, expected_usage, outlook
from forecasting.steadiness import SIGNS

TABLES = Path(__file__).parent.parent / "forecasting" / "band_tables.py"
HISTORY_HOURS = np.array([1, 3, 6, 12, 24, 72, 168, 672, 4320], dtype=float)
TIME_HORIZON_HOURS = np.array([12, 48, 96, 192, 384, 1080], dtype=float)
DAY_HORIZON_HOURS = np.array([18, 48, 168, 720], dtype=float)
HOUR_HORIZON_HOURS = np.array([1, 6, 24, 168], dtype=float)
QUANTILES = (0.1, 0.5, 0.9)

ORIGINS_PER_METER = 700
BALANCES_PER_ORIGIN = 2
DAYS_PER_ORIGIN = 2
HOURS_PER_ORIGIN = 4
BALANCE_DAYS = (0.75, 40.0)
SCALE_HOURS = 28 * 24
CAP_HOURS, LEAST_FUTURE_HOURS = 90 * 24, 45 * 24
LEAST_KWH_A_DAY = 0.3
MAX_LOG_RATIO = 3.0
RIDGE = 1e-5
SEED = 3
FOLDS = 5
CHECKED = {"6h": 6, "12h": 12, "1d": 24, "3d": 72, "7d": 168, "28d": 672, "180d": 4320}


@dataclass(frozen=True, slots=True)
class Meter:
    name: str
    offset_hours: float
    starts_at_s: float
    energy_kwh: Floats

    @property
    def time_zone(self) -> timezone:
        return timezone(timedelta(hours=self.offset_hours))


@dataclass(frozen=True, slots=True)
class Samples:
    """One row a comparison: history and horizon in hours, signs, and log(actual / expected)."""

    history_hours: Floats
    horizon_hours: Floats
    signs: Floats
    log_ratio: Floats


@dataclass(frozen=True, slots=True)
class Tables:
    population_shape: Floats
    time: BandTable
    day: BandTable
    hour: BandTable


def read_meters(folder: Path) -> list[Meter]:
    with (folder / "meters.csv").open(newline="") as file:
        offsets = {row["meter"]: (row["source"], float(row["tz_offset_hours"])) for row in csv.DictReader(file)}
    meters: list[Meter] = []
    for source in sorted({source for source, _ in offsets.values()}):
        names, starts_at_s, columns = read_columns(folder / f"hourly_{source}.csv.gz")
        meters += [Meter(n, offsets[n][1], starts_at_s, c) for n, c in zip(names, columns, strict=True)]
    return meters


def read_columns(path: Path) -> tuple[list[str], float, Floats]:
    with gzip.open(path, "rt", newline="") as file:
        rows = csv.reader(file)
        names = next(rows)[1:]
        lines = list(rows)
    values = np.array([[float(cell) if cell else np.nan for cell in line[1:]] for line in lines])
    return names, datetime.fromisoformat(lines[0][0]).timestamp(), values.T


def population_shape(meters: Sequence[Meter]) -> Floats:
    """The mean over meters of each one's mean local day, mean 1."""
    shapes = []
    for meter in meters:
        local_s = meter.starts_at_s + HOUR_S * np.arange(len(meter.energy_kwh)) + 3600 * meter.offset_hours
        hour = (local_s // HOUR_S).astype(int) % 24
        known = ~np.isnan(meter.energy_kwh)
        total = np.bincount(hour[known], meter.energy_kwh[known], 24) / np.bincount(hour[known], minlength=24)
        shapes.append(total / total.mean())
    mean = np.mean(shapes, axis=0)
    return mean / mean.mean()


def seen(meter: Meter, *, hour: int, history_hours: int) -> HourlyUsage:
    """The history that a forecaster has at the start of `hour`."""
    return HourlyUsage(
        ends_at_s=meter.starts_at_s + HOUR_S * hour,
        span_s=float(history_hours * HOUR_S),
        energy_kwh=meter.energy_kwh[hour - history_hours : hour],
        known_share=np.ones(history_hours),
    )


def looked_ahead(meter: Meter, *, hour: int, history_hours: int, prior: Floats) -> Outlook | None:
    usage = seen(meter, hour=hour, history_hours=history_hours)
    return outlook(usage, starts_at_s=usage.ends_at_s, time_zone=meter.time_zone, prior=prior)


def hours_until_used(energy_kwh: Floats, *, balance_kwh: float) -> float:
    """When the sum of the hours reaches the balance, straight inside the hour; their number when it never does."""
    total_kwh = np.append(0.0, np.cumsum(energy_kwh))
    after = int(np.searchsorted(total_kwh, balance_kwh))
    if after >= len(total_kwh):
        return float(len(energy_kwh))
    return after - (total_kwh[after] - balance_kwh) / (total_kwh[after] - total_kwh[after - 1])


def sampled(meters: Sequence[Meter], *, prior: Floats) -> tuple[Samples, Samples, Samples]:
    """Comparisons for times, for days and for hours."""
    rows: tuple[list[Floats], list[Floats], list[Floats]] = ([], [], [])
    for meter in meters:
        random = np.random.default_rng([SEED, zlib.crc32(meter.name.encode())])
        unknown = np.append(0, np.cumsum(np.isnan(meter.energy_kwh)))
        for hour, history_hours in origins(meter, unknown=unknown, random=random):
            expected = looked_ahead(meter, hour=hour, history_hours=history_hours, prior=prior)
            if expected is None:
                continue
            ahead = meter.energy_kwh[hour : hour + CAP_HOURS]
            ahead = ahead[: np.argmax(np.isnan(ahead))] if np.isnan(ahead).any() else ahead
            mean_kwh_a_day = meter.energy_kwh[hour - SCALE_HOURS : hour].sum() / 28
            rows[0].extend(compared_times(expected, ahead=ahead, mean_kwh_a_day=mean_kwh_a_day, random=random))
            rows[1].extend(compared_spans(expected, ahead=ahead, width=24, count=DAYS_PER_ORIGIN, random=random))
            rows[2].extend(compared_spans(expected, ahead=ahead, width=1, count=HOURS_PER_ORIGIN, random=random))
    times, days, hours = (as_samples(np.array(part)) for part in rows)
    return times, days, hours


def origins(meter: Meter, *, unknown: Floats, random: np.random.Generator) -> list[tuple[int, int]]:
    """Hours with unbroken data around them, each with a history length; fewer where the data is short."""
    found: list[tuple[int, int]] = []
    last = len(meter.energy_kwh) - LEAST_FUTURE_HOURS
    for _ in range(30 * ORIGINS_PER_METER):
        if len(found) == ORIGINS_PER_METER or last <= SCALE_HOURS:
            break
        history_hours = history_length(random)
        hour = int(random.integers(SCALE_HOURS, last))
        start = hour - max(history_hours, SCALE_HOURS)
        if start < 0 or unknown[hour + LEAST_FUTURE_HOURS] > unknown[start]:
            continue
        if meter.energy_kwh[hour - SCALE_HOURS : hour].sum() >= LEAST_KWH_A_DAY * 28:
            found.append((hour, history_hours))
    return found


def history_length(random: np.random.Generator) -> int:
    if random.random() < 0.7:
        return int(random.choice(HISTORY_HOURS))
    return int(np.exp(random.uniform(*np.log(HISTORY_HOURS[[0, -1]]))))


def compared_times(
    expected: Outlook, *, ahead: Floats, mean_kwh_a_day: float, random: np.random.Generator
) -> list[Floats]:
    rows: list[Floats] = []
    for _ in range(BALANCES_PER_ORIGIN):
        days = np.exp(random.uniform(*np.log(BALANCE_DAYS)))
        balance_kwh = days * mean_kwh_a_day * np.exp(random.normal(0, 0.15))
        hours = expected_hours(expected, energy_kwh=balance_kwh)
        actual_hours = max(hours_until_used(ahead, balance_kwh=balance_kwh), 0.1)
        rows.append(row(expected, horizon_hours=hours, log_ratio=np.log(actual_hours / hours)))
    return rows


def compared_spans(
    expected: Outlook, *, ahead: Floats, width: int, count: int, random: np.random.Generator
) -> list[Floats]:
    """Spans of `width` hours: within 30 days for days, 7 days for hours, near ones as often as far ones."""
    longest = min(len(ahead) - width, 30 * 24 if width == 24 else 167)
    rows: list[Floats] = []
    for _ in range(count):
        start = int(np.exp(random.uniform(0, np.log(longest + 1)))) - 1
        usual_kwh = expected_usage(expected, edges_hours=np.array([start, start + width], dtype=float))[0]
        ratio = ahead[start : start + width].sum() / usual_kwh
        rows.append(row(expected, horizon_hours=start + width / 2, log_ratio=np.log(max(ratio, 1e-9))))
    return rows


def row(expected: Outlook, *, horizon_hours: float, log_ratio: float) -> Floats:
    return np.array([expected.history_hours, horizon_hours, log_ratio, *expected.signs])


def as_samples(rows: Floats) -> Samples:
    bounded = np.clip(rows[:, 2], -MAX_LOG_RATIO, MAX_LOG_RATIO)
    return Samples(history_hours=rows[:, 0], horizon_hours=rows[:, 1], log_ratio=bounded, signs=rows[:, 3:])


def fitted(samples: Samples, *, horizon_hours: Floats) -> BandTable:
    history = interpolation(samples.history_hours, knots=HISTORY_HOURS)
    horizon = interpolation(samples.horizon_hours, knots=horizon_hours)
    common = (history[:, :, None] * horizon[:, None, :]).reshape(len(history), -1)
    slopes = (samples.signs[:, :, None] * horizon[:, None, :]).reshape(len(history), -1)
    design = np.hstack([common, slopes])
    weights = np.array([quantile_regression(design, target=samples.log_ratio, quantile=q) for q in QUANTILES])
    return BandTable(
        history_hours=HISTORY_HOURS,
        horizon_hours=horizon_hours,
        common=weights[:, : common.shape[1]].reshape(3, len(HISTORY_HOURS), -1),
        slopes=weights[:, common.shape[1] :].reshape(3, len(SIGNS), -1),
    )


def quantile_regression(design: Floats, *, target: Floats, quantile: float) -> Floats:
    """Weights that minimise the pinball loss plus a little ridge, by least squares reweighted with 1 / |error|."""
    ridge = RIDGE * len(target) * np.eye(design.shape[1])
    weights = np.linalg.solve(design.T @ design + ridge, design.T @ target)
    smoothing = 0.3
    for _ in range(40):
        confidence = 0.5 / np.maximum(np.abs(target - design @ weights), smoothing)
        gram = design.T @ (design * confidence[:, None]) + ridge
        weights = np.linalg.solve(gram, design.T @ (confidence * target + quantile - 0.5))
        smoothing = max(0.75 * smoothing, 0.02)
    return weights


def calibrated(meters: Sequence[Meter]) -> Tables:
    prior = population_shape(meters)
    times, days, hours = sampled(meters, prior=prior)
    return Tables(
        population_shape=prior,
        time=fitted(times, horizon_hours=TIME_HORIZON_HOURS),
        day=fitted(days, horizon_hours=DAY_HORIZON_HOURS),
        hour=fitted(hours, horizon_hours=HOUR_HORIZON_HOURS),
    )


def rounded(tables: Tables) -> Tables:
    """As it is printed: three decimals."""

    def short(table: BandTable) -> BandTable:
        return replace(table, common=table.common.round(3), slopes=table.slopes.round(3))

    return Tables(tables.population_shape.round(3), short(tables.time), short(tables.day), short(tables.hour))


def scored(meters: Sequence[Meter], *, cases: Sequence[dict[str, str]], tables: Tables) -> dict[str, Floats]:
    """True hours and P10, P50, P90, one row a case, for each history length; all capped at 45 days."""
    by_name = {meter.name: meter for meter in meters}
    rows: dict[str, list[Floats]] = {name: [] for name in CHECKED}
    for case in (case for case in cases if case["meter"] in by_name):
        meter = by_name[case["meter"]]
        hour = round((datetime.fromisoformat(case["now_utc"]).timestamp() - meter.starts_at_s) / HOUR_S)
        for name, history_hours in CHECKED.items():
            if name == "180d" and case["has180"] != "1":
                continue
            expected = looked_ahead(meter, hour=hour, history_hours=history_hours, prior=tables.population_shape)
            kwh = float(case["balance_kwh"])
            found = depletion_hours(expected, balance_kwh=kwh, table=tables.time) if expected else [1080.0] * 3
            rows[name].append(np.clip([float(case["true_hours"]), *found], 0.1, 1080.0))
    return {name: np.array(part).reshape(-1, 4) for name, part in rows.items()}


def report(results: dict[str, Floats]) -> None:
    for name, rows in results.items():
        true, low, middle, high = rows.T
        pinball = sum(
            np.maximum(q * (true - p), (q - 1) * (true - p)).sum()
            for q, p in zip(QUANTILES, (low, middle, high), strict=True)
        )
        print(
            f"{name:>5} {len(true):5} cases  WAPE {100 * np.abs(true - middle).sum() / true.sum():5.1f}"
            f"  WQL {100 * 2 / 3 * pinball / true.sum():5.2f}"
            f"  P10-P90 holds {100 * np.mean((true >= low) & (true <= high)):4.1f} %"
            f"  before {100 * np.mean(true < low):4.1f} %  after {100 * np.mean(true > high):4.1f} %",
            flush=True,
        )


def held(samples: Samples, *, table: BandTable) -> Floats:
    """Which samples lie below P10, within, and above P90, `(n, 3)`."""
    history = interpolation(samples.history_hours, knots=table.history_hours)
    horizon = interpolation(samples.horizon_hours, knots=table.horizon_hours)
    ratios = np.einsum("nh,qhk->nqk", history, table.common) + np.einsum("ns,qsk->nqk", samples.signs, table.slopes)
    low, _, high = np.einsum("nqk,nk->qn", np.sort(ratios, axis=1), horizon)
    is_below, is_above = samples.log_ratio < low, samples.log_ratio > high
    return np.stack([is_below, ~is_below & ~is_above, is_above], axis=1)


def check(meters: Sequence[Meter], *, folder: Path) -> None:
    """Scores each meter with tables that were made without it."""
    with (folder / "cases.csv").open(newline="") as file:
        cases = list(csv.DictReader(file))
    order = np.random.default_rng(1).permutation(len(meters))
    parts: list[dict[str, Floats]] = []
    spans: dict[str, list[Floats]] = {"day": [], "hour": []}
    for fold in range(FOLDS):
        left_out = set(order[fold::FOLDS].tolist())
        tables = rounded(calibrated([meter for k, meter in enumerate(meters) if k not in left_out]))
        scored_meters = [meters[k] for k in left_out]
        parts.append(scored(scored_meters, cases=cases, tables=tables))
        _, days, hours = sampled(scored_meters, prior=tables.population_shape)
        spans["day"].append(held(days, table=tables.day))
        spans["hour"].append(held(hours, table=tables.hour))
    report({name: np.vstack([part[name] for part in parts]) for name in CHECKED})
    for name, rows in spans.items():
        below, within, above = 100 * np.vstack(rows).mean(axis=0)
        print(f"usage of one {name} ahead: P10-P90 holds {within:.1f} %, below {below:.1f} %, above {above:.1f} %")


def printed(tables: Tables) -> str:
    """The module's text, as the formatter would leave it."""
    return "\n".join(
        [
            HEADER,
            "import numpy as np",
            "",
            "from forecasting.bands import BandTable",
            "",
            f"POPULATION_SHAPE = np.array({literal(tables.population_shape, indent=0)})",
            '"""How a mean household\'s usage spreads over the local hours of a day, `(24,)`, mean 1."""',
            "",
            *printed_table("TIME_BANDS", tables.time, about="How long a balance lasts against what is expected."),
            *printed_table("DAY_BANDS", tables.day, about="The usage of a day against what is expected."),
            *printed_table("HOUR_BANDS", tables.hour, about="The usage of an hour against what is expected."),
        ]
    )


HEADER = '''"""Holds how far the untrained forecast erred in 89 homes: tables of quantiles of log(actual / expected).

Written by `python -m bench.calibrate_bands FOLDER`; do not edit. The homes are those of the Low Carbon London,
Smart-Grid Smart-City and Individual Household Electric Power Consumption data sets, attributed in NOTICE.
"""
'''


def printed_table(name: str, table: BandTable, *, about: str) -> list[str]:
    fields = ("history_hours", "horizon_hours", "common", "slopes")
    lines = [f"    {field}=np.array({literal(getattr(table, field), indent=4)})," for field in fields]
    return [f"{name} = BandTable(", *lines, ")", f'"""{about}"""', ""]


def literal(values: Floats, *, indent: int) -> str:
    """Nested lists, one innermost row a line."""
    pad = " " * (indent + 4)
    if values.ndim == 1:
        row = ", ".join(f"{value:.3f}".rstrip("0") + ("0" if value == int(value) else "") for value in values)
        return f"[{row}]" if len(row) < 80 else f"[\n{pad}" + row.replace(", ", f",\n{pad}") + f",\n{' ' * indent}]"
    inner = "".join(f"{pad}{literal(part, indent=indent + 4)},\n" for part in values)
    return f"[\n{inner}{' ' * indent}]"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.calibrate_bands", description=__doc__)
    parser.add_argument("folder", type=Path, help="household data: meters.csv, hourly_*.csv.gz, cases.csv")
    parser.add_argument("--check", action="store_true", help="score with folds by meter instead of writing the tables")
    arguments = parser.parse_args()
    meters = read_meters(arguments.folder)
    if arguments.check:
        check(meters, folder=arguments.folder)
    else:
        TABLES.write_text(printed(rounded(calibrated(meters))))
        print(f"wrote {TABLES.name} from {len(meters)} meters; format it with ruff")


if __name__ == "__main__":
    main()
