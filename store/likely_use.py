"""Says how many kWh panels have likely used since anybody, or their meter, told what was left."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, LiteralString

from metering.access import Viewer
from store.connections import Database

# The forecast says at which pace the units go: evenly from its balance to the median of when they are gone; by its days
# where that lies beyond its horizon. Readings that came after it were made need no estimate, nor does a newer look.
LIKELY_USE: LiteralString = """
LATERAL (
    SELECT made.balance_kwh, round((extract(epoch FROM %(now)s::timestamptz - told.at) * CASE
        WHEN made.p50_at IS NULL THEN (
            SELECT avg(day.kwh::numeric) / 86400 FROM jsonb_array_elements_text(made.daily->'p50_kwh') AS day (kwh))
        WHEN made.balance_kwh > 0 AND made.p50_at > made.since_at THEN
            made.balance_kwh / extract(epoch FROM made.p50_at - made.since_at)
        ELSE 0
    END)::numeric, 3) AS use_kwh
    FROM (VALUES (panel.id)) AS asked (panel_id)
    LEFT JOIN latest_reading AS heard ON heard.panel_id = asked.panel_id AND heard.energy_import_kwh IS NOT NULL
    LEFT JOIN LATERAL (
        SELECT balance_kwh, p50_at, daily, data_up_to, coalesce(balance_at, data_up_to) AS since_at
        FROM depletion_forecast WHERE panel_id = asked.panel_id ORDER BY hour_at DESC LIMIT 1
    ) AS made ON true
    LEFT JOIN LATERAL (
        SELECT at FROM ledger_entry AS display
        WHERE panel_id = asked.panel_id AND kind = 'BALANCE_READING'
          AND NOT EXISTS (SELECT FROM ledger_entry AS opposite WHERE opposite.reverses = display.id)
        ORDER BY at DESC, id DESC LIMIT 1
    ) AS shown ON true
    CROSS JOIN LATERAL (
        SELECT greatest(made.since_at + greatest(heard.at - made.data_up_to, '0'), shown.at) AS at
    ) AS told
    WHERE (heard.at IS NULL OR heard.at <= %(now)s::timestamptz - interval '1 hour')
      AND (shown.at IS NULL OR shown.at <= %(now)s::timestamptz - interval '1 hour')
)"""
"""Of a row `panel`: `use_kwh`, null where no forecast says it, and the `balance_kwh` that this is taken off; no row
where a reading or a look is not older than an hour."""

_LIKELY_USES: LiteralString = f"""
SELECT panel.id, likely.use_kwh
FROM visible_panel(%(viewer_id)s, %(sees_all)s) AS panel
CROSS JOIN {LIKELY_USE} AS likely
WHERE panel.id = ANY(%(panel_ids)s)"""


async def likely_uses(
    connection: Database, *, viewer: Viewer, panel_ids: Sequence[int], now: datetime
) -> dict[int, Decimal | None]:
    """What each visible panel has likely used, in kWh, since it was told last; None where no forecast says it.

    Panels that were heard or looked at within the last hour are absent.
    """
    parameters: dict[str, Any] = {
        "viewer_id": viewer.account_id, "sees_all": viewer.sees_all, "panel_ids": list(panel_ids), "now": now,
    }  # fmt: skip
    return dict(await (await connection.execute(_LIKELY_USES, parameters)).fetchall())
