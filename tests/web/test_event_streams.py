"""Subscriptions by server-sent events: the protocol of graphql-sse, with the rights and limits of websockets."""

import asyncio
import functools
import json
import logging
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest

from kilowatch.web import app as wiring
from kilowatch.web.endpoint.sse import EventStreams
from store import accounts
from store.connections import connect_async
from tests.fixtures.readings import Meters, metering, reading
from tests.fixtures.server import (
    SMALL_BUFFER_BYTES,
    WITHIN_S,
    GraphQLClient,
    Server,
    add_account,
    add_panel,
    make_app,
    serving,
    token_of,
)

STREAM = "text/event-stream"
READINGS = """
subscription Live($codes: [String!], $after: Cursor) {
  panelReadings(codes: $codes, after: $after) {
    __typename
    ... on ReadingSnapshot { cursor panels { code } }
    ... on ReadingReceived { cursor reading { energyImportKwh } }
    ... on Gap { cursor reason missed }
  }
}"""
LIST = "{ viewer { subscriptions { id operation transport address } } }"
CLOSE = "mutation ($id: ID!) { closeSubscription(input: {subscriptionId: $id}) { closedId } }"


class Stream:
    """The events of one response."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()
        self.comments = 0

    async def event(self) -> tuple[str, Any]:
        """The next event and its data."""
        found: dict[str, str] = {}
        async with asyncio.timeout(WITHIN_S):
            async for line in self._lines:
                name, _, value = line.partition(":")
                self.comments += line == ":"
                if line and name:
                    found[name] = value.strip()
                if not line and "event" in found:
                    return found["event"], json.loads(found["data"] or "null")
        raise EOFError

    async def told(self) -> dict[str, Any]:
        """The value of the one field of the next answer."""
        name, body = await self.event()
        assert name == "next", name
        assert "errors" not in body, body
        return next(iter(body["data"].values()))

    async def refused(self) -> str:
        """The code of the error that ends the stream."""
        name, body = await self.event()
        assert (name, await self.event()) == ("next", ("complete", None))
        return body["errors"][0]["extensions"]["code"]


@asynccontextmanager
async def streaming(
    server: Server,
    query: str,
    *,
    account_id: int | None = None,
    token: str | None = None,
    method: str = "POST",
    accept: str = STREAM,
    **variables: Any,
) -> AsyncGenerator[Stream]:
    if account_id is not None:
        token = token_of(account_id)
    headers = {"accept": accept} | ({"authorization": f"Bearer {token}"} if token else {})
    asked: dict[str, Any] = {"json": {"query": query, "variables": variables}}
    if method == "GET":
        asked = {"params": {"query": query, "variables": json.dumps(variables)}}
    async with (
        httpx.AsyncClient(timeout=WITHIN_S) as http,
        http.stream(method, server.url, headers=headers, **asked) as response,
    ):
        yield Stream(response)


@pytest.fixture
async def meters(database_url: str) -> AsyncIterator[Meters]:
    async with metering(database_url) as opened:
        yield opened


async def resident(database_url: str) -> tuple[int, int]:
    """The id of a panel, and of an account that sees it."""
    panel = await add_panel(database_url, "P1")
    return panel, await add_account(database_url, panels=("P1",))


def with_streams(monkeypatch: pytest.MonkeyPatch, **options: Any) -> None:
    monkeypatch.setattr(wiring, "EventStreams", functools.partial(EventStreams, **options))


async def test_what_is_taken_from_a_stream_and_given_to_it_is_told(api: Server, database_url: str) -> None:
    _, account = await resident(database_url)
    async with (
        streaming(api, READINGS, account_id=account) as stream,
        await connect_async(database_url) as connection,
    ):
        assert (await stream.told())["panels"] == [{"code": "P1"}]
        await accounts.revoke(connection, account_id=account, panel_code="P1")
        assert (await stream.told())["panels"] == []
        await accounts.grant(connection, account_id=account, panel_code="P1")
        assert (await stream.told())["panels"] == [{"code": "P1"}]


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_the_state_comes_first_then_each_reading(
    api: Server, database_url: str, meters: Meters, method: str
) -> None:
    panel, account = await resident(database_url)
    async with streaming(api, READINGS, account_id=account, method=method) as stream:
        assert (stream.response.status_code, stream.response.headers["content-type"]) == (
            200,
            f"{STREAM}; charset=utf-8",
        )
        assert (await stream.told())["panels"] == [{"code": "P1"}]
        await meters.store([(panel, reading(second)) for second in (1, 2)])
        assert [(await stream.told())["reading"]["energyImportKwh"] for _ in range(2)] == [1.0, 2.0]


async def test_a_stream_that_was_cut_goes_on_where_it_was(api: Server, database_url: str, meters: Meters) -> None:
    panel, account = await resident(database_url)
    seen, after = list[float](), None
    for attempt in range(3):
        async with streaming(api, READINGS, account_id=account, after=after) as stream:
            if after is None:
                after = (await stream.told())["cursor"]
            await meters.store([(panel, reading(attempt * 10 + second)) for second in range(3)])
            while len(seen) < attempt * 4 + 3:
                told = await stream.told()
                seen.append(told["reading"]["energyImportKwh"])
                after = told["cursor"]
        await meters.store([(panel, reading(attempt * 10 + 3))])
    assert seen == [0.0, 1.0, 2.0, 3.0, 10.0, 11.0, 12.0, 13.0, 20.0, 21.0, 22.0]


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_queries_are_one_event_and_complete(bare_api: Server, method: str) -> None:
    async with streaming(bare_api, "{ __typename }", method=method) as stream:
        assert await stream.event() == ("next", {"data": {"__typename": "Query"}})
        assert await stream.event() == ("complete", None)
        with pytest.raises(EOFError):
            await stream.event()


async def test_a_get_request_changes_nothing(bare_api: Server) -> None:
    async with streaming(bare_api, "mutation { stopIngest { at } }", method="GET") as stream:
        assert (stream.response.status_code, stream.response.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
        (READINGS, "UNAUTHENTICATED"),
        ("subscription A { __typename } subscription B { __typename }", "GRAPHQL_VALIDATION_FAILED"),
    ],
)
async def test_what_is_refused_is_told_in_the_stream(bare_api: Server, document: str, code: str) -> None:
    async with streaming(bare_api, document) as stream:
        assert (stream.response.status_code, await stream.refused()) == (200, code)


async def test_who_reads_both_gets_a_stream_for_subscriptions_alone(api: Server, database_url: str) -> None:
    _, account = await resident(database_url)
    accept = f"application/graphql-response+json, {STREAM};q=0.5"
    async with streaming(api, "{ __typename }", accept=accept) as stream:
        assert stream.response.headers["content-type"].startswith("application/graphql-response+json")
    async with streaming(api, READINGS, account_id=account, accept=accept) as stream:
        assert (await stream.told())["panels"] == [{"code": "P1"}]


async def test_a_false_token_is_refused_before_the_stream(bare_api: Server) -> None:
    async with streaming(bare_api, READINGS, token="x.y.z") as stream:
        assert stream.response.status_code == 401


async def test_the_end_of_the_session_is_the_end_of_the_stream(api: Server, database_url: str) -> None:
    _, account = await resident(database_url)
    async with await connect_async(database_url) as connection:
        await connection.execute("UPDATE session SET expires_at = clock_timestamp() + interval '4 s'")
    async with streaming(api, READINGS, account_id=account) as stream:
        await stream.told()
        assert await stream.refused() == "UNAUTHENTICATED"


async def test_the_stream_of_a_removed_account_ends(api: Server, database_url: str) -> None:
    _, account = await resident(database_url)
    async with streaming(api, READINGS, account_id=account) as stream:
        await stream.told()
        async with await connect_async(database_url) as connection:
            await connection.execute("DELETE FROM account WHERE id = %s", (account,))
        assert await stream.refused() == "UNAUTHENTICATED"


async def test_silence_is_broken_by_comments(
    database_url: str, meters: Meters, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_streams(monkeypatch, ping_every_s=0.01)
    panel, account = await resident(database_url)
    async with serving(make_app(database_url)) as api, streaming(api, READINGS, account_id=account) as stream:
        await stream.told()
        async with asyncio.timeout(WITHIN_S):
            while stream.comments < 3:
                await meters.store([(panel, reading(stream.comments * 100))])
                await stream.told()


async def becomes(client: GraphQLClient, count: int) -> list[dict[str, Any]]:
    async with asyncio.timeout(WITHIN_S):
        while True:
            found = (await client.ask(LIST))["data"]["viewer"]["subscriptions"]
            if len(found) == count:
                return found
            await asyncio.sleep(0.01)


async def test_the_owner_sees_a_stream_and_closes_it(api: Server, database_url: str) -> None:
    _, account = await resident(database_url)
    async with GraphQLClient(api, account_id=account) as client:
        async with streaming(api, READINGS, account_id=account) as left:
            await left.told()
            async with streaming(api, READINGS.replace("Live", ""), account_id=account) as closed:
                await closed.told()
                newest, oldest = await becomes(client, 2)
                assert (newest["operation"], oldest["operation"]) == ("panelReadings", "Live")
                assert (newest["transport"], newest["address"]) == ("SSE", "127.0.0.1")
                await client.ask(CLOSE, id=newest["id"])
                assert await closed.refused() == "SUBSCRIPTION_CLOSED"
            assert await becomes(client, 1) == [oldest]
            metrics = (await client.http.get(f"{api.root}/metrics")).text
            assert "kilowatch_event_streams_open 1.0" in metrics
            assert "kilowatch_event_streams_opened_total 2.0" in metrics
        await becomes(client, 0)


async def test_a_stream_is_closed_from_another_server(api: Server, database_url: str) -> None:
    _, account = await resident(database_url)
    async with (
        serving(make_app(database_url)) as other,
        GraphQLClient(other, account_id=account) as client,
        streaming(api, READINGS, account_id=account) as stream,
    ):
        await stream.told()
        (found,) = await becomes(client, 1)
        await client.ask(CLOSE, id=found["id"])
        assert await stream.refused() == "SUBSCRIPTION_CLOSED"
        await becomes(client, 0)


async def test_one_account_has_so_many_streams_and_no_more(database_url: str) -> None:
    _, account = await resident(database_url)
    async with (
        serving(make_app(database_url, max_connections=1)) as api,
        GraphQLClient(api, account_id=account) as client,
    ):
        async with streaming(api, READINGS, account_id=account) as first:
            await first.told()
            async with streaming(api, READINGS, account_id=account) as second:
                assert await second.refused() == "TOO_MANY_SUBSCRIPTIONS"
        await becomes(client, 0)
        async with streaming(api, READINGS, account_id=account) as third:
            await third.told()


async def test_a_server_that_stops_ends_its_streams_without_a_fault(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    _, account = await resident(database_url)
    async with AsyncExitStack() as kept:
        with caplog.at_level(logging.WARNING):
            async with serving(make_app(database_url)) as api:
                stream = await kept.enter_async_context(streaming(api, READINGS, account_id=account))
                await stream.told()
        with pytest.raises((EOFError, httpx.RemoteProtocolError)):
            await stream.event()
    assert caplog.records == []


@asynccontextmanager
async def reading_slowly(api: Server, account: int, *, more: bytes = b"") -> AsyncGenerator[asyncio.StreamReader]:
    """The bytes of a stream to a client that keeps a few kilobytes of what it has not asked for.

    `more` is sent right after the request for the stream.
    """
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER_BYTES)
    line.connect(("127.0.0.1", api.port))
    reader, writer = await asyncio.open_connection(sock=line, limit=SMALL_BUFFER_BYTES)
    body = json.dumps({"query": READINGS}).encode()
    head = (
        "POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nAccept: text/event-stream\r\n"
        f"Authorization: Bearer {token_of(account)}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body + more)
    try:
        yield reader
    finally:
        writer.transport.abort()


async def next_data(reader: asyncio.StreamReader) -> dict[str, Any]:
    async with asyncio.timeout(WITHIN_S):
        while not (line := await reader.readline()).startswith(b"data:"):
            assert line
    return next(iter(json.loads(line[5:])["data"].values()))


async def test_a_slow_client_is_told_how_much_it_missed(database_url: str, meters: Meters) -> None:
    panel, account = await resident(database_url)
    async with (
        serving(make_app(database_url), has_small_buffers=True) as api,
        reading_slowly(api, account) as reader,
    ):
        assert (await next_data(reader))["panels"] == [{"code": "P1"}]
        for start in range(0, 4000, 1000):
            await meters.store([(panel, reading(start + more)) for more in range(1000)])
        got, missed, newest = 0, 0, -1.0
        while newest < 3999:
            told = await next_data(reader)
            if told["__typename"] == "Gap":
                assert told["reason"] == "SLOW_CLIENT"
                missed += told["missed"]
            else:
                got, newest = got + 1, told["reading"]["energyImportKwh"]
    assert missed > 0
    assert got + missed == 4000


async def test_a_request_that_waits_behind_a_stream_does_not_keep_the_server(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    _, account = await resident(database_url)
    with caplog.at_level(logging.WARNING):
        async with AsyncExitStack() as kept:
            async with serving(make_app(database_url)) as api:
                pipelined = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
                reader = await kept.enter_async_context(reading_slowly(api, account, more=pipelined))
                await next_data(reader)
            assert not (await reader.read()).strip()
    assert caplog.records == []


async def test_a_client_that_reads_nothing_is_dropped(
    database_url: str, meters: Meters, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with_streams(monkeypatch, stuck_after_s=0.2, ping_every_s=0.1)
    panel, account = await resident(database_url)
    with caplog.at_level(logging.WARNING):
        async with (
            serving(make_app(database_url), has_small_buffers=True) as api,
            reading_slowly(api, account),
            GraphQLClient(api, account_id=account) as client,
        ):
            await becomes(client, 1)
            second = 0
            async with asyncio.timeout(2 * WITHIN_S):
                while (await client.ask(LIST))["data"]["viewer"]["subscriptions"]:
                    await meters.store([(panel, reading(second + more)) for more in range(500)])
                    second += 500
    assert caplog.records == []
