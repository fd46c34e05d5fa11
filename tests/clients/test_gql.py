"""The Python client gql does what docs/clients.md shows, against a running server."""

from contextlib import aclosing
from typing import Any

import pytest
from gql.transport.exceptions import TransportQueryError

from tests.clients.examples.ask import ask, events, sign_in
from tests.clients.house import ADMIN, PASSWORD, TENANT, House

LIVE = """subscription Live($codes: [String!], $after: Cursor) {
  panelReadings(codes: $codes, after: $after) {
    __typename
    ... on ReadingSnapshot { cursor }
    ... on ReadingReceived { cursor reading { energyImportKwh } }
    ... on Heartbeat { cursor }
    ... on Gap { cursor reason }
  }
}"""


async def heard(house: House, *, readings: int, after: str | None) -> tuple[list[float], list[dict[str, Any]]]:
    """The registers of so many readings, and all events up to the last of them."""
    token = await sign_in(house.server.url, email=ADMIN, password=PASSWORD)
    told: list[dict[str, Any]] = []
    registers: list[float] = []
    stream = events(house.server.socket_url, LIVE, token=token, codes=["FLOOR_1"], after=after)
    async with aclosing(stream):
        async for data in stream:
            told.append(data["panelReadings"])
            if told[-1]["__typename"] == "ReadingReceived":
                registers.append(told[-1]["reading"]["energyImportKwh"])
            if len(registers) == readings:
                break
    return registers, told


async def test_a_query_pages_through_a_list(house: House) -> None:
    query = """query ($after: Cursor) {
      panels(first: 4, after: $after) { nodes { code } pageInfo { hasNextPage endCursor } }
    }"""
    token = await sign_in(house.server.url, email=ADMIN, password=PASSWORD)
    codes: list[str] = []
    page: dict[str, Any] = {"hasNextPage": True, "endCursor": None}
    while page["hasNextPage"]:
        answer = await ask(house.server.url, query, token=token, after=page["endCursor"])
        codes += [node["code"] for node in answer["panels"]["nodes"]]
        page = answer["panels"]["pageInfo"]
    assert codes == ["FLAT_1", "FLOOR_1", "FLOOR_2", "FLOOR_3", "FLOOR_4", "FLOOR_5"]


async def test_a_refused_mutation_is_data(house: House) -> None:
    mutation = """mutation ($input: RecordBalanceInput!) {
      recordBalance(input: $input) { entry { id } refusal { code field } }
    }"""
    token = await sign_in(house.server.url, email=TENANT, password=PASSWORD)
    asked = {"panelCode": "FLOOR_1", "shownKwh": "12", "idempotencyKey": "a-key-of-one-balance"}
    answer = await ask(house.server.url, mutation, token=token, input=asked)
    assert answer["recordBalance"] == {"entry": None, "refusal": {"code": "PANEL_NOT_FOUND", "field": "panelCode"}}


async def test_an_error_has_its_code_in_the_extensions(house: House) -> None:
    token = await sign_in(house.server.url, email=TENANT, password=PASSWORD)
    with pytest.raises(TransportQueryError) as raised:
        await ask(house.server.url, '{ panel(code: "FLAT_1") { readings(maxPoints: 1) { count } } }', token=token)
    assert [error["extensions"]["code"] for error in raised.value.errors or []] == ["BAD_MAX_POINTS"]


async def test_a_wrong_password_is_told_by_its_code(house: House) -> None:
    with pytest.raises(PermissionError, match="BAD_CREDENTIALS"):
        await sign_in(house.server.url, email="nobody@example.org", password="wrong")


async def test_a_second_connection_goes_on_where_the_first_stopped(house: House) -> None:
    first, told = await heard(house, readings=3, after=None)
    second, told_later = await heard(house, readings=3, after=told[-1]["cursor"])
    assert told[0]["__typename"] == "ReadingSnapshot"
    assert {event["__typename"] for event in told_later} <= {"ReadingReceived", "Heartbeat"}
    assert first + second == [first[0] + number for number in range(6)]
