"""Turns what a landlord lets to whom into invitations with a code, and a code into a tenancy."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

import strawberry

from metering.contacts import contact_of
from metering.entry_codes import hash_of
from metering.names import checked_name
from metering.refusals import Refused
from resolvers.attempts import begin_entry
from resolvers.audit import Audit, audited
from resolvers.checked_words import checked_codes
from resolvers.context import Context, Info
from resolvers.enrolment import enrolment_of
from resolvers.new_codes import NewCode, new_code
from resolvers.pages import Cursor, Page, checked_first, cursor_of, number_of, page_of
from resolvers.places import number_in
from resolvers.tenancies import TenancyChange
from store import account_messages, invitations, properties, property_panels, tenancy_terms
from store.account_messages import MessageKind
from store.connections import Database
from store.invitations import Invitation, Invited
from store.properties import Property
from store.property_panels import HeldPanel

CURSOR: Final = "invitation"
GOOD_FOR: Final = timedelta(days=14)
"""How long an invitation can be accepted."""


@dataclass(frozen=True, slots=True)
class Invitee:
    """Whom an invitation is for, as far as the landlord said."""

    name: str | None = None
    email: str | None = None
    phone: str | None = None


@dataclass(frozen=True, slots=True)
class InvitationMade:
    """An invitation and its code, which is shown this once."""

    invitation: Invitation | None = None
    code: str | None = field(default=None, repr=False)
    refusal: Refused | None = None


async def create(
    context: Context,
    *,
    property_id: str,
    panel_codes: Sequence[str],
    starts_on: date,
    ends_on: date | None,
    invitee: Invitee,
) -> InvitationMade:
    """Invites somebody to rent panels of one property, from one local day to another that is the last.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN, PROPERTY_NOT_FOUND, PANEL_NOT_FOUND, BAD_NAME, BAD_EMAIL, BAD_PHONE,
            BAD_INPUT.
    """
    number = number_in(property_id) or 0
    days = {"startsOn": starts_on, "endsOn": ends_on}
    async with audited(
        context, action="INVITE_TENANT", property_id=number, panelCodes=list(panel_codes), days=days
    ) as act:
        viewer, now, codes = context.landlord, context.now(), checked_codes(panel_codes)
        known = _checked_invitee(invitee)
        async with context.pool.connection() as connection, connection.transaction():
            await properties.hold(connection, viewer=viewer, property_id=number)
            panels = await property_panels.hold(connection, viewer=viewer, codes=codes)
            check_lettable(panels, property_id=number)
            check_days(starts_on, ends_on, now=now)
            ids, code = [panel.id for panel in panels], new_code()
            wanted = Invited(number, ids, starts_on, ends_on, known.name, known.email, known.phone)
            invitation_id = await invitations.create(
                connection, wanted, viewer=viewer, code_sha256=code.sha256, now=now, expires_at=now + GOOD_FOR
            )
            await act.done(connection, invitationId=invitation_id)
            return await _sent(context, connection, invitation_id, code)


async def _sent(context: Context, connection: Database, invitation_id: int, code: NewCode) -> InvitationMade:
    """The invitation as it is now, with its code, which is left to be sent."""
    made = await invitations.one(connection, invitation_id, viewer=context.landlord, now=context.now())
    await _send(context, connection, made, code=code.text)
    return InvitationMade(made, code.text)


async def _send(context: Context, connection: Database, invitation: Invitation, *, code: str) -> None:
    """Leaves the code to be sent to whom the invitation is for, where this server can."""
    if invitation.email is None and invitation.phone is None:
        return
    to = contact_of(email=invitation.email, phone=invitation.phone)
    if to.channel not in enrolment_of(context).channels:
        return
    known = (await properties.by_ids(connection, [invitation.property_id], viewer=context.signed_in)).values()
    inviter = next((each.landlord_name for each in known if each.landlord_name), invitation.property_name)
    await account_messages.add(
        connection,
        to=to,
        kind=MessageKind.INVITATION,
        now=context.now(),
        expires_at=invitation.expires_at,
        details={
            "code": code,
            "inviter": inviter,
            "place": invitation.property_name,
            "expires_on": f"{invitation.expires_at:%d %B %Y}",
        },
    )


def _checked_invitee(invitee: Invitee) -> Invitee:
    name = None if invitee.name is None else checked_name(invitee.name)
    if invitee.email is None and invitee.phone is None:
        return Invitee(name)
    contact = contact_of(email=invitee.email, phone=invitee.phone)
    return Invitee(name, contact.email, contact.phone)


def check_lettable(panels: Sequence[HeldPanel], *, property_id: int) -> None:
    """Whether panels can be let together.

    Raises:
        Refused: BAD_INPUT unless they are of that property and of one time zone.
    """
    if any(panel.property_id != property_id for panel in panels):
        raise Refused("BAD_INPUT", "All panels must belong to the property.", "panelCodes")
    if len({panel.time_zone for panel in panels}) > 1:
        raise Refused("BAD_INPUT", "All panels must have the same time zone.", "panelCodes")


def check_days(starts_on: date, ends_on: date | None, *, now: datetime) -> None:
    """Whether a tenancy may be from a day to another.

    Raises:
        Refused: BAD_INPUT.
    """
    if ends_on is not None and not (starts_on <= ends_on and ends_on >= now.date()):
        raise Refused("BAD_INPUT", "`endsOn` must be today or later, and not before `startsOn`.", "endsOn")


async def reissue(context: Context, *, invitation_id: str) -> InvitationMade:
    """Gives an invitation that was not accepted another code, good for 14 days; the one before is good no more.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN, INVITATION_NOT_FOUND, INVITATION_ACCEPTED.
    """
    async with audited(context, action="REISSUE_INVITATION", invitationId=invitation_id) as act:
        viewer, now, code = context.landlord, context.now(), new_code()
        async with context.pool.connection() as connection, connection.transaction():
            found = await invitations.hold(connection, number_in(invitation_id) or 0, viewer=viewer, now=now)
            await invitations.reissue(connection, found.id, code_sha256=code.sha256, expires_at=now + GOOD_FOR)
            await _done(connection, act, found)
            return await _sent(context, connection, found.id, code)


async def revoke(context: Context, *, invitation_id: str) -> InvitationMade:
    """Lets the code of an invitation that was not accepted be good no more.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN, INVITATION_NOT_FOUND, INVITATION_ACCEPTED.
    """
    async with audited(context, action="REVOKE_INVITATION", invitationId=invitation_id) as act:
        viewer, now = context.landlord, context.now()
        async with context.pool.connection() as connection, connection.transaction():
            found = await invitations.hold(connection, number_in(invitation_id) or 0, viewer=viewer, now=now)
            await invitations.revoke(connection, found.id, now=now)
            await _done(connection, act, found)
            return InvitationMade(await invitations.one(connection, found.id, viewer=viewer, now=now))


async def _done(connection: Database, act: Audit, invitation: Invitation) -> None:
    act.about(property_id=invitation.property_id)
    await act.done(connection, panelCodes=invitation.panel_codes)


async def accept(context: Context, *, code: str) -> TenancyChange:
    """Makes the tenancy of an invitation for who is asking.

    Raises:
        Refused: UNAUTHENTICATED, TOO_MANY_ATTEMPTS; INVITATION_NOT_VALID, the same for every code that leads nowhere.
    """
    async with audited(context, action="ACCEPT_INVITATION") as act:
        viewer, now = context.signed_in, context.now()
        await begin_entry(context, kind="INVITATION", account_id=viewer.account_id)
        async with context.pool.connection() as connection, connection.transaction():
            tenancy_id = await invitations.accept(
                connection, code_sha256=hash_of(code), account_id=viewer.account_id, now=now
            )
            if tenancy_id is None:
                message = "This code leads to no invitation that can be accepted: ask the landlord for another one."
                raise Refused("INVITATION_NOT_VALID", message, "code")
            (tenancy,) = await tenancy_terms.of_ids(connection, [tenancy_id], now=now)
            act.about(property_id=tenancy.property_id)
            await act.done(connection, tenancyId=tenancy_id, panelCodes=tenancy.panel_codes)
            return TenancyChange(tenancy)


async def of_property(
    parent: strawberry.Parent[Property], info: Info, first: int = 50, after: Cursor | None = None
) -> Page[Invitation]:
    """The invitations to a property, the newest first.

    Raises:
        Refused: BAD_INPUT (first), BAD_CURSOR.
    """
    context, before_id = info.context, None if after is None else number_of(after, kind=CURSOR)
    async with context.pool.connection() as connection:
        rows, total = await invitations.page(
            connection,
            viewer=context.signed_in,
            property_id=parent.id,
            now=context.now(),
            before_id=before_id,
            limit=checked_first(first) + 1,
        )
    return page_of(rows, first=first, after=after, total_count=total, cursor=lambda row: cursor_of(CURSOR, row.id))
