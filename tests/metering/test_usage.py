"""Averages over days of which some are unknown, and costs in one currency."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.money import Money
from metering.tariffs.book import TariffBook
from metering.tariffs.rules import flat
from metering.usage import Prices, average, average_factor, money_change_percent, moving_average, total

values = st.lists(st.none() | st.decimals(0, 10_000, places=6), max_size=60)


@given(values, st.integers(1, 40), st.integers(1, 10))
def test_a_moving_average_is_that_of_the_known_values_of_its_window(
    known: list[Decimal | None], window: int, least: int
) -> None:
    found = moving_average(known, window=window, least=least)
    for place, value in enumerate(found):
        inside = [v for v in known[max(0, place - window + 1) : place + 1] if v is not None]
        if len(inside) < least:
            assert value is None
        else:
            assert value == (sum(inside) / len(inside)).quantize(Decimal("0.000001"))


def test_an_average_of_nothing_is_unknown() -> None:
    assert average([]) is None
    assert average([None, None]) is None
    assert average([Decimal(1), None, Decimal(2)]) == Decimal("1.5")


def test_a_cost_needs_a_tariff_in_the_currency_that_is_asked_for() -> None:
    book = TariffBook(
        own=[],
        default=[
            flat("Flat", valid_from=date(2026, 1, 1), unit_price=Decimal(2), currency="IDR", vat_percent=Decimal(0))
        ],
    )
    for currency, day, cost in [("IDR", 1, 3), ("EUR", 1, None), ("IDR", 0, None)]:
        on = date(2025, 12, 31) + timedelta(days=day)
        assert Prices(book, currency=currency).cost(Decimal("1.5"), day=on) == cost
    assert total([Decimal(1), None, Decimal(2)]) == 3
    assert total([]) == 0


@pytest.mark.parametrize(
    ("now", "before", "percent"),
    [
        (["12.00 IDR"], ["10.00 IDR"], 20.0),
        (["9.00 IDR"], ["12.00 IDR"], -25.0),
        (["1.00 IDR"], ["3.00 IDR"], -66.67),
        (["1.00 IDR"], ["0.00 IDR"], None),
        (["1.00 IDR"], ["1.00 EUR"], None),
        (["1.00 IDR", "1.00 EUR"], ["1.00 IDR"], None),
        (["1.00 IDR"], ["1.00 IDR", "1.00 EUR"], None),
        ([], ["1.00 IDR"], None),
        (["1.00 IDR"], [], None),
    ],
)
def test_a_cost_is_compared_where_both_sides_are_one_amount_of_one_currency(
    now: list[str], before: list[str], percent: float | None
) -> None:
    def amounts(texts: list[str]) -> list[Money]:
        return [Money(Decimal(amount), currency) for amount, currency in map(str.split, texts)]

    assert money_change_percent(amounts(now), before=amounts(before)) == percent


def test_a_power_factor_is_averaged_over_the_readings_that_had_one() -> None:
    assert average_factor(0.95 + 0.9 + 0.85, 3) == 0.9
    assert average_factor(2.0, 3) == 0.6667
    assert average_factor(0.0, 0) is None
