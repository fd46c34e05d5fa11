"""Turns the command line's filters into rejected messages to look at, to count or to throw away."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TypeVar

from metering.refusals import Refused
from store import rejections
from store.connections import Database, connect_async
from store.rejected import RejectionFilter
from store.rejections import KeptRejection, RejectionGroup

_Found = TypeVar("_Found")
_LARGEST_ID = 2**63 - 1


def chosen(
    *,
    ids: Sequence[int] | None = None,
    codes: Sequence[str] | None = None,
    topic: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    is_replayed: bool | None = None,
) -> RejectionFilter:
    """The filter of the given options; what is empty is left open.

    Raises:
        Refused: BAD_RANGE unless `since` is before `until`.
    """
    if since is not None and until is not None and since >= until:
        raise Refused("BAD_RANGE", f"--since {since.isoformat()} is not before --until {until.isoformat()}.", "since")
    return RejectionFilter(
        ids=ids or None,
        codes=codes or None,
        topic_prefix=topic or None,
        since=since,
        until=until,
        is_replayed=is_replayed,
    )


def check_ids(database_url: str, ids: Sequence[int]) -> None:
    """Makes sure that there is a rejected message of each id.

    Raises:
        Refused: MESSAGE_NOT_FOUND, with the ids.
    """
    possible = [number for number in ids if 0 < number <= _LARGEST_ID]
    kept = newest_rejected(database_url, which=RejectionFilter(ids=possible), limit=len(possible)) if possible else []
    found = {message.id for message in kept}
    if missing := sorted(set(ids) - found):
        raise Refused("MESSAGE_NOT_FOUND", f"There is no rejected message {', '.join(map(str, missing))}.", "id")


def newest_rejected(database_url: str, *, which: RejectionFilter, limit: int) -> list[KeptRejection]:
    """The newest rejected messages, newest first."""
    return _asked(
        database_url, lambda connection: rejections.newest(connection, before_id=None, limit=limit, which=which)
    )


def newest_groups(database_url: str, *, which: RejectionFilter, limit: int) -> list[RejectionGroup]:
    """The rejected messages by code and topic, those of the newest message first."""
    return _asked(
        database_url, lambda connection: rejections.groups(connection, before_id=None, limit=limit, which=which)
    )


def matching_count(database_url: str, *, which: RejectionFilter) -> int:
    """How many rejected messages there are."""
    return _asked(database_url, lambda connection: rejections.count(connection, which=which))


def discarded(database_url: str, *, which: RejectionFilter) -> int:
    """Throws rejected messages away and returns how many."""
    return _asked(database_url, lambda connection: rejections.discard(connection, which=which))


def _asked(database_url: str, question: Callable[[Database], Awaitable[_Found]]) -> _Found:
    async def answer() -> _Found:
        async with await connect_async(database_url) as connection:
            return await question(connection)

    return asyncio.run(answer())
