"""Keeps how much each panel will use to the end of its local month, and says whose forecast is due."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, LiteralString

from psycopg.rows import class_row

from metering.access import Viewer
from store.connections import Database
from store.households import HAS_MOVED_IN


@dataclass(frozen=True, slots=True)
class DuePanel:
    """A panel whose month is to be forecast."""

    panel_id: int
    code: str
    time_zone: str


@dataclass(frozen=True, slots=True)
class MonthForecast:
    """What a panel will use from `starts_at` to `ends_at`, its local month's end, as seen at `made_at`; all UTC.

    `starts_at` is `data_up_to`, the newest reading, or the month's start where that is later. The quantiles are of the
    whole span; `hour_kwh` is what is expected in each hour of it. `used_kwh` was used in the month before `starts_at`,
    where the meter's display says so; None where its register does.
    """

    panel_id: int
    made_at: datetime
    data_up_to: datetime
    starts_at: datetime
    ends_at: datetime
    used_kwh: float | None
    method: str
    p10_kwh: float
    p50_kwh: float
    p90_kwh: float
    hour_kwh: list[float]


_DUE: LiteralString = f"""
SELECT panel.id AS panel_id, panel.code, panel.time_zone
FROM panel
LEFT JOIN month_forecast_attempt AS attempt ON attempt.panel_id = panel.id
LEFT JOIN month_forecast AS made ON made.panel_id = panel.id
WHERE (attempt.panel_id IS NULL OR attempt.tried_at <= %(now)s::timestamptz - %(max_age)s::interval
       OR (made.ends_at <= %(now)s AND attempt.tried_at < made.ends_at) OR {HAS_MOVED_IN})
  AND (panel.is_prepaid OR EXISTS (SELECT FROM latest_reading WHERE panel_id = panel.id))
ORDER BY attempt.tried_at NULLS FIRST, panel.id
LIMIT %(limit)s"""


async def due(connection: Database, *, now: datetime, max_age: timedelta, limit: int) -> list[DuePanel]:
    """The panels whose month was looked at longest ago: `max_age` or more, or before it began."""
    async with connection.cursor(row_factory=class_row(DuePanel)) as cursor:
        await cursor.execute(_DUE, {"now": now, "max_age": max_age, "limit": limit})
        return await cursor.fetchall()


_SAVE: LiteralString = """
INSERT INTO month_forecast (panel_id, made_at, data_up_to, starts_at, ends_at, used_kwh, method, p10_kwh, p50_kwh,
                            p90_kwh, hour_kwh)
VALUES (%(panel_id)s, %(made_at)s, %(data_up_to)s, %(starts_at)s, %(ends_at)s, %(used_kwh)s, %(method)s,
        %(p10_kwh)s, %(p50_kwh)s, %(p90_kwh)s, %(hour_kwh)s::float8[])
ON CONFLICT (panel_id) DO UPDATE SET
    made_at = excluded.made_at, data_up_to = excluded.data_up_to, starts_at = excluded.starts_at,
    ends_at = excluded.ends_at, used_kwh = excluded.used_kwh, method = excluded.method, p10_kwh = excluded.p10_kwh,
    p50_kwh = excluded.p50_kwh, p90_kwh = excluded.p90_kwh, hour_kwh = excluded.hour_kwh
WHERE month_forecast.made_at <= excluded.made_at"""

_TRIED: LiteralString = """
INSERT INTO month_forecast_attempt (panel_id, tried_at) VALUES (%(panel_id)s, %(now)s)
ON CONFLICT (panel_id) DO UPDATE SET tried_at = excluded.tried_at"""


async def save(connection: Database, forecast: MonthForecast | None, *, panel_id: int, now: datetime) -> None:
    """Keeps a panel's newest forecast, and that it was looked at; None where nothing could be forecast."""
    async with connection.transaction():
        if forecast:
            values: dict[str, Any] = {name: getattr(forecast, name) for name in MonthForecast.__slots__}
            await connection.execute(_SAVE, values)
        await connection.execute(_TRIED, {"panel_id": panel_id, "now": now})


_ASK_ANEW: LiteralString = """
WITH anew AS (DELETE FROM month_forecast_attempt WHERE panel_id = ANY(%(panel_ids)s) RETURNING panel_id)
SELECT pg_notify('month_forecast', panel_id::text) FROM anew"""


async def ask_anew(connection: Database, panel_ids: Sequence[int]) -> None:
    """Makes the forecasts of these panels due now, and says so on the channel `month_forecast`."""
    if panel_ids:
        await connection.execute(_ASK_ANEW, {"panel_ids": list(panel_ids)})


@dataclass(frozen=True, slots=True)
class CurrentMonth:
    """A panel's forecast, and when its newest reading is from (UTC); None before the first."""

    forecast: MonthForecast
    reading_at: datetime | None


_CURRENT: LiteralString = """
SELECT made.panel_id, made.made_at, made.data_up_to, made.starts_at, made.ends_at, made.used_kwh, made.method,
       made.p10_kwh, made.p50_kwh, made.p90_kwh, made.hour_kwh, latest.at
FROM visible_panel(%(viewer_id)s, %(sees_all)s) AS panel
JOIN month_forecast AS made ON made.panel_id = panel.id
LEFT JOIN latest_reading AS latest ON latest.panel_id = panel.id
WHERE panel.id = ANY(%(panel_ids)s) AND made.ends_at > %(now)s"""


async def current(
    connection: Database, *, viewer: Viewer, panel_ids: Sequence[int], now: datetime
) -> dict[int, CurrentMonth]:
    """The forecast of each visible panel's present month, by panel id; panels without one are absent."""
    parameters = {
        "viewer_id": viewer.account_id, "sees_all": viewer.sees_all, "panel_ids": list(panel_ids), "now": now,
    }  # fmt: skip
    found = await (await connection.execute(_CURRENT, parameters, binary=True)).fetchall()
    return {row[0]: CurrentMonth(MonthForecast(*row[:-1]), row[-1]) for row in found}
