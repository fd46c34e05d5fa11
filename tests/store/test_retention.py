"""What is removed when it is old changes no answer that is still given, and waits for nobody."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from kilowatch.housekeeping import Keeping, keep_house
from metering.readings import Reading
from store.connections import Pool, Row, connect, open_pool
from store.merge import BatchWriter
from store.rejected import RejectedMessage, keep_rejected
from store.retention import ANNOUNCED_FOR, Level, announce, due, mark_removed, readings_kept_since
from tests.fixtures.database import cloned

NOW = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
SINCE = NOW - timedelta(days=130)
KEEPING = Keeping(readings_days=40, five_minutes_days=40, hours_days=60)
EVERY = timedelta(minutes=40)
STEADY, SILENT, POSTPAID = 1, 2, 3
ZONES = {STEADY: "Asia/Kathmandu", SILENT: "Africa/Lagos", POSTPAID: "America/Sao_Paulo"}
TOP_UPS = [SINCE + timedelta(days=3, hours=7, minutes=3), SINCE + timedelta(days=50, minutes=1, seconds=30)]
SHOWN_AT = SINCE + timedelta(days=70, hours=5, minutes=58)


def register(panel_id: int, at: datetime) -> Reading:
    hours = (at - SINCE).total_seconds() / 3600
    kwh = round(panel_id * 1000 + hours * (0.3 + 0.1 * panel_id) + (at.minute % 3) * 0.01, 3)
    return Reading(at, at + timedelta(seconds=1), energy_import_kwh=kwh, active_power_kw=0.4)


def history(panel_id: int, *, until: datetime) -> list[tuple[int, Reading]]:
    return [(panel_id, register(panel_id, SINCE + number * EVERY)) for number in range((until - SINCE) // EVERY)]


def furnish(database: Connection[Row]) -> BatchWriter:
    """Three panels; one has said nothing for months. Two have credit."""
    for panel_id, zone in ZONES.items():
        database.execute(
            "INSERT INTO panel (code, name, time_zone, is_prepaid) VALUES (%s, 'x', %s, %s)",
            (f"P{panel_id}", zone, panel_id != POSTPAID),
        )
    for panel_id in (STEADY, SILENT):
        for at in TOP_UPS:
            database.execute(
                "INSERT INTO ledger_entry (panel_id, at, kind, units_kwh) VALUES (%s, %s, 'TOP_UP', 500)",
                (panel_id, at),
            )
    database.execute(
        "INSERT INTO ledger_entry (panel_id, at, kind, units_kwh, shown_kwh)"
        " VALUES (%s, %s, 'BALANCE_READING', 0, 300)",
        (STEADY, SHOWN_AT),
    )
    writer = BatchWriter(database)
    writer.write(history(STEADY, until=NOW))
    writer.write(history(POSTPAID, until=NOW))
    writer.write(history(SILENT, until=SINCE + timedelta(days=20)))
    return writer


@pytest.fixture
def database(database_url: str) -> Iterator[Connection[Row]]:
    with connect(database_url) as connection:
        yield connection


async def tidy(url: str, *, keeping: Keeping = KEEPING, now: datetime = NOW) -> None:
    """Two runs of the step: the first announces, the second removes."""
    async with open_pool(url) as pool:
        await keep_house(pool, keeping=keeping, now=now)
        await keep_house(pool, keeping=keeping, now=now + ANNOUNCED_FOR)


def answers(database: Connection[Row]) -> dict[str, list[Row]]:
    """What is answered of months, days, balances at the ledger's instants and the newest readings."""
    instants = [SINCE, *TOP_UPS, TOP_UPS[1] + timedelta(days=3), SHOWN_AT, NOW - timedelta(days=1, minutes=7), NOW]
    exact = [at for at in instants if at in (*TOP_UPS, SHOWN_AT) or NOW - at < timedelta(days=30)]
    found = {
        "days": database.execute("SELECT * FROM rollup_day ORDER BY 1, 2").fetchall(),
        "recent hours": database.execute(
            "SELECT * FROM rollup_hour WHERE starts_at > %s ORDER BY 1, 2", (NOW - timedelta(days=50),)
        ).fetchall(),
        "balances": database.execute(
            "SELECT panel.id, at, balance_kwh(panel.id, at) FROM panel, unnest(%s::timestamptz[]) AS at ORDER BY 1, 2",
            (exact,),
        ).fetchall(),
        "newest": database.execute("SELECT * FROM latest_reading ORDER BY panel_id").fetchall(),
    }
    database.rollback()
    return found


def count(database: Connection[Row], query: str, *parameters: Any) -> int:
    ((number,),) = database.execute(query.encode(), parameters).fetchall()
    database.rollback()
    return number


async def test_what_is_removed_changes_no_balance_no_day_and_no_newest_reading(
    database: Connection[Row], database_url: str
) -> None:
    furnish(database)
    database.commit()
    before = answers(database)
    assert [kwh for panel_id, _, kwh in before["balances"] if panel_id == STEADY][-1] < Decimal(300)
    everything = count(database, "SELECT count(*) FROM reading")
    await tidy(database_url)
    assert answers(database) == before
    assert count(database, "SELECT count(*) FROM reading") < everything / 2
    horizon = readings_kept_since(database)
    database.rollback()
    assert horizon is not None
    assert NOW - timedelta(days=80) < horizon <= NOW - timedelta(days=38)


@pytest.mark.parametrize(("hours_days", "off_kwh"), [(0, Decimal("0.7")), (60, Decimal("7.2"))])
async def test_usage_that_begins_within_a_removed_day_comes_of_its_hours_or_of_the_day(
    database: Connection[Row], database_url: str, hours_days: int, off_kwh: Decimal
) -> None:
    furnish(database)
    database.commit()
    begins_at = SINCE + timedelta(days=30, hours=3, minutes=30)
    ends_at = [begins_at + span for span in (timedelta(hours=4), timedelta(days=20), NOW - begins_at)]
    usage = "SELECT metered_usage_kwh(%s, %s, until) FROM unnest(%s::timestamptz[]) AS until"
    before = database.execute(usage, (POSTPAID, begins_at, ends_at)).fetchall()
    database.rollback()
    await tidy(database_url, keeping=Keeping(readings_days=40, five_minutes_days=40, hours_days=hours_days))
    after = database.execute(usage, (POSTPAID, begins_at, ends_at)).fetchall()
    for (exact_kwh,), (kwh,) in zip(before, after, strict=True):
        assert kwh > 0
        assert abs(kwh - exact_kwh) < off_kwh


LATER: Sequence[Sequence[tuple[int, Reading]]] = [
    [(SILENT, register(SILENT, NOW))],
    [(STEADY, register(STEADY, NOW + EVERY)), (POSTPAID, register(POSTPAID, NOW + EVERY))],
    [(SILENT, register(SILENT, NOW - timedelta(days=30)))],
    [(STEADY, register(STEADY, NOW - timedelta(days=37, minutes=11)))],
    [(SILENT, register(SILENT, NOW - timedelta(days=37)))],
]


async def test_later_readings_count_as_if_nothing_had_been_removed(
    database: Connection[Row], database_url: str, server_url: str, server: psycopg.Connection, template: Any
) -> None:
    with cloned(server_url, server, template) as whole_url, connect(whole_url) as whole:
        for one in (database, whole):
            furnish(one)
            one.commit()
        await tidy(database_url)
        for one in (database, whole):
            writer = BatchWriter(one)
            for batch in LATER:
                writer.write(batch)
        assert _without_batch(answers(database)) == _without_batch(answers(whole))


def _without_batch(found: dict[str, list[Row]]) -> dict[str, list[Row]]:
    return found | {"newest": [row[:3] + row[4:] for row in found["newest"]]}


async def test_a_horizon_is_announced_before_anything_is_removed(database: Connection[Row], pool: Pool) -> None:
    furnish(database)
    database.commit()
    everything = count(database, "SELECT count(*) FROM reading")
    assert readings_kept_since(database) is None
    database.rollback()
    await keep_house(pool, keeping=KEEPING, now=NOW)
    assert readings_kept_since(database) is not None
    database.rollback()
    await keep_house(pool, keeping=KEEPING, now=NOW + ANNOUNCED_FOR / 2)
    assert count(database, "SELECT count(*) FROM reading") == everything
    await keep_house(pool, keeping=KEEPING, now=NOW + ANNOUNCED_FOR)
    assert count(database, "SELECT count(*) FROM reading") < everything


async def test_a_horizon_moves_forward_only_and_only_after_what_was_announced_is_gone(pool: Pool) -> None:
    async with pool.connection() as connection:
        for since in (NOW, NOW + timedelta(days=1)):
            await announce(connection, Level.HOURS, since=since, now=NOW)
        later = NOW + ANNOUNCED_FOR
        span = await due(connection, Level.HOURS, now=later)
        assert span is not None
        assert (span.since, span.until) == (None, NOW)
        await mark_removed(connection, Level.HOURS, until=NOW)
        assert await due(connection, Level.HOURS, now=later) is None
        await announce(connection, Level.HOURS, since=NOW - timedelta(days=1), now=later)
        assert await due(connection, Level.HOURS, now=later + ANNOUNCED_FOR) is None
        await announce(connection, Level.HOURS, since=NOW + timedelta(days=1), now=later)
        span = await due(connection, Level.HOURS, now=later + ANNOUNCED_FOR)
        assert span is not None
        assert (span.since, span.until) == (NOW, NOW + timedelta(days=1))


async def test_readings_are_refused_from_where_the_sums_of_their_day_are_incomplete(
    database: Connection[Row], pool: Pool
) -> None:
    async with pool.connection() as connection:
        await announce(connection, Level.READINGS, since=NOW - timedelta(days=60), now=NOW)
        assert readings_kept_since(database) == NOW - timedelta(days=60)
        database.rollback()
        await announce(connection, Level.FIVE_MINUTES, since=NOW - timedelta(days=50), now=NOW)
        assert readings_kept_since(database) == NOW - timedelta(days=48)
        database.rollback()
        await announce(connection, Level.HOURS, since=NOW - timedelta(days=40), now=NOW)
        assert readings_kept_since(database) == NOW - timedelta(days=48)


async def test_five_minutes_stay_on_the_ledgers_days_and_on_a_panels_last(
    database: Connection[Row], database_url: str
) -> None:
    furnish(database)
    database.commit()
    await tidy(database_url, keeping=Keeping(five_minutes_days=40))
    kept = database.execute(
        "SELECT panel_id, array_agg(DISTINCT (starts_at AT TIME ZONE time_zone)::date ORDER BY"
        " (starts_at AT TIME ZONE time_zone)::date) FROM rollup_five_minutes JOIN panel ON panel.id = panel_id"
        " WHERE starts_at < %s GROUP BY 1 ORDER BY 1",
        ((NOW - timedelta(days=41)).replace(hour=0),),
    ).fetchall()
    days = {panel_id: [f"{day:%m-%d}" for day in found] for panel_id, found in kept}
    silent_since = SINCE + timedelta(days=20)
    assert days == {
        STEADY: ["02-09", "03-27", "04-16"],
        SILENT: ["02-08", *[f"{silent_since - timedelta(days=back):%m-%d}" for back in (3, 2, 1, 0)]],
    }


OLD_SUMS = {
    Keeping(five_minutes_days=60): "SELECT count(*) FROM rollup_five_minutes WHERE panel_id = %s AND starts_at < %s",
    Keeping(hours_days=60): "SELECT count(*) FROM rollup_hour WHERE panel_id = %s AND starts_at < %s",
}


@pytest.mark.parametrize("keeping", OLD_SUMS)
async def test_what_stayed_of_a_silent_panel_goes_once_it_has_spoken_again(
    database: Connection[Row], database_url: str, keeping: Keeping
) -> None:
    writer = furnish(database)
    database.execute("DELETE FROM ledger_entry")
    database.commit()
    await tidy(database_url, keeping=keeping)
    old = OLD_SUMS[keeping]
    assert count(database, old, SILENT, NOW - timedelta(days=61)) > 0
    writer.write([(SILENT, register(SILENT, NOW + timedelta(hours=1)))])
    await tidy(database_url, keeping=keeping, now=NOW + timedelta(days=4))
    assert count(database, old, SILENT, NOW - timedelta(days=61)) == 0
    assert count(database, old, STEADY, NOW - timedelta(days=61)) == 0


async def test_it_is_told_from_when_on_readings_are_refused_and_what_was_removed(
    database: Connection[Row], database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    furnish(database)
    database.commit()
    caplog.set_level("INFO", logger="kilowatch.housekeeping")
    await tidy(database_url, keeping=Keeping(five_minutes_days=40, hours_days=60))
    since = (NOW - timedelta(days=40)).replace(hour=0)
    words = f"sums of five minutes before {since.isoformat()} will be removed in two minutes; "
    refused = f"from now on and for ever, readings before {(since + timedelta(days=2)).isoformat()} are TOO_OLD"
    assert caplog.messages[0] == words + refused
    assert [message.partition(" were removed: ")[0] for message in caplog.messages[2:]] == [
        f"sums of five minutes before {since.isoformat()}",
        f"sums of hours before {(NOW - timedelta(days=60)).replace(hour=0).isoformat()}",
    ]
    caplog.clear()
    await tidy(database_url, keeping=Keeping(five_minutes_days=40, hours_days=60))
    assert caplog.messages == []


async def test_hours_and_rejected_messages_go_when_they_are_old(database: Connection[Row], database_url: str) -> None:
    furnish(database)
    old, young = NOW - timedelta(days=91), NOW - timedelta(days=89)
    kept = [RejectedMessage(f"{at:%j}", b"{", at, "BAD_JSON", "no") for at in (old, young)]
    keep_rejected(database, [*kept, RejectedMessage(f"{old:%j}", b"[", old, "BAD_JSON", "no")])
    keep_rejected(database, [RejectedMessage(f"{old:%j}", b"[", old + timedelta(hours=23), "BAD_JSON", "no")])
    database.commit()
    await tidy(database_url, keeping=Keeping(hours_days=60, rejected_days=90))
    until = (NOW - timedelta(days=60)).replace(hour=0) - timedelta(hours=6)  # the hour with Kathmandu's midnight
    oldest = "SELECT min(starts_at) FROM rollup_hour WHERE panel_id = %s"
    assert database.execute(oldest, (STEADY,)).fetchone() == (until,)
    assert count(database, "SELECT count(*) FROM rejected_message") == 1
    assert count(database, "SELECT count(*) FROM rollup_hour WHERE panel_id = %s", SILENT) == 85


@contextmanager
def somebody_reads(url: str) -> Generator[None]:
    with connect(url) as reader:
        reader.execute("SELECT count(*) FROM reading")
        yield


async def test_removal_gives_way_to_readers_and_is_done_the_next_time(
    database: Connection[Row], database_url: str
) -> None:
    furnish(database)
    database.commit()
    everything = count(database, "SELECT count(*) FROM reading")
    with somebody_reads(database_url):
        await tidy(database_url, keeping=Keeping(readings_days=40))
    assert count(database, "SELECT count(*) FROM reading") == everything
    async with open_pool(database_url) as pool:
        await keep_house(pool, keeping=Keeping(readings_days=40), now=NOW + 2 * ANNOUNCED_FOR)
    assert count(database, "SELECT count(*) FROM reading") < everything


async def test_removing_again_and_again_changes_nothing_more(database: Connection[Row], database_url: str) -> None:
    furnish(database)
    database.commit()
    await tidy(database_url)
    left = count(database, "SELECT count(*) FROM reading")
    before = answers(database)
    for days in (0, 20, 40):
        await tidy(database_url, now=NOW + timedelta(days=days))
    assert count(database, "SELECT count(*) FROM reading") < left
    assert answers(database)["balances"] == before["balances"]
    assert answers(database)["days"] == before["days"]
