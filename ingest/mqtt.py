"""Turns one connection to a broker into deliveries, and acknowledges them when it is told that they are safe."""

import asyncio
import inspect
import logging
import struct
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final, NamedTuple

import gmqtt
from gmqtt.mqtt.connection import MQTTConnection
from gmqtt.mqtt.constants import MQTTv50, MQTTv311
from gmqtt.mqtt.handler import MQTTConnectError, MQTTError, MqttPackageHandler

from ingest.broker_address import BrokerAddress, connection_fault, silence_hint

_CONNECT_WITHIN_S: Final = 5.0
_CLOSE_WITHIN_S: Final = 2.0
_KEEPALIVE_S: Final = 20
_LOOK_EVERY_S: Final = 1.0
_NEVER: Final = 0xFFFF_FFFF
_REFUSED: Final = 0x80
_NEW_SESSIONS_ONLY: Final = 1
_QOS: Final = 0b0110
_QOS_1: Final = 0b0010
_PUBACK: Final = struct.Struct(">BBH").pack
_MAX_PACKET_BYTES: Final = 2**20
_WRONG_PASSWORD: Final = frozenset({4, 5, 0x86, 0x87})
_REFUSED_FOR_GOOD: Final = frozenset({2, 0x85, 0x8A, 0x8C})
"""CONNACK's codes of MQTT 3.1.1 and 5: of a client id, a ban and a way to authenticate that are not taken."""

_log = logging.getLogger(__name__)


class BrokerAwayError(Exception):
    """There is no connection to the broker; the message says why."""


class NoAnswerError(BrokerAwayError):
    """Something took the connection and did not answer as a broker of this version does."""


class BrokerRefusesError(BrokerAwayError):
    """The broker answered, and does not take us as who we are: asking again soon changes nothing."""


class Version(Enum):
    """The versions of MQTT that we speak."""

    V5 = MQTTv50
    V311 = MQTTv311


class Delivery(NamedTuple):
    """A message that the broker handed over, and what it takes to acknowledge it: nothing, for QoS 0."""

    topic: str
    payload: bytes
    received_at: datetime
    connection: "Connection | None"
    ticket: "int | asyncio.Future[int] | None"
    is_retained: bool = False


def acknowledge(deliveries: Sequence[Delivery]) -> None:
    """Tells the broker that the messages are safe: in order, each on the connection that it came by, in one write.

    A message of a connection that is gone is passed over; the broker delivers it again.
    """
    tickets: dict[Connection, list[int | asyncio.Future[int]]] = {}
    for delivery in deliveries:
        if delivery.connection is not None and delivery.ticket is not None:
            tickets.setdefault(delivery.connection, []).append(delivery.ticket)
    for connection, own in tickets.items():
        connection.acknowledge(own)


def can_acknowledge_by_hand() -> bool:
    """Whether gmqtt still has the private places that were verified with 0.8.0.

    Without them PUBACKs go one at a time through its public handlers, at about a third of the speed.
    """
    wanted = {
        "_handle_qos_1_publish_packet": ["self", "mid", "packet", "print_topic", "properties"],
        "_handle_publish_packet": ["self", "cmd", "raw_packet"],
    }
    places = [(getattr(MqttPackageHandler, name, None), names) for name, names in wanted.items()]
    is_known = all(place is not None and [*inspect.signature(place).parameters] == names for place, names in places)
    return is_known and hasattr(MQTTConnection, "send_package")


class Connection:
    """One connection from CONNECT until it ends. It never comes back: another one takes its place.

    A packet identifier means nothing on any other connection: gmqtt itself sends late PUBACKs on whatever connection
    is current, and so acknowledges messages of the new one that nobody has stored (seen with 0.7 and 0.8).
    """

    def __init__(
        self,
        address: BrokerAddress,
        *,
        client_id: str,
        topics: Sequence[str],
        deliver: Callable[[Delivery], None],
        version: Version = Version.V5,
        receive_maximum: int = 20_000,
        by_hand: bool = True,
        keepalive_s: int = _KEEPALIVE_S,
    ) -> None:
        """`deliver` is called in the event loop for every message and must not block.

        The session at the broker belongs to `client_id` and does not expire; in MQTT 5 the broker keeps at most
        `receive_maximum` messages under way, and is asked to send none above 1 MiB.
        """
        self._address = address
        self._topics = tuple(topics)
        self._deliver = deliver
        self._version = version
        self._keepalive_s = keepalive_s
        self._lost = asyncio.Event()
        self._subscribed = asyncio.Event()
        self._unsettled: set[asyncio.Future[int]] = set()
        self._is_refused = False
        self._complaint = "the connection ended"
        self._client = _Client(client_id, lost=self._lost, receive_maximum=receive_maximum)
        if address.username is not None:
            self._client.set_auth_credentials(address.username, address.password)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        if by_hand:
            self._client.take_over(self._on_qos_1, self._on_plain)

    async def open(self) -> None:
        """Returns when the broker has confirmed the subscription.

        Raises:
            NoAnswerError: it closes the connection or says nothing for 5 s, as brokers of another version may.
            BrokerRefusesError: it does not take user name, password, certificate or client id.
            BrokerAwayError: it cannot be reached, or refuses the subscription.
        """
        connecting = asyncio.ensure_future(self._connect())
        losing = asyncio.ensure_future(self._lost.wait())
        try:
            await asyncio.wait({connecting, losing}, timeout=_CONNECT_WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
            if not connecting.done():
                raise self._unopened(losing)
            connecting.result()
        except (OSError, MQTTError) as error:
            raise broker_fault(error, self._address) from error
        finally:
            for task in (connecting, losing):
                task.cancel()
            await asyncio.gather(connecting, losing, return_exceptions=True)

    def _unopened(self, losing: "asyncio.Future[Any]") -> BrokerAwayError:
        if self._is_refused:
            return BrokerAwayError(self._complaint)
        if not losing.done():
            return NoAnswerError(f"no answer within {_CONNECT_WITHIN_S:.0f} s")
        return NoAnswerError(f"it ended the connection; {silence_hint(self._address)}")

    async def _connect(self) -> None:
        await self._client.connect(
            self._address.host,
            self._address.port,
            ssl=self._address.tls(),
            keepalive=self._keepalive_s,
            version=self._version.value,
        )
        await self._subscribed.wait()

    async def ended(self) -> str:
        """Waits until the connection is gone, and returns why.

        gmqtt notices a broker that fell silent after two keepalives, and then waits for what it still has to send;
        therefore it is asked every second.
        """
        while not self._lost.is_set() and self._client.is_connected:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._lost.wait(), _LOOK_EVERY_S)
        self._lost.set()
        return self._complaint

    def acknowledge(self, tickets: Sequence["int | asyncio.Future[int]"]) -> None:
        """Sends the PUBACKs in one write; does nothing when the connection is gone."""
        if self._lost.is_set() or not self._client.is_connected:
            return
        by_hand = [ticket for ticket in tickets if isinstance(ticket, int)]
        if by_hand:
            self._client.send(b"".join([_PUBACK(0x40, 2, packet_id) for packet_id in by_hand]))
        _settle([ticket for ticket in tickets if not isinstance(ticket, int)])

    def pause(self) -> None:
        """Takes nothing more off the wire until `resume`, but for what has been read already, 1 MiB at the most.

        The broker waits; gmqtt gives the connection up when that takes two keepalives.
        """
        if not self._lost.is_set() and self._client.is_connected:
            self._client.pause()

    def resume(self) -> None:
        """Takes messages again; does nothing when the connection is gone."""
        if not self._lost.is_set() and self._client.is_connected:
            self._client.resume()

    def resubscribe(self, topics: Sequence[str]) -> None:
        """Takes other topics from now on; a topic that stays is not interrupted."""
        before, self._topics = self._topics, tuple(topics)
        if self._lost.is_set() or not self._client.is_connected:
            return
        self._subscribe()
        for topic in set(before).difference(topics):
            self._client.unsubscribe(topic)

    def hush(self) -> None:
        """Lets what arrives from now on go by; unacknowledged, the broker keeps it for the next connection."""
        self._deliver = _let_go

    async def close(self) -> None:
        """Ends the connection in order where it still stands; the session stays at the broker."""
        self.hush()
        if not self._lost.is_set() and self._client.is_connected:
            await self._wait_until_read()
            with suppress(TimeoutError, OSError):
                await asyncio.wait_for(self._client.disconnect(), _CLOSE_WITHIN_S)
        self._lost.set()
        self._client.abort()
        _settle(self._unsettled)  # gmqtt's handlers end; nothing is sent for them any more

    async def _wait_until_read(self) -> None:
        """Asks for the subscription once more: its answer proves that the broker has read our PUBACKs.

        mosquitto 2.0 drops what it has not read of a connection that is closed, and would send the messages again.
        """
        self._subscribed.clear()
        self._subscribe()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._subscribed.wait(), _CLOSE_WITHIN_S)

    def _on_connect(self, _client: object, _flags: int, _code: int, _properties: dict[str, Any]) -> None:
        """Subscribes at every connection: gmqtt 0.8 does not when the broker has lost the session."""
        self._subscribe()

    def _subscribe(self) -> None:
        retained = _NEW_SESSIONS_ONLY if self._version is Version.V5 else 0
        wanted = [gmqtt.Subscription(topic, qos=1, retain_handling_options=retained) for topic in self._topics]
        self._client.subscribe(wanted)

    def _on_subscribe(self, _client: object, _packet_id: int, codes: Sequence[int], _properties: object) -> None:
        refused = [topic for topic, code in zip(self._topics, codes, strict=False) if code >= _REFUSED]
        if refused:
            self._complaint = f"the broker refuses to subscribe us to {', '.join(refused)}"
        if len(refused) == len(codes):
            self._is_refused = True
            self._lost.set()
            return
        if refused:
            _log.warning("What can be read is read, but %s", self._complaint)
        self._subscribed.set()

    def _on_plain(self, command: int, packet: bytes) -> bool:
        """Takes a QoS 1 message without properties, as nearly all are; False leaves it to gmqtt, at twice the cost.

        MQTT 5 has the length of the properties before the payload.
        """
        name_ends = 2 + int.from_bytes(packet[:2])
        starts = name_ends + (3 if self._version is Version.V5 else 2)
        is_plain = command & _QOS == _QOS_1 and name_ends > 2 and starts <= len(packet)
        if not is_plain or (self._version is Version.V5 and packet[starts - 1]):
            return False
        try:
            topic = packet[2:name_ends].decode()
        except UnicodeDecodeError:
            return False
        packet_id, is_retained = int.from_bytes(packet[name_ends : name_ends + 2]), bool(command & 1)
        self._deliver(Delivery(topic, packet[starts:], datetime.now(UTC), self, packet_id, is_retained))
        return True

    def _on_qos_1(self, packet_id: int, payload: bytes, topic: str | bytes, properties: dict[str, Any]) -> None:
        now, is_retained = datetime.now(UTC), bool(properties["retain"])
        self._deliver(Delivery(_text(topic), payload, now, self, packet_id, is_retained))

    async def _on_message(
        self, _client: object, topic: str | bytes, payload: bytes, qos: int, properties: dict[str, Any]
    ) -> int:
        """QoS 2, and QoS 1 when it is not taken over: gmqtt acknowledges when this returns; QoS 0 is just taken."""
        stored = asyncio.get_running_loop().create_future() if qos else None
        now, is_retained = datetime.now(UTC), bool(properties["retain"])
        self._deliver(Delivery(_text(topic), payload, now, self, stored, is_retained))
        if stored is None:
            return 0
        self._unsettled.add(stored)
        stored.add_done_callback(self._unsettled.discard)
        return await stored


class _Client(gmqtt.Client):
    """gmqtt's client for a single connection: it does not reconnect, and sends nothing once the connection is lost."""

    def __init__(self, client_id: str, *, lost: asyncio.Event, receive_maximum: int) -> None:
        self._lost = lost
        super().__init__(
            client_id,
            clean_session=False,
            optimistic_acknowledgement=False,
            session_expiry_interval=_NEVER,
            receive_maximum=receive_maximum,
            maximum_packet_size=_MAX_PACKET_BYTES,
        )

    async def reconnect(self, delay: bool = False) -> None:  # noqa: FBT001, FBT002, ARG002 - gmqtt's own signature
        self._lost.set()

    def take_over(
        self,
        on_qos_1: Callable[[int, bytes, str | bytes, dict[str, Any]], None],
        on_plain: Callable[[int, bytes], bool],
    ) -> None:
        """Hands QoS 1 messages to us before gmqtt would acknowledge them; see can_acknowledge_by_hand.

        `on_plain` gets each PUBLISH first, and says whether it has taken it.
        """
        handler = self._package_handler
        as_gmqtt_does = handler._handle_publish_packet  # noqa: SLF001 - verified by can_acknowledge_by_hand

        def take(command: int, packet: bytes) -> None:
            if not on_plain(command, packet):
                as_gmqtt_does(command, packet)

        handler._handle_publish_packet = take  # noqa: SLF001 - as above
        handler._handle_qos_1_publish_packet = on_qos_1  # noqa: SLF001 - as above

    def send(self, packets: bytes) -> None:
        self._connection.send_package(packets)

    def pause(self) -> None:
        self._connection._transport.pause_reading()  # noqa: SLF001 - gmqtt takes whatever comes

    def resume(self) -> None:
        self._connection._transport.resume_reading()  # noqa: SLF001 - as above

    def abort(self) -> None:
        if self._connection is not None:
            self._connection._transport.abort()  # noqa: SLF001 - gmqtt has no way to give up a silent broker

    def _send_command_with_mid(self, cmd: int, mid: int, dup: bool, reason_code: int = 0) -> None:  # noqa: FBT001 - as above
        if not self._lost.is_set():
            super()._send_command_with_mid(cmd, mid, dup, reason_code=reason_code)


def broker_fault(error: Exception, address: BrokerAddress) -> BrokerAwayError:
    """What gmqtt, TLS or the network says of an attempt to connect, in words of ours."""
    if not isinstance(error, MQTTConnectError):
        return BrokerAwayError(connection_fault(error, address))
    code = error._code  # noqa: SLF001 - gmqtt tells it nowhere else
    if code in _WRONG_PASSWORD:
        who = f"user {address.username!r}" if address.username else "nobody without a user name"
        return BrokerRefusesError(f"the broker refuses {who}, {error}: see KILOWATCH_MQTT_USERNAME and _PASSWORD")
    if code in _REFUSED_FOR_GOOD:
        return BrokerRefusesError(f"the broker refuses us: {error}")
    return BrokerAwayError(str(error))


def _settle(handlers: Iterable["asyncio.Future[int]"]) -> None:
    for stored in handlers:
        if not stored.done():
            stored.set_result(0)


def _text(topic: str | bytes) -> str:
    """Topics that are not UTF-8 come from gmqtt as bytes."""
    return topic if isinstance(topic, str) else topic.decode(errors="replace")


def _let_go(_delivery: Delivery) -> None:
    return
