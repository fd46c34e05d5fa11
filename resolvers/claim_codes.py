"""Turns panels that belong to nobody into codes, and a code into a landlord's panels."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from metering.entry_codes import hash_of
from metering.names import checked_name
from metering.refusals import Refused
from resolvers.attempts import begin_entry
from resolvers.audit import audited
from resolvers.checked_words import checked_codes
from resolvers.context import Context
from resolvers.new_codes import new_code
from resolvers.places import number_in
from resolvers.properties import PropertyChange
from store import claim_codes, properties, property_panels

GOOD_FOR: Final = timedelta(days=90)
"""How long a claim code can be used."""


@dataclass(frozen=True, slots=True)
class ClaimCodeMade:
    """A claim code, which is shown this once, the panels to which it leads, and until when; in UTC."""

    code: str | None = field(default=None, repr=False)
    panel_codes: list[str] | None = None
    expires_at: datetime | None = None
    refusal: Refused | None = None


async def create(context: Context, *, panel_codes: Sequence[str]) -> ClaimCodeMade:
    """Makes a code by which somebody can claim panels that belong to nobody, in place of older ones for any of them.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN unless the viewer is an admin; PANEL_NOT_FOUND, PANEL_TAKEN, BAD_INPUT.
    """
    async with audited(context, action="CREATE_CLAIM_CODE", panelCodes=list(panel_codes)) as act:
        viewer, now, codes = context.admin, context.now(), checked_codes(panel_codes)
        code, expires_at = new_code(), now + GOOD_FOR
        async with context.pool.connection() as connection, connection.transaction():
            held = await property_panels.hold(connection, viewer=viewer, codes=codes)
            claim_id = await claim_codes.create(
                connection,
                [panel.id for panel in held],
                viewer=viewer,
                code_sha256=code.sha256,
                now=now,
                expires_at=expires_at,
            )
            await act.done(connection, claimCodeId=claim_id)
        return ClaimCodeMade(code.text, codes, expires_at)


async def claim(
    context: Context, *, code: str, property_id: str | None, new_property_name: str | None
) -> PropertyChange:
    """Makes the viewer the landlord of the panels to which a code leads, in a property of theirs or in a new one.

    Raises:
        Refused: UNAUTHENTICATED, TOO_MANY_ATTEMPTS, PROPERTY_NOT_FOUND, BAD_NAME, BAD_INPUT; CLAIM_NOT_VALID, the same
            for every code that leads nowhere.
    """
    async with audited(context, action="CLAIM_PANELS") as act:
        viewer, now = context.signed_in, context.now()
        name = None if new_property_name is None else checked_name(new_property_name, field="newPropertyName")
        if (property_id is None) == (name is None):
            raise Refused("BAD_INPUT", "Give either `propertyId` or `newPropertyName`.", "propertyId")
        await begin_entry(context, kind="CLAIM", account_id=viewer.account_id)
        async with context.pool.connection() as connection, connection.transaction():
            found = await claim_codes.hold(connection, code_sha256=hash_of(code), now=now)
            if name is None:
                number = number_in(property_id or "") or 0
                await properties.hold(connection, viewer=viewer, property_id=number)
            else:
                number = await properties.create(connection, viewer=viewer, name=name, address="")
            await claim_codes.use(connection, found, viewer=viewer, property_id=number, now=now)
            act.about(property_id=number)
            await act.done(connection, panelCodes=found.panel_codes)
            return PropertyChange((await properties.by_ids(connection, [number], viewer=viewer))[number])
