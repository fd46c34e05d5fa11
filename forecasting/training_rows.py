"""Turns homes with known usage into rows to learn from: what could be seen, and what came."""

import math
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo

import numpy as np

from forecasting.features import FEATURES, KNOT_HOURS, feature_rows
from forecasting.hours import HOUR_S, Floats, HourlyUsage, Integers
from forecasting.outlook import Outlook, expected_hours, expected_total, outlook

TOTALS_PER_ORIGIN, TIMES_PER_ORIGIN = 3, 3
BALANCE_DAYS = (0.75, 40.0)
BALANCE_SPREAD = 0.2
SCALE_HOURS = 28 * 24
LEAST_FUTURE_HOURS, ENOUGH_FUTURE_HOURS, MOST_FUTURE_HOURS = 7 * 24, 45 * 24, 60 * 24
LEAST_KWH_A_DAY = 0.3
LEAST_KNOWN_SHARE = 0.8
HISTORY_HOURS = (3, 6, 12, 24, 72, 168, 672, 4320)
THINNED_SHARE = 0.3
MOST_LOG_RATIO = 3.0

_AT_ONCE = 64
_TRIES = 20


@dataclass(frozen=True, slots=True)
class TrainingHome:
    """A home to learn from: `energy_kwh` `(n,)` of each hour from `starts_at_s` (seconds since 1970) on.

    An hour that is not known is nan. `name` tells the home apart from the others, and chooses its random instants.
    """

    name: str
    time_zone: tzinfo
    starts_at_s: float
    energy_kwh: Floats


@dataclass(frozen=True, slots=True)
class Rows:
    """Features `(n, f)` and what they should have told, `target` `(n,)`."""

    features: Floats
    target: Floats


@dataclass(frozen=True, slots=True)
class TrainingRows:
    """`totals`: log(used / expected) up to each horizon. `times`: log(hours that units lasted / hours expected)."""

    totals: Rows
    times: Rows


@dataclass(frozen=True, slots=True)
class _Origin:
    """An instant of a home: what a forecaster sees there, what came, and the mean day of the four weeks before."""

    usage: HourlyUsage
    expected: Outlook
    ahead_kwh: Floats
    mean_kwh_a_day: float


def training_rows(home: TrainingHome, *, prior: Floats, seed: int, origins: int) -> TrainingRows:
    """Rows of up to so many random instants of the home (`origins`), seen with a random length of history.

    A third of the histories is thinned, as if readings had come seldom. Balances are 0.75 to 40 mean days, as people
    hold units for days to weeks. The same home, `prior`, `seed` and `origins` give the same rows.
    """
    random = np.random.default_rng([seed, zlib.crc32(home.name.encode())])
    totals: list[Rows] = []
    times: list[Rows] = []
    for part in _parts(_origins(home, prior=prior, random=random, count=origins)):
        features = feature_rows([one.usage for one in part], outlooks=[one.expected for one in part])
        totals.append(_rows(features, targets=_total_targets(part, random=random)))
        times.append(_rows(features, targets=_time_targets(part, random=random)))
    return TrainingRows(totals=joined(totals), times=joined(times))


def _parts(origins: Iterable[_Origin]) -> Iterator[list[_Origin]]:
    """By length of history, so that a short one is not widened to the longest."""
    ordered = sorted(origins, key=lambda one: len(one.usage.energy_kwh))
    for start in range(0, len(ordered), _AT_ONCE):
        yield ordered[start : start + _AT_ONCE]


def _origins(home: TrainingHome, *, prior: Floats, random: np.random.Generator, count: int) -> Iterator[_Origin]:
    """Up to `count` instants with known usage around them; fewer where the data is short."""
    unknown = np.append(0, np.cumsum(np.isnan(home.energy_kwh)))
    for _ in range(count):
        history_hours = _history_length(random)
        is_thinned = random.random() < THINNED_SHARE
        hour = _instant(home, history_hours=history_hours, unknown=unknown, random=random)
        if hour is None:
            continue
        usage = _seen(home, hour=hour, history_hours=history_hours)
        if is_thinned:
            usage = thinned(usage, random=random)
        expected = outlook(usage, starts_at_s=usage.ends_at_s, time_zone=home.time_zone, prior=prior)
        if expected is not None:
            mean_kwh = float(np.nanmean(home.energy_kwh[hour - SCALE_HOURS : hour])) * 24
            yield _Origin(usage, expected, _ahead(home, hour=hour), mean_kwh)


def _instant(home: TrainingHome, *, history_hours: int, unknown: Integers, random: np.random.Generator) -> int | None:
    """A random hour with that much known before it; None where twenty tries find none."""
    first, last = max(history_hours, SCALE_HOURS), len(home.energy_kwh) - LEAST_FUTURE_HOURS
    if last <= first:
        return None
    hours = random.integers(first, last, size=_TRIES).tolist()
    return next((hour for hour in hours if _is_usable(home, hour, history_hours, unknown)), None)


def _history_length(random: np.random.Generator) -> int:
    if random.random() < 0.6:
        return int(random.choice(HISTORY_HOURS))
    shortest, longest = math.log(HISTORY_HOURS[0]), math.log(HISTORY_HOURS[-1])
    return int(math.exp(random.uniform(shortest, longest)))


def _is_usable(home: TrainingHome, hour: int, history_hours: int, unknown: Integers) -> bool:
    if unknown[hour + LEAST_FUTURE_HOURS] > unknown[hour - 1]:
        return False
    for hours in (history_hours, SCALE_HOURS):
        if unknown[hour] - unknown[hour - hours] > (1 - LEAST_KNOWN_SHARE) * hours:
            return False
    return bool(np.nanmean(home.energy_kwh[hour - SCALE_HOURS : hour]) * 24 >= LEAST_KWH_A_DAY)


def _seen(home: TrainingHome, *, hour: int, history_hours: int) -> HourlyUsage:
    energy_kwh = home.energy_kwh[hour - history_hours : hour]
    return HourlyUsage(
        ends_at_s=home.starts_at_s + HOUR_S * hour,
        span_s=float(HOUR_S * history_hours),
        energy_kwh=np.nan_to_num(energy_kwh),
        known_share=1.0 - np.isnan(energy_kwh),
    )


def thinned(usage: HourlyUsage, *, random: np.random.Generator) -> HourlyUsage:
    """The usage as it would be known from fewer readings: a share lost at random, or readings days apart, or an outage.

    The first and the last reading stay; between readings the use is spread evenly.
    """
    hours = len(usage.energy_kwh)
    kept = random.random(hours + 1) < random.choice((0.1, 0.3, 0.7))
    kind = random.random()
    if kind < 0.25:
        kept = np.arange(hours + 1) % int(random.choice((24, 72, 168))) == int(random.integers(24))
    elif kind < 0.7 and hours > 48:
        start = int(random.integers(hours))
        kept[start : start + int(random.integers(6, 72))] = False
    kept[[0, -1]] = True
    edges = np.flatnonzero(kept)
    total_kwh = np.append(0.0, np.cumsum(usage.energy_kwh))
    known = np.append(0.0, np.cumsum(usage.known_share))
    every = np.arange(hours + 1)
    return HourlyUsage(
        ends_at_s=usage.ends_at_s,
        span_s=usage.span_s,
        energy_kwh=np.diff(np.interp(every, edges, total_kwh[edges])),
        known_share=np.diff(np.interp(every, edges, known[edges])),
    )


def _ahead(home: TrainingHome, *, hour: int) -> Floats:
    """The hours to come up to the first unknown one."""
    ahead_kwh = home.energy_kwh[hour : hour + MOST_FUTURE_HOURS]
    unknown = np.flatnonzero(np.isnan(ahead_kwh))
    return ahead_kwh[: unknown[0]] if len(unknown) else ahead_kwh


def _total_targets(part: Sequence[_Origin], *, random: np.random.Generator) -> list[tuple[int, int, float]]:
    """Origin, knot and target of each row."""
    targets: list[tuple[int, int, float]] = []
    for number, one in enumerate(part):
        used_kwh = np.append(0.0, np.cumsum(one.ahead_kwh))
        within = np.flatnonzero(len(one.ahead_kwh) >= KNOT_HOURS)
        for knot in random.choice(within, size=TOTALS_PER_ORIGIN, replace=False):
            hours = int(KNOT_HOURS[knot])
            expected_kwh = float(expected_total(one.expected, hours=np.array(float(hours))))
            targets.append((number, int(knot), _log_ratio(float(used_kwh[hours]), expected_kwh)))
    return targets


def _time_targets(part: Sequence[_Origin], *, random: np.random.Generator) -> list[tuple[int, int, float]]:
    """Origin, knot and target of each row: the balance is what is expected to be used by the knot."""
    targets: list[tuple[int, int, float]] = []
    for number, one in enumerate(part):
        used_kwh = np.append(0.0, np.cumsum(one.ahead_kwh))
        days = np.exp(random.uniform(np.log(BALANCE_DAYS[0]), np.log(BALANCE_DAYS[1]), size=TIMES_PER_ORIGIN))
        for balance_kwh in days * one.mean_kwh_a_day * np.exp(random.normal(0, BALANCE_SPREAD, TIMES_PER_ORIGIN)):
            knot = _nearest_knot(expected_hours(one.expected, energy_kwh=float(balance_kwh)))
            hours = float(KNOT_HOURS[knot])
            units_kwh = float(expected_total(one.expected, hours=np.array(hours)))
            if len(one.ahead_kwh) < min(3 * hours + 72, ENOUGH_FUTURE_HOURS):
                continue  # whatever came: to leave out only what lasted beyond would make the others look short
            targets.append((number, knot, _log_ratio(_hours_until_used(used_kwh, units_kwh=units_kwh), hours)))
    return targets


def _nearest_knot(hours: float) -> int:
    return int(np.abs(np.log(KNOT_HOURS) - np.log(hours)).argmin())


def _hours_until_used(used_kwh: Floats, *, units_kwh: float) -> float:
    after = int(np.searchsorted(used_kwh, units_kwh))
    if after >= len(used_kwh):
        return float(len(used_kwh) - 1)
    return after - (used_kwh[after] - units_kwh) / (used_kwh[after] - used_kwh[after - 1])


def _log_ratio(actual: float, expected: float) -> float:
    return float(np.clip(np.log(max(actual, 1e-9) / expected), -MOST_LOG_RATIO, MOST_LOG_RATIO))


def _rows(features: Floats, *, targets: Sequence[tuple[int, int, float]]) -> Rows:
    at = np.array([row[:2] for row in targets], dtype=np.int64).reshape(-1, 2)
    return Rows(
        features=features[at[:, 0], at[:, 1]],
        target=np.array([row[2] for row in targets], dtype=np.float64),
    )


def joined(parts: Sequence[Rows]) -> Rows:
    """All the rows, in their order."""
    return Rows(
        features=np.vstack([np.empty((0, len(FEATURES))), *(part.features for part in parts)]),
        target=np.concatenate([np.empty(0), *(part.target for part in parts)]),
    )
