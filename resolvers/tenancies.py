"""Turns who is asking into their own tenancies and those that they let, and ends these."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

import strawberry

from metering.refusals import Refused
from resolvers.audit import Audit, audited
from resolvers.context import Context, Info
from resolvers.pages import Cursor, Page, checked_first, cursor_of, number_of, page_of
from resolvers.places import number_in
from store import tenancy_terms
from store.connections import Database
from store.properties import Property
from store.tenancy_terms import Tenancy

CURSOR: Final = "tenancy"


@dataclass(frozen=True, slots=True)
class Tenant:
    """Who rents, as far as the landlord may know."""

    name: str
    email: str | None
    phone: str | None


@dataclass(frozen=True, slots=True)
class TenancyChange:
    """What became of a tenancy; None of one that had not begun and is no more."""

    tenancy: Tenancy | None = None
    refusal: Refused | None = None


def tenant_of(parent: strawberry.Parent[Tenancy]) -> Tenant:
    """Who rents."""
    return Tenant(parent.tenant_name, parent.tenant_email, parent.tenant_phone)


async def own(info: Info, first: int = 50, after: Cursor | None = None) -> Page[Tenancy]:
    """The viewer's own tenancies, those made last first, those that are over too.

    Raises:
        Refused: UNAUTHENTICATED, BAD_INPUT (first), BAD_CURSOR.
    """
    context, before_id = info.context, None if after is None else number_of(after, kind=CURSOR)
    async with context.pool.connection() as connection:
        rows, total = await tenancy_terms.own_page(
            connection,
            viewer=context.signed_in,
            now=context.now(),
            before_id=before_id,
            limit=checked_first(first) + 1,
        )
    return page_of(rows, first=first, after=after, total_count=total, cursor=lambda row: cursor_of(CURSOR, row.id))


async def of_property(
    parent: strawberry.Parent[Property],
    info: Info,
    first: int = 50,
    after: Cursor | None = None,
    *,
    is_current: bool | None = None,
) -> Page[Tenancy]:
    """The tenancies of a property, those made last first.

    Raises:
        Refused: BAD_INPUT (first), BAD_CURSOR.
    """
    context, before_id = info.context, None if after is None else number_of(after, kind=CURSOR)
    async with context.pool.connection() as connection:
        rows, total = await tenancy_terms.let_page(
            connection,
            viewer=context.signed_in,
            property_id=parent.id,
            is_current=is_current,
            now=context.now(),
            before_id=before_id,
            limit=checked_first(first) + 1,
        )
    return page_of(rows, first=first, after=after, total_count=total, cursor=lambda row: cursor_of(CURSOR, row.id))


async def end(context: Context, *, tenancy_id: str, ends_at: datetime | None) -> TenancyChange:
    """Ends a tenancy of a property that the viewer acts for, now when no instant is given.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN, TENANCY_NOT_FOUND, TENANCY_ENDED, BAD_TIME.
    """
    async with audited(context, action="END_TENANCY", tenancyId=tenancy_id, endsAt=ends_at) as act:
        viewer, now = context.landlord, context.now()
        async with context.pool.connection() as connection, connection.transaction():
            found = await tenancy_terms.hold_let(connection, _number(tenancy_id), viewer=viewer, now=now)
            tenancy_terms.check_not_over(found, now=now)
            at = ends_at or now
            if at < now and not (viewer.sees_all and at > found.starts_at):
                raise Refused("BAD_TIME", "`endsAt` must not be in the past; admins may give an earlier one.", "endsAt")
            left = await tenancy_terms.end(connection, found, ends_at=at, is_now=ends_at is None)
            await _done(connection, act, found)
            return TenancyChange((await tenancy_terms.of_ids(connection, [found.id], now=now))[0] if left else None)


async def extend(context: Context, *, tenancy_id: str, ends_on: date | None) -> TenancyChange:
    """Gives a tenancy that is not over another last local day; None leaves it open.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN, TENANCY_NOT_FOUND, TENANCY_ENDED, BAD_TIME.
    """
    async with audited(context, action="EXTEND_TENANCY", tenancyId=tenancy_id, endsOn=ends_on) as act:
        viewer, now = context.landlord, context.now()
        async with context.pool.connection() as connection, connection.transaction():
            found = await tenancy_terms.hold_let(connection, _number(tenancy_id), viewer=viewer, now=now)
            tenancy_terms.check_not_over(found, now=now)
            await tenancy_terms.set_last_day(connection, found, last_day=ends_on, now=now)
            await _done(connection, act, found)
            return TenancyChange((await tenancy_terms.of_ids(connection, [found.id], now=now))[0])


async def leave(context: Context, *, tenancy_id: str) -> TenancyChange:
    """Ends a tenancy of the viewer's own now.

    Raises:
        Refused: UNAUTHENTICATED, TENANCY_NOT_FOUND, TENANCY_ENDED.
    """
    async with audited(context, action="LEAVE_TENANCY", tenancyId=tenancy_id) as act:
        viewer, now = context.signed_in, context.now()
        async with context.pool.connection() as connection, connection.transaction():
            found = await tenancy_terms.hold_own(connection, _number(tenancy_id), viewer=viewer, now=now)
            tenancy_terms.check_not_over(found, now=now)
            left = await tenancy_terms.end(connection, found, ends_at=now, is_now=True)
            await _done(connection, act, found)
            return TenancyChange((await tenancy_terms.of_ids(connection, [found.id], now=now))[0] if left else None)


async def _done(connection: Database, act: Audit, tenancy: Tenancy) -> None:
    """Keeps what was done, for the landlord and the tenant."""
    act.about(property_id=tenancy.property_id, subject_account_id=tenancy.account_id)
    await act.done(connection, tenant=tenancy.tenant_name, panelCodes=tenancy.panel_codes)


def _number(tenancy_id: str) -> int:
    return number_in(tenancy_id) or 0
