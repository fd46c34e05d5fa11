"""Turns an admin's filter into pages of rejected messages, and into the wish that they be read again or thrown away."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from metering.refusals import Refused
from resolvers.context import Context, Info
from resolvers.pages import Cursor, Page, checked_first, cursor_of, number_of, page_of
from resolvers.places import number_in
from store import rejections
from store.rejected import RejectionFilter
from store.rejections import KeptRejection, RejectionGroup, Replay

CURSOR = "rejected"
GROUP_CURSOR = "rejected-group"
MAX_IDS = 1000
MAX_CODES = 50
MAX_TOPIC_LENGTH = 1000

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which rejected messages a client means; None leaves a property open."""

    codes: Sequence[str] | None = None
    topic_starts_with: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    is_replayed: bool | None = None


@dataclass(frozen=True, slots=True)
class ReplayState:
    """How far a wish to read messages again is; see `store.rejections.Replay`."""

    id: int
    asked_at: datetime
    message_count: int
    stored_count: int
    still_rejected_count: int
    waiting_count: int
    is_finished: bool


async def rejected_messages(
    info: Info, *, asked: Asked | None, first: int, after: Cursor | None
) -> Page[KeptRejection]:
    """The messages that could not be read, newest first.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN unless the viewer is an admin; BAD_INPUT (first, filter), BAD_CURSOR,
            BAD_RANGE.
    """
    _ = info.context.admin
    which, limit = wanted(asked or Asked()), checked_first(first) + 1
    before_id = None if after is None else number_of(after, kind=CURSOR)
    async with info.context.pool.connection() as connection:
        rows = await rejections.newest(connection, before_id=before_id, limit=limit, which=which)
        total = await rejections.count(connection, which=which)
    return page_of(rows, first=first, after=after, total_count=total, cursor=lambda row: cursor_of(CURSOR, row.id))


async def rejected_groups(info: Info, *, asked: Asked | None, first: int, after: Cursor | None) -> Page[RejectionGroup]:
    """The rejected messages by code and topic, those of the newest message first; without a filter, not replayed.

    Raises:
        Refused: as `rejected_messages`.
    """
    _ = info.context.admin
    which, limit = wanted(asked or Asked(is_replayed=False)), checked_first(first) + 1
    before_id = None if after is None else number_of(after, kind=GROUP_CURSOR)
    async with info.context.pool.connection() as connection:
        rows = await rejections.groups(connection, before_id=before_id, limit=limit, which=which)
        total = await rejections.group_count(connection, which=which)
    return page_of(
        rows, first=first, after=after, total_count=total, cursor=lambda row: cursor_of(GROUP_CURSOR, row.newest_id)
    )


async def replay_state(info: Info, *, number: str) -> ReplayState | None:
    """How far a replay is; None when there is none of that number.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN unless the viewer is an admin; BAD_INPUT (id).
    """
    _ = info.context.admin
    async with info.context.pool.connection() as connection:
        found = await rejections.replay(connection, _number(number, field="id"))
    return None if found is None else _state(found)


async def ask_for_replay(context: Context, *, ids: Sequence[str] | None, asked: Asked | None) -> ReplayState:
    """Asks ingest to read messages again, and answers how far it is.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN unless the viewer is an admin; BAD_INPUT (ids, filter), BAD_RANGE.
    """
    viewer = context.admin
    which = _chosen(ids, asked)
    async with context.pool.connection() as connection:
        return _state(await rejections.ask_for_replay(connection, viewer, which=which))


async def discard(context: Context, *, ids: Sequence[str] | None, asked: Asked | None) -> int:
    """Throws rejected messages away and returns how many.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN unless the viewer is an admin; BAD_INPUT (ids, filter), BAD_RANGE.
    """
    viewer = context.admin
    which = _chosen(ids, asked)
    async with context.pool.connection() as connection:
        discarded = await rejections.discard(connection, which=which)
    _log.info("account %d discarded %d rejected messages", viewer.account_id, discarded)
    return discarded


def wanted(asked: Asked) -> RejectionFilter:
    """The filter that a client asked for.

    Raises:
        Refused: BAD_INPUT for more than 50 codes or a topic over 1,000 characters, BAD_RANGE unless from is before to.
    """
    if asked.codes is not None and len(asked.codes) > MAX_CODES:
        raise Refused("BAD_INPUT", f"`codes` takes at most {MAX_CODES}.", "codes")
    if asked.topic_starts_with is not None and len(asked.topic_starts_with) > MAX_TOPIC_LENGTH:
        message = f"`topicStartsWith` takes at most {MAX_TOPIC_LENGTH} characters."
        raise Refused("BAD_INPUT", message, "topicStartsWith")
    if asked.since is not None and asked.until is not None and asked.since >= asked.until:
        raise Refused("BAD_RANGE", "`from` must be before `to`.", "from")
    return RejectionFilter(
        codes=asked.codes,
        topic_prefix=asked.topic_starts_with,
        since=asked.since,
        until=asked.until,
        is_replayed=asked.is_replayed,
    )


def _chosen(ids: Sequence[str] | None, asked: Asked | None) -> RejectionFilter:
    """The messages of either their ids or a filter; a filter without anything in it means all of them."""
    if (ids is None) == (asked is None):
        raise Refused("BAD_INPUT", "Give either `ids` or `filter`, one of them.", "ids")
    if asked is not None:
        return wanted(asked)
    if ids is None or not 1 <= len(ids) <= MAX_IDS:
        raise Refused("BAD_INPUT", f"`ids` takes 1 to {MAX_IDS}.", "ids")
    return RejectionFilter(ids=[_number(one, field="ids") for one in ids])


def _number(text: str, *, field: str) -> int:
    number = number_in(text)
    if number is None:
        raise Refused("BAD_INPUT", f"`{field}` takes ids that this API answered.", field)
    return number


def _state(replay: Replay) -> ReplayState:
    return ReplayState(
        id=replay.id,
        asked_at=replay.asked_at,
        message_count=replay.message_count,
        stored_count=replay.stored_count,
        still_rejected_count=replay.rejected_count,
        waiting_count=replay.waiting_count,
        is_finished=replay.waiting_count == 0,
    )
