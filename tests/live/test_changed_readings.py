"""Streams tell corrected and restored readings like new ones, and go on after a withdrawal."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from store.connections import open_pool
from store.reading_changes import Author, changed, correct, restore, withdraw
from tests.fixtures.readings import START_AT, Meters, metering, reading
from tests.fixtures.server import Server, add_account, add_panel, speaking

READINGS = """
subscription ($after: Cursor) { panelReadings(after: $after) {
  __typename
  ... on ReadingSnapshot { cursor }
  ... on ReadingReceived { cursor panelCode reading { at energyImportKwh flags } }
  ... on Gap { reason }
} }"""
ADMIN = Author("a look at the meter", name="Ada")


@pytest.fixture
async def meters(database_url: str) -> AsyncIterator[Meters]:
    async with metering(database_url) as opened:
        yield opened


async def test_a_stream_tells_a_correction_and_what_is_restored_after_a_withdrawal(
    api: Server, database_url: str, meters: Meters
) -> None:
    panel_id = await add_panel(database_url, "P1")
    account = await add_account(database_url, panels=("P1",))
    await meters.store([(panel_id, reading(0)), (panel_id, reading(10))])
    place, at = {"panel_id": panel_id}, START_AT + timedelta(seconds=10)
    async with speaking(api, account_id=account) as client, open_pool(database_url) as pool:
        operation = await client.subscribe(READINGS)
        cursor = (await client.event(operation))["cursor"]
        await changed(pool, lambda c: correct(c, at=at, values={"energy_import_kwh": 7.5}, author=ADMIN, **place))
        event = await client.event(operation)
        assert event["reading"] == {"at": "2026-11-02T10:00:10+07:00", "energyImportKwh": 7.5, "flags": ["CORRECTED"]}
        gone = await changed(
            pool, lambda c: withdraw(c, since=at, until=at + timedelta(seconds=1), author=ADMIN, **place)
        )
        await changed(pool, lambda c: restore(c, change_id=gone, author=ADMIN))
        restored = await client.event(operation)
        assert (restored["reading"], restored["cursor"] != event["cursor"]) == (event["reading"], True)
        replay = await client.subscribe(READINGS, after=cursor)
        assert (await client.event(replay)) == restored


async def test_a_cursor_stays_known_after_the_newest_readings_were_withdrawn(
    api: Server, database_url: str, meters: Meters
) -> None:
    panel_id = await add_panel(database_url, "P1")
    account = await add_account(database_url, panels=("P1",))
    await meters.store([(panel_id, reading(0))])
    await meters.store([(panel_id, reading(10))])
    async with speaking(api, account_id=account) as client, open_pool(database_url) as pool:
        cursor = (await client.event(await client.subscribe(READINGS)))["cursor"]
        await changed(
            pool,
            lambda c: withdraw(c, panel_id=panel_id, since=START_AT, until=START_AT + timedelta(hours=1), author=ADMIN),
        )
        operation = await client.subscribe(READINGS, after=cursor)
        await meters.store([(panel_id, reading(20))])
        event = await client.event(operation)
        assert (event["__typename"], event["reading"]["energyImportKwh"]) == ("ReadingReceived", 20.0)
