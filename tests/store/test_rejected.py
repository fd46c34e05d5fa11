"""Rejected messages are kept as they came, and listed until they are replayed."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from psycopg import Connection

from store.connections import Row, connect
from store.rejected import (
    KEPT_PAYLOAD_BYTES,
    RejectedMessage,
    keep_rejected,
    mark_replayed,
    not_replayed,
    not_replayed_count,
)

RECEIVED_AT = datetime(2026, 1, 16, 4, 30, 7, tzinfo=UTC)


@pytest.fixture
def database(database_url: str) -> Iterator[Connection[Row]]:
    with connect(database_url) as connection:
        yield connection


def message(topic: str, payload: bytes = b"{") -> RejectedMessage:
    return RejectedMessage(topic, payload, RECEIVED_AT, "BAD_JSON", "not JSON")


def test_text_that_postgres_cannot_hold_is_kept_with_marks_in_its_place(database: Connection[Row]) -> None:
    keep_rejected(database, [message("a\0b\ud800", b"\0\xff")])
    assert [(one.topic, one.payload) for one in not_replayed(database, after_id=0, limit=10)] == [
        ("a\ufffdb?", b"\0\xff")
    ]


def test_what_was_replayed_is_listed_no_more(database: Connection[Row]) -> None:
    keep_rejected(database, [message("a"), message("b"), message("c")])
    first, second, third = not_replayed(database, after_id=0, limit=10)
    mark_replayed(database, [second.id])
    assert not_replayed(database, after_id=0, limit=10) == [first, third]
    assert not_replayed(database, after_id=first.id, limit=10) == [third]
    assert not_replayed(database, after_id=0, limit=1) == [first]
    assert not_replayed_count(database) == 2


def test_of_a_huge_payload_the_beginning_is_kept_and_it_is_not_offered_for_replay(database: Connection[Row]) -> None:
    keep_rejected(database, [message("huge", b"x" * (KEPT_PAYLOAD_BYTES + 1))])
    assert database.execute("SELECT length(payload) FROM rejected_message").fetchall() == [(KEPT_PAYLOAD_BYTES,)]
    assert not_replayed(database, after_id=0, limit=10) == []
    assert not_replayed_count(database) == 1


def test_a_payload_that_is_just_kept_whole_is_offered_for_replay(database: Connection[Row]) -> None:
    keep_rejected(database, [message("large", b"x" * KEPT_PAYLOAD_BYTES)])
    assert [len(one.payload) for one in not_replayed(database, after_id=0, limit=10)] == [KEPT_PAYLOAD_BYTES]
