"""Operations that schemathesis makes up from the schema: every answer is data or a coded error, none is a fault."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg import sql
from schemathesis.config import SchemathesisConfig
from schemathesis.graphql import nodes

from store.connections import Row, connect_async
from tests.clients.house import ADMIN, TENANT, House, furnished
from tests.fixtures.database import cloned
from tests.fixtures.server import token_of

EXAMPLES = 5
WITHIN_S = 60
CODES = Path(__file__).parents[2] / "docs" / "errors.md"
NEAR = {"dictionary": "codes", "probability": 0.6}
CONFIG: dict[str, Any] = {
    "dictionaries": {"codes": {"values": ["FLAT_1", "FLOOR_1", "FLOOR_2"]}, "ids": {"values": ["1", "2"]}},
    "parameters": {
        "*.*.code": NEAR,
        "*.*.codes[*]": NEAR,
        "*.*.input.panelCode": NEAR,
        "*.*.id": {"dictionary": "ids", "probability": 0.5},
    },
}
TIMES = [
    "2026-11-01T00:00:00+01:00",
    "2026-11-02T00:00:00Z",
    "2026-11-20T12:00:00.5+07:00",
    "1990-01-01T00:00:00Z",
    "no",
]
SCALARS: dict[str, st.SearchStrategy[str]] = {
    "DateTime": st.sampled_from(TIMES),
    "Date": st.sampled_from(["2026-11-01", "2026-13-01"]),
    "Decimal": st.sampled_from(["0", "5", "-1", "12.345", "1e5", "NaN", "9" * 30]),
    "Cursor": st.sampled_from(["", "MTpwYW5lbDpGTEFUXzE", "x", "é"]),
    "JSON": st.sampled_from(["", "x"]),
}


@pytest.fixture(scope="module")
async def spare_house(
    server_url: str, server: psycopg.Connection[Row], template: sql.Identifier
) -> AsyncIterator[House]:
    """A house that may be left in any state."""
    with cloned(server_url, server, template) as url:
        async with furnished(url) as built:
            yield built


class Faults(logging.Handler):
    """What the server logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.logged: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.logged.append(logging.Formatter().format(record))


@pytest.fixture
def faults() -> Iterator[Faults]:
    handler = Faults()
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


async def account_id(house: House, email: str) -> int:
    async with await connect_async(house.database_url) as connection:
        cursor = await connection.execute("SELECT id FROM account WHERE email = %s", (email,))
        return (await cursor.fetchall())[0][0]


def run_all(url: str, *, token: str) -> int:
    """Runs some operations of each root field; how many were answered with data."""
    for name, strategy in SCALARS.items():
        schemathesis.graphql.scalar(name, strategy.map(nodes.String))
    headers = {"Authorization": f"Bearer {token}"}
    config: Any = SchemathesisConfig
    schema: Any = schemathesis.graphql.from_url(url, headers=headers, config=config.from_dict(CONFIG))
    with requests.Session() as session:
        session.headers.update(headers)
        return sum(run_one(operation.ok(), session=session) for operation in schema.get_all_operations())


def run_one(operation: Any, *, session: requests.Session) -> int:
    answered = 0

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )
    @given(case=operation.as_strategy())
    def examine(case: Any) -> None:
        nonlocal answered
        answer = case.call(session=session, timeout=WITHIN_S)
        answered += check(case.body, answer.status_code, answer.json())

    examine()
    return answered


def check(query: str, status: int, body: dict[str, Any]) -> bool:
    """Whether the answer has data; fails for what no client should ever see."""
    codes = [error.get("extensions", {}).get("code") for error in body.get("errors", [])]
    told = f"{query}\n{status} {body}"
    assert status < 500, told
    assert "INTERNAL" not in codes, told
    assert set(codes) <= documented(), told
    return body.get("data") is not None and not codes


def documented() -> set[str]:
    return set(re.findall(r"`([A-Z]+(?:_[A-Z]+)*)`", CODES.read_text("utf-8")))


@pytest.mark.parametrize("email", [ADMIN, TENANT])
async def test_no_operation_that_fits_the_schema_ends_in_a_fault(
    email: str, spare_house: House, faults: Faults
) -> None:
    token = token_of(await account_id(spare_house, email))
    answered = await asyncio.to_thread(run_all, spare_house.server.url, token=token)
    assert faults.logged == []
    assert answered > 50
