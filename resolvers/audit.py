"""Turns acts on money, units and tariffs into rows that say who did what and when, refused ones too, and lists them."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

import msgspec
import strawberry

from metering.refusals import Refused
from resolvers.context import Context
from resolvers.pages import Cursor, Page, checked_first, cursor_of, number_of, page_of
from store import audit
from store.audit import Act, Actor, AuditEntry
from store.connections import Database, Pool

CURSOR: Final = "audit"
_MAX_TEXT: Final = 200


@dataclass(slots=True)
class Audit:
    """An act that is under way. Nothing is kept of one that neither does anything nor is refused.

    `code` is set where it is refused and no exception says so, because the payload has the code.
    """

    act: Act | None
    code: str | None = None
    is_done: bool = False

    def add(self, **details: Any) -> None:
        """Says more of the act, as it becomes known."""
        if self.act:
            self.act = replace(self.act, details={**self.act.details, **details})

    def about(self, panel_code: str) -> None:
        """Says which panel it concerns, where that is known only now."""
        if self.act:
            self.act = replace(self.act, panel_code=panel_code)

    @property
    def kept(self) -> Act | None:
        """The act as it is kept."""
        return self.act and _bounded(self.act)

    async def done(self, connection: Database, *, panel_id: int | None, **details: Any) -> None:
        """Keeps that it was done, in the transaction of `connection` that does it."""
        self.add(**details)
        self.is_done = True
        if self.kept:
            await audit.record_done(connection, self.kept, panel_id=panel_id)


@dataclass(frozen=True, slots=True)
class Detail:
    """One thing that was asked for, or that came of it: a name and text, JSON where it is more than one value."""

    name: str
    value: str


@asynccontextmanager
async def audited(
    context: Context, *, action: str, panel_code: str | None = None, **details: Any
) -> AsyncGenerator[Audit]:
    """An act of who is asking: call `done` in its transaction. A refusal that leaves is kept, and goes on.

    Nothing is kept of somebody who has not signed in. `details` are what JSON can say; decimals become text, long text
    is cut. Never pass secrets: of a token, `ending_of(token)`.
    """
    actor = context.viewer and Actor(context.viewer.account_id)
    act = actor and Act(actor, action, panel_code, details)
    async with _kept(context.pool, act) as under_way:
        yield under_way


@asynccontextmanager
async def audited_machine(
    pool: Pool, *, actor: str, action: str, panel_code: str | None = None, **details: Any
) -> AsyncGenerator[Audit]:
    """The same of a machine, such as `paystack`."""
    async with _kept(pool, Act(Actor(None, actor), action, panel_code, details)) as under_way:
        yield under_way


@asynccontextmanager
async def _kept(pool: Pool, act: Act | None) -> AsyncGenerator[Audit]:
    under_way = Audit(act)
    try:
        yield under_way
    except Refused as refused:
        await _refused(pool, under_way.act, refused.code)
        raise
    if under_way.code and not under_way.is_done:
        await _refused(pool, under_way.act, under_way.code)


async def _refused(pool: Pool, act: Act | None, code: str) -> None:
    if act:
        async with pool.connection() as connection:
            await audit.record_refused(connection, _bounded(act), code=code)


def ending_of(token: str | None) -> str | None:
    """The last four signs of a token: what may be shown of it."""
    return token[-4:] if token and len(token) > 4 else None


def _bounded(act: Act) -> Act:
    return replace(act, details={key: _plain(value) for key, value in act.details.items() if value is not None})


def _plain(value: object) -> object:
    """The value as JSON can say it, and as Postgres takes it: without NUL, no longer than is of use."""
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value[:100]]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, date):
        return value.isoformat()
    return str(value).replace("\0", "")[:_MAX_TEXT]


def details(parent: strawberry.Parent[AuditEntry]) -> list[Detail]:
    """What was asked for, and what came of it."""
    return [Detail(name, _text(value)) for name, value in parent.details.items()]


def _text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


async def page(
    context: Context, *, panel_code: str | None, first: int = 50, after: Cursor | None = None
) -> Page[AuditEntry]:
    """What was done and tried, newest first: everything for admins, for landlords their panels and their own acts.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN (tenants), BAD_INPUT (first), BAD_CURSOR.
    """
    viewer = context.landlord
    before_id = None if after is None else number_of(after, kind=CURSOR)
    async with context.pool.connection() as connection:
        rows, total = await audit.page(
            connection, viewer=viewer, panel_code=panel_code, before_id=before_id, limit=checked_first(first) + 1
        )
    return page_of(rows, first=first, after=after, total_count=total, cursor=lambda row: cursor_of(CURSOR, row.id))
