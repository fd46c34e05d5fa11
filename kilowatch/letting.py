"""Turns what the command line says of properties, tenancies, claims and roles into rows, each act audited."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Final

from kilowatch.operator_acts import in_transaction, keep, known_account
from metering.access import THE_SERVICE, Role
from metering.names import checked_name
from metering.refusals import Refused
from resolvers.checked_words import checked_address, checked_codes
from resolvers.claim_codes import GOOD_FOR as CLAIM_GOOD_FOR
from resolvers.invitations import GOOD_FOR, check_days, check_lettable
from resolvers.new_codes import new_code
from store import claim_codes, invitations, people, properties, property_panels, tenancy_terms
from store.connections import Database
from store.invitations import Invited
from store.properties import Property, PropertyFilter
from store.tenancy_terms import Tenancy

_EVERY: Final = 100_000


def add_property(database_url: str, *, name: str, address: str, landlord: str) -> int:
    """Adds a property of a landlord, by e-mail address or phone number, and returns its id.

    Raises:
        Refused: BAD_NAME, BAD_INPUT, ACCOUNT_NOT_FOUND, NOT_A_LANDLORD.
    """

    async def added(connection: Database) -> int:
        owner = await known_account(connection, landlord)
        await properties.check_landlord(connection, owner.id)
        place = checked_address(address)
        number = await properties.create(
            connection, viewer=THE_SERVICE, name=checked_name(name), address=place, landlord_id=owner.id
        )
        await keep(connection, "CREATE_PROPERTY", property_id=number, subject_account_id=owner.id, name=name)
        return number

    return in_transaction(database_url, added)


def all_properties(database_url: str) -> list[Property]:
    """Every property, by name."""

    async def listed(connection: Database) -> list[Property]:
        rows, _ = await properties.page(
            connection, viewer=THE_SERVICE, where=PropertyFilter(), after=None, limit=_EVERY
        )
        return rows

    return in_transaction(database_url, listed)


def hand_over(database_url: str, property_id: int, *, landlord: str) -> None:
    """Gives a property to another landlord.

    Raises:
        Refused: PROPERTY_NOT_FOUND, ACCOUNT_NOT_FOUND, NOT_A_LANDLORD.
    """

    async def handed(connection: Database) -> None:
        owner = await known_account(connection, landlord)
        await properties.hold(connection, viewer=THE_SERVICE, property_id=property_id)
        await properties.check_landlord(connection, owner.id)
        await properties.describe(connection, property_id, landlord_id=owner.id)
        await keep(connection, "UPDATE_PROPERTY", property_id=property_id, subject_account_id=owner.id)

    in_transaction(database_url, handed)


def assign_panels(database_url: str, codes: Sequence[str], *, property_id: int | None) -> None:
    """Lets panels belong to a property, or to none; their tenancies follow.

    Raises:
        Refused: PROPERTY_NOT_FOUND, PANEL_NOT_FOUND, STILL_LET, BAD_INPUT.
    """

    async def assigned(connection: Database) -> None:
        if property_id is not None:
            await properties.hold(connection, viewer=THE_SERVICE, property_id=property_id)
        held = await property_panels.hold(connection, viewer=THE_SERVICE, codes=checked_codes(codes))
        await property_panels.move(connection, [one.id for one in held], property_id=property_id, now=_now())
        for concerned in {property_id, *(one.property_id for one in held)} - {None} or {None}:
            await keep(connection, "ASSIGN_PANELS", property_id=concerned, panelCodes=list(codes))

    in_transaction(database_url, assigned)


def remove_property(database_url: str, property_id: int) -> None:
    """Removes a property; its panels belong to nobody then.

    Raises:
        Refused: PROPERTY_NOT_FOUND, STILL_LET.
    """

    async def removed(connection: Database) -> None:
        await properties.hold(connection, viewer=THE_SERVICE, property_id=property_id)
        known = (await properties.by_ids(connection, [property_id], viewer=THE_SERVICE))[property_id]
        owner = known.landlord_id
        await keep(connection, "REMOVE_PROPERTY", property_id=property_id, subject_account_id=owner, name=known.name)
        await properties.remove(connection, property_id, now=_now())

    in_transaction(database_url, removed)


def invite_tenant(
    database_url: str,
    property_id: int,
    *,
    codes: Sequence[str],
    starts_on: date,
    ends_on: date | None,
    name: str | None,
) -> str:
    """Makes an invitation to rent panels of a property, and returns its code.

    Raises:
        Refused: PROPERTY_NOT_FOUND, PANEL_NOT_FOUND, BAD_NAME, BAD_INPUT.
    """
    code = new_code()

    async def invited(connection: Database) -> None:
        now = _now()
        await properties.hold(connection, viewer=THE_SERVICE, property_id=property_id)
        held = await property_panels.hold(connection, viewer=THE_SERVICE, codes=checked_codes(codes))
        check_lettable(held, property_id=property_id)
        check_days(starts_on, ends_on, now=now)
        shown = None if name is None else checked_name(name)
        what = Invited(property_id, [one.id for one in held], starts_on, ends_on, shown, None, None)
        await invitations.create(
            connection, what, viewer=THE_SERVICE, code_sha256=code.sha256, now=now, expires_at=now + GOOD_FOR
        )
        await keep(connection, "INVITE_TENANT", property_id=property_id, panelCodes=list(codes))

    in_transaction(database_url, invited)
    return code.text


def tenancies_of(database_url: str, property_id: int) -> list[Tenancy]:
    """The tenancies of a property, those made last first.

    Raises:
        Refused: PROPERTY_NOT_FOUND.
    """

    async def listed(connection: Database) -> list[Tenancy]:
        await properties.hold(connection, viewer=THE_SERVICE, property_id=property_id)
        rows, _ = await tenancy_terms.let_page(
            connection,
            viewer=THE_SERVICE,
            property_id=property_id,
            is_current=None,
            now=_now(),
            before_id=None,
            limit=_EVERY,
        )
        return rows

    return in_transaction(database_url, listed)


def end_tenancy(database_url: str, tenancy_id: int) -> None:
    """Ends a tenancy now; one that has not begun is removed.

    Raises:
        Refused: TENANCY_NOT_FOUND, TENANCY_ENDED.
    """

    async def ended(connection: Database) -> None:
        now = _now()
        found = await tenancy_terms.hold_let(connection, tenancy_id, viewer=THE_SERVICE, now=now)
        tenancy_terms.check_not_over(found, now=now)
        await tenancy_terms.end(connection, found, ends_at=now, is_now=True)
        await keep(
            connection,
            "END_TENANCY",
            property_id=found.property_id,
            subject_account_id=found.account_id,
            panelCodes=found.panel_codes,
        )

    in_transaction(database_url, ended)


def make_claim_code(database_url: str, codes: Sequence[str]) -> str:
    """Makes a code by which somebody can claim panels that belong to nobody, and returns it.

    Raises:
        Refused: PANEL_NOT_FOUND, PANEL_TAKEN, BAD_INPUT.
    """
    code = new_code()

    async def made(connection: Database) -> None:
        now = _now()
        held = await property_panels.hold(connection, viewer=THE_SERVICE, codes=checked_codes(codes))
        await claim_codes.create(
            connection,
            [one.id for one in held],
            viewer=None,
            code_sha256=code.sha256,
            now=now,
            expires_at=now + CLAIM_GOOD_FOR,
        )
        await keep(connection, "CREATE_CLAIM_CODE", panelCodes=list(codes))

    in_transaction(database_url, made)
    return code.text


def set_role(database_url: str, who: str, *, role: str) -> None:
    """Gives a person another role.

    Raises:
        Refused: BAD_ROLE, ACCOUNT_NOT_FOUND, LAST_ADMIN, HAS_PROPERTIES.
    """
    if role not in Role.__members__:
        raise Refused("BAD_ROLE", f"A role is one of {', '.join(Role.__members__)}.", "role")

    async def changed(connection: Database) -> None:
        person = await people.hold(connection, (await known_account(connection, who)).id)
        await people.set_role(connection, person, role=Role[role])
        await keep(connection, "SET_ROLE", subject_account_id=person.id, role=role, before=person.role.value)

    in_transaction(database_url, changed)


def _now() -> datetime:
    return datetime.now(UTC)
