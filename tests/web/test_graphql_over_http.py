"""GraphQL over HTTP: every request gets a clear answer in JSON, and no client's mistake is logged as a fault."""

import asyncio
import contextlib
import gzip
import itertools
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import brotli  # pyright: ignore[reportMissingTypeStubs]
import httpx
import pytest
import zstandard

from store import accounts
from store.connections import connect_async
from tests.fixtures.server import WITHIN_S, GraphQLClient, Server, add_account, add_panel, make_app, serving, token_of

JSON = {"content-type": "application/json"}
SPEC = {**JSON, "accept": "application/graphql-response+json"}
HELLO = b'{"query": "{ __typename }"}'


async def send(server: Server, method: str = "POST", **request: Any) -> httpx.Response:
    async with httpx.AsyncClient(timeout=WITHIN_S) as http:
        return await http.request(method, server.url, **request)


def body(query: str, **more: Any) -> bytes:
    return json.dumps({"query": query, **more}).encode()


MALFORMED: dict[str, tuple[dict[str, Any], int, str]] = {
    "text": ({"content": b'"x"', "headers": JSON}, 400, "BAD_REQUEST"),
    "null": ({"content": b"null", "headers": JSON}, 400, "BAD_REQUEST"),
    "number": ({"content": b"1", "headers": JSON}, 400, "BAD_REQUEST"),
    "batch": ({"content": b"[" + HELLO + b"]", "headers": JSON}, 400, "BAD_REQUEST"),
    "nothing": ({"content": b"", "headers": JSON}, 400, "BAD_REQUEST"),
    "half an object": ({"content": b'{"query":', "headers": JSON}, 400, "BAD_REQUEST"),
    "not UTF-8": ({"content": b'{"query": "\xff"}', "headers": JSON}, 400, "BAD_REQUEST"),
    "100,000 brackets": ({"content": b"[" * 99_000, "headers": JSON}, 400, "BAD_REQUEST"),
    "a lone surrogate": ({"content": b'{"query": "\\ud800"}', "headers": JSON}, 400, "BAD_REQUEST"),
    "no query": ({"content": b"{}", "headers": JSON}, 400, "BAD_REQUEST"),
    "empty query": ({"content": b'{"query": "  "}', "headers": JSON}, 400, "BAD_REQUEST"),
    "query of a number": ({"content": b'{"query": 5}', "headers": JSON}, 400, "BAD_REQUEST"),
    "variables of text": ({"content": body("{a}", variables="x"), "headers": JSON}, 400, "BAD_REQUEST"),
    "variables of a list": ({"content": body("{a}", variables=[]), "headers": JSON}, 400, "BAD_REQUEST"),
    "operationName of a number": ({"content": body("{a}", operationName=1), "headers": JSON}, 400, "BAD_REQUEST"),
    "extensions of text": ({"content": body("{a}", extensions="x"), "headers": JSON}, 400, "BAD_REQUEST"),
    "NUL in variables": ({"content": body("{a}", variables={"a": "\0"}), "headers": JSON}, 400, "BAD_REQUEST"),
    "NUL in the document": ({"content": body('{panel(code: "\\u0000") {code}}'), "headers": JSON}, 400, "BAD_REQUEST"),
    "NUL in braces": ({"content": body('{panel(code: "\\u{0}") {code}}'), "headers": JSON}, 400, "BAD_REQUEST"),
    "NUL after JSON": (
        {"content": b'{"query": "{panel(code: \\"\\u005cu0000\\") {code}}"}', "headers": JSON},
        400,
        "BAD_REQUEST",
    ),
    "braces after JSON": (
        {"content": b'{"query": "{panel(code: \\"\\u005Cu{00}\\") {code}}"}', "headers": JSON},
        400,
        "BAD_REQUEST",
    ),
    "digits after JSON": (
        {"content": b'{"query": "{panel(code: \\"\\\\u0\\u003000\\") {code}}"}', "headers": JSON},
        400,
        "BAD_REQUEST",
    ),
    "plain text": ({"content": HELLO, "headers": {"content-type": "text/plain"}}, 415, "UNSUPPORTED_MEDIA_TYPE"),
    "a form": ({"data": {"query": "{a}"}}, 415, "UNSUPPORTED_MEDIA_TYPE"),
    "multipart": ({"files": {"query": b"{a}"}}, 415, "UNSUPPORTED_MEDIA_TYPE"),
    "no media type": ({"content": HELLO}, 415, "UNSUPPORTED_MEDIA_TYPE"),
    "another charset": (
        {"content": HELLO, "headers": {"content-type": "application/json; charset=utf-16"}},
        415,
        "UNSUPPORTED_MEDIA_TYPE",
    ),
    "compressed": (
        {"content": gzip.compress(HELLO), "headers": {**JSON, "content-encoding": "gzip"}},
        415,
        "UNSUPPORTED_MEDIA_TYPE",
    ),
    "XML wanted": ({"content": HELLO, "headers": {**JSON, "accept": "application/xml"}}, 406, "NOT_ACCEPTABLE"),
    "JSON unwanted": (
        {"content": HELLO, "headers": {**JSON, "accept": "application/json;q=0"}},
        406,
        "NOT_ACCEPTABLE",
    ),
    "10 MB": ({"content": b" " * 10_000_000, "headers": JSON}, 413, "BODY_TOO_LARGE"),
    "another scheme": ({"content": HELLO, "headers": {**JSON, "authorization": "Basic YTpi"}}, 401, "UNAUTHENTICATED"),
    "an empty token": ({"content": HELLO, "headers": {**JSON, "authorization": "Bearer"}}, 401, "UNAUTHENTICATED"),
    "a false token": (
        {"content": b'{"query": "{ viewer { name } }"}', "headers": {**JSON, "authorization": "Bearer x.y.z"}},
        401,
        "UNAUTHENTICATED",
    ),
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_a_malformed_request_is_refused_in_json(
    bare_api: Server, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    request, status, code = MALFORMED[name]
    with caplog.at_level(logging.WARNING):
        answer = await send(bare_api, **request)
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (status, code)
    assert "data" not in answer.json()
    assert caplog.records == []


async def chunks(size: int, sent: list[int]) -> AsyncIterator[bytes]:
    while sum(sent) < size:
        sent.append(64_000)
        yield b" " * 64_000


async def test_a_long_body_without_a_length_is_refused(bare_api: Server) -> None:
    answer = await send(bare_api, content=chunks(5_000_000, []), headers=JSON)
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (413, "BODY_TOO_LARGE")


async def first_line(server: Server, sent: Iterable[bytes]) -> bytes:
    """The first line of the answer to bytes that may have no end: they are sent until it comes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    answer = asyncio.create_task(reader.readline())
    try:
        async with asyncio.timeout(WITHIN_S):
            for chunk in sent:
                writer.write(chunk)
                await writer.drain()
                await asyncio.sleep(0)
                if answer.done():
                    break
            return await answer
    finally:
        writer.transport.abort()


async def test_endless_headers_are_refused(bare_api: Server) -> None:
    head = b"GET /graphql HTTP/1.1\r\nHost: a\r\nA: "
    assert await first_line(bare_api, itertools.chain([head], itertools.repeat(b"x" * 16_000))) == (
        b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    )


async def test_a_long_address_is_refused(bare_api: Server) -> None:
    request = b"GET /graphql?query=%s HTTP/1.1\r\nHost: a\r\n\r\n" % (b"x" * 60_000)
    assert await first_line(bare_api, [request]) == b"HTTP/1.1 414 Request-URI Too Long\r\n"


async def test_several_operations_in_one_request_are_told_to_come_by_themselves(bare_api: Server) -> None:
    answer = await send(bare_api, content=b"[" + HELLO + b"," + HELLO + b"]", headers=JSON)
    assert "batches" in answer.json()["errors"][0]["message"]


async def test_an_endless_body_is_cut_off(bare_api: Server) -> None:
    sent: list[int] = []
    with contextlib.suppress(httpx.WriteError, httpx.ReadError):
        await send(bare_api, content=chunks(200_000_000, sent), headers=JSON)
    assert sum(sent) < 200_000_000


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
async def test_other_methods_are_told_which_are_allowed(bare_api: Server, method: str) -> None:
    answer = await send(bare_api, method)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")
    assert ("KILOWATCH_ALLOWED_ORIGINS" in answer.text) == (method == "OPTIONS")


REFUSED_DOCUMENTS = {
    "{": "GRAPHQL_PARSE_FAILED",
    "{ nothing }": "GRAPHQL_VALIDATION_FAILED",
    "query ($c: String!) { panel(code: $c) { code } }": "BAD_INPUT",
    "query A { __typename } query B { __typename }": "OPERATION_NOT_FOUND",
    "{" + " ".join(f"a{i}: __typename" for i in range(40)) + "}": "GRAPHQL_VALIDATION_FAILED",
    "{" + "__typename " * 2000 + "}": "GRAPHQL_VALIDATION_FAILED",
    "{" * 500: "GRAPHQL_PARSE_FAILED",
    "fragment F on Query { ...F } { ...F }": "GRAPHQL_VALIDATION_FAILED",
}


@pytest.mark.parametrize("document", REFUSED_DOCUMENTS)
async def test_a_refused_document_is_400_for_clients_that_know_the_media_type(
    bare_api: Server, document: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        answer = await send(bare_api, content=body(document), headers=SPEC)
        old = await send(bare_api, content=body(document), headers=JSON)
    assert (answer.status_code, old.status_code) == (400, 200)
    assert answer.json() == old.json()
    assert answer.json()["errors"][0]["extensions"]["code"] == REFUSED_DOCUMENTS[document]
    assert "data" not in answer.json()
    assert caplog.records == []


async def test_an_operation_is_chosen_by_its_name(bare_api: Server) -> None:
    document = "query A { a: __typename } query B { b: __typename }"
    chosen = await send(bare_api, content=body(document, operationName="B"), headers=SPEC)
    unknown = await send(bare_api, content=body(document, operationName="C"), headers=SPEC)
    assert chosen.json() == {"data": {"b": "Query"}}
    assert (unknown.status_code, unknown.json()["errors"][0]["extensions"]) == (400, {"code": "OPERATION_NOT_FOUND"})


async def test_the_media_type_is_negotiated(bare_api: Server) -> None:
    for accept, expected in [
        ("application/graphql-response+json", "application/graphql-response+json; charset=utf-8"),
        ("application/json", "application/json; charset=utf-8"),
        (
            "application/json;q=0.5, application/graphql-response+json",
            "application/graphql-response+json; charset=utf-8",
        ),
        ("*/*", "application/json; charset=utf-8"),
        ("text/html, application/*;q=0.1", "application/json; charset=utf-8"),
    ]:
        answer = await send(bare_api, content=HELLO, headers={**JSON, "accept": accept})
        assert answer.headers["content-type"] == expected


async def test_a_field_that_nobody_has_is_not_hinted_at(bare_api: Server) -> None:
    answer = await send(bare_api, content=body("{ panell { code } }"), headers=JSON)
    assert "Did you mean" not in answer.text


async def test_a_subscription_by_post_is_told_where_to_go(bare_api: Server) -> None:
    answer = await send(bare_api, content=body("subscription { panelReadings { __typename } }"), headers=JSON)
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (
        400,
        "SUBSCRIPTION_NEEDS_STREAM",
    )
    assert "graphql-transport-ws" in answer.text
    assert "text/event-stream" in answer.text


async def test_get_answers_queries_only(bare_api: Server) -> None:
    query = await send(
        bare_api,
        "GET",
        params={"query": "query ($a: Boolean!) { __typename @include(if: $a) }", "variables": '{"a": true}'},
    )
    mutation = await send(bare_api, "GET", params={"query": "mutation { stopIngest { at } }"})
    nothing = await send(bare_api, "GET")
    faulty = await send(bare_api, "GET", params={"query": "{ __typename }", "variables": "{"})
    assert query.json() == {"data": {"__typename": "Query"}}
    assert (mutation.status_code, mutation.headers["allow"]) == (405, "POST")
    subscription = await send(bare_api, "GET", params={"query": "subscription { panelReadings { __typename } }"})
    assert (subscription.status_code, "text/event-stream" in subscription.text) == (400, True)
    assert (nothing.status_code, faulty.status_code) == (400, 400)


async def test_pages_of_other_sites_cannot_send_get_requests(bare_api: Server) -> None:
    request = {"params": {"query": "{ __typename }"}}
    codes = [
        (await send(bare_api, "GET", headers={"sec-fetch-site": site}, **request)).status_code
        for site in ("cross-site", "same-site", "same-origin", "none")
    ]
    assert codes == [403, 403, 200, 200]


async def test_without_a_token_nothing_of_anybody_is_answered(api: Server, database_url: str) -> None:
    await add_panel(database_url, "P1")
    for query in ("{ panels { nodes { code } } }", '{ panel(code: "P1") { code } }', "{ viewer { email } }"):
        answer = (await send(api, content=body(query), headers=JSON)).json()
        assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert not answer.get("data") or set(answer["data"].values()) == {None}


async def test_a_token_stands_for_the_account_as_it_is_now(api: Server, database_url: str) -> None:
    await add_panel(database_url, "P1")
    account_id = await add_account(database_url)
    async with GraphQLClient(api, account_id=account_id) as client:
        assert (await client.ask("{ panels { totalCount } }"))["data"]["panels"]["totalCount"] == 0
        async with await connect_async(database_url) as connection:
            await accounts.grant(connection, account_id=account_id, panel_code="P1")
        assert (await client.ask("{ panels { totalCount } }"))["data"]["panels"]["totalCount"] == 1


async def test_a_removed_account_is_refused(api: Server, database_url: str) -> None:
    headers = {**JSON, "authorization": f"Bearer {token_of(12345)}"}
    answer = await send(api, content=b'{"query": "{ viewer { name } }"}', headers=headers)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer error="invalid_token"')


async def test_a_fault_of_ours_is_masked_and_logged_once(
    api: Server, database_url: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("a secret of ours")

    account_id = await add_account(database_url)
    async with GraphQLClient(api, account_id=account_id) as client:
        await client.ask("{ __typename }")
        monkeypatch.setattr(accounts, "panel_count", fails)
        answer = await client.ask("{ viewer { email panelCount } }")
    assert answer["errors"][0]["extensions"] == {"code": "INTERNAL"}
    assert "secret" not in json.dumps(answer)
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [ZeroDivisionError]


UNPACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "br": brotli.decompress,  # pyright: ignore[reportUnknownMemberType]
    "zstd": lambda packed: zstandard.ZstdDecompressor().decompress(packed),
}


async def raw(server: Server, content: bytes, coding: str) -> tuple[httpx.Headers, bytes]:
    """The headers and the bytes of an answer as they come."""
    headers = {**JSON, "accept-encoding": coding}
    async with (
        httpx.AsyncClient(timeout=WITHIN_S) as http,
        http.stream("POST", server.url, content=content, headers=headers) as answer,
    ):
        return answer.headers, b"".join([chunk async for chunk in answer.aiter_raw()])


@pytest.mark.parametrize("coding", UNPACK)
@pytest.mark.parametrize("fields", ["name description", "name description fields { name description }"])
async def test_long_answers_are_compressed_for_who_can_read_it(bare_api: Server, coding: str, fields: str) -> None:
    query = body(f"{{ __schema {{ types {{ {fields} }} }} }}")
    plain_headers, plain = await raw(bare_api, query, "identity")
    headers, packed = await raw(bare_api, query, coding)
    assert "content-encoding" not in plain_headers
    assert (headers["content-encoding"], headers["vary"]) == (coding, "Accept, Accept-Encoding")
    assert int(headers["content-length"]) == len(packed) < len(plain) / 2
    assert UNPACK[coding](packed) == plain


async def test_short_answers_stay_as_they_are(bare_api: Server) -> None:
    headers, plain = await raw(bare_api, HELLO, "zstd, br, gzip")
    assert "content-encoding" not in headers
    assert plain == b'{"data":{"__typename":"Query"}}'


async def test_allowed_origins_and_no_others_may_read_answers(database_url: str) -> None:
    app = make_app(database_url, allowed_origins=["https://app.example.org"])
    preflight = {
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,x-apollo-operation-name",
    }
    async with serving(app) as api:
        answer = await send(api, content=HELLO, headers={**JSON, "origin": "https://app.example.org"})
        assert "RateLimit" in answer.headers["access-control-expose-headers"]
        for origin, status in [("https://app.example.org", 200), ("https://evil.example.org", 400)]:
            answer = await send(api, "OPTIONS", headers={"origin": origin, **preflight})
            assert answer.status_code == status
            assert (answer.headers.get("access-control-allow-origin") == origin) == (status == 200)


async def test_an_unknown_value_of_an_enum_is_told_the_values_that_there_are(bare_api: Server) -> None:
    document = "query ($status: PanelStatus) { panels(filter: {status: $status}) { totalCount } }"
    answer = await send(bare_api, content=body(document, variables={"status": "AWAY"}), headers=JSON)
    assert "Accepted: ONLINE, OFFLINE." in answer.json()["errors"][0]["message"]


MALFORMED_SCALARS: list[tuple[str, dict[str, Any], tuple[str, str, int]]] = [
    ('{ panel(code: "X") { readings(from: "2026-11-20") { count } } }', {}, ("BAD_DATETIME", "from", 37)),
    ('{ devices(after: "a b") { totalCount } }', {}, ("BAD_CURSOR", "after", 18)),
    (
        'mutation { recordBalance(input: {panelCode: "X", shownKwh: "x"}) { refusal { code } } }',
        {},
        ("BAD_DECIMAL", "input.shownKwh", 60),
    ),
    (
        'query ($d: DateTime = "x") { panel(code: "X") { tariff(at: $d) { name } } }',
        {},
        ("BAD_DATETIME", "d", 23),
    ),
    (
        'query ($d: DateTime) { panel(code: "X") { tariff(at: $d) { name } } }',
        {"d": "x"},
        ("BAD_DATETIME", "d", 8),
    ),
    (
        "mutation ($input: RecordBalanceInput!) { recordBalance(input: $input) { refusal { code } } }",
        {"input": {"panelCode": "X", "shownKwh": "x"}},
        ("BAD_DECIMAL", "input.shownKwh", 11),
    ),
]


@pytest.mark.parametrize(("document", "variables", "told"), MALFORMED_SCALARS)
async def test_a_malformed_scalar_is_told_once_with_its_place(
    bare_api: Server, document: str, variables: dict[str, Any], told: tuple[str, str, int]
) -> None:
    code, field, column = told
    answer = await send(bare_api, content=body(document, variables=variables), headers=JSON)
    (error,) = answer.json()["errors"]
    assert error["extensions"] == {"code": code, "field": field}
    assert error["locations"] == [{"line": 1, "column": column}]


async def test_json_that_is_nested_too_deeply_is_told_so(bare_api: Server) -> None:
    answer = await send(bare_api, content=b"[" * 2000 + b"]" * 2000, headers=JSON)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["message"] == "The request is nested too deeply."


async def test_a_closed_schema_gives_no_names_away(database_url: str) -> None:
    async with serving(make_app(database_url, introspection=False)) as api:
        for document in ("{ panels(frist: 1) { totalCount } }", "query ($r: Rang) { __typename }", "{ pannels }"):
            answer = await send(api, content=body(document), headers=JSON)
            assert "mean" not in answer.json()["errors"][0]["message"]


async def test_introspection_can_be_turned_off(database_url: str) -> None:
    async with serving(make_app(database_url, introspection=False)) as api:
        answer = await send(api, content=body("{ __schema { types { name } } }"), headers=JSON)
    assert answer.json()["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
