"""Turns rejected messages, read once more, into readings, or into fresh reasons why not."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from ingest.routes import load_router
from ingest.writer import MessageWriter
from store.connections import connect
from store.merge import database_errors
from store.rejected import EVERYTHING, RejectionFilter, asked_for_replay, not_replayed, not_replayed_count

_PAGE: Final = 1000


def replay_rejected(
    database_url: str, *, default_time_zone: str, is_closed: bool = False, which: RejectionFilter = EVERYTHING
) -> tuple[int, int]:
    """Reads rejected messages again, by the mappings and rights of now, and stores those that have become readable.

    Returns how many were stored, and how many of `which` are still rejected.

    Raises:
        DatabaseAwayError: the database is away; what was stored until then stays.
        BatchRefusedError: the database does not take that a message is unreadable; the same stays.
    """
    stored, after_id = 0, 0
    with database_errors(), connect(database_url) as connection, _writer(database_url, default_time_zone) as writer:
        while page := not_replayed(connection, after_id=after_id, limit=_PAGE, which=which):
            connection.commit()
            writer.use(load_router(database_url, is_closed=is_closed))
            stored += writer.replay(page)
            after_id = page[-1].id
        return stored, not_replayed_count(connection, which=which)


def replay_asked(database_url: str, *, default_time_zone: str, is_closed: bool = False) -> int:
    """Reads the rejected messages again that somebody has asked for, and returns how many could be stored.

    Raises:
        DatabaseAwayError: the database is away; what is left is read the next time.
        BatchRefusedError: the database does not take that a message is unreadable; the same.
    """
    stored = 0
    with database_errors(), connect(database_url) as connection, _writer(database_url, default_time_zone) as writer:
        while page := asked_for_replay(connection, limit=_PAGE):
            connection.commit()
            # Newer than the wish: whoever maps a topic asks afterwards.
            writer.use(load_router(database_url, is_closed=is_closed))
            stored += writer.replay(page)
    return stored


@contextmanager
def _writer(database_url: str, default_time_zone: str) -> Generator[MessageWriter]:
    """A writer, which connects when it has something to write."""
    writer = MessageWriter(database_url, default_time_zone=default_time_zone)
    try:
        yield writer
    finally:
        writer.close()
