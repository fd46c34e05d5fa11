"""Turns a viewer's own alerts into pages and into a stream; nobody sees another's, not even an admin."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from metering.access import Viewer
from metering.alerts import AlertState
from metering.refusals import Refused
from resolvers.context import Context, Info
from resolvers.pages import Cursor, Page, checked_first, cursor_of, number_of, page_of
from store import accounts, alerts
from store.alerts import Alert
from store.connections import Database

CURSOR = "alert"
MAX_OPEN = 500
_MAX_ID_DIGITS = 18


@dataclass(frozen=True, slots=True)
class AlertSnapshot:
    """The alerts that are open where a stream begins, newest first."""

    alerts: list[Alert]


@dataclass(frozen=True, slots=True)
class AlertChanged:
    """An alert that was raised, acknowledged or cleared, as it is now."""

    alert: Alert


AlertEvent = AlertSnapshot | AlertChanged


async def page(info: Info, *, first: int, after: Cursor | None, state: AlertState | None) -> Page[Alert]:
    """The viewer's alerts in this state, or all of them, newest first.

    Raises:
        Refused: UNAUTHENTICATED, BAD_INPUT (first), BAD_CURSOR.
    """
    viewer, limit = info.context.signed_in, checked_first(first) + 1
    states = list(AlertState) if state is None else [state]
    async with info.context.pool.connection() as connection:
        if after is None:
            rows = await alerts.page(connection, viewer, states=states, limit=limit)
        else:
            before_id = number_of(after, kind=CURSOR)
            rows = await alerts.page(connection, viewer, states=states, limit=limit, before_id=before_id)
        total = await alerts.count(connection, viewer, states=states)
    found = [_in_panels_time(alert) for alert in rows]
    return page_of(found, first=first, after=after, total_count=total, cursor=lambda alert: cursor_of(CURSOR, alert.id))


async def acknowledge(context: Context, *, alert_id: str) -> Alert:
    """The viewer's alert, now acknowledged; the first time stays.

    Raises:
        Refused: UNAUTHENTICATED, ALERT_NOT_FOUND.
    """
    viewer, number = context.signed_in, _number(alert_id)
    async with context.pool.connection() as connection:
        alert = await alerts.acknowledge(connection, viewer, number, now=context.now()) if number else None
    if alert is None:
        raise Refused("ALERT_NOT_FOUND", "You have no alert of this id.", "alertId")
    return _in_panels_time(alert)


def _number(alert_id: str) -> int | None:
    is_number = alert_id.isascii() and alert_id.isdigit() and len(alert_id) <= _MAX_ID_DIGITS
    return int(alert_id) if is_number else None


async def stream(info: Info) -> AsyncGenerator[AlertEvent]:
    """The viewer's open alerts, then each alert as it is raised, acknowledged or cleared.

    Listening begins before the open alerts are read, so that none falls between; one may come twice.

    Raises:
        Refused: UNAUTHENTICATED, also once the account was removed.
    """
    context = info.context
    changes: AsyncGenerator[int] = context.live.alerts(context.signed_in.account_id)
    next_change = asyncio.ensure_future(anext(changes))
    try:
        await asyncio.sleep(0)  # lets it begin to listen
        async with context.pool.connection() as connection:
            viewer = await _renewed(connection, context.signed_in)
            found = await alerts.page(connection, viewer, states=[AlertState.OPEN], limit=MAX_OPEN)
        yield AlertSnapshot([_in_panels_time(alert) for alert in found])
        while True:
            for alert in await _visible(context, await next_change):
                yield AlertChanged(alert)
            next_change = asyncio.ensure_future(anext(changes))
    finally:
        next_change.cancel()
        await asyncio.gather(next_change, return_exceptions=True)
        await changes.aclose()


async def _renewed(connection: Database, viewer: Viewer) -> Viewer:
    """The viewer with the role that the account has now: one that was removed before we listened tells nobody."""
    account = await accounts.by_id(connection, viewer.account_id)
    if account is None:
        raise Refused("UNAUTHENTICATED", "This account no longer exists.")
    return Viewer(account.id, account.role)


async def _visible(context: Context, alert_id: int) -> list[Alert]:
    """The alert, unless the viewer may no longer see its panel; the statement reads the account's role anew."""
    async with context.pool.connection() as connection:
        found = await alerts.find(connection, context.signed_in, [alert_id])
    return [_in_panels_time(alert) for alert in found]


def _in_panels_time(alert: Alert) -> Alert:
    """The same alert with its instants in its panel's offset."""
    zone = ZoneInfo(alert.time_zone)
    return replace(
        alert,
        raised_at=alert.raised_at.astimezone(zone),
        acknowledged_at=_in_zone(alert.acknowledged_at, zone),
        cleared_at=_in_zone(alert.cleared_at, zone),
    )


def _in_zone(at: datetime | None, zone: ZoneInfo) -> datetime | None:
    return at and at.astimezone(zone)
