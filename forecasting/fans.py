"""Turns an outlook into bands of the usage of the days and hours ahead."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from forecasting.band_tables import DAY_BANDS, HOUR_BANDS
from forecasting.bands import BandTable, band, usage_quantiles
from forecasting.hours import HOUR_S
from forecasting.outlook import Outlook, expected_usage

__all__ = ["DAY_BANDS", "HOUR_BANDS", "UsageForecast", "fan"]


@dataclass(frozen=True, slots=True)
class UsageForecast:
    """Expected usage of spans that start at `starts_at` (UTC) and end where the next one starts.

    The columns are equally long, in kWh, and P10 <= P50 <= P90 in each row. Each span stands for itself: the sum of
    its medians is not the median of a sum.
    """

    starts_at: tuple[datetime, ...]
    p10_kwh: list[float]
    p50_kwh: list[float]
    p90_kwh: list[float]


def fan(
    expected: Outlook | None, *, edges_at: Sequence[datetime], table: BandTable, usage_factor: float = 1.0
) -> UsageForecast:
    """The usage between each two of the ascending edges; zeros without an outlook."""
    columns = [[0.0] * (len(edges_at) - 1) for _ in range(3)]
    if expected is not None:
        edges_hours = np.array([(at.timestamp() - expected.starts_at_s) / HOUR_S for at in edges_at])
        kwh = usage_quantiles(
            band(table, history_hours=expected.history_hours, signs=expected.signs),
            expected_kwh=expected_usage(expected, edges_hours=edges_hours),
            horizon_hours=(edges_hours[:-1] + edges_hours[1:]) / 2,
        )
        columns = (usage_factor * kwh).tolist()
    return UsageForecast(tuple(edges_at[:-1]), *columns)
