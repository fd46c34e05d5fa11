"""What is left of a panel's credit at any instant: what the display showed, what was bought since, what was used."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from tests.fixtures.flat import NOW, Flat

HOUR = timedelta(hours=1)


def kwh(balance: str) -> Decimal:
    return Decimal(balance)


def meter_hourly(flat: Flat, *, since: datetime, until: datetime, register_kwh: float) -> None:
    """A kWh an hour, each reading arriving `until`."""
    for hours in range((until - since) // HOUR + 1):
        flat.meter(register_kwh + hours, at=since + hours * HOUR, received_at=until)


def test_without_a_recorded_balance_it_is_what_was_bought_less_the_usage_since(flat: Flat) -> None:
    meter_hourly(flat, since=NOW - 3 * HOUR, until=NOW, register_kwh=100)
    flat.top_up("10", at=NOW - 2 * HOUR)
    flat.top_up("5", at=NOW - HOUR)
    asked = [NOW - 3 * HOUR, NOW - 2 * HOUR, NOW - HOUR, NOW, NOW + HOUR]
    assert [flat.balance(at=at) for at in asked] == [None, kwh("10"), kwh("14"), kwh("13"), kwh("13")]


def test_a_morning_that_is_handed_in_after_a_look_at_the_display_is_not_taken_off_twice(flat: Flat) -> None:
    flat.meter(100, at=NOW - 11 * HOUR)
    flat.top_up("50", at=NOW - 11 * HOUR)
    flat.show("40", at=NOW)
    meter_hourly(flat, since=NOW - 10 * HOUR, until=NOW, register_kwh=101)
    assert flat.balance(at=NOW) == kwh("40")
    flat.meter(111.5, at=NOW + HOUR)
    assert flat.balance(at=NOW + HOUR) == kwh("39.5")
    assert flat.balance(at=NOW - HOUR) == kwh("40")  # before the look: 50 bought, 10 used


def test_readings_that_arrive_late_count_from_the_newest_display_before_the_instant(flat: Flat) -> None:
    flat.meter(100, at=NOW - 6 * HOUR)
    for shown, hours in (("50", 6), ("30", 4), ("20", 2)):
        flat.show(shown, at=NOW - hours * HOUR)
    flat.top_up("7", at=NOW - HOUR)
    known = {hours: flat.balance(at=NOW - hours * HOUR) for hours in range(7, -1, -1)}
    assert known == {7: None, 6: kwh("50"), 5: kwh("50"), 4: kwh("30"), 3: kwh("30"), 2: kwh("20"), 1: kwh("27"),
                     0: kwh("27")}  # fmt: skip
    meter_hourly(flat, since=NOW - 5 * HOUR, until=NOW, register_kwh=101)
    known = {hours: flat.balance(at=NOW - hours * HOUR) for hours in range(7, -1, -1)}
    assert known == {7: None, 6: kwh("50"), 5: kwh("49"), 4: kwh("30"), 3: kwh("29"), 2: kwh("20"), 1: kwh("26"),
                     0: kwh("25")}  # fmt: skip


@pytest.mark.parametrize(("is_bought_first", "expected"), [(True, "30"), (False, "35")])
def test_of_rows_at_one_instant_the_one_written_later_comes_later(
    flat: Flat,
    is_bought_first: bool,  # noqa: FBT001
    expected: str,
) -> None:
    flat.show("12", at=NOW - HOUR)
    if is_bought_first:
        flat.top_up("5", at=NOW)
    flat.show("30", at=NOW)
    if not is_bought_first:
        flat.top_up("5", at=NOW)
    assert flat.balance(at=NOW) == kwh(expected)


def test_of_two_looks_at_one_instant_the_later_one_holds(flat: Flat) -> None:
    for shown in ("12", "13", "11.5"):
        flat.show(shown, at=NOW)
    assert flat.balance(at=NOW) == kwh("11.5")


def test_a_row_that_is_written_later_for_an_earlier_instant_keeps_its_place(flat: Flat) -> None:
    flat.top_up("5", at=NOW)
    flat.top_up("1", at=NOW - 3 * HOUR)
    flat.show("30", at=NOW - HOUR)
    asked = [NOW - 3 * HOUR, NOW - HOUR, NOW]
    assert [flat.balance(at=at) for at in asked] == [kwh("1"), kwh("30"), kwh("35")]
