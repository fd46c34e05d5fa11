"""Turns the hours of many homes into what a horizon's length of usage has been before, against what is expected."""

import numpy as np

from forecasting.hours import Floats, Integers
from forecasting.windows import UNKNOWN, HourBlock, ascending_quantiles, log_share

HORIZON_FEATURES = (
    "horizon",
    "base",
    "last_period",
    "mean_period",
    "last_1x",
    "last_2x",
    "last_4x",
    "six_weeks_p10",
    "six_weeks_p50",
    "six_weeks_p90",
    "half_year_p10",
    "half_year_p50",
    "half_year_p90",
    "block_change",
)
"""Logarithms of ratios to the usage expected over the horizon, but for `horizon` (log hours), `base` (expected
against the level) and `block_change` (how much successive spans of that length differed). Nan where too short."""

_WEEK, _DAY = 168, 24
_MOST_PERIODS = 6
_BLOCKS = 12
_LEAST_WINDOWS = 4
_SHARES = np.array([0.1, 0.5, 0.9])


def horizon_features(block: HourBlock, *, base: Floats, horizon_hours: Integers) -> Floats:
    """The features `(p, k, 14)` of each home at each horizon `(k,)`; `base` `(p, k)` in multiples of the level."""
    last, mean = _periods(block, horizon_hours=horizon_hours)
    columns = [
        np.broadcast_to(np.log(horizon_hours), base.shape),
        log_share(base, of=horizon_hours.astype(np.float64)),
        log_share(last, of=base),
        log_share(mean, of=base),
        *(_last(block, base=base, horizon_hours=horizon_hours, times=times) for times in (1, 2, 4)),
        *_window_quantiles(block, base=base, horizon_hours=horizon_hours, window_hours=42 * _DAY, step_hours=6),
        *_window_quantiles(block, base=base, horizon_hours=horizon_hours, window_hours=180 * _DAY, step_hours=12),
        _block_change(block, horizon_hours=horizon_hours),
    ]
    return np.stack(columns, axis=-1)


def _last(block: HourBlock, *, base: Floats, horizon_hours: Integers, times: int) -> Floats:
    hours = times * horizon_hours
    return np.where(block.covers(hours), log_share(block.newest(hours) / times, of=base), np.nan)


def _periods(block: HourBlock, *, horizon_hours: Integers) -> tuple[Floats, Floats]:
    """The horizon's usage if the last period came again and again, and if the mean of the last ones did.

    The period is a week, below a week of history a day, below a day all of it.
    """
    hours = block.hours[:, None]
    period = np.where(hours >= _WEEK, _WEEK, np.where(hours >= _DAY, _DAY, hours))
    periods = np.minimum(hours // period, np.where(period == _WEEK, 4, _MOST_PERIODS))
    whole, rest = horizon_hours // period, horizon_hours % period
    back = np.arange(1, _MOST_PERIODS + 1)
    start = period[..., None] * back
    begun, part = block.at(np.broadcast_to(start, (*rest.shape, len(back)))), block.at(start - rest[..., None])
    use = whole[..., None] * (block.at(start - period[..., None]) - block.at(start)) + part - begun
    return use[..., 0], np.where(back <= periods[..., None], use, 0.0).sum(axis=-1) / periods


def _window_quantiles(
    block: HourBlock, *, base: Floats, horizon_hours: Integers, window_hours: int, step_hours: int
) -> list[Floats]:
    """10, 50 and 90 % of the usage of spans as long as the horizon that ended within the window."""
    width = block.relative.shape[1]
    ages = np.arange(0, min(window_hours, width), step_hours)
    starts = np.maximum(width - horizon_hours[:, None] - ages, 0)
    use = block.total[:, None, width - ages] - block.total[:, starts]
    reach = np.minimum(block.hours, window_hours)[:, None] - horizon_hours
    use = np.where(ages <= reach[..., None], use, UNKNOWN).astype(np.float32)
    use.sort(axis=-1)
    counts = np.maximum(reach // step_hours + 1, 0)
    found = ascending_quantiles(use, counts=counts, shares=_SHARES)
    known = (counts >= _LEAST_WINDOWS)[..., None]
    return list(np.moveaxis(np.where(known, log_share(found, of=base[..., None]), np.nan), -1, 0))


def _block_change(block: HourBlock, *, horizon_hours: Integers) -> Floats:
    ages = horizon_hours[:, None] * np.arange(_BLOCKS + 1)
    total = block.total[:, np.maximum(block.relative.shape[1] - ages, 0)]
    mean = log_share(total[..., :-1] - total[..., 1:], of=horizon_hours[:, None].astype(np.float64))
    change = mean[..., :-1] - mean[..., 1:]
    known = ages[:, 2:] <= block.hours[:, None, None]
    squares = np.where(known, change**2, 0.0).sum(axis=-1)
    return np.where(known[..., 0], np.sqrt(squares / np.maximum(known.sum(axis=-1), 1)), np.nan)
