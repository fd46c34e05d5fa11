"""Usage by bucket, today, statistics and daily averages: exact, by local days, never negative."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.api.conftest import NOW, Site, reading

SERIES = "step currency from energyKwh exportKwh cost peakKw averagePowerFactor isPartial"
SERIES += " totalEnergyKwh totalCost { amount currency }"


def steady(
    start: datetime, end: datetime, *, every: timedelta, kwh_an_hour: float = 1.0, power_kw: float = 1.0
) -> list:
    """A register that rises steadily from 1000 kWh at `start`; the last reading is before `end`."""
    found, at = [], start
    while at < end:
        hours = (at - start) / timedelta(hours=1)
        found.append(reading(at, round(1000 + kwh_an_hour * hours, 6), power_kw))
        at += every
    return found


async def usage(site: Site, arguments: str, selection: str = SERIES) -> dict:
    return (await site.panel(f"usage({arguments}) {{ {selection} }}"))["usage"]


async def test_each_bucket_has_what_the_register_rose_by_the_time_of_its_readings(site: Site) -> None:
    site.add_panel("PM")
    at = datetime(2026, 3, 10, 1, 0, tzinfo=UTC)
    site.load("PM", [
        reading(at - timedelta(minutes=10), 100.0, 1.0),
        reading(at, 100.5, 2.0, power_factor=0.9, energy_export_kwh=5.0),
        reading(at + timedelta(minutes=30), 101.25, 4.0, power_factor=0.8, energy_export_kwh=5.25),
        reading(at + timedelta(minutes=130), 103.0),
    ])  # fmt: skip
    assert await usage(site, 'step: HOUR, from: "2026-03-10T01:00:00Z", to: "2026-03-10T04:00:00Z"') == {
        "step": "HOUR",
        "currency": "IDR",
        "from": ["2026-03-10T08:00:00+07:00", "2026-03-10T09:00:00+07:00", "2026-03-10T10:00:00+07:00"],
        "energyKwh": [1.25, None, 1.75],
        "exportKwh": [0.25, None, 0.0],
        "cost": ["1875", None, "2625"],
        "peakKw": [4.0, None, None],
        "averagePowerFactor": [0.85, None, None],
        "isPartial": [False, True, False],
        "totalEnergyKwh": 3.0,
        "totalCost": {"amount": "4500.00", "currency": "IDR"},
    }


@pytest.mark.parametrize(
    ("step", "span", "buckets"),
    [("MINUTE", 30, 30), ("FIVE_MINUTES", 60, 12), ("QUARTER_HOUR", 120, 8), ("HOUR", 240, 4)],
)
async def test_every_step_below_a_day_gives_the_same_total(site: Site, step: str, span: int, buckets: int) -> None:
    site.add_panel("PM")
    start = datetime(2026, 3, 10, 0, 0, tzinfo=UTC)
    site.load("PM", steady(start - timedelta(minutes=5), start + timedelta(hours=5), every=timedelta(seconds=30)))
    end = start + timedelta(minutes=span)
    found = await usage(site, f'step: {step}, from: "{start.isoformat()}", to: "{end.isoformat()}"')
    assert len(found["energyKwh"]) == buckets
    assert found["energyKwh"] == pytest.approx([span / 60 / buckets] * buckets, abs=2e-6)
    assert found["isPartial"] == [False] * buckets
    assert found["totalEnergyKwh"] == pytest.approx(span / 60, abs=2e-6)


async def test_buckets_are_whole_where_the_period_starts_and_ends_inside_one(site: Site) -> None:
    site.add_panel("PM")
    start = datetime(2026, 3, 9, 17, 0, tzinfo=UTC)
    site.load("PM", steady(start - timedelta(hours=1), NOW, every=timedelta(minutes=5)))
    found = await usage(site, 'step: HOUR, from: "2026-03-09T18:20:00Z", to: "2026-03-09T20:01:00Z"')
    assert found["from"] == ["2026-03-10T01:00:00+07:00", "2026-03-10T02:00:00+07:00", "2026-03-10T03:00:00+07:00"]
    assert found["energyKwh"] == [1.0, 1.0, 1.0]


async def test_the_running_bucket_and_those_before_the_first_reading_are_partial(site: Site) -> None:
    site.add_panel("PM")
    site.load("PM", steady(NOW - timedelta(hours=2, minutes=30), NOW, every=timedelta(minutes=5)))
    found = await usage(site, 'step: HOUR, from: "2026-03-10T01:00:00Z", to: "2026-03-10T05:30:00Z"')
    assert found["energyKwh"] == [None, pytest.approx(25 / 60, abs=1e-5), 1.0, 1.0, None]
    assert found["isPartial"] == [True, True, False, False, True]


@pytest.mark.parametrize(
    "registers",
    [
        [5000.0, 5001.0, 0.25, 2.25, 0.0, 1.0],
        [98_412.0, 98_414.0, 0.0, 98_414.5, 98_416.0, 2.0],
        [98_412.0, 98_414.0, 999_999.0, 98_414.5, 98_416.0, 2.0],
        [9_999.0, 9_999.5, 0.25, 2.25, 999_999.0, 3.0],
    ],
    ids=["resets", "a zero", "a peak", "a rollover and a peak"],
)
async def test_a_meters_faults_count_as_nothing_and_never_as_a_spike(site: Site, registers: list[float]) -> None:
    site.add_panel("PM")
    at = datetime(2026, 3, 10, 1, 0, tzinfo=UTC)
    site.load("PM", [reading(at + timedelta(minutes=10 * n), kwh) for n, kwh in enumerate(registers)])
    for step in ("MINUTE", "FIVE_MINUTES", "QUARTER_HOUR", "HOUR", "DAY", "WEEK", "MONTH", "YEAR"):
        period = 'from: "2026-03-10T00:59:00Z", to: "2026-03-10T02:00:00Z"'
        found = await usage(site, f"step: {step}, {period}")
        assert found["totalEnergyKwh"] == 4.0, step
        assert min(kwh for kwh in found["energyKwh"] if kwh is not None) >= 0
    today = (await site.panel("today { energyKwh registerNowKwh }"))["today"]
    assert today == {"energyKwh": 4.0, "registerNowKwh": registers[-1]}


# Local days of 23, 24 and 25 hours.
DAYS = [
    ("Europe/Berlin", date(2026, 3, 29), 23, ("+01:00", "+02:00")),
    ("Europe/Berlin", date(2025, 10, 26), 25, ("+02:00", "+01:00")),
    ("Asia/Jakarta", date(2026, 3, 8), 24, ("+07:00", "+07:00")),
    ("Africa/Lagos", date(2026, 3, 8), 24, ("+01:00", "+01:00")),
    ("America/Santiago", date(2025, 9, 7), 23, ("-03:00", "-03:00")),
    ("Asia/Kathmandu", date(2026, 3, 8), 24, ("+05:45", "+05:45")),
    ("Australia/Lord_Howe", date(2026, 4, 5), 24.5, ("+11:00", "+10:30")),
]


@pytest.mark.parametrize(("zone", "day", "hours", "offsets"), DAYS)
async def test_a_local_day_has_its_hours_and_their_energy(
    site: Site, zone: str, day: date, hours: float, offsets: tuple[str, str]
) -> None:
    site.add_panel("PM", zone=zone)
    time_zone = ZoneInfo(zone)
    start, end = (
        datetime.combine(edge, datetime.min.time(), time_zone).astimezone(UTC)
        for edge in (day, day + timedelta(days=1))
    )
    assert (end - start) / timedelta(hours=1) == hours
    site.now = end + timedelta(days=3)
    site.load("PM", steady(start - timedelta(hours=2), end + timedelta(hours=2), every=timedelta(minutes=15)))
    period = f'from: "{start.isoformat()}", to: "{end.isoformat()}"'
    whole = await usage(site, f"step: DAY, {period}")
    assert whole["energyKwh"] == [hours]
    assert whole["isPartial"] == [False]
    by_hour = await usage(site, f"step: HOUR, {period}")
    assert len(by_hour["from"]) == -(-hours // 1)
    assert by_hour["energyKwh"][:-1] == [1.0] * (len(by_hour["from"]) - 1)
    assert by_hour["totalEnergyKwh"] == hours
    assert by_hour["from"][0].startswith(day.isoformat())
    assert by_hour["from"][0].endswith(offsets[0])
    assert by_hour["from"][-1].endswith(offsets[1])
    assert (await site.panel("statistics(" + period + ") { energyKwh }"))["statistics"]["energyKwh"] == hours


async def test_weeks_start_on_monday_and_months_and_years_on_their_first(site: Site) -> None:
    site.add_panel("PM")
    site.load("PM", [reading(datetime(2025, 12, 1, tzinfo=UTC), 1.0)])
    period = 'from: "2026-03-01T00:00:00+07:00", to: "2026-03-10T00:00:00+07:00"'
    starts = {step: (await usage(site, f"step: {step}, {period}"))["from"] for step in ("WEEK", "MONTH", "YEAR")}
    assert starts == {
        "WEEK": ["2026-02-23T00:00:00+07:00", "2026-03-02T00:00:00+07:00", "2026-03-09T00:00:00+07:00"],
        "MONTH": ["2026-03-01T00:00:00+07:00"],
        "YEAR": ["2026-01-01T00:00:00+07:00"],
    }


async def test_each_local_day_costs_what_its_own_tariff_says_with_vat(site: Site) -> None:
    site.add_panel("PM")
    site.add_tariff(None, "2026-03-08", "1699.53", name="New default")
    site.add_tariff("PM", "2026-03-09", "206.80", vat_percent="7.5", name="Own")
    start = datetime(2026, 3, 6, 17, tzinfo=UTC)  # midnight of 7 March in Jakarta
    site.load("PM", steady(start - timedelta(hours=1), start + timedelta(days=3), every=timedelta(hours=1)))
    found = await usage(site, 'step: DAY, from: "2026-03-07T00:00:00+07:00", to: "2026-03-10T00:00:00+07:00"')
    assert found["energyKwh"] == [24.0, 24.0, 24.0]
    assert found["cost"] == ["36000", "40788.72", "5335.44"]
    assert found["totalCost"] == {"amount": "82124.16", "currency": "IDR"}
    month = await usage(site, 'step: MONTH, from: "2026-03-07T00:00:00+07:00", to: "2026-03-10T00:00:00+07:00"')
    assert month["cost"] == ["82124.16"]
    hours = await usage(site, 'step: HOUR, from: "2026-03-08T23:00:00+07:00", to: "2026-03-09T01:00:00+07:00"')
    assert hours["cost"] == ["1699.53", "222.31"]
    statistics = await site.panel(
        'statistics(from: "2026-03-07T00:00:00+07:00", to: "2026-03-09T23:00:00+07:00") { energyKwh cost { amount } }'
    )
    assert statistics["statistics"] == {"energyKwh": 71.0, "cost": {"amount": "81901.85"}}
    tariffs = await site.panel(
        'a: tariff(at: "2026-03-07T23:59:59+07:00") { name } b: tariff(at: "2026-03-08T00:00:00+07:00") { name }'
        " now: tariff { name validFrom unitPrice taxPercent priceWithTaxes currency }"
    )
    assert tariffs == {
        "a": {"name": "Flat"},
        "b": {"name": "New default"},
        "now": {"name": "Own", "validFrom": "2026-03-09", "unitPrice": "206.8", "taxPercent": "7.5",
                "priceWithTaxes": "222.31", "currency": "IDR"},
    }  # fmt: skip


async def test_a_change_of_currency_leaves_the_days_before_without_cost(site: Site) -> None:
    site.add_panel("PM")
    site.add_tariff("PM", "2026-03-09", "0.30", currency="EUR")
    start = datetime(2026, 3, 7, 17, tzinfo=UTC)
    site.load("PM", steady(start - timedelta(hours=1), start + timedelta(days=2), every=timedelta(hours=1)))
    found = await usage(site, 'step: DAY, from: "2026-03-08T00:00:00+07:00", to: "2026-03-10T00:00:00+07:00"')
    assert (found["currency"], found["cost"]) == ("EUR", [None, "7.2"])
    assert found["totalCost"] == {"amount": "7.20", "currency": "EUR"}
    assert found["totalEnergyKwh"] == 48.0


async def test_today_is_the_register_now_less_the_register_at_local_midnight(site: Site) -> None:
    site.add_panel("PM")
    midnight = datetime(2026, 3, 9, 17, tzinfo=UTC)
    site.load("PM", [
        reading(midnight - timedelta(minutes=1), 1000.0, 9.0),
        reading(midnight + timedelta(minutes=1), 1000.5, 3.0),
        reading(NOW - timedelta(minutes=1), 1010.25, 2.0),
    ])  # fmt: skip
    assert (
        await site.panel(
            "today { date energyKwh cost { amount currency } registerNowKwh registerAtMidnightKwh peakKw }"
        )
    )["today"] == {
        "date": "2026-03-10",
        "energyKwh": 10.25,
        "cost": {"amount": "15375.00", "currency": "IDR"},
        "registerNowKwh": 1010.25,
        "registerAtMidnightKwh": 1000.0,
        "peakKw": 3.0,
    }


async def test_today_without_a_reading_shows_the_last_register_and_no_usage(site: Site) -> None:
    site.add_panel("PM")
    site.load("PM", [reading(NOW - timedelta(days=3), 50.0), reading(NOW - timedelta(days=2), 75.0)])
    today = (await site.panel("today { energyKwh cost { amount } registerNowKwh registerAtMidnightKwh peakKw }"))[
        "today"
    ]
    assert today == {
        "energyKwh": 0.0,
        "cost": {"amount": "0.00"},
        "registerNowKwh": 75.0,
        "registerAtMidnightKwh": 75.0,
        "peakKw": None,
    }


async def test_statistics_are_exact_for_any_two_instants(site: Site) -> None:
    site.add_panel("PM")
    start = datetime(2026, 3, 6, 16, 58, tzinfo=UTC)
    readings = steady(start, start + timedelta(days=3), every=timedelta(minutes=7))
    site.load("PM", [type(r)(r.at, r.received_at, energy_import_kwh=r.energy_import_kwh, active_power_kw=float(n % 5))
                     for n, r in enumerate(readings)])  # fmt: skip
    selection = "energyKwh minPowerKw maxPowerKw averagePowerKw loadFactor count"
    for since_min, until_min in [(0, 3000), (1, 2), (3, 11), (7, 7 * 400), (13, 1441), (120, 4000)]:
        since, until = start + timedelta(minutes=since_min), start + timedelta(minutes=until_min)
        powers = [float(n % 5) for n, r in enumerate(readings) if since <= r.at < until]
        registers = [r.energy_import_kwh for r in readings if r.at < since][-1:] + [
            r.energy_import_kwh for r in readings if since <= r.at < until
        ]
        found = await site.panel(
            f'statistics(from: "{since.isoformat()}", to: "{until.isoformat()}") {{ {selection} }}'
        )
        average = sum(powers) / len(powers) if powers else None
        assert found["statistics"] == {
            "energyKwh": pytest.approx(registers[-1] - registers[0], abs=1e-6),
            "minPowerKw": min(powers, default=None),
            "maxPowerKw": max(powers, default=None),
            "averagePowerKw": average and pytest.approx(average, abs=1e-6),
            "loadFactor": average and pytest.approx(average / max(powers), abs=1e-4),
            "count": len(powers),
        }


async def test_statistics_of_a_day_are_its_daily_usage(site: Site) -> None:
    site.add_panel("PM")
    midnight = datetime(2026, 3, 8, 17, tzinfo=UTC)  # 9 March in Jakarta
    register, readings = 1000.0, []
    for hour in range(-3, 30):
        register += 24 if hour == 24 else 5 if hour % 24 else 1
        readings.append(reading(midnight + timedelta(hours=hour), register))
    site.load("PM", readings)
    found = await site.panel(
        'statistics(from: "2026-03-09T00:00:00+07:00", to: "2026-03-10T00:00:00+07:00") { energyKwh }'
        " dailyUsage(days: 2) { energyKwh }"
    )
    assert found["dailyUsage"]["energyKwh"][0] == 116.0
    assert found["statistics"]["energyKwh"] == 116.0


async def test_daily_usage_averages_whole_days_over_30_days_and_all_that_are_shown(site: Site) -> None:
    site.add_panel("PM")
    midnight = datetime(2026, 3, 9, 17, tzinfo=UTC)
    register, readings = 0.0, []
    for ago in range(40, -1, -1):
        register += ago  # the usage of the day that started `ago` days before today
        if ago != 5:
            readings.append(reading(midnight - timedelta(days=ago) + timedelta(hours=1), register))
    site.load("PM", [reading(midnight - timedelta(days=40), 0.0), *readings])
    found = (await site.panel("dailyUsage(days: 10) { date energyKwh isPartial movingAverage30dKwh averageDailyKwh }"))[
        "dailyUsage"
    ]
    assert found["date"] == [(date(2026, 3, 10) - timedelta(days=ago)).isoformat() for ago in range(9, -1, -1)]
    assert found["energyKwh"] == [9.0, 8.0, 7.0, 6.0, None, 9.0, 3.0, 2.0, 1.0, 0.0]
    assert found["isPartial"] == [False] * 4 + [True] + [False] * 4 + [True]
    assert found["averageDailyKwh"] == pytest.approx(45 / 8)
    assert found["movingAverage30dKwh"][0] == pytest.approx(sum(range(9, 39)) / 30)
    assert found["movingAverage30dKwh"][4] == pytest.approx(sum(range(6, 35)) / 29)
    assert found["movingAverage30dKwh"][9] == pytest.approx(sum([*range(6, 30), 9, 3, 2, 1]) / 28)


async def test_a_moving_average_waits_for_seven_whole_days(site: Site) -> None:
    site.add_panel("PM")
    site.load("PM", steady(datetime(2026, 3, 1, 17, tzinfo=UTC), NOW, every=timedelta(hours=1)))
    found = (await site.panel("dailyUsage(days: 9) { isPartial movingAverage30dKwh }"))["dailyUsage"]
    assert found["isPartial"] == [False] * 8 + [True]
    assert found["movingAverage30dKwh"] == [None] * 6 + [
        pytest.approx(23.857143),
        pytest.approx(23.875),
        pytest.approx(23.875),
    ]
