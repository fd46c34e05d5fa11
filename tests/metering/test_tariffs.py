"""Money to units and units to money: exact, rounded once and in the house's favour, never twice."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.money import MAX_AMOUNT, Money, money
from metering.refusals import Refused
from metering.tariffs.book import TariffBook
from metering.tariffs.cost import flat_cost
from metering.tariffs.receipts import credit_kwh
from metering.tariffs.rules import Tariff, flat

prices = st.decimals("0.000001", "99999999.999999", places=6)
vats = st.decimals(0, 100, places=2)
amounts = st.decimals("0.01", MAX_AMOUNT, places=2)


def tariff(price: str | Decimal = "1500", vat: str | Decimal = "0", *, valid_from: date = date(2026, 1, 1)) -> Tariff:
    return flat("Flat", valid_from=valid_from, unit_price=Decimal(price), currency="IDR", vat_percent=Decimal(vat))


@pytest.mark.parametrize(
    ("amount", "price", "vat", "units"),
    [
        ("1500", "1500", "0", "1.000"),
        ("1499.99", "1500", "0", "0.999"),
        ("50000", "1444.70", "3", "33.601"),
        ("5000", "206.80", "7.5", "22.491"),
        ("222.31", "206.80", "7.5", "1.000"),
        ("222.30", "206.80", "7.5", "0.999"),
        ("0.01", "0.01", "100", "0.500"),
        ("1000000000", "1", "0", "1000000000.000"),
    ],
)
def test_money_buys_units_rounded_down_to_a_watt_hour(amount: str, price: str, vat: str, units: str) -> None:
    assert credit_kwh(Money(Decimal(amount), "IDR"), tariff(price, vat)) == Decimal(units)


@given(amount=amounts, price=prices, vat=vats)
def test_what_is_credited_never_costs_more_than_was_paid_and_a_watt_hour_more_would(
    amount: Decimal, price: Decimal, vat: Decimal
) -> None:
    asked = tariff(price, vat)
    try:
        units = credit_kwh(Money(amount, "IDR"), asked)
    except Refused as refused:
        assert refused.code == "BAD_AMOUNT"  # noqa: PT017 - buys less than a watt-hour, or more than a billion
        return
    full_price = Fraction(price) * Fraction(100 + vat) / 100
    assert Fraction(units) * full_price <= Fraction(amount) < (Fraction(units) + Fraction(1, 1000)) * full_price


@pytest.mark.parametrize("amount", ["0", "-1", "0.001", "1000000000.01", "10.005"])
def test_an_absurd_amount_is_refused(amount: str) -> None:
    with pytest.raises(Refused, match="BAD_AMOUNT"):
        credit_kwh(Money(Decimal(amount), "IDR"), tariff())


def test_an_amount_too_small_for_a_watt_hour_or_too_large_for_a_meter_is_refused() -> None:
    for amount, price in (("1.49", "1500"), ("1000000000", "0.01")):
        with pytest.raises(Refused, match="BAD_AMOUNT"):
            credit_kwh(Money(Decimal(amount), "IDR"), tariff(price))


def test_another_currency_is_refused_with_the_one_that_is_accepted() -> None:
    with pytest.raises(Refused, match=r"BAD_CURRENCY: .* IDR"):
        credit_kwh(Money(Decimal(5), "NGN"), tariff())


@given(energy=st.decimals(0, 10_000_000, places=6), price=prices, vat=vats)
def test_a_cost_is_exact_and_plain_to_read(energy: Decimal, price: Decimal, vat: Decimal) -> None:
    cost = flat_cost(energy, tariff=tariff(price, vat))
    exact = Fraction(energy) * Fraction(price) * Fraction(100 + vat) / 100
    if len(cost.as_tuple().digits) < 28:
        assert Fraction(cost) == exact
    text = format(cost, "f")
    assert "E" not in text.upper()
    assert "." not in text or not text.endswith("0")


def test_costs_drop_the_zeros_that_say_nothing() -> None:
    assert str(tariff("206.80", "7.5").price_with_taxes) == "222.31"
    assert str(flat_cost(Decimal("2.000000"), tariff=tariff("1500"))) == "3000"
    assert str(flat_cost(Decimal("0.000000"), tariff=tariff("1500"))) == "0"
    assert str(flat_cost(Decimal("0.000001"), tariff=tariff("1500"))) == "0.0015"


@pytest.mark.parametrize(
    ("exact", "shown"), [("1.005", "1.01"), ("1.0049", "1.00"), ("0", "0.00"), ("15375", "15375.00")]
)
def test_an_amount_is_shown_rounded_half_up_to_a_cent(exact: str, shown: str) -> None:
    assert str(money(Decimal(exact), "IDR").amount) == shown


days = st.dates(date(2020, 1, 1), date(2020, 3, 1))


@given(own=st.sets(days), default=st.sets(days), day=days)
def test_a_panels_own_tariff_goes_first_from_its_first_day_on(own: set[date], default: set[date], day: date) -> None:
    own_tariffs = [tariff("1", valid_from=first) for first in own]
    default_tariffs = [tariff("2", valid_from=first) for first in default]
    found = TariffBook(own=own_tariffs, default=default_tariffs).on(day)
    begun = [first for first in own if first <= day] or [first for first in default if first <= day]
    assert (found and found.valid_from) == max(begun, default=None)
    if found and any(first <= day for first in own):
        assert found.unit_price == 1


@given(own=st.sets(days), default=st.sets(days), day=days)
def test_versions_follow_each_other_and_say_the_same_as_each_day(own: set[date], default: set[date], day: date) -> None:
    book = TariffBook(
        own=[tariff("1", valid_from=first) for first in own],
        default=[tariff("2", valid_from=first) for first in default],
    )
    versions = book.versions()
    assert [until for _, until in versions] == [*(one.valid_from for one, _ in versions[1:]), *[None][: len(versions)]]
    held = [one for one, until in versions if one.valid_from <= day and (until is None or day < until)]
    assert held == [found for found in [book.on(day)] if found]


def test_changes_are_the_days_inside_a_span_on_which_a_tariff_begins() -> None:
    first = date(2026, 1, 1)
    book = TariffBook(own=[tariff(valid_from=first + timedelta(days=2))], default=[tariff(valid_from=first)])
    assert book.changes(first, first + timedelta(days=3)) == [first + timedelta(days=2)]
    assert book.changes(first, first + timedelta(days=2)) == []
    assert book.changes(first + timedelta(days=2), first + timedelta(days=9)) == []
