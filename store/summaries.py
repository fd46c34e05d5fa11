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
    """What a panel used in the span at `place` of those asked for, as far as it costs `currency`.

    `cost` is exact where its tariffs are one price a kWh, and means nothing where they are more. `known_since` is the
    first local day with a reading.
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


# The tariff of a day is the panel's own where it has one, otherwise the default, otherwise none. Each span is cut where
# another tariff begins and then summed: to look up the price of each day took 8 s for a year of 500 panels. Of a day
# that is cut, import is from its hours or from the day in proportion where its five minutes are no longer kept.
_BY_SPAN: LiteralString = """
WITH visible AS MATERIALIZED (
    SELECT panel.id, panel.time_zone, min(own.valid_from) AS own_from
    FROM history_panel(%(viewer_id)s, %(sees_all)s) AS panel
    LEFT JOIN tariff AS own ON own.panel_id = panel.id
    WHERE panel.id = ANY(%(panel_ids)s)
    GROUP BY panel.id, panel.time_zone
), price AS (
    SELECT visible.id AS panel_id, valid_from, currency,
           coalesce(price_with_taxes, unit_price * (100 + vat_percent) / 100) AS per_kwh
    FROM visible JOIN tariff ON tariff.panel_id = visible.id
    UNION ALL
    SELECT visible.id, valid_from, currency, coalesce(price_with_taxes, unit_price * (100 + vat_percent) / 100)
    FROM visible JOIN tariff ON tariff.panel_id IS NULL AND valid_from < coalesce(own_from, 'infinity')
    UNION ALL
    SELECT id, '-infinity', NULL, NULL FROM visible
), priced AS MATERIALIZED (
    SELECT price.*, lead(valid_from, 1, 'infinity') OVER (PARTITION BY panel_id ORDER BY valid_from) AS valid_until
    FROM price
), span AS MATERIALIZED (
    SELECT asked.place::integer - 1 AS place, panel_id, currency, per_kwh, end_day,
           greatest(first_day, valid_from) AS since, least(end_day, valid_until) AS until, cut_at,
           CASE WHEN end_day >= valid_from AND end_day < valid_until THEN midnight_at END AS midnight_at
    FROM unnest(%(time_zones)s::text[], %(first_days)s::date[], %(end_days)s::date[], %(midnights)s::timestamptz[],
                %(cuts)s::timestamptz[])
         WITH ORDINALITY AS asked (time_zone, first_day, end_day, midnight_at, cut_at, place)
    JOIN visible ON visible.time_zone = coalesce(asked.time_zone, visible.time_zone)
    JOIN priced ON priced.panel_id = visible.id AND valid_from <= end_day AND valid_until > first_day
)
SELECT place, panel_id, currency, sum(energy_kwh), sum(export_kwh), coalesce(sum(energy_kwh * per_kwh), 0),
       max(peak_kw), sum(factor_sum), sum(factor_count)::bigint, min(known_since)
FROM span CROSS JOIN LATERAL (
    SELECT sum(energy_kwh) AS energy_kwh, sum(export_kwh) AS export_kwh, max(power_max_kw) AS peak_kw,
           sum(factor_sum) AS factor_sum, sum(factor_count) AS factor_count, min(day) AS known_since
    FROM rollup_day WHERE panel_id = span.panel_id AND day >= since AND day < until
    UNION ALL
    SELECT sum(energy_kwh), sum(export_kwh), max(power_max_kw), sum(factor_sum), sum(factor_count),
           CASE WHEN count(*) > 0 THEN end_day END
    FROM rollup_five_minutes WHERE panel_id = span.panel_id AND starts_at >= midnight_at AND starts_at < cut_at
    UNION ALL
    SELECT part_of_day_kwh(span.panel_id, midnight_at, cut_at), 0, NULL, 0, 0, end_day
    FROM rollup_day
    WHERE panel_id = span.panel_id AND day = end_day AND midnight_at IS NOT NULL AND first_at < cut_at AND NOT EXISTS (
        SELECT FROM rollup_five_minutes
        WHERE panel_id = span.panel_id AND starts_at >= midnight_at AND starts_at < cut_at)
) AS part
WHERE known_since IS NOT NULL
GROUP BY place, panel_id, currency
"""


async def by_span(
    connection: AsyncConnection[Row],
    *,
    viewer: Viewer,
    panel_ids: Sequence[int],
    spans: Sequence[tuple[str | None, DaysUpTo]],
) -> list[SpanSum]:
    """The sums of each visible panel's spans with readings, one for each currency.

    A span is for the panels of its time zone, or for all panels. Of the part of a day whose five minutes are no longer
    kept there is the import alone.
    """
    parameters = {
        "viewer_id": viewer.account_id,
        "sees_all": viewer.sees_all,
        "panel_ids": list(panel_ids),
        "time_zones": [time_zone for time_zone, _ in spans],
        "first_days": [days.first_day for _, days in spans],
        "end_days": [days.end_day for _, days in spans],
        "midnights": [days.part and days.part.start for _, days in spans],
        "cuts": [days.part and days.part.end for _, days in spans],
    }
    cursor = await connection.execute(_BY_SPAN, parameters, binary=True)
    return [SpanSum(*row) for row in await cursor.fetchall()]


_FIRST_READINGS: LiteralString = """
SELECT panel.id, first.first_at
FROM history_panel(%(viewer_id)s, %(sees_all)s) AS panel
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
