"""Turns proofs of who somebody is into sessions, and a session into who is asking."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

import strawberry

from metering.access import Role, Viewer
from metering.contacts import Channel, Contact, contact_of
from metering.identities import IdentityCheck
from metering.passwords import MAX_LENGTH
from metering.refusals import Refused
from metering.sessions import LONGEST, SessionKind, expiry
from resolvers import attempts
from resolvers.audit import own_act_done, own_act_refused
from resolvers.context import Context, Info
from resolvers.refresh_tokens import new_refresh_token
from resolvers.second_factor import SecondFactorChallenge, challenge_for
from store import accounts
from store import sessions as stored
from store.accounts import Account
from store.connections import Database
from store.passwords import hashed, is_right, nobodys_hash

_Found = TypeVar("_Found", bool, str)
_MAX_WAITING = 40
"""Passwords that wait to be checked; at two at a time and 60 ms each the last one waits a second and a half."""


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What a client sends as a bearer token, and until when that is accepted."""

    token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who is asking, and what they may see."""

    account_id: int
    name: str
    email: str | None
    phone: str | None
    role: Role


@dataclass(frozen=True, slots=True)
class Session:
    """A sign-in that succeeded, or was renewed; instants in UTC."""

    access_token: str = field(repr=False)
    expires_at: datetime
    refresh_token: str = field(repr=False)
    refresh_expires_at: datetime
    id: UUID
    signed_in: SignedIn


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """The payload of a sign-in: a session, what it still lacks, or why there is none."""

    session: Session | None = None
    second_factor: SecondFactorChallenge | None = None
    refusal: Refused | None = None


@dataclass(slots=True)
class Doorkeeper:
    """Checks passwords for a whole process: two at a time, each in a thread, because one takes 64 MiB and 60 ms."""

    _threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(max_workers=2, thread_name_prefix="password")
    )
    _waiting: int = 0

    async def is_right(self, password: str, *, password_hash: str | None) -> bool:
        """Whether the password fits; without a hash (no such account) it takes as long and is False.

        Raises:
            Refused: TOO_MANY_ATTEMPTS when too many passwords wait already.
        """
        return await self._in_turn(lambda: _checked(password, password_hash))

    async def hashed(self, password: str) -> str:
        """The hash of a password that somebody wants.

        Raises:
            Refused: TOO_MANY_ATTEMPTS when too many passwords wait already.
        """
        return await self._in_turn(lambda: hashed(password))

    def check_room(self) -> None:
        """Before anything else is done for a password: a flood that cannot be checked costs the database nothing.

        Raises:
            Refused: TOO_MANY_ATTEMPTS when too many passwords wait already.
        """
        if self._waiting >= _MAX_WAITING:
            raise Refused("TOO_MANY_ATTEMPTS", "Too many people are signing in. Try again in a moment.")

    async def _in_turn(self, work: Callable[[], _Found]) -> _Found:
        self.check_room()
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Ends the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _checked(password: str, password_hash: str | None) -> bool:
    found = is_right(password, password_hash=password_hash or nobodys_hash())
    return found and password_hash is not None


@dataclass(frozen=True, slots=True)
class SignIn:
    """What signing in needs: of the process its doorkeeper and how it issues tokens, of the request who sends it.

    `issue` makes the access token of an account's session. Sessions last for `idle` without being renewed.
    `session_id` is the request's own session; None without one. `identities` is another provider of sign-ins, if any.
    """

    doorkeeper: Doorkeeper
    issue: Callable[[int, UUID], AccessToken]
    idle: timedelta
    client_address: str
    user_agent: str = ""
    session_id: UUID | None = None
    identities: IdentityCheck | None = None


async def begin_session(
    context: Context,
    account_id: int,
    *,
    how: SessionKind,
    second_factor: bool = False,
    connection: Database | None = None,
) -> Session:
    """A new session for an account that has proved who it is, by a second factor too where `second_factor` says so.

    It is part of the transaction of `connection`, where one is given.

    Raises:
        Refused: ACCOUNT_DISABLED, for an account that was disabled or removed.
    """
    if connection is None:
        async with context.pool.connection() as own:
            return await begin_session(context, account_id, how=how, second_factor=second_factor, connection=own)
    sign_in: SignIn = context.sign_in
    now, token = context.now(), new_refresh_token()
    last_until = now + LONGEST
    new = stored.NewSession(
        account_id=account_id,
        kind=how,
        has_second_factor=second_factor,
        address=sign_in.client_address,
        user_agent=sign_in.user_agent,
        family_hash=token.family_hash,
        refresh_hash=token.secret_hash,
        expires_at=expiry(now=now, idle=sign_in.idle, last_until=last_until),
        last_until=last_until,
    )
    session_id = await stored.begin(connection, new, now=now)
    account = await accounts.by_id(connection, account_id)
    if session_id is None or account is None:
        raise Refused("ACCOUNT_DISABLED", "This account was disabled: ask an admin.")
    issued = sign_in.issue(account_id, session_id)
    return Session(issued.token, issued.expires_at, token.text, new.expires_at, session_id, signed_in(account))


async def log_in(context: Context, *, email: str | None, phone: str | None, password: str) -> LoggedIn:
    """A session for the account that has this address or number and password, or what is still to be asked.

    Raises:
        Refused: BAD_CREDENTIALS, the same for an unknown account, one without a password and a wrong one; BAD_INPUT
            unless there is one of `email` and `phone`; TOO_MANY_ATTEMPTS.
    """
    sign_in: SignIn = context.sign_in
    contact, doorkeeper = _contact(email, phone), sign_in.doorkeeper
    if len(password) > MAX_LENGTH:
        raise _bad_credentials()
    doorkeeper.check_room()
    try:
        await attempts.begin(context, contact=contact.address)
    except Refused as refused:
        await _say_locked(context, contact, code=refused.code)
        raise
    account, password_hash = await _account_of(context, contact)
    is_right = await doorkeeper.is_right(password, password_hash=password_hash)
    if account is None or account.is_disabled or not is_right:
        await _say_refused(context, contact, account)
        raise _bad_credentials()
    await attempts.forgive(context, contact=contact.address)
    return await let_in(context, account, how=SessionKind.PASSWORD, action="LOG_IN", password_hash=password_hash)


async def let_in(
    context: Context, account: Account, *, how: SessionKind, action: str, password_hash: str | None = None
) -> LoggedIn:
    """A session for somebody who has proved to be an account by `how`, or what is still to be asked of them.

    Of a password, `password_hash` is what it was checked against, a second ago where many sign in: a change of the
    password ends the sessions that the old one began, and one that begins after it must not be of the old one.

    Raises:
        Refused: ACCOUNT_DISABLED; BAD_CREDENTIALS when the password was changed meanwhile.
    """
    async with context.pool.connection() as connection, connection.transaction():
        if password_hash and not await accounts.hold_password(connection, account.id, password_hash=password_hash):
            raise _bad_credentials()
        if challenge := await challenge_for(context, connection, account.id, how=how):
            return LoggedIn(second_factor=challenge)
        await own_act_done(context, connection, account_id=account.id, action=action)
        await attempts.know_network(context, connection, account)
        return LoggedIn(await begin_session(context, account.id, how=how, connection=connection))


async def _account_of(context: Context, contact: Contact) -> tuple[Account | None, str | None]:
    async with context.pool.connection() as connection:
        return await accounts.by_contact(connection, contact) or (None, None)


async def _say_locked(context: Context, contact: Contact, *, code: str) -> None:
    """Keeps that nobody was let in for a while, once an hour, whether or not there is such an account."""
    if not await attempts.is_told(context, contact=contact.address):
        account, _ = await _account_of(context, contact)
        await _say_refused(context, contact, account, code=code)


async def _say_refused(
    context: Context, contact: Contact, account: Account | None, *, code: str = "BAD_CREDENTIALS"
) -> None:
    account_id = account.id if account else None
    await own_act_refused(context, account_id=account_id, action="LOG_IN", code=code, contact=contact.address)


def _contact(email: str | None, phone: str | None) -> Contact:
    """The contact as it is kept; one that cannot be is looked for all the same, so that it is refused like others.

    Raises:
        Refused: BAD_INPUT.
    """
    try:
        return contact_of(email=email, phone=phone)
    except Refused as refused:
        if refused.code == "BAD_INPUT":
            raise
    if email is not None:
        return Contact(Channel.MAIL, email.strip().lower()[:320])
    return Contact(Channel.SMS, (phone or "").strip()[:40])


def _bad_credentials() -> Refused:
    return Refused("BAD_CREDENTIALS", "The address or the password is not right.", "password")


async def viewer(info: Info) -> SignedIn:
    """Who is asking.

    Raises:
        Refused: UNAUTHENTICATED.
    """
    account_id = info.context.signed_in.account_id
    async with info.context.pool.connection() as connection:
        account = await accounts.by_id(connection, account_id)
    if account is None:
        raise Refused("UNAUTHENTICATED", "This account no longer exists.")
    return signed_in(account)


def signed_in(account: Account) -> SignedIn:
    """An account as its owner sees it."""
    return SignedIn(account.id, account.name, account.email, account.phone, account.role)


def within(context: Context, session: Session) -> Context:
    """The context of what is asked of a session that has just begun: as if it came by its token."""
    viewer = Viewer(session.signed_in.account_id, session.signed_in.role)
    sign_in: SignIn = replace(context.sign_in, session_id=session.id)
    return replace(context, viewer=viewer, sign_in=sign_in, loaders={}, branches={}, origin=context)


async def panel_count(info: Info, parent: strawberry.Parent[SignedIn]) -> int:
    """How many panels the person sees."""
    async with info.context.pool.connection() as connection:
        return await accounts.panel_count(connection, parent.account_id)
