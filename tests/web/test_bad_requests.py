"""Requests that cannot be met over HTTP: refused with a code, and words that say what is accepted."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import psycopg
import pytest
from graphql import get_introspection_query
from psycopg import sql

from metering.access import Role
from tests.fixtures.database import cloned
from tests.fixtures.server import WITHIN_S, Server, add_account, add_panel, make_app, serving, token_of


@pytest.fixture(scope="module")
async def asked(
    server_url: str, server: psycopg.Connection, template: sql.Identifier
) -> AsyncIterator[tuple[Server, httpx.AsyncClient]]:
    """A server, and a client that asks it as an admin."""
    with cloned(server_url, server, template) as url:
        async with serving(make_app(url)) as running:
            token = token_of(await add_account(url, role=Role.ADMIN))
            await add_panel(url, "PM")
            headers = {
                "Authorization": f"Bearer {token}",
                "Accept": "application/graphql-response+json",
                "Content-Type": "application/json",
            }
            async with httpx.AsyncClient(headers=headers, timeout=WITHIN_S) as client:
                yield running, client


def query(text: str, **others: Any) -> bytes:
    return json.dumps({"query": text, **others}).encode()


USAGE = '{ panel(code: "PM") { usage(%s) { energyKwh } } }'
DOUBLING = " ".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(40))

REFUSED: dict[str, tuple[bytes, int, str, str]] = {
    "2,000 aliases": (
        query("{" + " ".join(f"a{n}: __typename" for n in range(2000)) + "}"),
        400, "GRAPHQL_VALIDATION_FAILED", "more than 1000 tokens",
    ),
    "31 aliases": (
        query("{" + " ".join(f"a{n}: __typename" for n in range(31)) + "}"),
        400, "GRAPHQL_VALIDATION_FAILED", "Allowed: 30",
    ),
    "13 levels": (
        query("{ panels { nodes " + "{ device { panels " * 6 + "{ code }" + " } }" * 6 + " } }"),
        400, "GRAPHQL_VALIDATION_FAILED", "exceeds the depth of 12",
    ),
    "a body of 10 MB": (b'{"query": "' + b"x" * 10_000_000 + b'"}', 413, "BODY_TOO_LARGE", "100,000 bytes"),
    "JSON 49,000 deep": (b'{"query":' + b"[" * 49_000 + b"]" * 49_000 + b"}", 400, "BAD_REQUEST", "nested too deeply"),
    "JSON 1,000 deep": (
        b'{"query": "{ __typename }", "variables":' + b"[" * 1000 + b"]" * 1000 + b"}", 400, "BAD_REQUEST", "variables",
    ),
    "a document 10,000 deep": (query("{a" * 10_000 + "}" * 10_000), 400, "GRAPHQL_PARSE_FAILED", "nested too deeply"),
    "3,000 directives": (
        query("{ __typename " + "@skip(if: false) " * 3000 + "}"),
        400, "GRAPHQL_VALIDATION_FAILED", "more than 1000 tokens",
    ),
    "fragments in a circle": (
        query("{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }"),
        400, "GRAPHQL_VALIDATION_FAILED", "itself",
    ),
    "the schema 41 levels deep": (
        query("{ __schema { types { " + "ofType { " * 40 + "name" + " }" * 40 + " } } }"),
        400, "GRAPHQL_VALIDATION_FAILED", "exceeds the depth of 40 in the schema",
    ),
    "one field 32 times": (
        query("{" + " __typename" * 32 + "}"), 400, "GRAPHQL_VALIDATION_FAILED", "Allowed: 30",
    ),
    "an unknown operation": (
        query("query A { __typename }", operationName="B"), 400, "OPERATION_NOT_FOUND", "no operation named B",
    ),
    "a subscription by plain POST": (
        query("subscription { panelStatus { __typename } }"), 400, "SUBSCRIPTION_NEEDS_STREAM", "graphql-transport-ws",
    ),
    "a variable of the wrong type": (
        query("query ($n: Int!) { panels(first: $n) { totalCount } }", variables={"n": "ten"}),
        400, "BAD_INPUT", "Int cannot represent",
    ),
    "from after to": (
        query(USAGE % 'step: HOUR, from: "2026-03-02T00:00:00Z", to: "2026-03-01T00:00:00Z"'),
        200, "BAD_RANGE", "`from` must be before `to`",
    ),
    "twenty years": (
        query(USAGE % 'step: YEAR, from: "2006-01-01T00:00:00Z", to: "2026-01-01T00:00:00Z"'),
        200, "BAD_RANGE", "ten years at the most",
    ),
    "525,600 buckets": (query(USAGE % "step: MINUTE, range: LAST_1Y"), 200, "TOO_MANY_BUCKETS", "use HOUR or longer"),
    "10,000 buckets of 500 panels": (
        query("{ panels(first: 500) { nodes { usage(step: MINUTE, range: LAST_7D) { energyKwh } } } }"),
        400, "COST_TOO_HIGH", "Most of that is for panels.nodes.usage: ask for fewer",
    ),
    "an endless page": (query("{ panels(first: 2147483647) { totalCount } }"), 200, "BAD_INPUT", "1 to 500"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
async def test_it_is_refused_with_a_code_and_what_is_accepted(
    asked: tuple[Server, httpx.AsyncClient], name: str
) -> None:
    server, client = asked
    body, status, code, words = REFUSED[name]
    answer = await client.post(server.url, content=body)
    error = answer.json()["errors"][0]
    assert (answer.status_code, error["extensions"]["code"]) == (status, code), error
    assert words in error["message"]


async def test_fragments_that_double_forty_times_are_answered(asked: tuple[Server, httpx.AsyncClient]) -> None:
    server, client = asked
    document = "{ ...F0 } " + DOUBLING + " fragment F40 on Query { __typename }"
    answer = await client.post(server.url, content=query(document))
    assert answer.json() == {"data": {"__typename": "Query"}}


async def test_what_tools_ask_of_the_schema_is_answered(asked: tuple[Server, httpx.AsyncClient]) -> None:
    server, client = asked
    whole = get_introspection_query(input_value_deprecation=True, directive_is_repeatable=True)
    assert "errors" not in (await client.post(server.url, content=query(whole))).json()
