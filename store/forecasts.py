"""Says which forecasts are due, and keeps forecasts, one a panel and hour."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, LiteralString

from psycopg import AsyncConnection
from psycopg.rows import class_row, kwargs_row
from psycopg.types.json import Jsonb

from metering.access import Viewer
from store.connections import Row
from store.households import HAS_MOVED_IN

KEPT_FOR = timedelta(days=400)
"""How long a forecast can be judged by what came."""

# Looked at with every batch of readings: each panel costs one look into an index, and the rest is asked of stale ones.
_STALE: LiteralString = f"""
SELECT panel.id AS panel_id, panel.code, panel.time_zone, latest.last_seen_at, ledger.id AS ledger_id,
       backtest.judged_at
FROM panel
CROSS JOIN LATERAL (SELECT id FROM ledger_entry WHERE panel_id = panel.id ORDER BY id DESC LIMIT 1) AS ledger
LEFT JOIN latest_reading AS latest ON latest.panel_id = panel.id
LEFT JOIN forecast_attempt AS attempt ON attempt.panel_id = panel.id
LEFT JOIN forecast_backtest AS backtest ON backtest.panel_id = panel.id
WHERE panel.is_prepaid
  AND (attempt.ledger_id IS DISTINCT FROM ledger.id
       OR (attempt.last_seen_at IS DISTINCT FROM latest.last_seen_at
           AND attempt.tried_at <= %(now)s::timestamptz - %(min_interval)s::interval)
       OR attempt.tried_at <= %(now)s::timestamptz - %(max_age)s::interval
       OR {HAS_MOVED_IN})
ORDER BY attempt.ledger_id IS DISTINCT FROM ledger.id DESC, attempt.tried_at, panel.id
LIMIT %(limit)s"""

_SAVE = """
INSERT INTO depletion_forecast (panel_id, hour_at, made_at, data_up_to, ledger_id, method, history_days,
                                balance_kwh, balance_at, widening_lower, widening_upper, p10_at, p50_at, p90_at,
                                days_left, daily, hourly)
VALUES (%(panel_id)s, date_trunc('hour', %(made_at)s::timestamptz), %(made_at)s, %(data_up_to)s, %(ledger_id)s,
        %(method)s, %(history_days)s, %(balance_kwh)s, %(balance_at)s, %(widening_lower)s, %(widening_upper)s,
        %(p10_at)s, %(p50_at)s, %(p90_at)s, %(days_left)s, %(daily)s, %(hourly)s)
ON CONFLICT (panel_id, hour_at) DO UPDATE SET
    made_at = excluded.made_at, data_up_to = excluded.data_up_to, ledger_id = excluded.ledger_id,
    method = excluded.method, history_days = excluded.history_days, balance_kwh = excluded.balance_kwh,
    balance_at = excluded.balance_at, widening_lower = excluded.widening_lower,
    widening_upper = excluded.widening_upper, p10_at = excluded.p10_at, p50_at = excluded.p50_at,
    p90_at = excluded.p90_at, days_left = excluded.days_left, daily = excluded.daily, hourly = excluded.hourly
WHERE depletion_forecast.made_at <= excluded.made_at"""

# The hour before, or two of them: another worker's clock may have been behind.
_DROP_OLD_USAGE = """
UPDATE depletion_forecast SET daily = NULL, hourly = NULL
WHERE panel_id = %(panel_id)s AND daily IS NOT NULL AND hour_at IN (
    SELECT hour_at FROM depletion_forecast
    WHERE panel_id = %(panel_id)s AND hour_at < date_trunc('hour', %(made_at)s::timestamptz)
    ORDER BY hour_at DESC LIMIT 2)"""

_FORGET = "DELETE FROM depletion_forecast WHERE panel_id = %(panel_id)s AND hour_at < %(forgotten_at)s"

_ANNOUNCE = "SELECT pg_notify('forecast', %(panel_id)s::text)"

_RECORD_ATTEMPT = """
INSERT INTO forecast_attempt (panel_id, tried_at, last_seen_at, ledger_id)
VALUES (%(panel_id)s, %(now)s, %(last_seen_at)s, %(ledger_id)s)
ON CONFLICT (panel_id) DO UPDATE SET
    tried_at = excluded.tried_at, last_seen_at = excluded.last_seen_at, ledger_id = excluded.ledger_id"""

_CURRENT = """
SELECT panel.id AS panel_id, made_at, data_up_to, ledger_id, method, history_days, balance_kwh, balance_at,
       widening_lower, widening_upper, p10_at, p50_at, p90_at, days_left, daily, hourly,
       newest.id AS newest_id, newest.created_at AS newest_created_at
FROM visible_panel(%(viewer_id)s, %(sees_all)s) AS panel
JOIN LATERAL (SELECT * FROM depletion_forecast WHERE panel_id = panel.id
              ORDER BY hour_at DESC LIMIT 1) AS forecast ON true
LEFT JOIN LATERAL (SELECT id, created_at, source FROM ledger_entry WHERE panel_id = panel.id
                   ORDER BY id DESC LIMIT 1) AS newest ON newest.source <> 'METER'
WHERE panel.id = ANY(%(panel_ids)s)"""


@dataclass(frozen=True, slots=True)
class StalePanel:
    """A prepaid panel whose forecast is due; `judged_at` is when its earlier ones were judged, None for never."""

    panel_id: int
    code: str
    time_zone: str
    last_seen_at: datetime | None
    ledger_id: int
    judged_at: datetime | None


@dataclass(frozen=True, slots=True)
class UsageColumns:
    """Expected usage of spans that start at `starts_at` (UTC): equally long columns of kWh."""

    starts_at: list[datetime]
    p10_kwh: list[float]
    p50_kwh: list[float]
    p90_kwh: list[float]


@dataclass(frozen=True, slots=True)
class StoredForecast:
    """When a panel's units run out, as it was forecast at `made_at` from readings up to `data_up_to`.

    `p10_at` is early, `p50_at` the median, `p90_at` late; None where that lies beyond the horizon, as `days_left`.
    `balance_kwh` is what was left when usage up to `balance_at` had been taken off, `ledger_id` the newest ledger row
    that was counted. The distances from P50 to P10 and P90 were stretched by `widening_lower` and `widening_upper`.
    """

    panel_id: int
    made_at: datetime
    data_up_to: datetime
    ledger_id: int
    method: str
    history_days: float
    balance_kwh: Decimal
    balance_at: datetime | None
    widening_lower: float
    widening_upper: float
    p10_at: datetime | None
    p50_at: datetime | None
    p90_at: datetime | None
    days_left: float | None
    daily: UsageColumns
    hourly: UsageColumns


@dataclass(frozen=True, slots=True)
class NewestLedger:
    """The row that was written last into a panel's ledger, and when that was (UTC)."""

    id: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class CurrentForecast:
    """A panel's newest forecast, and the newest row of its ledger, which the forecast may not know yet.

    None of a meter's own display: meters tell it all the time, and nobody waits for an answer.
    """

    forecast: StoredForecast
    newest_ledger: NewestLedger | None


async def stale(
    connection: AsyncConnection[Row], *, now: datetime, min_interval: timedelta, max_age: timedelta, limit: int
) -> list[StalePanel]:
    """Prepaid panels whose forecast is due, those with new credit first.

    New readings wait until `min_interval` has passed since the last attempt; after `max_age` it is due without news. A
    panel without any ledger row has no balance, so it is never due.
    """
    async with connection.cursor(row_factory=class_row(StalePanel)) as cursor:
        parameters = {"now": now, "min_interval": min_interval, "max_age": max_age, "limit": limit}
        return await (await cursor.execute(_STALE, parameters)).fetchall()


async def save(
    connection: AsyncConnection[Row], forecast: StoredForecast | None, *, panel: StalePanel, now: datetime
) -> None:
    """Keeps the newest forecast of the hour, says so on the channel `forecast`, and marks the panel as done.

    Of the panel's older hours only when its units were to run out is kept, for `KEPT_FOR`. None marks only: nothing can
    be forecast until there is news.
    """
    async with connection.transaction():
        if forecast:
            await _keep(connection, forecast)
        attempt = {
            "panel_id": panel.panel_id,
            "now": now,
            "last_seen_at": panel.last_seen_at,
            "ledger_id": panel.ledger_id,
        }
        await connection.execute(_RECORD_ATTEMPT, attempt)


async def _keep(connection: AsyncConnection[Row], forecast: StoredForecast) -> None:
    place = {"panel_id": forecast.panel_id, "made_at": forecast.made_at}
    await connection.execute(_SAVE, _parameters(forecast))
    await connection.execute(_DROP_OLD_USAGE, place)
    await connection.execute(_FORGET, {**place, "forgotten_at": forecast.made_at - KEPT_FOR})
    await connection.execute(_ANNOUNCE, {"panel_id": forecast.panel_id})


def _parameters(forecast: StoredForecast) -> dict[str, Any]:
    names = StoredForecast.__slots__
    values: dict[str, Any] = {name: getattr(forecast, name) for name in names}
    return values | {"daily": Jsonb(_columns(forecast.daily)), "hourly": Jsonb(_columns(forecast.hourly))}


def _columns(usage: UsageColumns) -> dict[str, list[str] | list[float]]:
    return {
        "starts_at": [at.isoformat() for at in usage.starts_at],
        "p10_kwh": usage.p10_kwh,
        "p50_kwh": usage.p50_kwh,
        "p90_kwh": usage.p90_kwh,
    }


def _current(
    *, daily: dict[str, Any], hourly: dict[str, Any], newest_id: int | None, newest_created_at: datetime, **others: Any
) -> CurrentForecast:
    forecast = StoredForecast(daily=_usage(daily), hourly=_usage(hourly), **others)
    return CurrentForecast(forecast, None if newest_id is None else NewestLedger(newest_id, newest_created_at))


def _usage(columns: dict[str, Any]) -> UsageColumns:
    starts_at = [datetime.fromisoformat(at) for at in columns["starts_at"]]
    return UsageColumns(starts_at, columns["p10_kwh"], columns["p50_kwh"], columns["p90_kwh"])


async def current(
    connection: AsyncConnection[Row], viewer: Viewer, panel_ids: Sequence[int]
) -> dict[int, CurrentForecast]:
    """The newest forecast of each visible panel, by panel id; panels without one are absent."""
    parameters = {
        "viewer_id": viewer.account_id,
        "sees_all": viewer.sees_all,
        "panel_ids": list(panel_ids),
    }
    async with connection.cursor(row_factory=kwargs_row(_current)) as cursor:
        found = await (await cursor.execute(_CURRENT, parameters)).fetchall()
    return {current.forecast.panel_id: current for current in found}


_MADE_SINCE = """
SELECT panel.id
FROM visible_panel(%(viewer_id)s, %(sees_all)s) AS panel
JOIN LATERAL (SELECT made_at FROM depletion_forecast WHERE panel_id = panel.id
              ORDER BY hour_at DESC LIMIT 1) AS forecast ON true
WHERE panel.is_prepaid AND made_at >= %(since)s"""


async def made_since(connection: AsyncConnection[Row], viewer: Viewer, *, since: datetime) -> set[int]:
    """The ids of the viewer's prepaid panels whose newest forecast was made at an instant or later."""
    parameters = {"viewer_id": viewer.account_id, "sees_all": viewer.sees_all, "since": since}
    return {panel_id for (panel_id,) in await (await connection.execute(_MADE_SINCE, parameters)).fetchall()}


_AGES = """
SELECT min(made_at), max(made_at) FROM panel
CROSS JOIN LATERAL (SELECT made_at FROM depletion_forecast WHERE panel_id = panel.id
                    ORDER BY hour_at DESC LIMIT 1) AS forecast
WHERE panel.is_prepaid"""


async def ages(connection: AsyncConnection[Row]) -> tuple[datetime | None, datetime | None]:
    """When the oldest and the newest of the panels' current forecasts were made; None without any."""
    ((oldest_at, newest_at),) = await (await connection.execute(_AGES)).fetchall()
    return oldest_at, newest_at
