"""Batches of many pages, such as imports and restored withdrawals, are put in order once, and reach everybody once."""

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest

from metering.access import Role, Viewer
from resolvers import live
from resolvers.live import LiveHub, Watch
from store.connections import Pool
from store.events import News
from tests.fixtures.readings import Meters, metering, reading
from tests.fixtures.server import WITHIN_S, Server, add_account, add_panel, speaking
from tests.live.test_reading_stream import READINGS

COUNT = 1000


@pytest.fixture
async def meters(database_url: str) -> AsyncIterator[Meters]:
    async with metering(database_url) as opened:
        yield opened


@pytest.fixture
async def hub(database_url: str, pool: Pool, monkeypatch: pytest.MonkeyPatch) -> LiveHub:
    monkeypatch.setattr(live, "PAGE", 50)
    monkeypatch.setattr(live, "CAPACITY", 10 * COUNT)
    made = LiveHub(database_url, pool)
    await made._catch_up()
    return made


def received(watch: Watch) -> list[tuple[str, float | None]]:
    waiting, dropped = watch.mailbox.take()
    assert dropped == 0
    return [(stored.panel_code, stored.reading.energy_import_kwh) for stored in waiting]


async def test_a_batch_of_many_pages_is_put_in_order_twice_and_not_once_a_page(
    hub: LiveHub, database_url: str, meters: Meters, monkeypatch: pytest.MonkeyPatch
) -> None:
    panels = {code: await add_panel(database_url, code) for code in ("P1", "P2")}
    admin = Viewer(await add_account(database_url, role=Role.ADMIN), Role.ADMIN)
    sorted_by: list[str] = []
    for kind in (psycopg.AsyncCursor, psycopg.AsyncServerCursor):
        execute = kind.execute

        async def counted(self: psycopg.AsyncCursor, query: str, *args: object, _run=execute, **kwargs: object):
            if "ORDER BY reading.batch_id" in query:
                sorted_by.append(query)
            return await _run(self, query, *args, **kwargs)

        monkeypatch.setattr(kind, "execute", counted)
    async with hub.watch(admin, codes=None) as watch:
        batch = [(panel, reading(second)) for panel in panels.values() for second in range(COUNT // 2)]
        await hub._hear(News(await meters.store(batch)))
        told = received(watch)
    assert told == [(code, float(second)) for second in range(COUNT // 2) for code in panels]
    assert len(sorted_by) == 2


async def test_whoever_comes_in_the_middle_of_a_batch_gets_what_comes_after(
    hub: LiveHub, database_url: str, meters: Meters, monkeypatch: pytest.MonkeyPatch
) -> None:
    panels = {code: await add_panel(database_url, code) for code in ("P1", "P2")}
    admin = Viewer(await add_account(database_url, role=Role.ADMIN), Role.ADMIN)
    hand_out, pages = LiveHub._hand_out, 0
    is_half = asyncio.Event()

    async def counted(self: LiveHub, page: list[live.StoredReading]) -> None:
        nonlocal pages
        pages += 1
        if pages == 5:
            is_half.set()
        await hand_out(self, page)
        await asyncio.sleep(0)

    monkeypatch.setattr(LiveHub, "_hand_out", counted)
    async with hub.watch(admin, codes=["P1"]) as first:
        batch = [(panel, reading(second)) for panel in panels.values() for second in range(COUNT)]
        handing = asyncio.create_task(hub._hear(News(await meters.store(batch))))
        await is_half.wait()
        async with hub.watch(admin, codes=["P2"]) as later:
            start = later.start
            await handing
            told, told_later = received(first), received(later)
    assert told == [("P1", float(second)) for second in range(COUNT)]
    assert told_later == [("P2", float(second)) for second in range(COUNT) if reading(second).at >= start.at]
    assert 0 < len(told_later) < COUNT


async def test_a_quick_client_gets_each_reading_of_a_large_batch(
    api: Server, database_url: str, meters: Meters
) -> None:
    panel, account = await add_panel(database_url, "P1"), await add_account(database_url, panels=("P1",))
    count = 5000  # the largest batch of ingest
    received: list[float] = []
    async with speaking(api, account_id=account) as client:
        operation = await client.subscribe(READINGS)
        await client.event(operation)
        await meters.store([(panel, reading(second)) for second in range(count)])
        while len(received) < count:
            event = await client.event(operation)
            assert event["__typename"] == "ReadingReceived", event
            received.append(event["reading"]["energyImportKwh"])
    assert received == [float(second) for second in range(count)]


async def test_a_burst_waits_for_who_reads_and_not_for_who_does_not(
    database_url: str, pool: Pool, meters: Meters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "PAGE", 50)
    monkeypatch.setattr(live, "CAPACITY", 100)
    monkeypatch.setattr(live, "_ROOM_WITHIN_S", 0.2)
    panel = await add_panel(database_url, "P1")
    admin = Viewer(await add_account(database_url, role=Role.ADMIN), Role.ADMIN)
    hub, told = LiveHub(database_url, pool), list[float | None]()
    await hub._catch_up()
    async with hub.watch(admin, codes=None) as quick, hub.watch(admin, codes=None) as slow:

        async def read() -> None:
            while len(told) < COUNT:
                await quick.mailbox.wait(WITHIN_S)
                await asyncio.sleep(0.01)  # it has other things to do as well
                waiting, dropped = quick.mailbox.take()
                assert dropped == 0
                told.extend(stored.reading.energy_import_kwh for stored in waiting)

        batch = await meters.store([(panel, reading(second)) for second in range(COUNT)])
        async with asyncio.timeout(WITHIN_S):
            await asyncio.gather(read(), hub._hear(News(batch)))
        assert slow.mailbox.dropped == COUNT - 1
    assert told == [float(second) for second in range(COUNT)]
