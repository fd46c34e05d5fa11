"""A connection acknowledges what is committed, in order, on itself alone; and it notices when it has ended."""

import asyncio
import inspect
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import ingest.mqtt
from ingest.batches import Inbox
from ingest.broker_address import BrokerAddress
from ingest.mqtt import (
    BrokerAwayError,
    Connection,
    Delivery,
    NoAnswerError,
    acknowledge,
    can_acknowledge_by_hand,
)
from tests.fixtures.silence import silent_server
from tests.ingest.brokers import Mosquitto, free_port, relayed
from tests.ingest.conftest import Broker
from tests.ingest.running import eventually, send

MESSAGES = [(f"DATA/PM/P{number}", b"%d" % number) for number in range(50)]


@asynccontextmanager
async def opened(
    url: str,
    client_id: str,
    *,
    keepalive_s: int = 20,
    by_hand: bool = True,
    deliver: Callable[[Delivery], None] | None = None,
) -> AsyncIterator[tuple[Connection, list[Delivery]]]:
    """An open connection and what it delivers, unless `deliver` takes it."""
    received: list[Delivery] = []
    connection = Connection(
        BrokerAddress.from_url(url),
        client_id=client_id,
        topics=["DATA/PM/#"],
        deliver=deliver or received.append,
        keepalive_s=keepalive_s,
        by_hand=by_hand,
    )
    try:
        await connection.open()
        yield connection, received
    finally:
        await connection.close()


def count_is(received: list[Delivery], count: int) -> Callable[[], "asyncio.Future[bool]"]:
    async def is_so() -> bool:
        return len(received) == count

    return is_so  # type: ignore[return-value]


def test_gmqtt_still_has_the_places_that_were_verified() -> None:
    assert can_acknowledge_by_hand()


def test_the_handler_of_the_public_way_is_a_coroutine_since_gmqtt_never_acknowledges_for_any_other() -> None:
    assert inspect.iscoroutinefunction(Connection._on_message)


@pytest.mark.parametrize("by_hand", [True, False])
async def test_pubacks_follow_the_order_of_arrival(broker: Broker, *, by_hand: bool) -> None:
    async with relayed(broker.url) as relay, opened(relay.url, f"order-{by_hand}", by_hand=by_hand) as (_, received):
        await send(broker.port_v311, MESSAGES)
        await eventually(count_is(received, 50))
        assert relay.pubacks() == []
        acknowledge(received)

        async def is_acknowledged() -> bool:
            return len(relay.pubacks()) == 50

        await eventually(is_acknowledged)
        if by_hand:
            assert relay.pubacks() == [delivery.ticket for delivery in received]
            assert len(relay.writes[-1]) == 50 * 4  # in one write
        else:
            assert relay.pubacks() == sorted(relay.pubacks())


@pytest.mark.parametrize("by_hand", [True, False])
async def test_what_came_by_a_connection_that_is_gone_is_not_acknowledged_on_the_next_one(
    broker: Broker, *, by_hand: bool
) -> None:
    client_id = f"stale-{by_hand}"
    async with relayed(broker.url) as relay, opened(relay.url, client_id, by_hand=by_hand) as (first, old):
        await send(broker.port_v311, MESSAGES)
        await eventually(count_is(old, 50))
        relay.cut()
        await first.ended()
        async with opened(relay.url, client_id, by_hand=by_hand) as (_, new):
            await eventually(count_is(new, 50))
            relay.from_client.clear()
            acknowledge(old)
            await asyncio.sleep(0)  # let what gmqtt might have scheduled run
            assert relay.pubacks() == []
    async with opened(broker.url, client_id) as (_, again):
        await eventually(count_is(again, 50))
        assert [delivery.payload for delivery in again] == [payload for _, payload in MESSAGES]
        acknowledge(again)


async def test_what_was_acknowledged_does_not_come_again(broker: Broker) -> None:
    async with opened(broker.url, "done") as (_, received):
        await send(broker.port_v311, MESSAGES)
        await eventually(count_is(received, 50))
        acknowledge(received)
    async with opened(broker.url, "done") as (_, received):
        await send(broker.port_v311, [("DATA/PM/LAST", b"last")])
        await eventually(count_is(received, 1))
        assert received[0].topic == "DATA/PM/LAST"
        acknowledge(received)


async def test_a_hushed_connection_leaves_messages_to_the_next_one(broker: Broker) -> None:
    async with opened(broker.url, "hushed") as (connection, received):
        connection.hush()
        await send(broker.port_v311, MESSAGES)
        assert received == []
    async with opened(broker.url, "hushed") as (_, received):
        await eventually(count_is(received, 50))
        acknowledge(received)


@pytest.mark.parametrize("by_hand", [True, False])
async def test_a_full_inbox_takes_nothing_more_off_the_wire_until_it_has_room(broker: Broker, *, by_hand: bool) -> None:
    inbox = Inbox(capacity=1000, capacity_bytes=2**20)
    client_id = f"full-{by_hand}"
    async with opened(broker.url, client_id, by_hand=by_hand, deliver=inbox.put) as (connection, _):
        transport = connection._client._connection._transport

        async def is_paused() -> bool:
            return not transport.is_reading()

        await send(broker.port_v311, [("DATA/PM/BIG", b"%06d" % number + bytes(200_000)) for number in range(40)])
        await eventually(is_paused)
        received: list[bytes] = []
        while len(received) < 40:
            batch = await asyncio.wait_for(inbox.next_batch(linger_s=0, limit=1000), 10)
            assert sum(len(delivery.payload) for delivery in batch) < 2 * 2**20
            received += [delivery.payload[:6] for delivery in batch]
            acknowledge(batch)
            inbox.done()
        assert received == [b"%06d" % number for number in range(40)]
        assert transport.is_reading()


async def test_a_message_above_what_we_take_leaves_the_session_as_it_was(broker: Broker) -> None:
    """mosquitto keeps it back; the embedded broker, which takes little more itself, does not look at our limit."""
    huge, last = ("DATA/PM/HUGE", bytes(1_100_000)), ("DATA/PM/LAST", b"last")
    async with opened(broker.url, "huge") as (_, received):
        await send(broker.port_v311, [*MESSAGES[:20], huge, *MESSAGES[20:]])

        async def has_come() -> bool:
            return [delivery.topic for delivery in received if delivery.topic != huge[0]] == [
                topic for topic, _ in MESSAGES
            ]

        await eventually(has_come)
        acknowledge(received)
    async with opened(broker.url, "huge") as (_, received):
        await send(broker.port_v311, [last])

        async def is_last() -> bool:
            return bool(received) and received[-1].topic == last[0]

        await eventually(is_last)
        acknowledge(received)


async def test_mosquitto_sends_no_message_above_what_we_take(mosquitto: Mosquitto) -> None:
    async with opened(mosquitto.url, "kept-back") as (_, received):
        await send(mosquitto.port, [("DATA/PM/HUGE", bytes(2**20)), *MESSAGES])
        await eventually(count_is(received, 50))
        assert [delivery.topic for delivery in received] == [topic for topic, _ in MESSAGES]
        acknowledge(received)


async def test_a_broker_that_falls_silent_is_given_up_after_two_keepalives(mosquitto: Mosquitto) -> None:
    async with relayed(mosquitto.url) as relay, opened(relay.url, "silent", keepalive_s=1) as (connection, _):
        relay.fall_silent()
        await asyncio.wait_for(connection.ended(), 10)


async def test_a_connection_that_is_taken_over_by_its_namesake_ends(mosquitto: Mosquitto) -> None:
    async with opened(mosquitto.url, "namesake") as (first, _), opened(mosquitto.url, "namesake"):
        await asyncio.wait_for(first.ended(), 10)


async def test_nobody_listening_is_said_in_plain_words() -> None:
    with pytest.raises(BrokerAwayError, match="Connect call failed"):
        async with opened(f"mqtt://127.0.0.1:{free_port()}", "nobody"):
            pass


async def test_a_server_that_never_answers_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest.mqtt, "_CONNECT_WITHIN_S", 0.2)
    async with silent_server() as server:
        with pytest.raises(NoAnswerError, match="no answer within"):
            async with opened(f"mqtt://127.0.0.1:{server.port}", "silence"):
                pass
        await asyncio.wait_for(server.hung_up.wait(), 30)


async def test_a_server_that_hangs_up_is_noticed_at_once() -> None:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(NoAnswerError, match="ended the connection"):
            async with opened(f"mqtt://127.0.0.1:{port}", "hangs-up"):
                pass


async def test_a_wrong_password_is_refused_with_the_brokers_reason(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path, settings=["allow_anonymous false"]) as broker,
        pytest.raises(BrokerAwayError, match=r"(?i)not authori[sz]ed|bad user name or password"),
    ):
        async with opened(f"mqtt://meter:wrong@127.0.0.1:{broker.port}", "wrong"):
            pass


async def test_a_subscription_that_is_refused_is_no_connection() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(b"\x20\x03\x00\x00\x00")
        subscribe = await reader.read(1000)
        not_authorized = b"\x87"
        writer.write(b"\x90\x04" + subscribe[2:4] + b"\x00" + not_authorized)
        await reader.read(1000)
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(BrokerAwayError, match=r"refuses to subscribe us to DATA/PM/#"):
            async with opened(f"mqtt://127.0.0.1:{port}", "refused"):
                pass


async def test_tls_is_spoken_to_a_broker_whose_certificate_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = self_signed(tmp_path)
    settings = ["allow_anonymous true", f"certfile {certificate}", f"keyfile {key}"]
    with Mosquitto(tmp_path, settings=settings) as broker:
        url = f"mqtts://localhost:{broker.port}"
        with pytest.raises(BrokerAwayError, match="certificate"):
            async with opened(url, "tls"):
                pass
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert ssl.get_default_verify_paths().cafile == str(certificate)
        async with opened(url, "tls"):
            pass


def self_signed(folder: Path) -> tuple[Path, Path]:
    """A certificate of localhost, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


def address(host: str, port: int, username: str | None = None, password: str | None = None) -> BrokerAddress:
    return BrokerAddress(host, port, is_secure=port == 8883, username=username, password=password)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mqtt://broker", address("broker", 1883)),
        ("mqtts://broker", address("broker", 8883)),
        ("mqtt://me:p%40ss%2F@[::1]:1884", address("::1", 1884, "me", "p@ss/")),
        ("mqtts://me@broker.example", address("broker.example", 8883, "me")),
    ],
)
def test_a_url_says_where_and_who(url: str, expected: BrokerAddress) -> None:
    assert BrokerAddress.from_url(url) == expected


@pytest.mark.parametrize("url", ["", "broker", "http://me:secret@broker", "mqtt://", "mqtt://me:secret@broker:port"])
def test_a_url_that_is_none_is_refused_without_showing_its_password(url: str) -> None:
    with pytest.raises(ValueError, match="MQTT_URL must be") as refusal:
        BrokerAddress.from_url(url)
    assert "secret" not in str(refusal.value)
