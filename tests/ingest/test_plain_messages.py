"""Messages that are read without gmqtt: those of QoS 1 without properties, and no others."""

import struct

import pytest

from ingest.broker_address import BrokerAddress
from ingest.mqtt import Connection, Delivery, Version

TOPIC, PAYLOAD = b"DATA/PM/P1", b'{"status":"OK"}'
QOS_0, QOS_1, QOS_1_RETAINED, QOS_2 = 0x30, 0x32, 0x33, 0x34
NO_PROPERTIES, CONTENT_TYPE = b"\0", b"\x07\x03\x00\x04json"


def packet(*, topic: bytes = TOPIC, properties: bytes = NO_PROPERTIES) -> bytes:
    return struct.pack(">H", len(topic)) + topic + struct.pack(">H", 513) + properties + PAYLOAD


def taken(command: int, data: bytes, *, version: Version = Version.V5) -> list[Delivery]:
    """What was delivered; nothing when the packet is left to gmqtt."""
    delivered: list[Delivery] = []
    address = BrokerAddress.from_url("mqtt://127.0.0.1:1")
    connection = Connection(address, client_id="c", topics=["#"], deliver=delivered.append, version=version)
    assert connection._on_plain(command, data) == bool(delivered)
    return delivered


@pytest.mark.parametrize(("version", "properties"), [(Version.V5, NO_PROPERTIES), (Version.V311, b"")])
@pytest.mark.parametrize(("command", "is_retained"), [(QOS_1, False), (QOS_1 | 8, False), (QOS_1_RETAINED, True)])
async def test_a_plain_message_is_taken_with_its_topic_payload_and_number(
    version: Version, properties: bytes, command: int, *, is_retained: bool
) -> None:
    (delivery,) = taken(command, packet(properties=properties), version=version)
    found = (delivery.topic, delivery.payload, delivery.ticket, delivery.is_retained)
    assert found == (TOPIC.decode(), PAYLOAD, 513, is_retained)


@pytest.mark.parametrize(
    ("command", "data"),
    [
        (QOS_0, packet()),
        (QOS_2, packet()),
        (QOS_1, packet(properties=CONTENT_TYPE)),
        (QOS_1, packet(topic=b"")),
        (QOS_1, packet(topic=b"DATA/PM/\xff")),
        (QOS_1, b""),
        *[(QOS_1, packet()[:length]) for length in range(1, 2 + len(TOPIC) + 3)],
    ],
)
async def test_everything_else_is_left_to_gmqtt(command: int, data: bytes) -> None:
    assert taken(command, data) == []
