"""Keeps alerts: raised once, acknowledged by their owner, cleared when the reason is gone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import kwargs_row

from metering.access import Viewer
from metering.alerts import AlertKind, AlertState
from store.connections import Row

_RAISE = """
INSERT INTO alert (account_id, panel_id, kind, balance_kwh, days_left, message, raised_at)
VALUES (%(account_id)s, %(panel_id)s, 'LOW_UNITS', %(balance_kwh)s, %(days_left)s, %(message)s, %(now)s)
ON CONFLICT (account_id, panel_id, kind) WHERE state = 'OPEN' DO NOTHING
RETURNING id"""

_CLEAR = """
UPDATE alert SET state = 'CLEARED', cleared_at = %(now)s
WHERE account_id = %(account_id)s AND panel_id = %(panel_id)s AND state = 'OPEN'
RETURNING id"""

_ANNOUNCE = "SELECT pg_notify('alert', id::text) FROM unnest(%(alert_ids)s::bigint[]) AS changed (id)"

_COUNT = """
SELECT count(*)
FROM alert
JOIN visible_panel(%(viewer_id)s, %(sees_all)s) AS panel ON panel.id = alert.panel_id
WHERE alert.account_id = %(viewer_id)s AND alert.state = ANY(%(states)s)"""

_PAGE = """
SELECT alert.id, panel.code AS panel_code, panel.name AS panel_name, panel.time_zone, alert.kind, alert.state,
       alert.balance_kwh, alert.days_left, alert.message, alert.raised_at, alert.acknowledged_at, alert.cleared_at
FROM alert
JOIN visible_panel(%(viewer_id)s, %(sees_all)s) AS panel ON panel.id = alert.panel_id
WHERE alert.account_id = %(viewer_id)s AND alert.state = ANY(%(states)s) AND alert.id < %(before_id)s
ORDER BY alert.id DESC
LIMIT %(limit)s"""

# Streams read by it for hours: what the account may see is looked up anew each time.
_FIND = """
SELECT alert.id, panel.code AS panel_code, panel.name AS panel_name, panel.time_zone, alert.kind, alert.state,
       alert.balance_kwh, alert.days_left, alert.message, alert.raised_at, alert.acknowledged_at, alert.cleared_at
FROM alert
JOIN account ON account.id = alert.account_id
JOIN visible_panel(account.id, account.role = 'ADMIN') AS panel ON panel.id = alert.panel_id
WHERE alert.account_id = %(viewer_id)s AND alert.id = ANY(%(alert_ids)s)
ORDER BY alert.id"""

_CHANGED_SINCE = """
SELECT alert.id, panel.code AS panel_code, panel.name AS panel_name, panel.time_zone, alert.kind, alert.state,
       alert.balance_kwh, alert.days_left, alert.message, alert.raised_at, alert.acknowledged_at, alert.cleared_at
FROM alert
JOIN visible_panel(%(viewer_id)s, %(sees_all)s) AS panel ON panel.id = alert.panel_id
WHERE alert.account_id = %(viewer_id)s
  AND greatest(alert.raised_at, alert.acknowledged_at, alert.cleared_at) >= %(since)s
ORDER BY alert.id DESC
LIMIT %(limit)s"""

_ACKNOWLEDGE = """
UPDATE alert SET acknowledged_at = %(now)s
FROM visible_panel(%(viewer_id)s, %(sees_all)s) AS panel
WHERE alert.id = %(alert_id)s AND alert.account_id = %(viewer_id)s AND panel.id = alert.panel_id
  AND alert.acknowledged_at IS NULL
RETURNING alert.id"""

_NEWEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Alert:
    """A warning to one person about one panel; instants in UTC.

    `balance_kwh` and `days_left` are what was left when it was raised; None where the days could not be foreseen.
    """

    id: int
    panel_code: str
    panel_name: str
    time_zone: str
    kind: AlertKind
    state: AlertState
    balance_kwh: Decimal
    days_left: float | None
    message: str
    raised_at: datetime
    acknowledged_at: datetime | None
    cleared_at: datetime | None


def _alert(*, kind: str, state: str, **others: Any) -> Alert:
    return Alert(kind=AlertKind(kind), state=AlertState(state), **others)


async def raise_low_units(
    connection: AsyncConnection[Row],
    *,
    account_id: int,
    panel_id: int,
    balance_kwh: Decimal,
    days_left: float | None,
    message: str,
    now: datetime,
) -> int | None:
    """Raises an alert, says so on the channel `alert`, and returns its id; None while one is open already."""
    parameters = {
        "account_id": account_id,
        "panel_id": panel_id,
        "balance_kwh": balance_kwh,
        "days_left": days_left,
        "message": message,
        "now": now,
    }
    row = await (await connection.execute(_RAISE, parameters)).fetchone()
    if row is None:
        return None
    await _announce(connection, [row[0]])
    return row[0]


async def clear(connection: AsyncConnection[Row], *, account_id: int, panel_id: int, now: datetime) -> list[int]:
    """Clears what is open for this person and panel, says so on the channel `alert`, and returns the ids."""
    parameters = {"account_id": account_id, "panel_id": panel_id, "now": now}
    cleared = [row[0] for row in await (await connection.execute(_CLEAR, parameters)).fetchall()]
    await _announce(connection, cleared)
    return cleared


async def _announce(connection: AsyncConnection[Row], alert_ids: Sequence[int]) -> None:
    await connection.execute(_ANNOUNCE, {"alert_ids": list(alert_ids)})


async def count(connection: AsyncConnection[Row], viewer: Viewer, *, states: Sequence[AlertState]) -> int:
    """How many alerts the viewer has in those states."""
    parameters = {
        "viewer_id": viewer.account_id,
        "sees_all": viewer.sees_all,
        "states": [state.value for state in states],
    }
    row = await (await connection.execute(_COUNT, parameters)).fetchone()
    return row[0] if row else 0


async def page(
    connection: AsyncConnection[Row],
    viewer: Viewer,
    *,
    states: Sequence[AlertState],
    limit: int,
    before_id: int = _NEWEST_ID,
) -> list[Alert]:
    """The viewer's alerts in those states, newest first, at most `limit` of those older than `before_id`."""
    parameters = {
        "viewer_id": viewer.account_id,
        "sees_all": viewer.sees_all,
        "states": [state.value for state in states],
        "before_id": before_id,
        "limit": limit,
    }
    async with connection.cursor(row_factory=kwargs_row(_alert)) as cursor:
        return await (await cursor.execute(_PAGE, parameters)).fetchall()


async def find(connection: AsyncConnection[Row], viewer: Viewer, alert_ids: Sequence[int]) -> list[Alert]:
    """The viewer's own among these alerts, oldest first; others are absent, for admins too."""
    parameters = {"viewer_id": viewer.account_id, "alert_ids": list(alert_ids)}
    async with connection.cursor(row_factory=kwargs_row(_alert)) as cursor:
        return await (await cursor.execute(_FIND, parameters)).fetchall()


async def changed_since(
    connection: AsyncConnection[Row], viewer: Viewer, *, since: datetime, limit: int
) -> list[Alert]:
    """The viewer's alerts that were raised, acknowledged or cleared at an instant or later, newest first."""
    parameters = {"viewer_id": viewer.account_id, "sees_all": viewer.sees_all, "since": since, "limit": limit}
    async with connection.cursor(row_factory=kwargs_row(_alert)) as cursor:
        return await (await cursor.execute(_CHANGED_SINCE, parameters)).fetchall()


async def acknowledge(
    connection: AsyncConnection[Row], viewer: Viewer, alert_id: int, *, now: datetime
) -> Alert | None:
    """Notes that the viewer has seen the alert; the first time counts. None when it is not the viewer's."""
    parameters = {
        "viewer_id": viewer.account_id,
        "sees_all": viewer.sees_all,
        "alert_id": alert_id,
        "now": now,
    }
    async with connection.transaction():
        if await (await connection.execute(_ACKNOWLEDGE, parameters)).fetchone():
            await _announce(connection, [alert_id])
        return next(iter(await find(connection, viewer, [alert_id])), None)
