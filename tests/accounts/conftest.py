"""A running server that writes to people, with its clock in the test's hands, and what it has written."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from metering.access import Role
from metering.contacts import Channel
from store import accounts
from store.accounts import Account
from store.connections import Row, connect_async
from tests.fixtures.server import GraphQLClient, Server, make_app, serving

PASSWORD = "correct horse battery"
BOTH = frozenset(Channel)
SESSION = "session { accessToken refreshToken viewer { name email phone role } } secondFactor { token }"
REFUSAL = "refusal { code message field }"
CHALLENGE = f"challenge {{ id sentTo channel expiresAt resendAt }} {REFUSAL}"


@dataclass
class Clock:
    """What the server takes for now; tokens are checked by it too."""

    at: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    def __call__(self) -> datetime:
        return self.at

    def pass_by(self, **span: float) -> None:
        self.at += timedelta(**span)


class Desk:
    """People before the server: asks as strangers or with a token, and reads what was written to them."""

    def __init__(self, server: Server, client: GraphQLClient, database: psycopg.Connection[Row], clock: Clock) -> None:
        self.server, self.client, self.database, self.clock = server, client, database, clock

    async def call(self, mutation: str, answer: str, *, bearer: str | None = None, **given: Any) -> Any:
        """The payload of a mutation of one input."""
        shown = f"mutation {{ {mutation}(input: {literal(given)}) {{ {answer} }} }}" if given else (
            f"mutation {{ {mutation} {{ {answer} }} }}"
        )  # fmt: skip
        body = await (self.client.ask_with(bearer, shown) if bearer else self.client.ask(shown))
        assert "errors" not in body, body
        return body["data"][mutation]

    async def code_of(self, mutation: str, *, bearer: str | None = None, **given: Any) -> str:
        """The code of a refusal."""
        return (await self.call(mutation, REFUSAL, bearer=bearer, **given))["refusal"]["code"]

    async def asked(self, mutation: str, *, bearer: str | None = None, **given: Any) -> Any:
        """The challenge of a code that was asked for, which was not refused."""
        payload = await self.call(mutation, CHALLENGE, bearer=bearer, **given)
        assert payload["refusal"] is None, payload
        return payload["challenge"]

    def written(self) -> list[tuple[str, str | None, dict[str, str] | None]]:
        """Kind, recipient and details of what is on its way, oldest first."""
        return self.database.execute(
            "SELECT kind, sent_to, details FROM account_message WHERE state = 'PENDING' ORDER BY id"
        ).fetchall()

    def last_code(self) -> str:
        """The code that was written last."""
        kind, _, details = self.written()[-1]
        assert kind.endswith("_CODE"), kind
        assert details
        return details["code"]

    async def log_in(self, **given: Any) -> Any:
        return await self.call("logIn", f"{SESSION} {REFUSAL}", **given)

    async def token_of(self, email: str = "ann@example.org", password: str = PASSWORD) -> str:
        payload = await self.log_in(email=email, password=password)
        return payload["session"]["accessToken"]


def fields_of(value: Any) -> list[tuple[str, Any]]:
    """The parts of a dict."""
    return list(value.items())


def literal(value: Any) -> str:
    """The value as GraphQL writes it."""
    match value:
        case dict():
            return "{" + ", ".join(f"{key}: {literal(part)}" for key, part in fields_of(value)) + "}"
        case bool():
            return str(value).lower()
        case None:
            return "null"
        case _:
            return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


async def add_person(
    url: str, email: str | None = "ann@example.org", *, phone: str | None = None, role: Role = Role.TENANT
) -> Account:
    async with await connect_async(url) as connection:
        return await accounts.create(connection, email=email, phone=phone, name="Ann", role=role, password=PASSWORD)


@asynccontextmanager
async def open_desk(url: str, **options: Any) -> AsyncGenerator[Desk]:
    clock = Clock()
    app = make_app(url, **{"channels": BOTH, "now": clock, **options})
    async with serving(app) as server, GraphQLClient(server) as client:
        with psycopg.connect(url, autocommit=True) as database:
            yield Desk(server, client, database, clock)


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[Desk]:
    async with open_desk(database_url) as opened:
        yield opened
