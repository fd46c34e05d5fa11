"""What usage costs by hour, by month's kWh and with charges: the same by every step and field, and as the rules say."""

import itertools
import random
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from metering.money import money
from metering.periods import local_midnight
from metering.tariffs.book import TariffBook
from metering.tariffs.cost import Span, by_currency, charges_of
from metering.tariffs.rules import Band, Block, Recurrence, StandingCharge, Tariff, Tax, Window
from metering.tariffs.slices import slice_edges
from store.retention import Level
from store.tariffs import set_tariff
from tests.api.conftest import Site, reading

if TYPE_CHECKING:
    from metering.readings import Reading

PEAK = Band("Peak", (Block(Decimal(0), Decimal("0.31")),), (Window(7 * 60, 20 * 60, frozenset(range(5))),))
STEPPED_PEAK = Band("Peak", (Block(Decimal(0), Decimal("0.31")), Block(Decimal(30), Decimal("0.45"))), PEAK.windows)
REST = Band("Rest", (Block(Decimal(0), Decimal("0.19")),))
VAT = (Tax("VAT", Decimal(19)),)
DAILY = (StandingCharge("Meter", Decimal("0.25"), Recurrence.DAY),)
MONTHLY = (StandingCharge("Base", Decimal(9), Recurrence.MONTH),)


def rates(
    *bands: Band,
    valid_from: date = date(2026, 1, 1),
    standing_charges: tuple[StandingCharge, ...] = (),
    minimum_charge: Decimal | None = None,
    taxes: tuple[Tax, ...] = VAT,
) -> Tariff:
    return Tariff("Rates", valid_from, "EUR", bands, standing_charges, minimum_charge, taxes)


BOOKS = {
    "two rates": [rates(PEAK, REST, standing_charges=MONTHLY)],
    "blocks by hour, a charge a day": [rates(STEPPED_PEAK, REST, standing_charges=DAILY)],
    "blocks, minimum": [rates(Band("All", STEPPED_PEAK.blocks), minimum_charge=Decimal(500))],
    "a change in between": [rates(PEAK, REST), rates(STEPPED_PEAK, REST, valid_from=date(2026, 3, 31))],
    "from flat to rates": [rates(REST), rates(PEAK, REST, valid_from=date(2026, 3, 30), standing_charges=DAILY)],
}


@dataclass
class Metered:
    """A panel with irregular readings around a clock change and a month's end, and its tariffs."""

    site: Site
    book: TariffBook
    zone: ZoneInfo
    rises: list[tuple[datetime, Decimal]]

    def cost(self, start: datetime, end: datetime) -> Decimal:
        """What the rules say of each reading's rise, put into the tariff's slices."""
        cuts = slice_edges(self.book, start=start, end=end, time_zone=self.zone)
        edges = sorted({*cuts, *(at for at, _ in self.rises if cuts[0] < at < end)})
        energies = [Decimal(0)] * (len(edges) - 1)
        for at, energy_kwh in self.rises:
            if edges[0] <= at < end:
                energies[bisect_right(edges, at) - 1] += energy_kwh
        spans = [Span(a, b, kwh) for (a, b), kwh in zip(itertools.pairwise(edges), energies, strict=True)]
        charges = charges_of(
            spans,
            book=self.book,
            time_zone=self.zone,
            accrues_from=self.rises[0][0],
            accrues_until=self.site.now,
        )
        inside = [one for span, one in zip(spans, charges, strict=True) if span.start >= start]
        (found,) = by_currency(inside)
        return found.amount


async def furnished(site: Site, tariffs: Sequence[Tariff], *, zone: str = "Europe/Berlin", code: str = "PM") -> Metered:
    site.now = datetime(2026, 4, 2, 15, 20, tzinfo=UTC)
    panel_id, dice = site.add_panel(code, zone=zone), random.Random(4)  # noqa: S311 - no secrets
    async with site.pool.connection() as connection:
        for tariff in tariffs:
            await set_tariff(connection, panel_id=panel_id, tariff=tariff)
    at, total = datetime(2026, 3, 24, 22, 3, 20, tzinfo=UTC), 100.0
    readings: list[Reading] = []
    rises: list[tuple[datetime, Decimal]] = []
    while at < site.now:
        rise = dice.randrange(0, 400) / 1000
        total = round(total + rise, 3)
        readings.append(reading(at, total, rise))
        rises.append((at, Decimal(str(rise)) if rises else Decimal(0)))
        at += timedelta(seconds=dice.randrange(200, 2400))
    site.load(code, readings)
    return Metered(site, TariffBook(own=tariffs, default=()), ZoneInfo(zone), rises)


USAGE = "cost totalCost { amount currency } total { costBreakdown { kind name amount } }"


async def series(site: Site, step: str, start: datetime, end: datetime) -> Any:
    given = f'step: {step}, from: "{start.isoformat()}", to: "{end.isoformat()}"'
    return (await site.panel(f"usage({given}) {{ from {USAGE} }}"))["usage"]


@pytest.mark.parametrize("name", BOOKS)
async def test_every_step_costs_what_the_rules_say(site: Site, name: str) -> None:
    home = await furnished(site, BOOKS[name])
    start, end = (local_midnight(day, home.zone) for day in (date(2026, 3, 23), date(2026, 4, 6)))
    whole = home.cost(start, end)
    for step in ("QUARTER_HOUR", "HOUR", "DAY", "WEEK"):
        found = await series(site, step, start, end)
        assert sum(Decimal(cost) for cost in found["cost"] if cost is not None) == whole, step
        assert found["totalCost"] == {"amount": str(money(whole, "EUR").amount), "currency": "EUR"}
        lines = found["total"]["costBreakdown"]
        assert sum(Decimal(line["amount"]) for line in lines) == Decimal(found["totalCost"]["amount"])
    days = await series(site, "DAY", start, end)
    for text, cost in zip(days["from"], days["cost"], strict=True):
        begin = datetime.fromisoformat(text).astimezone(UTC)
        following = local_midnight(date.fromisoformat(text[:10]) + timedelta(days=1), home.zone)
        assert Decimal(cost or 0) == home.cost(begin, following)


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "Asia/Kathmandu"])
async def test_zones_off_the_hour_and_minutes_cost_what_the_rules_say(site: Site, zone: str) -> None:
    home = await furnished(site, BOOKS["blocks by hour, a charge a day"], zone=zone)
    start = datetime(2026, 3, 30, 1, 0, tzinfo=UTC)
    found = await series(site, "MINUTE", start, start + timedelta(hours=3))
    assert sum(Decimal(cost) for cost in found["cost"] if cost) == home.cost(start, start + timedelta(hours=3))
    begin, end = (local_midnight(day, home.zone) for day in (date(2026, 3, 1), date(2026, 5, 1)))
    for step in ("HOUR", "DAY", "MONTH"):
        found = await series(site, step, begin, end)
        assert sum(Decimal(cost) for cost in found["cost"] if cost) == home.cost(begin, end)


@pytest.mark.parametrize("name", BOOKS)
async def test_all_that_tells_of_a_cost_tells_the_same(site: Site, name: str) -> None:
    home = await furnished(site, BOOKS[name])

    def shown(start: datetime, end: datetime) -> dict[str, str]:
        return {"amount": str(money(home.cost(start, end), "EUR").amount), "currency": "EUR"}

    def midnight(month: int, day: int) -> datetime:
        return local_midnight(date(2026, month, day), home.zone)

    cost = "cost { amount currency } costBreakdown { amount }"
    found = await site.panel(
        'today { cost { amount currency } } statistics(from: "2026-03-27T10:01:07Z", to: "2026-04-01T03:33:33Z") '
        f"{{ cost {{ amount currency }} }} march: monthlySummary(year: 2026, month: 3) {{ {cost} }}"
        f" year: yearlySummary(year: 2026) {{ {cost} }}"
        f' week: weeklySummary(date: "2026-04-01") {{ {cost} previous {{ cost {{ amount currency }} }} }}'
        ' usage(step: DAY, from: "2026-04-01T00:00:00+02:00", to: "2026-04-03T00:00:00+02:00")'
        " { previous { cost { amount currency } } }"
    )
    odd = [datetime(2026, 3, 27, 10, 1, 7, tzinfo=UTC), datetime(2026, 4, 1, 3, 33, 33, tzinfo=UTC)]
    assert found["today"]["cost"] == shown(midnight(4, 2), midnight(4, 3))
    assert found["statistics"]["cost"] == shown(*odd)
    assert found["march"]["cost"] == shown(midnight(3, 1), midnight(4, 1))
    assert found["year"]["cost"] == shown(midnight(1, 1), local_midnight(date(2027, 1, 1), home.zone))
    assert found["week"]["cost"] == shown(midnight(3, 30), midnight(4, 6))
    part = midnight(3, 26) + timedelta(hours=17, minutes=20)  # the clocks were set in between
    assert found["week"]["previous"]["cost"] == [shown(midnight(3, 23), part)]
    assert found["usage"]["previous"]["cost"] == [
        shown(midnight(3, 30), midnight(3, 31) + timedelta(hours=17, minutes=20))
    ]
    for bill in (found["march"], found["year"], found["week"]):
        assert sum(Decimal(line["amount"]) for line in bill["costBreakdown"]) == Decimal(bill["cost"]["amount"])
    total = "total { cost { amount currency } }"
    everything = await site.ask(f"{{ yearSummary(year: 2026) {{ {total} }} yearlySummary(year: 2026) {{ {total} }} }}")
    assert everything["yearSummary"][2]["total"]["cost"] == [found["march"]["cost"]]
    assert everything["yearlySummary"]["total"]["cost"] == [found["year"]["cost"]]


async def test_a_bill_has_a_line_for_each_band_charge_and_tax(site: Site) -> None:
    await furnished(site, BOOKS["two rates"])
    bill = (
        await site.panel("monthlySummary(year: 2026, month: 4) { cost { amount } costBreakdown { kind name amount } }")
    )["monthlySummary"]
    assert [(line["kind"], line["name"]) for line in bill["costBreakdown"]] == [
        ("ENERGY", "Peak"), ("ENERGY", "Rest"), ("STANDING_CHARGE", "Base"), ("TAX", "VAT"),
    ]  # fmt: skip
    assert bill["costBreakdown"][2]["amount"] == "9.00"
    flat = (await site.panel("usage(step: DAY) { totalCost { amount } total { costBreakdown { name } } }"))["usage"]
    assert [line["name"] for line in flat["total"]["costBreakdown"]] == ["Peak", "Rest", "Base", "VAT"]


async def test_charges_fall_due_from_the_first_reading_up_to_now(site: Site) -> None:
    await furnished(site, [rates(PEAK, REST, standing_charges=DAILY, taxes=())])
    months = await site.ask("{ yearSummary(year: 2026) { panels { costBreakdown { name amount } } } }")
    due = [
        {line["name"]: line["amount"] for line in month["panels"][0]["costBreakdown"]}.get("Meter")
        for month in months["yearSummary"]
    ]
    assert due == [None, None, "1.75", "0.50", *[None] * 8]  # 25 to 31 March, 1 and 2 April


async def test_where_five_minutes_or_hours_are_gone_costs_are_in_proportion_and_sums_are_kept(site: Site) -> None:
    home = await furnished(site, [rates(PEAK, REST, taxes=())])
    start, end = (local_midnight(day, home.zone) for day in (date(2026, 3, 27), date(2026, 4, 2)))
    before = await series(site, "DAY", start, end)
    site.remove(Level.FIVE_MINUTES, before=local_midnight(date(2026, 3, 31), home.zone))
    assert await series(site, "DAY", start, end) == before
    site.remove(Level.HOURS, before=local_midnight(date(2026, 3, 31), home.zone))
    after = await series(site, "DAY", start, end)
    assert after["cost"][4:] == before["cost"][4:]
    energies = (
        await site.panel(f'usage(step: DAY, from: "{start.isoformat()}", to: "{end.isoformat()}") {{ energyKwh }}')
    )["usage"]["energyKwh"]
    friday = Decimal(str(energies[0]))
    in_proportion = (friday * 13 * Decimal("0.31") + friday * 11 * Decimal("0.19")) / 24
    assert Decimal(after["cost"][0]) == pytest.approx(in_proportion, abs=Decimal("0.00001"))


async def test_prices_that_change_too_often_for_an_answer_are_refused(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    await furnished(site, BOOKS["two rates"])
    monkeypatch.setattr("resolvers.costs.MAX_PIECES", 100)
    query = '{ panel(code: "PM") { monthlySummary(year: %s, month: 3) { cost { amount } } } }'
    assert (await site.ask(query % 2026))["panel"]["monthlySummary"]["cost"]["amount"]
    assert await site.code("{ yearlySummary(year: 2026) { total { energyKwh } } }") == "TOO_MANY_POINTS"
