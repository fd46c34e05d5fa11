"""Keeps who is signed in and where; of refresh tokens it knows hashes alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg import AsyncConnection

from metering.access import Role, Viewer
from metering.sessions import RefreshState, SessionEnd, SessionKind
from store.connections import Row

CHANNEL = "way_in_ended"
MAX_LISTED = 200
_MAX_USER_AGENT = 200


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session that begins; hashes have 32 bytes, instants are in UTC."""

    account_id: int
    kind: SessionKind
    has_second_factor: bool
    address: str
    user_agent: str
    family_hash: bytes
    refresh_hash: bytes
    expires_at: datetime
    last_until: datetime


_BEGIN = """
INSERT INTO session (account_id, kind, has_second_factor, address, user_agent, family_hash, refresh_hash,
                     created_at, last_used_at, expires_at, last_until)
SELECT account.id, %(kind)s, %(has_second_factor)s, %(address)s, %(user_agent)s, %(family_hash)s, %(refresh_hash)s,
       %(now)s, %(now)s, %(expires_at)s, %(last_until)s
FROM account WHERE account.id = %(account_id)s AND account.disabled_at IS NULL
FOR KEY SHARE OF account
RETURNING id"""


async def begin(connection: AsyncConnection[Row], new: NewSession, *, now: datetime) -> UUID | None:
    """The id of a new session; None when the account was removed or disabled."""
    values = {
        "account_id": new.account_id,
        "kind": new.kind.value,
        "has_second_factor": new.has_second_factor,
        "address": new.address,
        "user_agent": new.user_agent.replace("\0", "")[:_MAX_USER_AGENT],
        "family_hash": new.family_hash,
        "refresh_hash": new.refresh_hash,
        "expires_at": new.expires_at,
        "last_until": new.last_until,
        "now": now,
    }
    row = await (await connection.execute(_BEGIN, values)).fetchone()
    return row[0] if row else None


@dataclass(frozen=True, slots=True)
class Refreshing:
    """A session whose refresh token was shown, and what is known of its tokens."""

    id: UUID
    account_id: int
    last_until: datetime
    state: RefreshState


_OF_FAMILY = """
SELECT id, account_id, last_until, refresh_hash, previous_hash, refreshed_at, expires_at, ended_at IS NOT NULL
FROM session WHERE family_hash = %(family_hash)s
FOR UPDATE"""


async def of_family(connection: AsyncConnection[Row], family_hash: bytes) -> Refreshing | None:
    """The session of a refresh token, locked until the transaction's end; None for a token that is not ours."""
    row = await (await connection.execute(_OF_FAMILY, {"family_hash": family_hash})).fetchone()
    if row is None:
        return None
    id_, account_id, last_until, *state = row
    return Refreshing(id_, account_id, last_until, RefreshState(*state))


_RENEW = """
UPDATE session SET
    previous_hash = CASE WHEN %(is_retry)s THEN previous_hash ELSE refresh_hash END,
    refreshed_at = CASE WHEN %(is_retry)s THEN refreshed_at ELSE %(now)s END,
    refresh_hash = %(refresh_hash)s, last_used_at = %(now)s, expires_at = %(expires_at)s,
    address = %(address)s, user_agent = %(user_agent)s
WHERE id = %(id)s"""


async def renew(
    connection: AsyncConnection[Row],
    session_id: UUID,
    *,
    refresh_hash: bytes,
    is_retry: bool,
    expires_at: datetime,
    address: str,
    user_agent: str,
    now: datetime,
) -> None:
    """Another refresh token counts from now on. One that is given again does not make its second chance longer."""
    values = {
        "id": session_id,
        "refresh_hash": refresh_hash,
        "is_retry": is_retry,
        "expires_at": expires_at,
        "address": address,
        "user_agent": user_agent.replace("\0", "")[:_MAX_USER_AGENT],
        "now": now,
    }
    await connection.execute(_RENEW, values)


@dataclass(frozen=True, slots=True)
class Standing:
    """A session that counts now: whose it is, with the role that the account has now, and until when (UTC).

    `may_rent` says whether the account ever had a tenancy, or will have.
    """

    account_id: int
    role: Role
    expires_at: datetime
    may_rent: bool


_STANDING = """
SELECT account.id, account.role, session.expires_at,
       EXISTS (SELECT FROM tenancy WHERE tenancy.account_id = account.id)
FROM session JOIN account ON account.id = session.account_id
WHERE session.id = %(session_id)s AND session.ended_at IS NULL AND account.disabled_at IS NULL"""


async def standing(connection: AsyncConnection[Row], session_id: UUID) -> Standing | None:
    """What a session stands for; None when it was ended, or its account removed or disabled. It may have expired."""
    row = await (await connection.execute(_STANDING, {"session_id": session_id})).fetchone()
    return Standing(row[0], Role(row[1]), row[2], row[3]) if row else None


_PERSON = "SELECT role FROM account WHERE id = %(account_id)s AND disabled_at IS NULL AND kind = 'PERSON'"


async def role_of(connection: AsyncConnection[Row], account_id: int) -> Role | None:
    """The role of a person whose account nobody has disabled; None without one."""
    row = await (await connection.execute(_PERSON, {"account_id": account_id})).fetchone()
    return Role(row[0]) if row else None


_STANDING_IDS: LiteralString = """
SELECT id FROM session
WHERE id = ANY (%(session_ids)s) AND ended_at IS NULL"""


async def still_open(connection: AsyncConnection[Row], session_ids: Sequence[UUID]) -> set[UUID]:
    """Which of the sessions nobody has ended."""
    cursor = await connection.execute(_STANDING_IDS, {"session_ids": list(session_ids)})
    return {session_id for (session_id,) in await cursor.fetchall()}


_END = """
UPDATE session SET ended_at = %(now)s, end_reason = %(reason)s
WHERE account_id = %(account_id)s AND ended_at IS NULL
  AND (%(session_id)s::uuid IS NULL OR id = %(session_id)s)
  AND id IS DISTINCT FROM %(except_id)s::uuid
RETURNING id"""


async def end(
    connection: AsyncConnection[Row],
    *,
    account_id: int,
    reason: SessionEnd,
    now: datetime,
    session_id: UUID | None = None,
    except_id: UUID | None = None,
) -> int:
    """Ends an account's session, or all of them but one; everywhere as soon as it is committed. How many they were."""
    values = {
        "account_id": account_id,
        "reason": reason.value,
        "now": now,
        "session_id": session_id,
        "except_id": except_id,
    }
    return (await connection.execute(_END, values)).rowcount


@dataclass(frozen=True, slots=True)
class OwnSession:
    """A session as its owner sees it; instants in UTC, `address` is the client's as the server saw it last."""

    id: UUID
    created_at: datetime
    last_used_at: datetime
    address: str
    user_agent: str
    kind: SessionKind
    has_second_factor: bool
    expires_at: datetime


_OWN = """
SELECT id, created_at, last_used_at, address, user_agent, kind, has_second_factor, expires_at
FROM session
WHERE account_id = %(viewer_id)s AND ended_at IS NULL AND expires_at > %(now)s
ORDER BY created_at DESC, id
LIMIT %(limit)s"""


async def own(connection: AsyncConnection[Row], viewer: Viewer, *, now: datetime) -> list[OwnSession]:
    """The viewer's sessions that count, newest first, 200 at the most."""
    values = {"viewer_id": viewer.account_id, "now": now, "limit": MAX_LISTED}
    rows = await (await connection.execute(_OWN, values)).fetchall()
    return [_own(row) for row in rows]


def _own(row: Row) -> OwnSession:
    id_, created_at, last_used_at, address, user_agent, kind, has_second_factor, expires_at = row
    kind = SessionKind(kind)
    return OwnSession(id_, created_at, last_used_at, address, user_agent, kind, has_second_factor, expires_at)


# The sessions end by a trigger, whoever disables the account.
_SET_DISABLED = """
UPDATE account SET disabled_at = CASE WHEN %(is_disabled)s THEN coalesce(disabled_at, %(now)s) END
WHERE id = %(account_id)s"""


async def set_disabled(connection: AsyncConnection[Row], *, account_id: int, is_disabled: bool, now: datetime) -> None:
    """Lets nobody in by an account from now on, and ends its sessions; or lets them in again."""
    values = {"account_id": account_id, "is_disabled": is_disabled, "now": now}
    await connection.execute(_SET_DISABLED, values)


_REMOVE_OLD = """
DELETE FROM session WHERE least(expires_at, coalesce(ended_at, expires_at)) < %(until)s"""


async def remove_old(connection: AsyncConnection[Row], *, until: datetime) -> int:
    """Forgets the sessions that were over before an instant; how many they were."""
    return (await connection.execute(_REMOVE_OLD, {"until": until})).rowcount


async def ended(connection: AsyncConnection[Row], *, within_s: float) -> list[str]:
    """Which ways in have ended, as a connection is told that listens to CHANNEL, as soon as there are some."""
    return [note.payload async for note in connection.notifies(timeout=within_s, stop_after=1)]
