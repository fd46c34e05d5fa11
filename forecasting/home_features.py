"""Turns the hours of many homes into what they say of the home itself: its trend, its steadiness, its rhythm."""

import numpy as np

from forecasting.hours import Floats, Integers
from forecasting.windows import (
    HourBlock,
    Mask,
    ascending_quantiles,
    log_share,
    masked_mean,
    sorted_known,
)

_RECENT_HOURS = np.array([6, 12, 24, 48, 72, 168, 336, 672, 1344, 2160, 4320])
_TREND_HOURS = np.array([168, 336, 672, 1344])
_VARIATION_DAYS = (7, 14, 28)
_AWAY_DAYS = (7, 28, 180)
_MONTH, _SLOPE, _LONG_SLOPE, _RHYTHM, _HALF_YEAR = 28, 14, 60, 56, 180

HOME_FEATURES = (
    "hours",
    *(f"last_{hours}h" for hours in _RECENT_HOURS),
    *(f"trend_{hours}h" for hours in _TREND_HOURS),
    "peak",
    "low",
    "idle",
    "flat",
    *(f"variation_{days}d" for days in _VARIATION_DAYS),
    "slope",
    "long_slope",
    "like_day_before",
    "like_week_before",
    "highest_day",
    "lowest_day",
    "absent_days",
    "absent_now",
    *(f"median_{days}d" for days in _VARIATION_DAYS),
    *(f"away_{days}d" for days in _AWAY_DAYS),
    "leaves",
    "since_away",
    "since_home",
    "longest_away",
    "at_home_level",
)
"""All are without unit. Nan where the history is too short."""

_IDLE = 0.05
_SAME = 1e-6
_MEDIAN = np.array([0.5])
_COMMON_DAY = np.array([0.7])
_AWAY_SHARE = 0.3
_LEAST_AWAY_DAYS = 5


def home_features(block: HourBlock) -> Floats:
    """The features `(p, 42)` named in `HOME_FEATURES`."""
    return np.column_stack(
        [np.log(block.hours), *_recent(block), *_trends(block), *_hour_figures(block), *_day_figures(block)]
    )


def _recent(block: HourBlock) -> list[Floats]:
    mean = log_share(block.newest(_RECENT_HOURS), of=_RECENT_HOURS.astype(np.float64))
    return list(np.where(block.covers(_RECENT_HOURS), mean, np.nan).T)


def _trends(block: HourBlock) -> list[Floats]:
    newer, both = block.newest(_TREND_HOURS), block.newest(2 * _TREND_HOURS)
    trend = log_share(newer, of=_TREND_HOURS.astype(float)) - log_share(both - newer, of=_TREND_HOURS.astype(float))
    return list(np.where(block.covers(2 * _TREND_HOURS), trend, np.nan).T)


def _hour_figures(block: HourBlock) -> list[Floats]:
    week, known = _newest(block.relative, hours=168, counts=block.hours)
    month, month_known = _newest(block.relative, hours=672, counts=block.hours)
    mean = np.maximum(masked_mean(week, known=known), 1e-4)
    low = ascending_quantiles(sorted_known(week, known=known), counts=known.sum(axis=-1), shares=np.array([0.1]))
    same = np.abs(np.diff(month, axis=1)) < _SAME
    return [
        np.where(known, week, 0.0).max(axis=-1) / mean,
        low[:, 0] / mean,
        masked_mean((month < _IDLE).astype(float), known=month_known),
        masked_mean(same.astype(float), known=month_known[:, :-1]),
    ]


def _newest(values: Floats, *, hours: int, counts: Integers) -> tuple[Floats, Mask]:
    """The newest columns, and which of them are history."""
    recent = values[:, -hours:]
    ages: Integers = np.arange(recent.shape[1], 0, -1, dtype=np.int64)
    known = ages <= counts[:, None]
    return recent, known


def _day_figures(block: HourBlock) -> list[Floats]:
    days = block.hours // 24
    columns = min(block.relative.shape[1] // 24, _HALF_YEAR)
    if columns == 0:
        return [np.full(len(days), np.nan)] * 22
    total = block.relative[:, -24 * columns :].reshape(len(days), columns, 24).sum(axis=-1)
    total = np.maximum(total / 24, 1e-4)
    return [
        *(_variation(total, days=days, newest=newest) for newest in _VARIATION_DAYS),
        _slope(total, days=days, newest=_SLOPE, least=5),
        _slope(total, days=days, newest=_LONG_SLOPE, least=28),
        _likeness(total, days=days, lag=1, least=10),
        _likeness(total, days=days, lag=7, least=21),
        *_extremes(total, days=days),
        *(_median(total, days=days, newest=newest) for newest in _VARIATION_DAYS),
        *_absences(total, days=days),
    ]


def _absences(total: Floats, *, days: Integers) -> list[Floats]:
    """What days below three tenths of a common one say of people who leave and come back."""
    known = _newest(total, hours=_HALF_YEAR, counts=days)[1]
    common = ascending_quantiles(sorted_known(total, known=known), counts=known.sum(axis=-1), shares=_COMMON_DAY)
    away = known & (total < _AWAY_SHARE * common)
    home = known & ~away
    left = away[:, 1:] & home[:, :-1]
    level = np.where(home[:, -_MONTH:], total[:, -_MONTH:], 0.0).sum(axis=-1) / np.maximum(
        home[:, -_MONTH:].sum(axis=-1), 1
    )
    figures = [
        *(masked_mean(away[:, -newest:].astype(float), known=known[:, -newest:]) for newest in _AWAY_DAYS),
        left.sum(axis=-1) / np.maximum(days, 1),
        np.log1p(_since(away, days=days)),
        np.log1p(_since(home, days=days)),
        np.log1p(_longest(away)),
        np.where(level > 0, np.log(np.maximum(level, 1e-4)), np.nan),
    ]
    return [np.where(days >= _LEAST_AWAY_DAYS, figure, np.nan) for figure in figures]


def _since(happened: Mask, *, days: Integers) -> Floats:
    """How many days ago it happened last, 0 in the newest day; as long as the history where it never did."""
    ago = happened[:, ::-1].argmax(axis=-1)
    return np.where(happened.any(axis=-1), ago, np.minimum(days, _HALF_YEAR)).astype(np.float64)


def _longest(happened: Mask) -> Floats:
    """The longest run of days on which it happened."""
    count = np.cumsum(happened, axis=-1)
    before = np.maximum.accumulate(np.where(happened, 0, count), axis=-1)
    return (count - before).max(axis=-1).astype(np.float64)


def _variation(total: Floats, *, days: Integers, newest: int) -> Floats:
    recent, known = _newest(total, hours=newest, counts=days)
    mean = masked_mean(recent, known=known)
    spread = np.sqrt(masked_mean((recent - mean[:, None]) ** 2, known=known))
    return np.where(known.sum(axis=-1) >= 3, spread / np.maximum(mean, 1e-4), np.nan)


def _slope(total: Floats, *, days: Integers, newest: int, least: int) -> Floats:
    recent, known = _newest(np.log(total), hours=newest, counts=days)
    at = np.broadcast_to(np.arange(recent.shape[1], dtype=np.float64), recent.shape)
    off = np.where(known, at - masked_mean(at, known=known)[:, None], 0.0)
    slope = (off * recent).sum(axis=-1) / np.maximum((off**2).sum(axis=-1), 1.0)
    return np.where(days >= least, slope, np.nan)


def _likeness(total: Floats, *, days: Integers, lag: int, least: int) -> Floats:
    recent, known = _newest(total, hours=_RHYTHM, counts=days)
    off = np.where(known, recent - masked_mean(recent, known=known)[:, None], 0.0)
    if off.shape[1] <= lag:
        return np.full(len(days), np.nan)
    likeness = (off[:, lag:] * off[:, :-lag]).sum(axis=-1) / ((off**2).sum(axis=-1) + 1e-9)
    return np.where(days >= least, likeness, np.nan)


def _extremes(total: Floats, *, days: Integers) -> list[Floats]:
    recent, known = _newest(total, hours=_MONTH, counts=days)
    median = _known_median(recent, known=known)
    newest, newest_known = _newest(total, hours=3, counts=days)
    figures = [
        np.log(np.where(known, recent, 1e-4).max(axis=-1) / median),
        np.log(np.where(known, recent, np.inf).min(axis=-1) / median),
        masked_mean((recent < 0.4 * median[:, None]).astype(float), known=known),
        masked_mean((newest < 0.5 * median[:, None]).astype(float), known=newest_known),
    ]
    return [np.where(days >= 2, figure, np.nan) for figure in figures]


def _median(total: Floats, *, days: Integers, newest: int) -> Floats:
    recent, known = _newest(total, hours=newest, counts=days)
    return np.where(days >= newest, np.log(_known_median(recent, known=known)), np.nan)


def _known_median(values: Floats, *, known: Mask) -> Floats:
    """The median of each row; 1 where nothing is known."""
    counts = known.sum(axis=-1)
    found = ascending_quantiles(sorted_known(values, known=known), counts=counts, shares=_MEDIAN)[:, 0]
    return np.where(counts > 0, found, 1.0)
