"""Keeps what people read from meters and typed in: a reading as any other, and who typed it."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, LiteralString

from psycopg import AsyncConnection, Connection

from metering.access import Viewer
from metering.readings import NO_FLAGS, Reading, ReadingFlag, believed
from metering.refusals import Refused
from store import audit, reading_changes
from store.audit import Act
from store.connections import Row
from store.merge import BatchWriter, DatabaseAwayError
from store.reading_changes import Author
from store.retention import readings_kept_since
from store.scope import scope
from store.staging import VALUES

_INSTANT: Final = timedelta(microseconds=1)

KEY_USED: Final = -1
"""What `record` answers where the key was used in the meantime."""


@dataclass(frozen=True, slots=True)
class TypedReading:
    """What was typed in, by whom and when; both instants in UTC. The reading itself may have been corrected since."""

    id: int
    at: datetime
    energy_import_kwh: float
    typed_by: str
    typed_at: datetime


_COLUMNS: LiteralString = "typed.id, typed.at, typed.energy_import_kwh, typed.typed_by, typed.typed_at"

_PAGE: LiteralString = f"""
SELECT {_COLUMNS}
FROM history_panel(%(viewer_id)s, %(sees_all)s) AS panel
JOIN typed_reading AS typed ON typed.panel_id = panel.id
WHERE panel.id = %(panel_id)s AND (%(before_id)s::bigint IS NULL OR typed.id < %(before_id)s)
ORDER BY typed.id DESC LIMIT %(limit)s"""

_COUNT: LiteralString = """
SELECT count(*)::integer FROM history_panel(%(viewer_id)s, %(sees_all)s) AS panel
JOIN typed_reading AS typed ON typed.panel_id = panel.id
WHERE panel.id = %(panel_id)s"""


async def page(
    connection: AsyncConnection[Row], *, viewer: Viewer, panel_id: int, before_id: int | None, limit: int
) -> tuple[list[TypedReading], int]:
    """Up to `limit` of the panel's, those typed in last first, before `before_id` where it is given; and how many."""
    parameters = {**scope(viewer), "panel_id": panel_id}
    place = {"before_id": before_id, "limit": limit}
    rows = await (await connection.execute(_PAGE, {**parameters, **place})).fetchall()
    ((total,),) = await (await connection.execute(_COUNT, parameters)).fetchall()
    return [TypedReading(*row) for row in rows], total


_NEWEST: LiteralString = """
SELECT latest.flags FROM visible_panel(%(viewer_id)s, %(sees_all)s) AS panel
JOIN latest_reading AS latest ON latest.panel_id = panel.id
WHERE panel.id = %(panel_id)s"""


async def is_read_by_people(connection: AsyncConnection[Row], *, viewer: Viewer, panel_id: int) -> bool:
    """Whether the panel's newest reading was typed in, or there is none at all."""
    row = await (await connection.execute(_NEWEST, {**scope(viewer), "panel_id": panel_id})).fetchone()
    return row is None or ReadingFlag.TYPED_IN in ReadingFlag(row[0])


_USE_OF_KEY: LiteralString = f"""
SELECT panel.id IS NOT NULL, {_COLUMNS}
FROM typed_reading AS typed
LEFT JOIN visible_panel(%(viewer_id)s, %(sees_all)s) AS panel ON panel.id = typed.panel_id
WHERE typed.account_id = %(viewer_id)s AND typed.idempotency_key = %(idempotency_key)s"""


@dataclass(frozen=True, slots=True)
class TypedKeyUse:
    """What the viewer typed in with a key before; None once they have lost sight of its panel."""

    typed: TypedReading | None


async def use_of_key(connection: AsyncConnection[Row], *, viewer: Viewer, idempotency_key: str) -> TypedKeyUse | None:
    """What the viewer used that key for; None for a new one."""
    parameters = {**scope(viewer), "idempotency_key": idempotency_key}
    row = await (await connection.execute(_USE_OF_KEY, parameters)).fetchone()
    return TypedKeyUse(TypedReading(*row[1:]) if row[0] else None) if row else None


@dataclass(frozen=True, slots=True)
class Typed:
    """What somebody read from a panel's import register at `at` (panel's offset), and typed in at `typed_at`."""

    panel_id: int
    at: datetime
    energy_import_kwh: float
    typed_at: datetime
    idempotency_key: str


_KEEP: LiteralString = """
INSERT INTO typed_reading (panel_id, at, energy_import_kwh, account_id, typed_by, idempotency_key, typed_at)
SELECT panel.id, %(at)s, %(energy_import_kwh)s, account.id, account.name, %(idempotency_key)s, %(typed_at)s
FROM account
JOIN visible_panel(%(viewer_id)s, %(sees_all)s) AS panel ON panel.id = %(panel_id)s
WHERE account.id = %(viewer_id)s
ON CONFLICT DO NOTHING
RETURNING id"""

_IS_SEEN = "SELECT EXISTS (SELECT FROM visible_panel(%(viewer_id)s, %(sees_all)s) WHERE id = %(panel_id)s)"

_WAS_WITHDRAWN = "SELECT EXISTS (SELECT FROM withdrawn_reading WHERE panel_id = %(panel_id)s AND at = %(at)s)"


class _KeyTakenError(Exception):
    """The key was used by another request of the same person, a moment before."""


def record(connection: Connection[Row], typed: Typed, *, viewer: Viewer, act: Act | None) -> int:
    """Stores a reading as ingest does, with who typed it, and answers its number once that is committed.

    `act` is the audit's, kept in the same transaction. KEY_USED, and nothing changed, when the key was used before.
    Streams tell the reading as any other.

    Raises:
        Refused: TOO_OLD, READING_WITHDRAWN, or PANEL_NOT_FOUND when the person does not see the panel any more.
        psycopg.Error: the database is away.
    """
    kept: list[int] = []
    _check_age(connection, typed.at)
    try:
        BatchWriter(connection).write(
            [(typed.panel_id, _reading(typed))],
            also=[lambda batch: kept.append(_keep(batch, typed, viewer=viewer, act=act))],
        )
    except _KeyTakenError:
        connection.rollback()
        return KEY_USED
    except DatabaseAwayError as error:
        raise error.__cause__ or error from None
    return kept[0]


def _check_age(connection: Connection[Row], at: datetime) -> None:
    since = readings_kept_since(connection)
    if since is not None and at < since:
        shown_at = since.astimezone(at.tzinfo).isoformat(timespec="seconds")
        raise Refused("TOO_OLD", f"Readings are kept from {shown_at} on.", "at")


def _reading(typed: Typed) -> Reading:
    _, flags = believed(typed.at, received_at=typed.typed_at)
    return Reading(
        typed.at,
        typed.typed_at,
        energy_import_kwh=typed.energy_import_kwh,
        flags=(flags or NO_FLAGS) | ReadingFlag.TYPED_IN,
    )


def _keep(connection: Connection[Row], typed: Typed, *, viewer: Viewer, act: Act | None) -> int:
    parameters: dict[str, Any] = {**scope(viewer), **{name: getattr(typed, name) for name in Typed.__slots__}}
    if connection.execute(_WAS_WITHDRAWN, parameters).fetchone() == (True,):
        message = "The reading of this instant was withdrawn: give another one, or ask an admin to restore it."
        raise Refused("READING_WITHDRAWN", message, "at")
    row = connection.execute(_KEEP, parameters).fetchone()
    if row is None:
        raise _refused_row(connection, parameters)
    if act:
        audit.record_done_in_batch(connection, act, panel_id=typed.panel_id)
    return row[0]


# What a device said of the same second is none of what a person typed in.
_TO_WITHDRAW: LiteralString = f"""
SELECT panel.id, panel.code, typed.at
FROM managed_panel(%(viewer_id)s, %(sees_all)s) AS panel
JOIN typed_reading AS typed ON typed.panel_id = panel.id
WHERE typed.id = %(typed_id)s AND EXISTS (
    SELECT FROM reading
    WHERE panel_id = typed.panel_id AND at = typed.at AND flags & %(typed_in)s <> 0 AND num_nonnulls({VALUES}) = 1
)"""


def withdraw(connection: Connection[Row], *, typed_id: int, viewer: Viewer, author: Author, act: Act | None) -> str:
    """Takes a reading that was typed in away, and answers its panel's code; typing it again does not bring it back.

    Raises:
        Refused: READING_NOT_FOUND where none of this id is seen, it was withdrawn, or a device said more of its second;
            TOO_OLD.
    """
    parameters = {**scope(viewer), "typed_id": typed_id, "typed_in": ReadingFlag.TYPED_IN.value}
    row = connection.execute(_TO_WITHDRAW, parameters).fetchone()
    if row is None:
        message = "You see no typed-in reading of this id that is not withdrawn."
        raise Refused("READING_NOT_FOUND", message, "typedReadingId")
    panel_id, code, at = row
    if act:
        audit.record_done_in_batch(connection, replace(act, panel_code=code), panel_id=panel_id)
    reading_changes.withdraw(connection, panel_id=panel_id, since=at, until=at + _INSTANT, author=author)
    return code


def _refused_row(connection: Connection[Row], parameters: dict[str, Any]) -> Exception:
    if connection.execute(_IS_SEEN, parameters).fetchone() == (True,):
        return _KeyTakenError()
    return Refused("PANEL_NOT_FOUND", "You have no panel of this code.", "panelCode")
