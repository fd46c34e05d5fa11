"""Rejected messages are kept as they came, and listed until they are replayed."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from psycopg import AsyncConnection, Connection

from store.connections import Row, connect
from store.rejected import (
    EVERYTHING,
    KEPT_PAYLOAD_BYTES,
    RejectedMessage,
    RejectionFilter,
    StoredRejection,
    asked_for_replay,
    keep_rejected,
    mark_replayed,
    not_replayed,
    not_replayed_count,
)
from store.rejections import discard

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


def test_a_message_that_is_handed_over_again_is_counted_and_not_kept_twice(database: Connection[Row]) -> None:
    keep_rejected(database, [message("a"), message("b"), message("a")])
    later = RejectedMessage("a", b"{", RECEIVED_AT + timedelta(hours=23), "UNKNOWN_TOPIC", "nobody reads it")
    keep_rejected(database, [later])
    query = "SELECT topic, times, received_at, last_received_at, code FROM rejected_message ORDER BY id"
    assert database.execute(query).fetchall() == [
        ("a", 3, RECEIVED_AT, later.received_at, "UNKNOWN_TOPIC"),
        ("b", 1, RECEIVED_AT, RECEIVED_AT, "BAD_JSON"),
    ]


async def test_messages_that_come_while_others_are_thrown_away_stay(
    database: Connection[Row], connection: AsyncConnection[Row]
) -> None:
    keep_rejected(database, [message("a"), message("b")])
    database.execute(_A_DEVICE_THAT_REPEATS_ITSELF)
    database.commit()
    async with asyncio.timeout(30):
        assert await discard(connection, which=EVERYTHING) == 2
    left = database.execute("SELECT DISTINCT topic FROM rejected_message").fetchall()
    assert left == [("again",)]


_A_DEVICE_THAT_REPEATS_ITSELF = """
CREATE FUNCTION come_again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO rejected_message (topic, payload, code, reason, received_at)
    VALUES ('again', '', 'BAD_JSON', 'not JSON', now());
    RETURN NULL;
END $$;
CREATE TRIGGER come_again AFTER DELETE ON rejected_message EXECUTE FUNCTION come_again()"""


def test_the_same_message_a_day_later_or_after_a_replay_is_kept_again(database: Connection[Row]) -> None:
    keep_rejected(database, [message("a"), message("b")])
    mark_replayed(database, [not_replayed(database, after_id=0, limit=10)[1].id])
    next_day = RECEIVED_AT + timedelta(days=1)
    keep_rejected(database, [message("b"), RejectedMessage("a", b"{", next_day, "BAD_JSON", "not JSON")])
    assert [(one.topic, one.received_at) for one in not_replayed(database, after_id=0, limit=10)] == [
        ("a", RECEIVED_AT),
        ("b", RECEIVED_AT),
        ("a", next_day),
    ]


def test_what_the_broker_hands_over_again_since_it_keeps_it_is_not_counted_again(database: Connection[Row]) -> None:
    for start in range(3):
        at = RECEIVED_AT + timedelta(days=start)
        keep_rejected(database, [RejectedMessage("a", b"{", at, "BAD_JSON", f"start {start}", is_retained=True)] * 2)
    query = "SELECT times, received_at, last_received_at, reason FROM rejected_message"
    assert database.execute(query).fetchall() == [(1, RECEIVED_AT, RECEIVED_AT, "start 2")]
    keep_rejected(database, [message("a")])
    assert database.execute(query).fetchall() == [(2, RECEIVED_AT, RECEIVED_AT, "not JSON")]


def test_a_page_to_be_replayed_ends_with_the_payload_that_makes_it_large(database: Connection[Row]) -> None:
    keep_rejected(database, [message(topic, topic.encode() * 1000) for topic in "abcd"])
    database.execute("UPDATE rejected_message SET replay_asked_at = now()")

    def pages(read: Callable[..., list[StoredRejection]], **where: int) -> str:
        return "".join(one.topic for one in read(database, limit=3, **where))

    assert [pages(not_replayed, after_id=0, most_bytes=most) for most in (1, 1000, 1001, 9999)] == [
        "a",
        "a",
        "ab",
        "abc",
    ]
    assert [pages(asked_for_replay, most_bytes=most) for most in (1, 1000, 1001, 9999)] == ["a", "a", "ab", "abc"]


def test_a_replay_may_be_limited_to_what_a_filter_matches(database: Connection[Row]) -> None:
    keep_rejected(database, [message("tele/a"), message("tele/b"), message("DATA/PM/a")])
    which = RejectionFilter(topic_prefix="tele/", codes=["BAD_JSON"])
    assert [one.topic for one in not_replayed(database, after_id=0, limit=9, which=which)] == ["tele/a", "tele/b"]
    assert not_replayed_count(database, which=which) == 2


def test_what_the_broker_had_kept_is_replayed_as_such(database: Connection[Row]) -> None:
    keep_rejected(database, [RejectedMessage("a", b"1", RECEIVED_AT, "BAD_JSON", "no", is_retained=True), message("b")])
    assert [one.is_retained for one in not_replayed(database, after_id=0, limit=9)] == [True, False]
