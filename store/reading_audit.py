"""Turns a panel into pages of what admins did to its readings."""

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from zoneinfo import ZoneInfo

from psycopg import AsyncConnection

from metering.access import Viewer
from metering.reading_changes import ChangeKind
from metering.readings import Reading
from store.connections import Row
from store.panels import reading_of
from store.reading_columns import whole_reading


@dataclass(frozen=True, slots=True)
class ReadingChange:
    """What was done to the readings of a panel from `start` up to, not including, `end`; in the panel's time zone.

    A correction, and its restoration, have the reading `before` and `after`. `restores_id` is the change that this one
    undid; `is_restored` says that another undid this one.
    """

    id: int
    panel_code: str
    kind: ChangeKind
    start: datetime
    end: datetime
    reading_count: int
    reason: str
    made_by: str
    made_at: datetime
    restores_id: int | None
    is_restored: bool
    before: Reading | None
    after: Reading | None


_CHANGES: LiteralString = f"""
SELECT change.id, panel.code, panel.time_zone, change.kind, change.since, change.until, change.reading_count,
       change.reason, change.made_by, change.made_at, change.restores_id,
       EXISTS (SELECT FROM reading_change AS later WHERE later.restores_id = change.id),
       {whole_reading("before")},
       {whole_reading("after")}
FROM history_panel(%(viewer_id)s, %(sees_all)s) AS panel
JOIN reading_change AS change ON change.panel_id = panel.id
LEFT JOIN corrected_reading AS before ON before.change_id = change.id AND NOT before.is_after
LEFT JOIN corrected_reading AS after ON after.change_id = change.id AND after.is_after"""

_FIRST_OF_BEFORE, _FIRST_OF_AFTER = 12, 30

_PAGE: LiteralString = f"""{_CHANGES}
WHERE panel.id = %(panel_id)s AND (%(before_id)s::bigint IS NULL OR change.id < %(before_id)s)
ORDER BY change.id DESC LIMIT %(limit)s"""

_TOTAL: LiteralString = """
SELECT count(*)::integer FROM history_panel(%(viewer_id)s, %(sees_all)s) AS panel
JOIN reading_change AS change ON change.panel_id = panel.id
WHERE panel.id = %(panel_id)s"""


async def page(
    connection: AsyncConnection[Row], *, viewer: Viewer, panel_id: int, before_id: int | None, limit: int
) -> tuple[list[ReadingChange], int]:
    """Up to `limit` changes, newest first, those before `before_id` where it is given; and how many there are."""
    parameters = {"viewer_id": viewer.account_id, "sees_all": viewer.sees_all, "panel_id": panel_id}
    place = {"before_id": before_id, "limit": limit}
    rows = await (await connection.execute(_PAGE, {**parameters, **place}, binary=True)).fetchall()
    ((total,),) = await (await connection.execute(_TOTAL, parameters)).fetchall()
    return [_change(row) for row in rows], total


_ONE: LiteralString = f"{_CHANGES} WHERE change.id = %(change_id)s"


async def one(connection: AsyncConnection[Row], *, viewer: Viewer, change_id: int) -> ReadingChange | None:
    """The change of this id; None when there is none that the viewer may see."""
    parameters = {"viewer_id": viewer.account_id, "sees_all": viewer.sees_all, "change_id": change_id}
    row = await (await connection.execute(_ONE, parameters, binary=True)).fetchone()
    return None if row is None else _change(row)


def _change(row: Row) -> ReadingChange:
    change_id, code, time_zone, kind, since, until, count, reason, made_by, made_at, restores_id, is_restored = row[:12]
    zone = ZoneInfo(time_zone)
    return ReadingChange(
        id=change_id,
        panel_code=code,
        kind=ChangeKind(kind),
        start=since.astimezone(zone),
        end=until.astimezone(zone),
        reading_count=count,
        reason=reason,
        made_by=made_by,
        made_at=made_at.astimezone(zone),
        restores_id=restores_id,
        is_restored=is_restored,
        before=_reading(row[_FIRST_OF_BEFORE:_FIRST_OF_AFTER], zone=zone),
        after=_reading(row[_FIRST_OF_AFTER:], zone=zone),
    )


def _reading(row: Row, *, zone: ZoneInfo) -> Reading | None:
    return None if row[0] is None else reading_of(row, zone=zone)
