"""Turns a panel and an instant into what a top-up hangs on: tariff, units bought, debt and emergency credit."""

from datetime import datetime
from decimal import Decimal
from typing import LiteralString
from zoneinfo import ZoneInfo

from psycopg import AsyncConnection

from metering.access import Viewer
from metering.ledger import Terms
from metering.periods import local_day, local_midnight, month_days
from store import tariffs
from store.connections import Row

# What was sold in the month counts whenever it was entered, so that the units of a month's payments add up to the same
# in any order.
_TERMS: LiteralString = """
SELECT month.bought_kwh, debt.amount, lent.kwh, month.is_standing_paid
FROM visible_panel(%(viewer_id)s, %(sees_all)s) AS panel
CROSS JOIN LATERAL (
    SELECT coalesce(sum(units_kwh - emergency_kwh), 0) AS bought_kwh,
           coalesce(bool_or(receipt @> '{"lines": [{"kind": "STANDING_CHARGE"}]}'), false) AS is_standing_paid
    FROM ledger_entry AS entry
    WHERE panel_id = panel.id AND kind = 'TOP_UP' AND at >= %(month_start)s AND at < %(month_end)s
      AND NOT EXISTS (SELECT FROM ledger_entry AS opposite WHERE opposite.reverses = entry.id)
) AS month
CROSS JOIN LATERAL (
    SELECT coalesce(sum(debt_change), 0) AS amount FROM ledger_entry
    WHERE panel_id = panel.id AND debt_change <> 0 AND currency = %(currency)s
) AS debt
CROSS JOIN LATERAL (
    SELECT coalesce(sum(emergency_kwh), 0) AS kwh FROM ledger_entry WHERE panel_id = panel.id AND emergency_kwh <> 0
) AS lent
WHERE panel.id = %(panel_id)s
"""


async def terms(
    connection: AsyncConnection[Row], *, viewer: Viewer, panel_id: int, zone: ZoneInfo, at: datetime
) -> Terms:
    """What a top-up of the panel at an instant hangs on, as it is known now; `zone` is the panel's.

    Take the panel's turn first where a row is made of it.
    """
    books = await tariffs.books(connection, viewer=viewer, panel_ids=[panel_id])
    tariff = books[panel_id].on(local_day(at, zone)) if panel_id in books else None
    own_zone = ZoneInfo(tariff.time_zone) if tariff and tariff.time_zone else zone
    day = local_day(at, own_zone)
    start, end = month_days(day.year, day.month)
    parameters = {
        "viewer_id": viewer.account_id,
        "sees_all": viewer.sees_all,
        "panel_id": panel_id,
        "currency": tariff and tariff.currency,
        "month_start": local_midnight(start, own_zone),
        "month_end": local_midnight(end, own_zone),
    }
    ((bought_kwh, debt, lent_kwh, is_standing_paid),) = await (await connection.execute(_TERMS, parameters)).fetchall()
    return Terms(at.astimezone(zone), tariff, bought_kwh, max(debt, Decimal(0)), lent_kwh, is_standing_paid)
