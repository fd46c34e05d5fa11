"""Clients are charged for what they ask, told what they have left, and refused clearly once it is too much."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql

from kilowatch.web.endpoint.http_protocol import MAX_HEAD_BYTES
from kilowatch.web.endpoint.operations import MAX_ADDRESS_BYTES, MAX_BODY_BYTES
from kilowatch.web.engine.admission import Bounds
from metering.access import Role
from resolvers.codes import error_codes
from tests.fixtures.database import cloned
from tests.fixtures.server import GraphQLClient, Server, add_account, add_panel, make_app, serving, speaking, token_of

WIDE = "{ panels(first: 500) { nodes { usage(step: MINUTE, range: LAST_7D) { energyKwh cost } } } }"
RATE = "{ rateLimit { cost limit remaining resetAt } }"
A_MINUTE = 20_000


class Small(Server):
    """A server with small budgets, and the account that asks it."""

    account_id: int = 0


@pytest.fixture(scope="module")
async def small(server_url: str, server: psycopg.Connection, template: sql.Identifier) -> AsyncIterator[Small]:
    with cloned(server_url, server, template) as url:
        async with serving(make_app(url, bounds=Bounds(max_cost=6_500, cost_per_minute=A_MINUTE))) as running:
            found = Small(running.app, running.port)
            found.account_id = await add_account(url, role=Role.ADMIN)
            await add_panel(url, "PM")
            yield found


async def post(server: Server, document: str, /, *, account_id: int | None = None, **variables: Any) -> httpx.Response:
    headers = {"Accept": "application/graphql-response+json"}
    if account_id is not None:
        headers["Authorization"] = f"Bearer {token_of(account_id)}"
    async with httpx.AsyncClient() as http:
        return await http.post(server.url, json={"query": document, "variables": variables}, headers=headers)


def refusal_of(answer: httpx.Response) -> dict[str, Any]:
    (error,) = answer.json()["errors"]
    assert "data" not in answer.json()
    return {**error["extensions"], "message": error["message"]}


async def test_an_operation_that_costs_too_much_is_not_run_and_told_what_makes_it_dear(small: Small) -> None:
    answer = await post(small, WIDE, account_id=small.account_id)
    refused = refusal_of(answer)
    assert (answer.status_code, refused["code"], refused["maxCost"]) == (400, "COST_TOO_HIGH", 6_500)
    assert refused["cost"] > 6_500
    assert refused["dearest"] == "panels.nodes.usage"
    assert "panels.nodes.usage: ask for fewer items, points or buckets" in refused["message"]


async def test_an_operation_tells_what_it_cost_and_what_is_left_in_its_data_and_its_headers(small: Small) -> None:
    answer = await post(small, RATE, account_id=small.account_id)
    told = answer.json()["data"]["rateLimit"]
    assert told["limit"] == A_MINUTE
    assert 0 < told["cost"] <= A_MINUTE - told["remaining"]
    assert datetime.fromisoformat(told["resetAt"]).tzinfo is not None
    assert answer.headers["ratelimit-policy"] == f'"points";q={A_MINUTE};w=60'
    assert answer.headers["ratelimit"].startswith(f'"points";r={told["remaining"]};t=')


async def test_who_has_not_signed_in_has_a_tenth_of_a_budget_of_the_address(small: Small) -> None:
    anonymous = (await post(small, RATE)).json()["data"]["rateLimit"]
    assert anonymous["limit"] == A_MINUTE // 10
    limits = "{ limits { request { costPerMinute maxCost } } }"
    assert (await post(small, limits)).json()["data"]["limits"]["request"]["costPerMinute"] == A_MINUTE // 10
    signed_in = (await post(small, limits, account_id=small.account_id)).json()["data"]["limits"]["request"]
    assert signed_in == {"costPerMinute": A_MINUTE, "maxCost": 6_500}


@pytest.fixture
async def spent(database_url: str) -> AsyncIterator[Small]:
    """A server whose account has nothing left, and whose clock stands still, so that nothing comes back."""
    at, bounds = datetime.now(UTC), Bounds(max_cost=6_500, cost_per_minute=2_000)
    async with serving(make_app(database_url, bounds=bounds, now=lambda: at)) as running:
        found = Small(running.app, running.port)
        found.account_id = await add_account(database_url, role=Role.ADMIN)
        first = await post(found, "{ panels(first: 500) { nodes { code name } } }", account_id=found.account_id)
        while (answer := await post(found, RATE, account_id=found.account_id)).status_code == 200:
            assert answer.json()["data"]["rateLimit"]["remaining"] < 2_000
        assert first.status_code == 200
        yield found


async def test_a_spent_budget_is_refused_with_429_and_when_to_come_back(spent: Small) -> None:
    answer = await post(spent, RATE, account_id=spent.account_id)
    refused = refusal_of(answer)
    assert (answer.status_code, refused["code"]) == (429, "RATE_LIMITED")
    assert int(answer.headers["retry-after"]) == refused["retryAfterS"] > 0
    assert f"Try again in {refused['retryAfterS']} s" in refused["message"]
    assert answer.headers["ratelimit"].startswith('"points";r=')


async def test_a_spent_budget_is_refused_with_429_in_plain_json_too(spent: Small) -> None:
    headers = {"Authorization": f"Bearer {token_of(spent.account_id)}", "Accept": "application/json"}
    async with httpx.AsyncClient() as http:
        answer = await http.post(spent.url, json={"query": RATE}, headers=headers)
    assert (answer.status_code, refusal_of(answer)["code"]) == (429, "RATE_LIMITED")


async def test_a_spent_budget_is_an_error_for_that_id_on_a_websocket_which_stays_open(spent: Small) -> None:
    async with speaking(spent, account_id=spent.account_id) as client:
        for query in (RATE, "subscription { panelStatus { __typename } }"):
            message = await client.message(await client.subscribe(query))
            assert message["type"] == "error"
            assert message["payload"][0]["extensions"]["code"] == "RATE_LIMITED"


async def test_one_client_that_has_spent_everything_takes_nothing_from_others(spent: Small) -> None:
    assert (await post(spent, "{ __typename }")).status_code == 200


async def test_without_a_budget_nothing_is_limited_and_costs_are_still_told(database_url: str) -> None:
    async with serving(make_app(database_url, bounds=Bounds(cost_per_minute=0))) as running:
        answer = await post(
            running, "{ rateLimit { cost limit remaining resetAt } limits { request { costPerMinute } } }"
        )
    told = answer.json()["data"]
    assert told["rateLimit"].pop("cost") > 0
    assert told == {
        "rateLimit": {"limit": None, "remaining": None, "resetAt": None},
        "limits": {"request": {"costPerMinute": None}},
    }
    assert "ratelimit" not in answer.headers


async def test_the_limits_can_be_asked_for_without_signing_in(small: Small) -> None:
    query = """{ limits {
        request {
            tokens depth aliases bodyBytes addressBytes socketMessageBytes operationsPerSocket
            connectionsPerAccount subscriptionsPerAccount maxCost
        }
        pageSize seriesPoints seriesPointsByDefault seriesBuckets pointValues answerPoints periodYears days
        nodeIds filterCodes searchCharacters subscriptionCodes heartbeatS
    } }"""
    found = (await post(small, query)).json()["data"]["limits"]
    assert found.pop("request") == {
        "tokens": 1000, "depth": 12, "aliases": 30, "bodyBytes": 100_000, "addressBytes": 60_000,
        "socketMessageBytes": 65_536, "operationsPerSocket": 50, "connectionsPerAccount": 200,
        "subscriptionsPerAccount": 1000, "maxCost": 6_500,
    }  # fmt: skip
    assert found == {
        "pageSize": 500, "seriesPoints": 20_000, "seriesPointsByDefault": 10_000, "seriesBuckets": 10_000,
        "pointValues": 150_000, "answerPoints": 500_000, "periodYears": 10, "days": 1830, "nodeIds": 100,
        "filterCodes": 500, "searchCharacters": 100, "subscriptionCodes": 1000, "heartbeatS": 300.0,
    }  # fmt: skip


PRICE = """query ($query: String!, $variables: JSON, $name: String) {
    queryCost(query: $query, variables: $variables, operationName: $name) {
        cost maxCost isAllowed dearest parts { field cost }
    }
}"""


async def test_the_cost_of_an_operation_is_told_without_running_it(small: Small) -> None:
    dear = (await post(small, PRICE, query=WIDE)).json()["data"]["queryCost"]
    assert (dear["isAllowed"], dear["maxCost"], dear["dearest"]) == (False, 6_500, "panels.nodes.usage")
    several = "query A { __typename } query B($n: Int) { panels(first: $n) { nodes { code } } }"
    costs = [
        (await post(small, PRICE, query=several, name="B", variables={"n": n})).json()["data"]["queryCost"]["cost"]
        for n in (10, 100)
    ]
    assert costs[0] < costs[1]


async def test_what_is_told_beforehand_is_what_is_charged(small: Small) -> None:
    (told,) = [(await post(small, PRICE, query=RATE)).json()["data"]["queryCost"]["cost"]]
    assert (await post(small, RATE)).json()["data"]["rateLimit"]["cost"] == told


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"query": "{ nothing }"}, "BAD_QUERY"),
        ({"query": "{"}, "BAD_QUERY"),
        ({"query": "query A { __typename } query B { __typename }"}, "BAD_QUERY"),
        ({"query": RATE, "name": "Missing"}, "BAD_QUERY"),
        ({"query": RATE, "variables": [1]}, "BAD_INPUT"),
    ],
)
async def test_the_cost_of_what_cannot_be_run_is_refused_with_the_reason(
    small: Small, given: dict[str, Any], code: str
) -> None:
    answer = (await post(small, PRICE, account_id=small.account_id, **given)).json()
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == code
    assert error["message"]


async def test_a_subscription_is_charged_when_it_begins(database_url: str) -> None:
    at = datetime.now(UTC)
    account_id = await add_account(database_url, role=Role.ADMIN)
    async with (
        serving(make_app(database_url, now=lambda: at)) as running,  # what is spent does not come back
        GraphQLClient(running, account_id=account_id) as http,
        speaking(running, account_id=account_id) as socket,
    ):
        before = (await http.ask(RATE))["data"]["rateLimit"]
        await socket.event(await socket.subscribe("subscription { panelStatus { __typename } }"))
        after = (await http.ask(RATE))["data"]["rateLimit"]
    assert after["remaining"] < before["remaining"] - after["cost"]


async def test_questions_about_the_schema_are_answered_once_for_each_document_and_its_variables(small: Small) -> None:
    named = "query ($name: String!) { __type(name: $name) { name kind } }"
    answers = [(await post(small, named, name=name)).json()["data"]["__type"] for name in ("Panel", "Range", "Panel")]
    assert [answer["kind"] for answer in answers] == ["OBJECT", "ENUM", "OBJECT"]
    whole = "{ __schema { queryType { name } types { name } } }"
    first, second = [(await post(small, whole, account_id=small.account_id)).json() for _ in range(2)]
    assert first == second
    assert first["data"]["__schema"]["queryType"] == {"name": "Query"}


async def test_documents_that_cannot_be_run_are_charged_too_and_then_not_even_read(spent: Small) -> None:
    codes = [
        refusal_of(await post(spent, "{ nothing }", account_id=spent.account_id))["code"] for _ in range(3)
    ]  # fmt: skip
    assert codes[0] == "GRAPHQL_VALIDATION_FAILED"
    assert codes[-1] == "RATE_LIMITED"
    async with speaking(spent, account_id=spent.account_id) as client:
        message = await client.message(await client.subscribe("{ nothing }"))
        assert message["payload"][0]["extensions"]["code"] == "RATE_LIMITED"


def test_codes_tell_the_limits_that_the_server_has() -> None:
    (too_large,) = [code for code in error_codes() if code.code == "BODY_TOO_LARGE"]
    assert re.findall(r"[0-9,]+[0-9]", too_large.help) == [
        f"{limit:,}" for limit in (MAX_BODY_BYTES, MAX_ADDRESS_BYTES, MAX_HEAD_BYTES)
    ]
