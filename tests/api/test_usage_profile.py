"""Usage by hour of the local day against plain sums of the readings, over days of 23 and 25 hours."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from resolvers import context
from store.retention import Level
from tests.api.conftest import Site, reading

PROFILE = "hour hourCount averageEnergyKwh averagePowerKw peakKw busiestHour"


@pytest.mark.parametrize(
    ("zone", "since", "until"),
    [
        ("Europe/Berlin", date(2025, 10, 24), date(2025, 10, 28)),
        ("Europe/Berlin", date(2026, 3, 27), date(2026, 3, 31)),
        ("Asia/Kathmandu", date(2026, 3, 6), date(2026, 3, 10)),
        ("Australia/Lord_Howe", date(2026, 4, 3), date(2026, 4, 7)),
    ],
)
async def test_each_hour_of_the_day_has_the_averages_of_its_hours(
    site: Site, zone: str, since: date, until: date
) -> None:
    zone_info = ZoneInfo(zone)
    start = datetime(since.year, since.month, since.day, tzinfo=zone_info).astimezone(UTC)
    end = datetime(until.year, until.month, until.day, tzinfo=zone_info).astimezone(UTC)
    site.now = end + timedelta(hours=1)
    site.add_panel("PM", zone=zone)
    energies: dict[tuple[bool, int], dict[object, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    powers: dict[tuple[bool, int], list[float]] = defaultdict(list)
    total, at, stored = Decimal(0), start - timedelta(minutes=10), []
    while at < site.now:
        step = Decimal((at.hour * 7 + at.minute + at.day) % 13) / 100
        total += step
        power_kw = float(step * 6)
        stored.append(reading(at, float(total), power_kw))
        if start <= at < end:
            local = at.astimezone(zone_info)
            key = (local.weekday() >= 5, local.hour)
            begun = (local.replace(minute=0, tzinfo=None), local.utcoffset())
            energies[key][begun] += step
            powers[key].append(power_kw)
        at += timedelta(minutes=10)
    site.load("PM", stored)
    arguments = f'from: "{(start + timedelta(hours=1)).isoformat()}", to: "{(end - timedelta(hours=1)).isoformat()}"'
    found = (
        await site.panel(
            f"usageProfile({arguments}) {{ firstDay lastDay allDays {{ {PROFILE} }}"
            f" weekdays {{ {PROFILE} }} weekends {{ {PROFILE} }} }}"
        )
    )["usageProfile"]
    assert (found["firstDay"], found["lastDay"]) == (since.isoformat(), (until - timedelta(days=1)).isoformat())
    for name, kinds in (("allDays", (False, True)), ("weekdays", (False,)), ("weekends", (True,))):
        hours = [[kwh for kind in kinds for kwh in energies[kind, hour].values()] for hour in range(24)]
        measured = [[kw for kind in kinds for kw in powers[kind, hour]] for hour in range(24)]
        averages = [float((sum(hour) / len(hour)).quantize(Decimal("0.000001"))) for hour in hours]
        assert found[name] == {
            "hour": list(range(24)),
            "hourCount": [len(hour) for hour in hours],
            "averageEnergyKwh": averages,
            "averagePowerKw": pytest.approx([sum(hour) / len(hour) for hour in measured], abs=2e-6),
            "peakKw": [max(hour) for hour in measured],
            "busiestHour": averages.index(max(averages)),
        }


async def test_hours_without_readings_are_not_known(site: Site) -> None:
    site.add_panel("PM")
    empty = (await site.panel(f"usageProfile {{ weekends {{ {PROFILE} }} }}"))["usageProfile"]["weekends"]
    assert empty["busiestHour"] is None
    assert empty["hourCount"] == [0] * 24
    assert empty["averageEnergyKwh"] == empty["averagePowerKw"] == empty["peakKw"] == [None] * 24


async def test_a_profile_of_more_than_a_year_is_refused(site: Site) -> None:
    site.add_panel("PM")
    query = '{{ panel(code: "PM") {{ usageProfile(from: "{}", to: "2026-03-10T00:00:00Z") {{ firstDay }} }} }}'
    assert await site.code(query.format("2025-03-08T23:59:59Z")) == "BAD_RANGE"
    found = await site.ask(query.format("2025-03-09T00:00:00Z"))
    assert found["panel"]["usageProfile"] == {"firstDay": "2025-03-09"}


async def test_a_year_of_very_many_panels_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "MAX_POINTS", 3 * 366 * 24)
    for number in range(4):
        site.add_panel(f"PM{number}")
    query = "{{ panels {{ nodes {{ usageProfile(range: {}) {{ firstDay }} }} }} }}"
    assert await site.code(query.format("LAST_1Y")) == "TOO_MANY_POINTS"
    assert len((await site.ask(query.format("LAST_30D")))["panels"]["nodes"]) == 4


@pytest.mark.parametrize(("zone", "level"), [("Asia/Kathmandu", Level.FIVE_MINUTES), ("Asia/Jakarta", Level.HOURS)])
async def test_a_profile_begins_with_the_first_day_that_is_kept(site: Site, zone: str, level: Level) -> None:
    site.now = datetime(2026, 3, 10, 12, tzinfo=UTC)
    site.add_panel("PM", zone=zone)
    site.load("PM", [reading(site.now - timedelta(hours=hours), 1000.0 - hours) for hours in range(240, 0, -1)])
    first_kept = datetime(2026, 3, 6, tzinfo=ZoneInfo(zone))
    site.remove(level, before=first_kept)
    found = (await site.panel("usageProfile { firstDay lastDay allDays { hourCount averageEnergyKwh } }"))[
        "usageProfile"
    ]
    assert (found["firstDay"], found["lastDay"]) == ("2026-03-06", "2026-03-10")
    assert found["allDays"]["averageEnergyKwh"] == [1.0] * 24
    assert sum(found["allDays"]["hourCount"]) == (site.now - first_kept) // timedelta(hours=1)
    gone = "usageProfile(range: LAST_24H) { firstDay allDays { busiestHour } }"
    site.now = first_kept - timedelta(days=1)
    assert (await site.panel(gone))["usageProfile"] == {"firstDay": "2026-03-04", "allDays": {"busiestHour": None}}
