"""Makes, lists and ends keys of service accounts, for the command line."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Final

from kilowatch.operator_acts import in_transaction, keep, known_account
from metering.access import Role, Scope
from metering.names import checked_name
from metering.refusals import Refused
from resolvers.api_keys import end_of, end_soon, fresh_key, next_end
from resolvers.service_accounts import checked_scopes, scopes_for
from store import api_keys, service_accounts
from store.api_keys import ApiKey
from store.connections import Database
from store.service_accounts import ServiceAccount, names_of

_MOST: Final = 10_000


@dataclass(frozen=True, slots=True)
class Wish:
    """A key for a service account that is called so; the account is made where its owner has none of that name."""

    owner: str
    account_name: str
    name: str
    scopes: Collection[Scope]
    expires_on: date | None


@dataclass(frozen=True, slots=True)
class ListedKey:
    """A key, whose it is, and whether somebody may come in by it now; instants in UTC."""

    prefix: str
    name: str
    account: str
    owner: str
    scopes: tuple[Scope, ...]
    counts: bool
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    last_used_address: str | None


@dataclass(frozen=True, slots=True)
class Shown:
    """A new key: its public beginning, and the whole of it, which is nowhere else."""

    prefix: str
    text: str = field(repr=False)


def create_key(database_url: str, wish: Wish) -> Shown:
    """A new key, and the service account where there is none yet.

    Raises:
        Refused: ACCOUNT_NOT_FOUND, FORBIDDEN for a tenant, BAD_INPUT, TOO_MANY_KEYS, TOO_MANY_SERVICE_ACCOUNTS.
    """
    now = datetime.now(UTC)
    name, scopes, expires_at = checked_name(wish.name), checked_scopes(wish.scopes), end_of(wish.expires_on, now=now)

    async def created(connection: Database) -> Shown:
        account = await _service_account(connection, wish)
        if not scopes <= set(account.scopes):
            allowed = ", ".join(names_of(account.scopes))
            raise Refused("BAD_INPUT", f"{account.name} is for {allowed} alone: give no more --scope.", "scopes")
        return await _made(connection, account.id, name=name, scopes=scopes, expires_at=expires_at, now=now)

    return in_transaction(database_url, created)


def rotate_key(database_url: str, prefix: str, *, overlap_hours: int) -> Shown:
    """A new key in the place of one that goes on for some hours.

    Raises:
        Refused: KEY_NOT_FOUND, TOO_MANY_KEYS.
    """
    now = datetime.now(UTC)

    async def rotated(connection: Database) -> Shown:
        old = await _counting(connection, prefix, now=now)
        await end_soon(connection, old, overlap_hours=overlap_hours, now=now)
        await keep(
            connection,
            "ROTATE_API_KEY",
            subject_account_id=old.account_id,
            previous=old.prefix,
            overlapHours=overlap_hours,
        )
        end = next_end(old, None, now=now)
        return await _made(connection, old.account_id, name=old.name, scopes=old.scopes, expires_at=end, now=now)

    return in_transaction(database_url, rotated)


def revoke_key(database_url: str, prefix: str) -> None:
    """Ends a key at once, with the streams that it has opened.

    Raises:
        Refused: KEY_NOT_FOUND.
    """
    now = datetime.now(UTC)

    async def revoked(connection: Database) -> None:
        key = await _counting(connection, prefix, now=now)
        await api_keys.revoke(connection, key.id, now=now)
        await keep(connection, "REVOKE_API_KEY", subject_account_id=key.account_id, name=key.name, prefix=key.prefix)

    in_transaction(database_url, revoked)


def all_keys(database_url: str) -> list[ListedKey]:
    """Everybody's keys, by their accounts, those that count no more too."""
    now = datetime.now(UTC)

    async def listed(connection: Database) -> list[ListedKey]:
        found = await service_accounts.page(connection, viewer=None, is_own=False, after_id=0, limit=_MOST)
        by_id = {account.id: account for account in found}
        keys = await api_keys.of_accounts(connection, list(by_id), viewer=None)
        return [_listed(key, by_id[key.account_id], now=now) for key in keys]

    return in_transaction(database_url, listed)


def _listed(key: ApiKey, account: ServiceAccount, *, now: datetime) -> ListedKey:
    return ListedKey(
        prefix=key.prefix,
        name=key.name,
        account=account.name,
        owner=account.owner_name,
        scopes=key.scopes,
        counts=key.counts(at=now),
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        last_used_at=key.last_used_at,
        last_used_address=key.last_used_address,
    )


async def _service_account(connection: Database, wish: Wish) -> ServiceAccount:
    """The owner's service account of that name, made where it is missing, for the scopes of its first key."""
    owner, name = await known_account(connection, wish.owner), checked_name(wish.account_name)
    if owner.role is Role.TENANT:
        raise Refused("FORBIDDEN", "Only landlords and admins have service accounts.")
    own = await service_accounts.page(connection, viewer=None, is_own=False, after_id=0, limit=_MOST)
    for account in own:
        if (account.owner_id, account.name) == (owner.id, name):
            return account
    scopes = scopes_for(owner.role, wish.scopes)
    account_id = await service_accounts.create(connection, owner_id=owner.id, name=name, scopes=scopes)
    await keep(connection, "CREATE_SERVICE_ACCOUNT", subject_account_id=account_id, name=name, scopes=names_of(scopes))
    made = await service_accounts.one(connection, account_id, viewer=None)
    assert made is not None  # noqa: S101 - tells the type checker that what was just written is there
    return made


async def _made(
    connection: Database,
    account_id: int,
    *,
    name: str,
    scopes: Collection[Scope],
    expires_at: datetime | None,
    now: datetime,
) -> Shown:
    text, known = fresh_key()
    await api_keys.create(
        connection, known, account_id=account_id, name=name, scopes=scopes, expires_at=expires_at, now=now
    )
    await keep(
        connection,
        "CREATE_API_KEY",
        subject_account_id=account_id,
        name=name,
        prefix=known.prefix,
        scopes=names_of(scopes),
    )
    return Shown(known.prefix, text)


async def _counting(connection: Database, prefix: str, *, now: datetime) -> ApiKey:
    key = await api_keys.by_prefix(connection, prefix.removeprefix("kwk_")[:8])
    if key is None or not key.counts(at=now):
        raise Refused(
            "KEY_NOT_FOUND", f"No key that counts begins with kwk_{prefix.removeprefix('kwk_')[:8]}.", "prefix"
        )
    return key
