"""A broker of EMQX's kind asks who may come in, and what they may do; nobody else may ask."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
import jwt
import pytest
from psycopg import AsyncConnection

from kilowatch.web.emqx import MAX_WRONG
from metering.access import Role
from metering.device_rights import panels_of, topics_of
from metering.devices import DeviceKind
from store import registered_devices
from store.connections import Row, connect_async
from store.device_secrets import hashed, new_device_id, new_secret
from store.registered_devices import Shape
from tests.fixtures.server import GraphQLClient, Server, add_account, make_app, serving

SECRET = "the-secret-of-the-broker"
BEARER = {"Authorization": f"Bearer {SECRET}"}


@dataclass(slots=True)
class Asking:
    """A server, a device, and a broker that asks."""

    server: Server
    http: httpx.AsyncClient
    database: AsyncConnection[Row]
    device_id: str
    secret: str

    @property
    def root(self) -> str:
        return self.server.root

    async def auth(self, *, is_form: bool = False, **said: Any) -> dict[str, Any]:
        """The request that docs/brokers.md sets up, with EMQX's placeholders filled in."""
        usual = {
            "clientid": self.device_id,
            "username": self.device_id,
            "password": self.secret,
            "peerhost": "10.0.0.7",
            "cert_common_name": "undefined",
        }
        return await self.post("/mqtt/auth", usual | said, is_form=is_form)

    async def acl(self, action: str, topic: str, *, is_form: bool = False, **said: Any) -> str:
        usual = {
            "clientid": self.device_id,
            "username": self.device_id,
            "peerhost": "10.0.0.7",
            "cert_common_name": "undefined",
            "action": action,
            "topic": topic,
            "qos": "1",
            "retain": "false",
        }
        return (await self.post("/mqtt/acl", usual | said, is_form=is_form))["result"]

    async def post(self, path: str, said: dict[str, Any], *, is_form: bool) -> dict[str, Any]:
        body: dict[str, Any] = {"data": said} if is_form else {"json": said}
        answer = await self.http.post(f"{self.root}{path}", headers=BEARER, **body)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/json"
        return answer.json()


@asynccontextmanager
async def asking(url: str, **options: Any) -> AsyncIterator[Asking]:
    device_id, secret, kind = new_device_id(), new_secret(), DeviceKind.TASMOTA
    topics = topics_of(kind, name="cellar", device_id=device_id)
    panels = panels_of(kind, name="cellar")
    shape = Shape(kind, "cellar", None, (), (), panels, topics.publish, topics.commands)
    async with (
        await connect_async(url) as database,
        serving(make_app(url, broker_secret=SECRET, **options)) as server,
        httpx.AsyncClient() as http,
    ):
        async with database.transaction():
            await registered_devices.add(database, shape, device_id=device_id, secret_hash=hashed(secret))
        yield Asking(server, http, database, device_id, secret)


@pytest.fixture
async def asked(database_url: str) -> AsyncIterator[Asking]:
    async with asking(database_url) as opened:
        yield opened


@pytest.mark.parametrize("is_form", [False, True])
async def test_a_device_comes_in_by_its_secret_and_by_no_other(asked: Asking, *, is_form: bool) -> None:
    assert await asked.auth(is_form=is_form) == {
        "result": "allow",
        "is_superuser": False,
        "client_attrs": {"device": asked.device_id, "name": "cellar"},
    }
    denied = {"result": "deny", "is_superuser": False}
    for said in (
        {"password": "wrong"},
        {"password": ""},
        {"password": "undefined"},
        {"username": "dev_aaaaaaaaaaaaaaaa"},
        {"username": "dev_'; --"},
        {"clientid": "dev_bbbbbbbbbbbbbbbb"},
        {"clientid": "kilowatch-ingest"},  # it would put ingest out and end its session
        {"clientid": "DVES_123"},
    ):
        assert await asked.auth(is_form=is_form, **said) == denied, said
    assert await asked.auth(is_form=is_form, username="kilowatch") == {"result": "ignore"}
    for client_id in ("", "undefined", f"{asked.device_id}-cellar"):
        assert (await asked.auth(is_form=is_form, clientid=client_id))["result"] == "allow", client_id


@pytest.mark.parametrize("is_form", [False, True])
async def test_a_device_may_do_what_is_its_own(asked: Asking, *, is_form: bool) -> None:
    own = f"kilowatch/devices/{asked.device_id}"
    for action, topic, result in (
        ("publish", "tele/cellar/SENSOR", "allow"),
        ("publish", f"{own}/data/x", "allow"),
        ("publish", "tele/attic/SENSOR", "deny"),
        ("publish", "cmnd/cellar/POWER", "deny"),
        ("subscribe", "cmnd/cellar/#", "allow"),
        ("subscribe", f"{own}/commands/#", "allow"),
        ("subscribe", "cmnd/#", "deny"),
        ("subscribe", "#", "deny"),
        ("subscribe", "tele/cellar/SENSOR", "deny"),
        ("all", "tele/cellar/SENSOR", "deny"),
    ):
        assert await asked.acl(action, topic, is_form=is_form) == result, (action, topic)
    assert await asked.acl("publish", "tele/cellar/x", username="kilowatch", is_form=is_form) == "ignore"
    assert await asked.acl("publish", "tele/cellar/x", username="dev_aaaaaaaaaaaaaaaa", is_form=is_form) == "deny"


async def test_a_device_comes_in_by_its_certificate_in_place_of_a_secret(asked: Asking) -> None:
    certified = {"password": "undefined", "cert_common_name": asked.device_id}
    assert (await asked.auth(**certified))["result"] == "allow"
    assert (await asked.auth(**certified | {"username": "dev_aaaaaaaaaaaaaaaa"}))["result"] == "deny"
    assert (await asked.auth(**certified | {"password": "wrong"}))["result"] == "deny"
    assert (await asked.auth(**certified | {"cert_common_name": "dev_aaaaaaaaaaaaaaaa"}))["result"] == "deny"


async def test_a_rotated_secret_ends_when_it_was_said_to_and_a_revoked_device_is_out_at_once(asked: Asking) -> None:
    ends_at, secret = datetime.now(UTC) + timedelta(hours=1), new_secret()
    async with asked.database.transaction():
        await registered_devices.add_login(
            asked.database, device_id=asked.device_id, secret_hash=hashed(secret), others_end_at=ends_at
        )
    newer = {"username": f"{asked.device_id}-2", "password": secret}
    assert (await asked.auth())["expire_at"] == int(ends_at.timestamp())
    assert "expire_at" not in await asked.auth(**newer)
    assert (await asked.auth(**newer))["result"] == "allow"
    await asked.database.execute("UPDATE registered_device_login SET ends_at = now() WHERE generation = 1")
    assert (await asked.auth())["result"] == "deny"
    assert await asked.acl("publish", "tele/cellar/SENSOR") == "deny"
    assert await asked.acl("publish", "tele/cellar/SENSOR", username=newer["username"]) == "allow"
    assert await asked.acl("publish", "tele/cellar/SENSOR", cert_common_name=asked.device_id) == "allow"
    async with asked.database.transaction():
        await registered_devices.revoke(asked.database, device_id=asked.device_id)
    assert (await asked.auth(**newer))["result"] == "deny"
    assert (await asked.auth(password="", cert_common_name=asked.device_id))["result"] == "deny"
    assert await asked.acl("publish", "tele/cellar/SENSOR", username=newer["username"]) == "deny"


async def test_when_and_from_where_a_device_came_in_is_kept(asked: Asking) -> None:
    await asked.auth(password="wrong")
    query = "SELECT last_seen_at, last_address FROM registered_device"
    assert await (await asked.database.execute(query)).fetchone() == (None, None)
    await asked.auth()
    row = await (await asked.database.execute(query)).fetchone()
    assert row
    assert row[0] <= datetime.now(UTC)
    assert row[1] == "10.0.0.7"


async def test_a_device_with_too_many_wrong_secrets_waits_and_other_addresses_do_not(asked: Asking) -> None:
    await asyncio.gather(*(asked.auth(password="wrong") for _ in range(MAX_WRONG)))
    assert (await asked.auth())["result"] == "deny"
    assert (await asked.auth(peerhost="10.0.0.8"))["result"] == "allow"


async def test_a_device_with_a_wrong_secret_does_not_lock_out_its_neighbours_behind_one_address(asked: Asking) -> None:
    revoked = {"username": "dev_aaaaaaaaaaaaaaaa", "clientid": "dev_aaaaaaaaaaaaaaaa"}
    await asyncio.gather(*(asked.auth(**revoked) for _ in range(MAX_WRONG + 1)))
    assert (await asked.auth())["result"] == "allow"


@pytest.mark.parametrize("path", ["/mqtt/auth", "/mqtt/acl"])
async def test_only_brokers_that_know_the_secret_may_ask(asked: Asking, database_url: str, path: str) -> None:
    said = {"username": asked.device_id, "password": asked.secret, "action": "publish", "topic": "tele/cellar/x"}
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": SECRET}, {"Authorization": "Bearer x"}):
        answer = await asked.http.post(f"{asked.root}{path}", json=said, headers=headers)
        assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (401, "UNAUTHENTICATED")
    assert (await asked.http.get(f"{asked.root}{path}", headers=BEARER)).status_code == 405
    async with serving(make_app(database_url)) as without:
        for headers in ({}, BEARER, {"Authorization": "Bearer x"}):
            answer = await asked.http.post(f"{without.root}{path}", json=said, headers=headers)
            assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (404, "BROKERS_NOT_SET_UP")


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (b"", "application/json"),
        (b"[1]", "application/json"),
        (b"{", "application/json"),
        (b"[" * 60_000, "application/json"),
        (b'{"username": "' + b"a" * 65_536 + b'"}', "application/json"),
        (b"\xff", "application/json"),
        (b"username", "application/x-www-form-urlencoded"),
    ],
)
async def test_what_is_no_question_is_refused(asked: Asking, body: bytes, media_type: str) -> None:
    headers = BEARER | {"Content-Type": media_type}
    for path in ("/mqtt/auth", "/mqtt/acl"):
        answer = await asked.http.post(f"{asked.root}{path}", content=body, headers=headers)
        assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (400, "BAD_REQUEST")


@pytest.mark.parametrize("value", [None, 7, True, ["a"], {"a": 1}, "a\0b"])
async def test_values_of_other_types_are_nobodys(asked: Asking, value: object) -> None:
    assert (await asked.auth(password=value))["result"] == "deny"
    assert (await asked.auth(username=value))["result"] == "ignore"
    assert (await asked.post("/mqtt/acl", {"username": asked.device_id, "topic": value}, is_form=False))[
        "result"
    ] == "deny"


async def test_half_a_character_is_nobodys_and_no_fault_of_ours(asked: Asking) -> None:
    for said in ({"username": "dev_\udcff"}, {"username": asked.device_id, "password": "\udcff"}):
        answer = await asked.http.post(f"{asked.root}/mqtt/auth", content=json.dumps(said), headers=BEARER)
        assert (answer.status_code, answer.json()["result"] in {"ignore", "deny"}) == (200, True), answer.text


async def test_a_form_is_read_as_emqx_sends_it(asked: Asking) -> None:
    body = urlencode({"username": asked.device_id, "password": asked.secret, "clientid": "", "peerhost": "::1"})
    headers = BEARER | {"Content-Type": "Application/X-WWW-Form-Urlencoded; charset=utf-8"}
    answer = await asked.http.post(f"{asked.root}/mqtt/auth", content=body, headers=headers)
    assert answer.json()["result"] == "allow"


async def test_a_devices_token_has_its_rights_and_is_checked_by_the_published_keys(
    asked: Asking, database_url: str
) -> None:
    account_id = await add_account(database_url, role=Role.ADMIN)
    mutation = """mutation ($input: IssueDeviceTokenInput!) { issueDeviceToken(input: $input) {
      token expiresAt refusal { code field } } }"""
    async with GraphQLClient(asked.server, account_id=account_id) as client:
        data = (await client.ask(mutation, input={"id": asked.device_id, "hours": 2}))["data"]
        refused = (await client.ask(mutation, input={"id": asked.device_id, "hours": 721}))["data"]
    token = data["issueDeviceToken"]["token"]
    keys = (await asked.http.get(f"{asked.root}/.well-known/jwks.json")).json()["keys"]
    header = jwt.get_unverified_header(token)
    (key,) = (key for key in keys if key["kid"] == header["kid"])
    claims = jwt.decode(token, jwt.PyJWK(key), algorithms=["ES256"], audience="mqtt")
    assert claims["exp"] - claims["iat"] == 2 * 3600
    assert {claims[name] for name in ("sub", "username", "clientid")} == {asked.device_id}
    assert claims["acl"][0] == {"permission": "allow", "action": "publish", "topic": "tele/cellar/#"}
    assert {"permission": "allow", "action": "subscribe", "topic": "cmnd/cellar/#"} in claims["acl"]
    assert claims["acl"][-1] == {"permission": "deny", "action": "all", "topic": "#"}
    as_viewer = await asked.http.post(
        f"{asked.root}/graphql", json={"query": "{ viewer { name } }"}, headers={"Authorization": f"Bearer {token}"}
    )
    assert as_viewer.status_code == 401
    assert refused["issueDeviceToken"]["refusal"] == {"code": "BAD_INPUT", "field": "hours"}
