"""What devices say of themselves is kept in any order and within bounds; what meters show becomes credit once."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import permutations
from typing import Any, LiteralString

import psycopg
import pytest

import store.device_reports
from metering.devices import BalanceShown, DeviceKind, DeviceReport, ReportKind
from store.balances_shown import keep_balances
from store.connections import Row, connect
from store.devices import keep_reports
from tests.fixtures.flat import NOW, Flat
from tests.fixtures.notices import told

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def database(database_url: str) -> Iterator[psycopg.Connection[Row]]:
    with connect(database_url) as opened:
        yield opened


def report(minutes: float = 0, device: str = "plug", **said: Any) -> DeviceReport:
    return DeviceReport(device, DeviceKind.SHELLY, AT + minutes * MINUTE, **said)


def keep(database: psycopg.Connection[Row], *reports: DeviceReport) -> None:
    keep_reports(database, reports)
    database.commit()


def one(database: psycopg.Connection[Row], statement: LiteralString) -> Row:
    (row,) = database.execute(statement).fetchall()
    return row


HEARD: LiteralString = "SELECT first_heard_at, last_heard_at FROM device"
PRESENCE: LiteralString = "SELECT is_online, online_said_at, online_changed_at FROM device"


def test_presence_is_what_was_said_last_whatever_the_order(database: psycopg.Connection[Row]) -> None:
    said = [report(0, is_online=True), report(1, is_online=False), report(2, is_online=True)]
    for place, order in enumerate(permutations(said)):
        for part in order:
            keep(database, DeviceReport(f"plug {place}", part.kind, part.heard_at, is_online=part.is_online))
    assert set(database.execute("SELECT is_online, online_said_at FROM device")) == {(True, AT + 2 * MINUTE)}


def test_presence_of_one_batch_holds_since_it_was_first_said(database: psycopg.Connection[Row]) -> None:
    keep(database, *(report(at, is_online=online) for at, online in enumerate((True, False, True, True))))
    assert one(database, PRESENCE) == (True, AT + 3 * MINUTE, AT + 2 * MINUTE)
    keep(database, report(9, is_online=True))
    assert one(database, PRESENCE) == (True, AT + 9 * MINUTE, AT + 2 * MINUTE)
    keep(database, report(10, is_online=False), report(11, is_online=True))
    assert one(database, PRESENCE) == (True, AT + 11 * MINUTE, AT + 11 * MINUTE)
    keep(database, report(12, is_online=False))
    assert one(database, PRESENCE) == (False, AT + 12 * MINUTE, AT + 12 * MINUTE)


def test_a_last_will_is_no_sign_of_life(database: psycopg.Connection[Row]) -> None:
    keep(database, report(5, is_online=False))
    assert one(database, HEARD) == (AT + 5 * MINUTE, None)
    keep(database, report(1))
    keep(database, report(7, is_online=False))
    assert one(database, HEARD) == (AT + MINUTE, AT + MINUTE)


def test_a_busy_device_is_written_every_ten_seconds_at_the_most(database: psycopg.Connection[Row]) -> None:
    for seconds in range(10):
        keep(database, report(seconds / 60))
    assert one(database, HEARD) == (AT, AT)
    keep(database, report(10 / 60))
    assert one(database, HEARD) == (AT, AT + timedelta(seconds=10))


def test_a_meter_number_stays_when_later_messages_lack_it(database: psycopg.Connection[Row]) -> None:
    keep(database, report(1, meter_number="0a01"))
    keep(database, report(2), report(3))
    keep(database, report(0, meter_number="older"))
    keep(database, report(4, meter_number="x" * 101))
    assert one(database, "SELECT meter_number FROM device") == ("0a01",)


def test_devices_of_two_kinds_may_have_one_name(database: psycopg.Connection[Row]) -> None:
    keep(database, report(), DeviceReport("plug", DeviceKind.ZIGBEE2MQTT, AT))
    assert one(database, "SELECT count(*), count(DISTINCT panel_code) FROM device") == (2, 1)


@pytest.mark.parametrize("name", ["", "x" * 513, "a\0b", "half \ud800"])
def test_a_name_that_cannot_be_stored_is_left_out(database: psycopg.Connection[Row], name: str) -> None:
    keep(database, report(device=name, is_online=True), report(device="plug"))
    assert one(database, "SELECT name FROM device") == ("plug",)


def kept(database: psycopg.Connection[Row]) -> list[Any]:
    return [document for (document,) in database.execute("SELECT document FROM device_report ORDER BY received_at")]


def heartbeat(minutes: float, document: str) -> DeviceReport:
    return report(minutes, report=ReportKind.HEARTBEAT, document=document)


def test_documents_are_kept_once_in_order_of_arrival(database: psycopg.Connection[Row]) -> None:
    first, second = heartbeat(1, '{"uptime": 1}'), heartbeat(2, '{"uptime": 2}')
    keep(database, second)
    keep(database, first, second)
    keep(database, first)
    assert kept(database) == [{"uptime": 1}, {"uptime": 2}]


@pytest.mark.parametrize(
    "document",
    [
        "",
        "no JSON",
        '{"a": NaN}',
        "[" * 33 + "]" * 33,
        json.dumps("x" * 65_536),
        f'"{"ä" * 32_768}"',
        '"\\ud800"',
        "[" * 100_000,
    ],
)
def test_a_document_that_cannot_be_answered_is_left_out_and_the_presence_stays(
    database: psycopg.Connection[Row], document: str
) -> None:
    keep(database, report(is_online=True, report=ReportKind.STATUS, document=document))
    assert kept(database) == []
    assert one(database, "SELECT is_online FROM device") == (True,)


def test_odd_documents_are_kept(database: psycopg.Connection[Row]) -> None:
    odd = ['{"text": "\\u0000"}', "[" * 32 + "]" * 32, "123456789012345678901234567890"]
    keep(database, *(heartbeat(minutes, document) for minutes, document in enumerate(odd)))
    assert len(kept(database)) == len(odd)


def test_the_newest_documents_of_each_device_and_kind_are_kept(
    database: psycopg.Connection[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store.device_reports, "KEPT_REPORTS", 3)
    keep(database, report(report=ReportKind.STATUS, document="-1"))
    keep(database, *(heartbeat(minutes, str(minutes)) for minutes in range(5)))
    keep(database, heartbeat(5, "5"), heartbeat(-5, "-5"))
    assert kept(database) == [-1, 3, 4, 5]


def show(flat: Flat, balance_kwh: str, *, at: datetime = NOW) -> int:
    written = keep_balances(flat.connection, [(flat.panel_id, BalanceShown(flat.code, at, Decimal(balance_kwh)))])
    flat.connection.commit()
    return written


def test_the_first_credit_that_a_meter_shows_is_the_balance(flat: Flat) -> None:
    assert show(flat, "37.6") == 1
    assert flat.balance() == Decimal("37.600")
    entries = flat.execute("SELECT kind, units_kwh, shown_kwh, account_id, source, usage_from_at FROM ledger_entry")
    assert entries == [("BALANCE_READING", Decimal("37.600"), Decimal("37.600"), None, "METER", None)]


def test_a_credit_that_the_ledger_knows_already_is_not_written(flat: Flat) -> None:
    flat.meter(100, at=NOW)
    show(flat, "37.6")
    flat.meter(101.02, at=NOW + 30 * MINUTE)
    assert show(flat, "36.58", at=NOW + 30 * MINUTE) == 0
    assert show(flat, "36.54", at=NOW + 31 * MINUTE) == 0
    assert show(flat, "36.53", at=NOW + 32 * MINUTE) == 1
    assert flat.balance(at=NOW + 32 * MINUTE) == Decimal("36.530")


def test_a_message_that_comes_again_or_late_changes_nothing(flat: Flat) -> None:
    assert [show(flat, "37.6"), show(flat, "37.6"), show(flat, "12.0"), show(flat, "90", at=NOW - MINUTE)] == [
        1,
        0,
        0,
        0,
    ]
    flat.meter(100, at=NOW - 2 * MINUTE)
    flat.meter(105, at=NOW + MINUTE)
    assert show(flat, "37.6") == 0
    assert flat.execute("SELECT count(*) FROM ledger_entry") == [(1,)]


def test_a_token_that_is_typed_in_is_seen_at_once(flat: Flat) -> None:
    show(flat, "3.2")
    assert show(flat, "53.2", at=NOW + timedelta(seconds=5)) == 1
    assert flat.balance(at=NOW + MINUTE) == Decimal("53.200")


def test_a_meter_without_a_register_does_not_fill_the_ledger(flat: Flat) -> None:
    written = [minute for minute in range(61) if show(flat, f"{50 - minute / 50:.2f}", at=NOW + minute * MINUTE)]
    assert written == [0, 15, 30, 45, 60]


def test_a_meter_that_sends_its_credit_after_its_register_does_not_fill_the_ledger(flat: Flat) -> None:
    written: list[int] = []
    for minute in range(0, 60, 2):
        flat.meter(100 + minute / 20, at=NOW + minute * MINUTE)
        lagging, right = (f"{50 - at / 20:.1f}" for at in (max(minute - 2, 0), minute))
        written += [show(flat, lagging, at=NOW + minute * MINUTE), show(flat, right, at=NOW + (minute + 1) * MINUTE)]
    assert sum(written) == 4


def test_a_meter_that_uses_much_is_written_every_minute_at_the_most(flat: Flat) -> None:
    seconds = range(0, 181, 20)
    written = [second for second in seconds if show(flat, str(500 - second), at=NOW + second / 60 * MINUTE)]
    assert written == [0, 60, 120, 180]


def test_a_credit_that_flickers_is_written_there_and_back_once_a_minute_at_the_most(flat: Flat) -> None:
    written = [show(flat, credit, at=NOW + second * timedelta(seconds=1)) for second, credit in enumerate("90" * 60)]
    assert sum(written) == 3


def test_of_one_batch_the_newest_credit_of_each_panel_counts(flat: Flat) -> None:
    shown = [BalanceShown(flat.code, NOW + at * MINUTE, Decimal(kwh)) for at, kwh in ((2, "7"), (0, "9"), (1, "8"))]
    assert keep_balances(flat.connection, [(flat.panel_id, credit) for credit in shown]) == 1
    assert flat.balance(at=NOW + 2 * MINUTE) == Decimal("7.000")


def test_what_was_bought_counts_before_and_after_the_display(flat: Flat) -> None:
    flat.top_up("20", at=NOW - MINUTE)
    assert show(flat, "20.02") == 0
    assert show(flat, "18.5", at=NOW + MINUTE) == 1
    flat.top_up("5", at=NOW + 2 * MINUTE)
    assert flat.balance(at=NOW + 3 * MINUTE) == Decimal("23.500")


def test_a_clock_that_runs_ahead_puts_no_row_into_the_future(flat: Flat) -> None:
    ahead = datetime.now(UTC) + 10 * MINUTE
    flat.meter(100, at=ahead - MINUTE)
    flat.meter(101, at=ahead)
    assert show(flat, "30", at=ahead) == 1
    assert flat.execute("SELECT at <= now(), usage_from_at = %(at)s FROM ledger_entry", at=ahead) == [(True, True)]
    assert flat.balance(at=ahead) == Decimal("30.000")
    assert show(flat, "30", at=ahead) == 0
    flat.meter(102, at=ahead + MINUTE)
    assert flat.balance(at=ahead + MINUTE) == Decimal("29.000")


def test_a_panel_becomes_prepaid_once(flat: Flat) -> None:
    flat.execute("UPDATE panel SET is_prepaid = false")
    show(flat, "10")
    assert flat.execute("SELECT is_prepaid FROM panel") == [(True,)]
    flat.execute("UPDATE panel SET is_prepaid = false")
    show(flat, "20", at=NOW + MINUTE)
    assert flat.execute("SELECT is_prepaid FROM panel") == [(False,)]


def test_forecasts_and_alerts_are_told(flat: Flat, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as listener:
        listener.execute("LISTEN ledger")
        show(flat, "10")
        show(flat, "10", at=NOW + MINUTE)
        assert told(listener, "ledger") == [str(flat.panel_id)]
