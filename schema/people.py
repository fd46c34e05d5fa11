"""Describes the people who can sign in, and what admins decide about them."""

from datetime import datetime
from typing import Annotated

import strawberry

from metering.access import Role
from resolvers import pages, people
from resolvers.context import Info
from resolvers.pages import Cursor
from resolvers.people import PersonChange
from schema.arguments import Arguments
from schema.pages import Connection
from schema.refusals import Refusal, RefusedAsData
from store.people import KnownPerson
from store.people import PeopleFilter as Filter


@strawberry.type(description="Somebody who can sign in, as admins see them.")
class Person:
    """See `store.people.KnownPerson`."""

    id: strawberry.ID = strawberry.field(description="The account's number.")
    name: str = strawberry.field(description="What the person is called.")
    email: str | None = strawberry.field(description="Their e-mail address, in lower case; null without one.")
    phone: str | None = strawberry.field(description="Their phone number, like +2348012345678; null without one.")
    is_email_verified: bool = strawberry.field(description="Whether they have shown that the e-mail address is theirs.")
    is_phone_verified: bool = strawberry.field(description="Whether they have shown that the phone number is theirs.")
    role: Role = strawberry.field(description="What the person may do.")
    created_at: datetime = strawberry.field(description="Since when the account is there; UTC.")
    disabled_at: datetime | None = strawberry.field(
        description="Since when nobody comes in by it; UTC. Null while they can sign in."
    )
    has_second_factor: bool = strawberry.field(description="Whether signing in takes an authenticator app, too.")
    panel_codes: list[str] = strawberry.field(
        description="The panels that were given to them, by code, besides those of properties and tenancies."
    )
    property_count: int = strawberry.field(description="How many properties they have.")
    tenancy_count: int = strawberry.field(description="How many tenancies of theirs have begun and are not over.")


@strawberry.input(description="Which people are meant. What is left out or null stays open.")
class PeopleFilter:
    """See `store.people.PeopleFilter`."""

    role: Role | None = strawberry.field(default=None, description="Only people of this role.")
    text: str | None = strawberry.field(
        default=None,
        description="Text in the name, e-mail address or phone number, upper and lower case alike; 100 characters at"
        " the most.",
    )

    def chosen(self) -> Filter:
        """The same for the resolvers."""
        return Filter(self.role, self.text)


@strawberry.input(description="Who gets which role.")
class SetRoleInput:
    """See `resolvers.people.set_role`."""

    account_id: strawberry.ID = strawberry.field(description="The `id` of the Person.")
    role: Role = strawberry.field(description="What they may do from now on.")


@strawberry.input(description="Who may come in no more, or again.")
class SetDisabledInput:
    """See `resolvers.people.set_disabled`."""

    account_id: strawberry.ID = strawberry.field(description="The `id` of the Person.")
    is_disabled: bool = strawberry.field(description="Whether nobody may come in by the account.")


@strawberry.input(description="Who sees which panel, or sees it no more.")
class PanelGrantInput:
    """See `resolvers.people.grant`."""

    account_id: strawberry.ID = strawberry.field(description="The `id` of the Person.")
    panel_code: str = strawberry.field(description="The panel's code.")


@strawberry.input(description="Who goes.")
class RemovePersonInput:
    """See `resolvers.people.remove`."""

    account_id: strawberry.ID = strawberry.field(description="The `id` of the Person.")


@strawberry.type(description="The person as they are now, or why it was refused.")
class PersonPayload:
    """See `resolvers.people.PersonChange`."""

    person: Person | None = strawberry.field(description="The person; null when refused, and of who was removed.")
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, FORBIDDEN, ACCOUNT_NOT_FOUND, PANEL_NOT_FOUND, LAST_ADMIN or HAS_PROPERTIES; null"
        " when it was changed."
    )


@strawberry.type
class PeopleQueries:
    """The people."""

    @strawberry.field(
        description="Everybody who can sign in, the oldest accounts first.",
        graphql_type=Connection[Person],
        extensions=[
            Arguments(
                first="How many at the most, 1 to 500.",
                after="Only people after this cursor.",
                where=("filter", "Which people; all when left out."),
            )
        ],
    )
    @staticmethod
    async def people(
        info: Info, first: int = 50, after: Cursor | None = None, where: PeopleFilter | None = None
    ) -> pages.Page[KnownPerson]:
        """A page of people."""
        return await people.page(info.context, where=where.chosen() if where else Filter(), first=first, after=after)


@strawberry.type
class PeopleMutations:
    """What admins decide about people."""

    @strawberry.mutation(
        description="Gives somebody another role, at once. The last admin who can sign in stays one; who has properties"
        " becomes no tenant.",
        graphql_type=PersonPayload,
        extensions=[RefusedAsData(PersonChange)],
    )
    async def set_role(
        self, info: Info, given: Annotated[SetRoleInput, strawberry.argument(name="input", description="Who and what.")]
    ) -> PersonChange:
        """The person with the role."""
        return await people.set_role(info.context, account_id=str(given.account_id), role=given.role)

    @strawberry.mutation(
        description="Lets somebody in no more: their sessions, keys and streams end at once. Or lets them in again.",
        graphql_type=PersonPayload,
        extensions=[RefusedAsData(PersonChange)],
    )
    async def set_disabled(
        self,
        info: Info,
        given: Annotated[SetDisabledInput, strawberry.argument(name="input", description="Who, and whether.")],
    ) -> PersonChange:
        """The person."""
        return await people.set_disabled(info.context, account_id=str(given.account_id), is_disabled=given.is_disabled)

    @strawberry.mutation(
        description="Lets somebody see a panel, whatever they rent or let; a landlord decides about it, too.",
        graphql_type=PersonPayload,
        extensions=[RefusedAsData(PersonChange)],
    )
    async def grant_panel(
        self,
        info: Info,
        given: Annotated[PanelGrantInput, strawberry.argument(name="input", description="Who, which.")],
    ) -> PersonChange:
        """The person with the panel."""
        return await people.grant(info.context, account_id=str(given.account_id), panel_code=given.panel_code)

    @strawberry.mutation(
        description="Takes back what grantPanel gave, on open streams too; tenancies and properties stay.",
        graphql_type=PersonPayload,
        extensions=[RefusedAsData(PersonChange)],
    )
    async def revoke_panel(
        self,
        info: Info,
        given: Annotated[PanelGrantInput, strawberry.argument(name="input", description="Who, which.")],
    ) -> PersonChange:
        """The person without the panel."""
        return await people.revoke(info.context, account_id=str(given.account_id), panel_code=given.panel_code)

    @strawberry.mutation(
        description="Removes somebody with everything that is their own, tenancies too; their properties are without a"
        " landlord then.",
        graphql_type=PersonPayload,
        extensions=[RefusedAsData(PersonChange)],
    )
    async def remove_person(
        self, info: Info, given: Annotated[RemovePersonInput, strawberry.argument(name="input", description="Who.")]
    ) -> PersonChange:
        """Nothing is left of them."""
        return await people.remove(info.context, account_id=str(given.account_id))
