"""Turns gmqtt clients into subscribers that hold or send each PUBACK, as ingest does."""

import asyncio
import struct
import uuid
from urllib.parse import urlsplit

import gmqtt
from gmqtt.mqtt.constants import MQTTv50

from tests.embedded.waiting import eventually


class Subscriber:
    """One MQTT 5 session that outlives its connections; `got` holds (packet id, payload) in order of arrival."""

    def __init__(self, client_id: str, topic: str, *, acknowledges: bool = True) -> None:
        self.got: list[tuple[int, bytes]] = []
        self.resumed = False
        self._topic = topic
        self._acknowledges = acknowledges
        self._subscribed = asyncio.Event()
        self._client = gmqtt.Client(
            client_id, clean_session=False, optimistic_acknowledgement=False, session_expiry_interval=3600
        )
        self._client.set_config({"reconnect_retries": 0})
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = lambda *_: 0
        self._client._package_handler._handle_qos_1_publish_packet = self._on_publish

    @property
    def payloads(self) -> list[int]:
        return [int(payload) for _, payload in self.got]

    async def connect(self, url: str, *, subscribes: bool = True) -> "Subscriber":
        parts = urlsplit(url)
        await asyncio.wait_for(self._client.connect(parts.hostname, parts.port, version=MQTTv50), 10)
        if subscribes:
            self._client.subscribe(self._topic, qos=1)
            await asyncio.wait_for(self._subscribed.wait(), 10)
        return self

    async def has(self, number: int) -> None:
        await eventually_async(lambda: len(self.got) >= number)

    def acknowledge(self, number: int) -> None:
        """The first `number` messages, in order."""
        for packet_id, _ in self.got[:number]:
            self._send(packet_id)

    def break_off(self) -> None:
        """The connection ends without a DISCONNECT, as after a kill -9."""
        self._client._is_active = False
        self._client._connection._transport.abort()

    def _on_connect(self, _client: object, flags: int, *_: object) -> None:
        self.resumed = bool(flags)

    def _on_publish(self, packet_id: int, payload: bytes, *_: object) -> None:
        self.got.append((packet_id, payload))
        if self._acknowledges:
            self._send(packet_id)

    def _send(self, packet_id: int) -> None:
        self._client._connection._transport.write(struct.pack(">BBH", 0x40, 2, packet_id))


async def publish(url: str, topic: str, payloads: list[bytes], *, version: int = MQTTv50) -> None:
    """Returns when the broker has acknowledged each payload."""
    parts = urlsplit(url)
    client = gmqtt.Client(uuid.uuid4().hex)
    client.set_config({"reconnect_retries": 0})
    await asyncio.wait_for(client.connect(parts.hostname, parts.port, version=version), 10)
    for payload in payloads:
        client.publish(topic, payload, qos=1)
    await asyncio.wait_for(client._persistent_storage.wait_empty(), 30)
    await client.disconnect()


def numbers(first: int, end: int) -> list[bytes]:
    return [str(number).encode() for number in range(first, end)]


async def eventually_async(condition, *, within_s: float = 30) -> None:
    await asyncio.to_thread(eventually, condition, within_s=within_s)
