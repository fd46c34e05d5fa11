"""Turns panels and the pieces of spans into sums of energy: of all panels and pieces by one statement."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import LiteralString

from psycopg import AsyncConnection

from metering.access import Viewer
from store.connections import Row

_HOUR_S, _FIVE_MINUTES_S = 3600, 300


@dataclass(frozen=True, slots=True)
class EnergyPiece:
    """Instants (UTC) of the plan of that number, whose import counts to its sum `part`; `days` where they are whole.

    `days` are local days of the panel, the second excluded.
    """

    plan: int
    part: int
    start: datetime
    end: datetime
    days: tuple[date, date] | None


@dataclass(frozen=True, slots=True)
class EnergyParts:
    """The sums of a panel by a plan, in kWh by part; `first_at` (UTC) is its first reading, None before that."""

    panel_id: int
    plan: int
    first_at: datetime | None
    energies_kwh: dict[int, Decimal]


# Each piece from the coarsest rows that give it exactly: days, hours of UTC, five minutes, readings; in proportion
# where only coarser ones are kept. A year of two prices by the hour is 500 look-ups a panel, of some rows each.
_BY_PART: LiteralString = """
WITH piece AS MATERIALIZED (
    SELECT plan, part, first_day, end_day, width_s,
           'epoch'::timestamptz + since_us * interval '1 microsecond' AS since,
           'epoch'::timestamptz + until_us * interval '1 microsecond' AS until
    FROM unnest(%(plans)s::text::integer[], %(parts)s::text::integer[], %(widths_s)s::text::integer[],
                %(since_us)s::text::bigint[], %(until_us)s::text::bigint[],
                %(first_days)s::date[], %(end_days)s::date[])
         AS piece (plan, part, width_s, since_us, until_us, first_day, end_day)
), kept AS MATERIALIZED (
    SELECT coalesce(max(removed_before) FILTER (WHERE level = 'HOURS'), '-infinity') AS hours_since,
           coalesce(max(removed_before) FILTER (WHERE level = 'FIVE_MINUTES'), '-infinity') AS five_minutes_since
    FROM retention
)
SELECT panel.id, asked.plan, first.first_at, sums.parts, sums.energies_kwh
FROM unnest(%(panel_ids)s::integer[], %(of_plans)s::integer[]) AS asked (panel_id, plan)
JOIN history_panel(%(viewer_id)s, %(sees_all)s) AS panel ON panel.id = asked.panel_id
CROSS JOIN kept
LEFT JOIN LATERAL (SELECT first_at FROM rollup_day WHERE panel_id = panel.id ORDER BY day LIMIT 1) AS first ON true
CROSS JOIN LATERAL (
    SELECT array_agg(part) AS parts, array_agg(energy_kwh) AS energies_kwh
    FROM (SELECT part, coalesce(sum(CASE
            WHEN first_day IS NOT NULL THEN
                (SELECT sum(energy_kwh) FROM rollup_day
                 WHERE panel_id = panel.id AND day >= first_day AND day < end_day)
            WHEN width_s = 3600 AND since >= hours_since THEN
                (SELECT sum(energy_kwh) FROM rollup_hour
                 WHERE panel_id = panel.id AND starts_at >= since AND starts_at < until)
            WHEN width_s > 0 AND since >= five_minutes_since THEN
                (SELECT sum(energy_kwh) FROM rollup_five_minutes
                 WHERE panel_id = panel.id AND starts_at >= since AND starts_at < until)
            WHEN width_s > 0 THEN usage_of_buckets_kwh(panel.id, since, until)
            ELSE metered_usage_kwh(panel.id, since - interval '1 microsecond', until - interval '1 microsecond')
          END), 0) AS energy_kwh
          FROM piece WHERE piece.plan = asked.plan GROUP BY part) AS summed
) AS sums
"""


async def by_part(
    connection: AsyncConnection[Row],
    *,
    viewer: Viewer,
    panels: Sequence[tuple[int, int]],
    pieces: Sequence[EnergyPiece],
) -> list[EnergyParts]:
    """The sums of each visible panel by the plan that it is asked with (panel id, number of the plan)."""
    parameters = {
        "viewer_id": viewer.account_id,
        "sees_all": viewer.sees_all,
        "panel_ids": [panel_id for panel_id, _ in panels],
        "of_plans": [plan for _, plan in panels],
        "plans": _array(piece.plan for piece in pieces),
        "parts": _array(piece.part for piece in pieces),
        "widths_s": _array(_width_s(piece) for piece in pieces),
        "since_us": _array(_micros(piece.start) for piece in pieces),
        "until_us": _array(_micros(piece.end) for piece in pieces),
        "first_days": [piece.days and piece.days[0] for piece in pieces],
        "end_days": [piece.days and piece.days[1] for piece in pieces],
    }
    cursor = await connection.execute(_BY_PART, parameters, binary=True)
    return [
        EnergyParts(panel_id, plan, first_at, dict(zip(parts or (), energies_kwh or (), strict=True)))
        for panel_id, plan, first_at, parts, energies_kwh in await cursor.fetchall()
    ]


def _width_s(piece: EnergyPiece) -> int:
    """How wide the widest rows are that end where the piece does: an hour, five minutes; 0 where readings tell it."""
    times = (piece.start.timestamp(), piece.end.timestamp())
    return next((width for width in (_HOUR_S, _FIVE_MINUTES_S) if not any(at % width for at in times)), 0)


def _micros(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000)


def _array(numbers: Iterable[int]) -> str:
    """An array as Postgres writes it, which is read five times as fast as psycopg's."""
    return f"{{{','.join(map(str, numbers))}}}"
