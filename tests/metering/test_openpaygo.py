"""OpenPAYGO tokens: form, key, counts in any order, and what the library has wrong; against its own encoder."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpaygo import OpenPAYGOTokenEncoder, TokenType

from metering.openpaygo import (
    PaygoCounts,
    PaygoFault,
    PaygoKind,
    PaygoMeter,
    PaygoToken,
    check_wrong,
    checked_digits,
    checked_meter,
    counts_after,
    digits_of,
    kwh_of,
    next_count,
    next_try_at,
    token_of,
    value_of,
)
from metering.refusals import Refused

KEY = "bc41ec9530f6dac86b1a29ab82edc5fb"
NOW = datetime(2026, 3, 10, 5, tzinfo=UTC)
GIVEN: dict[str, Any] = {
    "secret_key_hex": KEY, "starting_code": 516959010, "kwh_per_value": Decimal("0.1"), "starting_count": 0,
    "has_restricted_digits": False, "makes_long_tokens": False,
}  # fmt: skip


def meter(**others: Any) -> PaygoMeter:
    return checked_meter(**GIVEN | others)


def made(kind: PaygoKind, count: int, value: int | None = None, *, of: PaygoMeter | None = None) -> str:
    """A token of exactly this count, by the library."""
    own = of or meter()
    back = 1 if kind is PaygoKind.ADD_TIME else -1 if count == 0 else 2 if (count - 2) % 2 else 1
    found, digits = OpenPAYGOTokenEncoder.generate_token(
        secret_key=own.secret_key_hex, count=count - back, value=value, token_type=getattr(TokenType, kind.value),
        starting_code=own.starting_code, restricted_digit_set=own.has_restricted_digits,
        extended_token=own.makes_long_tokens,
    )  # fmt: skip
    assert found == count
    return digits


def read(digits: str, *entered: PaygoToken, of: PaygoMeter | None = None, newest: int | None = None) -> Any:
    own = of or meter()
    return token_of(
        checked_digits(digits, meter=own), meter=own, counts=counts_after(own, entered), newest_count=newest
    )


@pytest.mark.parametrize("has_restricted_digits", [False, True])
@pytest.mark.parametrize("makes_long_tokens", [False, True])
@settings(max_examples=15, deadline=None)
@given(count=st.integers(0, 400), value=st.integers(1, 995), starting_code=st.none() | st.integers(1, 999_999_999))
def test_what_is_made_is_read_as_it_was_meant(
    *, has_restricted_digits: bool, makes_long_tokens: bool, count: int, value: int, starting_code: int | None
) -> None:
    own = meter(
        has_restricted_digits=has_restricted_digits, makes_long_tokens=makes_long_tokens,
        starting_count=count, starting_code=starting_code,
    )  # fmt: skip
    token = PaygoToken(PaygoKind.ADD_TIME, value, next_count(count))
    digits = digits_of(token, meter=own)
    assert len(digits) == {(0, 0): 9, (0, 1): 12, (1, 0): 15, (1, 1): 20}[has_restricted_digits, makes_long_tokens]
    assert read(digits, of=own) == token
    assert read(digits, token, of=own) is PaygoFault.USED
    assert kwh_of(token, meter=own) == value * Decimal("0.1")


def test_each_kind_of_token_is_told_apart() -> None:
    assert read(made(PaygoKind.SET_TIME, 3, 250)) == PaygoToken(PaygoKind.SET_TIME, 250, 3)
    assert read(made(PaygoKind.DISABLE_PAYG, 5)) == PaygoToken(PaygoKind.DISABLE_PAYG, 0, 5)
    assert read(made(PaygoKind.COUNTER_SYNC, 7)) == PaygoToken(PaygoKind.COUNTER_SYNC, 0, 7)


def test_tokens_that_add_come_in_any_order_and_once_each() -> None:
    two, four, six = (PaygoToken(PaygoKind.ADD_TIME, 10, count) for count in (2, 4, 6))
    assert read(made(PaygoKind.ADD_TIME, 4, 10), six) == four
    assert read(made(PaygoKind.ADD_TIME, 2, 10), six, four) == two
    assert read(made(PaygoKind.ADD_TIME, 6, 10), six, four, two) is PaygoFault.USED


def test_a_token_that_sets_ends_those_before_it() -> None:
    five = PaygoToken(PaygoKind.SET_TIME, 10, 5)
    assert read(made(PaygoKind.ADD_TIME, 4, 10), five) is PaygoFault.USED
    assert read(made(PaygoKind.SET_TIME, 3, 10), five) is PaygoFault.USED
    assert read(made(PaygoKind.ADD_TIME, 6, 10), five) == PaygoToken(PaygoKind.ADD_TIME, 10, 6)


def test_what_a_meter_took_before_it_came_here_counts_as_used() -> None:
    own = meter(starting_count=100)
    assert read(made(PaygoKind.ADD_TIME, 100, 10), of=own) is PaygoFault.USED
    assert read(made(PaygoKind.ADD_TIME, 96, 10), of=own) is PaygoFault.USED
    assert read(made(PaygoKind.ADD_TIME, 102, 10), of=own) == PaygoToken(PaygoKind.ADD_TIME, 10, 102)


def test_a_meter_looks_64_counts_ahead_and_further_where_later_tokens_are_known() -> None:
    assert read(made(PaygoKind.ADD_TIME, 64, 10)) == PaygoToken(PaygoKind.ADD_TIME, 10, 64)
    assert read(made(PaygoKind.ADD_TIME, 66, 10)) is PaygoFault.WRONG
    assert read(made(PaygoKind.ADD_TIME, 66, 10), newest=80) == PaygoToken(PaygoKind.ADD_TIME, 10, 66)


@pytest.mark.parametrize("long", [False, True])
def test_a_token_of_another_key_is_wrong(*, long: bool) -> None:
    other = meter(secret_key_hex=KEY[::-1], makes_long_tokens=long)
    assert read(made(PaygoKind.ADD_TIME, 2, 10, of=other), of=meter(makes_long_tokens=long)) is PaygoFault.WRONG


@pytest.mark.parametrize("value", [998, 999])
def test_a_long_token_of_an_odd_value_is_taken_once_and_ends_none(value: int) -> None:
    own = meter(makes_long_tokens=True)
    token = PaygoToken(PaygoKind.ADD_TIME, value, 6)
    digits = made(PaygoKind.ADD_TIME, 6, value, of=own)
    assert read(digits, of=own) == token
    assert read(digits, token, of=own) is PaygoFault.USED
    assert read(made(PaygoKind.ADD_TIME, 4, 10, of=own), token, of=own) == PaygoToken(PaygoKind.ADD_TIME, 10, 4)


def test_counts_remember_what_was_used_and_never_go_back() -> None:
    tokens = [PaygoToken(PaygoKind.ADD_TIME, 1, count) for count in (2, 6, 4)]
    assert counts_after(meter(), tokens) == PaygoCounts(6, (0, 2, 4, 6))
    assert counts_after(meter(), [*tokens, PaygoToken(PaygoKind.COUNTER_SYNC, 0, 3)]).last == 6


@pytest.mark.parametrize(("token", "restricted", "words"), [
    ("12345678", False, "9 or 12 digits: this one has 8"), ("1234567890", False, "this one has 10"),
    ("1" * 20, False, "this one has 20"), ("12345678a", False, "digits 0 to 9"), ("", False, "this one has 0"),
    ("12345678\u0661", False, "digits 0 to 9"), ("1" * 14, True, "15 or 20 digits"), ("1" * 14 + "5", True, "1 to 4"),
    ("1" * 100_000, False, "9 or 12"),
])  # fmt: skip
def test_a_token_of_another_form_is_refused_by_what_is_wrong(token: str, words: str, *, restricted: bool) -> None:
    with pytest.raises(Refused, match=words) as refused:
        checked_digits(token, meter=meter(has_restricted_digits=restricted))
    assert (refused.value.code, refused.value.field) == ("BAD_TOKEN", "token")


def test_spaces_and_hyphens_are_no_part_of_a_token() -> None:
    assert checked_digits("123 456-789", meter=meter()) == "123456789"
    assert checked_digits("1234 1234 1234 1234 1234", meter=meter(has_restricted_digits=True)) == "1234" * 5


@pytest.mark.parametrize(("given", "field"), [
    ({"secret_key_hex": KEY[:-1]}, "secretKeyHex"), ({"secret_key_hex": KEY[:-1] + "g"}, "secretKeyHex"),
    ({"secret_key_hex": KEY + "\n"}, "secretKeyHex"), ({"starting_code": 0}, "startingCode"),
    ({"starting_code": 10**9}, "startingCode"), ({"kwh_per_value": Decimal(0)}, "kwhPerValue"),
    ({"kwh_per_value": Decimal("0.0005")}, "kwhPerValue"), ({"kwh_per_value": Decimal(101)}, "kwhPerValue"),
    ({"starting_count": -1}, "startingCount"), ({"starting_count": 20_001}, "startingCount"),
])  # fmt: skip
def test_a_meter_that_cannot_be_is_refused_without_its_key(given: dict[str, Any], field: str) -> None:
    with pytest.raises(Refused) as refused:
        meter(**given)
    assert (refused.value.code, refused.value.field) == ("BAD_INPUT", field)
    assert KEY[:-1] not in str(refused.value)


def test_a_meter_does_not_show_its_key() -> None:
    assert KEY not in repr(meter())


def test_units_are_whole_steps_unless_they_are_rounded_down() -> None:
    assert value_of(Decimal("2.5"), meter=meter()) == 25
    assert value_of(Decimal("2.599"), meter=meter(), rounds_down=True) == 25
    for units in ("2.55", "0", "99.6", "-1"):
        with pytest.raises(Refused, match="BAD_AMOUNT"):
            value_of(Decimal(units), meter=meter())
    assert value_of(Decimal("99999.9"), meter=meter(makes_long_tokens=True)) == 999_999


def test_after_ten_wrong_tokens_within_an_hour_one_waits_for_the_first_of_them_to_pass() -> None:
    wrong = [NOW - timedelta(minutes=5 * n) for n in range(10)]
    assert next_try_at(wrong[:-1], now=NOW) is None
    assert next_try_at(wrong, now=NOW) == wrong[-1] + timedelta(hours=1)
    assert next_try_at(wrong, now=NOW + timedelta(minutes=15)) is None
    with pytest.raises(Refused, match="TOO_MANY_ATTEMPTS"):
        check_wrong(wrong, now=NOW)


def test_after_thirty_within_a_day_one_waits_for_the_first_of_them_to_pass() -> None:
    wrong = [NOW - timedelta(minutes=40 * n) for n in range(30)]
    assert next_try_at(wrong[:-1], now=NOW) is None
    assert next_try_at(wrong, now=NOW) == wrong[-1] + timedelta(days=1)
