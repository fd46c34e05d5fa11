"""Usage by hour of the local day against plain sums of the readings, over days of 23 and 25 hours."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

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
