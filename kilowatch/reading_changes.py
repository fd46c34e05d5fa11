"""Turns what the command line says into changed readings, and the audit of them into words."""

import asyncio
import getpass
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from metering.access import Role, Viewer
from metering.reading_changes import checked_reason, checked_span, checked_values
from metering.readings import Reading
from metering.refusals import Refused
from store import reading_audit, reading_changes
from store.connections import connect_async
from store.known_panels import known_panels
from store.reading_audit import ReadingChange
from store.reading_changes import Author

_OWNER = Viewer(0, Role.ADMIN)
"""Whoever runs commands owns the database."""


def correct(database_url: str, code: str, *, at: str, values: Sequence[str], reason: str) -> ReadingChange:
    """Gives a reading the values of texts like `active_power_kw=1.5`, and answers the change.

    Raises:
        Refused: BAD_DATETIME, BAD_INPUT, PANEL_NOT_FOUND, READING_NOT_FOUND.
    """
    instant, new, author = _instant(at), checked_values(dict(map(_value, values))), _author(reason)
    return _made(
        database_url,
        lambda connection: reading_changes.correct(
            connection, panel_id=_panel_id(connection, code), at=instant, values=new, author=author
        ),
    )


def withdraw(database_url: str, code: str, *, since: str, until: str, reason: str) -> ReadingChange:
    """Takes a panel's readings of a span away, and answers the change.

    Raises:
        Refused: BAD_DATETIME, BAD_RANGE, BAD_INPUT (reason), PANEL_NOT_FOUND, READING_NOT_FOUND, TOO_MANY_READINGS.
    """
    (start, end), author = checked_span(_instant(since), _instant(until)), _author(reason)
    return _made(
        database_url,
        lambda connection: reading_changes.withdraw(
            connection, panel_id=_panel_id(connection, code), since=start, until=end, author=author
        ),
    )


def restore(database_url: str, change_id: int, *, reason: str) -> ReadingChange:
    """Undoes a change, and answers the one that does so.

    Raises:
        Refused: BAD_INPUT (reason), CHANGE_NOT_FOUND, ALREADY_RESTORED, CHANGED_SINCE.
    """
    author = _author(reason)
    return _made(
        database_url, lambda connection: reading_changes.restore(connection, change_id=change_id, author=author)
    )


def _made(database_url: str, change: Callable[[Any], int]) -> ReadingChange:
    return asyncio.run(_kept(database_url, reading_changes.changed_at(database_url, change)))


async def _kept(database_url: str, change_id: int) -> ReadingChange:
    async with await connect_async(database_url) as connection:
        change = await reading_audit.one(connection, viewer=_OWNER, change_id=change_id)
    if change is None:
        raise Refused("CHANGE_NOT_FOUND", "The panel was removed meanwhile.", "id")
    return change


def changes(database_url: str, code: str, *, limit: int) -> list[ReadingChange]:
    """The newest changes of a panel's readings, newest first.

    Raises:
        Refused: PANEL_NOT_FOUND.
    """
    panel_id = reading_changes.changed_at(database_url, lambda connection: _panel_id(connection, code))
    return asyncio.run(_changes(database_url, panel_id, limit=limit))


async def _changes(database_url: str, panel_id: int, *, limit: int) -> list[ReadingChange]:
    async with await connect_async(database_url) as connection:
        found, _ = await reading_audit.page(connection, viewer=_OWNER, panel_id=panel_id, before_id=None, limit=limit)
    return found


def differences(change: ReadingChange) -> list[str]:
    """What a correction changed, a value each, like `energy_import_kwh: 102.0 -> 101.5`; empty for other changes."""
    before, after = _values(change.before), _values(change.after)
    return [f"{name}: {before[name]} -> {after[name]}" for name in before if before[name] != after[name]]


def _values(reading: Reading | None) -> dict[str, Any]:
    if reading is None:
        return {}
    return {name: value for name, value in msgspec.to_builtins(reading).items() if name != "flags"}


def _panel_id(connection: Any, code: str) -> int:
    known = known_panels(connection, [code])
    if not known:
        raise Refused("PANEL_NOT_FOUND", f"There is no panel {code}.", "code")
    return known[0].id


def _author(reason: str) -> Author:
    return Author(checked_reason(reason), name=f"{getpass.getuser()} on the command line")


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        message = f'{text} is no instant with an offset, like "2026-03-01T06:30:00+07:00".'
        raise Refused("BAD_DATETIME", message)
    return instant


def _value(text: str) -> tuple[str, float | None]:
    name, is_given, number = text.partition("=")
    try:
        value = float(number) if number else None
    except ValueError:
        is_given = ""
        value = None
    if not is_given:
        raise Refused("BAD_INPUT", f"{text} is no value like active_power_kw=1.5; nothing after = removes it.", "set")
    return name.strip(), value
