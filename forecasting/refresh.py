"""Turns panels whose readings or credit moved on into new depletion forecasts."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np

from forecasting.depletion import DepletionForecast, RegisterHistory, UsageForecast, forecast_depletion
from store import forecasts
from store.connections import Database, Pool
from store.forecasts import RegisterPoints, StalePanel, StoredForecast, UsageColumns
from store.outages import is_outage

_log = logging.getLogger(__name__)

MIN_INTERVAL = timedelta(seconds=30)
BATCH = 200
"""How many panels one call takes at the most, those with new credit first, so that a top-up never waits long."""

_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class _Inputs:
    """What a forecast is made from, as the database had it at one instant."""

    panel: StalePanel
    balance_kwh: Decimal
    history: RegisterPoints


async def refresh_stale(
    pool: Pool, *, now: datetime, min_interval: timedelta = MIN_INTERVAL, limit: int = BATCH
) -> int:
    """Forecasts up to `limit` panels that have news, and returns how many it looked at.

    A panel is renewed at once when its ledger changed, and at most every `min_interval` when only readings did. The
    computing runs in a thread. A panel that fails is logged, keeps its last forecast, and waits for news.
    """
    async with pool.connection() as connection:
        stale = await forecasts.stale(connection, now=now, min_interval=min_interval, limit=limit)
        for start in range(0, len(stale), _AT_ONCE):
            await _refresh(connection, stale[start : start + _AT_ONCE], now=now)
    return len(stale)


async def _refresh(connection: Database, panels: list[StalePanel], *, now: datetime) -> None:
    inputs = [await _read(connection, panel, now=now) for panel in panels]
    made = await asyncio.to_thread(lambda: [_forecast(each, now=now) if each else None for each in inputs])
    for panel, forecast in zip(panels, made, strict=True):
        await forecasts.save(connection, forecast, panel=panel, now=now)


async def _read(connection: Database, panel: StalePanel, *, now: datetime) -> _Inputs | None:
    """What to forecast from; None where there is no reading yet, or no balance, or where reading it failed."""
    try:
        balance_kwh = await forecasts.balance(connection, panel.panel_id, now=now)
        if balance_kwh is None or panel.reading_at is None:
            return None
        return _Inputs(panel, balance_kwh, await forecasts.history(connection, panel.panel_id, now=now))
    except Exception as error:
        if is_outage(error):
            raise
        _log.exception("no forecast for panel %s", panel.code)
        return None


def _forecast(inputs: _Inputs, *, now: datetime) -> StoredForecast | None:
    """The panel's forecast; None where there is too little to go by, or where it failed."""
    try:
        made = forecast_depletion(
            _register_history(inputs.history),
            balance_kwh=float(inputs.balance_kwh),
            now=now,
            time_zone=ZoneInfo(inputs.panel.time_zone),
            balance_at=inputs.panel.balance_at,
        )
        return _stored(made, inputs=inputs) if made else None
    except Exception:  # noqa: BLE001 - one panel must not hold up the others
        _log.exception("no forecast for panel %s", inputs.panel.code)
        return None


def _register_history(points: RegisterPoints) -> RegisterHistory:
    """The points as arrays, whole seconds; of several in one second the last one stays."""
    at = np.asarray(points.at_s, dtype=np.float64).astype("datetime64[s]")
    register_kwh = np.asarray(points.register_kwh, dtype=np.float64)
    is_last = np.append(at[1:] != at[:-1], True) if at.size else np.zeros(0, dtype=bool)
    return RegisterHistory(at=at[is_last], register_kwh=register_kwh[is_last])


def _stored(made: DepletionForecast, *, inputs: _Inputs) -> StoredForecast:
    return StoredForecast(
        panel_id=inputs.panel.panel_id,
        made_at=made.made_at,
        data_up_to=made.data_up_to,
        ledger_id=inputs.panel.ledger_id,
        method=made.method,
        history_days=round(made.history_days, 2),
        balance_kwh=inputs.balance_kwh,
        p10_at=_to_the_minute(made.depletes_at_p10),
        p50_at=_to_the_minute(made.depletes_at_p50),
        p90_at=_to_the_minute(made.depletes_at_p90),
        days_left=None if made.days_left is None else round(made.days_left, 3),
        daily=_columns(made.daily),
        hourly=_columns(made.hourly),
    )


def _to_the_minute(at: datetime | None) -> datetime | None:
    """No forecast knows the second."""
    return at and at.replace(second=0, microsecond=0)


def _columns(usage: UsageForecast) -> UsageColumns:
    return UsageColumns(
        starts_at=[at.astimezone(UTC) for at in usage.starts_at],
        p10_kwh=_to_the_watt_hour(usage.p10_kwh),
        p50_kwh=_to_the_watt_hour(usage.p50_kwh),
        p90_kwh=_to_the_watt_hour(usage.p90_kwh),
    )


def _to_the_watt_hour(energy_kwh: Sequence[float]) -> list[float]:
    return [round(kwh, 3) for kwh in energy_kwh]
