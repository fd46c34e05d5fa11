"""Sessions: renewed by tokens that count once, ended from anywhere, and with them all that they have opened."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kilowatch.web import viewers
from metering.access import Role
from metering.sessions import LONGEST, RETRY_WITHIN
from store import accounts
from store.connections import connect_async
from tests.fixtures.server import GraphQLClient, Server, add_account, make_app, serving, speaking, token_of

PASSWORD = "correct horse battery"
SESSION = "session { accessToken expiresAt refreshToken refreshExpiresAt } refusal { code message field }"
LOG_IN = f"mutation ($i: LogInInput!) {{ logIn(input: $i) {{ {SESSION} }} }}"
REFRESH = f"mutation ($t: String!) {{ refreshSession(input: {{refreshToken: $t}}) {{ {SESSION} }} }}"
LOG_OUT = "mutation { logOut { ended refusal { code } } }"
EVERYWHERE = "mutation ($e: Boolean!) { logOutEverywhere(input: {exceptThis: $e}) { ended refusal { code } } }"
END = "mutation ($id: ID!) { endSession(input: {id: $id}) { endedId refusal { code } } }"
SESSIONS = (
    "{ viewer { sessions { id createdAt lastUsedAt address userAgent kind hasSecondFactor isCurrent expiresAt } } }"
)
READINGS = "subscription { panelReadings { __typename } }"
WITHIN_S = 30


class Clock:
    """The server's clock, which stands still until it is set."""

    def __init__(self) -> None:
        self.at = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def api(database_url: str, clock: Clock) -> AsyncIterator[Server]:
    async with await connect_async(database_url) as connection:
        await connection.execute("DROP TRIGGER sign_in_for_tests ON account")
        await accounts.create(connection, name="Ann", role=Role.TENANT, email="ann@example.org", password=PASSWORD)
    async with serving(make_app(database_url, now=clock)) as running:
        yield running


@pytest.fixture
async def client(api: Server) -> AsyncIterator[GraphQLClient]:
    async with GraphQLClient(api) as opened:
        opened.http.headers["User-Agent"] = "an app"
        yield opened


async def log_in(client: GraphQLClient) -> dict[str, Any]:
    given = {"email": "ann@example.org", "password": PASSWORD}
    return (await client.ask(LOG_IN, i=given))["data"]["logIn"]["session"]


async def refresh(client: GraphQLClient, token: str) -> dict[str, Any]:
    return (await client.ask(REFRESH, t=token))["data"]["refreshSession"]


async def asked(client: GraphQLClient, token: str, query: str, **variables: Any) -> dict[str, Any]:
    body = {"query": query, "variables": variables}
    headers = {"Authorization": f"Bearer {token}"}
    return (await client.http.post(client.url, json=body, headers=headers)).json()


async def is_in(client: GraphQLClient, token: str) -> bool:
    """Whether an access token counts."""
    return "data" in await asked(client, token, "{ viewer { name } }")


async def outcome_of(url: str) -> list[tuple[str | None]]:
    async with await connect_async(url) as connection:
        return await (await connection.execute("SELECT end_reason FROM session ORDER BY created_at")).fetchall()


# Renewal


async def test_a_session_is_renewed_by_a_token_that_counts_once(client: GraphQLClient, clock: Clock) -> None:
    first = await log_in(client)
    clock.at += timedelta(minutes=14)
    second = (await refresh(client, first["refreshToken"]))["session"]
    assert second["refreshToken"] != first["refreshToken"]
    assert second["refreshToken"].startswith("kwr_")
    assert datetime.fromisoformat(second["expiresAt"]) == clock.at.replace(microsecond=0) + timedelta(minutes=15)
    assert datetime.fromisoformat(second["refreshExpiresAt"]) - clock.at == timedelta(days=30)
    assert await is_in(client, first["accessToken"])
    assert await is_in(client, second["accessToken"])
    clock.at += timedelta(minutes=2)
    assert not await is_in(client, first["accessToken"])
    assert await is_in(client, second["accessToken"])


async def test_a_token_that_is_used_again_ends_the_session(
    client: GraphQLClient, clock: Clock, database_url: str
) -> None:
    first = await log_in(client)
    second = (await refresh(client, first["refreshToken"]))["session"]
    clock.at += RETRY_WITHIN + timedelta(seconds=1)
    stolen = await refresh(client, first["refreshToken"])
    assert stolen["refusal"]["code"] == "BAD_REFRESH_TOKEN"
    assert (await refresh(client, second["refreshToken"]))["refusal"] == stolen["refusal"]
    assert await outcome_of(database_url) == [("REUSED",)]
    async with await connect_async(database_url) as connection:
        cursor = await connection.execute(
            "SELECT details ->> 'reason', account_id IS NOT NULL FROM audit_entry WHERE action = 'END_SESSION'"
        )
        assert await cursor.fetchall() == [("REUSED", True)]


async def test_a_client_that_got_no_answer_may_ask_again(client: GraphQLClient, clock: Clock) -> None:
    first = await log_in(client)
    lost = (await refresh(client, first["refreshToken"]))["session"]
    clock.at += RETRY_WITHIN
    again = (await refresh(client, first["refreshToken"]))["session"]
    assert again["refreshToken"] not in {first["refreshToken"], lost["refreshToken"]}
    assert (await refresh(client, again["refreshToken"]))["session"] is not None


async def test_once_the_next_token_was_used_the_last_one_is_not_taken_again(client: GraphQLClient) -> None:
    first = await log_in(client)
    second = (await refresh(client, first["refreshToken"]))["session"]
    assert (await refresh(client, second["refreshToken"]))["session"] is not None
    assert (await refresh(client, first["refreshToken"]))["refusal"]["code"] == "BAD_REFRESH_TOKEN"


async def test_of_two_renewals_at_once_one_survives(client: GraphQLClient, database_url: str) -> None:
    first = await log_in(client)
    both = await asyncio.gather(*(refresh(client, first["refreshToken"]) for _ in range(2)))
    tokens = [one["session"]["refreshToken"] for one in both]
    used = [await refresh(client, token) for token in tokens]
    assert [one["session"] is None for one in used].count(False) <= 1
    assert await outcome_of(database_url) == [("REUSED",)]  # whoever was first has lost: two had the token


@pytest.mark.parametrize("token", ["", "kwr_", "kwr_" + "A" * 64, "kwr_" + "é" * 64, "x" * 68])
async def test_what_is_no_refresh_token_is_refused(client: GraphQLClient, token: str) -> None:
    assert (await refresh(client, token))["refusal"]["code"] == "BAD_REFRESH_TOKEN"


async def test_a_session_that_is_not_renewed_ends(client: GraphQLClient, clock: Clock) -> None:
    session = await log_in(client)
    clock.at += timedelta(days=30)
    assert (await refresh(client, session["refreshToken"]))["refusal"]["code"] == "BAD_REFRESH_TOKEN"


async def test_no_session_lasts_longer_than_a_year(client: GraphQLClient, clock: Clock) -> None:
    session = await log_in(client)
    began_at = clock.at
    for _ in range(12):
        clock.at += timedelta(days=29)
        session = (await refresh(client, session["refreshToken"]))["session"]
    assert datetime.fromisoformat(session["refreshExpiresAt"]) == began_at + LONGEST
    clock.at = began_at + LONGEST
    assert (await refresh(client, session["refreshToken"]))["refusal"]["code"] == "BAD_REFRESH_TOKEN"


async def test_nothing_that_opens_a_session_is_kept(client: GraphQLClient, database_url: str) -> None:
    session = await log_in(client)
    async with await connect_async(database_url) as connection:
        rows = await (await connection.execute("SELECT session::text FROM session")).fetchall()
        audit = await (await connection.execute("SELECT audit_entry::text FROM audit_entry")).fetchall()
    assert session["refreshToken"][4:] not in str(rows) + str(audit)
    assert session["accessToken"] not in str(rows) + str(audit)


# A token that does not count


@pytest.mark.parametrize("token", ["x.y.z", "expired", "of nobody"])
async def test_an_old_token_keeps_nobody_from_signing_in(client: GraphQLClient, clock: Clock, token: str) -> None:
    session = await log_in(client)
    if token == "expired":
        token = session["accessToken"]
        clock.at += timedelta(hours=1)
    if token == "of nobody":
        token = token_of(999)
    given = {"email": "ann@example.org", "password": PASSWORD}
    assert (await asked(client, token, LOG_IN, i=given))["data"]["logIn"]["session"]
    renewed = await asked(client, token, REFRESH, t=session["refreshToken"])
    assert renewed["data"]["refreshSession"]["session"]
    spread = "query { ...Open } fragment Open on Query { __typename ... on Query { limits { pageSize } } }"
    assert "data" in await asked(client, token, spread)
    mixed = "query { limits { pageSize } ...Mine } fragment Mine on Query { viewer { name } }"
    for closed in ("{ viewer { name } }", mixed, LOG_OUT, "{ nonsense }", "{"):
        answer = await asked(client, token, closed)
        assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


# Ends


async def test_people_see_where_they_are_signed_in(client: GraphQLClient, clock: Clock) -> None:
    first = await log_in(client)
    clock.at += timedelta(minutes=1)
    client.http.headers["User-Agent"] = "x" * 300
    second = await log_in(client)
    listed = (await asked(client, second["accessToken"], SESSIONS))["data"]["viewer"]["sessions"]
    assert [(one["isCurrent"], one["userAgent"]) for one in listed] == [(True, "x" * 200), (False, "an app")]
    assert {one["kind"] for one in listed} == {"PASSWORD"}
    assert listed[1]["address"] == "127.0.0.1"
    assert listed[1]["expiresAt"] == first["refreshExpiresAt"]


async def test_logging_out_ends_this_session_at_once(client: GraphQLClient, database_url: str) -> None:
    one, other = await log_in(client), await log_in(client)
    assert await is_in(client, one["accessToken"])
    answer = await asked(client, one["accessToken"], LOG_OUT)
    assert answer["data"]["logOut"] == {"ended": 1, "refusal": None}
    await until_out(client, one["accessToken"])
    assert (await refresh(client, one["refreshToken"]))["refusal"]["code"] == "BAD_REFRESH_TOKEN"
    assert await is_in(client, other["accessToken"])
    assert sorted(await outcome_of(database_url), key=str) == [("LOGGED_OUT",), (None,)]


async def until_out(client: GraphQLClient, token: str) -> None:
    """Returns once a token does not count any more; the clock stands, so that it is told and not forgotten."""
    async with asyncio.timeout(WITHIN_S):
        while await is_in(client, token):  # noqa: ASYNC110 - another process's clock, so to say
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(("except_this", "ended"), [(True, 2), (False, 3)])
async def test_logging_out_everywhere(client: GraphQLClient, *, except_this: bool, ended: int) -> None:
    tokens = [(await log_in(client))["accessToken"] for _ in range(3)]
    answer = await asked(client, tokens[0], EVERYWHERE, e=except_this)
    assert answer["data"]["logOutEverywhere"]["ended"] == ended
    for token in tokens[1:] if except_this else tokens:
        await until_out(client, token)
    assert await is_in(client, tokens[0]) is except_this


async def test_one_session_is_ended_by_its_owner_and_nobody_else(client: GraphQLClient, database_url: str) -> None:
    async with await connect_async(database_url) as connection:
        await accounts.create(connection, name="Bo", role=Role.ADMIN, email="bo@example.org", password=PASSWORD)
    mine = await log_in(client)
    given = {"email": "bo@example.org", "password": PASSWORD}
    other = (await client.ask(LOG_IN, i=given))["data"]["logIn"]["session"]["accessToken"]
    (listed,) = (await asked(client, mine["accessToken"], SESSIONS))["data"]["viewer"]["sessions"]
    foreign = (await asked(client, other, END, id=listed["id"]))["data"]["endSession"]
    unknown = (await asked(client, other, END, id="00000000-0000-4000-8000-000000000000"))["data"]["endSession"]
    garbage = (await asked(client, other, END, id="'"))["data"]["endSession"]
    assert foreign == unknown == garbage == {"endedId": None, "refusal": {"code": "SESSION_NOT_FOUND"}}
    done = (await asked(client, mine["accessToken"], END, id=listed["id"]))["data"]["endSession"]
    assert done == {"endedId": listed["id"], "refusal": None}
    await until_out(client, mine["accessToken"])


# What a session has opened


async def closed(socket: Any) -> tuple[int, str]:
    async with asyncio.timeout(WITHIN_S):
        await socket.wait_closed()
    return socket.close_code, socket.close_reason


async def test_a_socket_outlives_the_access_token_it_was_opened_with(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewers, "TRUSTED_FOR", timedelta(0))
    account_id, clock = await add_account(database_url), Clock()
    async with serving(make_app(database_url, now=clock)) as api, speaking(api, account_id=account_id) as client:
        clock.at += timedelta(days=2)
        assert await client.event(await client.subscribe("{ viewer { name } }")) == {"name": "Ann"}


WAYS = {
    "logging out": LOG_OUT,
    "disabling the account": "UPDATE account SET disabled_at = now()",
    "removing the account": "DELETE FROM account",
}


@pytest.mark.parametrize("way", WAYS)
async def test_the_end_of_a_session_ends_its_streams_in_another_process(database_url: str, way: str) -> None:
    account_id = await add_account(database_url)
    token = token_of(account_id)
    async with AsyncExitStack() as stack:
        here, there = [await stack.enter_async_context(serving(make_app(database_url))) for _ in range(2)]
        client = await stack.enter_async_context(speaking(there, account_id=account_id))
        stranger = await stack.enter_async_context(speaking(there))
        http = await stack.enter_async_context(GraphQLClient(here))
        accept = {"Accept": "text/event-stream", "Authorization": f"Bearer {token}"}
        stream = await stack.enter_async_context(
            http.http.stream("POST", there.url, json={"query": READINGS}, headers=accept)
        )
        lines = stream.aiter_lines()
        await client.event(await client.subscribe(READINGS))
        while "Opening" not in (line := await anext(lines)) and "data" not in line:
            pass
        if way == "logging out":
            await asked(http, token, LOG_OUT)
        else:
            async with await connect_async(database_url) as connection:
                await connection.execute(WAYS[way].encode())
        assert await closed(client.socket) == (4403, "The session has ended: sign in again.")
        async with asyncio.timeout(WITHIN_S):
            rest = [line async for line in lines]
        answers = [json.loads(line.removeprefix("data:")) for line in rest if line.startswith("data: {")]
        assert answers[-1]["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert await stranger.event(await stranger.subscribe("{ limits { pageSize } }"))
        http.url = there.url
        assert not await is_in(http, token)
