"""Batches of messages become readings and rejected messages in a real database, each once."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from psycopg import Connection

from ingest.batches import Batches, Inbox
from ingest.mqtt import Delivery
from ingest.writer import MessageWriter
from store.connections import Row, connect
from tests.ingest.messages import panel_payload

BERLIN = "Europe/Berlin"
TURNED_BACK_AT = datetime(2026, 10, 25, 1, 0, tzinfo=UTC)


@pytest.fixture
def database(database_url: str) -> Iterator[Connection[Row]]:
    with connect(database_url) as connection:
        connection.autocommit = True
        yield connection


@pytest.fixture
def writer(database_url: str) -> Iterator[MessageWriter]:
    opened = MessageWriter(database_url, default_time_zone=BERLIN)
    yield opened
    opened.close()


def rows(database: Connection[Row], query: str) -> list[Row]:
    return database.execute(query).fetchall()  # type: ignore[arg-type]


def said(at: datetime, kwh: float, *, received_at: datetime) -> Delivery:
    """What a meter in Berlin says at an instant."""
    payload = panel_payload(kWh=round(kwh, 6), time=f"{at.astimezone(ZoneInfo(BERLIN)):%Y-%m-%d %H:%M:%S}")
    return Delivery("DATA/PM/A", payload, received_at, None, None)


@pytest.mark.parametrize("every_s", [7, 10, 60, 900])
@pytest.mark.parametrize("max_batch", [50, 5000])
def test_steady_usage_while_clocks_are_turned_back_is_exact_and_none_of_it_is_a_duplicate(
    writer: MessageWriter, database: Connection[Row], every_s: int, max_batch: int
) -> None:
    start, seconds = TURNED_BACK_AT - timedelta(minutes=90), range(0, 3 * 3600 + 1, every_s)
    messages = [
        said(at, 98_412 + 2 * second / 3600, received_at=at + timedelta(seconds=number * 389 % 1500))
        for number, second in enumerate(seconds)
        for at in [start + timedelta(seconds=second)]
    ]
    for first in range(0, len(messages), max_batch):
        writer.write(messages[first : first + max_batch])
    counts = rows(database, "SELECT reading_count, duplicate_count, rejected_count FROM ingest_status")
    assert counts == [(len(messages), 0, 0)]
    used_kwh = round(Decimal(2 * seconds[-1]) / 3600, 6)
    for table in ("rollup_five_minutes", "rollup_hour", "rollup_day"):
        assert rows(database, f"SELECT sum(energy_kwh) FROM {table}") == [(used_kwh,)], table  # noqa: S608


CUTS_THE_LINE_ONCE = """
    CREATE SEQUENCE cut;
    CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF nextval('cut') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
            RETURN NEW;
        END $$;
    CREATE TRIGGER cut BEFORE INSERT ON reading FOR EACH ROW WHEN (NEW.energy_import_kwh = 777) EXECUTE FUNCTION cut();
    ALTER TABLE reading ADD CONSTRAINT no_beast CHECK (energy_import_kwh <> 666)"""


async def test_of_a_batch_that_was_split_an_outage_repeats_only_what_was_not_committed(
    writer: MessageWriter, database: Connection[Row]
) -> None:
    database.execute(CUTS_THE_LINE_ONCE)
    unreadable = [Delivery("DATA/PM/A", payload, TURNED_BACK_AT, None, None) for payload in (b"{", b"{ ")]
    registers = [said(TURNED_BACK_AT + timedelta(minutes=n), kwh, received_at=TURNED_BACK_AT + timedelta(minutes=n))
                 for n, kwh in enumerate([1, 2, 666, 777])]  # fmt: skip
    inbox = Inbox(capacity=10)
    for delivery in [unreadable[0], *registers[:2], unreadable[1], *registers[2:]]:
        inbox.put(delivery)
    batches = Batches(inbox, writer, linger_s=0, max_batch=10)
    running = asyncio.ensure_future(batches.run())
    await asyncio.wait_for(inbox.emptied(), 20)
    running.cancel()
    await batches.close()
    rejected = rows(database, "SELECT code, count(*) FROM rejected_message GROUP BY 1 ORDER BY 1")
    assert rejected == [("BAD_JSON", 2), ("STORE_ERROR", 1)]
    assert rows(database, "SELECT energy_import_kwh FROM reading ORDER BY at") == [(1,), (2,), (777,)]
    counts = rows(database, "SELECT message_count, reading_count, duplicate_count, rejected_count FROM ingest_status")
    assert counts == [(6, 3, 0, 3)]
    assert rows(database, "SELECT last_value FROM cut") == [(2,)]
