"""Describes tenancies: who rents which panels, and from when to when."""

from datetime import date, datetime
from typing import Annotated

import strawberry

from resolvers import panel_history, tenancies
from resolvers.context import Info
from resolvers.tenancies import TenancyChange
from schema.branches import branch
from schema.panel_history import PanelHistory
from schema.refusals import Refusal, RefusedAsData
from store.panels import Panel as PanelRow
from store.tenancy_terms import Tenancy as TenancyRow


@strawberry.type(description="Who rents, as far as the landlord may know; nothing of what a tenant keeps private.")
class Tenant:
    """See `resolvers.tenancies.Tenant`."""

    name: str = strawberry.field(description="What the person is called.")
    email: str | None = strawberry.field(
        description="Their e-mail address; null unless they have verified it, and once the tenancy is over."
    )
    phone: str | None = strawberry.field(
        description="Their phone number, like +2348012345678; null unless they have verified it, and once the tenancy"
        " is over."
    )


@strawberry.type(
    description="That somebody rents panels for a time. While it lasts the tenant sees the panels; what was measured"
    " and bought within it stays theirs to look at, and nothing from before or after."
)
class Tenancy:
    """See `store.tenancy_terms.Tenancy`."""

    id: strawberry.ID = strawberry.field(description="Its number.")
    property_name: str | None = strawberry.field(
        description="What the landlord calls the property; null where that was removed."
    )
    property_address: str | None = strawberry.field(
        description="Where it is; empty when nobody said, null where the property was removed."
    )
    panel_codes: list[str] = strawberry.field(description="The codes of the panels that are rented, in their order.")
    starts_at: datetime = strawberry.field(description="Since when; panel's offset.")
    ends_at: datetime | None = strawberry.field(
        description="From then on it is over; panel's offset. Null while no end is known."
    )
    is_current: bool = strawberry.field(description="Whether it has begun and is not over.")
    is_shared: bool = strawberry.field(
        description="Whether somebody else rents, or rented, one of its panels within the same time, like a flatmate."
    )
    tenant: tenancies.Tenant = strawberry.field(
        resolver=tenancies.tenant_of, graphql_type=Tenant, description="Who rents."
    )

    @strawberry.field(
        description="The panels as they were within the tenancy, by code, also when it is over: for the tenant, and for"
        " whoever lets them.",
        graphql_type=list[PanelHistory],
    )
    @staticmethod
    async def panels(parent: strawberry.Parent[TenancyRow], info: Info) -> list[PanelRow]:
        """The panels; what is asked of them is asked of the tenancy's time alone."""
        panels, context = await panel_history.of_tenancy_rows(parent, info)
        branch(info, context)
        return panels


@strawberry.input(description="Which tenancy ends, and when.")
class EndTenancyInput:
    """See `resolvers.tenancies.end`."""

    id: strawberry.ID = strawberry.field(description="The `id` of the Tenancy.")
    ends_at: datetime | None = strawberry.field(
        default=None,
        description="When it ends: not before now, but for admins, who may give an earlier instant. Now when left out.",
    )


@strawberry.input(description="Which tenancy is to end on another day.")
class ExtendTenancyInput:
    """See `resolvers.tenancies.extend`."""

    id: strawberry.ID = strawberry.field(description="The `id` of the Tenancy.")
    ends_on: date | None = strawberry.field(
        description="Its last local day, today or later; with null no end is known any more."
    )


@strawberry.input(description="Which of the own tenancies ends now.")
class LeaveTenancyInput:
    """See `resolvers.tenancies.leave`."""

    id: strawberry.ID = strawberry.field(description="The `id` of the Tenancy.")


@strawberry.type(description="The tenancy as it is now, or why it was refused.")
class TenancyPayload:
    """See `resolvers.tenancies.TenancyChange`."""

    tenancy: Tenancy | None = strawberry.field(
        description="The tenancy; null when refused, and where it had not begun and is no more."
    )
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, FORBIDDEN, TENANCY_NOT_FOUND, TENANCY_ENDED, BAD_TIME or BAD_INPUT; null when it"
        " was changed."
    )


@strawberry.type
class TenancyMutations:
    """The ends of tenancies. They begin by invitations."""

    @strawberry.mutation(
        description="Ends a tenancy of a property of yours, for landlords and admins. At that instant the tenant sees"
        " the panels no more, on open streams neither, and keeps what is from before. One that has not begun by then"
        " is removed.",
        graphql_type=TenancyPayload,
        extensions=[RefusedAsData(TenancyChange)],
    )
    async def end_tenancy(
        self,
        info: Info,
        given: Annotated[EndTenancyInput, strawberry.argument(name="input", description="Which, and when.")],
    ) -> TenancyChange:
        """The tenancy with its end."""
        return await tenancies.end(info.context, tenancy_id=str(given.id), ends_at=given.ends_at)

    @strawberry.mutation(
        description="Gives a tenancy that is not over another last day, or leaves it open, for landlords and admins.",
        graphql_type=TenancyPayload,
        extensions=[RefusedAsData(TenancyChange)],
    )
    async def extend_tenancy(
        self,
        info: Info,
        given: Annotated[ExtendTenancyInput, strawberry.argument(name="input", description="Which, and until when.")],
    ) -> TenancyChange:
        """The tenancy with its new end."""
        return await tenancies.extend(info.context, tenancy_id=str(given.id), ends_on=given.ends_on)

    @strawberry.mutation(
        description="Ends a tenancy of your own now. What was measured and bought within it stays yours to look at.",
        graphql_type=TenancyPayload,
        extensions=[RefusedAsData(TenancyChange)],
    )
    async def leave_tenancy(
        self, info: Info, given: Annotated[LeaveTenancyInput, strawberry.argument(name="input", description="Which.")]
    ) -> TenancyChange:
        """The tenancy with its end."""
        return await tenancies.leave(info.context, tenancy_id=str(given.id))
