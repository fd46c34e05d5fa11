"""A person sees and closes what is open on any server process, and nobody else's."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from metering.access import Role, Viewer
from resolvers.context import Context
from resolvers.open_subscriptions import OpenSubscriptions
from schema.contract import build_schema
from store import open_subscriptions as stored
from store.connections import Database, Pool, open_pool
from store.open_subscriptions import Transport
from tests.fixtures.server import WITHIN_S, add_account

ANN, BEN = Viewer(1, Role.TENANT), Viewer(2, Role.TENANT)
LIST = "{ viewer { subscriptions { id operation transport address openedAt } } }"
CLOSE = "mutation ($id: ID!) { closeSubscription(input: {subscriptionId: $id}) { closedId refusal { code field } } }"
CUT_LISTENERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'kilowatch listen'"""
SCHEMA = build_schema()


@pytest.fixture
async def processes(database_url: str) -> AsyncIterator[tuple[OpenSubscriptions, OpenSubscriptions]]:
    """Two server processes' registries, which tell each other at once."""
    async with AsyncExitStack() as running:
        started: list[OpenSubscriptions] = []
        for _ in range(2):
            pool = await running.enter_async_context(open_pool(database_url, size=2))
            registry = OpenSubscriptions(database_url, pool, write_every_s=0.01, beat_every_s=0.05)
            registry.start()
            running.push_async_callback(registry.close)
            started.append(registry)
        yield started[0], started[1]


def opened(registry: OpenSubscriptions, viewer: Viewer = ANN, *, close: Callable[[], None] = lambda: None) -> str:
    return registry.opened(
        account_id=viewer.account_id, operation="Live", transport=Transport.SSE, address="10.0.0.7", close=close
    )


async def becomes(registry: OpenSubscriptions, expected: list[str], *, viewer: Viewer = ANN) -> None:
    """Waits until the viewer's list is this one."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            if [one.id for one in await registry.own(viewer)] == expected:
                return
            await asyncio.sleep(0.01)


async def is_written(connection: Database, *, count: int) -> None:
    async with asyncio.timeout(WITHIN_S):
        while True:
            cursor = await connection.execute("SELECT count(*) FROM open_subscription")
            if await cursor.fetchone() == (count,):
                return
            await asyncio.sleep(0.01)


async def test_what_is_open_is_seen_in_every_process_newest_first(
    processes: tuple[OpenSubscriptions, OpenSubscriptions],
) -> None:
    here, there = processes
    first, second = opened(here), opened(there)
    opened(there, BEN)
    await becomes(here, [second, first])
    await becomes(there, [second, first])
    here.closed(first)
    await becomes(there, [second])


async def test_a_subscription_of_another_process_is_closed_there(
    processes: tuple[OpenSubscriptions, OpenSubscriptions],
) -> None:
    here, there = processes
    is_closed = asyncio.Event()
    opened_there = opened(there, close=is_closed.set)
    await becomes(here, [opened_there])
    assert not await here.close_own(BEN, opened_there)
    assert await here.close_own(ANN, opened_there)
    await asyncio.wait_for(is_closed.wait(), WITHIN_S)
    await becomes(here, [])


async def test_nobody_closes_what_is_not_theirs_in_the_same_process(
    processes: tuple[OpenSubscriptions, OpenSubscriptions],
) -> None:
    here, _ = processes
    closed: list[str] = []
    one = opened(here, close=lambda: closed.append("closed"))
    assert not await here.close_own(BEN, one)
    assert await here.close_own(ANN, one)
    assert not await here.close_own(ANN, one)
    assert closed == ["closed"]


async def test_what_the_database_has_lost_is_told_again(
    processes: tuple[OpenSubscriptions, OpenSubscriptions], connection: Database
) -> None:
    here, there = processes
    one = opened(here)
    await becomes(there, [one])
    await connection.execute("DELETE FROM serving_process")
    await becomes(there, [one])
    await connection.execute(CUT_LISTENERS)
    two = opened(here)
    await becomes(there, [two, one])


async def test_a_process_that_ends_leaves_nothing_behind(database_url: str, pool: Pool, connection: Database) -> None:
    registry = OpenSubscriptions(database_url, pool, write_every_s=0.01)
    registry.start()
    opened(registry)
    await is_written(connection, count=1)
    await registry.close()
    await is_written(connection, count=0)


async def test_a_process_that_died_is_forgotten_with_its_subscriptions(
    processes: tuple[OpenSubscriptions, OpenSubscriptions], connection: Database
) -> None:
    here, _ = processes
    dead = uuid4()
    await connection.execute("INSERT INTO serving_process VALUES (%s, now() - interval '2 minutes')", (dead,))
    await connection.execute(
        "INSERT INTO open_subscription VALUES (gen_random_uuid(), %s, 1, 'Live', 'SSE', '', now())", (dead,)
    )
    assert await here.own(ANN) == []
    await is_written(connection, count=0)


async def test_thousands_that_come_at_once_are_a_few_statements(
    database_url: str, pool: Pool, connection: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes: list[int] = []
    change = stored.change

    async def counted(*args: Any, **kwargs: Any) -> None:
        changes.append(len(kwargs["begun"]))
        await change(*args, **kwargs)

    monkeypatch.setattr(stored, "change", counted)
    registry = OpenSubscriptions(database_url, pool, write_every_s=0.01)
    for _ in range(5000):
        opened(registry)
    registry.start()
    await is_written(connection, count=5000)
    await registry.close()
    assert changes == [2000, 2000, 1000]


async def answer(document: str, registry: OpenSubscriptions, viewer: Viewer, **variables: Any) -> Any:
    context = Context(registry.pool, viewer, subscriptions=registry)
    result = await SCHEMA.execute(document, variable_values=variables, context_value=context)
    assert not result.errors
    assert result.data
    return next(iter(result.data.values()))


async def test_the_list_and_the_closing_are_in_the_contract(database_url: str, pool: Pool) -> None:
    viewer = Viewer(await add_account(database_url), Role.TENANT)
    at = datetime(2026, 3, 10, tzinfo=UTC)
    registry = OpenSubscriptions(database_url, pool, now=lambda: at)
    one = opened(registry, viewer)
    found = (await answer(LIST, registry, viewer))["subscriptions"]
    assert found == [{"id": one, "operation": "Live", "transport": "SSE", "address": "10.0.0.7", "openedAt": at}]
    assert await answer(CLOSE, registry, viewer, id=one) == {"closedId": one, "refusal": None}
    for unknown in (one, str(uuid4()), "no id", ""):
        refused = {"closedId": None, "refusal": {"code": "SUBSCRIPTION_NOT_FOUND", "field": "id"}}
        assert await answer(CLOSE, registry, viewer, id=unknown) == refused
