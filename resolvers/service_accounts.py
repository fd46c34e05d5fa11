"""Turns a person's wishes about integrations into service accounts, which do what their owner may do and no more."""

from collections.abc import Collection
from typing import Final

from metering.access import Role, Scope, Viewer
from metering.names import checked_name
from metering.refusals import Refused
from resolvers.audit import audited
from resolvers.context import Context
from resolvers.pages import Cursor, Page, checked_first, cursor_of, number_of, page_of
from resolvers.places import number_in
from store import service_accounts
from store.connections import Database
from store.service_accounts import ServiceAccount

CURSOR: Final = "service"


def owner(context: Context) -> Viewer:
    """Who is asking, a person who may have service accounts.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN for tenants and for service accounts.
    """
    viewer = context.person
    if viewer.role is Role.TENANT:
        raise Refused("FORBIDDEN", "Only landlords and admins have service accounts.")
    return viewer


async def create(context: Context, *, name: str, scopes: Collection[Scope]) -> ServiceAccount:
    """A new service account of who is asking.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN, BAD_NAME, BAD_INPUT (scopes), TOO_MANY_SERVICE_ACCOUNTS.
    """
    viewer, called = owner(context), checked_name(name)
    allowed = scopes_for(viewer.role, scopes)
    async with (
        audited(context, action="CREATE_SERVICE_ACCOUNT", name=called, scopes=_names(allowed)) as act,
        context.pool.connection() as connection,
        connection.transaction(),
    ):
        account_id = await service_accounts.create(connection, owner_id=viewer.account_id, name=called, scopes=allowed)
        act.about(subject_account_id=account_id)
        await act.done(connection)
        return await one(connection, str(account_id), viewer=viewer)


async def remove(context: Context, *, account_id: str) -> str:
    """The id of the service account that is no more: its keys count no longer, its streams end.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN, SERVICE_ACCOUNT_NOT_FOUND.
    """
    viewer = owner(context)
    async with (
        audited(context, action="REMOVE_SERVICE_ACCOUNT", id=account_id) as act,
        context.pool.connection() as connection,
        connection.transaction(),
    ):
        found = await one(connection, account_id, viewer=viewer)
        act.about(subject_account_id=found.id)
        await act.done(connection, name=found.name)
        await service_accounts.remove(connection, found.id)
        return account_id


async def one(connection: Database, account_id: str, *, viewer: Viewer, field: str = "id") -> ServiceAccount:
    """A service account of the viewer's, or anybody's for admins.

    Raises:
        Refused: SERVICE_ACCOUNT_NOT_FOUND.
    """
    number = number_in(account_id)
    found = None if number is None else await service_accounts.one(connection, number, viewer=viewer)
    if found is None:
        raise Refused("SERVICE_ACCOUNT_NOT_FOUND", "There is no such service account of yours.", field)
    return found


async def page(context: Context, *, is_own: bool, first: int = 50, after: Cursor | None = None) -> Page[ServiceAccount]:
    """The service accounts of who is asking, oldest first; with `is_own` false everybody's, for admins.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN, BAD_INPUT (first), BAD_CURSOR.
    """
    viewer = context.person
    if not is_own:
        _ = context.admin
    after_id = 0 if after is None else number_of(after, kind=CURSOR)
    limit = checked_first(first) + 1
    async with context.pool.connection() as connection:
        rows = await service_accounts.page(connection, viewer=viewer, is_own=is_own, after_id=after_id, limit=limit)
        total = await service_accounts.count(connection, viewer=viewer, is_own=is_own)
    return page_of(rows, first=first, after=after, total_count=total, cursor=lambda row: cursor_of(CURSOR, row.id))


def checked_scopes(scopes: Collection[Scope]) -> frozenset[Scope]:
    """The scopes, each once.

    Raises:
        Refused: BAD_INPUT without any.
    """
    if not scopes:
        raise Refused("BAD_INPUT", f"`scopes` must name at least one of {', '.join(Scope.__members__)}.", "scopes")
    return frozenset(scopes)


def scopes_for(owner_role: Role, scopes: Collection[Scope]) -> frozenset[Scope]:
    """The scopes of a service account whose owner has this role; it may do nothing that its owner may not.

    Raises:
        Refused: BAD_INPUT without any, and for SERVICE where the owner is no admin.
    """
    found = checked_scopes(scopes)
    if Scope.SERVICE in found and owner_role is not Role.ADMIN:
        accepted = ", ".join(scope.value for scope in Scope if scope is not Scope.SERVICE)
        raise Refused("BAD_INPUT", f"SERVICE is for admins' service accounts; accepted: {accepted}.", "scopes")
    return found


def _names(scopes: Collection[Scope]) -> list[str]:
    return service_accounts.names_of(scopes)
