"""Turns a panel into pages of what its registers did that was no usage."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import LiteralString

from psycopg import AsyncConnection

from metering.access import Viewer
from metering.registers import EventKind, Register
from store.connections import Row


@dataclass(frozen=True, slots=True)
class PastEvent:
    """What a register did at `at`, judged by the reading before it; instants in UTC.

    Of a GLITCH, `reading_count` readings up to `ends_at` count for nothing.
    """

    register: Register
    kind: EventKind
    at: datetime
    ends_at: datetime
    reading_count: int
    before_at: datetime
    before_kwh: float
    after_kwh: float
    usage_kwh: Decimal


# At equal instants the export's event comes after the import's.
_PAGE: LiteralString = """
SELECT register, kind, event.at, ends_at, reading_count, before_at, before_kwh, after_kwh, trim_scale(usage_kwh)
FROM history_panel(%(viewer_id)s, %(sees_all)s) AS panel
JOIN register_event AS event ON event.panel_id = panel.id
WHERE panel.id = %(panel_id)s AND kind = ANY (%(kinds)s)
  AND (%(after_at)s::timestamptz IS NULL OR event.at < %(after_at)s
       OR event.at = %(after_at)s AND register < %(after_register)s)
ORDER BY event.at DESC, register DESC LIMIT %(limit)s"""

_TOTAL: LiteralString = """
SELECT count(*)::integer FROM history_panel(%(viewer_id)s, %(sees_all)s) AS panel
JOIN register_event AS event ON event.panel_id = panel.id
WHERE panel.id = %(panel_id)s AND kind = ANY (%(kinds)s)"""


async def page(
    connection: AsyncConnection[Row],
    *,
    viewer: Viewer,
    panel_id: int,
    kinds: Sequence[EventKind],
    after: tuple[datetime, Register] | None,
    limit: int,
) -> tuple[list[PastEvent], int]:
    """Up to `limit` events of these kinds, newest first, those after a place; and how many there are in all."""
    after_at, after_register = after or (None, None)
    parameters = {
        "viewer_id": viewer.account_id,
        "sees_all": viewer.sees_all,
        "panel_id": panel_id,
        "kinds": [kind.value for kind in kinds],
    }
    place = {"after_at": after_at, "after_register": after_register and after_register.value, "limit": limit}
    rows = await (await connection.execute(_PAGE, {**parameters, **place}, binary=True)).fetchall()
    ((total,),) = await (await connection.execute(_TOTAL, parameters)).fetchall()
    return [PastEvent(Register(register), EventKind(kind), *rest) for register, kind, *rest in rows], total
