"""Prices with their taxes, the tariff of a day, and amounts as they are shown."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.currencies import CURRENCIES, cent_of
from metering.money import exact_sum, money, trimmed
from metering.tariffs.book import TariffBook
from metering.tariffs.cost import flat_cost
from metering.tariffs.rules import Block, Recurrence, StandingCharge, Tariff, Tax, TaxBase, Window, flat

prices = st.decimals("0.000001", "99999999.999999", places=6)
vats = st.decimals(0, 100, places=2)


def tariff(price: str | Decimal = "1500", vat: str | Decimal = "0", *, valid_from: date = date(2026, 1, 1)) -> Tariff:
    return flat("Flat", valid_from=valid_from, unit_price=Decimal(price), currency="IDR", vat_percent=Decimal(vat))


@given(energy=st.decimals(0, 10_000_000, places=6), price=prices, vat=vats)
def test_a_cost_is_exact_and_plain_to_read(energy: Decimal, price: Decimal, vat: Decimal) -> None:
    cost = flat_cost(energy, tariff=tariff(price, vat))
    exact = Fraction(energy) * Fraction(price) * Fraction(100 + vat) / 100
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
    ("currency", "exact", "shown"),
    [
        ("IDR", "1.005", "1.01"),
        ("IDR", "1.0049", "1.00"),
        ("IDR", "0", "0.00"),
        ("IDR", "15375", "15375.00"),
        ("JPY", "2.5", "3"),
        ("JPY", "15375", "15375"),
        ("KWD", "0.0005", "0.001"),
    ],
)
def test_an_amount_is_shown_rounded_half_up_to_the_least_of_its_currency(currency: str, exact: str, shown: str) -> None:
    assert str(money(Decimal(exact), currency).amount) == shown


@given(st.lists(st.decimals(0, 10**25, places=6), max_size=6))
def test_a_sum_rounds_nothing(numbers: list[Decimal]) -> None:
    assert Fraction(exact_sum(numbers)) == sum(map(Fraction, numbers))
    assert all(trimmed(number) == number for number in numbers)


def test_taxes_are_on_the_price_of_energy_or_on_the_taxes_before_too() -> None:
    taxes = (
        Tax("Levy", Decimal(10)),
        Tax("VAT", Decimal(20), TaxBase.COMPOUND),
        Tax("Late", Decimal(5), TaxBase.ENERGY),
    )
    taxed = replace(tariff("100"), taxes=taxes)
    assert (taxed.price_with_taxes, taxed.tax_percent) == (137, 37)


def test_a_tariff_is_flat_unless_the_hour_the_month_or_a_charge_counts() -> None:
    one, block = tariff(), Block(Decimal(5), Decimal(1))
    assert one.is_flat
    stepped = replace(one.bands[0], blocks=(*one.bands[0].blocks, block))
    for other in (
        replace(one, bands=(one.bands[0], replace(one.bands[0], windows=(Window(0, 60),)))),
        replace(one, bands=(stepped,)),
        replace(one, minimum_charge=Decimal(0)),
        replace(one, standing_charges=(StandingCharge("Base", Decimal(1), Recurrence.DAY),)),
    ):
        assert not other.is_flat


def test_currencies_have_the_decimals_that_iso_4217_says() -> None:
    assert {"IDR", "NGN", "EUR", "JPY", "KWD"} < CURRENCIES
    assert all(len(code) == 3 and code.isupper() for code in CURRENCIES)
    assert [cent_of(code) for code in ("IDR", "JPY", "KWD")] == [Decimal("0.01"), 1, Decimal("0.001")]


days = st.dates(date(2020, 1, 1), date(2020, 3, 1))
firsts = st.sets(days, max_size=4)


@given(own=firsts, default=firsts, day=days)
def test_a_panels_own_tariff_goes_first_from_its_first_day_on(own: set[date], default: set[date], day: date) -> None:
    own_tariffs = [tariff("1", valid_from=first) for first in own]
    default_tariffs = [tariff("2", valid_from=first) for first in default]
    found = TariffBook(own=own_tariffs, default=default_tariffs).on(day)
    begun = [first for first in own if first <= day] or [first for first in default if first <= day]
    assert (found and found.valid_from) == max(begun, default=None)
    if found and any(first <= day for first in own):
        assert found.unit_price == 1


@given(own=firsts, default=firsts, day=days)
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
