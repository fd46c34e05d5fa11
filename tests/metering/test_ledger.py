"""What a person may type in: amounts, tokens, keys and times, each with its bounds."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.ledger import checked_key, checked_token, checked_units, correction_kwh, entry_time, ordered_time, receipt
from metering.money import Money
from metering.refusals import Refused
from metering.tariffs.rules import flat

NOW = datetime(2026, 3, 10, 5, tzinfo=UTC)
TOKEN = "12345678901234567890"
FLAT = flat("Flat", valid_from=date(1970, 1, 1), unit_price=Decimal(1500), currency="IDR", vat_percent=Decimal(0))


@given(st.text("0123456789", min_size=20, max_size=20), st.sampled_from([" ", "-", ""]), st.integers(1, 5))
def test_a_token_is_its_20_digits_however_a_slip_prints_them(digits: str, between: str, group: int) -> None:
    printed = between.join(digits[start : start + group] for start in range(0, 20, group))
    assert checked_token(printed) == digits


@pytest.mark.parametrize(
    "token", ["", "1" * 19, "1" * 21, "a" * 20, "1" * 19 + "\u0661", "1" * 20 + "\n", " " * 50 + TOKEN]
)
def test_anything_else_is_no_token(token: str) -> None:
    with pytest.raises(Refused, match="BAD_TOKEN"):
        checked_token(token)


def test_a_receipt_is_for_money_or_for_a_token_that_says_its_units() -> None:
    paid = Money(Decimal(3000), "IDR")
    assert receipt(paid=paid, units_kwh=None, token=None, tariff=FLAT).units_kwh == 2
    with_token = receipt(paid=paid, units_kwh=None, token=TOKEN, tariff=FLAT)
    assert (with_token.units_kwh, with_token.token, with_token.tariff) == (2, TOKEN, FLAT)
    slip = receipt(paid=None, units_kwh=Decimal("7.5"), token=TOKEN, tariff=FLAT)
    assert (slip.units_kwh, slip.paid, slip.tariff) == (Decimal("7.5"), None, None)
    for units_kwh, token in ((None, None), (Decimal(5), None), (None, TOKEN)):
        with pytest.raises(Refused, match="BAD_INPUT"):
            receipt(paid=None, units_kwh=units_kwh, token=token, tariff=FLAT)
    with pytest.raises(Refused, match="BAD_INPUT"):
        receipt(paid=paid, units_kwh=Decimal(5), token=TOKEN, tariff=FLAT)


@pytest.mark.parametrize(("units", "above_zero", "is_taken"), [
    ("0", False, True), ("0", True, False), ("0.001", True, True), ("100000", True, True), ("100000.001", True, False),
    ("-0.001", False, False), ("1.0005", False, False), ("1.500000", False, True),
])  # fmt: skip
def test_units_are_bounded_and_go_down_to_a_watt_hour(units: str, above_zero: bool, is_taken: bool) -> None:  # noqa: FBT001
    try:
        taken = checked_units(Decimal(units), field="unitsKwh", above_zero=above_zero) == Decimal(units)
    except Refused as refused:
        assert (refused.code, refused.field) == ("BAD_AMOUNT", "unitsKwh")  # noqa: PT017
        taken = False
    assert taken is is_taken


@pytest.mark.parametrize("key", ["x" * 8, "x" * 100, "3f2a9c1e-77", "a.b_c:d/e+f"])
def test_a_key_is_eight_to_a_hundred_signs(key: str) -> None:
    assert checked_key(key) == key


@pytest.mark.parametrize(
    "key", ["", "x" * 7, "x" * 101, "has space!", "tab\tinside", "nul\0inside", "\u00e9" * 8, "line\nfeed1"]
)
def test_anything_else_is_no_key(key: str) -> None:
    with pytest.raises(Refused, match="BAD_INPUT"):
        checked_key(key)


def test_a_time_is_from_2010_on_and_not_in_the_future() -> None:
    assert entry_time(None, now=NOW) == NOW
    assert entry_time(NOW - timedelta(days=1), now=NOW) == NOW - timedelta(days=1)
    assert entry_time(NOW + timedelta(minutes=5), now=NOW) == NOW
    assert entry_time(datetime(2010, 1, 1, tzinfo=UTC), now=NOW).year == 2010
    for at in (NOW + timedelta(minutes=5, microseconds=1), datetime(2009, 12, 31, 23, 59, tzinfo=UTC)):
        with pytest.raises(Refused, match="BAD_TIME"):
            entry_time(at, now=NOW)


@given(shown=st.decimals(0, 100_000, places=3), balance=st.decimals(-100_000, 100_000, places=3))
def test_a_correction_makes_the_balance_what_is_shown(shown: Decimal, balance: Decimal) -> None:
    assert balance + correction_kwh(shown_kwh=shown, balance_kwh=balance) == shown


def test_nothing_may_be_dated_before_the_newest_display_and_what_happens_now_never_is() -> None:
    second = timedelta(seconds=1)
    assert ordered_time(NOW, is_now=False, earliest_at=None) == NOW
    assert ordered_time(NOW, is_now=False, earliest_at=NOW) == NOW
    assert ordered_time(NOW, is_now=True, earliest_at=NOW + second) == NOW + second
    with pytest.raises(Refused, match=r"BAD_TIME: .*2026-03-10T05:00:00\+00:00"):
        ordered_time(NOW - second, is_now=False, earliest_at=NOW)
