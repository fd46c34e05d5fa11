"""Keeps what registers did that was no usage, and writes it and the glitches' flags when readings are judged again."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from psycopg import Connection

from metering.registers import EventKind, Register, RegisterEvent, RegisterReading
from store.connections import Row

_EVENTS_OF_SPAN = """
SELECT kind, at, before_at, before_kwh, after_kwh, usage_kwh, ends_at, reading_count FROM register_event
WHERE panel_id = %(panel_id)s AND register = %(register)s AND at >= %(since)s AND at < %(until)s
ORDER BY at"""

_DROP_OF_SPAN = """
DELETE FROM register_event
WHERE panel_id = %(panel_id)s AND register = %(register)s AND at >= %(since)s AND at < %(until)s"""

_INSERT = """
INSERT INTO register_event (panel_id, register, at, kind, before_at, before_kwh, after_kwh, usage_kwh, ends_at,
                            reading_count)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"""

_SWITCH_FLAG = """
UPDATE reading SET flags = flags # %(flag)s::smallint WHERE panel_id = %(panel_id)s AND at = ANY (%(instants)s)
  AND at BETWEEN %(first_at)s AND %(last_at)s"""


def replace_events(
    connection: Connection[Row],
    events: Sequence[RegisterEvent],
    *,
    panel_id: int,
    register: Register,
    since: datetime | str,
    until: datetime | str,
) -> set[datetime]:
    """Makes these the events in [since, until), and returns the instants of those that are new, gone or changed."""
    span = {"panel_id": panel_id, "register": register.value, "since": since, "until": until}
    kept = {_event(row) for row in connection.execute(_EVENTS_OF_SPAN, span).fetchall()}
    changed = kept ^ set(events)
    if changed:
        connection.execute(_DROP_OF_SPAN, span)
        with connection.cursor() as cursor:
            cursor.executemany(_INSERT, [_row(event, panel_id=panel_id, register=register) for event in events])
    return {event.at for event in changed}


def switch_flag(connection: Connection[Row], instants: Iterable[datetime], *, panel_id: int, flag: int) -> None:
    """Sets or takes back a flag of a panel's readings, whichever it is not."""
    found = sorted(instants)
    if found:
        parameters = {"flag": flag, "panel_id": panel_id, "instants": found}
        connection.execute(_SWITCH_FLAG, {**parameters, "first_at": found[0], "last_at": found[-1]})


def _event(row: Row) -> RegisterEvent:
    kind, at, before_at, before_kwh, *rest = row
    return RegisterEvent(EventKind(kind), at, RegisterReading(before_at, before_kwh), *rest)


def _row(event: RegisterEvent, *, panel_id: int, register: Register) -> Row:
    return (
        panel_id, register.value, event.at, event.kind.value, event.before.at, event.before.kwh, event.after_kwh,
        event.usage_kwh, event.ends_at, event.reading_count,
    )  # fmt: skip
