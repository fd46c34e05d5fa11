"""What a register did is kept, counted the same wherever usage is asked, and judged again when readings come late."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from psycopg import Connection

from store.connections import Row
from store.merge import BatchWriter
from store.recompute import recompute_range
from tests.store.stored import START, minutes, reading, rows

KINDS = "SELECT kind, at, usage_kwh, reading_count FROM register_event ORDER BY at"
USED = """
SELECT (SELECT sum(energy_kwh) FROM rollup_five_minutes), (SELECT sum(energy_kwh) FROM rollup_hour),
       (SELECT sum(energy_kwh) FROM rollup_day), reading_usage_kwh(1, '2026-03-01', '2026-04-01'),
       metered_usage_kwh(1, '2026-03-01', '2026-04-01')"""
MINUTE = timedelta(minutes=1)


def assert_used(database: Connection[Row], kwh: str) -> None:
    assert rows(database, USED) == [(Decimal(kwh),) * 5]


@pytest.mark.parametrize("order", [list, reversed], ids=["in order", "late"])
def test_a_rollover_counts_what_was_left_and_what_came_after(
    writer: BatchWriter, database: Connection[Row], order: Any
) -> None:
    for one in order(minutes(START, 9_999.5, 9_999.75, 0.25, 0.5)):
        writer.write([one])
    assert rows(database, KINDS) == [("ROLLOVER", START + 2 * MINUTE, Decimal("0.5"), 1)]
    assert_used(database, "1.0")


def test_a_dip_is_a_reset_until_the_register_comes_back(writer: BatchWriter, database: Connection[Row]) -> None:
    said = minutes(START, 500.0, 500.5, 0.0, 501.0)
    for one in said[:3]:
        writer.write([one])
    assert rows(database, KINDS) == [("RESET", START + 2 * MINUTE, 0, 1)]
    assert_used(database, "0.5")
    writer.write(said[3:])
    assert rows(database, KINDS) == [("GLITCH", START + 2 * MINUTE, 0, 1)]
    assert rows(database, "SELECT flags FROM reading ORDER BY at") == [(0,), (0,), (1,), (0,)]
    assert_used(database, "1.0")


def test_a_late_reading_may_show_that_a_swap_was_none(writer: BatchWriter, database: Connection[Row]) -> None:
    hour = timedelta(hours=1)
    writer.write([(1, reading(START, 500.0)), (1, reading(START + MINUTE, 900.0))])
    assert rows(database, KINDS) == [("METER_SWAP", START + MINUTE, 0, 1)]
    writer.write([(1, reading(START - hour, 300.0)), (1, reading(START + 2 * MINUTE, 500.5))])
    assert rows(database, KINDS) == [("GLITCH", START + MINUTE, 0, 1)]
    assert_used(database, "200.5")


def test_a_panel_is_settled_again_after_six_regular_steps(writer: BatchWriter, database: Connection[Row]) -> None:
    said = minutes(START, 500.0, 0.0, *(number / 10 for number in range(1, 10)))
    recomputed = [bool(writer.write([one]).late_panels) for one in said]
    assert recomputed == [False, *[True] * 7, *[False] * 3]
    assert rows(database, "SELECT unsettled_registers FROM latest_reading") == [(0,)]
    assert_used(database, "0.9")


def test_removing_what_made_a_glitch_of_a_reading_makes_it_count(
    writer: BatchWriter, database: Connection[Row]
) -> None:
    writer.write(minutes(START, 500.0, 500.5, 501.0, 500.75))
    assert rows(database, KINDS) == [("GLITCH", START + 2 * MINUTE, 0, 1)]
    assert_used(database, "0.75")
    last = START + 3 * MINUTE
    database.execute("DELETE FROM reading WHERE at = %s", (last,))
    recompute_range(database, panel_id=1, since=last, until=last + MINUTE)
    database.commit()
    assert rows(database, KINDS) == []
    assert rows(database, "SELECT at, flags, unsettled_registers FROM latest_reading") == [(last - MINUTE, 0, 0)]
    assert_used(database, "1.0")


def test_an_export_that_stopped_does_not_keep_the_import_from_adding(
    writer: BatchWriter, database: Connection[Row]
) -> None:
    writer.write([(1, reading(START, 5.0, energy_export_kwh=9.0))])
    writer.write([(1, reading(START + MINUTE, 5.1, energy_export_kwh=2.0))])
    assert rows(database, "SELECT unsettled_registers FROM latest_reading") == [(2,)]
    assert writer.write([(1, reading(START + 2 * MINUTE, 5.2))]).late_panels == ()


def test_a_meter_that_sends_every_second_register_as_zero_uses_what_the_others_say(
    writer: BatchWriter, database: Connection[Row]
) -> None:
    said = minutes(START, *(round(500 + number / 100, 2) if number % 2 == 0 else 0.0 for number in range(201)))
    for first in range(0, len(said), 20):
        writer.write(said[first : first + 20])
    assert_used(database, "2.0")
    assert rows(database, "SELECT count(*) FROM reading WHERE flags = 1") == [(100,)]
    assert rows(database, "SELECT count(*) FROM register_event WHERE kind <> 'GLITCH'") == [(0,)]
