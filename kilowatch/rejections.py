"""Turns the command line's filters into rejected messages to look at."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from store import rejections
from store.connections import connect_async
from store.rejected import RejectionFilter
from store.rejections import KeptRejection


def chosen(
    *,
    ids: Sequence[int] | None = None,
    codes: Sequence[str] | None = None,
    topic: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    is_replayed: bool | None = None,
) -> RejectionFilter:
    """The filter of the given options; what is empty is left open. Instants without an offset are in UTC."""
    return RejectionFilter(
        ids=ids or None,
        codes=codes or None,
        topic_prefix=topic or None,
        since=_aware(since),
        until=_aware(until),
        is_replayed=is_replayed,
    )


def _aware(instant: datetime | None) -> datetime | None:
    return instant.replace(tzinfo=UTC) if instant is not None and instant.tzinfo is None else instant


def newest_rejected(database_url: str, *, which: RejectionFilter, limit: int) -> list[KeptRejection]:
    """The newest rejected messages, newest first."""

    async def fetched() -> list[KeptRejection]:
        async with await connect_async(database_url) as connection:
            return await rejections.newest(connection, before_id=None, limit=limit, which=which)

    return asyncio.run(fetched())
