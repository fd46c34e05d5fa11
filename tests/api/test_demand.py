"""The demand of days and months: the highest quarter of an hour, when it was, load and power factor."""

from datetime import UTC, datetime, timedelta

from metering.readings import Reading
from tests.api.conftest import Site, reading

FIELDS = "{ from energyKwh peakDemandKw peakDemandAt loadFactor averagePowerKw averagePowerFactor isPartial }"
START = datetime(2026, 3, 7, 17, 0, tzinfo=UTC)  # midnight in Jakarta


def two_days() -> list[Reading]:
    """1 kW all the time, and 5 kW from 10:15 to 10:30 of the second day."""
    readings: list[Reading] = []
    kwh = 100.0
    for minute in range(0, 2 * 1440 + 1, 5):
        at = START + timedelta(minutes=minute)
        readings.append(reading(at, round(kwh, 6), 1.0, power_factor=0.5 if minute < 1440 else 0.75))
        kwh += (5 if 1440 + 615 <= minute < 1440 + 630 else 1) / 12
    return readings


async def test_a_day_has_its_highest_quarter_and_how_even_it_was(site: Site) -> None:
    site.add_panel("PM")
    site.load("PM", two_days())
    found = (await site.panel(f'demand(from: "2026-03-07T17:00:00Z", to: "2026-03-09T17:00:00Z") {FIELDS}'))["demand"]
    assert [day["from"] for day in found] == ["2026-03-08T00:00:00+07:00", "2026-03-09T00:00:00+07:00"]
    assert [day["averagePowerFactor"] for day in found] == [0.5, 0.75]
    assert found[0]["loadFactor"] == 0.9965
    assert found[1]["peakDemandAt"] == "2026-03-09T10:15:00+07:00"
    assert round(found[1]["peakDemandKw"], 2) == round((2 * 5 + 1) / 3, 2)
    assert found[1]["averagePowerKw"] == 1.0
    assert [day["isPartial"] for day in found] == [False, False]


async def test_a_month_has_the_peak_of_its_days(site: Site) -> None:
    site.add_panel("PM")
    site.load("PM", two_days())
    period = 'from: "2026-03-08T12:00:00Z", to: "2026-03-09T12:00:00Z"'
    (month,) = (await site.panel(f"demand(step: MONTH, {period}) {FIELDS}"))["demand"]
    assert (month["from"], month["isPartial"]) == ("2026-03-01T00:00:00+07:00", True)
    assert month["peakDemandAt"] == "2026-03-09T10:15:00+07:00"
    assert month["averagePowerFactor"] == 0.625217


async def test_what_was_used_over_a_silence_is_no_demand(site: Site) -> None:
    site.add_panel("PM")
    site.load("PM", [reading(START, 100.0), reading(START + timedelta(hours=9), 190.0)])
    (day,) = (await site.panel(f'demand(from: "2026-03-07T17:00:00Z", to: "2026-03-08T17:00:00Z") {FIELDS}'))["demand"]
    assert (day["energyKwh"], day["peakDemandKw"], day["loadFactor"]) == (90.0, None, None)


async def test_demand_counts_among_the_points_of_an_answer(site: Site) -> None:
    for number in range(140):
        site.add_panel(f"PM{number}")
    ten_years = 'from: "2016-03-09T00:00:00Z", to: "2026-03-09T00:00:00Z"'
    query = f"{{ panels(first: 140) {{ nodes {{ demand({ten_years}) {{ energyKwh }} }} }} }}"
    body = await site.answer(query)
    assert {error["extensions"]["code"] for error in body["errors"]} == {"TOO_MANY_POINTS"}
    assert (await site.answer(query.replace("demand(", "demand(step: MONTH, ")))["errors"] == []
