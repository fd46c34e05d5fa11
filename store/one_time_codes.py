"""Keeps one-time codes that were asked for, by hashes alone: of what the client was given, and of the code itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from metering.contacts import Channel, Contact
from store.connections import Row


class CodePurpose(Enum):
    """What a code is good for; it is good for nothing else."""

    SIGN_UP = "SIGN_UP"
    LOG_IN = "LOG_IN"
    RESET = "RESET"
    CONTACT = "CONTACT"
    CONFIRM = "CONFIRM"
    SECOND_FACTOR = "SECOND_FACTOR"


@dataclass(frozen=True, slots=True)
class OneTimeCode:
    """A code that was asked for, under the SHA-256 of its challenge; no code fits where `code_hash` is None.

    `details` are what the act needs that the code is for; `tries_left` is how often it may still be tried.
    """

    challenge: bytes
    purpose: CodePurpose
    contact: Contact | None
    account_id: int | None
    code_hash: bytes | None = field(repr=False)
    tries_left: int
    expires_at: datetime
    details: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)


_ADD = """
INSERT INTO one_time_code
    (challenge, purpose, channel, contact, account_id, code_hash, tries_left, details, created_at, expires_at)
VALUES (%(challenge)s, %(purpose)s, %(channel)s, %(contact)s, %(account_id)s, %(code_hash)s, %(tries_left)s,
        %(details)s, %(now)s, %(expires_at)s)"""


async def add(connection: AsyncConnection[Row], code: OneTimeCode, *, now: datetime) -> None:
    """Keeps a code that was made."""
    values = {
        "challenge": code.challenge,
        "purpose": code.purpose.value,
        "channel": code.contact and code.contact.channel.value,
        "contact": code.contact and code.contact.address,
        "account_id": code.account_id,
        "code_hash": code.code_hash,
        "tries_left": code.tries_left,
        "details": Jsonb(dict(code.details)),
        "now": now,
        "expires_at": code.expires_at,
    }
    await connection.execute(_ADD, values)


_SPEND_TRY = """
UPDATE one_time_code SET tries_left = tries_left - 1
WHERE challenge = %(challenge)s AND purpose = %(purpose)s AND tries_left > 0 AND expires_at > %(now)s
RETURNING challenge, purpose, channel, contact, account_id, code_hash, tries_left, expires_at, details"""


async def spend_try(
    connection: AsyncConnection[Row], challenge: bytes, *, purpose: CodePurpose, now: datetime
) -> OneTimeCode | None:
    """The code that is about to be compared, one try fewer; None when there is none, or no try is left."""
    values = {"challenge": challenge, "purpose": purpose.value, "now": now}
    row = await (await connection.execute(_SPEND_TRY, values)).fetchone()
    return _code(row) if row else None


_TAKE = "DELETE FROM one_time_code WHERE challenge = %(challenge)s RETURNING true"


async def take(connection: AsyncConnection[Row], challenge: bytes) -> bool:
    """Takes a code that was right, once: whether it was still there. Part of the transaction of what it is for."""
    return await (await connection.execute(_TAKE, {"challenge": challenge})).fetchone() is not None


_OF_CHALLENGE = """
SELECT challenge, purpose, channel, contact, account_id, code_hash, tries_left, expires_at, details
FROM one_time_code WHERE challenge = %(challenge)s AND contact IS NOT NULL AND expires_at > %(now)s"""


async def of_challenge(connection: AsyncConnection[Row], challenge: bytes, *, now: datetime) -> OneTimeCode | None:
    """The code of a challenge that may be sent once more; None without one."""
    row = await (await connection.execute(_OF_CHALLENGE, {"challenge": challenge, "now": now})).fetchone()
    return _code(row) if row else None


_RENEW = """
UPDATE one_time_code SET code_hash = %(code_hash)s, tries_left = %(tries_left)s, expires_at = %(expires_at)s
WHERE challenge = %(challenge)s"""


async def renew(
    connection: AsyncConnection[Row],
    challenge: bytes,
    *,
    code_hash: bytes | None,
    tries_left: int,
    expires_at: datetime,
) -> None:
    """Puts another code in the place of the one before."""
    values = {"challenge": challenge, "code_hash": code_hash, "tries_left": tries_left, "expires_at": expires_at}
    await connection.execute(_RENEW, values)


_REMOVE_OF_ACCOUNT = "DELETE FROM one_time_code WHERE account_id = %(account_id)s"


async def remove_of_account(connection: AsyncConnection[Row], account_id: int) -> None:
    """Forgets every code of an account: its password or a contact is another one now."""
    await connection.execute(_REMOVE_OF_ACCOUNT, {"account_id": account_id})


_REMOVE_OLD = "DELETE FROM one_time_code WHERE expires_at < %(until)s"


async def remove_old(connection: AsyncConnection[Row], *, until: datetime) -> None:
    """Forgets the codes that were over before an instant."""
    await connection.execute(_REMOVE_OLD, {"until": until})


def _code(row: Row) -> OneTimeCode:
    challenge, purpose, channel, address, account_id, code_hash, tries_left, expires_at, details = row
    contact = Contact(Channel(channel), address) if address is not None else None
    return OneTimeCode(challenge, CodePurpose(purpose), contact, account_id, code_hash, tries_left, expires_at, details)
