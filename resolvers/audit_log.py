"""Turns the audit into the pages that somebody may read."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec
import strawberry

from metering.refusals import Refused
from resolvers.context import Context
from resolvers.pages import Cursor, Page, checked_first, cursor_of, number_of, page_of
from store import audit_pages
from store.audit_pages import AuditEntry, Which

CURSOR: Final = "audit"


@dataclass(frozen=True, slots=True)
class Detail:
    """One thing that was asked for, or that came of it: a name and text, JSON where it is more than one value."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries are asked for, those of [since, until); None leaves them all in. The property is a Relay id."""

    action: str | None = None
    actor: str | None = None
    panel_code: str | None = None
    property_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def details(parent: strawberry.Parent[AuditEntry]) -> list[Detail]:
    """What was asked for, and what came of it."""
    return [Detail(name, _text(value)) for name, value in parent.details.items()]


def _text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


async def page(context: Context, wanted: Filter, *, first: int = 50, after: Cursor | None = None) -> Page[AuditEntry]:
    """What was done and tried, newest first: everything for admins.

    For landlords what concerns their panels, properties and service accounts, and what they did themselves.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN (tenants), BAD_RANGE, BAD_INPUT (first, propertyId), BAD_CURSOR.
    """
    _ = context.landlord
    return await _page(context, _which(wanted), first=first, after=after)


async def own_page(context: Context, *, first: int = 50, after: Cursor | None = None) -> Page[AuditEntry]:
    """What the account did, and what was done to it or tried, sign-ins too; newest first.

    Raises:
        Refused: UNAUTHENTICATED, BAD_INPUT (first), BAD_CURSOR.
    """
    return await _page(context, Which(is_own=True), first=first, after=after)


async def _page(context: Context, which: Which, *, first: int, after: Cursor | None) -> Page[AuditEntry]:
    viewer, limit = context.signed_in, checked_first(first) + 1
    before_id = None if after is None else number_of(after, kind=CURSOR)
    async with context.pool.connection() as connection:
        rows = await audit_pages.page(connection, viewer=viewer, which=which, before_id=before_id, limit=limit)
        total = await audit_pages.count(connection, viewer=viewer, which=which)
    return page_of(rows, first=first, after=after, total_count=total, cursor=lambda row: cursor_of(CURSOR, row.id))


def _which(wanted: Filter) -> Which:
    if wanted.since and wanted.until and wanted.since >= wanted.until:
        raise Refused("BAD_RANGE", "`since` must be before `until`.", "filter.since")
    return Which(
        action=wanted.action,
        actor=wanted.actor,
        panel_code=wanted.panel_code,
        property_id=_number(wanted.property_id),
        since=wanted.since,
        until=wanted.until,
    )


def _number(text: str | None) -> int | None:
    """The number that an id is; one that is none finds nothing."""
    if text is None:
        return None
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else -1
