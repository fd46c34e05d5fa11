"""The live hub: alerts reach their owner, and an outage of the database loses nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from kilowatch.embedded.postgres import EmbeddedPostgres
from metering.access import Role, Viewer
from metering.refusals import Refused
from resolvers import live
from resolvers.live import LiveHub
from store.connections import connect_async, open_pool
from store.events import News
from tests.fixtures.database import prepare
from tests.fixtures.readings import metering, reading
from tests.fixtures.server import WITHIN_S, SocketClient, add_account, add_panel, make_app, serving, speaking


@asynccontextmanager
async def listening(url: str) -> AsyncIterator[LiveHub]:
    async with open_pool(url) as pool:
        hub = LiveHub(url, pool)
        hub.start()
        try:
            yield hub
        finally:
            await hub.close()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not holds():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.005)


async def raise_alert(url: str, *, account_id: int, panel_id: int) -> int:
    async with await connect_async(url) as connection:
        cursor = await connection.execute(
            "INSERT INTO alert (account_id, panel_id, kind, state, balance_kwh, message, raised_at)"
            " VALUES (%s, %s, 'LOW_UNITS', 'CLEARED', 1, 'low', now()) RETURNING id",
            (account_id, panel_id),
        )
        alert_id: int = (await cursor.fetchall())[0][0]
        await connection.execute("SELECT pg_notify('alert', %s)", (str(alert_id),))
    return alert_id


async def test_alerts_reach_their_owner_alone(database_url: str) -> None:
    panel = await add_panel(database_url, "P1")
    ann, ben = await add_account(database_url), await add_account(database_url, email="ben@example.org")
    async with listening(database_url) as hub, aclosing(hub.alerts(ann)) as mine, aclosing(hub.alerts(ben)) as his:
        waiting = [asyncio.create_task(anext(mine)), asyncio.create_task(anext(his))]
        await until(lambda: hub.streams == 2 and hub.is_listening)
        his_alert = await raise_alert(database_url, account_id=ben, panel_id=panel)
        my_alert = await raise_alert(database_url, account_id=ann, panel_id=panel)
        assert await asyncio.gather(*waiting) == [my_alert, his_alert]
    assert hub.streams == 0


async def test_silence_does_not_pass_over_the_readings_of_a_panel_that_it_has_not_heard_of(database_url: str) -> None:
    admin = Viewer(await add_account(database_url, role=Role.ADMIN), Role.ADMIN)
    async with open_pool(database_url) as pool, metering(database_url) as meters:
        hub = LiveHub(database_url, pool)
        await hub._catch_up()
        async with hub.watch(admin, codes=None) as watch:
            await meters.store([(await add_panel(database_url, "NEW"), reading(1))])
            await hub._hear(News(is_silence=True))  # it looks for itself before the notifications come
            waiting, _ = watch.mailbox.take()
    assert [stored.panel_code for stored in waiting] == ["NEW"]


async def test_without_a_database_a_subscription_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_READY_WITHIN_S", 0.05)
    url = "postgresql://nobody@127.0.0.1:1/nowhere"
    hub = LiveHub(url, open_pool(url))
    with pytest.raises(Refused, match="DATABASE_UNAVAILABLE"):
        async with hub.watch(Viewer(1, Role.ADMIN), codes=None):
            pass


async def until_answered(client: SocketClient) -> None:
    """Waits for the server's first connection, which on a busy machine comes later than a query waits for one."""
    async with asyncio.timeout(6 * WITHIN_S):
        while codes(await client.message(await client.subscribe("{ viewer { email } }"))):
            pass


def codes(message: dict[str, Any]) -> list[str]:
    """Of a refused operation: an error of its own where already its account could not be read."""
    errors = message["payload"] if message["type"] == "error" else message["payload"].get("errors", [])
    return [error["extensions"]["code"] for error in errors]


async def test_a_restart_of_the_database_loses_nothing(tmp_path: Path) -> None:
    postgres = EmbeddedPostgres(tmp_path)
    url = await asyncio.to_thread(postgres.start)
    await asyncio.to_thread(prepare, url)
    panel = await add_panel(url, "P1")
    admin = await add_account(url, role=Role.ADMIN)
    query = (
        "subscription { panelReadings(heartbeatEveryS: 1) { __typename ... on Heartbeat { isCurrent }"
        " ... on ReadingReceived { reading { energyImportKwh } } } }"
    )
    try:
        async with serving(make_app(url)) as api, speaking(api, account_id=admin) as client:
            await until_answered(client)
            operation = await client.subscribe(query)
            assert await client.event(operation) == {"__typename": "ReadingSnapshot"}
            await asyncio.to_thread(postgres.stop)
            assert await client.event(operation) == {"__typename": "Heartbeat", "isCurrent": False}
            refused = await client.message(await client.subscribe("{ viewer { email } }"), within_s=30)
            assert codes(refused) == ["DATABASE_UNAVAILABLE"]
            await asyncio.to_thread(postgres.start)
            async with metering(url) as meters:
                for second in range(3):
                    await meters.store([(panel, reading(second))])
            received: list[float] = []
            async with asyncio.timeout(6 * WITHIN_S):
                while len(received) < 3:
                    event = await client.event(operation)
                    if event["__typename"] == "ReadingReceived":
                        received.append(event["reading"]["energyImportKwh"])
            assert received == [0.0, 1.0, 2.0]
            while (beat := await client.event(operation))["__typename"] != "Heartbeat":
                pass
            assert beat["isCurrent"]
    finally:
        await asyncio.to_thread(postgres.stop)
