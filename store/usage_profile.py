"""Turns a viewer's panels and a span into sums by hour of the local day, weekdays and weekends apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import LiteralString

from psycopg import AsyncConnection

from metering.access import Viewer
from metering.buckets import Level
from metering.periods import Period
from store.connections import Row


@dataclass(frozen=True, slots=True)
class HourSum:
    """What a panel used in an hour of the local day, 0 to 23, of all weekdays or all weekend days of a span.

    `hour_count` is how many such hours have a reading: clocks show one twice in autumn, and leave one out in spring.
    """

    panel_id: int
    is_weekend: bool
    hour: int
    hour_count: int
    energy_kwh: Decimal
    power_sum_kw: float
    power_count: int
    peak_kw: float | None


_BY_HOURS: LiteralString = """
WITH hour AS (
    SELECT panel.id AS panel_id, date_trunc('hour', starts_at AT TIME ZONE panel.time_zone) AS local_at,
           energy_kwh, power_sum_kw, power_count, power_max_kw
    FROM history_panel(%(viewer_id)s, %(sees_all)s) AS panel
    JOIN rollup_hour AS rollup ON rollup.panel_id = panel.id
    WHERE panel.id = ANY(%(panel_ids)s) AND starts_at >= %(start)s AND starts_at < %(end)s
)
SELECT panel_id, extract(isodow FROM local_at) >= 6, extract(hour FROM local_at)::integer, count(*)::integer,
       sum(energy_kwh), sum(power_sum_kw), sum(power_count)::integer, max(power_max_kw)
FROM hour GROUP BY 1, 2, 3
"""

_BY_FIVE_MINUTES: LiteralString = """
WITH hour AS (
    SELECT panel.id AS panel_id, date_trunc('hour', starts_at AT TIME ZONE panel.time_zone) AS local_at,
           (starts_at AT TIME ZONE panel.time_zone) - (starts_at AT TIME ZONE 'UTC') AS ahead,
           sum(energy_kwh) AS energy_kwh, sum(power_sum_kw) AS power_sum_kw, sum(power_count) AS power_count,
           max(power_max_kw) AS power_max_kw
    FROM history_panel(%(viewer_id)s, %(sees_all)s) AS panel
    JOIN rollup_five_minutes AS rollup ON rollup.panel_id = panel.id
    WHERE panel.id = ANY(%(panel_ids)s) AND starts_at >= %(start)s AND starts_at < %(end)s
    GROUP BY 1, 2, 3
)
SELECT panel_id, extract(isodow FROM local_at) >= 6, extract(hour FROM local_at)::integer, count(*)::integer,
       sum(energy_kwh), sum(power_sum_kw), sum(power_count)::integer, max(power_max_kw)
FROM hour GROUP BY 1, 2, 3
"""


async def by_hour(
    connection: AsyncConnection[Row], *, viewer: Viewer, panel_ids: Sequence[int], period: Period, level: Level
) -> list[HourSum]:
    """The sums of each visible panel's hours of the day that have a reading.

    From hours where the panels' local hours begin with those of UTC, else from five minutes.
    """
    parameters = {
        "viewer_id": viewer.account_id,
        "sees_all": viewer.sees_all,
        "panel_ids": list(panel_ids),
        "start": period.start,
        "end": period.end,
    }
    statement = _BY_HOURS if level is Level.HOUR else _BY_FIVE_MINUTES
    cursor = await connection.execute(statement, parameters, binary=True)
    return [HourSum(*row) for row in await cursor.fetchall()]
