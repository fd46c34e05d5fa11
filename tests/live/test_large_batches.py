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
from tests.fixtures.server import add_account, add_panel

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
