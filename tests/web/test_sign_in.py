"""Signing in: who has the password gets a session, everybody else learns nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from metering.access import Role
from metering.refusals import Refused
from store import accounts
from store.connections import connect_async
from tests.fixtures.server import GraphQLClient, Server

LOG_IN = """
mutation ($email: String!, $password: String!) {
  logIn(input: {email: $email, password: $password}) {
    session { accessToken expiresAt viewer { name email role panelCount } }
    refusal { code message field }
  }
}"""
BY_PHONE = """
mutation ($phone: String, $email: String, $password: String!) {
  logIn(input: {phone: $phone, email: $email, password: $password}) {
    session { viewer { email phone } }
    refusal { code }
  }
}"""
PASSWORD = "correct horse battery"


async def add_person(url: str, *, email: str = "Ann@Example.org", role: Role = Role.TENANT) -> accounts.Account:
    async with await connect_async(url) as connection:
        return await accounts.create(connection, email=email, name="Ann", role=role, password=PASSWORD)


async def log_in(client: GraphQLClient, *, email: str = "ann@example.org", password: str = PASSWORD) -> dict[str, Any]:
    return (await client.ask(LOG_IN, email=email, password=password))["data"]["logIn"]


async def test_a_password_opens_a_session(api: Server, database_url: str) -> None:
    await add_person(database_url)
    async with GraphQLClient(api) as client:
        payload = await log_in(client, email=" ANN@example.org")
        session = payload["session"]
        answer = await client.ask_with(session["accessToken"], "{ viewer { email role } }")
    assert payload["refusal"] is None
    assert session["viewer"] == {"name": "Ann", "email": "ann@example.org", "role": "TENANT", "panelCount": 0}
    lifetime = datetime.fromisoformat(session["expiresAt"]) - datetime.now(UTC)
    assert timedelta(minutes=14) < lifetime <= timedelta(minutes=15)
    assert answer["data"] == {"viewer": {"email": "ann@example.org", "role": "TENANT"}}


async def test_people_sign_in_by_phone_too(api: Server, database_url: str) -> None:
    async with await connect_async(database_url) as connection:
        await accounts.create(connection, name="Bo", role=Role.TENANT, phone="+2348012345678", password=PASSWORD)
    async with GraphQLClient(api) as client:
        found = (await client.ask(BY_PHONE, phone="+234 801 234 5678", password=PASSWORD))["data"]["logIn"]
        both = (await client.ask(BY_PHONE, phone="+2348012345678", email="a@b.org", password=PASSWORD))["data"]["logIn"]
    assert found == {"session": {"viewer": {"email": None, "phone": "+2348012345678"}}, "refusal": None}
    assert both["refusal"]["code"] == "BAD_INPUT"


async def test_a_wrong_password_and_an_unknown_account_look_alike(api: Server, database_url: str) -> None:
    await add_person(database_url)
    async with GraphQLClient(api) as client:
        wrong = await log_in(client, password="wrong horse battery")
        unknown = await log_in(client, email="nobody@example.org")
        endless = await log_in(client, password="x" * 10_000)
        no_address = await log_in(client, email="nobody")
        async with await connect_async(database_url) as connection:
            await connection.execute("UPDATE account SET disabled_at = now()")
        disabled = await log_in(client)
    assert wrong == unknown == endless == no_address == disabled
    assert wrong["session"] is None
    assert wrong["refusal"]["code"] == "BAD_CREDENTIALS"


async def test_too_many_attempts_have_to_wait_whether_or_not_the_account_exists(
    api: Server, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resolvers.attempts.MAX_PER_ACCOUNT", 2)
    await add_person(database_url)
    async with GraphQLClient(api) as client:
        for email in ("ann@example.org", "nobody@example.org"):
            codes = [(await log_in(client, email=email, password="wrong horse"))["refusal"]["code"] for _ in range(3)]
            assert codes == ["BAD_CREDENTIALS", "BAD_CREDENTIALS", "TOO_MANY_ATTEMPTS"]
        assert (await log_in(client))["refusal"]["code"] == "TOO_MANY_ATTEMPTS"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"email": "ann"}, "BAD_EMAIL"),
        ({"email": "@example.org"}, "BAD_EMAIL"),
        ({"email": "a b@example.org"}, "BAD_EMAIL"),
        ({"email": "a\0@example.org"}, "BAD_EMAIL"),
        ({"email": "a" * 250 + "@example.org"}, "BAD_EMAIL"),
        ({"name": " "}, "BAD_NAME"),
        ({"name": "x" * 201}, "BAD_NAME"),
        ({"password": "1234567"}, "BAD_PASSWORD"),
        ({"password": "x" * 257}, "BAD_PASSWORD"),
        ({"email": "TAKEN@example.org"}, "EMAIL_TAKEN"),
    ],
)
async def test_an_account_that_cannot_be_is_refused(database_url: str, fields: dict[str, str], code: str) -> None:
    await add_person(database_url, email="taken@example.org")
    values: dict[str, Any] = {"email": "new@example.org", "name": "New", "password": PASSWORD, **fields}
    async with await connect_async(database_url) as connection:
        with pytest.raises(Refused, match=code):
            await accounts.create(connection, role=Role.TENANT, **values)
        assert [person.account.email for person in await accounts.people(connection)] == ["taken@example.org"]


async def test_panels_are_given_and_taken_away(database_url: str) -> None:
    account = await add_person(database_url)
    async with await connect_async(database_url) as connection:
        await connection.execute("INSERT INTO panel (code, name, time_zone) VALUES ('P1', 'P1', 'UTC')")
        for _ in range(2):
            await accounts.grant(connection, account_id=account.id, panel_code="P1")
        assert (await accounts.people(connection))[0].panel_codes == ("P1",)
        assert await accounts.panel_count(connection, account.id) == 1
        with pytest.raises(Refused, match="PANEL_NOT_FOUND"):
            await accounts.grant(connection, account_id=account.id, panel_code="P2")
        await accounts.revoke(connection, account_id=account.id, panel_code="P1")
        assert (await accounts.people(connection))[0].panel_codes == ()


async def test_what_is_asked_of_a_new_session_is_asked_by_it(api: Server, database_url: str) -> None:
    await add_person(database_url)
    ask = """mutation ($email: String!, $password: String!) { logIn(input: { email: $email, password: $password }) {
        session { viewer { email secondFactor { __typename } sessions { isCurrent kind }
        tenancies { nodes { panels { code } } } auditLog { nodes { action } } } } } }"""
    async with GraphQLClient(api) as client:
        answer = await client.ask(ask, email="ann@example.org", password=PASSWORD)
    viewer = answer["data"]["logIn"]["session"]["viewer"]
    assert (viewer["email"], viewer["tenancies"]) == ("ann@example.org", {"nodes": []})
    assert [session["kind"] for session in viewer["sessions"] if session["isCurrent"]] == ["PASSWORD"]
