"""Turns an e-mail address and a password into a session, and a session into who is asking."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime

import strawberry

from metering.access import Role
from metering.refusals import Refused
from resolvers.attempts import Attempts
from resolvers.context import Context, Info
from store import accounts
from store.accounts import Account
from store.passwords import MAX_LENGTH, is_right, nobodys_hash

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
    email: str
    role: Role


@dataclass(frozen=True, slots=True)
class Session:
    """A sign-in that succeeded."""

    access_token: str
    expires_at: datetime
    viewer: SignedIn


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """The payload of a sign-in: a session, or why there is none."""

    session: Session | None = None
    refusal: Refused | None = None


@dataclass(slots=True)
class Doorkeeper:
    """Checks passwords for a whole process: two at a time, each in a thread, because one takes 64 MiB and 60 ms."""

    issue: Callable[[int], AccessToken]
    attempts: Attempts = field(default_factory=Attempts)
    _threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(max_workers=2, thread_name_prefix="password")
    )
    _waiting: int = 0

    async def is_right(self, password: str, *, password_hash: str | None) -> bool:
        """Whether the password fits; without a hash (no such account) it takes as long and is False.

        Raises:
            Refused: TOO_MANY_ATTEMPTS when too many passwords wait already.
        """
        if self._waiting >= _MAX_WAITING:
            raise Refused("TOO_MANY_ATTEMPTS", "Too many people are signing in. Try again in a moment.")
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, _checked, password, password_hash)
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
    """What signing in needs of a request: the process's doorkeeper, and the address that asks."""

    doorkeeper: Doorkeeper
    client_address: str


async def log_in(context: Context, *, email: str, password: str) -> Session:
    """A session for the account that has this address and password.

    Raises:
        Refused: BAD_CREDENTIALS, the same for an unknown account and a wrong password; TOO_MANY_ATTEMPTS.
    """
    sign_in: SignIn = context.sign_in
    address, doorkeeper = accounts.normalised_email(email), sign_in.doorkeeper
    if len(address) > 254 or len(password) > MAX_LENGTH:
        raise _bad_credentials()
    doorkeeper.attempts.begin(email=address, address=sign_in.client_address, at=context.now())
    async with context.pool.connection() as connection:
        found = await accounts.by_email(connection, address)
    account, password_hash = found or (None, None)
    if not await doorkeeper.is_right(password, password_hash=password_hash) or account is None:
        raise _bad_credentials()
    doorkeeper.attempts.forgive(email=address, address=sign_in.client_address)
    issued = doorkeeper.issue(account.id)
    return Session(issued.token, issued.expires_at, _signed_in(account))


def _bad_credentials() -> Refused:
    return Refused("BAD_CREDENTIALS", "The e-mail address or the password is not right.", "password")


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
    return _signed_in(account)


def _signed_in(account: Account) -> SignedIn:
    return SignedIn(account.id, account.name, account.email, account.role)


async def panel_count(info: Info, signed_in: strawberry.Parent[SignedIn]) -> int:
    """How many panels the person sees."""
    async with info.context.pool.connection() as connection:
        return await accounts.panel_count(connection, signed_in.account_id)
