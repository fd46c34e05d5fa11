"""Turns a person's address into their sessions, their end, and whether they may sign in, for the command line."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime
from typing import TypeVar

from kilowatch.operator_acts import in_transaction, keep, known_account, tell
from metering.access import Viewer
from metering.contacts import Channel
from metering.passwords import checked_password
from metering.sessions import SessionEnd
from store import accounts, one_time_codes, sessions
from store.account_messages import MessageKind
from store.accounts import Account
from store.connections import Database
from store.passwords import hashed
from store.people import check_not_last_admin, hold
from store.sessions import OwnSession

R = TypeVar("R")
Work = Callable[[Database, Account], Awaitable[R]]


def sessions_of(database_url: str, who: str) -> list[OwnSession]:
    """The sessions of a person that count, newest first.

    Raises:
        Refused: ACCOUNT_NOT_FOUND, BAD_EMAIL, BAD_PHONE; so do the others here.
    """

    async def listed(connection: Database, account: Account) -> list[OwnSession]:
        return await sessions.own(connection, Viewer(account.id, account.role), now=_now())

    return _with(database_url, who, listed)


def end_sessions(database_url: str, who: str) -> int:
    """Ends all sessions of a person; how many they were."""

    async def ended(connection: Database, account: Account) -> int:
        reason = SessionEnd.ENDED_BY_OPERATOR
        count = await sessions.end(connection, account_id=account.id, reason=reason, now=_now())
        await keep(connection, "LOG_OUT_EVERYWHERE", subject_account_id=account.id, sessions=count)
        return count

    return _with(database_url, who, ended)


def set_disabled(database_url: str, who: str, *, is_disabled: bool) -> None:
    """Lets a person in no more, and ends their sessions; or lets them in again.

    Raises:
        Refused: LAST_ADMIN too.
    """

    async def done(connection: Database, account: Account) -> None:
        if is_disabled:
            await check_not_last_admin(connection, await hold(connection, account.id))
        await sessions.set_disabled(connection, account_id=account.id, is_disabled=is_disabled, now=_now())
        await keep(connection, "DISABLE_ACCOUNT" if is_disabled else "ENABLE_ACCOUNT", subject_account_id=account.id)

    _with(database_url, who, done)


def give_password(database_url: str, who: str, *, password: str, channels: Collection[Channel] = ()) -> None:
    """Gives a person another password, and ends their sessions and what was begun to sign in.

    They are told of it by one of the `channels` by which people are written to.

    Raises:
        Refused: BAD_PASSWORD too.
    """

    async def done(connection: Database, account: Account) -> None:
        wanted = checked_password(password, not_like=(account.name, account.email, account.phone))
        password_hash = await asyncio.to_thread(hashed, wanted)
        await accounts.set_password_hash(connection, account_id=account.id, password_hash=password_hash)
        await one_time_codes.remove_of_account(connection, account.id)
        await sessions.end(connection, account_id=account.id, reason=SessionEnd.PASSWORD_CHANGED, now=_now())
        await keep(connection, "SET_PASSWORD", subject_account_id=account.id)
        await tell(connection, account, MessageKind.PASSWORD_CHANGED, channels=channels)

    _with(database_url, who, done)


def _with(database_url: str, who: str, work: "Work[R]") -> R:
    """What `work` answers for a person, in one transaction."""

    async def done(connection: Database) -> R:
        return await work(connection, await known_account(connection, who))

    return in_transaction(database_url, done)


def _now() -> datetime:
    return datetime.now(UTC)
