"""Usage beside the same span before, its totals and peak, and days beside the year before: by plain sums."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.api.conftest import Site, reading

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 31, 10, 20, tzinfo=UTC)
"""12:20 in Berlin, two days after a day of 23 hours; the month before has no 31st."""

SERIES = """totalEnergyKwh total { energyKwh exportKwh cost { amount currency } peakKw peakAt averagePowerFactor }
  previous { from to energyKwh cost { amount currency } isPartial energyChangePercent costChangePercent }"""

Points = list[tuple[datetime, Decimal]]


@pytest.fixture
def points(site: Site) -> Points:
    """A panel in Berlin with a reading every 50 minutes of 14 months, whose register rises by uneven steps."""
    site.now = NOW
    site.add_panel("PM", zone="Europe/Berlin")
    site.add_tariff("PM", "2020-01-01", "0.25", currency="EUR")
    site.add_tariff("PM", "2026-03-01", "0.5", currency="EUR")
    at, total, kept = datetime(2025, 2, 1, tzinfo=UTC), Decimal(0), list[tuple[datetime, Decimal]]()
    while at < NOW:
        total += Decimal((at.hour + 3 * at.day + 7 * at.month) % 11) / 100
        kept.append((at, total))
        at += timedelta(minutes=50)
    site.load("PM", (reading(at, float(kwh), float(kwh % 3), power_factor=0.5) for at, kwh in kept))
    return kept


def used(points: Points, since: datetime, until: datetime) -> Decimal:
    """The rises of the register to readings in [since, until)."""
    return sum((b[1] - a[1] for a, b in pairwise(points) if since <= b[0] < until), Decimal(0))


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


CASES = [
    ("DAY", ("2026-03-25", "2026-04-01"), ("2026-03-18", "2026-03-24T12:20")),
    ("DAY", ("2026-03-29", "2026-03-30"), ("2026-03-28", "2026-03-29")),
    ("WEEK", ("2026-03-16", "2026-03-30"), ("2026-03-02", "2026-03-16")),
    ("MONTH", ("2026-03-01", "2026-04-01"), ("2026-02-01", "2026-03-01")),
    ("MONTH", ("2026-01-01", "2026-04-01"), ("2025-10-01", "2025-12-31T12:20")),
    ("YEAR", ("2026-01-01", "2027-01-01"), ("2025-01-01", "2025-03-31T12:20")),
    ("HOUR", ("2026-03-29T00:00", "2026-03-30T00:00"), ("2026-03-28T01:00", "2026-03-29T00:00")),
    ("QUARTER_HOUR", ("2026-03-31T11:00", "2026-03-31T13:00"), ("2026-03-31T09:00", "2026-03-31T10:20")),
]


@pytest.mark.parametrize(("step", "span", "before"), CASES)
async def test_usage_is_compared_with_as_many_buckets_before(
    site: Site, points: Points, step: str, span: tuple[str, str], before: tuple[str, str]
) -> None:
    since, until = berlin(span[0]).astimezone(UTC), berlin(span[1]).astimezone(UTC)
    query = f'usage(step: {step}, from: "{since.isoformat()}", to: "{until.isoformat()}") {{ {SERIES} }}'
    found: dict[str, Any] = (await site.panel(query))["usage"]
    start, end = berlin(before[0]).astimezone(UTC), berlin(before[1]).astimezone(UTC)
    now_kwh, before_kwh = used(points, since, min(until, NOW)), used(points, start, end)
    previous = found["previous"]
    assert found["totalEnergyKwh"] == found["total"]["energyKwh"] == float(now_kwh)
    assert (datetime.fromisoformat(previous["from"]), datetime.fromisoformat(previous["to"])) == (start, end)
    assert previous["energyKwh"] == float(before_kwh)
    assert previous["energyChangePercent"] == float(round((now_kwh - before_kwh) / before_kwh * 100, 2))
    assert previous["isPartial"] is (start < points[0][0])
    march = berlin("2026-03-01")
    exact = used(points, start, min(end, march)) / 4 + used(points, max(start, march), end) / 2
    assert abs(Decimal(previous["cost"][0]["amount"]) - exact) <= Decimal("0.005")


async def test_the_peak_of_a_series_is_told_with_its_five_minutes(site: Site, points: Points) -> None:
    for step, since, until in (("DAY", "2026-03-28", "2026-03-31"), ("MINUTE", "2026-03-30T06:00", "2026-03-30T11:00")):
        start, end = berlin(since), berlin(until)
        query = f'usage(step: {step}, from: "{start.isoformat()}", to: "{end.isoformat()}") {{ {SERIES} }}'
        total = (await site.panel(query))["usage"]["total"]
        inside = [(float(kwh % 3), at) for at, kwh in points if start <= at < end]
        peak_kw = max(inside)[0]
        peak_at = min(at for power_kw, at in inside if power_kw == peak_kw)
        assert total["peakKw"] == peak_kw
        assert datetime.fromisoformat(total["peakAt"]) == peak_at.replace(minute=peak_at.minute // 5 * 5)
        assert (total["averagePowerFactor"], total["exportKwh"]) == (0.5, 0.0)
    site.database.execute("DELETE FROM rollup_five_minutes")
    query = 'usage(step: WEEK, from: "2026-03-16T12:00:00Z", to: "2026-03-20T12:00:00Z") { total { peakAt } }'
    assert (await site.panel(query))["usage"]["total"]["peakAt"].endswith("T00:00:00+01:00")


async def test_before_the_first_reading_and_in_time_to_come_there_is_nothing_to_compare_with(
    site: Site, points: Points
) -> None:
    for since, until in (
        ("2025-02-01T00:00:00Z", "2025-02-03T00:00:00Z"),
        ("2027-01-01T00:00:00Z", "2027-01-02T00:00:00Z"),
    ):
        query = f'usage(step: HOUR, from: "{since}", to: "{until}") {{ previous {{ energyKwh }} total {{ peakAt }} }}'
        assert (await site.panel(query))["usage"]["previous"] is None


async def test_days_stand_beside_those_of_the_year_before_and_the_yearly_average(site: Site, points: Points) -> None:
    found = (
        await site.panel("dailyUsage(days: 33) { date energyKwh yearBeforeKwh yearlyAverageKwh averageDailyKwh }")
    )["dailyUsage"]
    assert (found["date"][0], found["date"][-1]) == ("2026-02-27", "2026-03-31")

    day_kwh: dict[date, Decimal] = defaultdict(Decimal)
    for before, after in pairwise(points):
        day_kwh[after[0].astimezone(BERLIN).date()] += after[1] - before[1]
    days = [date.fromisoformat(text) for text in found["date"]]
    assert found["energyKwh"] == [float(day_kwh[day]) for day in days]
    assert found["yearBeforeKwh"] == [float(day_kwh[day.replace(year=2025)]) for day in days]
    whole = [day_kwh[date(2026, 3, 31) - timedelta(days=ago)] for ago in range(1, 365)]
    assert found["yearlyAverageKwh"] == float((sum(whole) / len(whole)).quantize(Decimal("0.000001")))
    alone = (await site.panel("dailyUsage(days: 1) { yearlyAverageKwh }"))["dailyUsage"]
    assert alone["yearlyAverageKwh"] == found["yearlyAverageKwh"]


async def test_days_count_among_the_points_of_an_answer(site: Site) -> None:
    for number in range(274):
        site.add_panel(f"PM{number}")
    query = "{ panels(first: 274) { nodes { dailyUsage(days: 1830) { averageDailyKwh } } } }"
    body = await site.answer(query.replace("1830", "1"))
    assert body["errors"] == []
    body = await site.answer(query)
    assert {error["extensions"]["code"] for error in body["errors"]} == {"TOO_MANY_POINTS"}


async def test_29_february_has_no_day_a_year_before(site: Site) -> None:
    site.now = datetime(2024, 2, 29, 12, tzinfo=UTC)
    site.add_panel("PM")
    site.load("PM", [reading(datetime(2023, 2, 28, hour, tzinfo=UTC), float(hour)) for hour in (1, 2)])
    found = (await site.panel("dailyUsage(days: 2) { yearBeforeKwh }"))["dailyUsage"]
    assert found["yearBeforeKwh"] == [1.0, None]
