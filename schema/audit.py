"""Describes the audit: who did what to money, units and tariffs, refused attempts too."""

from datetime import datetime

import strawberry

from resolvers import audit, pages
from resolvers.context import Info
from resolvers.pages import Cursor
from schema.arguments import Arguments
from schema.pages import Connection
from store.audit import AuditEntry as EntryRow


@strawberry.type(description="One thing that was asked for, or that came of it.")
class AuditDetail:
    """See `resolvers.audit.Detail`."""

    name: str = strawberry.field(description="What it is, such as `unitsKwh`.")
    value: str = strawberry.field(
        description="Its value as text, JSON where it is more than one; of tokens the last four digits only."
    )


@strawberry.type(description="An act on a panel's money, units or tariff, done or refused. It is never altered later.")
class AuditEntry:
    """See `store.audit.AuditEntry`."""

    id: strawberry.ID = strawberry.field(description="Its number.")
    at: datetime = strawberry.field(description="When it was done or tried; UTC.")
    actor: str = strawberry.field(description="Who: the account's name at the time, or a machine such as `paystack`.")
    account_id: strawberry.ID | None = strawberry.field(
        description="The account; null for a machine, and for an account that was removed since."
    )
    panel_code: str | None = strawberry.field(
        description="The panel's code, or what was given for one; null where there is none."
    )
    action: str = strawberry.field(
        description="What: the mutation's name in capitals, such as TOP_UP or SET_TARIFF; VARIOUS for the rest of an"
        " hour's refused attempts."
    )
    outcome: str = strawberry.field(
        description="DONE, or the code that it was refused with; REFUSED for the rest of an hour."
    )
    details: list[audit.Detail] = strawberry.field(
        resolver=audit.details, graphql_type=list[AuditDetail], description="What was asked for, and what came of it."
    )
    times: int = strawberry.field(
        description="1; more where it stands for the rest of an hour, after an account's first 100 refused attempts."
    )


@strawberry.type
class AuditQueries:
    """The audit."""

    @strawberry.field(
        description="What was done to money, units and tariffs, and what was tried in vain, newest first: all of it for"
        " admins; for landlords what concerns their panels, and what they did themselves.",
        graphql_type=Connection[AuditEntry],
        extensions=[
            Arguments(
                panel_code="Only what concerns this panel.",
                first="How many at the most, 1 to 500.",
                after="Only entries after this cursor.",
            )
        ],
    )
    @staticmethod
    async def audit_log(
        info: Info, panel_code: str | None = None, first: int = 50, after: Cursor | None = None
    ) -> pages.Page[EntryRow]:
        """A page of entries."""
        return await audit.page(info.context, panel_code=panel_code, first=first, after=after)
