"""Turns wishes about the keys of service accounts into new keys, shown once, and into the end of old ones."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import strawberry

from metering.access import Scope
from metering.api_keys import PREFIX_BITS, SECRET_BITS, KnownKey, key_text, known_key
from metering.names import checked_name
from metering.refusals import Refused
from resolvers import account_news
from resolvers.audit import Audit, audited
from resolvers.context import Context, Info
from resolvers.loading import loaded
from resolvers.places import number_in
from resolvers.proofs import Proof, prove
from resolvers.service_accounts import checked_scopes, one, owner
from store import accounts, api_keys
from store.account_messages import MessageKind
from store.api_keys import ApiKey
from store.connections import Database
from store.service_accounts import ServiceAccount, names_of

MAX_YEARS: Final = 10
USUAL_OVERLAP_HOURS: Final = 24
MAX_OVERLAP_HOURS: Final = 720


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key and its whole text, which is nowhere else. `previous` is the one in whose place it stands."""

    key: ApiKey
    text: str = field(repr=False)
    previous: ApiKey | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """What a key is to be: for the service account, with a name, scopes, and its end (UTC)."""

    account: ServiceAccount
    name: str
    scopes: Collection[Scope]
    expires_at: datetime | None


async def of_service_account(info: Info, parent: strawberry.Parent[ServiceAccount]) -> list[ApiKey]:
    """The keys of a service account, oldest first, revoked ones too."""
    return await loaded(info.context, _keys, parent.id) or []


async def _keys(context: Context, account_ids: list[int]) -> dict[int, list[ApiKey]]:
    async with context.pool.connection() as connection:
        found = await api_keys.of_accounts(connection, account_ids, viewer=context.person)
    keys: dict[int, list[ApiKey]] = {account_id: [] for account_id in account_ids}
    for key in found:
        keys[key.account_id].append(key)
    return keys


async def create(
    context: Context,
    proof: Proof,
    *,
    account_id: str,
    name: str,
    scopes: Collection[Scope] | None,
    expires_on: date | None,
) -> NewKey:
    """A new key of a service account; without scopes of its own it is for all that the account is for.

    A key outlives the session, and a new password too: hence the proof, and the message to the account's owner.

    Raises:
        Refused: FORBIDDEN for tenants, SERVICE_ACCOUNT_NOT_FOUND, BAD_NAME, BAD_INPUT (scopes, expiresOn),
            TOO_MANY_KEYS, and what `resolvers.proofs.prove` refuses.
    """
    viewer, called, expires_at = owner(context), checked_name(name), end_of(expires_on, now=context.now())
    async with audited(context, action="CREATE_API_KEY", serviceAccountId=account_id, name=called) as act:
        await prove(context, proof)
        async with context.pool.connection() as connection, connection.transaction():
            account = await one(connection, account_id, viewer=viewer, field="serviceAccountId")
            wish = Wish(account, called, _within(account, scopes), expires_at)
            return await _made(context, connection, wish, act)


async def rotate(context: Context, proof: Proof, *, key_id: str, overlap_hours: int, expires_on: date | None) -> NewKey:
    """A new key in the place of one, which goes on for a while. It lasts as long as the old one was made for.

    Raises:
        Refused: FORBIDDEN for tenants, KEY_NOT_FOUND, BAD_INPUT (overlapHours, expiresOn), TOO_MANY_KEYS, and what
            `resolvers.proofs.prove` refuses.
    """
    _ = owner(context)
    _ = end_of(expires_on, now=context.now())
    _check_overlap(overlap_hours)
    async with audited(context, action="ROTATE_API_KEY", id=key_id, overlapHours=overlap_hours) as act:
        await prove(context, proof)
        async with context.pool.connection() as connection, connection.transaction():
            old = await _counting(context, connection, key_id)
            act.add(previous=old.prefix)
            await end_soon(connection, old, overlap_hours=overlap_hours, now=context.now())
            made = await _made(context, connection, await _next(context, connection, old, expires_on), act)
            return NewKey(made.key, made.text, await _shown(context, connection, old.id))


async def _next(context: Context, connection: Database, old: ApiKey, expires_on: date | None) -> Wish:
    """What the key is to be that takes an old one's place."""
    account = await one(connection, str(old.account_id), viewer=context.person)
    return Wish(account, old.name, old.scopes, next_end(old, expires_on, now=context.now()))


async def revoke(context: Context, *, key_id: str) -> ApiKey:
    """The key, which counts no more from now on, in every server process.

    Owners who are tenants by now end their keys too, which go on with a tenant's rights.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN (keys), KEY_NOT_FOUND.
    """
    _ = context.person
    async with (
        audited(context, action="REVOKE_API_KEY", id=key_id) as act,
        context.pool.connection() as connection,
        connection.transaction(),
    ):
        key = await _counting(context, connection, key_id)
        await api_keys.revoke(connection, key.id, now=context.now())
        act.about(subject_account_id=key.account_id)
        await act.done(connection, name=key.name, prefix=key.prefix)
        return await _shown(context, connection, key.id)


async def _counting(context: Context, connection: Database, key_id: str) -> ApiKey:
    """A key of who is asking that counts now, locked.

    Raises:
        Refused: KEY_NOT_FOUND, for one that is over too.
    """
    number = number_in(key_id)
    key = None if number is None else await api_keys.one(connection, number, viewer=context.person)
    if key is None or not key.counts(at=context.now()):
        raise Refused("KEY_NOT_FOUND", "There is no such key of yours, or it counts no more.", "id")
    return key


def _check_overlap(hours: int) -> None:
    if not 0 <= hours <= MAX_OVERLAP_HOURS:
        raise Refused("BAD_INPUT", f"`overlapHours` must be 0 to {MAX_OVERLAP_HOURS}.", "overlapHours")


async def end_soon(connection: Database, key: ApiKey, *, overlap_hours: int, now: datetime) -> None:
    """Lets a key go on for some hours; for none it is revoked."""
    if overlap_hours:
        await api_keys.expire(connection, key.id, at=now + timedelta(hours=overlap_hours))
    else:
        await api_keys.revoke(connection, key.id, now=now)


def fresh_key() -> tuple[str, KnownKey]:
    """The text of a new key, from the operating system's randomness, and what may be kept of it."""
    text = key_text(prefix_bits=secrets.randbits(PREFIX_BITS), secret_bits=secrets.randbits(SECRET_BITS))
    known = known_key(text)
    assert known is not None  # noqa: S101 - tells the type checker that what was just made can be read
    return text, known


async def _made(context: Context, connection: Database, wish: Wish, act: Audit) -> NewKey:
    text, known = fresh_key()
    key_id = await api_keys.create(
        connection,
        known,
        account_id=wish.account.id,
        name=wish.name,
        scopes=wish.scopes,
        expires_at=wish.expires_at,
        now=context.now(),
    )
    act.about(subject_account_id=wish.account.id)
    await act.done(
        connection, name=wish.name, prefix=known.prefix, scopes=names_of(wish.scopes), expiresAt=wish.expires_at
    )
    await _tell_owner(context, connection, wish.account, known)
    return NewKey(await _shown(context, connection, key_id), text)


async def _tell_owner(context: Context, connection: Database, account: ServiceAccount, known: KnownKey) -> None:
    """Says to the service account's owner, who may be another than who asks, that it has a new key."""
    told = await accounts.by_id(connection, account.owner_id)
    if told is not None:
        await account_news.tell(context, connection, told, MessageKind.NEW_API_KEY, prefix=known.prefix)


async def _shown(context: Context, connection: Database, key_id: int) -> ApiKey:
    key = await api_keys.one(connection, key_id, viewer=context.person)
    assert key is not None  # noqa: S101 - tells the type checker that what was just written is there
    return key


def _within(account: ServiceAccount, scopes: Collection[Scope] | None) -> frozenset[Scope]:
    """What a key of the account is for.

    Raises:
        Refused: BAD_INPUT for more than the account is for.
    """
    wanted = frozenset(account.scopes) if scopes is None else checked_scopes(scopes)
    if not wanted <= set(account.scopes):
        allowed = ", ".join(names_of(account.scopes))
        raise Refused("BAD_INPUT", f"`scopes` may be those of the service account: {allowed}.", "scopes")
    return wanted


def end_of(day: date | None, *, now: datetime) -> datetime | None:
    """The end of the last day (UTC) on which a key counts.

    Raises:
        Refused: BAD_INPUT for a day that is over, or one in over ten years.
    """
    if day is None:
        return None
    today = now.astimezone(UTC).date()
    if not today <= day <= today + timedelta(days=366 * MAX_YEARS):
        raise Refused("BAD_INPUT", f"`expiresOn` must be today or later, within {MAX_YEARS} years.", "expiresOn")
    return datetime.combine(day + timedelta(days=1), time(), UTC)


def next_end(old: ApiKey, day: date | None, *, now: datetime) -> datetime | None:
    """The end of the key that takes an old one's place: without a day, after as long as the old one was made for.

    Raises:
        Refused: BAD_INPUT as `end_of`.
    """
    if day is None and old.expires_at is not None:
        return now + (old.expires_at - old.created_at)
    return end_of(day, now=now)
