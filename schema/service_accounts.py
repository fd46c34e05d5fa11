"""Describes service accounts and their keys, by which integrations come in."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Annotated

import strawberry

from metering.access import Scope
from resolvers import api_keys, pages, service_accounts
from resolvers.context import Info
from resolvers.pages import Cursor
from schema.arguments import Arguments
from schema.one_time_codes import ProofInput
from schema.pages import Connection
from schema.refusals import Refusal, RefusedAsData
from store.api_keys import ApiKey as KeyRow
from store.service_accounts import ServiceAccount as AccountRow

strawberry.enum(Scope, description="What a key may be used for, as far as its owner may do it. People need none.")


@strawberry.type(description="A key of a service account: sent as `Authorization: Bearer kwk_…`, never in an address.")
class ApiKey:
    """See `store.api_keys.ApiKey`."""

    id: strawberry.ID = strawberry.field(description="Its number.")
    name: str = strawberry.field(description="What it is called; the audit has it as `keyName`.")
    prefix: str = strawberry.field(description="The 8 signs after `kwk_`, by which the key is told from others.")
    scopes: list[Scope] = strawberry.field(description="What it may be used for.")
    created_at: datetime = strawberry.field(description="When it was made, in UTC.")
    expires_at: datetime | None = strawberry.field(
        description="From then on it counts no more, in UTC; null: never by itself."
    )
    revoked_at: datetime | None = strawberry.field(description="When it was revoked, in UTC; null while it was not.")
    last_used_at: datetime | None = strawberry.field(
        description="When it was used last, in UTC, good to the minute; null before its first use."
    )
    last_used_address: str | None = strawberry.field(
        description="From which network that was: an IPv4 address, or the /64 of an IPv6 address; null before."
    )


@strawberry.type(
    description="An account for an integration. It sees the panels that its owner sees, with the owner's role at every"
    " moment, has alerts and budgets of its own, and comes in by its keys alone."
)
class ServiceAccount:
    """See `store.service_accounts.ServiceAccount`."""

    id: strawberry.ID = strawberry.field(description="Its number; the audit has it as `accountId`.")
    name: str = strawberry.field(description="What it is called.")
    scopes: list[Scope] = strawberry.field(description="What its keys may be for at the most.")
    owner_name: str = strawberry.field(description="What its owner is called.")
    created_at: datetime = strawberry.field(description="When it was made, in UTC.")
    keys: list[KeyRow] = strawberry.field(
        resolver=api_keys.of_service_account,
        graphql_type=list[ApiKey],
        description="Its keys, oldest first; those that count no more too, for 90 days.",
    )


@strawberry.input(description="An account for an integration.")
class CreateServiceAccountInput:
    """A name and what it is for."""

    name: str = strawberry.field(description="What it is called, 1 to 200 characters.")
    scopes: list[Scope] = strawberry.field(description="What its keys may be for, at least one.")


@strawberry.input(description="A service account that is to be no more.")
class RemoveServiceAccountInput:
    """Which one."""

    id: strawberry.ID = strawberry.field(description="The service account's id.")


@strawberry.input(description="A key for a service account.")
class CreateApiKeyInput:
    """Whose key, what it is for, and a proof."""

    service_account_id: strawberry.ID = strawberry.field(description="The service account's id.")
    proof: ProofInput = strawberry.field(description="Your password, or a code that was sent.")
    name: str = strawberry.field(description="What it is called, 1 to 200 characters.")
    scopes: list[Scope] | None = strawberry.field(
        default=None, description="What it is for, of what the service account is for; all of that when left out."
    )
    expires_on: date | None = strawberry.field(
        default=None, description="The last day (UTC) on which it counts, within 10 years; without an end if left out."
    )


@strawberry.input(description="A key that another is to take the place of.")
class RotateApiKeyInput:
    """Which key, for how long both count, and a proof."""

    id: strawberry.ID = strawberry.field(description="The old key's id.")
    proof: ProofInput = strawberry.field(description="Your password, or a code that was sent.")
    overlap_hours: int = strawberry.field(
        default=api_keys.USUAL_OVERLAP_HOURS,
        description="How long the old key goes on, in hours, 0 to 720; 24 when left out.",
    )
    expires_on: date | None = strawberry.field(
        default=None,
        description="The last day (UTC) on which the new key counts; when left out, it lasts as long as the old one was"
        " made for.",
    )


@strawberry.input(description="A key that is to count no more.")
class RevokeApiKeyInput:
    """Which one."""

    id: strawberry.ID = strawberry.field(description="The key's id.")


@dataclass(frozen=True, slots=True)
class AccountMade:
    """What became of a new service account."""

    service_account: AccountRow | None = None
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class AccountRemoved:
    """What became of a removal."""

    removed_id: str | None = None
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class KeyMade:
    """What became of a new key."""

    key: KeyRow | None = None
    secret: str | None = field(default=None, repr=False)
    previous: KeyRow | None = None
    refusal: Refusal | None = None

    @classmethod
    def of(cls, made: api_keys.NewKey) -> "KeyMade":
        """A key that was made."""
        return cls(made.key, made.text, made.previous)


@dataclass(frozen=True, slots=True)
class KeyRevoked:
    """What became of a revocation."""

    key: KeyRow | None = None
    refusal: Refusal | None = None


@strawberry.type(description="The new service account, or why there is none.")
class CreateServiceAccountPayload:
    """Exactly one of the two is set."""

    service_account: ServiceAccount | None = strawberry.field(description="Null when it was refused.")
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, FORBIDDEN, TOO_MANY_SERVICE_ACCOUNTS, BAD_NAME or BAD_INPUT;"
        " null when it was made."
    )


@strawberry.type(description="The service account that is no more, or why it still is.")
class RemoveServiceAccountPayload:
    """Exactly one of the two is set."""

    removed_id: strawberry.ID | None = strawberry.field(description="Null when it was refused.")
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, FORBIDDEN or SERVICE_ACCOUNT_NOT_FOUND; null when it was removed."
    )


@strawberry.type(description="The new key, or why there is none.")
class ApiKeyPayload:
    """Either the refusal is set or the key."""

    key: ApiKey | None = strawberry.field(description="Null when it was refused.")
    secret: str | None = strawberry.field(
        description="The whole key, `kwk_…`. It is shown now and never again; null when it was refused."
    )
    previous: ApiKey | None = strawberry.field(
        description="The key whose place it takes, with the end that it has now; null for a key that takes no other's."
    )
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, FORBIDDEN, BAD_CREDENTIALS, CODE_NOT_VALID, TOO_MANY_ATTEMPTS,"
        " SERVICE_ACCOUNT_NOT_FOUND, KEY_NOT_FOUND, TOO_MANY_KEYS, BAD_NAME or BAD_INPUT; null when it was made."
    )


@strawberry.type(description="The key that counts no more, or why it still does.")
class RevokeApiKeyPayload:
    """Exactly one of the two is set."""

    key: ApiKey | None = strawberry.field(description="Null when it was refused.")
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, FORBIDDEN, or KEY_NOT_FOUND: no key of yours has this id, or it counts no more"
        " already; null when it was revoked."
    )


_PAGE = {"first": "How many at the most, 1 to 500.", "after": "Only those after this cursor."}


async def own_accounts(info: Info, first: int = 50, after: Cursor | None = None) -> pages.Page[AccountRow]:
    """A page of the viewer's service accounts."""
    return await service_accounts.page(info.context, is_own=True, first=first, after=after)


OWN_ACCOUNTS = strawberry.field(
    resolver=own_accounts,
    graphql_type=Connection[ServiceAccount],
    description="Your service accounts, oldest first.",
    extensions=[Arguments(**_PAGE)],
)
"""The field `serviceAccounts` of who is asking."""


@strawberry.type
class ServiceAccountQueries:
    """All service accounts."""

    @strawberry.field(
        description="Everybody's service accounts, oldest first.",
        graphql_type=Connection[ServiceAccount],
        extensions=[Arguments(**_PAGE)],
    )
    @staticmethod
    async def service_accounts(info: Info, first: int = 50, after: Cursor | None = None) -> pages.Page[AccountRow]:
        """A page of service accounts."""
        return await service_accounts.page(info.context, is_own=False, first=first, after=after)


@strawberry.type
class ServiceAccountMutations:
    """Making and ending service accounts and keys."""

    @strawberry.mutation(
        description="Makes a service account of yours. It can do nothing before it has a key.",
        graphql_type=CreateServiceAccountPayload,
        extensions=[RefusedAsData(AccountMade)],
    )
    async def create_service_account(
        self,
        info: Info,
        given: Annotated[CreateServiceAccountInput, strawberry.argument(name="input", description="What it is.")],
    ) -> AccountMade:
        """The service account, or why there is none."""
        made = await service_accounts.create(info.context, name=given.name, scopes=given.scopes)
        return AccountMade(made)

    @strawberry.mutation(
        description="Removes a service account of yours, an admin anybody's: with its keys, its alerts and all that is"
        " its own. Its streams end at once.",
        graphql_type=RemoveServiceAccountPayload,
        extensions=[RefusedAsData(AccountRemoved)],
    )
    async def remove_service_account(
        self,
        info: Info,
        given: Annotated[RemoveServiceAccountInput, strawberry.argument(name="input", description="Which one.")],
    ) -> AccountRemoved:
        """The id of the removed one, or why there is none."""
        return AccountRemoved(await service_accounts.remove(info.context, account_id=given.id))

    @strawberry.mutation(
        description="Makes a key of a service account, and shows it once. The service account's owner is told.",
        graphql_type=ApiKeyPayload,
        extensions=[RefusedAsData(KeyMade)],
    )
    async def create_api_key(
        self,
        info: Info,
        given: Annotated[CreateApiKeyInput, strawberry.argument(name="input", description="What it is for.")],
    ) -> KeyMade:
        """The key, or why there is none."""
        made = await api_keys.create(
            info.context,
            given.proof.proof,
            account_id=given.service_account_id,
            name=given.name,
            scopes=given.scopes,
            expires_on=given.expires_on,
        )
        return KeyMade.of(made)

    @strawberry.mutation(
        description="Makes a key that takes the place of another, and shows it once. Both count for a while, so that"
        " nothing stops while the new one is put in. The service account's owner is told.",
        graphql_type=ApiKeyPayload,
        extensions=[RefusedAsData(KeyMade)],
    )
    async def rotate_api_key(
        self,
        info: Info,
        given: Annotated[RotateApiKeyInput, strawberry.argument(name="input", description="Which key.")],
    ) -> KeyMade:
        """The new key, or why there is none."""
        made = await api_keys.rotate(
            info.context,
            given.proof.proof,
            key_id=given.id,
            overlap_hours=given.overlap_hours,
            expires_on=given.expires_on,
        )
        return KeyMade.of(made)

    @strawberry.mutation(
        description="Ends a key at once, everywhere, with the websockets and streams of events that it has opened.",
        graphql_type=RevokeApiKeyPayload,
        extensions=[RefusedAsData(KeyRevoked)],
    )
    async def revoke_api_key(
        self,
        info: Info,
        given: Annotated[RevokeApiKeyInput, strawberry.argument(name="input", description="Which key.")],
    ) -> KeyRevoked:
        """The key, or why nothing was done."""
        return KeyRevoked(await api_keys.revoke(info.context, key_id=given.id))
