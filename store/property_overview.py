"""Turns the properties that a viewer acts for into their panels, and into what is let, invited and sold of each."""

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
class PropertyPanel:
    """A panel of a property; `is_let` says that somebody rents it now."""

    property_id: int
    id: int
    code: str
    time_zone: str
    is_prepaid: bool
    is_online: bool
    is_let: bool


_PANELS: LiteralString = """
SELECT property.id, panel.id, panel.code, panel.time_zone, panel.is_prepaid,
       coalesce(latest.last_seen_at >= %(online_since)s, false),
       EXISTS (SELECT FROM tenancy_panel JOIN tenancy ON tenancy.id = tenancy_id
               WHERE panel_id = panel.id AND starts_at <= %(now)s AND (ends_at IS NULL OR ends_at > %(now)s))
FROM managed_property(%(viewer_id)s, %(sees_all)s) AS property
JOIN panel ON panel.property_id = property.id
LEFT JOIN latest_state AS latest ON latest.panel_id = panel.id
WHERE %(property_ids)s::bigint[] IS NULL OR property.id = ANY(%(property_ids)s)
ORDER BY panel.code"""


async def panels(
    connection: AsyncConnection[Row],
    *,
    viewer: Viewer,
    property_ids: Sequence[int] | None,
    now: datetime,
    online_since: datetime,
) -> list[PropertyPanel]:
    """The panels of these properties that the viewer acts for, by code; of all of them where none are named."""
    parameters: dict[str, Any] = {
        **scope(viewer),
        "property_ids": None if property_ids is None else list(property_ids),
        "now": now,
        "online_since": online_since,
    }
    rows = await (await connection.execute(_PANELS, parameters)).fetchall()
    return [PropertyPanel(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class PropertyCounts:
    """How many tenancies of a property are current, of how many tenants, and how many invitations are open."""

    property_id: int
    tenancies: int
    tenants: int
    open_invitations: int


_COUNTS: LiteralString = """
SELECT property.id, let.tenancies, let.tenants,
       (SELECT count(*)::integer FROM invitation
        WHERE property_id = property.id AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > %(now)s)
FROM managed_property(%(viewer_id)s, %(sees_all)s) AS property
CROSS JOIN LATERAL (
    SELECT count(*)::integer AS tenancies, count(DISTINCT account_id)::integer AS tenants FROM tenancy
    WHERE property_id = property.id AND starts_at <= %(now)s AND (ends_at IS NULL OR ends_at > %(now)s)
) AS let
WHERE %(property_ids)s::bigint[] IS NULL OR property.id = ANY(%(property_ids)s)"""


async def counts(
    connection: AsyncConnection[Row], *, viewer: Viewer, property_ids: Sequence[int] | None, now: datetime
) -> list[PropertyCounts]:
    """The counts of these properties that the viewer acts for; of all of them where none are named."""
    parameters: dict[str, Any] = {
        **scope(viewer),
        "property_ids": None if property_ids is None else list(property_ids),
        "now": now,
    }
    rows = await (await connection.execute(_COUNTS, parameters)).fetchall()
    return [PropertyCounts(*row) for row in rows]


_SOLD: LiteralString = """
SELECT entry.panel_id, entry.currency, sum(entry.amount)
FROM managed_panel(%(viewer_id)s, %(sees_all)s) AS panel
JOIN unnest(%(time_zones)s::text[], %(first_days)s::date[], %(end_days)s::date[])
     AS month (time_zone, first_day, end_day) ON month.time_zone = panel.time_zone
JOIN ledger_entry AS entry ON entry.panel_id = panel.id
     AND entry.at >= local_midnight(first_day, month.time_zone) AND entry.at < local_midnight(end_day, month.time_zone)
WHERE panel.id = ANY(%(panel_ids)s) AND entry.kind = 'TOP_UP' AND entry.amount > 0
  AND NOT EXISTS (SELECT FROM ledger_entry AS opposite WHERE opposite.reverses = entry.id)
GROUP BY entry.panel_id, entry.currency"""


async def sold(
    connection: AsyncConnection[Row],
    *,
    viewer: Viewer,
    panel_ids: Sequence[int],
    days: Sequence[tuple[str, date, date]],
) -> list[tuple[int, str, Decimal]]:
    """What was paid for units of managed panels and not reversed: panel id, currency and amount.

    `days` has, for each time zone, the first local day and the one after the last.
    """
    parameters: dict[str, Any] = {
        **scope(viewer),
        "panel_ids": list(panel_ids),
        "time_zones": [time_zone for time_zone, _, _ in days],
        "first_days": [first_day for _, first_day, _ in days],
        "end_days": [end_day for _, _, end_day in days],
    }
    return [tuple(row) for row in await (await connection.execute(_SOLD, parameters)).fetchall()]
