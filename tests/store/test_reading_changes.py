"""Corrected, withdrawn and restored readings: what was there is kept, and all that is derived follows."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from time import monotonic
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from psycopg import Connection

from metering.reading_changes import MAX_WITHDRAWN
from metering.readings import PhaseValues, Reading, ReadingFlag
from metering.refusals import Refused
from store.connections import Row, connect
from store.reading_changes import Author, correct, restore, withdraw
from store.staging import staged_rows
from tests.fixtures.flat import Flat

START = datetime(2025, 3, 4, 10, tzinfo=UTC)
ADMIN = Author("a look at the meter", name="Ada")
MINUTE = timedelta(minutes=1)


WAITING = """
SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()"""


def wait_until(holds: Callable[[], bool], *, within_s: float = 10) -> None:
    deadline = monotonic() + within_s
    while not holds():
        assert monotonic() < deadline


def minutes(count: int, *, kwh: float = 100.0, kw: float = 6.0) -> list[Reading]:
    """A reading a minute, at a tenth of a kWh each."""
    return [
        Reading(
            START + number * MINUTE,
            START + number * MINUTE,
            voltage_v=PhaseValues(r=224.7),
            active_power_kw=kw,
            energy_import_kwh=round(kwh + number * 0.1, 6),
        )
        for number in range(count)
    ]


OF_STORING = {"panel_id", "batch_id", "received_at", "last_seen_at", "flags", "is_partial", "is_unsettled"}


def _without(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in OF_STORING}


@dataclass(slots=True)
class Meter:
    """A flat's meter, and another one that is told only what is left of its readings in the end."""

    flat: Flat
    control_id: int

    @property
    def connection(self) -> Connection[Row]:
        return self.flat.connection

    def store(self, readings: Iterable[Reading], *, panel_id: int | None = None) -> int:
        """How many of them were new."""
        rows = [(panel_id or self.flat.panel_id, reading) for reading in readings]
        return self.flat.writer.write(rows).reading_count

    def correct(self, at: datetime, **values: float | None) -> int:
        with self.connection.transaction():
            return correct(self.connection, panel_id=self.flat.panel_id, at=at, values=values, author=ADMIN)

    def withdraw(self, since: datetime, until: datetime) -> int:
        with self.connection.transaction():
            return withdraw(self.connection, panel_id=self.flat.panel_id, since=since, until=until, author=ADMIN)

    def restore(self, change_id: int) -> int:
        with self.connection.transaction():
            return restore(self.connection, change_id=change_id, author=ADMIN)

    def registers(self) -> list[float | None]:
        rows = self.flat.execute("SELECT energy_import_kwh FROM reading WHERE panel_id = %(panel_id)s ORDER BY at")
        return [kwh for (kwh,) in rows]

    def used_kwh(self) -> Decimal:
        ((kwh,),) = self.flat.execute("SELECT sum(energy_kwh) FROM rollup_day WHERE panel_id = %(panel_id)s")
        return kwh

    def derived(self, panel_id: int) -> list[list[dict[str, Any]]]:
        """The rollups and the newest reading, without what tells when they were stored."""
        queries = (
            "SELECT to_jsonb(kept) FROM rollup_five_minutes AS kept WHERE panel_id = %(id)s ORDER BY starts_at",
            "SELECT to_jsonb(kept) FROM rollup_hour AS kept WHERE panel_id = %(id)s ORDER BY starts_at",
            "SELECT to_jsonb(kept) FROM rollup_day AS kept WHERE panel_id = %(id)s ORDER BY day",
            "SELECT to_jsonb(kept) FROM register_event AS kept WHERE panel_id = %(id)s ORDER BY at",
            "SELECT to_jsonb(kept) FROM latest_reading AS kept WHERE panel_id = %(id)s",
            "SELECT jsonb_build_object('at', at, 'glitch', flags & 3) FROM reading WHERE panel_id = %(id)s ORDER BY at",
        )
        return [[_without(row) for (row,) in self.flat.execute(query, id=panel_id)] for query in queries]

    def assert_all_follows(self) -> None:
        """The control meter is told what is left; all that is derived of the two must be the same."""
        rows = self.flat.execute(
            "SELECT at, received_at, voltage_r_v, active_power_kw, energy_import_kwh FROM reading"
            " WHERE panel_id = %(panel_id)s ORDER BY at"
        )
        left = [
            Reading(at, received_at, PhaseValues(r=volts), None, kw, energy_import_kwh=kwh)
            for at, received_at, volts, kw, kwh in rows
        ]
        self.flat.execute("DELETE FROM reading WHERE panel_id = %(id)s", id=self.control_id)
        for table in ("rollup_five_minutes", "rollup_hour", "rollup_day", "register_event", "latest_reading"):
            self.flat.execute(f"DELETE FROM {table} WHERE panel_id = %(id)s", id=self.control_id)  # noqa: S608  # pyright: ignore[reportArgumentType]
        self.store(left, panel_id=self.control_id)
        assert self.derived(self.flat.panel_id) == self.derived(self.control_id)


@pytest.fixture
def meter(flat: Flat) -> Meter:
    ((control_id,),) = flat.execute(
        "INSERT INTO panel (code, name, time_zone) VALUES ('CONTROL', 'Control', 'Africa/Lagos') RETURNING id"
    )
    return Meter(flat, control_id)


def test_a_corrected_reading_keeps_its_place_and_all_that_is_derived_follows(meter: Meter) -> None:
    meter.store(replace(one, energy_import_kwh=None) if place == 7 else one for place, one in enumerate(minutes(20)))
    before = meter.flat.execute("SELECT max(batch_id) FROM reading")
    meter.correct(START + 7 * MINUTE, energy_import_kwh=100.65, active_power_kw=None, voltage_r_v=230.1)
    row = meter.flat.execute(
        "SELECT flags, voltage_r_v::text, active_power_kw, energy_import_kwh, received_at, batch_id FROM reading"
        " WHERE at = %(at)s",
        at=START + 7 * MINUTE,
    )[0]
    assert row[:5] == (ReadingFlag.CORRECTED, "230.1", None, 100.65, START + 7 * MINUTE)
    assert row[5] > before[0][0]
    meter.assert_all_follows()


def test_the_newest_reading_is_the_corrected_one(meter: Meter) -> None:
    meter.store(minutes(20))
    meter.correct(START + 19 * MINUTE, active_power_kw=1.25)
    newest = meter.flat.execute("SELECT active_power_kw, flags FROM latest_reading WHERE panel_id = %(panel_id)s")
    assert newest == [(1.25, ReadingFlag.CORRECTED)]
    meter.assert_all_follows()


def test_what_a_correction_replaced_is_kept_whole(meter: Meter) -> None:
    meter.store(minutes(3))
    change_id = meter.correct(START, energy_import_kwh=99.0)
    kept = meter.flat.execute(
        "SELECT is_after, energy_import_kwh, voltage_r_v::text, flags FROM corrected_reading WHERE change_id = %(id)s"
        " ORDER BY is_after",
        id=change_id,
    )
    assert kept == [(False, 100.0, "224.7", 0), (True, 99.0, "224.7", ReadingFlag.CORRECTED)]
    written = meter.flat.execute("SELECT kind, reading_count, reason, made_by, since, until FROM reading_change")
    assert written == [
        ("CORRECTION", 1, "a look at the meter", "Ada", START, START + timedelta(microseconds=1)),
    ]


def test_a_corrected_reading_that_is_handed_in_again_stays_corrected(meter: Meter) -> None:
    meter.store(minutes(3))
    meter.correct(START + 2 * MINUTE, energy_import_kwh=100.15)
    known = meter.derived(meter.flat.panel_id)
    assert meter.store(minutes(3)) == 0
    assert meter.registers() == [100.0, 100.1, 100.15]
    assert meter.derived(meter.flat.panel_id) == known


def test_withdrawn_readings_are_gone_everywhere_and_kept_whole(meter: Meter) -> None:
    meter.store(minutes(90))
    assert meter.used_kwh() == Decimal("8.9")
    change_id = meter.withdraw(START + 10 * MINUTE, START + 80 * MINUTE)
    assert len(meter.registers()) == 20
    kept = meter.flat.execute("SELECT count(*), min(at) FROM withdrawn_reading WHERE change_id = %(id)s", id=change_id)
    assert kept == [(70, START + 10 * MINUTE)]
    assert meter.used_kwh() == Decimal("8.9")  # the register went on meanwhile
    meter.assert_all_follows()


def test_after_the_newest_readings_were_withdrawn_the_one_before_is_the_newest(meter: Meter) -> None:
    meter.store(minutes(90))
    meter.withdraw(START + 60 * MINUTE, START + timedelta(days=1))
    assert meter.used_kwh() == Decimal("5.9")
    assert meter.flat.execute("SELECT at FROM latest_reading") == [(START + 59 * MINUTE,)]
    meter.assert_all_follows()
    meter.store(minutes(100)[90:])
    assert meter.used_kwh() == Decimal("9.9")
    meter.assert_all_follows()


def test_a_panel_of_which_everything_was_withdrawn_has_no_readings(meter: Meter) -> None:
    meter.store(minutes(90))
    meter.withdraw(START, START + timedelta(days=1))
    assert meter.derived(meter.flat.panel_id) == [[]] * 6


def test_withdrawn_readings_do_not_come_back_when_they_are_handed_in_again(meter: Meter) -> None:
    meter.store(minutes(20))
    meter.withdraw(START + 5 * MINUTE, START + 10 * MINUTE)
    known = meter.derived(meter.flat.panel_id)
    result = meter.flat.writer.write([(meter.flat.panel_id, reading) for reading in minutes(20)])
    assert (result.reading_count, result.duplicate_count) == (0, 20)
    assert meter.derived(meter.flat.panel_id) == known
    assert meter.store(minutes(21)) == 1
    meter.assert_all_follows()


def test_withdrawn_readings_do_not_come_back_by_an_import(meter: Meter) -> None:
    meter.store(minutes(20))
    meter.withdraw(START + 5 * MINUTE, START + 10 * MINUTE)
    rows = list(staged_rows((meter.flat.panel_id, reading) for reading in minutes(20)))
    result = meter.flat.writer.write_rows(rows)
    assert (result.reading_count, result.duplicate_count) == (0, 20)
    assert len(meter.registers()) == 15


def test_a_batch_that_waits_for_a_withdrawal_does_not_bring_its_readings_back(meter: Meter, database_url: str) -> None:
    meter.store(minutes(20))
    with connect(database_url) as changing, ThreadPoolExecutor(1) as thread:
        withdraw(changing, panel_id=meter.flat.panel_id, since=START, until=START + 10 * MINUTE, author=ADMIN)
        waiting = thread.submit(meter.store, minutes(21))
        wait_until(lambda: changing.execute(WAITING).fetchone() == (1,))
        changing.commit()
        assert waiting.result(timeout=10) == 1
    assert len(meter.registers()) == 11
    meter.assert_all_follows()


def test_the_forecast_of_a_silent_panel_is_made_again(meter: Meter) -> None:
    meter.store(minutes(3))
    meter.flat.execute(
        "INSERT INTO forecast_attempt (panel_id, tried_at, ledger_id, last_seen_at)"
        " SELECT panel_id, now(), 1, last_seen_at FROM latest_reading"
    )
    meter.withdraw(START, START + MINUTE)
    assert meter.flat.execute("SELECT count(*) FROM forecast_attempt") == [(0,)]


def test_other_panels_readings_of_the_same_instants_are_stored(meter: Meter) -> None:
    meter.store(minutes(20))
    meter.withdraw(START, START + 10 * MINUTE)
    assert meter.store(minutes(20), panel_id=meter.control_id) == 20


def test_the_balance_follows_what_is_withdrawn_corrected_and_restored(meter: Meter) -> None:
    meter.store(minutes(31))
    meter.flat.top_up("50", at=START)
    later = START + timedelta(hours=1)
    assert meter.flat.balance(at=later) == Decimal(47)
    withdrawal = meter.withdraw(START + 21 * MINUTE, later)
    assert meter.flat.balance(at=later) == Decimal(48)
    meter.correct(START + 20 * MINUTE, energy_import_kwh=101.95)
    assert meter.flat.balance(at=later) == Decimal("48.05")
    meter.restore(withdrawal)
    assert meter.flat.balance(at=later) == Decimal(47)


def test_restored_readings_are_as_they_were_and_may_be_handed_in_again(meter: Meter) -> None:
    meter.store(minutes(90))
    known = meter.derived(meter.flat.panel_id)
    withdrawal = meter.withdraw(START + 10 * MINUTE, START + timedelta(days=1))
    restoration = meter.restore(withdrawal)
    assert meter.derived(meter.flat.panel_id) == known
    assert meter.store(minutes(90)) == 0
    assert meter.flat.execute("SELECT count(*) FROM withdrawn_reading") == [(0,)]
    assert meter.flat.execute("SELECT id, restores_id, reading_count FROM reading_change ORDER BY id") == [
        (withdrawal, None, 80),
        (restoration, withdrawal, 80),
    ]


def test_a_restored_correction_is_what_the_meter_said(meter: Meter) -> None:
    meter.store(minutes(20))
    known = meter.derived(meter.flat.panel_id)
    change_id = meter.correct(START + 7 * MINUTE, energy_import_kwh=None, voltage_r_v=None)
    meter.restore(change_id)
    assert meter.derived(meter.flat.panel_id) == known
    assert meter.flat.execute("SELECT DISTINCT flags, voltage_r_v::text FROM reading") == [(0, "224.7")]


def test_a_change_is_undone_once(meter: Meter) -> None:
    meter.store(minutes(20))
    withdrawal = meter.withdraw(START, START + MINUTE)
    restoration = meter.restore(withdrawal)
    for change_id, code in (
        (withdrawal, "ALREADY_RESTORED"),
        (restoration, "CHANGE_NOT_FOUND"),
        (99, "CHANGE_NOT_FOUND"),
    ):
        with pytest.raises(Refused, match=code):
            meter.restore(change_id)


def test_a_reading_that_was_corrected_again_or_withdrawn_is_not_overwritten(meter: Meter) -> None:
    meter.store(minutes(3))
    first = meter.correct(START, energy_import_kwh=99.0)
    second = meter.correct(START, energy_import_kwh=99.5)
    with pytest.raises(Refused, match="CHANGED_SINCE"):
        meter.restore(first)
    withdrawal = meter.withdraw(START, START + MINUTE)
    with pytest.raises(Refused, match="CHANGED_SINCE"):
        meter.restore(second)
    meter.restore(withdrawal)
    meter.restore(second)
    meter.restore(first)
    assert meter.registers() == [100.0, 100.1, 100.2]
    assert meter.flat.execute("SELECT count(*) FROM reading_change") == [(6,)]


def test_what_cannot_be_changed_is_refused_and_leaves_everything_as_it_was(meter: Meter) -> None:
    meter.store(minutes(3))
    known = meter.derived(meter.flat.panel_id)
    with pytest.raises(Refused, match="READING_NOT_FOUND"):
        meter.correct(START + timedelta(seconds=1), energy_import_kwh=1.0)
    with pytest.raises(Refused, match="has these values already"):
        meter.correct(START, energy_import_kwh=100.0, voltage_r_v=224.7, voltage_s_v=None)
    with pytest.raises(Refused, match="READING_NOT_FOUND"):
        meter.withdraw(START + 3 * MINUTE, START + timedelta(days=1))
    assert meter.derived(meter.flat.panel_id) == known
    assert meter.flat.execute("SELECT count(*) FROM reading_change") == [(0,)]


def test_more_readings_than_one_withdrawal_may_take_are_left_alone(meter: Meter) -> None:
    meter.flat.execute("SELECT ensure_reading_partitions(%(at)s, %(at)s)", at=START)
    meter.flat.execute(
        "INSERT INTO reading (panel_id, at, received_at, batch_id)"
        " SELECT %(panel_id)s, %(at)s + number * interval '1 second', %(at)s, 1"
        " FROM generate_series(0, %(most)s) AS number",
        at=START, most=MAX_WITHDRAWN,
    )  # fmt: skip
    with pytest.raises(Refused, match="TOO_MANY_READINGS"):
        meter.withdraw(START, START + timedelta(days=4))


def test_streams_and_jobs_are_told_of_each_change(meter: Meter) -> None:
    meter.store(minutes(3))
    meter.flat.execute("LISTEN reading")
    meter.withdraw(START, START + MINUTE)
    (note,) = meter.connection.notifies(timeout=5, stop_after=1)
    assert meter.flat.execute("SELECT last_batch_id FROM ingest_status") == [(int(note.payload),)]
    meter.correct(START + MINUTE, energy_import_kwh=100.05)
    (note,) = meter.connection.notifies(timeout=5, stop_after=1)
    assert meter.flat.execute("SELECT batch_id FROM reading WHERE at = %(at)s", at=START + MINUTE) == [
        (int(note.payload),)
    ]


NEW_KWH = [None, 0.0, 100.05, 104.0, 50_000.0]
OPERATIONS = st.lists(
    st.tuples(st.sampled_from(["correct", "withdraw", "restore", "store"]), st.integers(0, 59), st.integers(1, 25)),
    min_size=1,
    max_size=7,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations=OPERATIONS)
def test_any_changes_leave_what_the_readings_that_are_left_would_have_made(
    meter: Meter, operations: list[tuple[str, int, int]]
) -> None:
    meter.flat.execute("DELETE FROM reading_change")
    meter.flat.execute("DELETE FROM reading")
    for table in ("rollup_five_minutes", "rollup_hour", "rollup_day", "register_event", "latest_reading"):
        meter.flat.execute(f"DELETE FROM {table}")  # noqa: S608  # pyright: ignore[reportArgumentType]
    meter.store(minutes(60))
    changes: list[int] = []
    for name, minute, length in operations:
        at = START + minute * MINUTE
        try:
            if name == "correct":
                changes.append(meter.correct(at, energy_import_kwh=NEW_KWH[length % len(NEW_KWH)]))
            elif name == "withdraw":
                changes.append(meter.withdraw(at, at + length * MINUTE))
            elif name == "restore" and changes:
                meter.restore(changes[length % len(changes)])
            else:
                meter.store(minutes(60 + length)[minute:])
        except Refused:
            continue
    meter.assert_all_follows()


def test_what_is_older_than_what_is_kept_is_not_changed(meter: Meter) -> None:
    meter.store(minutes(20))
    withdrawal = meter.withdraw(START, START + MINUTE)
    meter.flat.execute(
        "INSERT INTO retention (level, kept_since, announced_at) VALUES ('READINGS', %(at)s, now())",
        at=START + 10 * MINUTE,
    )
    meter.correct(START + 10 * MINUTE, energy_import_kwh=None)
    for refused in (
        lambda: meter.correct(START + 9 * MINUTE, energy_import_kwh=None),
        lambda: meter.withdraw(START + 9 * MINUTE, START + 12 * MINUTE),
        lambda: meter.restore(withdrawal),
    ):
        with pytest.raises(Refused, match="TOO_OLD: Readings can be changed from 2025-03-04 10:10 UTC on"):
            refused()
    assert meter.flat.execute("SELECT count(*) FROM reading_change") == [(2,)]
