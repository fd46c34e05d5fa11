"""Turns attempts into a pause when there are too many, whether or not what is tried exists, in all servers together."""

import ipaddress
import math
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from metering.refusals import Refused
from resolvers.context import Context
from resolvers.enrolment import enrolment_of
from store import sign_in_limits
from store.accounts import Account
from store.connections import Database
from store.sign_in_limits import Limit, slot_of

WINDOW: Final = timedelta(minutes=15)
MAX_PER_ACCOUNT = 10
MAX_PER_ADDRESS = 60
MAX_PER_WIDE_ADDRESS = 600
"""Of the /48 of an IPv6 address, which whoever rents a server may have: 65,536 networks of 2^64 addresses."""
MAX_RIGHT_AN_HOUR = 100
"""Attempts on an account from one network, right ones too: each takes 60 ms of a core and leaves a session."""
MAX_A_DAY = 100
"""Unsuccessful attempts on an account from all networks together; further ones have to wait, not from known ones."""

FIRST_PAUSE: Final = timedelta(minutes=1)
MAX_CODES_AN_HOUR = 5
WIDE_ADDRESS_CODES = 10
"""Of the codes an hour of one network, so many times as many go to the /48 around it."""
MAX_PROVIDED_AN_HOUR = 30
MAX_LOCKED_TOLD = 10
"""Rows in the audit that one network causes in an hour when it is refused for trying too often."""
CODE_EVERY: Final = timedelta(minutes=1)
MAX_SECOND_FACTORS = 10
MAX_SECOND_FACTORS_A_DAY = 30
MAX_ENTRIES_AN_HOUR = 10
MAX_ENTRIES_AN_ADDRESS = 30
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)


async def begin(context: Context, *, contact: str) -> None:
    """Counts one more try of a password, by the network, by the account and network, and by the account.

    Right ones are forgiven, but for a hundred an hour of an account and network.

    An attempt counts from its start, so that many at once are not checked side by side. `contact` is as it was typed,
    in one form. Strangers cannot keep an account's owner out: the limit of all networks together does not hold for
    networks from which somebody has signed in, and elsewhere it is a pause, which a one-time code goes round.

    Raises:
        Refused: TOO_MANY_ATTEMPTS; the message says when to try again.
    """
    network = network_of(context.client_address)
    by_networks, by_account = _by_networks(context), _by_account(context, contact)
    right = _limit(context, "PASSWORD_RIGHT", (contact, network), MAX_RIGHT_AN_HOUR, _HOUR)
    limits = [*by_networks, _own(context, network, contact), right, by_account]
    await _count(context, limits, field=_field_of(contact), known=_network_key(context, network, contact))


async def is_told(context: Context, *, contact: str) -> bool:
    """Whether it was kept lately that an account was locked: once an hour, ten an hour of one network."""
    network = network_of(context.client_address)
    limits = [
        _limit(context, "LOCKED_NETWORK", (network,), MAX_LOCKED_TOLD, _HOUR),
        _limit(context, "LOCKED", (contact,), 1, _HOUR),
    ]
    async with context.pool.connection() as connection:
        return await sign_in_limits.count(connection, limits, now=context.now()) is not None


async def forgive(context: Context, *, contact: str) -> None:
    """Forgets the tries on an account from a network: one of them was right."""
    network = network_of(context.client_address)
    async with context.pool.connection() as connection:
        await sign_in_limits.forgive(
            connection,
            _own(context, network, contact),
            shared=[*_by_networks(context), _by_account(context, contact)],
        )


def _own(context: Context, network: str, contact: str) -> Limit:
    return _limit(context, "PASSWORD_HERE", (contact, network), MAX_PER_ACCOUNT, WINDOW)


def _by_networks(context: Context) -> list[Limit]:
    wide, network = wide_network_of(context.client_address), network_of(context.client_address)
    by_network = _limit(context, "PASSWORD_NETWORK", (network,), MAX_PER_ADDRESS, WINDOW)
    if wide is None:
        return [by_network]
    return [_limit(context, "PASSWORD_WIDE", (wide,), MAX_PER_WIDE_ADDRESS, WINDOW), by_network]


def _by_account(context: Context, contact: str) -> Limit:
    return _limit(context, "PASSWORD", (contact,), MAX_A_DAY, _DAY, pause=FIRST_PAUSE)


async def know_network(context: Context, connection: Database, account: Account) -> None:
    """Keeps that an account was signed in to from where the request comes: it is known for 90 days."""
    network = network_of(context.client_address)
    keys = [_network_key(context, network, contact.address) for contact in account.contacts]
    await sign_in_limits.know_networks(connection, keys, account_id=account.id, now=context.now())


async def begin_code(context: Context, *, contact: str) -> None:
    """Counts one more code that is asked for: 5 an hour and one a minute a contact, `codes_per_hour` a network.

    Of the /48 of an IPv6 address it is ten times as many.

    Raises:
        Refused: TOO_MANY_ATTEMPTS; the message says when to try again.
    """
    wide, network = wide_network_of(context.client_address), network_of(context.client_address)
    most = enrolment_of(context).codes_per_hour
    limits = [] if wide is None else [_limit(context, "CODE_WIDE", (wide,), WIDE_ADDRESS_CODES * most, _HOUR)]
    limits += [
        _limit(context, "CODE_NETWORK", (network,), most, _HOUR),
        _limit(context, "CODE_HERE", (contact, network), MAX_CODES_AN_HOUR, _HOUR),
        _limit(context, "CODE", (contact,), MAX_CODES_AN_HOUR, _HOUR, pause=WINDOW),
        _limit(context, "CODE_MINUTE", (contact,), 1, CODE_EVERY),
    ]
    await _count(context, limits, field=_field_of(contact), known=_network_key(context, network, contact))


async def begin_provided(context: Context, *, contact: str) -> None:
    """Counts one more sign-in that another provider vouches for: 30 an hour of a contact, which its owner alone makes.

    Raises:
        Refused: TOO_MANY_ATTEMPTS; the message says when to try again.
    """
    await _count(context, [_limit(context, "PROVIDED", (contact,), MAX_PROVIDED_AN_HOUR, _HOUR)], field=None)


async def begin_second_factor(context: Context, *, account_id: int) -> None:
    """Counts one more try of a second factor: 10 in 15 min an account, and 30 a day, then one an hour.

    Raises:
        Refused: TOO_MANY_ATTEMPTS; the message says when to try again.
    """
    account = str(account_id)
    limits = [
        _limit(context, "SECOND_FACTOR", (account,), MAX_SECOND_FACTORS, WINDOW),
        _limit(context, "SECOND_FACTOR_DAY", (account,), MAX_SECOND_FACTORS_A_DAY, _DAY, pause=WINDOW),
    ]
    await _count(context, limits, field="code")


async def begin_entry(context: Context, *, kind: str, account_id: int | None = None) -> None:
    """Counts one more try of a code that was given out, like an invitation: 10 an hour an account, 30 a network.

    Without an account, by the network alone.

    Raises:
        Refused: TOO_MANY_ATTEMPTS; the message says when to try again.
    """
    network = network_of(context.client_address)
    limits = [_limit(context, f"{kind}_NETWORK", (network,), MAX_ENTRIES_AN_ADDRESS, _HOUR)]
    if account_id is not None:
        limits.append(_limit(context, kind, (str(account_id),), MAX_ENTRIES_AN_HOUR, _HOUR))
    await _count(context, limits, field="code")


async def _count(context: Context, limits: Sequence[Limit], *, field: str | None, known: bytes | None = None) -> None:
    now = context.now()
    async with context.pool.connection() as connection:
        next_at = await sign_in_limits.count(connection, limits, now=now, known=known)
    if next_at is not None:
        raise _too_many(next_at - now, field=field)


def _limit(
    context: Context,
    kind: str,
    counted: tuple[str, ...],
    most: int,
    window: timedelta,
    *,
    pause: timedelta | None = None,
) -> Limit:
    slot = slot_of(enrolment_of(context).sealing.digest("\n".join((kind, *counted)), purpose="attempts"))
    return Limit(kind, slot, most, window, pause)


def _network_key(context: Context, network: str, contact: str) -> bytes:
    return enrolment_of(context).sealing.digest(f"{contact}\n{network}", purpose="known network")


def network_of(address: str) -> str:
    """The address, or for IPv6 its /64: one household or server has all of that.

    An IPv4 client of a socket for both is ::ffff:192.0.2.1: its address counts, or all of them were one network.
    """
    parsed = _parsed(address)
    if parsed is None:
        return address
    return str(parsed if parsed.version == 4 else ipaddress.ip_network((parsed.packed, 64), strict=False))


def wide_network_of(address: str) -> str | None:
    """The /48 of an IPv6 address, which a provider hands out as one; None of IPv4."""
    parsed = _parsed(address)
    if parsed is None or parsed.version == 4:
        return None
    return str(ipaddress.ip_network((parsed.packed, 48), strict=False))


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    return parsed if parsed.version == 4 else parsed.ipv4_mapped or parsed


def _field_of(contact: str) -> str:
    return "phone" if contact.startswith("+") else "email"


def _too_many(wait: timedelta, *, field: str | None) -> Refused:
    minutes = max(math.ceil(wait.total_seconds() / 60), 1)
    return Refused("TOO_MANY_ATTEMPTS", f"Too many attempts. Try again in {minutes} min.", field)
