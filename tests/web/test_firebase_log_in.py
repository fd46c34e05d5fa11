"""Signing in by Firebase: real ID tokens and certificates, made when the test runs, at a stand-in of Google."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from metering.access import Role
from metering.contacts import SignUpPolicy
from notifications.firebase_log_in import FirebaseLogIn
from store import accounts
from store.connections import connect_async
from tests.fixtures.server import GraphQLClient, Server, make_app, serving

PROJECT = "kilowatch-test"
LOG_IN = """
mutation ($t: String!) {
  logInWithFirebase(input: {idToken: $t}) {
    session { accessToken viewer { name email phone role } }
    refusal { code }
  }
}"""


@dataclass(slots=True)
class Google:
    """Its address of certificates, and the key that signs."""

    keys: dict[str, rsa.RSAPrivateKey] = field(
        default_factory=lambda: {"first": rsa.generate_private_key(public_exponent=65537, key_size=2048)}
    )
    is_away: bool = False

    @property
    def app(self) -> Starlette:
        return Starlette(routes=[Route("/certificates", self._certificates)])

    async def _certificates(self, _request: Request) -> Response:
        if self.is_away:
            return Response(status_code=503)
        found = {kid: certificate(key) for kid, key in self.keys.items()}
        return JSONResponse(found, headers={"Cache-Control": "public, max-age=20000"})

    def token(self, *, kid: str = "first", **changed: Any) -> str:
        now = int(time.time())
        claims = {
            "iss": f"https://securetoken.google.com/{PROJECT}",
            "aud": PROJECT,
            "sub": "uid-1",
            "iat": now - 5,
            "exp": now + 3600,
            "auth_time": now - 5,
            "name": "Ann Firebase",
            "email": "Ann@Example.org",
            "email_verified": True,
            **changed,
        }
        key = self.keys.get(kid) or rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return jwt.encode(claims, key, algorithm="RS256", headers={"kid": kid})


def certificate(key: rsa.RSAPrivateKey) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "securetoken.system.gserviceaccount.com")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=10))
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM).decode()


@pytest.fixture
def google() -> Google:
    return Google()


@pytest.fixture
async def far_end(google: Google) -> AsyncIterator[str]:
    async with serving(google.app) as running:
        yield f"{running.root}/certificates"


def app_with(url: str, far_end: str, **options: Any) -> Any:
    return make_app(url, identities=FirebaseLogIn(PROJECT, certificates_url=far_end), **options)


@pytest.fixture
async def client(database_url: str, far_end: str) -> AsyncIterator[GraphQLClient]:
    async with serving(app_with(database_url, far_end)) as api, GraphQLClient(api) as opened:
        yield opened


async def log_in(client: GraphQLClient, token: str) -> dict[str, Any]:
    answer = await client.ask(LOG_IN, t=token)
    assert "errors" not in answer, answer
    return answer["data"]["logInWithFirebase"]


async def count(url: str) -> int:
    async with await connect_async(url) as connection:
        return (await (await connection.execute("SELECT count(*) FROM account")).fetchall())[0][0]


async def test_a_verified_address_opens_the_session_of_its_account(
    client: GraphQLClient, google: Google, database_url: str
) -> None:
    async with await connect_async(database_url) as connection:
        await connection.execute("DROP TRIGGER sign_in_for_tests ON account")
        await accounts.create(connection, name="Ann", role=Role.LANDLORD, email="ann@example.org")
    viewer = (await log_in(client, google.token()))["session"]["viewer"]
    assert viewer == {
        "name": "Ann", "email": "ann@example.org", "phone": None, "role": "LANDLORD",
    }  # fmt: skip
    assert await count(database_url) == 1
    async with await connect_async(database_url) as connection:
        assert await (await connection.execute("SELECT kind FROM session")).fetchall() == [("FIREBASE",)]


async def test_who_is_new_gets_an_account_of_a_tenant_once(
    client: GraphQLClient, google: Google, database_url: str
) -> None:
    for _ in range(2):
        viewer = (await log_in(client, google.token()))["session"]["viewer"]
        assert (viewer["name"], viewer["email"], viewer["role"]) == ("Ann Firebase", "ann@example.org", "TENANT")
    by_phone = google.token(email=None, email_verified=None, phone_number="+2348012345678")
    assert (await log_in(client, by_phone))["session"]["viewer"]["phone"] == "+2348012345678"
    assert await count(database_url) == 2


async def test_who_is_new_and_signs_in_twice_at_once_gets_one_account_and_two_sessions(
    client: GraphQLClient, google: Google, database_url: str
) -> None:
    payloads = await asyncio.gather(*(log_in(client, google.token()) for _ in range(4)))
    assert [payload["refusal"] for payload in payloads] == [None] * 4
    assert await count(database_url) == 1


async def test_a_token_opens_no_sessions_without_end(
    client: GraphQLClient, google: Google, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resolvers.attempts.MAX_PROVIDED_AN_HOUR", 2)
    token = google.token()
    codes = [(await log_in(client, token))["refusal"] for _ in range(3)]
    assert codes == [None, None, {"code": "TOO_MANY_ATTEMPTS"}]
    assert (await log_in(client, google.token(email="bo@example.org")))["session"]


async def test_a_name_of_several_lines_is_kept_in_one(client: GraphQLClient, google: Google) -> None:
    viewer = (await log_in(client, google.token(name="Ann\r\nPay here: example.com\u202e")))["session"]["viewer"]
    assert viewer["name"] == "AnnPay here: example.com"
    viewer = (await log_in(client, google.token(name="\n", email="bo@example.org")))["session"]["viewer"]
    assert viewer["name"] == "bo"


REFUSED: dict[str, dict[str, Any]] = {
    "another audience": {"aud": "another-project"},
    "another issuer": {"iss": "https://securetoken.google.com/another-project"},
    "expired": {"iat": int(time.time()) - 7200, "exp": int(time.time()) - 3600},
    "from the future": {"iat": int(time.time()) + 3600, "exp": int(time.time()) + 7200},
    "an unknown key": {"kid": "unknown"},
    "nobody": {"sub": ""},
}


@pytest.mark.parametrize("name", REFUSED)
async def test_a_token_that_is_not_right_is_refused(
    client: GraphQLClient, google: Google, database_url: str, name: str
) -> None:
    assert await log_in(client, google.token(**REFUSED[name])) == {
        "session": None, "refusal": {"code": "ID_TOKEN_NOT_VALID"},
    }  # fmt: skip
    assert await count(database_url) == 0


async def test_what_google_has_not_signed_is_refused(client: GraphQLClient, google: Google) -> None:
    signed = google.token()
    other = Google().token()
    unsigned = jwt.encode(jwt.decode(signed, options={"verify_signature": False}), None, algorithm="none")  # pyright: ignore[reportArgumentType]
    for token in (other, unsigned, signed[:-4], "x.y.z", "", "é", "x" * 10_000):
        assert (await log_in(client, token))["refusal"] == {"code": "ID_TOKEN_NOT_VALID"}


async def test_an_address_that_is_not_verified_takes_over_no_account(
    client: GraphQLClient, google: Google, database_url: str
) -> None:
    async with await connect_async(database_url) as connection:
        await accounts.create(connection, name="Ann", role=Role.ADMIN, email="ann@example.org")
    for claim in (False, None, "true"):
        refused = await log_in(client, google.token(email_verified=claim))
        assert refused["refusal"] == {"code": "CONTACT_NOT_VERIFIED"}


async def test_a_closed_server_and_a_disabled_account_let_nobody_in(
    database_url: str, far_end: str, google: Google
) -> None:
    closed = app_with(database_url, far_end, sign_up=SignUpPolicy.CLOSED)
    async with serving(closed) as api, GraphQLClient(api) as client:
        assert (await log_in(client, google.token()))["refusal"] == {"code": "SIGN_UP_CLOSED"}
        async with await connect_async(database_url) as connection:
            await accounts.create(connection, name="Ann", role=Role.TENANT, email="ann@example.org")
            await connection.execute("UPDATE account SET disabled_at = now()")
        assert (await log_in(client, google.token()))["refusal"] == {"code": "ACCOUNT_DISABLED"}


async def test_while_google_is_away_it_says_so(client: GraphQLClient, google: Google) -> None:
    google.is_away = True
    assert (await log_in(client, google.token()))["refusal"] == {"code": "PROVIDER_UNAVAILABLE"}
    google.is_away = False
    assert (await log_in(client, google.token()))["session"]


async def test_a_server_without_a_project_says_so(api: Server, google: Google) -> None:
    async with GraphQLClient(api) as client:
        assert (await log_in(client, google.token()))["refusal"] == {"code": "PROVIDER_UNAVAILABLE"}


def test_the_emulator_that_signs_nothing_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", "127.0.0.1:9099")
    with pytest.raises(ValueError, match="nobody has signed"):
        FirebaseLogIn(PROJECT)
