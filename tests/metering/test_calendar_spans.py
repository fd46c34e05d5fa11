"""Weeks, months and years of the calendar, and the same part of the one before."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from metering.calendar_spans import CalendarSpan, DaysUpTo, calendar_month, calendar_week, calendar_year, part_before
from metering.periods import Period, Step, local_midnight
from metering.refusals import Refused

JAKARTA, BERLIN = ZoneInfo("Asia/Jakarta"), ZoneInfo("Europe/Berlin")


def test_a_span_follows_the_one_before_it() -> None:
    assert calendar_month(2026, 1).before == calendar_month(2025, 12)
    assert calendar_month(2024, 3).before == calendar_month(2024, 2)
    assert calendar_year(2026).before == calendar_year(2025)
    assert calendar_week(2026, week=1, day=None).before == calendar_week(2025, week=52, day=None)
    for span in (calendar_month(2026, 3), calendar_year(2024), calendar_week(2020, week=53, day=None)):
        assert span.before.end_day == span.first_day


@pytest.mark.parametrize("day", [date(2020, 12, 28), date(2021, 1, 1), date(2021, 1, 3)])
def test_a_week_is_that_of_its_number_or_of_any_of_its_days(day: date) -> None:
    expected = CalendarSpan(Step.WEEK, date(2020, 12, 28), date(2021, 1, 4))
    assert calendar_week(None, week=None, day=day) == expected == calendar_week(2020, week=53, day=None)


@pytest.mark.parametrize(
    ("year", "week", "day"),
    [
        (None, None, None),
        (2026, None, None),
        (None, 3, None),
        (2026, 54, None),
        (2025, 53, None),
        (2026, 0, None),
        (1999, 3, None),
        (2101, 3, None),
        (10**9, 3, None),
        (2026, 10**9, None),
        (2026, 3, date(2026, 1, 12)),
        (None, None, date(1999, 12, 31)),
        (None, None, date(2199, 12, 31)),
    ],
)
def test_a_week_that_is_none_is_refused(year: int | None, week: int | None, day: date | None) -> None:
    with pytest.raises(Refused) as caught:
        calendar_week(year, week=week, day=day)
    assert caught.value.code == "BAD_WEEK"


def test_a_span_that_is_over_is_compared_with_all_of_the_one_before() -> None:
    now = datetime(2026, 2, 28, 17, tzinfo=UTC)  # midnight in Jakarta
    whole = DaysUpTo(date(2026, 1, 1), date(2026, 2, 1))
    assert part_before(calendar_month(2026, 2), time_zone=JAKARTA, now=now) == whole
    assert whole.last_day == date(2026, 1, 31)


def test_a_span_to_come_is_compared_with_nothing() -> None:
    now = datetime(2026, 2, 28, 16, 59, tzinfo=UTC)
    assert part_before(calendar_month(2026, 3), time_zone=JAKARTA, now=now) is None


@pytest.mark.parametrize(
    ("span", "now", "expected"),
    [
        (calendar_month(2026, 3), "2026-03-10T12:03:59", ("2026-02-01", "2026-02-10", "2026-02-10T12:00:00")),
        (calendar_month(2026, 3), "2026-03-01T00:00:00", ("2026-02-01", "2026-02-01", "2026-02-01T00:00:00")),
        (calendar_week(2026, week=11, day=None), "2026-03-09T07:05", ("2026-03-02", "2026-03-02", "2026-03-02T07:05")),
        (calendar_year(2026), "2026-03-10T12:00:00", ("2025-01-01", "2025-03-10", "2025-03-10T12:00:00")),
    ],
)  # fmt: skip
def test_a_running_span_is_compared_with_the_same_part(
    span: CalendarSpan, now: str, expected: tuple[str, str, str]
) -> None:
    first_day, end_day = date.fromisoformat(expected[0]), date.fromisoformat(expected[1])
    cut_at = datetime.fromisoformat(expected[2]).replace(tzinfo=JAKARTA)
    found = part_before(span, time_zone=JAKARTA, now=datetime.fromisoformat(now).replace(tzinfo=JAKARTA))
    assert found == DaysUpTo(first_day, end_day, Period(local_midnight(end_day, JAKARTA), cut_at))


@pytest.mark.parametrize(
    ("span", "now"), [(calendar_month(2026, 3), "2026-03-31T08:00"), (calendar_year(2024), "2024-02-29T08:00")]
)
def test_a_day_that_the_span_before_lacks_takes_it_to_its_end(span: CalendarSpan, now: str) -> None:
    found = part_before(span, time_zone=JAKARTA, now=datetime.fromisoformat(now).replace(tzinfo=JAKARTA))
    if span.step is Step.MONTH:
        assert found == DaysUpTo(date(2026, 2, 1), date(2026, 3, 1))
    else:
        assert found == DaysUpTo(date(2023, 1, 1), date(2023, 3, 1))


def test_a_day_of_25_hours_is_cut_where_clocks_show_the_same_time() -> None:
    now = datetime(2026, 11, 25, 12, 0, tzinfo=BERLIN)
    found = part_before(calendar_month(2026, 11), time_zone=BERLIN, now=now)
    assert found
    assert found.end_day == date(2026, 10, 25)
    assert found.part
    assert found.part.length == timedelta(hours=13)
    assert found.last_day == date(2026, 10, 25)
