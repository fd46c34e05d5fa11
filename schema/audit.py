"""Describes the audit: who did what to money, properties, devices and accounts, refused attempts too."""

from datetime import datetime

import strawberry

from resolvers import audit_log, pages
from resolvers.audit_log import Filter
from resolvers.context import Info
from resolvers.pages import Cursor
from schema.arguments import Arguments
from schema.pages import Connection
from store.audit import Via
from store.audit_pages import AuditEntry as EntryRow

strawberry.enum(Via, name="AuditVia", description="By what somebody acts.")


@strawberry.type(description="One thing that was asked for, or that came of it.")
class AuditDetail:
    """See `resolvers.audit_log.Detail`."""

    name: str = strawberry.field(description="What it is, such as `unitsKwh`.")
    value: str = strawberry.field(
        description="Its value as text, JSON where it is more than one; of tokens the last four digits only."
    )


@strawberry.type(description="An act that changes something, done or refused. It is never altered later.")
class AuditEntry:
    """See `store.audit_pages.AuditEntry`."""

    id: strawberry.ID = strawberry.field(description="Its number.")
    at: datetime = strawberry.field(description="When it was done or tried; UTC.")
    actor: str = strawberry.field(
        description="Who: the account's name at the time, or a machine such as `paystack`; `not signed in` where"
        " somebody tried to sign in, `removed account` of an account that was removed since."
    )
    account_id: strawberry.ID | None = strawberry.field(
        description="The account; null for a machine, and for an account that was removed since."
    )
    panel_code: str | None = strawberry.field(
        description="The panel's code, or what was given for one; null where there is none."
    )
    property_id: strawberry.ID | None = strawberry.field(description="The property that it is about; null for none.")
    subject_account_id: strawberry.ID | None = strawberry.field(
        description="The account that it is about, such as the one whose role was changed, or that somebody tried to"
        " sign in to; null for none."
    )
    action: str = strawberry.field(
        description="What: the mutation's name in capitals, such as TOP_UP or SET_TARIFF; VARIOUS for the rest of an"
        " hour's refused attempts."
    )
    outcome: str = strawberry.field(
        description="DONE, or the code that it was refused with; REFUSED for the rest of an hour."
    )
    details: list[audit_log.Detail] = strawberry.field(
        resolver=audit_log.details,
        graphql_type=list[AuditDetail],
        description="What was asked for, and what came of it.",
    )
    times: int = strawberry.field(
        description="1; more where it stands for the rest of an hour, after an account's first 100 refused attempts."
    )
    address: str | None = strawberry.field(
        description="The network that it came from: an IPv4 address, or the /64 of an IPv6 address. Null where that is"
        " not known, and of other people's acts, but for admins."
    )
    via: Via | None = strawberry.field(description="By what; null of other people's acts, but for admins.")
    key_name: str | None = strawberry.field(
        description="KEY: what the key was called at the time. Null for others, and where `via` is."
    )


@strawberry.input(description="Which entries are asked for; what is left out leaves them all in.")
class AuditFilter:
    """See `resolvers.audit_log.Filter`."""

    action: str | None = strawberry.field(description="Such as TOP_UP.", default=None)
    actor: str | None = strawberry.field(description="The actor's name, as entries have it.", default=None)
    panel_code: str | None = strawberry.field(description="What concerns this panel.", default=None)
    property_id: strawberry.ID | None = strawberry.field(description="What concerns this property.", default=None)
    since: datetime | None = strawberry.field(description="From this instant on.", default=None)
    until: datetime | None = strawberry.field(description="Before this instant.", default=None)


_PAGE = {"first": "How many at the most, 1 to 500.", "after": "Only entries after this cursor."}


@strawberry.type
class AuditQueries:
    """The audit."""

    @strawberry.field(
        description="What was done, and what was tried in vain, newest first: all of it for admins; for landlords what"
        " concerns the panels and properties that they let and their service accounts, and what they did themselves.",
        graphql_type=Connection[AuditEntry],
        extensions=[Arguments(filter_=("filter", "Which entries; all when left out."), **_PAGE)],
    )
    @staticmethod
    async def audit_log(
        info: Info, filter_: AuditFilter | None = None, first: int = 50, after: Cursor | None = None
    ) -> pages.Page[EntryRow]:
        """A page of entries."""
        return await audit_log.page(info.context, _wanted(filter_ or AuditFilter()), first=first, after=after)


def _wanted(given: AuditFilter) -> Filter:
    return Filter(
        given.action,
        given.actor,
        given.panel_code,
        given.property_id and str(given.property_id),
        given.since,
        given.until,
    )


async def own_log(info: Info, first: int = 50, after: Cursor | None = None) -> pages.Page[EntryRow]:
    """A page of the account's own entries."""
    return await audit_log.own_page(info.context, first=first, after=after)


OWN_LOG = strawberry.field(
    resolver=own_log,
    graphql_type=Connection[AuditEntry],
    description="What you did, and what was done to your account or tried, newest first: sign-ins too.",
    extensions=[Arguments(**_PAGE)],
)
"""The field `auditLog` of who is asking."""
