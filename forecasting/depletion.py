"""Turns a register's history and a balance into when the units run out, and the usage of the days and hours ahead."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal

import numpy as np

from forecasting.band_tables import DAY_BANDS, HOUR_BANDS, TIME_BANDS
from forecasting.bands import BandTable, band, duration_quantiles, usage_quantiles
from forecasting.hours import DAY_S, HOUR_S, HourlyUsage, RegisterHistory, hourly_usage
from forecasting.local_time import day_starts, hour_starts
from forecasting.outlook import Outlook, expected_hours, expected_usage, outlook

__all__ = ["DepletionForecast", "RegisterHistory", "UsageForecast", "forecast_depletion"]

HORIZON = timedelta(days=90)
LEARNING_DAYS = 1.0
AHEAD_DAYS = 30
AHEAD_HOURS = 168

Method = Literal["PROFILE", "LEARNING"]


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


@dataclass(frozen=True, slots=True)
class DepletionForecast:
    """When a balance runs out, as seen at `made_at` from readings up to `data_up_to`.

    P10 is early (1 in 10 runs out before), P50 the median, P90 late; None where that lies more than 90 days ahead.
    `days_left` goes with P50. `method` is LEARNING below one day of history, when the bands are wide. `daily` are the
    30 local days from the coming midnight, `hourly` the 168 whole hours of UTC from the coming one.
    """

    made_at: datetime
    data_up_to: datetime
    method: Method
    history_days: float
    depletes_at_p10: datetime | None
    depletes_at_p50: datetime | None
    depletes_at_p90: datetime | None
    days_left: float | None
    daily: UsageForecast
    hourly: UsageForecast


def forecast_depletion(
    history: RegisterHistory,
    *,
    balance_kwh: float,
    now: datetime,
    time_zone: tzinfo,
    balance_at: datetime | None = None,
) -> DepletionForecast | None:
    """The forecast for `balance_kwh` units, held at `balance_at` (default: `now`), from readings up to `now`.

    A balance that counts usage up to the newest reading belongs to that reading's instant: pass it as `balance_at`,
    so that what a silent meter has used since is counted as well. Units that should be gone by now, or a balance
    of 0 and less, run out at `now`.

    None when fewer than two readings are there: nothing is known. A history without any usage gives a forecast that
    never runs out. Twice the usage and twice the balance give the same times; readings older than 180 days and the
    register's start do not matter.

    Raises:
        ValueError: `balance_kwh` is not finite, or an instant has no time zone.
    """
    _require_sense(balance_kwh, now=now, balance_at=balance_at)
    usage = hourly_usage(history, until_s=now.timestamp())
    if usage is None:
        return None
    starts_at = min(balance_at or now, now)
    expected = outlook(usage, starts_at_s=starts_at.timestamp(), time_zone=time_zone)
    depletes_at = _depletes_at(expected, balance_kwh=balance_kwh, now=now)
    history_days = usage.span_s / DAY_S
    return DepletionForecast(
        made_at=now,
        data_up_to=_data_up_to(usage),
        method="LEARNING" if history_days < LEARNING_DAYS else "PROFILE",
        history_days=history_days,
        depletes_at_p10=depletes_at[0],
        depletes_at_p50=depletes_at[1],
        depletes_at_p90=depletes_at[2],
        days_left=(depletes_at[1] - now) / timedelta(days=1) if depletes_at[1] else None,
        daily=_fan(expected, edges_at=day_starts(now, days=AHEAD_DAYS, time_zone=time_zone), table=DAY_BANDS),
        hourly=_fan(expected, edges_at=hour_starts(now, hours=AHEAD_HOURS), table=HOUR_BANDS),
    )


def _require_sense(balance_kwh: float, *, now: datetime, balance_at: datetime | None) -> None:
    if not math.isfinite(balance_kwh):
        raise ValueError(f"the balance must be finite, not {balance_kwh}")
    if now.tzinfo is None or (balance_at is not None and balance_at.tzinfo is None):
        raise ValueError("`now` and `balance_at` must have a time zone")


def _data_up_to(usage: HourlyUsage) -> datetime:
    return datetime.fromtimestamp(usage.ends_at_s, tz=UTC)


def _depletes_at(expected: Outlook | None, *, balance_kwh: float, now: datetime) -> list[datetime | None]:
    """The three instants, not before `now`; None beyond the horizon."""
    if balance_kwh <= 0:
        return [now, now, now]
    if expected is None:
        return [None, None, None]
    return [
        _instant(expected, after_hours=hours, now=now) for hours in depletion_hours(expected, balance_kwh=balance_kwh)
    ]


def depletion_hours(expected: Outlook, *, balance_kwh: float, table: BandTable = TIME_BANDS) -> list[float]:
    """P10, P50 and P90 of how many hours after the outlook's start `balance_kwh`, above 0, has been used."""
    ratios = band(table, history_hours=expected.history_hours, signs=expected.signs)
    hours = expected_hours(expected, energy_kwh=balance_kwh)
    return [float(quantile) for quantile in duration_quantiles(ratios, table=table, expected_hours=hours)]


def _instant(expected: Outlook, *, after_hours: float, now: datetime) -> datetime | None:
    ahead_s = expected.starts_at_s + after_hours * HOUR_S - now.timestamp()
    if ahead_s > HORIZON.total_seconds():
        return None
    return now + timedelta(seconds=max(ahead_s, 0.0))


def _fan(expected: Outlook | None, *, edges_at: list[datetime], table: BandTable) -> UsageForecast:
    p10_kwh, p50_kwh, p90_kwh = usage_bands(expected, edges_at=edges_at, table=table)
    return UsageForecast(starts_at=tuple(edges_at[:-1]), p10_kwh=p10_kwh, p50_kwh=p50_kwh, p90_kwh=p90_kwh)


def usage_bands(
    expected: Outlook | None, *, edges_at: list[datetime], table: BandTable
) -> tuple[list[float], list[float], list[float]]:
    """P10, P50 and P90 of the usage between each two of the ascending edges, in kWh; zeros without an outlook."""
    if expected is None:
        nothing = [0.0] * (len(edges_at) - 1)
        return nothing, nothing.copy(), nothing.copy()
    edges_hours = np.array([(at.timestamp() - expected.starts_at_s) / HOUR_S for at in edges_at])
    p10_kwh, p50_kwh, p90_kwh = usage_quantiles(
        band(table, history_hours=expected.history_hours, signs=expected.signs),
        table=table,
        expected_kwh=expected_usage(expected, edges_hours=edges_hours),
        horizon_hours=(edges_hours[:-1] + edges_hours[1:]) / 2,
    ).tolist()
    return p10_kwh, p50_kwh, p90_kwh
