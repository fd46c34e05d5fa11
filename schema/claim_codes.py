"""Describes claim codes: how panels that belong to nobody come to a landlord."""

from datetime import datetime
from typing import Annotated

import strawberry

from resolvers import claim_codes
from resolvers.claim_codes import ClaimCodeMade
from resolvers.context import Info
from resolvers.properties import PropertyChange
from schema.properties import PropertyPayload
from schema.refusals import Refusal, RefusedAsData


@strawberry.input(description="Which panels are to be claimed.")
class CreateClaimCodeInput:
    """See `resolvers.claim_codes.create`."""

    panel_codes: list[str] = strawberry.field(
        description="The codes of panels that belong to nobody, 1 to 500; they are claimed together."
    )


@strawberry.type(description="A claim code, or why it was refused.")
class CreateClaimCodePayload:
    """See `resolvers.claim_codes.ClaimCodeMade`."""

    code: str | None = strawberry.field(
        description="The code, like KW-7F3K-92QD-XM4T-06RB: shown this once. Null when refused."
    )
    panel_codes: list[str] | None = strawberry.field(description="The panels to which it leads; null when refused.")
    expires_at: datetime | None = strawberry.field(description="Until when it can be used; UTC. Null when refused.")
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, FORBIDDEN, PANEL_NOT_FOUND, PANEL_TAKEN or BAD_INPUT; null when it was made."
    )


@strawberry.input(description="A claim code, and where its panels are to be.")
class ClaimPanelsInput:
    """See `resolvers.claim_codes.claim`."""

    code: str = strawberry.field(description="The code; small letters, blanks and missing dashes do not matter.")
    property_id: strawberry.ID | None = strawberry.field(
        default=None, description="The `id` of a property of yours. Give this or `newPropertyName`."
    )
    new_property_name: str | None = strawberry.field(
        default=None, description="What to call a new property for them, 1 to 200 characters."
    )


@strawberry.type
class ClaimMutations:
    """Making claim codes and using them."""

    @strawberry.mutation(
        description="Makes a code by which somebody can claim panels that belong to nobody, for admins. It is good for"
        " 90 days, once; older codes for any of these panels are good no more.",
        graphql_type=CreateClaimCodePayload,
        extensions=[RefusedAsData(ClaimCodeMade)],
    )
    async def create_claim_code(
        self,
        info: Info,
        given: Annotated[CreateClaimCodeInput, strawberry.argument(name="input", description="Which panels.")],
    ) -> ClaimCodeMade:
        """The code."""
        return await claim_codes.create(info.context, panel_codes=given.panel_codes)

    @strawberry.mutation(
        description="Makes you the landlord of the panels to which a claim code leads; who was a tenant becomes a"
        " landlord by it. Ten codes an hour may be tried.",
        graphql_type=PropertyPayload,
        extensions=[RefusedAsData(PropertyChange)],
    )
    async def claim_panels(
        self,
        info: Info,
        given: Annotated[ClaimPanelsInput, strawberry.argument(name="input", description="The code, and where to.")],
    ) -> PropertyChange:
        """The property with the panels."""
        return await claim_codes.claim(
            info.context,
            code=given.code,
            property_id=None if given.property_id is None else str(given.property_id),
            new_property_name=given.new_property_name,
        )
