"""What ingest relies on: the embedded broker keeps a session's messages until they are acknowledged in order."""

from collections.abc import Iterator

import pytest
from gmqtt.mqtt.constants import MQTTv311

from kilowatch.embedded.broker import EmbeddedBroker
from kilowatch.embedded.handshake import accepts_clients
from tests.embedded.mqtt import Subscriber, eventually_async, numbers, publish

TOPIC = "DATA/PM/PANEL"
FILTER = "DATA/PM/#"


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(buffer_mib=16) as running:
        yield running


async def test_messages_sent_while_a_session_is_offline_wait_for_it(broker: EmbeddedBroker) -> None:
    before = await Subscriber("ingest", FILTER).connect(broker.url)
    before.break_off()
    await publish(broker.url, TOPIC, numbers(0, 2000))
    after = await Subscriber("ingest", FILTER).connect(broker.url)
    await after.has(2000)
    assert after.resumed
    assert after.payloads == list(range(2000))
    after.break_off()


async def test_a_session_goes_on_without_subscribing_again(broker: EmbeddedBroker) -> None:
    (await Subscriber("ingest", FILTER).connect(broker.url)).break_off()
    await publish(broker.url, TOPIC, numbers(0, 10))
    after = await Subscriber("ingest", FILTER).connect(broker.url, subscribes=False)
    await after.has(10)
    assert after.payloads == list(range(10))
    after.break_off()


async def test_only_what_was_not_acknowledged_is_delivered_again(broker: EmbeddedBroker) -> None:
    before = await Subscriber("ingest", FILTER, acknowledges=False).connect(broker.url)
    await publish(broker.url, TOPIC, numbers(0, 80))
    await before.has(80)
    before.acknowledge(30)
    await publish(broker.url, TOPIC, numbers(80, 120))
    await before.has(120)  # the acknowledgements have arrived: the window of 100 went on
    before.break_off()
    after = await Subscriber("ingest", FILTER).connect(broker.url)
    await after.has(90)
    assert after.payloads == list(range(30, 120))
    after.break_off()


async def test_one_hundred_messages_are_in_flight_at_most(broker: EmbeddedBroker) -> None:
    subscriber = await Subscriber("ingest", FILTER, acknowledges=False).connect(broker.url)
    await publish(broker.url, TOPIC, numbers(0, 150))
    await subscriber.has(100)
    subscriber.acknowledge(1)
    await subscriber.has(101)
    assert len(subscriber.got) == 101
    subscriber.break_off()


async def test_a_publisher_of_mqtt_3_1_1_reaches_a_session_of_mqtt_5(broker: EmbeddedBroker) -> None:
    subscriber = await Subscriber("ingest", FILTER).connect(broker.url)
    await publish(broker.url_v311, TOPIC, numbers(0, 10), version=MQTTv311)
    await subscriber.has(10)
    subscriber.break_off()


async def test_a_payload_of_a_mebibyte_passes(broker: EmbeddedBroker) -> None:
    subscriber = await Subscriber("ingest", FILTER).connect(broker.url)
    await publish(broker.url, TOPIC, [b"x" * 2**20])
    await subscriber.has(1)
    assert len(subscriber.got[0][1]) == 2**20
    subscriber.break_off()


async def test_a_full_buffer_loses_the_oldest(broker: EmbeddedBroker) -> None:
    (await Subscriber("ingest", FILTER).connect(broker.url)).break_off()
    padding = b" " * 2**20
    await publish(broker.url, TOPIC, [padding + payload for payload in numbers(0, 40)])
    after = await Subscriber("ingest", FILTER).connect(broker.url)
    await after.has(8)
    await publish(broker.url, TOPIC, [b"99"])
    await eventually_async(lambda: after.payloads[-1] == 99)
    kept = after.payloads[:-1]
    assert kept == list(range(kept[0], 40))
    assert 8 <= len(kept) <= 16
    after.break_off()


async def test_a_shared_subscription_brings_the_broker_down(broker: EmbeddedBroker) -> None:
    """Why ingest does without: the last member that leaves with unacknowledged messages panics rumqttd 0.20."""
    member = await Subscriber("ingest", f"$share/group/{FILTER}", acknowledges=False).connect(broker.url)
    await publish(broker.url, TOPIC, numbers(0, 3))
    await member.has(3)
    down = broker.pid
    member.break_off()
    port = int(broker.url.rsplit(":", 1)[1])
    await eventually_async(
        lambda: broker.pid not in (None, down) and accepts_clients(port, level=5, client_id="visitor", within_s=2)
    )
