"""Turns panels into how much they will use to the end of their local month."""

import asyncio
import logging
import math
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from time import perf_counter
from zoneinfo import ZoneInfo

import numpy as np

from forecasting.depletion import LEARNING_DAYS, RegisterHistory, UsageQuantiles, forecast_usage
from forecasting.displays import history_of, register_of
from forecasting.hours import DAY_S, hourly_usage
from forecasting.inputs import inputs_of
from forecasting.outlook import expected_usage, outlook
from forecasting.stored import register_history
from forecasting.trained import DepletionModel
from metering.periods import local_midnight, month_days
from store import forecasting_status, month_forecasts
from store.connections import Pool
from store.forecast_inputs import ForecastInputs, RegisterPoints
from store.month_forecasts import DuePanel, MonthForecast

_log = logging.getLogger(__name__)

MAX_AGE = timedelta(hours=1)
BATCH = 50


async def refresh_months(pool: Pool, *, now: datetime, limit: int = BATCH, model: DepletionModel | None = None) -> int:
    """Forecasts the month of up to `limit` panels that were looked at an hour ago or more, and returns how many.

    The computing runs in a thread. A panel that fails is logged, and waits its turn again.
    """
    async with pool.connection() as connection:
        due = await month_forecasts.due(connection, now=now, max_age=MAX_AGE, limit=limit)
        inputs = await inputs_of(connection, {panel.panel_id: panel.code for panel in due}, now=now)
        began_s = perf_counter()
        made = await asyncio.to_thread(_made, due, inputs, now=now, model=model)
        took_s = perf_counter() - began_s
        for panel in due:
            await month_forecasts.save(connection, made.get(panel.panel_id), panel_id=panel.panel_id, now=now)
        if due:
            await forecasting_status.count(connection, made=len(made), failed=0, took_s=took_s, now=now)
    return len(due)


def _made(
    panels: list[DuePanel], inputs: dict[int, ForecastInputs], *, now: datetime, model: DepletionModel | None
) -> dict[int, MonthForecast]:
    made: dict[int, MonthForecast] = {}
    for panel in panels:
        try:
            found = inputs.get(panel.panel_id)
            forecast = month_forecast(panel, found, now=now, model=model) if found else None
        except Exception:  # noqa: BLE001 - one panel must not hold up the others
            _log.exception("no forecast of the month for panel %s", panel.code)
            continue
        made |= {panel.panel_id: forecast} if forecast else {}
    return made


def month_forecast(
    panel: DuePanel, inputs: ForecastInputs, *, now: datetime, model: DepletionModel | None = None
) -> MonthForecast | None:
    """What the panel will use to the end of the local month of `now`; None where too little is known."""
    zone, register = ZoneInfo(panel.time_zone), register_of(inputs)
    month_at, ends_at = _month(now, zone)
    if len(register.at_s) < 2:
        return None
    data_up_to = datetime.fromtimestamp(register.at_s[-1], UTC)
    starts_at = max(data_up_to, month_at)
    history = register_history(history_of(inputs))
    expected = forecast_usage(history, now=starts_at, until=ends_at, time_zone=zone, model=model)
    if expected is None:
        return None
    history_days = (register.at_s[-1] - register.at_s[0]) / DAY_S
    return MonthForecast(
        panel_id=panel.panel_id,
        made_at=now,
        data_up_to=data_up_to,
        starts_at=starts_at,
        ends_at=ends_at,
        used_kwh=_used_kwh(register, since=month_at, until=starts_at) if _is_shown(inputs, month_at) else None,
        method="LEARNING" if history_days < LEARNING_DAYS else "MODEL" if model else "PROFILE",
        p10_kwh=expected.p10_kwh,
        p50_kwh=expected.p50_kwh,
        p90_kwh=expected.p90_kwh,
        hour_kwh=_hours(history, expected, starts_at=starts_at, ends_at=ends_at, zone=zone),
    )


def _month(now: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The instants (UTC) at which the local month begins and ends."""
    local = now.astimezone(zone)
    first, end = month_days(local.year, local.month)
    return local_midnight(first, zone), local_midnight(end, zone)


def _is_shown(inputs: ForecastInputs, month_at: datetime) -> bool:
    """Whether displays say what was used in the month: they alone, or where the register says nothing."""
    looks_at_s = [row.at_s for row in inputs.rows if row.shown_kwh is not None]
    return bool(looks_at_s) and (not inputs.register.at_s or looks_at_s[-1] >= month_at.timestamp())


def _used_kwh(register: RegisterPoints, *, since: datetime, until: datetime) -> float:
    """What was used between two instants, by a register that falls where nobody can say."""
    rises = [max(after - before, 0.0) for before, after in pairwise(register.register_kwh)]
    total_kwh = np.append(0.0, np.cumsum(rises))
    before, after = np.interp([since.timestamp(), until.timestamp()], register.at_s, total_kwh)
    return float(after - before)


def _hours(
    history: RegisterHistory, expected: UsageQuantiles, *, starts_at: datetime, ends_at: datetime, zone: ZoneInfo
) -> list[float]:
    """The median spread over the hours of the span as they usually are used."""
    ahead_hours = (ends_at - starts_at) / timedelta(hours=1)
    edges = np.array([*range(math.ceil(ahead_hours)), ahead_hours], dtype=np.float64)
    usage = hourly_usage(history, until_s=starts_at.timestamp())
    seen = outlook(usage, starts_at_s=starts_at.timestamp(), time_zone=zone) if usage else None
    shape = np.diff(edges) if seen is None else expected_usage(seen, edges_hours=edges)
    total = float(shape.sum())
    return [round(float(kwh), 4) for kwh in shape * (expected.p50_kwh / total if total else 0.0)]
