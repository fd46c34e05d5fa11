"""Documents that clients name by their hashes, and servers that run the documents of a list alone."""

import json
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from kilowatch.web.engine import persisted
from kilowatch.web.engine.documents import DocumentError, Documents, rules
from kilowatch.web.engine.engine import core_of
from kilowatch.web.engine.operation import Operation
from kilowatch.web.engine.persisted import Persisted, TrustedDocumentsError, trusted_documents
from schema.contract import build_schema
from tests.fixtures.server import WITHIN_S, Server, make_app, serving, speaking

HELLO = "query Hello { __typename }"
TWO = "query A { a: __typename } query B { b: __typename }"
SCHEMA = core_of(build_schema())


def hash_of(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def named(text: str, **more: Any) -> dict[str, Any]:
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": hash_of(text), **more}}}


def fresh() -> Documents:
    return Documents(SCHEMA, rules(introspection=True))


async def post(server: Server, **body: Any) -> dict[str, Any]:
    async with httpx.AsyncClient(timeout=WITHIN_S) as http:
        answer = await http.post(server.url, json=body)
        assert answer.status_code == 200
        return answer.json()


async def get(server: Server, **parameters: Any) -> httpx.Response:
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in parameters.items()}
    async with httpx.AsyncClient(timeout=WITHIN_S) as http:
        return await http.get(server.url, params=texts)


def code(answer: dict[str, Any]) -> str:
    assert "data" not in answer
    return answer["errors"][0]["extensions"]["code"]


@pytest.fixture
async def fresh_api(database_url: str) -> AsyncIterator[Server]:
    async with serving(make_app(database_url)) as running:
        yield running


async def test_a_document_is_sent_once_and_then_named(fresh_api: Server) -> None:
    unknown = await post(fresh_api, **named(HELLO))
    assert (unknown["errors"][0]["message"], code(unknown)) == ("PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND")
    assert await post(fresh_api, query=HELLO, **named(HELLO)) == {"data": {"__typename": "Query"}}
    assert await post(fresh_api, **named(HELLO)) == {"data": {"__typename": "Query"}}
    by_address = await get(fresh_api, **named(HELLO))
    assert (by_address.json(), by_address.headers["cache-control"]) == ({"data": {"__typename": "Query"}}, "no-store")
    assert await post(fresh_api, documentId=f"sha256:{hash_of(HELLO)}") == {"data": {"__typename": "Query"}}


async def test_a_document_is_named_over_a_websocket_too(fresh_api: Server) -> None:
    async with speaking(fresh_api) as client:
        operation = await client.subscribe(HELLO)
        assert (await client.message(operation))["type"] == "next"
        for query, expected in (("", "error"), (HELLO, "next"), ("", "next")):
            operation = await client.operate(query=query, **named(HELLO))
            assert (await client.message(operation))["type"] == expected


async def test_a_named_operation_of_a_document_is_run(fresh_api: Server) -> None:
    assert await post(fresh_api, query=TWO, operationName="A", **named(TWO)) == {"data": {"a": "Query"}}
    assert await post(fresh_api, operationName="B", **named(TWO)) == {"data": {"b": "Query"}}


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "another hash": ({"query": HELLO, **named("{ other }")}, "PERSISTED_QUERY_MISMATCH"),
    "capitals": ({"query": HELLO, **named(HELLO, sha256Hash=hash_of(HELLO).upper())}, "PERSISTED_QUERY_MISMATCH"),
    "another version": ({"query": HELLO, **named(HELLO, version=2)}, "PERSISTED_QUERY_NOT_SUPPORTED"),
    "no version": ({"extensions": {"persistedQuery": {}}}, "PERSISTED_QUERY_NOT_SUPPORTED"),
    "a name of text": ({"extensions": {"persistedQuery": "x"}}, "PERSISTED_QUERY_NOT_SUPPORTED"),
    "a hash of a number": (named(HELLO, sha256Hash=1), "BAD_REQUEST"),
    "an unknown id": ({"documentId": "nobody's"}, "PERSISTED_QUERY_NOT_FOUND"),
    "a mistaken document": ({"query": "{ nothing }", **named("{ nothing }")}, "GRAPHQL_VALIDATION_FAILED"),
    "half a document": ({"query": "{", **named("{")}, "GRAPHQL_PARSE_FAILED"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_is_named_otherwise_is_refused_and_not_kept(bare_api: Server, name: str) -> None:
    body, expected = REFUSED[name]
    assert code(await post(bare_api, **body)) == expected
    if body.get("query") and expected != "PERSISTED_QUERY_NOT_SUPPORTED":
        assert code(await post(bare_api, **{**body, "query": ""})) == "PERSISTED_QUERY_NOT_FOUND"


def operation_of(text: str, *, is_sent: bool) -> Operation:
    return Operation(query=text if is_sent else "", extensions=named(text)["extensions"])


def is_known(kept: Persisted, text: str) -> bool:
    try:
        kept.prepared(operation_of(text, is_sent=False))
    except DocumentError:
        return False
    return True


@pytest.mark.parametrize(("limit", "value"), [("MAX_KEPT", 2), ("MAX_KEPT_CHARACTERS", 60)])
def test_the_document_that_was_not_used_for_longest_is_forgotten(
    monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    monkeypatch.setattr(persisted, limit, value)
    kept = Persisted(fresh())
    first, second, third = (f"query Number{n} {{ __typename }}" for n in range(3))
    kept.prepared(operation_of(first, is_sent=True))
    kept.prepared(operation_of(second, is_sent=True))
    assert is_known(kept, first)
    kept.prepared(operation_of(third, is_sent=True))
    assert [is_known(kept, text) for text in (first, second, third)] == [True, False, True]


@pytest.fixture
async def closed_api(database_url: str, tmp_path: Path) -> AsyncIterator[Server]:
    path = tmp_path / "persisted-documents.json"
    path.write_text(json.dumps({hash_of(HELLO): HELLO, "two": TWO}))
    async with serving(make_app(database_url, trusted_documents=path)) as running:
        yield running


async def test_a_trusted_document_is_run_by_any_of_its_names(closed_api: Server) -> None:
    expected = {"data": {"__typename": "Query"}}
    assert await post(closed_api, **named(HELLO)) == expected
    assert await post(closed_api, documentId=hash_of(HELLO)) == expected
    assert await post(closed_api, documentId=f"sha256:{hash_of(HELLO)}") == expected
    assert await post(closed_api, query=HELLO) == expected
    assert await post(closed_api, documentId="two", operationName="B") == {"data": {"b": "Query"}}
    assert (await get(closed_api, documentId="two", operationName="A")).json() == {"data": {"a": "Query"}}


async def test_nothing_else_is_run_where_documents_must_be_trusted(closed_api: Server) -> None:
    other = "{ __typename }"
    for body in ({"query": other}, {"query": other, **named(other)}, named(other), {"documentId": "three"}):
        assert code(await post(closed_api, **body)) == "DOCUMENT_NOT_TRUSTED"
    assert code(await post(closed_api, query=other, **named(HELLO))) == "DOCUMENT_NOT_TRUSTED"
    async with speaking(closed_api) as client:
        operation = await client.subscribe("subscription { panelReadings { __typename } }")
        message = await client.message(operation)
        assert message["payload"][0]["extensions"]["code"] == "DOCUMENT_NOT_TRUSTED"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "is no JSON object of documents"),
        (b"[]", "is no JSON object of documents"),
        (b'{"a": 1}', "is no JSON object of documents"),
        (b"\xff", "is no JSON object of documents"),
        (b"{}", "holds no document"),
        (b'{"a": "{ nothing }"}', "document a cannot be run: Cannot query field"),
        (b'{"a": "{"}', "document a cannot be run: Syntax Error"),
        (json.dumps({hash_of("x"): HELLO}).encode(), "has another SHA-256 than its name says"),
    ],
)
def test_a_list_that_cannot_be_used_says_why(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "documents.json"
    path.write_bytes(content)
    with pytest.raises(TrustedDocumentsError, match=words):
        trusted_documents(path, fresh())


def test_a_list_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(TrustedDocumentsError, match="cannot be read: No such file"):
        trusted_documents(tmp_path / "documents.json", fresh())
