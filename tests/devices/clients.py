"""Devices and watchers at a real broker: MQTT 3.1.1 clients that log in, publish, and keep what they receive."""

import asyncio
import ssl
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import gmqtt
from gmqtt.mqtt.constants import MQTTv311
from gmqtt.mqtt.handler import MQTTConnectError

WITHIN_S = 15


class LoginRefusedError(Exception):
    """The broker did not let the client in."""


@dataclass(slots=True)
class MqttClient:
    """A connection that stands; `got` are the messages that arrived, `has_ended` that the broker hung up."""

    client: gmqtt.Client
    got: list[tuple[str, bytes]] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    has_ended: asyncio.Event = field(default_factory=asyncio.Event)
    granted: list[tuple[int, ...]] = field(default_factory=list)

    async def subscribe(self, wanted: str) -> None:
        before = len(self.granted)
        self.client.subscribe(wanted, qos=1)
        await self._until(lambda: len(self.granted) > before)

    async def publish(self, topic: str, payload: bytes = b"{}") -> None:
        """Returns when the broker has acknowledged it, which it also does for what it drops."""
        self.client.publish(topic, payload, qos=1)
        await asyncio.wait_for(self.client._persistent_storage.wait_empty(), WITHIN_S)

    async def has(self, topic: str, payload: bytes) -> None:
        await self._until(lambda: (topic, payload) in self.got)

    async def ended(self) -> None:
        await asyncio.wait_for(self.has_ended.wait(), WITHIN_S)

    async def _until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(WITHIN_S):
            while not is_so():
                self.news.clear()
                await self.news.wait()

    def heard(self, topic: str, payload: bytes) -> int:
        self.got.append((topic, payload))
        self.news.set()
        return 0


@asynccontextmanager
async def logged_in(
    port: int,
    username: str | None = None,
    password: str | None = None,
    *,
    tls: ssl.SSLContext | None = None,
    host: str = "127.0.0.1",
    client_id: str | None = None,
    clean_session: bool = True,
) -> AsyncIterator[MqttClient]:
    """A client that the broker has let in, under a client id of its own unless one is given.

    Raises:
        LoginRefusedError: it has not.
    """
    client = gmqtt.Client(client_id or uuid.uuid4().hex, clean_session=clean_session)
    client.set_config({"reconnect_retries": 0})
    own = MqttClient(client)
    client.on_message = lambda _client, topic, payload, *_: own.heard(topic, bytes(payload))
    client.on_disconnect = lambda *_: own.has_ended.set()
    client.on_subscribe = lambda _client, _mid, granted, *_: (own.granted.append(tuple(granted)), own.news.set())
    if username is not None:
        client.set_auth_credentials(username, password)
    try:
        await asyncio.wait_for(client.connect(host, port, ssl=tls or False, version=MQTTv311), WITHIN_S)
    except (MQTTConnectError, OSError, TimeoutError) as error:
        raise LoginRefusedError(str(error)) from error
    try:
        yield own
    finally:
        if client.is_connected:
            await client.disconnect()


async def is_refused(
    port: int,
    username: str | None,
    password: str | None,
    *,
    tls: ssl.SSLContext | None = None,
    client_id: str | None = None,
) -> bool:
    try:
        async with logged_in(port, username, password, tls=tls, client_id=client_id):
            return False
    except LoginRefusedError:
        return True
