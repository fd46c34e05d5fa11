"""API keys on a running server: what they open, and that they end at once and everywhere."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import httpx
import pytest

from kilowatch.web.api_keys import ApiKeys
from kilowatch.web.tokens import InvalidTokenError
from kilowatch.web.wrong_keys import MOST
from metering.access import Role, Scope
from metering.api_keys import key_text
from store.connections import Pool, connect_async
from tests.fixtures.server import WITHIN_S, GraphQLClient, Server, add_account, add_panel, make_app, serving, speaking
from tests.fixtures.service_accounts import add_key, add_service, fresh_key
from tests.web.test_event_streams import READINGS, streaming

PANELS = "{ panels { nodes { code } } }"
VIEWER = "{ viewer { name role } }"
REVOKE = "mutation ($id: ID!) { revokeApiKey(input: {id: $id}) { refusal { code } } }"
TOP_UP = """mutation { topUp(input: {
  panelCode: "P1", amount: {amount: "400", currency: "IDR"}, idempotencyKey: "abcdefgh"
}) { refusal { code message } } }"""


@dataclass(frozen=True, slots=True)
class House:
    """A landlord with the panel P1, and a service account and key of theirs."""

    url: str
    landlord: int
    service: int
    key_id: int
    key: str

    async def run(self, statement: str, *parameters: object) -> list[Any]:
        async with await connect_async(self.url) as connection:
            cursor = await connection.execute(statement.encode(), parameters)
            return await cursor.fetchall() if cursor.description else []


@pytest.fixture
async def house(database_url: str) -> House:
    await add_panel(database_url, "P1")
    await add_panel(database_url, "P2")
    landlord = await add_account(database_url, role=Role.LANDLORD, panels=("P1",))
    service = await add_service(database_url, landlord)
    return House(database_url, landlord, service, *await add_key(database_url, service))


@pytest.fixture
async def other_api(database_url: str) -> AsyncIterator[Server]:
    """Another process's server, as far as it can tell."""
    async with serving(make_app(database_url)) as running:
        yield running


async def asked(server: Server, key: str, query: str, **variables: Any) -> httpx.Response:
    async with httpx.AsyncClient(timeout=WITHIN_S) as http:
        body = {"query": query, "variables": variables}
        return await http.post(server.url, json=body, headers={"Authorization": f"Bearer {key}"})


async def revoke(server: Server, house: House) -> None:
    async with GraphQLClient(server, account_id=house.landlord) as landlord:
        answer = await landlord.ask(REVOKE, id=str(house.key_id))
    assert answer["data"]["revokeApiKey"] == {"refusal": None}


async def becomes(server: Server, key: str, status: int) -> None:
    """Waits until a key is answered like that."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            if (await asked(server, key, VIEWER)).status_code == status:
                return
            await asyncio.sleep(0.01)


async def is_now(server: Server, key: str, *, role: str) -> None:
    async with asyncio.timeout(WITHIN_S):
        while True:
            if (await asked(server, key, VIEWER)).json()["data"]["viewer"]["role"] == role:
                return
            await asyncio.sleep(0.01)


async def test_a_key_sees_what_its_owner_sees(api: Server, house: House) -> None:
    assert (await asked(api, house.key, PANELS)).json() == {"data": {"panels": {"nodes": [{"code": "P1"}]}}}
    assert (await asked(api, house.key, VIEWER)).json() == {"data": {"viewer": {"name": "Till", "role": "LANDLORD"}}}


async def test_a_key_is_for_its_scopes_and_for_those_of_its_account(api: Server, house: House) -> None:
    reader = await add_service(house.url, house.landlord, scopes=[Scope.READ])
    _, key = await add_key(house.url, reader)  # for everything, as far as its account is
    assert (await asked(api, key, PANELS)).json()["data"]["panels"]["nodes"] == [{"code": "P1"}]
    refusal = (await asked(api, key, TOP_UP)).json()["data"]["topUp"]["refusal"]
    assert (refusal["code"], "CREDIT" in refusal["message"]) == ("FORBIDDEN", True)
    _, creditor = await add_key(house.url, house.service, scopes=[Scope.CREDIT])
    assert (await asked(api, creditor, PANELS)).json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"


DEVICE_PANELS = "{ registeredDevices { nodes { panels { code latestReading { at } } } } }"
DESCRIBE = """mutation { describePanel(input: {code: "P1", floor: 1}) {
  panel { code latestReading { at } } refusal { code }
} }"""


@pytest.mark.parametrize(
    ("scope", "query", "path"),
    [
        (Scope.DEVICES, DEVICE_PANELS, ["registeredDevices", "nodes", 0, "panels"]),
        (Scope.PROPERTIES, DESCRIBE, ["describePanel", "panel"]),
    ],
)
async def test_a_key_that_is_not_for_reading_reads_no_panel_by_another_way(
    api: Server, house: House, scope: Scope, query: str, path: list[str | int]
) -> None:
    await let_with_a_device(house)
    _, key = await add_key(house.url, house.service, scopes=[scope])
    (error,) = (await asked(api, key, query)).json()["errors"]
    assert (error["extensions"]["code"], error["path"]) == ("FORBIDDEN", path)
    assert "READ" in error["message"]
    _, reader = await add_key(house.url, house.service, scopes=[scope, Scope.READ])
    assert "errors" not in (await asked(api, reader, query)).json()


async def let_with_a_device(house: House) -> None:
    """The landlord has a property with P1 and a registered device of it."""
    ((property_id,),) = await house.run(
        "INSERT INTO property (landlord_id, name) VALUES (%s, 'House') RETURNING id", house.landlord
    )
    await house.run("UPDATE panel SET property_id = %s WHERE code = 'P1'", property_id)
    await house.run(
        """INSERT INTO registered_device
               (id, kind, name, property_id, panel_codes, panel_prefixes, publish_filters, command_filters)
           VALUES ('dev_abcdefghijklmnop', 'TASMOTA', 'roof', %s, '{P1}', '{}', '{}', '{}')""",
        property_id,
    )


async def test_a_stream_needs_the_scope_though_another_is_open_already(api: Server, house: House) -> None:
    _, creditor = await add_key(house.url, house.service, scopes=[Scope.CREDIT])
    async with streaming(api, READINGS, token=house.key) as good, streaming(api, READINGS, token=creditor) as bad:
        assert (await good.told())["panels"] == [{"code": "P1"}]
        assert await bad.refused() == "FORBIDDEN"


async def test_a_revoked_key_ends_at_once_with_its_streams_in_all_processes(
    api: Server, other_api: Server, house: House
) -> None:
    async with (
        streaming(api, READINGS, token=house.key) as near,
        streaming(other_api, READINGS, token=house.key) as far,
        speaking(other_api, token=house.key) as socket,
    ):
        operation = await socket.subscribe(READINGS)
        assert (await socket.event(operation))["__typename"] == "ReadingSnapshot"
        await near.told()
        await far.told()
        await revoke(api, house)
        assert [await near.refused(), await far.refused()] == ["UNAUTHENTICATED"] * 2
        async with asyncio.timeout(WITHIN_S):
            await socket.socket.wait_closed()
        assert socket.socket.close_code == 4403
    assert (await asked(api, house.key, VIEWER)).status_code == 401
    assert (await asked(other_api, house.key, VIEWER)).status_code == 401


async def test_other_keys_of_the_account_go_on(api: Server, house: House) -> None:
    _, other = await add_key(house.url, house.service, name="till 2")
    async with streaming(api, READINGS, token=other) as stream:
        await stream.told()
        await revoke(api, house)
        await becomes(api, house.key, 401)
        assert (await asked(api, other, VIEWER)).status_code == 200


async def test_a_disabled_owners_keys_wait_until_the_owner_is_back(api: Server, house: House) -> None:
    async with streaming(api, READINGS, token=house.key) as stream:
        await stream.told()
        await house.run("UPDATE account SET disabled_at = now() WHERE id = %s", house.landlord)
        assert await stream.refused() == "UNAUTHENTICATED"
    await becomes(api, house.key, 401)
    await house.run("UPDATE account SET disabled_at = NULL WHERE id = %s", house.landlord)
    await becomes(api, house.key, 200)


async def test_an_owner_who_is_removed_or_demoted_takes_the_keys_along(api: Server, house: House) -> None:
    await asked(api, house.key, VIEWER)
    await house.run("UPDATE account SET role = 'TENANT' WHERE id = %s", house.landlord)
    await is_now(api, house.key, role="TENANT")
    async with streaming(api, READINGS, token=house.key) as stream:
        await stream.told()
        await house.run("DELETE FROM account WHERE id = %s", house.landlord)
        assert await stream.refused() == "UNAUTHENTICATED"
    await becomes(api, house.key, 401)


async def test_a_stream_ends_when_its_key_is_to_end_sooner(api: Server, house: House) -> None:
    async with streaming(api, READINGS, token=house.key) as stream:
        await stream.told()
        await house.run("UPDATE api_key SET expires_at = clock_timestamp() + interval '1 s'")
        assert await stream.refused() == "UNAUTHENTICATED"
    assert (await asked(api, house.key, VIEWER)).status_code == 401


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_key_in_an_address_is_nobodys(api: Server, house: House, method: str) -> None:
    names = ("token", "access_token", "key", "api_key", "authorization")
    document = {"query": VIEWER} if method == "GET" else {}
    body = None if method == "GET" else {"query": VIEWER}
    async with httpx.AsyncClient(timeout=WITHIN_S) as http:
        for name in names:
            answer = await http.request(method, api.url, params={name: house.key, **document}, json=body)
            assert answer.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED", name


async def test_an_export_link_of_a_service_account_counts_along_with_its_key(api: Server, house: House) -> None:
    link = """{ panel(code: "P1") {
      exportLink(from: "2026-03-01T00:00:00Z", to: "2026-03-02T00:00:00Z") { url } } }"""
    url = api.root + (await asked(api, house.key, link)).json()["data"]["panel"]["exportLink"]["url"]
    other = await add_service(house.url, house.landlord, name="Other")
    _, others = await add_key(house.url, other)
    _, creditor = await add_key(house.url, house.service, scopes=[Scope.CREDIT])
    async with httpx.AsyncClient(timeout=WITHIN_S) as http:
        assert (await http.get(url)).status_code == 404
        for key, status in ((house.key, 200), (others, 404), (creditor, 404), ("kwk_nonsense", 404)):
            assert (await http.get(url, headers={"Authorization": f"Bearer {key}"})).status_code == status, key
        await revoke(api, house)
        await becomes(api, house.key, 401)
        assert (await http.get(url, headers={"Authorization": f"Bearer {house.key}"})).status_code == 404


async def test_the_last_use_is_kept_with_its_network(api: Server, house: House) -> None:
    await asked(api, house.key, VIEWER)
    found = "SELECT last_used_at, last_used_address FROM api_key"
    ((used_at, address),) = await house.run(found)
    assert (used_at is not None, address) == (True, "127.0.0.1")
    await house.run("NOTIFY access")
    await asked(api, house.key, VIEWER)
    assert await house.run(found) == [(used_at, address)]


async def test_of_a_key_nothing_is_kept_that_opens_the_door(api: Server, house: House) -> None:
    assert (await asked(api, house.key, VIEWER)).status_code == 200
    tables = ("api_key", "audit_entry", "account", "service_account")
    kept = [await house.run(f"SELECT {table}::text FROM {table}") for table in tables]  # noqa: S608 - our own names
    assert house.key[13:] not in str(kept)


# How keys are looked up


class CountedPool:
    """A pool that says how often it was asked for a connection."""

    def __init__(self, pool: Pool) -> None:
        self.pool, self.taken = pool, 0

    def connection(self) -> Any:
        self.taken += 1
        return self.pool.connection()


@dataclass(slots=True)
class Clock:
    """The time, as it is told."""

    at: datetime

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime.now(UTC))


@pytest.fixture
def counted(pool: Pool) -> CountedPool:
    return CountedPool(pool)


@pytest.fixture
def keys(counted: CountedPool, clock: Clock) -> ApiKeys:
    return ApiKeys(cast("Pool", counted), clock)


@pytest.mark.parametrize("text", ["kwk_", "kwk_nonsense", "kwk_" + "a" * 58, "kwk_abcdefgh_" + "0" * 49])
async def test_what_is_no_key_takes_no_look_at_the_database(keys: ApiKeys, counted: CountedPool, text: str) -> None:
    with pytest.raises(InvalidTokenError):
        await keys.of_text(text, address="203.0.113.7")
    assert counted.taken == 0


async def test_a_key_is_looked_up_once_in_two_seconds(
    house: House, keys: ApiKeys, counted: CountedPool, clock: Clock
) -> None:
    for _ in range(3):
        assert (await keys.of_text(house.key, address=""))[1].viewer.account_id == house.service
    assert counted.taken == 1
    clock.at += timedelta(seconds=2)
    await keys.of_text(house.key, address="")
    assert counted.taken == 2
    with pytest.raises(InvalidTokenError):  # the same public beginning does not do
        await keys.of_text(with_prefix_of(house.key), address="")


def with_prefix_of(key: str) -> str:
    """Another key that begins like one."""
    signs = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    bits = 0
    for sign in key[4:12]:
        bits = bits * 62 + signs.index(sign)
    other = key_text(prefix_bits=bits, secret_bits=1)
    assert other[:13] == key[:13]
    return other


async def test_a_key_that_was_revoked_is_tried_like_any_wrong_one(
    house: House, keys: ApiKeys, counted: CountedPool
) -> None:
    await keys.of_text(house.key, address="203.0.113.7")
    await house.run("UPDATE api_key SET revoked_at = now()")
    keys.forget()
    for _ in range(MOST + 30):
        with pytest.raises(InvalidTokenError):
            await keys.of_text(house.key, address="203.0.113.7")
    assert counted.taken == 1 + MOST


async def test_a_network_that_tries_keys_out_is_not_looked_up_for_while_good_keys_are(
    house: House, keys: ApiKeys, counted: CountedPool, clock: Clock
) -> None:
    await keys.of_text(house.key, address="203.0.113.7")
    for _ in range(MOST + 30):
        with pytest.raises(InvalidTokenError):
            await keys.of_text(fresh_key(), address="203.0.113.7")
    assert counted.taken == 1 + MOST
    clock.at += timedelta(seconds=3)
    await keys.of_text(house.key, address="203.0.113.7")
    with pytest.raises(InvalidTokenError):
        await keys.of_text(fresh_key(), address="203.0.113.8")
    assert counted.taken == 3 + MOST
    clock.at += timedelta(minutes=1)
    with pytest.raises(InvalidTokenError):
        await keys.of_text(fresh_key(), address="203.0.113.7")
    assert counted.taken == 4 + MOST


async def test_a_key_counts_until_the_instant_of_its_end(house: House, keys: ApiKeys, clock: Clock) -> None:
    _, key = await add_key(house.url, house.service, expires_at=clock.at + timedelta(hours=1))
    clock.at += timedelta(minutes=59)
    await keys.of_text(key, address="")
    clock.at += timedelta(minutes=1)
    with pytest.raises(InvalidTokenError):
        await keys.of_text(key, address="")
