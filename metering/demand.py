"""Turns a span's energy and its peak demand into its load factor."""

from datetime import timedelta
from decimal import Decimal


def load_factor(energy_kwh: Decimal, *, peak_demand_kw: Decimal | None, length: timedelta) -> float | None:
    """The average demand of a span as a share of its peak, 0 to 1, to four decimals.

    None without a peak, and where the average is above it: energy of a silence is counted, but tells of no quarter.
    """
    if not peak_demand_kw or length <= timedelta(0):
        return None
    hours = Decimal(length.total_seconds()) / 3600
    share = energy_kwh / hours / peak_demand_kw
    return float(round(share, 4)) if share <= 1 else None
