"""Turns a viewer's own alerts into pages, and notes which were seen; nobody sees another's, not even an admin."""

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from metering.alerts import AlertState
from metering.refusals import Refused
from resolvers.context import Context, Info
from resolvers.pages import Cursor, Page, checked_first, cursor_of, number_of, page_of
from resolvers.places import number_in
from store import alerts
from store.alerts import Alert

CURSOR = "alert"


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
    found = [in_panels_time(alert) for alert in rows]
    return page_of(found, first=first, after=after, total_count=total, cursor=lambda alert: cursor_of(CURSOR, alert.id))


async def acknowledge(context: Context, *, alert_id: str) -> Alert:
    """The viewer's alert, now acknowledged; the first time stays.

    Raises:
        Refused: UNAUTHENTICATED, ALERT_NOT_FOUND.
    """
    viewer, number = context.signed_in, number_in(alert_id)
    async with context.pool.connection() as connection:
        alert = await alerts.acknowledge(connection, viewer, number, now=context.now()) if number else None
    if alert is None:
        raise Refused("ALERT_NOT_FOUND", "You have no alert of this id.", "alertId")
    return in_panels_time(alert)


def in_panels_time(alert: Alert) -> Alert:
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
