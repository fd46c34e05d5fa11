"""Turns a viewer's panels and local days into demand: the peaks, mean power and power factor of days and months."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, LiteralString

from psycopg import AsyncConnection

from metering.access import Viewer
from store.connections import Row
from store.scope import scope


@dataclass(frozen=True, slots=True)
class DemandSum:
    """The demand of a panel on a local day, or in the month that begins with `first_day`.

    `peak_demand_kw` is four times the most energy of a quarter of an hour, `peak_demand_at` the start (UTC) of the
    first quarter that had it; None where no usage tells of a quarter. The others are of readings; None: not measured.
    """

    panel_id: int
    first_day: date
    energy_kwh: Decimal
    peak_demand_kw: Decimal | None
    peak_demand_at: datetime | None
    power_min_kw: float | None
    power_max_kw: float | None
    power_mean_kw: float | None
    factor_mean: float | None


_DAYS: LiteralString = """
SELECT rollup.panel_id, day, energy_kwh, peak_demand_kw, peak_demand_at, power_min_kw, power_max_kw,
       power_sum_kw / nullif(power_count, 0), factor_sum / nullif(factor_count, 0)
FROM history_panel(%(viewer_id)s, %(sees_all)s) AS panel
JOIN rollup_day AS rollup ON rollup.panel_id = panel.id
WHERE panel.id = ANY (%(panel_ids)s) AND day >= %(first_day)s AND day < %(end_day)s
ORDER BY rollup.panel_id, day
"""

_MONTHS: LiteralString = """
SELECT rollup.panel_id, month, energy_kwh, peak_demand_kw, peak_demand_at, power_min_kw, power_max_kw,
       power_mean_kw, factor_mean
FROM history_panel(%(viewer_id)s, %(sees_all)s) AS panel
JOIN rollup_month AS rollup ON rollup.panel_id = panel.id
WHERE panel.id = ANY (%(panel_ids)s) AND month >= %(first_day)s AND month < %(end_day)s
ORDER BY rollup.panel_id, month
"""


async def days(
    connection: AsyncConnection[Row],
    *,
    viewer: Viewer,
    panel_ids: Sequence[int],
    first_day: date,
    end_day: date,
) -> list[DemandSum]:
    """The demand of each visible panel's local days with a reading in [first_day, end_day), by panel and day."""
    parameters = {"panel_ids": list(panel_ids), "first_day": first_day, "end_day": end_day, **scope(viewer)}
    return await _sums(connection, _DAYS, parameters)


async def months(
    connection: AsyncConnection[Row],
    *,
    viewer: Viewer,
    panel_ids: Sequence[int],
    first_day: date,
    end_day: date,
) -> list[DemandSum]:
    """The same of whole months, those that begin in [first_day, end_day)."""
    parameters = {"panel_ids": list(panel_ids), "first_day": first_day, "end_day": end_day, **scope(viewer)}
    return await _sums(connection, _MONTHS, parameters)


async def _sums(
    connection: AsyncConnection[Row], statement: LiteralString, parameters: dict[str, Any]
) -> list[DemandSum]:
    cursor = await connection.execute(statement, parameters, binary=True)
    return [DemandSum(*row) for row in await cursor.fetchall()]
