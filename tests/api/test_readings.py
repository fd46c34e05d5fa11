"""A panel's readings as columns: raw, downsampled, only what is new, and where they are missing."""

from datetime import UTC, datetime, timedelta

import pytest

from metering.readings import ReadingFlag
from tests.api.conftest import NOW, Site, reading

START = datetime(2026, 3, 9, 0, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
COLUMNS = "at atMs activePowerKw energyImportKwh energyExportKwh count downsampledFrom cursor missing { from to }"


def every(seconds: int, count: int, *, start: datetime = START) -> list[datetime]:
    return [start + timedelta(seconds=seconds) * number for number in range(count)]


def rising(instants: list[datetime], *, from_kwh: float = 100.0) -> list:
    return [reading(at, round(from_kwh + 0.25 * place, 2), 1.0 + place % 2) for place, at in enumerate(instants)]


async def series(site: Site, arguments: str = "", selection: str = COLUMNS, *, code: str = "PM", **context) -> dict:
    return (await site.panel(f"readings{arguments} {{ {selection} }}", code=code, **context))["readings"]


async def test_few_readings_come_as_they_are_in_time_order_whatever_order_they_came_in(site: Site) -> None:
    site.add_panel("PM")
    site.load("PM", [reading(START + timedelta(minutes=1), 100.5, energy_export_kwh=2.0), reading(START, 100.0, 1.5)])
    found = await series(site, '(from: "2026-03-09T00:00:00Z", to: "2026-03-09T00:01:00.001Z")')
    assert found == {
        "at": ["2026-03-09T07:00:00+07:00", "2026-03-09T07:01:00+07:00"],
        "atMs": [1773014400000.0, 1773014460000.0],
        "activePowerKw": [1.5, None],
        "energyImportKwh": [100.0, 100.5],
        "energyExportKwh": [None, 2.0],
        "count": 2,
        "downsampledFrom": 2,
        "cursor": found["cursor"],
        "missing": [],
    }


async def test_the_period_holds_its_start_and_not_its_end(site: Site) -> None:
    site.add_panel("PM")
    site.load("PM", rising(every(60, 3)))
    found = await series(site, '(from: "2026-03-09T00:00:00Z", to: "2026-03-09T07:02:00+07:00")')
    assert found["energyImportKwh"] == [100.0, 100.25]


async def test_without_arguments_the_last_24_hours_are_meant(site: Site) -> None:
    site.add_panel("PM")
    site.load("PM", rising([NOW - timedelta(hours=hours) for hours in (25, 24, 1, 0)]))
    assert (await series(site))["energyImportKwh"] == [100.25, 100.5]
    assert (await series(site, "(range: LAST_1H)"))["count"] == 1
    assert (await series(site, "(range: LAST_7D)"))["count"] == 3


async def test_a_panel_without_readings_has_empty_columns_and_a_cursor_to_go_on_from(site: Site) -> None:
    site.add_panel("PM")
    found = await series(site)
    assert found["at"] == found["atMs"] == found["energyImportKwh"] == []
    assert (found["count"], found["downsampledFrom"]) == (0, 0)
    site.load("PM", [reading(NOW - timedelta(minutes=1), 7.0)])
    assert (await series(site, f'(after: "{found["cursor"]}")'))["energyImportKwh"] == [7.0]


async def test_more_readings_than_points_come_as_registers_and_average_power_of_each_stride(site: Site) -> None:
    site.add_panel("PM")
    site.load("PM", rising(every(60, 60)))
    found = await series(site, '(from: "2026-03-09T00:00:00Z", to: "2026-03-09T01:00:00Z", maxPoints: 12)')
    assert (found["count"], found["downsampledFrom"]) == (12, 60)
    assert found["at"][:2] == ["2026-03-09T07:04:00+07:00", "2026-03-09T07:09:00+07:00"]
    assert found["energyImportKwh"] == [101.0 + 1.25 * place for place in range(12)]
    assert found["activePowerKw"][:2] == [1.4, 1.6]


async def test_a_short_span_of_many_readings_comes_in_bins_of_seconds(site: Site) -> None:
    site.add_panel("PM")
    site.load("PM", rising(every(2, 150)))
    found = await series(site, '(from: "2026-03-09T00:00:00Z", to: "2026-03-09T00:05:00Z", maxPoints: 30)')
    assert (found["count"], found["downsampledFrom"]) == (30, 150)
    assert found["at"][:2] == ["2026-03-09T07:00:08+07:00", "2026-03-09T07:00:18+07:00"]
    assert found["energyImportKwh"][:2] == [101.0, 102.25]


@pytest.mark.parametrize("offset_min", [0, 3])
async def test_there_are_never_more_points_than_asked_for_and_all_in_the_period(site: Site, offset_min: int) -> None:
    site.add_panel("PM")
    site.load("PM", rising(every(60, 1500, start=START - timedelta(minutes=10))))
    start, end = START + timedelta(minutes=offset_min), START + timedelta(days=1, minutes=offset_min)
    for max_points in (2, 3, 7, 48, 287, 288, 289, 1000):
        period = f'from: "{start.isoformat()}", to: "{end.isoformat()}"'
        found = await series(site, f"({period}, maxPoints: {max_points})", "atMs downsampledFrom count")
        assert 1 <= found["count"] <= max_points
        assert found["downsampledFrom"] == 1440
        assert start.timestamp() * 1000 <= found["atMs"][0] <= found["atMs"][-1] < end.timestamp() * 1000
        assert found["atMs"] == sorted(set(found["atMs"]))


async def test_many_days_come_as_days_of_the_panels_time_zone(site: Site) -> None:
    site.add_panel("PM")
    site.load("PM", rising(every(6 * 3600, 40, start=datetime(2026, 2, 27, 17, tzinfo=UTC))))
    found = await series(site, '(from: "2026-02-27T17:00:00Z", to: "2026-03-09T17:00:00Z", maxPoints: 12)')
    assert found["at"][0] == "2026-02-28T18:00:00+07:00"
    assert found["count"] == 10
    assert found["downsampledFrom"] == 40


async def test_a_cursor_brings_only_what_was_stored_since_late_readings_too(site: Site) -> None:
    site.add_panel("PM")
    site.load("PM", rising([NOW - timedelta(minutes=10), NOW - timedelta(minutes=5)]))
    first = await series(site)
    nothing = await series(site, f'(after: "{first["cursor"]}")')
    assert (nothing["count"], nothing["at"], nothing["cursor"]) == (0, [], first["cursor"])
    site.load("PM", [reading(NOW - timedelta(minutes=1), 101.0)])
    site.load("PM", [reading(NOW - timedelta(minutes=7), 100.1)])
    fresh = await series(site, f'(after: "{first["cursor"]}")')
    assert fresh["energyImportKwh"] == [100.1, 101.0]
    assert (await series(site, f'(after: "{fresh["cursor"]}")'))["count"] == 0


async def test_a_cursor_of_a_downsampled_series_goes_on_with_readings(site: Site) -> None:
    site.add_panel("PM")
    site.load("PM", rising(every(60, 100, start=NOW - timedelta(minutes=101))))
    first = await series(site, "(maxPoints: 5)")
    assert first["count"] <= 5
    site.load("PM", [reading(NOW - timedelta(seconds=10), 130.0)])
    fresh = await series(site, f'(after: "{first["cursor"]}", maxPoints: 5)')
    assert fresh["energyImportKwh"] == [130.0]


async def test_a_large_gap_after_a_cursor_comes_page_by_page_each_reading_once(site: Site) -> None:
    site.add_panel("PM")
    first = await series(site)
    instants = every(60, 11, start=NOW - timedelta(minutes=30))
    site.load("PM", rising(instants[5:], from_kwh=101.25))
    site.load("PM", rising(instants[:5]))
    cursor, seen = first["cursor"], []
    for expected in (4, 4, 3, 0):
        page = await series(site, f'(after: "{cursor}", maxPoints: 4)')
        assert page["count"] == expected
        assert page["atMs"] == sorted(page["atMs"])
        cursor = page["cursor"]
        seen += page["energyImportKwh"]
    assert sorted(seen) == [round(100 + 0.25 * place, 2) for place in range(11)]


async def test_a_cursor_keeps_to_the_period_and_the_panel(site: Site) -> None:
    site.add_panel("PM")
    site.add_panel("OTHER")
    cursor = (await series(site))["cursor"]
    site.load("OTHER", [reading(NOW - timedelta(minutes=1), 1.0)])
    site.load("PM", [reading(NOW - timedelta(days=3), 2.0)])
    assert (await series(site, f'(after: "{cursor}")'))["count"] == 0
    assert (await series(site, f'(after: "{cursor}", range: LAST_7D)'))["energyImportKwh"] == [2.0]


async def test_missing_spans_are_those_longer_than_five_minutes_and_three_spacings(site: Site) -> None:
    site.add_panel("PM")
    instants = [
        *every(60, 10),
        *every(60, 10, start=START + timedelta(minutes=15)),
        *every(60, 10, start=START + timedelta(minutes=25)),
    ]
    site.load("PM", rising(instants))
    found = await series(site, '(from: "2026-03-09T00:00:00Z", to: "2026-03-09T00:45:00Z")')
    assert found["missing"] == [
        {"from": "2026-03-09T07:09:00+07:00", "to": "2026-03-09T07:15:00+07:00"},
        {"from": "2026-03-09T07:34:00+07:00", "to": "2026-03-09T07:45:00+07:00"},
    ]


async def test_a_meter_that_reports_every_ten_minutes_misses_nothing_before_half_an_hour(site: Site) -> None:
    site.add_panel("PM")
    site.load("PM", rising([*every(600, 6), *every(600, 6, start=START + timedelta(minutes=90))]))
    found = await series(site, '(from: "2026-03-09T00:00:00Z", to: "2026-03-09T02:30:00Z")')
    assert found["missing"] == [{"from": "2026-03-09T07:50:00+07:00", "to": "2026-03-09T08:30:00+07:00"}]


async def test_nothing_is_missing_in_the_future_and_all_of_it_before_the_first_reading(site: Site) -> None:
    site.add_panel("PM")
    found = await series(site, '(from: "2026-03-10T04:00:00Z", to: "2026-03-11T00:00:00Z")')
    assert found["missing"] == [{"from": "2026-03-10T11:00:00+07:00", "to": "2026-03-10T12:00:00+07:00"}]
    assert (await series(site, '(from: "2026-04-10T04:00:00Z", to: "2026-04-11T00:00:00Z")'))["missing"] == []


async def test_columns_are_found_in_fragments_and_under_aliases(site: Site) -> None:
    site.add_panel("PM")
    site.load("PM", [reading(NOW - timedelta(minutes=1), 3.5)])
    data = await site.ask(
        'query { panel(code: "PM") { readings { ...kwh ... on ReadingSeries { ms: atMs } } } }'
        " fragment kwh on ReadingSeries { kwh: energyImportKwh }"
    )
    assert data["panel"]["readings"] == {"kwh": [3.5], "ms": [(NOW - timedelta(minutes=1)).timestamp() * 1000]}


async def test_gaps_of_a_panel_are_those_that_its_series_misses_or_longer_than_asked(site: Site) -> None:
    site.add_panel("PM")
    instants = [*every(60, 10), *every(60, 10, start=START + timedelta(minutes=15)), *every(60, 9, start=START + HOUR)]
    site.load("PM", rising(instants))
    span = 'from: "2026-03-09T00:00:00Z", to: "2026-03-09T01:10:00Z"'
    found = await site.panel(f"gaps({span}) {{ from to }} readings({span}) {{ missing {{ from to }} }}")
    assert found["gaps"] == found["readings"]["missing"]
    assert found["gaps"] == [
        {"from": "2026-03-09T07:09:00+07:00", "to": "2026-03-09T07:15:00+07:00"},
        {"from": "2026-03-09T07:24:00+07:00", "to": "2026-03-09T08:00:00+07:00"},
    ]
    assert (await site.panel(f"gaps({span}, atLeastS: 360) {{ from }}"))["gaps"] == [
        {"from": "2026-03-09T07:24:00+07:00"}
    ]


async def test_gaps_shorter_than_five_minutes_cannot_be_asked_for(site: Site) -> None:
    site.add_panel("PM")
    assert await site.code('{ panel(code: "PM") { gaps(atLeastS: 299) { from } } }') == "BAD_INPUT"


async def test_the_flags_of_each_reading_come_as_one_number(site: Site) -> None:
    site.add_panel("PM")
    late = ReadingFlag.LATE | ReadingFlag.CLOCK_REPLACED
    flags = [late if place == 7 else ReadingFlag(0) for place in range(150)]
    readings = zip(every(2, 150), flags, strict=True)
    site.load("PM", [reading(at, 1.0, flags=flags) for at, flags in readings])
    span = 'from: "2026-03-09T00:00:00Z", to: "2026-03-09T00:05:00Z"'
    assert (await series(site, f"({span})", "flagBits"))["flagBits"] == [0] * 7 + [20] + [0] * 142
    assert (await series(site, f"({span}, maxPoints: 30)", "flagBits"))["flagBits"] == [0, 20] + [0] * 28
    hours = 'from: "2026-03-09T00:00:00Z", to: "2026-03-09T05:00:00Z", maxPoints: 10'
    assert (await series(site, f"({hours})", "flagBits"))["flagBits"] == [0]
