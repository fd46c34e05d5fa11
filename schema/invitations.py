"""Describes invitations: how a landlord lets panels, and how a tenant comes to them."""

from datetime import date, datetime
from typing import Annotated

import strawberry

from resolvers import invitations
from resolvers.context import Info
from resolvers.invitations import InvitationMade, Invitee
from resolvers.tenancies import TenancyChange
from schema.refusals import Refusal, RefusedAsData
from schema.tenancies import Tenancy
from store.invitations import InvitationState

strawberry.enum(
    InvitationState,
    description="What has become of an invitation. OPEN: it can be accepted. ACCEPTED: it led to a tenancy. REVOKED:"
    " its landlord took it back. EXPIRED: nobody accepted it within 14 days.",
)


@strawberry.type(description="That somebody may rent panels: whoever has its code, once.")
class Invitation:
    """See `store.invitations.Invitation`."""

    id: strawberry.ID = strawberry.field(description="Its number.")
    state: InvitationState = strawberry.field(description="What has become of it.")
    panel_codes: list[str] = strawberry.field(description="The codes of the panels that are let, in their order.")
    starts_on: date = strawberry.field(
        description="The local day with whose beginning the tenancy begins; later if somebody else's ended since."
    )
    ends_on: date | None = strawberry.field(description="The tenancy's last local day; null while no end is known.")
    name: str | None = strawberry.field(description="Whom it is for, in the landlord's words; null when not said.")
    email: str | None = strawberry.field(description="The e-mail address that was given for them; null without one.")
    phone: str | None = strawberry.field(description="The phone number that was given for them; null without one.")
    created_at: datetime = strawberry.field(description="When it was made; UTC.")
    expires_at: datetime = strawberry.field(description="Until when it can be accepted; UTC.")
    accepted_at: datetime | None = strawberry.field(description="When it was accepted; UTC. Null unless it was.")
    tenancy_id: strawberry.ID | None = strawberry.field(
        description="The `id` of the Tenancy to which it led; null without one."
    )


@strawberry.input(description="What is let, from when to when, and to whom.")
class InviteTenantInput:
    """See `resolvers.invitations.create`."""

    property_id: strawberry.ID = strawberry.field(description="The `id` of the Property.")
    panel_codes: list[str] = strawberry.field(
        description="The codes of panels of the property, 1 to 500, all of one time zone: they are let together."
    )
    starts_on: date = strawberry.field(description="The local day with whose beginning the tenancy begins.")
    ends_on: date | None = strawberry.field(
        default=None, description="The tenancy's last local day, today or later; open when left out."
    )
    name: str | None = strawberry.field(
        default=None, description="Whom it is for, to tell invitations apart: 1 to 200 characters."
    )
    email: str | None = strawberry.field(
        default=None,
        description="Where the code is sent by mail, where this server sends mail; not with `phone`. Whoever has the"
        " code may accept it, also with another address.",
    )
    phone: str | None = strawberry.field(
        default=None,
        description="Where the code is sent as a text message, like +2348012345678, where this server sends such.",
    )


@strawberry.input(description="Which invitation.")
class InvitationInput:
    """See `resolvers.invitations`."""

    id: strawberry.ID = strawberry.field(description="The `id` of the Invitation.")


@strawberry.type(description="An invitation and its code, or why it was refused.")
class InviteTenantPayload:
    """See `resolvers.invitations.InvitationMade`."""

    invitation: Invitation | None = strawberry.field(description="The invitation; null when refused.")
    code: str | None = strawberry.field(
        description="What the tenant needs for acceptInvitation, like KW-7F3K-92QD-XM4T-06RB: shown this once. Null"
        " when refused."
    )
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, FORBIDDEN, PROPERTY_NOT_FOUND, PANEL_NOT_FOUND, INVITATION_NOT_FOUND,"
        " INVITATION_ACCEPTED, BAD_NAME, BAD_EMAIL, BAD_PHONE or BAD_INPUT; null when it was made."
    )


@strawberry.type(description="The invitation as it is now, or why it was refused.")
class RevokeInvitationPayload:
    """See `resolvers.invitations.InvitationMade`."""

    invitation: Invitation | None = strawberry.field(description="The invitation; null when refused.")
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, FORBIDDEN, INVITATION_NOT_FOUND or INVITATION_ACCEPTED; null when it was revoked."
    )


@strawberry.input(description="The code of an invitation.")
class AcceptInvitationInput:
    """See `resolvers.invitations.accept`."""

    code: str = strawberry.field(description="The code; small letters, blanks and missing dashes do not matter.")


@strawberry.type(description="The tenancy that began, or why it was refused.")
class AcceptInvitationPayload:
    """See `resolvers.tenancies.TenancyChange`."""

    tenancy: Tenancy | None = strawberry.field(description="The tenancy; null when refused.")
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, FORBIDDEN, TOO_MANY_ATTEMPTS, or INVITATION_NOT_VALID: the same for a code that"
        " is unknown, was used or revoked, or has expired. Null when it was accepted."
    )


@strawberry.type
class InvitationMutations:
    """Inviting, and accepting."""

    @strawberry.mutation(
        description="Invites somebody to rent panels of a property of yours, for landlords and admins: give them the"
        " code, which is shown here alone. It is good for 14 days, once. Where an address is given and this server"
        " sends messages, it is sent there, too.",
        graphql_type=InviteTenantPayload,
        extensions=[RefusedAsData(InvitationMade)],
    )
    async def invite_tenant(
        self,
        info: Info,
        given: Annotated[InviteTenantInput, strawberry.argument(name="input", description="What is let to whom.")],
    ) -> InvitationMade:
        """The invitation with its code."""
        return await invitations.create(
            info.context,
            property_id=str(given.property_id),
            panel_codes=given.panel_codes,
            starts_on=given.starts_on,
            ends_on=given.ends_on,
            invitee=Invitee(given.name, given.email, given.phone),
        )

    @strawberry.mutation(
        description="Gives an invitation that was not accepted another code, good for 14 days, for landlords and"
        " admins. The code before is good no more.",
        graphql_type=InviteTenantPayload,
        extensions=[RefusedAsData(InvitationMade)],
    )
    async def reissue_invitation(
        self, info: Info, given: Annotated[InvitationInput, strawberry.argument(name="input", description="Which.")]
    ) -> InvitationMade:
        """The invitation with its new code."""
        return await invitations.reissue(info.context, invitation_id=str(given.id))

    @strawberry.mutation(
        description="Takes an invitation that was not accepted back, for landlords and admins.",
        graphql_type=RevokeInvitationPayload,
        extensions=[RefusedAsData(InvitationMade)],
    )
    async def revoke_invitation(
        self, info: Info, given: Annotated[InvitationInput, strawberry.argument(name="input", description="Which.")]
    ) -> InvitationMade:
        """The invitation, revoked."""
        return await invitations.revoke(info.context, invitation_id=str(given.id))

    @strawberry.mutation(
        description="Accepts an invitation: you rent its panels from then on, or since the day that it says. Ten codes"
        " an hour may be tried.",
        graphql_type=AcceptInvitationPayload,
        extensions=[RefusedAsData(TenancyChange)],
    )
    async def accept_invitation(
        self, info: Info, given: Annotated[AcceptInvitationInput, strawberry.argument(name="input", description="It.")]
    ) -> TenancyChange:
        """The tenancy."""
        return await invitations.accept(info.context, code=given.code)
