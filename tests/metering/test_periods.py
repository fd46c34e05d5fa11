"""Ranges, spans and local days."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from metering.periods import Period, Range, chosen_period, local_day, local_midnight, month_days
from metering.refusals import Refused

NOW = datetime(2026, 3, 10, 5, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize("asked", Range)
def test_a_range_ends_now(asked: Range) -> None:
    found = chosen_period(asked, since=None, until=None, now=NOW, default=Range.LAST_24H)
    assert found == Period(NOW - asked.length, NOW)


def test_what_is_left_out_of_a_span_follows_from_now_and_the_default() -> None:
    assert chosen_period(None, since=None, until=None, now=NOW, default=Range.LAST_24H) == Period(NOW - DAY, NOW)
    assert chosen_period(None, since=NOW - 2 * DAY, until=None, now=NOW, default=Range.LAST_24H).end == NOW
    assert chosen_period(None, since=None, until=NOW - DAY, now=NOW, default=Range.LAST_24H) == Period(
        NOW - 2 * DAY, NOW - DAY
    )


@pytest.mark.parametrize(
    ("asked", "since", "until"),
    [
        (Range.LAST_1H, NOW - DAY, None),
        (Range.LAST_1H, None, NOW),
        (None, NOW, NOW),
        (None, NOW + DAY, None),
        (None, NOW, NOW - DAY),
        (None, NOW - timedelta(days=3661), NOW),
    ],
)
def test_a_span_that_makes_no_sense_is_refused(
    asked: Range | None, since: datetime | None, until: datetime | None
) -> None:
    with pytest.raises(Refused, match="BAD_RANGE"):
        chosen_period(asked, since=since, until=until, now=NOW, default=Range.LAST_24H)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("Africa/Lagos", date(2026, 3, 29), 24),
    ],
)
def test_a_local_day_is_as_long_as_it_is(zone: str, day: date, hours: int) -> None:
    found = Period(local_midnight(day, ZoneInfo(zone)), local_midnight(day + timedelta(days=1), ZoneInfo(zone)))
    assert found.length == timedelta(hours=hours)
    assert local_day(found.start, ZoneInfo(zone)) == day
    assert local_day(found.end, ZoneInfo(zone)) == day + DAY


def test_a_month_runs_from_its_first_day_to_the_next_months() -> None:
    assert month_days(2026, 2) == (date(2026, 2, 1), date(2026, 3, 1))
    assert month_days(2026, 12) == (date(2026, 12, 1), date(2027, 1, 1))


@pytest.mark.parametrize(
    ("year", "month", "field"), [(1999, 1, "year"), (2101, 13, "year"), (2026, 0, "month"), (2026, 13, "month")]
)
def test_what_is_no_month_is_refused_by_the_name_of_what_is_wrong(year: int, month: int, field: str) -> None:
    with pytest.raises(Refused, match=f"BAD_MONTH: `{field}`") as caught:
        month_days(year, month)
    assert caught.value.field == field
