"""What waits is bounded, taken in order, and never waits for company that does not come."""

import asyncio
import logging
from datetime import UTC, datetime

import pytest

from ingest.batches import Inbox
from ingest.broker_address import BrokerAddress
from ingest.mqtt import Connection, Delivery


@pytest.fixture
async def connection() -> Connection:
    return Connection(
        BrokerAddress.from_url("mqtt://nowhere"), client_id="x", topics=["#"], deliver=lambda _delivery: None
    )


def delivery(number: int, connection: Connection | None = None) -> Delivery:
    return Delivery("DATA/PM/A", b"%d" % number, datetime.now(UTC), connection, number if connection else None)


async def test_batches_keep_the_order_and_the_limit(connection: Connection) -> None:
    inbox = Inbox(capacity=10)
    for number in range(5):
        inbox.put(delivery(number, connection))
    first = await inbox.next_batch(linger_s=0, limit=3)
    assert [one.payload for one in first] == [b"0", b"1", b"2"]
    assert len(inbox) == 5
    inbox.done()
    second = await inbox.next_batch(linger_s=0, limit=3)
    assert [one.payload for one in second] == [b"3", b"4"]
    inbox.done()
    assert len(inbox) == 0


async def test_a_batch_waits_for_others_only_while_they_come(connection: Connection) -> None:
    inbox = Inbox(capacity=10)
    inbox.put(delivery(1, connection))
    assert len(await asyncio.wait_for(inbox.next_batch(linger_s=5, limit=10), 4)) == 1


async def test_a_full_inbox_drops_only_what_nobody_would_send_again(
    connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    inbox = Inbox(capacity=2)
    inbox.put(delivery(1, connection))
    inbox.put(delivery(2))
    inbox.put(delivery(3))
    inbox.put(delivery(4, connection))
    batch = await inbox.next_batch(linger_s=0, limit=10)
    assert [one.payload for one in batch] == [b"1", b"2", b"4"]
    with caplog.at_level(logging.WARNING):
        inbox.done()
    assert "1 messages of QoS 0 were dropped" in caplog.text


async def test_a_new_connection_waits_until_a_full_inbox_has_room(connection: Connection) -> None:
    inbox = Inbox(capacity=2)
    await asyncio.wait_for(inbox.room(), 30)
    for number in range(3):
        inbox.put(delivery(number, connection))
    waiting = asyncio.ensure_future(inbox.room())
    await inbox.next_batch(linger_s=0, limit=10)
    assert not waiting.done()
    inbox.done()
    await asyncio.wait_for(waiting, 30)


async def test_an_inbox_full_of_bytes_makes_a_new_connection_wait_too(connection: Connection) -> None:
    inbox = Inbox(capacity=100, capacity_bytes=10)
    for number in range(6):
        inbox.put(delivery(number, connection)._replace(payload=b"three"))
    waiting = asyncio.ensure_future(inbox.room())
    await inbox.next_batch(linger_s=0, limit=3)
    inbox.done()
    assert not waiting.done()
    await inbox.next_batch(linger_s=0, limit=1)
    inbox.done()
    await asyncio.wait_for(waiting, 30)
