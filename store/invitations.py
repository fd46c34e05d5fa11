"""Keeps invitations to rent, and turns the hash of an invitation's code into a tenancy."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any, LiteralString

from psycopg import AsyncConnection

from metering.access import Viewer
from metering.refusals import Refused
from store import tenancy_terms
from store.connections import Row
from store.scope import scope


class InvitationState(Enum):
    """What has become of an invitation."""

    OPEN = "OPEN"
    ACCEPTED = "ACCEPTED"
    REVOKED = "REVOKED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True)
class Invited:
    """What somebody is to rent, from a local day to another that is the last; and whom it is for, as far as known."""

    property_id: int
    panel_ids: Sequence[int]
    starts_on: date
    ends_on: date | None
    name: str | None
    email: str | None
    phone: str | None


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation to rent; instants in UTC. Its code was shown once and is not kept."""

    id: int
    property_id: int
    property_name: str
    panel_codes: list[str]
    starts_on: date
    ends_on: date | None
    name: str | None
    email: str | None
    phone: str | None
    created_at: datetime
    expires_at: datetime
    accepted_at: datetime | None
    tenancy_id: int | None
    state: InvitationState


_CREATE: LiteralString = """
INSERT INTO invitation (property_id, account_id, code_sha256, starts_on, ends_on, name, email, phone, created_at,
                        expires_at)
SELECT %(property_id)s, account.id, %(code_sha256)s, %(starts_on)s, %(ends_on)s, %(name)s, %(email)s, %(phone)s,
       %(now)s, %(expires_at)s
FROM (VALUES (true)) AS one (act) LEFT JOIN account ON account.id = %(inviter_id)s
RETURNING id"""
_CREATE_PANELS: LiteralString = """
INSERT INTO invitation_panel (invitation_id, panel_id) SELECT %(invitation_id)s, unnest(%(panel_ids)s::integer[])"""


async def create(
    connection: AsyncConnection[Row],
    invited: Invited,
    *,
    viewer: Viewer,
    code_sha256: bytes,
    now: datetime,
    expires_at: datetime,
) -> int:
    """Keeps an invitation to panels of one property and time zone, and returns its id."""
    parameters: dict[str, Any] = {
        **{name: getattr(invited, name) for name in Invited.__slots__},
        "panel_ids": list(invited.panel_ids),
        "inviter_id": viewer.account_id,
        "code_sha256": code_sha256,
        "now": now,
        "expires_at": expires_at,
    }
    ((invitation_id,),) = await (await connection.execute(_CREATE, parameters)).fetchall()
    await connection.execute(_CREATE_PANELS, {**parameters, "invitation_id": invitation_id})
    return invitation_id


_INVITATIONS: LiteralString = """
SELECT invitation.id, property.id, property.name,
       ARRAY(SELECT code FROM invitation_panel JOIN panel ON panel.id = panel_id
             WHERE invitation_id = invitation.id ORDER BY code),
       starts_on, ends_on, invitation.name, email, phone, invitation.created_at, expires_at, accepted_at, tenancy_id,
       CASE WHEN accepted_at IS NOT NULL THEN 'ACCEPTED' WHEN revoked_at IS NOT NULL THEN 'REVOKED'
            WHEN expires_at <= %(now)s THEN 'EXPIRED' ELSE 'OPEN' END
FROM invitation
JOIN managed_property(%(viewer_id)s, %(sees_all)s) AS property ON property.id = invitation.property_id"""


def _invitation(row: Row) -> Invitation:
    return Invitation(*row[:-1], state=InvitationState(row[-1]))


_PAGE: LiteralString = f"""{_INVITATIONS}
WHERE property.id = %(property_id)s AND (%(before_id)s::bigint IS NULL OR invitation.id < %(before_id)s)
ORDER BY invitation.id DESC LIMIT %(limit)s"""
_COUNT: LiteralString = """
SELECT count(*)::integer FROM invitation
WHERE property_id = %(property_id)s
  AND property_id IN (SELECT id FROM managed_property(%(viewer_id)s, %(sees_all)s))"""


async def page(
    connection: AsyncConnection[Row],
    *,
    viewer: Viewer,
    property_id: int,
    now: datetime,
    before_id: int | None,
    limit: int,
) -> tuple[list[Invitation], int]:
    """Up to `limit` invitations to a property that the viewer acts for, the newest first; and how many there are."""
    asked: dict[str, Any] = {**scope(viewer), "property_id": property_id, "now": now}
    rows = await (await connection.execute(_PAGE, {**asked, "before_id": before_id, "limit": limit})).fetchall()
    ((total,),) = await (await connection.execute(_COUNT, asked)).fetchall()
    return [_invitation(row) for row in rows], total


_ONE: LiteralString = f"{_INVITATIONS} WHERE invitation.id = %(invitation_id)s"
_HOLD: LiteralString = f"{_ONE} FOR UPDATE OF invitation"


async def hold(connection: AsyncConnection[Row], invitation_id: int, *, viewer: Viewer, now: datetime) -> Invitation:
    """The invitation of an id, to a property that the viewer acts for, held until the transaction ends.

    Raises:
        Refused: INVITATION_NOT_FOUND; INVITATION_ACCEPTED where it has led to a tenancy already.
    """
    parameters: dict[str, Any] = {**scope(viewer), "invitation_id": invitation_id, "now": now}
    row = await (await connection.execute(_HOLD, parameters)).fetchone()
    if row is None:
        raise Refused("INVITATION_NOT_FOUND", "You have no invitation of this id.", "id")
    found = _invitation(row)
    if found.state is InvitationState.ACCEPTED:
        raise Refused("INVITATION_ACCEPTED", "It was accepted: `endTenancy` ends what it has led to.", "id")
    return found


async def one(connection: AsyncConnection[Row], invitation_id: int, *, viewer: Viewer, now: datetime) -> Invitation:
    """The invitation of an id, which was changed a moment ago.

    Raises:
        Refused: INVITATION_NOT_FOUND.
    """
    parameters: dict[str, Any] = {**scope(viewer), "invitation_id": invitation_id, "now": now}
    row = await (await connection.execute(_ONE, parameters)).fetchone()
    if row is None:
        raise Refused("INVITATION_NOT_FOUND", "You have no invitation of this id.", "id")
    return _invitation(row)


_REISSUE: LiteralString = """
UPDATE invitation SET code_sha256 = %(code_sha256)s, expires_at = %(expires_at)s, revoked_at = NULL
WHERE id = %(invitation_id)s"""
_REVOKE: LiteralString = """
UPDATE invitation SET revoked_at = coalesce(revoked_at, %(now)s) WHERE id = %(invitation_id)s"""


async def reissue(
    connection: AsyncConnection[Row], invitation_id: int, *, code_sha256: bytes, expires_at: datetime
) -> None:
    """Gives an invitation, which the transaction holds, another code; the one before leads nowhere any more."""
    parameters = {"invitation_id": invitation_id, "code_sha256": code_sha256, "expires_at": expires_at}
    await connection.execute(_REISSUE, parameters)


async def revoke(connection: AsyncConnection[Row], invitation_id: int, *, now: datetime) -> None:
    """Lets the code of an invitation, which the transaction holds, lead nowhere any more."""
    await connection.execute(_REVOKE, {"invitation_id": invitation_id, "now": now})


_OPEN: LiteralString = """
SELECT invitation.id, property_id, starts_on, ends_on FROM invitation
WHERE code_sha256 = %(code_sha256)s AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > %(now)s
  AND EXISTS (SELECT FROM invitation_panel WHERE invitation_id = invitation.id)
  AND NOT EXISTS (SELECT FROM invitation_panel JOIN panel ON panel.id = panel_id
                  WHERE invitation_id = invitation.id AND panel.property_id IS DISTINCT FROM invitation.property_id)"""
_HOLD_OPEN: LiteralString = f"{_OPEN} FOR UPDATE OF invitation"


async def is_open(connection: AsyncConnection[Row], *, code_sha256: bytes, now: datetime) -> bool:
    """Whether an invitation of that code can be accepted: whoever has the code may know."""
    parameters = {"code_sha256": code_sha256, "now": now}
    return await (await connection.execute(_OPEN, parameters)).fetchone() is not None


_HELD_PANELS: LiteralString = """
SELECT panel.id, time_zone FROM panel JOIN invitation_panel ON panel_id = panel.id
WHERE invitation_id = %(invitation_id)s
ORDER BY panel.id
FOR SHARE OF panel"""
_ACCEPT: LiteralString = """
UPDATE invitation SET accepted_at = %(now)s, tenancy_id = %(tenancy_id)s WHERE id = %(invitation_id)s"""


async def accept(
    connection: AsyncConnection[Row], *, code_sha256: bytes | None, account_id: int, now: datetime
) -> int | None:
    """Makes the tenancy of an invitation, once, and returns its id; in a transaction.

    None, and nothing changed, where the code is unknown, used, revoked or has expired, a panel is not the property's
    any more, or its time is over.
    """
    if code_sha256 is None:
        return None
    row = await (await connection.execute(_HOLD_OPEN, {"code_sha256": code_sha256, "now": now})).fetchone()
    if row is None:
        return None
    invitation_id, property_id, starts_on, ends_on = row
    panels = await (await connection.execute(_HELD_PANELS, {"invitation_id": invitation_id})).fetchall()
    tenancy_id = await tenancy_terms.add(
        connection,
        account_id=account_id,
        property_id=property_id,
        panel_ids=[panel_id for panel_id, _ in panels],
        time_zone=panels[0][1],
        starts_on=starts_on,
        ends_on=ends_on,
        now=now,
    )
    if tenancy_id is not None:
        parameters = {"invitation_id": invitation_id, "tenancy_id": tenancy_id, "now": now}
        await connection.execute(_ACCEPT, parameters)
    return tenancy_id
