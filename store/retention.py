"""Removes what need not be kept any longer, level by level, and says from when on readings are taken."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final, LiteralString

from psycopg import AsyncConnection, Connection
from psycopg.rows import class_row

from store.connections import Row

ANNOUNCED_FOR: Final = timedelta(minutes=2)
"""How long a horizon is known before anything is removed: writers look it up every half minute."""

_REMOVED_AT_ONCE: Final = 5_000


class Level(Enum):
    """What is kept for a limited time each: readings, and the rollups that are summed from them."""

    READINGS = "READINGS"
    FIVE_MINUTES = "FIVE_MINUTES"
    HOURS = "HOURS"


_KEPT_SINCE = "SELECT readings_kept_since()"


def readings_kept_since(connection: Connection[Row]) -> datetime | None:
    """From when on readings are taken; None: all. It only moves forward.

    A reading from before that would change sums whose other parts are gone. Look it up at least every minute:
    two minutes pass before anything is removed.
    """
    ((since,),) = connection.execute(_KEPT_SINCE).fetchall()
    return since


async def refused_before(connection: AsyncConnection[Row]) -> datetime | None:
    """The same instant: readings before it are refused; None: none are."""
    ((since,),) = await (await connection.execute(_KEPT_SINCE)).fetchall()
    return since


# While an announced horizon is not reached, the next one waits.
_ANNOUNCE = """
INSERT INTO retention AS known (level, kept_since, announced_at)
VALUES (%(level)s, %(since)s, %(now)s)
ON CONFLICT (level) DO UPDATE SET kept_since = excluded.kept_since, announced_at = excluded.announced_at
WHERE known.removed_before = known.kept_since AND excluded.kept_since > known.kept_since"""


async def announce(connection: AsyncConnection[Row], level: Level, *, since: datetime, now: datetime) -> bool:
    """Says that a level will be kept since then, and whether that is news: what is said already, or more, stays."""
    cursor = await connection.execute(_ANNOUNCE, {"level": level.value, "since": since, "now": now})
    return cursor.rowcount == 1


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be removed of a level: what lies in [since, until); `since` is None the first time."""

    since: datetime | None
    until: datetime


_DUE = """
SELECT removed_before AS since, kept_since AS until FROM retention
WHERE level = %(level)s AND announced_at <= %(announced_by)s
  AND (removed_before IS NULL OR removed_before < kept_since)"""


async def due(connection: AsyncConnection[Row], level: Level, *, now: datetime) -> Due | None:
    """What is to be removed of a level now; None when that is nothing."""
    async with connection.cursor(row_factory=class_row(Due)) as cursor:
        await cursor.execute(_DUE, {"level": level.value, "announced_by": now - ANNOUNCED_FOR})
        return await cursor.fetchone()


_MARK_REMOVED = "UPDATE retention SET removed_before = %(until)s WHERE level = %(level)s"


async def mark_removed(connection: AsyncConnection[Row], level: Level, *, until: datetime) -> None:
    """Notes that what was due is gone, in the transaction that removed it or after it."""
    await connection.execute(_MARK_REMOVED, {"level": level.value, "until": until})


_REMOVED_BEFORE = "SELECT level, removed_before FROM retention WHERE removed_before IS NOT NULL"


async def removed_before(connection: AsyncConnection[Row]) -> dict[Level, datetime]:
    """Before which instant (UTC) each level was removed, by whole local days; levels that are all kept are absent."""
    rows = await (await connection.execute(_REMOVED_BEFORE)).fetchall()
    return {Level(level): before for level, before in rows}


# Whole local days, so that a day is summed from one level. What a panel said last stays, because its next reading may
# yet change how that is judged. So do the days of the ledger's rows: the balance counts from their instants on. What
# stayed of a panel that has spoken again since are the days up to its last one before the span: they are looked at too.
_REMOVE_FIVE_MINUTES: LiteralString = """
WITH old AS (
    SELECT part.panel_id, part.starts_at
    FROM panel LEFT JOIN latest_reading AS latest ON latest.panel_id = panel.id
    CROSS JOIN LATERAL (
        SELECT coalesce(array_agg(DISTINCT (moment AT TIME ZONE panel.time_zone)::date), '{}') AS days
        FROM ledger_entry CROSS JOIN LATERAL (VALUES (at), (usage_from_at)) AS needed (moment)
        WHERE panel_id = panel.id AND moment IS NOT NULL
    ) AS ledger
    LEFT JOIN LATERAL (
        SELECT day FROM rollup_day WHERE panel_id = panel.id AND day < (%(since)s::timestamptz)::date
        ORDER BY day DESC LIMIT 1
    ) AS before ON true
    CROSS JOIN LATERAL (
        SELECT panel_id, starts_at FROM rollup_five_minutes
        WHERE panel_id = panel.id
          AND starts_at >= coalesce(least(%(since)s::timestamptz - interval '2 days', before.day - 4), '-infinity')
          AND starts_at < local_midnight((least(%(until)s::timestamptz, latest.at - interval '3 days')
                                          AT TIME ZONE panel.time_zone)::date, panel.time_zone)
          AND (starts_at AT TIME ZONE panel.time_zone)::date <> ALL (ledger.days)
        ORDER BY starts_at LIMIT %(most)s
    ) AS part
    LIMIT %(most)s
)
DELETE FROM rollup_five_minutes AS gone USING old
WHERE gone.panel_id = old.panel_id AND gone.starts_at = old.starts_at"""

_REMOVE_HOURS: LiteralString = """
WITH old AS (
    SELECT part.panel_id, part.starts_at
    FROM panel LEFT JOIN latest_reading AS latest ON latest.panel_id = panel.id
    LEFT JOIN LATERAL (
        SELECT day FROM rollup_day WHERE panel_id = panel.id AND day < (%(since)s::timestamptz)::date
        ORDER BY day DESC LIMIT 1
    ) AS before ON true
    CROSS JOIN LATERAL (
        SELECT panel_id, starts_at FROM rollup_hour
        WHERE panel_id = panel.id
          AND starts_at >= coalesce(least(%(since)s::timestamptz - interval '2 days', before.day - 4), '-infinity')
          AND starts_at <= local_midnight((least(%(until)s::timestamptz, latest.at - interval '3 days')
                                           AT TIME ZONE panel.time_zone)::date, panel.time_zone) - interval '1 hour'
        ORDER BY starts_at LIMIT %(most)s
    ) AS part
    LIMIT %(most)s
)
DELETE FROM rollup_hour AS gone USING old
WHERE gone.panel_id = old.panel_id AND gone.starts_at = old.starts_at"""


async def remove_five_minutes(connection: AsyncConnection[Row], span: Due) -> int:
    """Removes the five minutes of a span's local days, some thousand rows a transaction, and returns how many.

    The days of the ledger's rows stay, and the last three days that a panel was heard of.
    """
    return await _in_small_steps(connection, _REMOVE_FIVE_MINUTES, span)


async def remove_hours(connection: AsyncConnection[Row], span: Due) -> int:
    """Removes the hours of a span as `remove_five_minutes` does; the last three days that a panel was heard of stay."""
    return await _in_small_steps(connection, _REMOVE_HOURS, span)


async def _in_small_steps(connection: AsyncConnection[Row], statement: LiteralString, span: Due) -> int:
    parameters = {"since": span.since, "until": span.until, "most": _REMOVED_AT_ONCE}
    removed = 0
    while gone := (await connection.execute(statement, parameters)).rowcount:
        removed += gone
    return removed


_REMOVE_REJECTED = """
DELETE FROM rejected_message WHERE id IN (
    SELECT id FROM rejected_message WHERE coalesce(last_received_at, received_at) < %(until)s
    ORDER BY coalesce(last_received_at, received_at) LIMIT %(most)s)"""

_REMOVE_REPLAYS = """
DELETE FROM rejected_replay WHERE asked_at < %s
  AND NOT EXISTS (SELECT FROM rejected_message WHERE replay_id = rejected_replay.id)"""


async def remove_rejected(connection: AsyncConnection[Row], *, until: datetime) -> int:
    """Removes the rejected messages that last came before `until`, and returns how many they were."""
    removed = await _in_small_steps(connection, _REMOVE_REJECTED, Due(None, until))
    await connection.execute(_REMOVE_REPLAYS, (until,))
    return removed
