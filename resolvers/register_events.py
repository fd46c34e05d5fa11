"""Turns a panel into what its registers did that was no usage."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import strawberry

from metering.refusals import Refused
from metering.registers import EventKind, Register
from resolvers.context import Info
from resolvers.pages import Cursor, Page, bad_cursor, checked_first, cursor_of, page_of, place_of
from resolvers.places import instant_in, micros_of
from resolvers.windows import looking_back
from store import register_history
from store.panels import Panel
from store.register_history import PastEvent

CURSOR = "registerEvent"


async def page(
    parent: strawberry.Parent[Panel],
    info: Info,
    first: int = 50,
    after: Cursor | None = None,
    kinds: Sequence[EventKind] | None = None,
) -> Page[PastEvent]:
    """The events of the panel's registers, newest first; of some kinds, or of all.

    Raises:
        Refused: BAD_INPUT (first, kinds), BAD_CURSOR.
    """
    if kinds is not None and not kinds:
        raise Refused("BAD_INPUT", "`kinds` names at least one kind; leave it out for all.", "kinds")
    async with looking_back(info.context, parent.id) as connection:
        rows, total = await register_history.page(
            connection,
            viewer=info.context.signed_in,
            panel_id=parent.id,
            kinds=list(EventKind) if kinds is None else kinds,
            after=None if after is None else _place(after),
            limit=checked_first(first) + 1,
        )
    local = [_local(row, panel=parent) for row in rows]
    return page_of(local, first=first, after=after, total_count=total, cursor=_cursor)


def _local(event: PastEvent, *, panel: Panel) -> PastEvent:
    return replace(
        event,
        at=event.at.astimezone(panel.zone),
        ends_at=event.ends_at.astimezone(panel.zone),
        before_at=event.before_at.astimezone(panel.zone),
    )


def _cursor(event: PastEvent) -> Cursor:
    return cursor_of(CURSOR, f"{micros_of(event.at)}.{event.register.value}")


def _place(cursor: Cursor) -> tuple[datetime, Register]:
    at_us, _, register = place_of(cursor, kind=CURSOR).partition(".")
    at = instant_in(at_us)
    if at is None or register not in Register.__members__:
        raise bad_cursor()
    return at, Register(register)
