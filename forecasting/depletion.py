"""Turns a register's history and a balance into when the units run out, and the usage of the days and hours ahead."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal

import numpy as np

from forecasting.band_tables import POPULATION_SHAPE, TIME_BANDS
from forecasting.bands import Band, BandTable, band, duration_quantiles, expected_durations, widened
from forecasting.fans import DAY_BANDS, HOUR_BANDS, UsageForecast, fan
from forecasting.hours import DAY_S, HOUR_S, Floats, HourlyUsage, RegisterHistory, hourly_usage
from forecasting.local_time import day_starts, hour_starts
from forecasting.outlook import Outlook, expected_hours, expected_total, outlook
from forecasting.trained import DepletionModel
from forecasting.widening import NO_WIDENING, Widening

__all__ = [
    "DepletionForecast",
    "DepletionQuestion",
    "RegisterHistory",
    "UsageForecast",
    "UsageQuantiles",
    "forecast_depletion",
    "forecast_depletions",
    "forecast_usage",
]

HORIZON = timedelta(days=90)
LEARNING_DAYS = 1.0
AHEAD_DAYS = 30
AHEAD_HOURS = 168

Method = Literal["MODEL", "PROFILE", "LEARNING"]


@dataclass(frozen=True, slots=True)
class DepletionQuestion:
    """What is asked of one panel: when `balance_kwh` units, held at `balance_at` (default: `now`), run out.

    `usage_factor` is what future usage is multiplied by: 0.8 asks what would be with 20 % less. `widening` comes from
    how the panel's earlier forecasts did.
    """

    history: RegisterHistory
    balance_kwh: float
    now: datetime
    time_zone: tzinfo
    balance_at: datetime | None = None
    widening: Widening = NO_WIDENING
    usage_factor: float = 1.0


@dataclass(frozen=True, slots=True)
class DepletionForecast:
    """When a balance runs out, as seen at `made_at` from readings up to `data_up_to`.

    P10 is early (1 in 10 runs out before), P50 the median, P90 late; None where that lies more than 90 days ahead.
    `days_left` goes with P50. `method` is LEARNING below one day of history, when the bands are wide; from then on
    MODEL with a trained model, PROFILE without. `daily` are the 30 local days from the coming midnight, `hourly` the
    168 whole hours of UTC from the coming one.
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


@dataclass(frozen=True, slots=True)
class UsageQuantiles:
    """How much is used in a span: in 1 of 10 cases less than `p10_kwh`, in 1 of 10 more than `p90_kwh`."""

    p10_kwh: float
    p50_kwh: float
    p90_kwh: float


@dataclass(frozen=True, slots=True)
class _Prospect:
    """What is known of one panel: its hours, what to expect, and how long expected times may take."""

    usage: HourlyUsage
    expected: Outlook | None
    time: Band | None


def forecast_depletion(
    history: RegisterHistory,
    *,
    balance_kwh: float,
    now: datetime,
    time_zone: tzinfo,
    balance_at: datetime | None = None,
    model: DepletionModel | None = None,
    widening: Widening = NO_WIDENING,
    usage_factor: float = 1.0,
) -> DepletionForecast | None:
    """The forecast for `balance_kwh` units, held at `balance_at` (default: `now`), from readings up to `now`.

    A balance that counts usage up to the newest reading belongs to that reading's instant: pass it as `balance_at`,
    so that what a silent meter has used since is counted as well. Units that should be gone by now, or a balance
    of 0 and less, run out at `now`. Without a `model` the untrained forecast answers.

    None when fewer than two readings are there: nothing is known. A history without any usage gives a forecast that
    never runs out. Twice the usage and twice the balance give the same times; readings older than 180 days and the
    register's start do not matter.

    Raises:
        ValueError: `balance_kwh` is not finite, `usage_factor` not above 0, or an instant has no time zone.
    """
    question = DepletionQuestion(history, balance_kwh, now, time_zone, balance_at, widening, usage_factor)
    return forecast_depletions([question], model=model)[0]


def forecast_depletions(
    questions: Sequence[DepletionQuestion], *, model: DepletionModel | None = None
) -> list[DepletionForecast | None]:
    """The answer to each question, as `forecast_depletion` gives it; faster for many panels at once.

    Raises:
        ValueError: as `forecast_depletion`, for any of them.
    """
    for question in questions:
        _require_sense(question)
    prospects = _prospects(questions, model=model)
    return [
        _answered(question, prospect, is_model=model is not None) if prospect else None
        for question, prospect in zip(questions, prospects, strict=True)
    ]


def forecast_usage(
    history: RegisterHistory,
    *,
    now: datetime,
    until: datetime,
    time_zone: tzinfo,
    model: DepletionModel | None = None,
    usage_factor: float = 1.0,
) -> UsageQuantiles | None:
    """How many kWh will be used between `now` and `until`, a later instant.

    It is the other side of the depletion forecast: with P50 units, the median time is `until`. None when fewer than
    two readings are there; zeros after a history without any usage.

    Raises:
        ValueError: `until` is not after `now`, or an instant has no time zone.
    """
    if until <= now:
        raise ValueError(f"{until} is not after {now}")
    question = DepletionQuestion(history, 0.0, now, time_zone, usage_factor=usage_factor)
    _require_sense(question)
    prospect = _prospects([question], model=model)[0]
    if prospect is None:
        return None
    if prospect.expected is None or prospect.time is None:
        return UsageQuantiles(0.0, 0.0, 0.0)
    ahead_hours = (until - now) / timedelta(hours=1)
    kwh = usage_factor * _totals(prospect.expected, time=prospect.time, hours=ahead_hours)
    return UsageQuantiles(p10_kwh=float(kwh[2]), p50_kwh=float(kwh[1]), p90_kwh=float(kwh[0]))


def _totals(expected: Outlook, *, time: Band, hours: float) -> Floats:
    return expected_total(expected, hours=expected_durations(time, actual_hours=hours))


def _require_sense(question: DepletionQuestion) -> None:
    if not math.isfinite(question.balance_kwh):
        raise ValueError(f"the balance must be finite, not {question.balance_kwh}")
    if not 0 < question.usage_factor < math.inf:
        raise ValueError(f"the factor of usage must be above 0, not {question.usage_factor}")
    balance_at = question.balance_at
    if question.now.tzinfo is None or (balance_at is not None and balance_at.tzinfo is None):
        raise ValueError("`now` and `balance_at` must have a time zone")


def _prospects(questions: Sequence[DepletionQuestion], *, model: DepletionModel | None) -> list[_Prospect | None]:
    """One for each question; None where fewer than two readings are there."""
    usages = [hourly_usage(question.history, until_s=question.now.timestamp()) for question in questions]
    prior = model.prior if model else POPULATION_SHAPE
    outlooks = [
        _outlook(usage, question=question, prior=prior) if usage else None
        for usage, question in zip(usages, questions, strict=True)
    ]
    known = [(usage, expected) for usage, expected in zip(usages, outlooks, strict=True) if usage and expected]
    times = iter(_time_bands([usage for usage, _ in known], outlooks=[expected for _, expected in known], model=model))
    return [
        _Prospect(usage, expected, next(times) if expected else None) if usage else None
        for usage, expected in zip(usages, outlooks, strict=True)
    ]


def _outlook(usage: HourlyUsage, *, question: DepletionQuestion, prior: Floats) -> Outlook | None:
    starts_at = min(question.balance_at or question.now, question.now)
    return outlook(usage, starts_at_s=starts_at.timestamp(), time_zone=question.time_zone, prior=prior)


def _time_bands(
    usages: Sequence[HourlyUsage], *, outlooks: Sequence[Outlook], model: DepletionModel | None
) -> list[Band]:
    if model is None:
        return [band(TIME_BANDS, history_hours=each.history_hours, signs=each.signs) for each in outlooks]
    return model.time_bands(usages, outlooks=outlooks)


def _answered(question: DepletionQuestion, prospect: _Prospect, *, is_model: bool) -> DepletionForecast:
    now, expected, factor = question.now, prospect.expected, question.usage_factor
    depletes_at = _depletes_at(question, prospect)
    history_days = prospect.usage.span_s / DAY_S
    day_edges_at = day_starts(now, days=AHEAD_DAYS, time_zone=question.time_zone)
    hour_edges_at = hour_starts(now, hours=AHEAD_HOURS)
    return DepletionForecast(
        made_at=now,
        data_up_to=datetime.fromtimestamp(prospect.usage.ends_at_s, tz=UTC),
        method=_method(history_days, is_model=is_model),
        history_days=history_days,
        depletes_at_p10=depletes_at[0],
        depletes_at_p50=depletes_at[1],
        depletes_at_p90=depletes_at[2],
        days_left=(depletes_at[1] - now) / timedelta(days=1) if depletes_at[1] else None,
        daily=fan(expected, edges_at=day_edges_at, table=DAY_BANDS, usage_factor=factor),
        hourly=fan(expected, edges_at=hour_edges_at, table=HOUR_BANDS, usage_factor=factor),
    )


def _method(history_days: float, *, is_model: bool) -> Method:
    if history_days < LEARNING_DAYS:
        return "LEARNING"
    return "MODEL" if is_model else "PROFILE"


def _depletes_at(question: DepletionQuestion, prospect: _Prospect) -> list[datetime | None]:
    """The three instants, not before `now`; None beyond the horizon."""
    if question.balance_kwh <= 0:
        return [question.now] * 3
    if prospect.expected is None or prospect.time is None:
        return [None, None, None]
    balance_kwh = _at_usual_usage(question, expected=prospect.expected)
    time = widened(prospect.time, widening=question.widening)
    hours = duration_quantiles(time, expected_hours=expected_hours(prospect.expected, energy_kwh=balance_kwh))
    return [_instant(prospect.expected, after_hours=float(after), now=question.now) for after in hours]


def _at_usual_usage(question: DepletionQuestion, *, expected: Outlook) -> float:
    """The balance that would last as long without the factor; what was used up to `now` is not scaled."""
    past_hours = (question.now.timestamp() - expected.starts_at_s) / HOUR_S
    used_kwh = min(float(expected_total(expected, hours=np.array(past_hours))), question.balance_kwh)
    return used_kwh + (question.balance_kwh - used_kwh) / question.usage_factor


def depletion_hours(expected: Outlook, *, balance_kwh: float, table: BandTable = TIME_BANDS) -> list[float]:
    """P10, P50 and P90 of how many hours after the outlook's start `balance_kwh`, above 0, has been used."""
    own = band(table, history_hours=expected.history_hours, signs=expected.signs)
    hours = expected_hours(expected, energy_kwh=balance_kwh)
    return [float(quantile) for quantile in duration_quantiles(own, expected_hours=hours)]


def _instant(expected: Outlook, *, after_hours: float, now: datetime) -> datetime | None:
    ahead_s = expected.starts_at_s + after_hours * HOUR_S - now.timestamp()
    if ahead_s > HORIZON.total_seconds():
        return None
    return now + timedelta(seconds=max(ahead_s, 0.0))
