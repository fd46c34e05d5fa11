"""Turns a viewer's panels into their sums by month, and what those cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import LiteralString

from psycopg import AsyncConnection

from metering.access import Viewer
from store.connections import Row


@dataclass(frozen=True, slots=True)
class MonthSum:
    """What a panel used in the month that starts with `month`, as far as it costs `currency`; `cost` is exact."""

    panel_id: int
    month: date
    currency: str | None
    energy_kwh: Decimal
    cost: Decimal
    peak_kw: float | None
    factor_sum: float
    factor_count: int


# The tariff of a day is the panel's own where it has one, otherwise the default, joined.
_BY_MONTH: LiteralString = """
WITH visible AS (
    SELECT id FROM visible_panel(%(viewer_id)s, %(sees_all)s)
    WHERE id = ANY(%(panel_ids)s)
), price AS (
    SELECT panel_id, currency, unit_price * (100 + vat_percent) / 100 AS per_kwh, daterange(
               valid_from, lead(valid_from) OVER (PARTITION BY panel_id ORDER BY valid_from)) AS days
    FROM tariff WHERE panel_id IS NULL OR panel_id IN (SELECT id FROM visible)
)
SELECT rollup.panel_id, date_trunc('month', rollup.day)::date AS month, coalesce(own.currency, standard.currency),
       sum(energy_kwh), coalesce(sum(energy_kwh * coalesce(own.per_kwh, standard.per_kwh)), 0),
       max(power_max_kw), sum(factor_sum), sum(factor_count)
FROM visible
JOIN rollup_day AS rollup ON rollup.panel_id = visible.id
LEFT JOIN price AS own ON own.panel_id = rollup.panel_id AND own.days @> rollup.day
LEFT JOIN price AS standard ON standard.panel_id IS NULL AND standard.days @> rollup.day
WHERE rollup.day >= %(first_day)s AND rollup.day < %(end_day)s
GROUP BY 1, 2, 3
"""


async def by_month(
    connection: AsyncConnection[Row],
    *,
    viewer: Viewer,
    panel_ids: Sequence[int],
    first_day: date,
    end_day: date,
) -> list[MonthSum]:
    """The sums of each visible panel's months, one for each currency."""
    parameters = {
        "viewer_id": viewer.account_id,
        "sees_all": viewer.sees_all,
        "panel_ids": list(panel_ids),
        "first_day": first_day,
        "end_day": end_day,
    }
    cursor = await connection.execute(_BY_MONTH, parameters, binary=True)
    return [MonthSum(*row) for row in await cursor.fetchall()]


_FIRST_READINGS: LiteralString = """
SELECT panel.id, first.first_at
FROM visible_panel(%(viewer_id)s, %(sees_all)s) AS panel
JOIN LATERAL (SELECT first_at FROM rollup_day WHERE panel_id = panel.id ORDER BY day LIMIT 1) AS first ON true
WHERE panel.id = ANY(%(panel_ids)s)
"""


async def first_readings(
    connection: AsyncConnection[Row], *, viewer: Viewer, panel_ids: Sequence[int]
) -> dict[int, datetime]:
    """When each visible panel's first reading is from, in UTC; panels without one are absent."""
    parameters = {
        "viewer_id": viewer.account_id,
        "sees_all": viewer.sees_all,
        "panel_ids": list(panel_ids),
    }
    cursor = await connection.execute(_FIRST_READINGS, parameters, binary=True)
    return dict(await cursor.fetchall())
