"""What a person may type in: amounts, tokens, keys and times, each with its bounds."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.ledger import (
    Terms,
    checked_key,
    checked_token,
    checked_units,
    correction_kwh,
    credit,
    entry_time,
    quoted,
    row_time,
)
from metering.money import Money
from metering.refusals import Refused
from metering.tariffs.receipts import ReceiptKind
from metering.tariffs.rules import Recurrence, StandingCharge, Vending, flat

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


TERMS = Terms(NOW, FLAT)


def test_credit_is_for_money_or_for_a_token_that_says_its_units() -> None:
    paid = Money(Decimal(3000), "IDR")
    assert credit(paid=paid, units_kwh=None, token=None, terms=TERMS).units_kwh == 2
    with_token = credit(paid=paid, units_kwh=None, token=TOKEN, terms=TERMS)
    assert (with_token.units_kwh, with_token.token) == (2, TOKEN)
    assert with_token.receipt
    assert with_token.receipt.tariff == FLAT
    slip = credit(paid=None, units_kwh=Decimal("7.5"), token=TOKEN, terms=Terms(NOW, None))
    assert (slip.units_kwh, slip.receipt) == (Decimal("7.5"), None)
    for units_kwh, token in ((None, None), (Decimal(5), None), (None, TOKEN)):
        with pytest.raises(Refused, match="BAD_INPUT"):
            credit(paid=None, units_kwh=units_kwh, token=token, terms=TERMS)
    with pytest.raises(Refused, match="BAD_INPUT"):
        credit(paid=paid, units_kwh=Decimal(5), token=TOKEN, terms=TERMS)
    with pytest.raises(Refused, match="NO_TARIFF"):
        credit(paid=paid, units_kwh=None, token=None, terms=Terms(NOW, None))


@given(lent=st.decimals(0, 50, places=3), bought=st.decimals("0.001", 50, places=3))
def test_what_was_lent_is_repaid_before_the_balance_rises(lent: Decimal, bought: Decimal) -> None:
    slip = credit(paid=None, units_kwh=bought, token=TOKEN, terms=Terms(NOW, None, lent_kwh=lent))
    assert slip.repaid_kwh == min(lent, bought)
    assert slip.added_kwh + slip.repaid_kwh == slip.units_kwh == bought


def test_the_first_payment_of_a_month_bears_its_standing_charges_and_a_debt_its_share() -> None:
    charges = (
        StandingCharge("Line", Decimal(1500), Recurrence.MONTH),
        StandingCharge("Day", Decimal(9), Recurrence.DAY),
    )
    tariff = replace(FLAT, standing_charges=charges, vending=Vending(debt_percent=Decimal(25)))
    terms, paid = Terms(NOW, tariff, debt=Decimal(1000)), Money(Decimal(10000), "IDR")
    first = credit(paid=paid, units_kwh=None, token=None, terms=terms)
    assert (first.recovered, first.units_kwh) == (1000, 5)
    assert [line.kind for line in (first.receipt.lines if first.receipt else ())] == [
        ReceiptKind.STANDING_CHARGE, ReceiptKind.DEBT, ReceiptKind.ENERGY,
    ]  # fmt: skip
    later = credit(
        paid=paid, units_kwh=None, token=None, terms=replace(terms, is_standing_paid=True, debt=Decimal(9000))
    )
    assert (later.recovered, later.units_kwh) == (2500, 5)


def test_a_quote_is_of_money_or_of_units() -> None:
    assert quoted(paid=Money(Decimal(3000), "IDR"), units_kwh=None, terms=TERMS).units_kwh == 2
    wanted = quoted(paid=None, units_kwh=Decimal(2), terms=replace(TERMS, lent_kwh=Decimal("0.5")))
    assert wanted.receipt
    assert wanted.receipt.gross == Money(Decimal(3000), "IDR")
    assert (wanted.repaid_kwh, wanted.added_kwh) == (Decimal("0.5"), Decimal("1.5"))
    for paid, units_kwh in ((None, None), (Money(Decimal(3000), "IDR"), Decimal(2))):
        with pytest.raises(Refused, match="BAD_INPUT"):
            quoted(paid=paid, units_kwh=units_kwh, terms=TERMS)


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


def test_what_happens_now_comes_last_and_what_happened_stands_where_it_did() -> None:
    second = timedelta(seconds=1)
    assert row_time(NOW, is_now=True, newest_at=None, since=None) == NOW
    assert row_time(NOW, is_now=True, newest_at=NOW + second, since=NOW + 2 * second) == NOW + second
    assert row_time(NOW - second, is_now=False, newest_at=NOW, since=None) == NOW - second
    assert row_time(NOW, is_now=False, newest_at=None, since=NOW) == NOW
    with pytest.raises(Refused, match=r"BEFORE_METER: .*2026-03-10T05:00:00\+00:00"):
        row_time(NOW - second, is_now=False, newest_at=None, since=NOW)
