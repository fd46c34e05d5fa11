"""Turns an admin's corrections and withdrawals into changed readings, and a panel into the audit of them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import strawberry

from metering.reading_changes import Values, checked_reason, checked_span, checked_values
from metering.refusals import Refused
from resolvers import panels
from resolvers.context import Context, Info
from resolvers.pages import Cursor, Page, checked_first, cursor_of, number_of, page_of
from resolvers.places import number_in
from resolvers.windows import looking_back
from store import reading_audit, reading_changes
from store.panels import Panel
from store.reading_audit import ReadingChange
from store.reading_changes import Author

CURSOR = "readingChange"


@dataclass(frozen=True, slots=True)
class ChangeMade:
    """What became of a change: the audit's row and the panel as it is now."""

    change: ReadingChange | None = None
    panel: Panel | None = None
    refusal: Refused | None = None


async def correct(context: Context, *, panel_code: str, at: datetime, values: Values, reason: str) -> ChangeMade:
    """Gives one reading other values; None removes one.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN, PANEL_NOT_FOUND, READING_NOT_FOUND, BAD_INPUT.
    """
    author, new = _author(context, reason), checked_values(values)
    panel = await panels.required(context, panel_code)
    return await _made(
        context,
        lambda connection: reading_changes.correct(connection, panel_id=panel.id, at=at, values=new, author=author),
    )


async def withdraw(context: Context, *, panel_code: str, since: datetime, until: datetime, reason: str) -> ChangeMade:
    """Takes the readings of a span away.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN, PANEL_NOT_FOUND, READING_NOT_FOUND, TOO_MANY_READINGS, BAD_RANGE,
            BAD_INPUT (reason).
    """
    author, (start, end) = _author(context, reason), checked_span(since, until)
    panel = await panels.required(context, panel_code)
    return await _made(
        context,
        lambda connection: reading_changes.withdraw(
            connection, panel_id=panel.id, since=start, until=end, author=author
        ),
    )


async def restore(context: Context, *, change_id: str, reason: str) -> ChangeMade:
    """Undoes a correction or a withdrawal.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN, CHANGE_NOT_FOUND, ALREADY_RESTORED, CHANGED_SINCE, BAD_INPUT (reason).
    """
    author, number = _author(context, reason), _number(change_id)
    return await _made(context, lambda connection: reading_changes.restore(connection, change_id=number, author=author))


def _author(context: Context, reason: str) -> Author:
    account_id = context.admin.account_id
    return Author(checked_reason(reason), account_id)


def _number(change_id: str) -> int:
    """The id, or 0, which no change has."""
    return number_in(change_id) or 0


async def _made(context: Context, change: Callable[[Any], int]) -> ChangeMade:
    change_id = await reading_changes.changed(context.pool, change)
    async with context.pool.connection() as connection:
        made = await reading_audit.one(connection, viewer=context.signed_in, change_id=change_id)
    return ChangeMade(made, made and await panels.visible(context, made.panel_code))


async def page(
    parent: strawberry.Parent[Panel], info: Info, first: int = 50, after: Cursor | None = None
) -> Page[ReadingChange]:
    """What admins did to the panel's readings, newest first.

    Raises:
        Refused: BAD_INPUT (first), BAD_CURSOR.
    """
    before_id = None if after is None else number_of(after, kind=CURSOR)
    async with looking_back(info.context, parent.id) as connection:
        rows, total = await reading_audit.page(
            connection,
            viewer=info.context.signed_in,
            panel_id=parent.id,
            before_id=before_id,
            limit=checked_first(first) + 1,
        )
    return page_of(rows, first=first, after=after, total_count=total, cursor=lambda row: cursor_of(CURSOR, row.id))
