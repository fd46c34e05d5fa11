"""Turns corrections, withdrawals and restorations of stored readings into rows, and keeps what was there before."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, LiteralString, TypeVar

from psycopg import Connection
from psycopg.types.json import Jsonb

from metering.reading_changes import MAX_WITHDRAWN, ChangeKind, Values, checked_count
from metering.refusals import Refused
from store.batch_turns import begin_batch, tell_batch
from store.connections import Pool, Row, connect
from store.recompute import recompute_range
from store.retention import readings_kept_since
from store.staging import VALUES

T = TypeVar("T")

_INSTANT: Final = timedelta(microseconds=1)

WITHDRAWN_FILTER: LiteralString = """
(coalesce(staged.at > (SELECT max(at) FROM withdrawn_reading), true)
 OR NOT coalesce((SELECT true FROM withdrawn_reading AS withdrawn
                  WHERE withdrawn.panel_id = staged.panel_id AND withdrawn.at = staged.at), false))"""
"""Whether a row `staged` is none that was withdrawn.

One look a batch tells the newest that was withdrawn; only rows as old as that cost one more, into an index, whatever
the planner thinks of a temporary table.
"""


@dataclass(frozen=True, slots=True)
class Author:
    """Who changes readings, and why; `name` is kept where there is no account, as on the command line."""

    reason: str
    account_id: int | None = None
    name: str = ""


async def changed(pool: Pool, change: Callable[[Connection[Row]], T]) -> T:
    """What a change answers, made on a connection of its own to the pool's database: a large one takes seconds."""
    return await asyncio.to_thread(changed_at, str(pool.conninfo), change)


def changed_at(url: str, change: Callable[[Connection[Row]], T]) -> T:
    """What a change answers once it is committed; one that raises leaves everything as it was."""
    with connect(url, application="kilowatch changes") as connection:
        return change(connection)


_ROW: LiteralString = f"panel_id, at, received_at, batch_id, flags, {VALUES}"

_RECORD = """
INSERT INTO reading_change (panel_id, kind, since, until, reading_count, reason, account_id, made_by, restores_id)
VALUES (%(panel_id)s, %(kind)s, %(since)s, %(until)s, %(reading_count)s, %(reason)s, %(account_id)s,
        coalesce((SELECT name FROM account WHERE id = %(account_id)s), %(made_by)s), %(restores_id)s)
RETURNING id"""

_KEEP: LiteralString = f"""
INSERT INTO corrected_reading (change_id, is_after, {_ROW})
SELECT %(change_id)s, %(is_after)s, {_ROW} FROM reading WHERE panel_id = %(panel_id)s AND at = %(at)s"""

# Whether a register is a glitch is judged anew of each row that is written.
_CORRECT: LiteralString = f"""
UPDATE reading SET batch_id = %(batch_id)s, flags = flags & ~3 | 32, ({VALUES}) = (
    SELECT {VALUES} FROM jsonb_populate_record(reading, %(values)s)
)
WHERE panel_id = %(panel_id)s AND at = %(at)s"""

_IS_CHANGED: LiteralString = f"""
SELECT count(*) = 2 FROM (SELECT DISTINCT {VALUES} FROM corrected_reading WHERE change_id = %(change_id)s) AS version"""


def correct(connection: Connection[Row], *, panel_id: int, at: datetime, values: Values, author: Author) -> int:
    """Gives the reading of a panel at an instant other values, and answers the change's id.

    `values` has the names of VALUES; None removes one, those that it lacks stay. Whoever hands the reading in again
    changes nothing any more.

    Raises:
        Refused: READING_NOT_FOUND, TOO_OLD, or BAD_INPUT when the reading has these values already.
    """
    batch_id = _begin(connection, since=at, field="at")
    change = {"panel_id": panel_id, "since": at, "until": at + _INSTANT, "reading_count": 1}
    change_id = _recorded(connection, ChangeKind.CORRECTION, change, author=author)
    place = {"change_id": change_id, "panel_id": panel_id, "at": at}
    _keep(connection, place, is_after=False)
    connection.execute(_CORRECT, {**place, "batch_id": batch_id, "values": Jsonb(dict(values))})
    _keep(connection, place, is_after=True)
    if connection.execute(_IS_CHANGED, place).fetchone() == (False,):
        raise Refused("BAD_INPUT", "The reading has these values already.")
    _follow(connection, change, batch_id=batch_id)
    return change_id


def _begin(connection: Connection[Row], *, since: datetime, field: str) -> int:
    """The number of the change's batch: no other batch is written until the transaction ends."""
    batch_id = begin_batch(connection)
    _check_age(connection, since=since, field=field)
    return batch_id


def _check_age(connection: Connection[Row], *, since: datetime, field: str) -> None:
    """Sums of what is older could not be made again: their other parts are gone."""
    kept_since = readings_kept_since(connection)
    if kept_since is not None and since < kept_since:
        raise Refused("TOO_OLD", f"Readings can be changed from {kept_since:%Y-%m-%d %H:%M} UTC on.", field)


def _keep(connection: Connection[Row], place: dict[str, Any], *, is_after: bool) -> None:
    if not connection.execute(_KEEP, {**place, "is_after": is_after}).rowcount:
        raise Refused("READING_NOT_FOUND", "The panel has no reading at exactly this instant.", "at")


_COUNT = """
SELECT count(*) FROM (
    SELECT FROM reading WHERE panel_id = %(panel_id)s AND at >= %(since)s AND at < %(until)s LIMIT %(limit)s
) AS found"""

_WITHDRAW: LiteralString = f"""
WITH withdrawn AS (
    DELETE FROM reading WHERE panel_id = %(panel_id)s AND at >= %(since)s AND at < %(until)s RETURNING {_ROW}
)
INSERT INTO withdrawn_reading (change_id, {_ROW}) SELECT %(change_id)s, {_ROW} FROM withdrawn"""


def withdraw(connection: Connection[Row], *, panel_id: int, since: datetime, until: datetime, author: Author) -> int:
    """Takes the panel's readings from `since` up to, not including, `until` away, and answers the change's id.

    Whoever hands them in again changes nothing.

    Raises:
        Refused: READING_NOT_FOUND without any, TOO_MANY_READINGS above 200,000, TOO_OLD.
    """
    batch_id = _begin(connection, since=since, field="from")
    span = {"panel_id": panel_id, "since": since, "until": until}
    ((count,),) = connection.execute(_COUNT, {**span, "limit": MAX_WITHDRAWN + 1}).fetchall()
    change = {**span, "reading_count": checked_count(count)}
    change_id = _recorded(connection, ChangeKind.WITHDRAWAL, change, author=author)
    connection.execute(_WITHDRAW, {**span, "change_id": change_id})
    _follow(connection, change, batch_id=batch_id)
    return change_id


_CHANGE = """
SELECT panel_id, kind, since, until, reading_count,
       EXISTS (SELECT FROM reading_change AS later WHERE later.restores_id = change.id)
FROM reading_change AS change WHERE id = %s"""

# Of the months that readings go back to alone: a span may be centuries long.
_PARTITIONS = """
SELECT ensure_reading_partitions(month, month)
FROM (SELECT DISTINCT date_trunc('month', at) AS month FROM withdrawn_reading
      WHERE change_id = %(restores_id)s) AS own"""

_PUT_BACK: LiteralString = f"""
WITH restored AS (
    DELETE FROM withdrawn_reading WHERE change_id = %(restores_id)s RETURNING {_ROW}
)
INSERT INTO reading (panel_id, at, received_at, batch_id, flags, {VALUES})
SELECT panel_id, at, received_at, %(batch_id)s, flags & ~3, {VALUES} FROM restored"""

# Only what the correction left is restored: the values of a reading that was corrected once more stay.
_UNDO: LiteralString = f"""
UPDATE reading SET batch_id = %(batch_id)s, (flags, {VALUES}) = (
    SELECT flags & ~3, {VALUES} FROM corrected_reading WHERE change_id = %(restores_id)s AND NOT is_after
)
WHERE panel_id = %(panel_id)s AND at = %(since)s AND EXISTS (
    SELECT {VALUES} INTERSECT
    SELECT {VALUES} FROM corrected_reading WHERE change_id = %(restores_id)s AND is_after
)"""


def restore(connection: Connection[Row], *, change_id: int, author: Author) -> int:
    """Undoes a correction or a withdrawal, and answers the id of the change that does so.

    Raises:
        Refused: CHANGE_NOT_FOUND, ALREADY_RESTORED, TOO_OLD, or CHANGED_SINCE when the corrected reading is another by
            now.
    """
    batch_id = begin_batch(connection)
    kind, change = _to_restore(connection, change_id)
    _check_age(connection, since=change["since"], field="changeId")
    restoration_id = _recorded(connection, ChangeKind.RESTORATION, change, author=author, restores_id=change_id)
    parameters = {**change, "batch_id": batch_id, "restores_id": change_id}
    if kind is ChangeKind.WITHDRAWAL:
        connection.execute(_PARTITIONS, parameters)
        connection.execute(_PUT_BACK, parameters)
    else:
        _undo(connection, parameters, restoration_id=restoration_id)
    _follow(connection, change, batch_id=batch_id)
    return restoration_id


def _to_restore(connection: Connection[Row], change_id: int) -> tuple[ChangeKind, dict[str, Any]]:
    row = connection.execute(_CHANGE, (change_id,)).fetchone()
    if row is None or ChangeKind(row[1]) is ChangeKind.RESTORATION:
        raise Refused("CHANGE_NOT_FOUND", "There is no correction or withdrawal of this id.", "changeId")
    panel_id, kind, since, until, reading_count, is_restored = row
    if is_restored:
        raise Refused("ALREADY_RESTORED", "This change was undone before.", "changeId")
    return ChangeKind(kind), {"panel_id": panel_id, "since": since, "until": until, "reading_count": reading_count}


def _undo(connection: Connection[Row], parameters: dict[str, Any], *, restoration_id: int) -> None:
    place = {"change_id": restoration_id, "panel_id": parameters["panel_id"], "at": parameters["since"]}
    connection.execute(_KEEP, {**place, "is_after": False})
    if not connection.execute(_UNDO, parameters).rowcount:
        message = "The reading was corrected again, or withdrawn, since: undo that first."
        raise Refused("CHANGED_SINCE", message, "changeId")
    connection.execute(_KEEP, {**place, "is_after": True})


def _recorded(
    connection: Connection[Row],
    kind: ChangeKind,
    change: dict[str, Any],
    *,
    author: Author,
    restores_id: int | None = None,
) -> int:
    parameters = {
        **change,
        "kind": kind.value,
        "reason": author.reason,
        "account_id": author.account_id,
        "made_by": author.name,
        "restores_id": restores_id,
    }
    ((change_id,),) = connection.execute(_RECORD, parameters).fetchall()
    return change_id


# After a withdrawal no reading carries the batch's number: streams learn that it has been all the same.
_NOTE_BATCH = "UPDATE ingest_status SET last_batch_id = greatest(last_batch_id, %(batch_id)s)"

# The forecast is made again, of a silent panel too.
_FORGET_ATTEMPT = "DELETE FROM forecast_attempt WHERE panel_id = %(panel_id)s"


def _follow(connection: Connection[Row], change: dict[str, Any], *, batch_id: int) -> None:
    """Makes everything that is derived from the readings of a span right again, and tells of the change."""
    recompute_range(connection, panel_id=change["panel_id"], since=change["since"], until=change["until"])
    connection.execute(_NOTE_BATCH, {"batch_id": batch_id})
    connection.execute(_FORGET_ATTEMPT, change)
    tell_batch(connection, batch_id)
