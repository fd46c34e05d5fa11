"""Turns a contact into a one-time code that is sent to it, and a code that is typed in into what it was asked for."""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from metering.contacts import Channel, Contact
from metering.refusals import Refused, about
from resolvers import attempts
from resolvers.attempts import CODE_EVERY
from resolvers.audit import own_act_refused
from resolvers.context import Context
from resolvers.enrolment import enrolment_of
from store import account_messages, one_time_codes
from store.account_messages import MessageKind
from store.connections import Database
from store.one_time_codes import CodePurpose, OneTimeCode

LIFETIME: Final = timedelta(minutes=10)
TRIES: Final = 5
_DIGITS: Final = 6
_CHALLENGE_BYTES: Final = 16
_MOST_TYPED: Final = 100

_KINDS: Final = {
    CodePurpose.SIGN_UP: MessageKind.SIGN_UP_CODE,
    CodePurpose.LOG_IN: MessageKind.LOG_IN_CODE,
    CodePurpose.RESET: MessageKind.RESET_CODE,
    CodePurpose.CONTACT: MessageKind.CONTACT_CODE,
    CodePurpose.CONFIRM: MessageKind.CONFIRM_CODE,
}

_WAYS_IN: Final = {CodePurpose.LOG_IN: "LOG_IN_WITH_CODE", CodePurpose.RESET: "RESET_PASSWORD"}


@dataclass(frozen=True, slots=True)
class CodeChallenge:
    """What a code belongs to that was sent, or would have been; instants in UTC, `sent_to` shows little of the contact.

    It is alike whether or not there is an account.
    """

    id: str = field(repr=False)
    sent_to: str
    channel: Channel
    expires_at: datetime
    resend_at: datetime


@dataclass(frozen=True, slots=True)
class CodeAsked:
    """The payload of asking for a code: to what it belongs, or why none is sent."""

    challenge: CodeChallenge | None = None
    refusal: Refused | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """A code that somebody wants. Where it is not `is_meant`, `instead` is sent, or nothing, and no code fits."""

    purpose: CodePurpose
    contact: Contact
    account_id: int | None
    is_meant: bool
    details: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    instead: MessageKind | None = None


async def begin(context: Context, contact: Contact) -> None:
    """Before a code is made for a contact; alike whether or not there is an account.

    Raises:
        Refused: CHANNEL_UNAVAILABLE, TOO_MANY_ATTEMPTS (5 an hour, one a minute; `codes_per_hour` a network).
    """
    enrolment_of(context).check_channel(contact)
    await attempts.begin_code(context, contact=contact.address)


async def send(context: Context, connection: Database, wish: Wish) -> CodeChallenge:
    """Makes a code and leaves its message, in the caller's transaction; as many statements whatever is meant."""
    challenge_id, code = secrets.token_urlsafe(_CHALLENGE_BYTES), _new_code()
    now = context.now()
    code_hash = _hash(context, challenge_id, code)
    made = OneTimeCode(
        challenge=challenge_hash(challenge_id),
        purpose=wish.purpose,
        contact=wish.contact,
        account_id=wish.account_id if wish.is_meant else None,
        code_hash=code_hash if wish.is_meant else None,
        tries_left=TRIES,
        expires_at=now + LIFETIME,
        details=wish.details if wish.is_meant else {},
    )
    await one_time_codes.add(connection, made, now=now)
    await _leave(context, connection, wish, code)
    return _shown(challenge_id, wish.contact, now=now)


async def _leave(context: Context, connection: Database, wish: Wish, code: str) -> None:
    kind = _KINDS[wish.purpose] if wish.is_meant or wish.instead is None else wish.instead
    await account_messages.add(
        connection,
        to=wish.contact,
        kind=kind,
        now=context.now(),
        expires_at=context.now() + LIFETIME,
        details={"code": code} if wish.is_meant else {},
        is_sent=wish.is_meant or wish.instead is not None,
    )


def _shown(challenge_id: str, contact: Contact, *, now: datetime) -> CodeChallenge:
    return CodeChallenge(challenge_id, contact.masked, contact.channel, now + LIFETIME, now + CODE_EVERY)


def _new_code() -> str:
    return f"{secrets.randbelow(10**_DIGITS):0{_DIGITS}d}"


async def resend(context: Context, challenge_id: str) -> CodeChallenge:
    """Sends another code for a challenge; the one before counts no more.

    Raises:
        Refused: CODE_NOT_VALID (no such challenge, or over), TOO_MANY_ATTEMPTS.
    """
    challenge = challenge_hash(challenge_id)
    async with context.pool.connection() as connection:
        found = await one_time_codes.of_challenge(connection, challenge, now=context.now())
    if found is None or found.contact is None:
        raise not_valid()
    with about("challengeId"):
        await begin(context, found.contact)
    wish = Wish(found.purpose, found.contact, found.account_id, is_meant=found.code_hash is not None)
    code, now = _new_code(), context.now()
    code_hash = _hash(context, challenge_id, code) if wish.is_meant else None
    async with context.pool.connection() as connection, connection.transaction():
        await one_time_codes.renew(
            connection, challenge, code_hash=code_hash, tries_left=TRIES, expires_at=now + LIFETIME
        )
        await _leave(context, connection, wish, code)
    return _shown(challenge_id, found.contact, now=now)


async def checked(context: Context, *, challenge_id: str, code: str, purpose: CodePurpose) -> OneTimeCode:
    """What a code was asked for; the try is spent for good, the code itself is taken by `take`.

    Raises:
        Refused: CODE_NOT_VALID, alike for a wrong code, one that is over, and a challenge that there is not.
    """
    async with context.pool.connection() as connection:
        found = await one_time_codes.spend_try(
            connection, challenge_hash(challenge_id), purpose=purpose, now=context.now()
        )
    shown = _hash(context, challenge_id, _typed(code))
    if found is None:
        raise not_valid()
    if not hmac.compare_digest(shown, found.code_hash or b""):
        await _say_refused(context, found)
        raise not_valid()
    return found


async def _say_refused(context: Context, found: OneTimeCode) -> None:
    """Keeps that a wrong code was tried where a right one lets somebody in, also one that nobody was sent."""
    action = _WAYS_IN.get(found.purpose)
    if action is not None and found.contact is not None:
        await own_act_refused(
            context, account_id=found.account_id, action=action, code="CODE_NOT_VALID", contact=found.contact.address
        )


async def take(connection: Database, found: OneTimeCode) -> None:
    """Uses a code up, in the transaction of what it is for.

    Raises:
        Refused: CODE_NOT_VALID when somebody else was faster.
    """
    if not await one_time_codes.take(connection, found.challenge):
        raise not_valid()


def challenge_hash(challenge_id: str) -> bytes:
    """By what a challenge is kept: SHA-256, because nobody tries out 128 bits."""
    return sha256(challenge_id[:_MOST_TYPED].encode(errors="replace")).digest()


def _typed(code: str) -> str:
    """The digits of a code as somebody typed it."""
    return "".join(sign for sign in code[:_MOST_TYPED] if sign.isascii() and sign.isdigit())


def _hash(context: Context, challenge_id: str, code: str) -> bytes:
    text = f"{challenge_hash(challenge_id).hex()} {code}"
    return enrolment_of(context).sealing.digest(text, purpose="one-time code")


def not_valid() -> Refused:
    """What is answered to whatever is wrong with a code."""
    return Refused("CODE_NOT_VALID", "This code is not right, was used, or is over: ask for a new one.", "code")
