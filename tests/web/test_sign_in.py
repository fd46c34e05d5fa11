"""Signing in: who has the password gets a session, everybody else learns nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from kilowatch.web.tokens import InvalidTokenError, Tokens
from metering.access import Role
from metering.refusals import Refused
from resolvers.attempts import MAX_PER_ACCOUNT, MAX_PER_ADDRESS, WINDOW, Attempts
from store import accounts
from store.connections import connect_async
from tests.fixtures.server import GraphQLClient, Server, make_app, serving

LOG_IN = """
mutation ($email: String!, $password: String!) {
  logIn(input: {email: $email, password: $password}) {
    session { accessToken expiresAt viewer { name email role panelCount } }
    refusal { code message field }
  }
}"""
PASSWORD = "correct horse battery"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


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
    assert timedelta(hours=11, minutes=59) < lifetime <= timedelta(hours=12)
    assert answer["data"] == {"viewer": {"email": "ann@example.org", "role": "TENANT"}}


async def test_a_wrong_password_and_an_unknown_account_look_alike(api: Server, database_url: str) -> None:
    await add_person(database_url)
    async with GraphQLClient(api) as client:
        wrong = await log_in(client, password="wrong horse battery")
        unknown = await log_in(client, email="nobody@example.org")
        endless = await log_in(client, password="x" * 10_000)
    assert wrong == unknown == endless
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


@pytest.mark.parametrize(("trusted", "last"), [("127.0.0.1", "BAD_CREDENTIALS"), ("10.0.3.7", "TOO_MANY_ATTEMPTS")])
async def test_clients_behind_a_trusted_proxy_are_counted_by_their_own_addresses(
    database_url: str, monkeypatch: pytest.MonkeyPatch, trusted: str, last: str
) -> None:
    monkeypatch.setattr("resolvers.attempts.MAX_PER_ADDRESS", 1)
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", trusted)
    async with serving(make_app(database_url)) as api, GraphQLClient(api) as client:
        codes: list[str] = []
        for address in ("192.0.2.1", "192.0.2.2"):
            client.http.headers["X-Forwarded-For"] = address
            codes.append((await log_in(client))["refusal"]["code"])
    assert codes == ["BAD_CREDENTIALS", last]


def test_attempts_are_forgotten_after_a_while() -> None:
    attempts = Attempts()
    for _ in range(MAX_PER_ACCOUNT):
        attempts.begin(email="a", address="192.0.2.1", at=NOON)
    with pytest.raises(Refused, match="in 15 min"):
        attempts.begin(email="a", address="192.0.2.1", at=NOON)
    attempts.begin(email="a", address="192.0.2.2", at=NOON)
    attempts.begin(email="b", address="192.0.2.1", at=NOON)
    attempts.begin(email="a", address="192.0.2.1", at=NOON + WINDOW)


def test_one_address_cannot_try_many_accounts() -> None:
    attempts = Attempts()
    for number in range(MAX_PER_ADDRESS):
        attempts.begin(email=str(number), address=f"2001:db8::{number:x}", at=NOON)
    with pytest.raises(Refused, match="TOO_MANY_ATTEMPTS"):
        attempts.begin(email="another", address="2001:db8::ffff", at=NOON)


def test_a_sign_in_that_succeeds_forgives_what_was_mistyped_before() -> None:
    attempts = Attempts()
    for _ in range(5):
        for _ in range(MAX_PER_ACCOUNT):
            attempts.begin(email="a", address="192.0.2.1", at=NOON)
        attempts.forgive(email="a", address="192.0.2.1")
    for _ in range(MAX_PER_ACCOUNT):
        attempts.begin(email="a", address="192.0.2.1", at=NOON)


def test_a_token_is_read_back_until_it_expires() -> None:
    clock = [NOON]
    tokens = Tokens(b"k" * 32, timedelta(hours=1), lambda: clock[0])
    issued = tokens.issue(7)
    assert tokens.read(issued.token).account_id == 7
    assert tokens.read(issued.token).expires_at == issued.expires_at == NOON + timedelta(hours=1)
    clock[0] += timedelta(hours=1)
    with pytest.raises(InvalidTokenError, match="expired"):
        tokens.read(issued.token)


def forged() -> dict[str, str]:
    claims = {"iss": "kilowatch", "sub": "7", "exp": NOON + timedelta(hours=1)}
    right = b"k" * 32
    return {
        "another key": jwt.encode(claims, b"l" * 32, algorithm="HS256"),
        "another algorithm": jwt.encode(claims, b"k" * 64, algorithm="HS512"),
        "no signature": jwt.encode(claims, None, algorithm="none"),
        "another issuer": jwt.encode({**claims, "iss": "x"}, right, algorithm="HS256"),
        "no end": jwt.encode({"iss": "kilowatch", "sub": "7"}, right, algorithm="HS256"),
        "no account": jwt.encode({"iss": "kilowatch", "exp": NOON}, right, algorithm="HS256"),
        "an account of text": jwt.encode({**claims, "sub": "x"}, right, algorithm="HS256"),
        "an end of text": jwt.encode({**claims, "exp": "soon"}, right, algorithm="HS256"),
        "an endless end": jwt.encode({**claims, "exp": 10**18}, right, algorithm="HS256"),
        "nothing": "",
        "dots": "...",
        "not ASCII": "é.é.é",
    }


@pytest.mark.parametrize("name", forged())
def test_a_forged_token_is_refused(name: str) -> None:
    with pytest.raises(InvalidTokenError, match="not valid"):
        Tokens(b"k" * 32, timedelta(hours=1), lambda: NOON).read(forged()[name])


def test_a_short_signing_key_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="needs 32"):
        Tokens(b"short", timedelta(hours=1), lambda: NOON)


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
