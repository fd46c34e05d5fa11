"""Purchases move only as they may, and are asked about with patience."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product

import pytest

from metering.money import Money
from metering.refusals import Refused
from metering.vending import (
    IllegalMoveError,
    VendState,
    ask_again_after,
    checked_price,
    moved,
    new_reference,
)

ALLOWED = {
    ("REQUESTED", "UNKNOWN"), ("REQUESTED", "FAILED"), ("UNKNOWN", "REQUESTED"), ("UNKNOWN", "DELIVERED"),
    ("UNKNOWN", "FAILED"), ("DELIVERED", "ACCEPTED"),
}  # fmt: skip


@pytest.mark.parametrize(("state", "to"), [*product(VendState, VendState)])
def test_a_purchase_moves_only_as_it_may(state: VendState, to: VendState) -> None:
    if (state.value, to.value) in ALLOWED:
        assert moved(state, to) is to
    else:
        with pytest.raises(IllegalMoveError):
            moved(state, to)


def test_the_vendor_is_asked_again_with_patience_up_to_an_hour() -> None:
    waits = [ask_again_after(attempts) for attempts in range(100)]
    assert waits[0] == timedelta(seconds=5)
    assert waits == sorted(waits)
    assert waits[-1] == timedelta(hours=1)


@pytest.mark.parametrize("amount", ["0", "-1", "0.001", "1000000000.01", "NaN", "Infinity", "1E+30"])
def test_an_absurd_price_is_refused(amount: str) -> None:
    with pytest.raises(Refused) as refused:
        checked_price(Money(Decimal(amount), "NGN"), currency="NGN")
    assert refused.value.code == "BAD_AMOUNT"


def test_another_currency_than_the_vendors_is_refused_by_name() -> None:
    with pytest.raises(Refused, match="BAD_CURRENCY: Units are sold in NGN"):
        checked_price(Money(Decimal(10), "USD"), currency="NGN")


def test_a_reference_begins_with_the_time_in_lagos() -> None:
    now = datetime(2025, 12, 31, 23, 30, tzinfo=UTC)
    assert new_reference(now, random="a1b2") == "202601010030a1b2"
