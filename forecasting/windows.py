"""Turns the hours of many homes into figures of their windows, all homes at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecasting.hours import Floats, HourlyUsage, Integers
from forecasting.outlook import Outlook

LEAST_SHARE = 1e-6
UNKNOWN = 1e30
"""Sorts behind every usage, and unlike infinity can be reckoned with."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class HourBlock:
    """The histories of `p` homes side by side, each one's newest hour in the last of the `w` columns.

    `relative` `(p, w)` is usage as a multiple of the home's level; `hours` `(p,)` is how many of the newest columns
    are history, before them stand zeros; `total` `(p, w + 1)` is the running sum.
    """

    relative: Floats
    hours: Integers
    total: Floats

    def newest(self, hours: Integers) -> Floats:
        """The use over the newest `hours` `(k,)`, `(p, k)`; of no use where the history is shorter."""
        width = self.relative.shape[1]
        return self.total[:, -1:] - self.total[:, np.maximum(width - hours, 0)]

    def at(self, ages: Integers) -> Floats:
        """The running sum as it was `ages` `(p, …)` hours before the end."""
        index = np.maximum(self.relative.shape[1] - ages, 0)
        return np.take_along_axis(self.total, index.reshape(len(index), -1), axis=1).reshape(index.shape)

    def covers(self, hours: Integers) -> Mask:
        """Whether the history is that long, `(p, k)` for hours `(k,)`."""
        return hours <= self.hours[:, None]


def block_of(usages: Sequence[HourlyUsage], *, outlooks: Sequence[Outlook]) -> HourBlock:
    """The block of these homes, as wide as the longest history; unknown parts of hours count as the level."""
    hours = np.array([len(usage.energy_kwh) for usage in usages], dtype=np.int64)
    relative = np.zeros((len(usages), int(hours.max())))
    for row, usage, expected in zip(relative, usages, outlooks, strict=True):
        row[len(row) - len(usage.energy_kwh) :] = usage.energy_kwh / expected.level_kwh + (1.0 - usage.known_share)
    total = np.zeros((len(usages), relative.shape[1] + 1))
    np.cumsum(relative, axis=1, out=total[:, 1:])
    return HourBlock(relative=relative, hours=hours, total=total)


def log_share(values: Floats, *, of: Floats | float = 1.0) -> Floats:
    """log(values / of), the ratio held above one in a million."""
    return np.log(np.maximum(values / of, LEAST_SHARE))


def ascending_quantiles(ascending: NDArray[np.floating[Any]], *, counts: Integers, shares: Floats) -> Floats:
    """Quantiles `(…, s)` of the first `counts` `(…)` values of rows that ascend along the last axis."""
    position = np.maximum(counts[..., None] - 1, 0) * shares
    below = position.astype(np.int64)
    above = np.minimum(below + 1, np.maximum(counts[..., None] - 1, 0))
    low = np.take_along_axis(ascending, below, axis=-1).astype(np.float64)
    high = np.take_along_axis(ascending, above, axis=-1).astype(np.float64)
    return low + (position - below) * (high - low)


def sorted_known(values: Floats, *, known: Mask) -> Floats:
    """The values sorted along the last axis, those not `known` moved to the end."""
    return np.sort(np.where(known, values, UNKNOWN), axis=-1)


def masked_mean(values: Floats, *, known: Mask) -> Floats:
    """The mean over the last axis of what is `known`; 0 where nothing is."""
    return np.where(known, values, 0.0).sum(axis=-1) / np.maximum(known.sum(axis=-1), 1)
