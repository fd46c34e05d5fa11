"""Turns an admin's filter into people, and what admins decide about them into changes."""

from dataclasses import dataclass
from typing import Final

from metering.access import Role
from metering.refusals import Refused
from resolvers import panels
from resolvers.audit import audited
from resolvers.context import Context
from resolvers.pages import Cursor, Page, checked_first, cursor_of, number_of, page_of
from resolvers.places import number_in
from store import accounts, people, sessions
from store.people import KnownPerson, PeopleFilter

CURSOR: Final = "person"
MAX_TEXT_LENGTH: Final = 100


@dataclass(frozen=True, slots=True)
class PersonChange:
    """What became of somebody; None of who was removed."""

    person: KnownPerson | None = None
    refusal: Refused | None = None


async def page(context: Context, *, where: PeopleFilter, first: int, after: Cursor | None) -> Page[KnownPerson]:
    """Everybody who can sign in, the oldest accounts first.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN unless the viewer is an admin; BAD_INPUT, BAD_CURSOR.
    """
    viewer = context.admin
    if where.text is not None and not (len(where.text) <= MAX_TEXT_LENGTH and where.text.isprintable()):
        raise Refused("BAD_INPUT", f"`text` may have {MAX_TEXT_LENGTH} printable characters at the most.", "filter")
    after_id = None if after is None else number_of(after, kind=CURSOR)
    async with context.pool.connection() as connection:
        rows, total = await people.page(
            connection, viewer=viewer, where=where, now=context.now(), after_id=after_id, limit=checked_first(first) + 1
        )
    return page_of(rows, first=first, after=after, total_count=total, cursor=lambda row: cursor_of(CURSOR, row.id))


async def set_role(context: Context, *, account_id: str, role: Role) -> PersonChange:
    """Gives somebody another role, at once.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN, ACCOUNT_NOT_FOUND, LAST_ADMIN, HAS_PROPERTIES.
    """
    number = number_in(account_id) or 0
    async with audited(context, action="SET_ROLE", subject_account_id=number, role=role.value) as act:
        _ = context.admin
        async with context.pool.connection() as connection, connection.transaction():
            held = await people.hold(connection, number)
            await people.set_role(connection, held, role=role)
            await act.done(connection, before=held.role.value)
        return await _changed(context, number)


async def set_disabled(context: Context, *, account_id: str, is_disabled: bool) -> PersonChange:
    """Lets somebody in no more and ends their sessions and streams, or lets them in again.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN, ACCOUNT_NOT_FOUND, LAST_ADMIN.
    """
    number, action = number_in(account_id) or 0, "DISABLE_ACCOUNT" if is_disabled else "ENABLE_ACCOUNT"
    async with audited(context, action=action, subject_account_id=number) as act:
        _ = context.admin
        async with context.pool.connection() as connection, connection.transaction():
            held = await people.hold(connection, number)
            if is_disabled:
                await people.check_not_last_admin(connection, held)
            await sessions.set_disabled(connection, account_id=number, is_disabled=is_disabled, now=context.now())
            await act.done(connection)
        return await _changed(context, number)


async def grant(context: Context, *, account_id: str, panel_code: str) -> PersonChange:
    """Lets somebody see a panel; who is a landlord decides about it, too.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN, ACCOUNT_NOT_FOUND, PANEL_NOT_FOUND.
    """
    number = number_in(account_id) or 0
    async with audited(context, action="GRANT_PANEL", panel_code=panel_code, subject_account_id=number) as act:
        _ = context.admin
        panel = await panels.required(context, panel_code)
        async with context.pool.connection() as connection, connection.transaction():
            await people.hold(connection, number)
            await accounts.grant(connection, account_id=number, panel_code=panel_code)
            await act.done(connection, panel_id=panel.id)
        return await _changed(context, number)


async def revoke(context: Context, *, account_id: str, panel_code: str) -> PersonChange:
    """Ends what was given by `grant`, on open streams too; tenancies and properties stay.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN, ACCOUNT_NOT_FOUND, PANEL_NOT_FOUND.
    """
    number = number_in(account_id) or 0
    async with audited(context, action="REVOKE_PANEL", panel_code=panel_code, subject_account_id=number) as act:
        _ = context.admin
        panel = await panels.required(context, panel_code)
        async with context.pool.connection() as connection, connection.transaction():
            await people.hold(connection, number)
            await accounts.revoke(connection, account_id=number, panel_code=panel_code)
            await act.done(connection, panel_id=panel.id)
        return await _changed(context, number)


async def remove(context: Context, *, account_id: str) -> PersonChange:
    """Removes somebody with everything that is their own; their properties are without a landlord then.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN, ACCOUNT_NOT_FOUND, LAST_ADMIN.
    """
    number = number_in(account_id) or 0
    async with audited(context, action="REMOVE_PERSON", subject_account_id=number) as act:
        viewer = context.admin
        async with context.pool.connection() as connection, connection.transaction():
            held = await people.hold(connection, number)
            await people.check_not_last_admin(connection, held)
            known = (await people.of_ids(connection, [number], viewer=viewer, now=context.now()))[number]
            await act.done(connection, name=known.name, role=held.role.value)
            await accounts.remove(connection, number)
        return PersonChange()


async def _changed(context: Context, account_id: int) -> PersonChange:
    async with context.pool.connection() as connection:
        found = await people.of_ids(connection, [account_id], viewer=context.admin, now=context.now())
    return PersonChange(found.get(account_id))
