"""Grids over local days of 23, 24 and 25 hours, periods in pieces, and points that are few enough."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.buckets import (
    MAX_BINNED_READINGS,
    MAX_BUCKETS,
    MAX_PICKED_READINGS,
    MAX_ROLLUP_ROWS,
    ROW_LENGTHS,
    Level,
    grid,
    most_points,
    picking_level,
    pieces,
    stride,
    usage_level,
)
from metering.periods import Period, Step, local_day
from metering.refusals import Refused

ZONES = [
    "Asia/Jakarta", "Africa/Lagos", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe",
    "America/Santiago", "Africa/Cairo", "Atlantic/Azores", "Pacific/Apia", "America/Havana", "UTC",
]  # fmt: skip
zones = st.sampled_from([ZoneInfo(name) for name in ZONES])
instants = st.datetimes(datetime(2010, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
FIVE_MINUTES = timedelta(minutes=5)
LEVELS = list(Level)


@st.composite
def periods(draw: st.DrawFn, *, longest: timedelta = timedelta(days=400)) -> Period:
    start = draw(instants)
    return Period(start, start + draw(st.timedeltas(timedelta(microseconds=1), longest)))


@given(period=periods(longest=timedelta(days=30)), step=st.sampled_from(Step), zone=zones)
def test_a_grid_covers_its_period_without_gaps_in_whole_local_buckets(
    period: Period, step: Step, zone: ZoneInfo
) -> None:
    try:
        found = grid(period, step=step, time_zone=zone)
    except Refused as refused:
        assert refused.code == "TOO_MANY_BUCKETS"  # noqa: PT017
        assert step is Step.MINUTE
        return
    assert found.edges == sorted(set(found.edges))
    assert found.edges[0] <= period.start < found.edges[1]
    assert found.edges[-2] < period.end <= found.edges[-1]
    assert len(found.days) == len(found.starts) <= MAX_BUCKETS
    assert found.days == [local_day(start, zone) for start in found.starts]


@given(period=periods(longest=timedelta(days=10)), zone=zones)
def test_hours_count_from_local_midnight_and_never_cross_it(period: Period, zone: ZoneInfo) -> None:
    found = grid(period, step=Step.HOUR, time_zone=zone)
    for start, end in zip(found.starts, found.edges[1:], strict=True):
        assert end - start <= timedelta(hours=1)
        assert end - start == timedelta(hours=1) or local_day(end, zone) != local_day(start, zone)
        assert local_day(start, zone) == local_day(end - timedelta(microseconds=1), zone)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("Asia/Jakarta", date(2026, 3, 29), 24),
    ],
)
def test_a_local_day_has_as_many_hours_as_its_clock_shows(zone: str, day: date, hours: int) -> None:
    time_zone = ZoneInfo(zone)
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=time_zone)
    whole = grid(Period(noon, noon + timedelta(minutes=1)), step=Step.DAY, time_zone=time_zone)
    found = grid(Period(whole.edges[0], whole.edges[1]), step=Step.HOUR, time_zone=time_zone)
    assert len(found.starts) == hours
    assert set(found.days) == {day}


def test_a_day_that_a_zone_skips_is_in_no_grid() -> None:
    zone = ZoneInfo("Pacific/Apia")
    period = Period(datetime(2011, 12, 29, 12, tzinfo=UTC), datetime(2011, 12, 31, 12, tzinfo=UTC))
    found = grid(period, step=Step.DAY, time_zone=zone)
    assert found.days == [date(2011, 12, 29), date(2011, 12, 31), date(2012, 1, 1)]
    assert [end - start for start, end in pairwise(found.edges)] == [timedelta(days=1)] * 3


def test_weeks_months_and_years_start_where_calendars_do() -> None:
    zone = ZoneInfo("Europe/Berlin")
    period = Period(datetime(2025, 12, 31, 12, tzinfo=UTC), datetime(2026, 2, 1, 12, tzinfo=UTC))
    starts = {step: grid(period, step=step, time_zone=zone).days for step in (Step.WEEK, Step.MONTH, Step.YEAR)}
    assert starts[Step.WEEK] == [date(2025, 12, 29) + timedelta(days=7 * week) for week in range(5)]
    assert starts[Step.MONTH] == [date(2025, 12, 1), date(2026, 1, 1), date(2026, 2, 1)]
    assert starts[Step.YEAR] == [date(2025, 1, 1), date(2026, 1, 1)]


@pytest.mark.parametrize(
    ("step", "days", "fitting"),
    [(Step.MINUTE, 7, "FIVE_MINUTES"), (Step.MINUTE, 60, "QUARTER_HOUR"), (Step.HOUR, 3000, "DAY")],
)
def test_too_many_buckets_are_refused_with_the_step_that_fits(step: Step, days: int, fitting: str) -> None:
    period = Period(datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=days))
    with pytest.raises(Refused, match=f"TOO_MANY_BUCKETS: .*use {fitting} or longer"):
        grid(period, step=step, time_zone=ZoneInfo("UTC"))
    assert grid(period, step=Step[fitting], time_zone=ZoneInfo("UTC"))


@pytest.mark.parametrize(
    ("zone", "level"),
    [("Asia/Jakarta", Level.HOUR), ("Asia/Kathmandu", Level.FIVE_MINUTES), ("Asia/Kolkata", Level.FIVE_MINUTES)],
)
def test_hours_come_from_hours_only_where_the_zone_has_whole_ones(zone: str, level: Level) -> None:
    period = Period(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))
    assert usage_level(grid(period, step=Step.HOUR, time_zone=ZoneInfo(zone)), step=Step.HOUR) is level


@given(period=periods(), zone=zones)
def test_pieces_hold_every_instant_of_a_period_once(period: Period, zone: ZoneInfo) -> None:
    found = pieces(period, time_zone=zone)
    marks = [found.start, found.buckets_start, found.days_start, found.days_end, found.buckets_end, found.end]
    assert marks == sorted(marks)
    assert (found.start, found.end) == (period.start, period.end)
    assert found.buckets_start - found.start < FIVE_MINUTES
    assert found.end - found.buckets_end < FIVE_MINUTES
    for mark in marks[1:5]:
        assert mark.timestamp() % 300 == 0 or mark == period.end
    assert found.first_day <= found.end_day
    if found.first_day < found.end_day:
        assert local_day(found.days_start, zone) == found.first_day
        assert local_day(found.days_start - timedelta(microseconds=1), zone) < found.first_day
        assert local_day(found.days_end - timedelta(microseconds=1), zone) < found.end_day
    assert found.days_start - found.buckets_start < timedelta(hours=26) or found.first_day == found.end_day


@given(
    period=periods(longest=timedelta(days=3660)),
    max_points=st.integers(2, 20_000),
    reading_count=st.integers(0, 10**9),
    finest=st.sampled_from(Level),
)
def test_a_stride_never_gives_more_points_than_asked_for_nor_reads_too_many_rows_nor_what_is_not_kept(
    period: Period, max_points: int, reading_count: int, finest: Level
) -> None:
    chosen = stride(period, max_points=max_points, reading_count=reading_count, finest=finest)
    assert most_points(period, stride=chosen) <= max_points
    assert LEVELS.index(chosen.level) >= LEVELS.index(finest)
    if chosen.level is Level.READINGS:
        assert reading_count <= MAX_BINNED_READINGS
        return
    assert period.length / ROW_LENGTHS[chosen.level] <= MAX_ROLLUP_ROWS


@given(
    period=periods(longest=timedelta(days=3660)),
    max_points=st.integers(2, 20_000),
    reading_count=st.integers(0, 10**9),
    finest=st.sampled_from(Level),
)
def test_picks_are_made_from_what_is_kept_and_few_enough_to_read(
    period: Period, max_points: int, reading_count: int, finest: Level
) -> None:
    level = picking_level(period, max_points=max_points, reading_count=reading_count, finest=finest)
    assert LEVELS.index(level) >= LEVELS.index(finest)
    if level is Level.READINGS:
        assert reading_count <= MAX_PICKED_READINGS
        return
    assert period.length / ROW_LENGTHS[level] <= MAX_ROLLUP_ROWS


@pytest.mark.parametrize(
    ("days", "reading_count", "level"),
    [
        (1, 86_400, Level.READINGS),
        (7, 604_800, Level.FIVE_MINUTES),
        (30, 259_200, Level.HOUR),
        (365, 3_153_600, Level.HOUR),
        (1825, 15_768_000, Level.DAY),
    ],
)
def test_picks_for_a_screen_are_made_from_no_more_rows_than_that_takes(
    days: int, reading_count: int, level: Level
) -> None:
    start = datetime(2020, 1, 1, tzinfo=UTC)
    period = Period(start, start + timedelta(days=days))
    assert picking_level(period, max_points=600, reading_count=reading_count) is level


@pytest.mark.parametrize(
    ("days", "max_points", "level", "length"),
    [
        (1, 288, Level.FIVE_MINUTES, FIVE_MINUTES),
        (1, 287, Level.FIVE_MINUTES, timedelta(minutes=10)),
        (30, 10_000, Level.FIVE_MINUTES, FIVE_MINUTES),
        (30, 720, Level.HOUR, timedelta(hours=1)),
        (365, 10_000, Level.HOUR, timedelta(hours=1)),
        (365, 400, Level.DAY, timedelta(days=1)),
        (1825, 10_000, Level.DAY, timedelta(days=1)),
        (3660, 2, Level.DAY, timedelta(days=2000)),
    ],
)
def test_a_chart_is_as_fine_as_its_points_allow(days: int, max_points: int, level: Level, length: timedelta) -> None:
    start = datetime(2020, 1, 1, tzinfo=UTC)
    chosen = stride(Period(start, start + timedelta(days=days)), max_points=max_points, reading_count=10**9)
    assert (chosen.level, chosen.length) == (level, length)


@pytest.mark.parametrize(
    ("minutes", "max_points", "level", "length"),
    [
        (60, 719, Level.READINGS, timedelta(seconds=10)),
        (60, 720, Level.READINGS, timedelta(seconds=5)),
        (60, 48, Level.FIVE_MINUTES, FIVE_MINUTES),
        (60, 49, Level.READINGS, timedelta(seconds=120)),
        (24 * 60, 600, Level.FIVE_MINUTES, FIVE_MINUTES),
        (24 * 60, 2000, Level.READINGS, timedelta(seconds=60)),
    ],
)
def test_a_short_chart_of_many_points_is_made_of_readings(
    minutes: int, max_points: int, level: Level, length: timedelta
) -> None:
    start = datetime(2020, 1, 1, tzinfo=UTC)
    chosen = stride(Period(start, start + timedelta(minutes=minutes)), max_points=max_points, reading_count=5000)
    assert (chosen.level, chosen.length) == (level, length)
