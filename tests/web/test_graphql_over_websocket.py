"""graphql-transport-ws: every message gets what the protocol says, and no client's mistake is a dropped socket."""

import asyncio
import contextlib
import json
import logging
import re
from datetime import timedelta
from typing import Any, cast

import pytest
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from kilowatch.web import viewers
from kilowatch.web.sockets.socket_protocol import HIGH_WATER_BYTES, PIECE_BYTES, SocketProtocol
from metering.access import Role
from store import accounts
from store.connections import Database, connect_async
from tests.fixtures.readings import metering, reading
from tests.fixtures.server import (
    SMALL_BUFFER_BYTES,
    WITHIN_S,
    Server,
    add_account,
    add_panel,
    make_app,
    serving,
    speaking,
    token_of,
)

PROTOCOL: Any = ["graphql-transport-ws"]
INIT = json.dumps({"type": "connection_init"})
ACK = {"type": "connection_ack"}


def opened(api: Server, **options: Any) -> connect:
    return connect(api.socket_url, subprotocols=PROTOCOL, compression=None, **options)


async def received(socket: ClientConnection) -> dict[str, Any]:
    return json.loads(await asyncio.wait_for(socket.recv(), WITHIN_S))


async def closing(socket: ClientConnection) -> tuple[int, str]:
    """The code and reason that the server closes with; messages before are passed over."""
    async with asyncio.timeout(WITHIN_S):
        with contextlib.suppress(ConnectionClosed):
            async for _ in socket:
                pass
        await socket.wait_closed()
    assert socket.close_code is not None
    return socket.close_code, socket.close_reason or ""


def subscribe(operation_id: Any = "1", **payload: Any) -> str:
    return json.dumps({"id": operation_id, "type": "subscribe", "payload": {"query": "{ __typename }", **payload}})


MALFORMED = {
    "not JSON": "{",
    "nothing": "",
    "a list": "[]",
    "null": "null",
    "a number": "1",
    "text": '"connection_init"',
    "100,000 brackets": "[" * 60_000,
    "no type": "{}",
    "a type of a number": '{"type": 1}',
    "an unknown type": '{"type": "start"}',
    "a server's type": '{"type": "next", "id": "1", "payload": {}}',
    "a payload of text": '{"type": "ping", "payload": "x"}',
    "a payload of a list": '{"type": "pong", "payload": []}',
    "no id": '{"type": "subscribe", "payload": {"query": "{a}"}}',
    "an id of a number": subscribe(5),
    "an id of an object": subscribe({}),
    "an empty id": subscribe(""),
    "an endless id": subscribe("x" * 300),
    "no payload": '{"type": "subscribe", "id": "1"}',
    "a payload of null": '{"type": "subscribe", "id": "1", "payload": null}',
    "a query of a number": subscribe(query=5),
    "variables of text": subscribe(variables="x"),
    "operationName of a number": subscribe(operationName=5),
    "extensions of a list": subscribe(extensions=[]),
    "complete without an id": '{"type": "complete"}',
    "a lone surrogate": '{"type": "ping", "payload": {"a": "\\ud800"}}',
    "NUL in the document": subscribe(query='{panel(code: "\\u0000") {code}}'),
    "NUL after JSON": subscribe(query='{panel(code: "@u0000") {code}}').replace("@", "\\u005c"),
    "NUL": '{"type": "ping", "payload": {"a": "\\u0000"}}',
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_a_malformed_message_closes_with_4400(
    bare_api: Server, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        async with opened(bare_api) as socket:
            await socket.send(INIT)
            assert await received(socket) == ACK
            await socket.send(MALFORMED[name])
            code, reason = await closing(socket)
    assert code == 4400
    assert reason
    assert caplog.records == []


BROKEN_FRAMES: dict[str, tuple[bytes, int]] = {
    "binary": (b"\x82\x82\0\0\0\0{}", 4400),
    "not UTF-8": (b"\x81\x82\0\0\0\0\xff\xfe", 1007),
    "no mask": (b"\x81\x02{}", 1002),
    "an unknown opcode": (b"\x83\x80\0\0\0\0", 1002),
    "reserved bits": (b"\xf1\x80\0\0\0\0", 1002),
    "a long ping": (b"\x89\xfe\x01\x00\0\0\0\0" + b"x" * 256, 1002),
    "a continuation of nothing": (b"\x80\x80\0\0\0\0", 1002),
    "a close of one byte": (b"\x88\x81\0\0\0\0\x03", 1002),
    "a close of a code that may not be": (b"\x88\x82\0\0\0\0\x03\xed", 1002),
    "a message of 1 MB": (b"\x81\xff\0\0\0\0\0\x10\0\0\0\0\0\0", 1009),
}


@pytest.mark.parametrize("name", BROKEN_FRAMES)
async def test_a_broken_frame_closes_with_the_code_for_it(
    bare_api: Server, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    frame, code = BROKEN_FRAMES[name]
    with caplog.at_level(logging.WARNING):
        async with opened(bare_api) as socket:
            await socket.send(INIT)
            assert await received(socket) == ACK
            socket.transport.write(frame)
            assert (await closing(socket))[0] == code
    assert caplog.records == []


EMPTY = b"\0\0\0\0"
IDLE_FRAMES: dict[str, bytes] = {
    "pings": (b"\x89\x80" + EMPTY) * 2000,
    "pongs": (b"\x8a\x80" + EMPTY) * 2000,
    "parts of nothing": b"\x01\x80" + EMPTY + (b"\x00\x80" + EMPTY) * 2000,
}


@pytest.mark.parametrize("name", IDLE_FRAMES)
async def test_too_many_frames_without_a_message_close_with_1008(
    bare_api: Server, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        async with opened(bare_api) as socket:
            await socket.send(INIT)
            assert await received(socket) == ACK
            socket.transport.write(IDLE_FRAMES[name])
            assert await closing(socket) == (1008, "Over 100 frames without a message")
    assert caplog.records == []


async def test_much_at_once_is_read_in_pieces_and_answered_in_order(
    bare_api: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes, parsed = list[int](), WebSocketsSansIOProtocol.data_received

    def data_received(protocol: WebSocketsSansIOProtocol, data: bytes) -> None:
        sizes.append(len(data))
        parsed(protocol, data)

    monkeypatch.setattr(WebSocketsSansIOProtocol, "data_received", data_received)
    async with opened(bare_api) as socket:
        sending = asyncio.gather(*(socket.ping() for _ in range(50)))
        for number in range(1000):
            await socket.send(json.dumps({"type": "ping", "payload": {"number": number}}))
        assert [(await received(socket))["payload"]["number"] for _ in range(1000)] == list(range(1000))
        await sending
    assert max(sizes) == PIECE_BYTES


async def test_who_does_not_read_is_not_read_either(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found, made = list[asyncio.Transport](), SocketProtocol.connection_made

    def connection_made(protocol: SocketProtocol, transport: asyncio.BaseTransport) -> None:
        made(protocol, transport)
        found.append(cast("asyncio.Transport", transport))

    monkeypatch.setattr(SocketProtocol, "connection_made", connection_made)
    pings = (b"\x89\xfd" + EMPTY + b"x" * 125) * 90 + b"\x81\x8f" + EMPTY + b'{"type":"pong"}'
    async with serving(make_app(database_url), has_small_buffers=True) as api:
        reader, writer = await asyncio.open_connection("127.0.0.1", api.port, limit=SMALL_BUFFER_BYTES)
        writer.write(HANDSHAKE % (b"/graphql", b"Sec-WebSocket-Version: 13\r\n"))
        await reader.readuntil(b"\r\n\r\n")
        writer.write(pings * 500)
        async with asyncio.timeout(WITHIN_S):
            while found[0].is_reading() or not found[0].get_write_buffer_size():  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0)
        assert found[0].get_write_buffer_size() < 2 * HIGH_WATER_BYTES
        writer.transport.abort()


async def test_messages_before_the_acknowledgement_are_unauthorized(bare_api: Server) -> None:
    async with opened(bare_api) as socket:
        await socket.send(subscribe())
        assert await closing(socket) == (4401, "Unauthorized")


async def test_a_connection_begins_once(bare_api: Server) -> None:
    async with opened(bare_api) as socket:
        await socket.send(INIT)
        await socket.send(INIT)
        assert (await closing(socket))[0] == 4429


async def test_a_connection_that_does_not_begin_is_closed(database_url: str) -> None:
    async with serving(make_app(database_url, init_within_s=0.2)) as api, opened(api) as socket:
        assert (await closing(socket))[0] == 4408


@pytest.mark.parametrize("protocols", [None, ["graphql-ws"], ["nonsense"]])
async def test_other_subprotocols_are_refused(bare_api: Server, protocols: Any) -> None:
    async with connect(bare_api.socket_url, subprotocols=protocols) as socket:
        assert (await closing(socket))[0] == 4406


async def test_an_operation_id_is_taken_while_its_operation_runs(api: Server, database_url: str) -> None:
    account_id = await add_account(database_url)
    async with speaking(api, account_id=account_id) as client:
        first = await client.subscribe("subscription { panelReadings { __typename } }")
        await client.event(first)
        await client.socket.send(subscribe(first))
        assert (await closing_of(client.socket))[0] == 4409


async def closing_of(socket: ClientConnection) -> tuple[int | None, str | None]:
    await asyncio.wait_for(socket.wait_closed(), WITHIN_S)
    return socket.close_code, socket.close_reason


async def test_a_ping_is_answered_with_its_payload_even_before_the_beginning(bare_api: Server) -> None:
    async with opened(bare_api) as socket:
        await socket.send('{"type": "ping"}')
        await socket.send('{"type": "ping", "payload": {"at": 5}}')
        await socket.send('{"type": "pong"}')
        assert [await received(socket), await received(socket)] == [
            {"type": "pong"},
            {"type": "pong", "payload": {"at": 5}},
        ]


FAULTY_OPERATIONS = {
    "{": "GRAPHQL_PARSE_FAILED",
    "": "BAD_REQUEST",
    "{ nothing }": "GRAPHQL_VALIDATION_FAILED",
    "subscription { nothing }": "GRAPHQL_VALIDATION_FAILED",
    "query A { __typename } query B { __typename }": "OPERATION_NOT_FOUND",
    "query ($c: String!) { panel(code: $c) { code } }": "BAD_INPUT",
    "subscription { panelReadings { __typename } }": "UNAUTHENTICATED",
    'subscription { panelReadings(after: "x") { __typename } }': "UNAUTHENTICATED",
}


@pytest.mark.parametrize("query", FAULTY_OPERATIONS)
async def test_a_faulty_operation_is_an_error_for_its_id_only(
    bare_api: Server, query: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        async with opened(bare_api) as socket:
            await socket.send(INIT)
            assert await received(socket) == ACK
            await socket.send(subscribe("faulty", query=query))
            error = await received(socket)
            await socket.send(subscribe("faulty"))
            following = [await received(socket), await received(socket)]
    assert (error["id"], error["type"]) == ("faulty", "error")
    assert error["payload"][0]["extensions"]["code"] == FAULTY_OPERATIONS[query]
    assert following == [
        {"id": "faulty", "type": "next", "payload": {"data": {"__typename": "Query"}}},
        {"id": "faulty", "type": "complete"},
    ]
    assert caplog.records == []


async def test_an_unknown_operation_name_is_an_error_for_its_id(bare_api: Server) -> None:
    async with opened(bare_api) as socket:
        await socket.send(INIT)
        assert await received(socket) == ACK
        await socket.send(subscribe("1", operationName="Missing"))
        error = await received(socket)
    assert (error["id"], error["type"]) == ("1", "error")


async def test_a_connection_has_a_limit_of_operations(api: Server, database_url: str) -> None:
    account_id = await add_account(database_url)
    async with speaking(api, account_id=account_id) as client:
        running = [await client.subscribe("subscription { panelReadings { __typename } }") for _ in range(50)]
        for operation in running:
            await client.event(operation)
        refused = await client.message(await client.subscribe("{ __typename }"))
        assert refused["payload"][0]["extensions"]["code"] == "TOO_MANY_SUBSCRIPTIONS"
        await client.stop(running[0])
        assert await client.event(await client.subscribe("{ __typename }")) == "Query"


@pytest.mark.parametrize(
    "payload",
    [
        {"authorization": "Bearer {token}"},
        {"Authorization": "bearer {token}"},
        {"token": "{token}"},
        {"authorization": None, "token": "{token}"},
    ],
)
async def test_a_connection_signs_in_by_its_first_message(
    api: Server, database_url: str, payload: dict[str, Any]
) -> None:
    token = token_of(await add_account(database_url))
    given = {name: value and value.format(token=token) for name, value in payload.items()}
    async with opened(api) as socket:
        await socket.send(json.dumps({"type": "connection_init", "payload": given}))
        assert await received(socket) == ACK
        await socket.send(subscribe(query="{ viewer { email } }"))
        assert (await received(socket))["payload"] == {"data": {"viewer": {"email": "ann@example.org"}}}


async def test_a_connection_signs_in_by_the_header_of_its_handshake(api: Server, database_url: str) -> None:
    headers = {"Authorization": f"Bearer {token_of(await add_account(database_url))}"}
    async with opened(api, additional_headers=headers) as socket:
        await socket.send(INIT)
        assert await received(socket) == ACK
        await socket.send(subscribe(query="{ viewer { email } }"))
        assert (await received(socket))["payload"] == {"data": {"viewer": {"email": "ann@example.org"}}}


@pytest.mark.parametrize("given", ["Bearer x", "Basic x", "", 5, {}, "Bearer " + token_of(999)])
async def test_a_bad_token_closes_with_4403(bare_api: Server, given: Any) -> None:
    async with opened(bare_api) as socket:
        await socket.send(json.dumps({"type": "connection_init", "payload": {"authorization": given}}))
        assert (await closing(socket))[0] == 4403


async def test_a_session_that_expires_closes_the_connection_at_that_moment(database_url: str) -> None:
    account_id = await add_account(database_url)
    async with serving(make_app(database_url)) as api, opened(api) as socket:
        async with await connect_async(database_url) as connection:
            await connection.execute("UPDATE session SET expires_at = clock_timestamp() + interval '4 s'")
        await socket.send(json.dumps({"type": "connection_init", "payload": {"token": token_of(account_id)}}))
        assert await received(socket) == ACK
        await socket.send(subscribe(query="subscription { panelReadings { __typename } }"))
        assert (await received(socket))["type"] == "next"
        assert await closing(socket) == (4403, "The session has ended: sign in again.")


async def test_an_operation_of_a_removed_account_closes_the_connection(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewers, "TRUSTED_FOR", timedelta(0))
    account_id = await add_account(database_url, role=Role.ADMIN)
    async with serving(make_app(database_url)) as api, speaking(api, account_id=account_id) as client:
        assert await client.event(await client.subscribe("{ __typename }")) == "Query"
        async with await connect_async(database_url) as connection:
            await accounts.remove(connection, account_id)
        with contextlib.suppress(ConnectionClosed):  # the server may have heard of it before
            await client.subscribe("{ __typename }")
        assert await closing_of(client.socket) == (4403, "The session has ended: sign in again.")


ALLOWED = "https://app.example.org"


@pytest.mark.parametrize("origin", [None, "http://127.0.0.1:{port}", ALLOWED])
async def test_pages_of_our_own_may_open_a_websocket(database_url: str, origin: str | None) -> None:
    async with serving(make_app(database_url, allowed_origins=[ALLOWED])) as api:
        headers = {} if origin is None else {"origin": origin.format(port=api.port)}
        async with opened(api, additional_headers=headers) as socket:
            await socket.send(INIT)
            assert await received(socket) == ACK


@pytest.mark.parametrize("origin", ["https://evil.example.org", "null", "http://127.0.0.1"])
async def test_pages_of_other_sites_cannot_open_a_websocket(bare_api: Server, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await opened(bare_api, additional_headers={"origin": origin})
    assert refused.value.response.status_code == 403


async def test_a_client_that_vanishes_leaves_nothing_behind(
    api: Server, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    account_id = await add_account(database_url)
    with caplog.at_level(logging.WARNING):
        async with speaking(api, account_id=account_id) as client:
            await client.event(await client.subscribe("subscription { panelReadings { __typename } }"))
            client.socket.transport.abort()
        async with speaking(api, account_id=account_id) as client, asyncio.timeout(WITHIN_S):
            while (await client.event(await client.subscribe("{ viewer { subscriptions { id } } }")))["subscriptions"]:
                pass
    assert caplog.records == []


HANDSHAKE = (
    b"GET %b HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n%b\r\n"
)
ODD_HANDSHAKES: dict[str, tuple[bytes, bytes]] = {
    "a path of other bytes": (b"/graphql\xff\xc3", b"Sec-WebSocket-Version: 13\r\n"),
    "a path that does not exist": (b"/nowhere", b"Sec-WebSocket-Version: 13\r\n"),
    "an address that is a whole URL": (b"http://localhost/graphql", b"Sec-WebSocket-Version: 13\r\n"),
    "a broken escape": (b"/%zz%ff", b"Sec-WebSocket-Version: 13\r\n"),
    "a header of other bytes": (b"/graphql", b"Sec-WebSocket-Version: 13\r\nX-Odd: \xff\xfe\r\nOrigin: \xff\r\n"),
    "another version": (b"/graphql", b"Sec-WebSocket-Version: 8\r\n"),
    "no version": (b"/graphql", b""),
    "a second key": (b"/graphql", b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n"),
    "an odd extension": (b"/graphql", b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Extensions: ;;=,\r\n"),
    "an endless header": (b"/graphql", b"Sec-WebSocket-Version: 13\r\nX-Long: " + b"x" * 100_000 + b"\r\n"),
}


@pytest.mark.parametrize("name", ODD_HANDSHAKES)
async def test_an_odd_handshake_is_answered_and_logs_no_fault(
    bare_api: Server, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", bare_api.port)
    writer.write(HANDSHAKE % ODD_HANDSHAKES[name])
    try:
        line = await asyncio.wait_for(reader.readline(), WITHIN_S)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    assert re.fullmatch(rb"HTTP/1.1 (101|4\d\d) .*\r\n", line)
    assert [record for record in caplog.records if record.exc_info or record.levelno >= logging.ERROR] == []


async def test_closing_a_socket_whose_operations_run_logs_no_fault(
    api: Server, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    panel = await add_panel(database_url, "P1")
    account = await add_account(database_url, role=Role.ADMIN)
    with caplog.at_level(logging.WARNING):
        async with metering(database_url) as meters, speaking(api, account_id=account) as client:
            for _ in range(20):
                await client.event(await client.subscribe("subscription { panelReadings { __typename } }"))
            for _ in range(20):
                await client.subscribe("{ panels { totalCount } }")
            writing = asyncio.create_task(meters.store([(panel, reading(second)) for second in range(500)]))
            await client.socket.send("{")
            assert (await closing_of(client.socket))[0] == 4400
            await writing
    assert caplog.records == []


async def open_subscriptions(connection: Database, *, count: int) -> None:
    """Waits until there are so many."""
    async with asyncio.timeout(WITHIN_S):
        while await (await connection.execute("SELECT count(*) FROM open_subscription")).fetchone() != (count,):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_client_that_reads_nothing_is_closed_all_the_same(database_url: str) -> None:
    panel = await add_panel(database_url, "P1")
    account = await add_account(database_url, role=Role.ADMIN)
    query = "subscription { panelReadings { ... on ReadingReceived { cursor reading { at receivedAt } } } }"
    async with (
        serving(make_app(database_url), has_small_buffers=True) as api,
        metering(database_url) as meters,
        speaking(api, account_id=account, has_small_buffer=True) as client,
        await connect_async(database_url) as connection,
    ):
        await client.event(await client.subscribe(query))
        client.socket.transport.pause_reading()
        await meters.store([(panel, reading(second)) for second in range(3000)])
        await open_subscriptions(connection, count=1)
        await connection.execute("UPDATE session SET ended_at = now(), end_reason = 'ENDED'")
        await open_subscriptions(connection, count=0)
        client.socket.transport.abort()
