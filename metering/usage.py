"""Turns daily usage into averages, and usage into what it costs."""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

from metering.money import Money
from metering.tariffs.book import TariffBook
from metering.tariffs.cost import cost_of

WINDOW_DAYS = 30
LEAST_DAYS = 7
_MICRO = Decimal("0.000001")


def moving_average(
    values: Sequence[Decimal | None], *, window: int = WINDOW_DAYS, least: int = LEAST_DAYS
) -> list[Decimal | None]:
    """For each day the average of the known values of the `window` days up to and including it, to six decimals.

    None until `least` of them are known.
    """
    total, known = Decimal(0), 0
    averages: list[Decimal | None] = []
    for place, value in enumerate(values):
        gone = values[place - window] if place >= window else None
        total += (value or 0) - (gone or 0)
        known += (value is not None) - (gone is not None)
        averages.append((total / known).quantize(_MICRO) if known >= least else None)
    return averages


def average(values: Iterable[Decimal | None]) -> Decimal | None:
    """The average of the known values to six decimals; None when none is known."""
    known = [value for value in values if value is not None]
    return (sum(known, Decimal(0)) / len(known)).quantize(_MICRO) if known else None


class Prices:
    """What usage costs on local days, in one currency; each day's price is looked up once."""

    def __init__(self, book: TariffBook, *, currency: str) -> None:
        self._book = book
        self._currency = currency
        self._prices: dict[date, Decimal | None] = {}

    def cost(self, energy_kwh: Decimal, *, day: date) -> Decimal | None:
        """What usage on a local day costs, exactly; None without a tariff in the currency."""
        if day not in self._prices:
            self._prices[day] = self._price_on(day)
        price = self._prices[day]
        return None if price is None else cost_of(energy_kwh, price=price)

    def _price_on(self, day: date) -> Decimal | None:
        tariff = self._book.on(day)
        return tariff.price_with_taxes if tariff and tariff.currency == self._currency else None


def total(costs: Iterable[Decimal | None]) -> Decimal:
    """The sum of the known costs."""
    return sum((cost for cost in costs if cost is not None), Decimal(0))


def average_factor(factor_sum: float, count: int) -> float | None:
    """The average power factor of so many readings, to 0.0001; None where none had one."""
    return round(factor_sum / count, 4) if count else None


def change_percent(now: Decimal, *, before: Decimal) -> float | None:
    """By how much more there is now, in percent of what was before, to 0.01; None where there was nothing before."""
    return float(round((now - before) / before * 100, 2)) if before else None


def money_change_percent(now: Sequence[Money], *, before: Sequence[Money]) -> float | None:
    """The same of amounts by currency; None unless there is one of the same currency on both sides."""
    if not (len(now) == len(before) == 1 and now[0].currency == before[0].currency):
        return None
    return change_percent(now[0].amount, before=before[0].amount)


def year_before(day: date) -> date | None:
    """The same day of the year before; None for 29 February."""
    return None if (day.month, day.day) == (2, 29) else day.replace(year=day.year - 1)
