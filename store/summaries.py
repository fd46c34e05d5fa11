"""Turns a viewer's panels and spans of local days into sums, and what those cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import LiteralString

from psycopg import AsyncConnection

from metering.access import Viewer
from metering.calendar_spans import DaysUpTo
from store.connections import Row


@dataclass(frozen=True, slots=True)
class SpanSum:
    """What a panel used in the span at `place` of those asked for, as far as it costs `currency`; `cost` is exact.

    `known_since` is the first local day with a reading.
    """

    place: int
    panel_id: int
    currency: str | None
    energy_kwh: Decimal
    export_kwh: Decimal
    cost: Decimal
    peak_kw: float | None
    factor_sum: float
    factor_count: int
    known_since: date


# The tariff of a day is the panel's own where it has one, otherwise the default, joined.
_BY_SPAN: LiteralString = """
WITH visible AS MATERIALIZED (
    SELECT id, time_zone FROM visible_panel(%(viewer_id)s, %(sees_all)s)
    WHERE id = ANY(%(panel_ids)s)
), asked AS MATERIALIZED (
    SELECT span.place::integer AS place, visible.id AS panel_id, first_day, end_day, midnight_at, cut_at
    FROM unnest(%(time_zones)s::text[], %(first_days)s::date[], %(end_days)s::date[], %(midnights)s::timestamptz[],
                %(cuts)s::timestamptz[])
         WITH ORDINALITY AS span (time_zone, first_day, end_day, midnight_at, cut_at, place)
    JOIN visible ON visible.time_zone = coalesce(span.time_zone, visible.time_zone)
), part AS (
    SELECT place, panel_id, day, energy_kwh, export_kwh, power_max_kw, factor_sum, factor_count
    FROM asked JOIN rollup_day AS rollup USING (panel_id)
    WHERE day >= first_day AND day < end_day
    UNION ALL
    SELECT place, panel_id, end_day, sum(energy_kwh), sum(export_kwh), max(power_max_kw), sum(factor_sum),
           sum(factor_count)
    FROM asked JOIN rollup_five_minutes AS rollup USING (panel_id)
    WHERE starts_at >= midnight_at AND starts_at < cut_at
    GROUP BY place, panel_id, end_day
), price AS (
    SELECT panel_id, currency, unit_price * (100 + vat_percent) / 100 AS per_kwh, daterange(
               valid_from, lead(valid_from) OVER (PARTITION BY panel_id ORDER BY valid_from)) AS days
    FROM tariff WHERE panel_id IS NULL OR panel_id IN (SELECT id FROM visible)
)
SELECT place - 1, part.panel_id, coalesce(own.currency, standard.currency), sum(energy_kwh), sum(export_kwh),
       coalesce(sum(energy_kwh * coalesce(own.per_kwh, standard.per_kwh)), 0),
       max(power_max_kw), sum(factor_sum), sum(factor_count)::bigint, min(day)
FROM part
LEFT JOIN price AS own ON own.panel_id = part.panel_id AND own.days @> part.day
LEFT JOIN price AS standard ON standard.panel_id IS NULL AND standard.days @> part.day
GROUP BY 1, 2, 3
"""


async def by_span(
    connection: AsyncConnection[Row],
    *,
    viewer: Viewer,
    panel_ids: Sequence[int],
    spans: Sequence[tuple[str | None, DaysUpTo]],
) -> list[SpanSum]:
    """The sums of each visible panel's spans with readings, one for each currency.

    A span is for the panels of its time zone, or for all panels.
    """
    parameters = {
        "viewer_id": viewer.account_id,
        "sees_all": viewer.sees_all,
        "panel_ids": list(panel_ids),
        "time_zones": [time_zone for time_zone, _ in spans],
        "first_days": [days.first_day for _, days in spans],
        "end_days": [days.end_day for _, days in spans],
        "midnights": [days.midnight_at for _, days in spans],
        "cuts": [days.cut_at for _, days in spans],
    }
    cursor = await connection.execute(_BY_SPAN, parameters, binary=True)
    return [SpanSum(*row) for row in await cursor.fetchall()]


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
