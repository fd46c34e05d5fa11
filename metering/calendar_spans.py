"""Turns weeks, months and years of the calendar into local days, and into the same part of the one before."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from metering.buckets import Grid
from metering.periods import Period, Step, local_day, local_midnight, month_days
from metering.refusals import Refused

DAY = timedelta(days=1)
_BUCKET = timedelta(minutes=5)
_WEEK = timedelta(days=7)
_MONTHS = {Step.MONTH: 1, Step.YEAR: 12}


@dataclass(frozen=True, slots=True)
class CalendarSpan:
    """A week from Monday, a month or a year: local days from `first_day` up to, not including, `end_day`."""

    step: Step
    first_day: date
    end_day: date

    @property
    def before(self) -> "CalendarSpan":
        """The week, month or year before."""
        if self.step is Step.WEEK:
            return CalendarSpan(self.step, self.first_day - _WEEK, self.first_day)
        day = self.first_day - timedelta(days=1)
        return CalendarSpan(self.step, day.replace(day=1, month=1 if self.step is Step.YEAR else day.month), day + DAY)


def calendar_month(year: int, month: int) -> CalendarSpan:
    """A month.

    Raises:
        Refused: BAD_MONTH unless the year is 2000 to 2100 and the month 1 to 12.
    """
    return CalendarSpan(Step.MONTH, *month_days(year, month))


def calendar_year(year: int) -> CalendarSpan:
    """A year.

    Raises:
        Refused: BAD_MONTH unless it is 2000 to 2100.
    """
    return CalendarSpan(Step.YEAR, month_days(year, 1)[0], month_days(year, 12)[1])


def calendar_week(year: int | None, *, week: int | None, day: date | None) -> CalendarSpan:
    """The week (ISO 8601, from Monday) of a number, or the one that holds a day.

    Raises:
        Refused: BAD_WEEK unless either `day` or `year` and `week` are given, of a year from 2000 to 2100 that has it.
    """
    try:
        if day is None and year is not None and week is not None:
            first_day = date.fromisocalendar(year, week, 1)
        elif day is not None and year is None and week is None:
            first_day = day - timedelta(days=day.weekday())
        else:
            raise _bad_week()
    except ValueError:
        raise _bad_week() from None
    if not 2000 <= first_day.isocalendar().year <= 2100:
        raise _bad_week()
    return CalendarSpan(Step.WEEK, first_day, first_day + _WEEK)


def _bad_week() -> Refused:
    message = "Give either `date`, or `year` from 2000 to 2100 and `week`, one of its ISO weeks, 1 to 52 or 53."
    return Refused("BAD_WEEK", message, "week")


@dataclass(frozen=True, slots=True)
class DaysUpTo:
    """Whole local days from `first_day` up to, not including, `end_day`; and of `end_day` a part, from its midnight on.

    The part (UTC) is a multiple of five minutes long; None where there is none.
    """

    first_day: date
    end_day: date
    part: Period | None = None

    @property
    def last_day(self) -> date:
        """The last day of which there is something."""
        return self.end_day if self.part else self.end_day - DAY


def part_before(span: CalendarSpan, *, time_zone: ZoneInfo, now: datetime) -> DaysUpTo | None:
    """Of the week, month or year before a span as much as has passed of the span itself.

    All of it once the span is over; else up to the same weekday, day of the month or day of the year and the same local
    time of it, to five minutes, or to the end of the month where that has no such day. None while it has not begun.
    """
    first_day, local = span.before.first_day, now.astimezone(time_zone)
    if local.date() < span.first_day:
        return None
    if local.date() >= span.end_day:
        return DaysUpTo(first_day, span.before.end_day)
    day, is_there = _back(local.date(), months=_MONTHS.get(span.step, 0), days=_WEEK.days)
    if not is_there:
        return DaysUpTo(first_day, day)
    midnight_at = local_midnight(day, time_zone)
    passed = max(_at_time_of(local, day=day) - midnight_at, timedelta(0))
    return DaysUpTo(first_day, day, Period(midnight_at, midnight_at + passed // _BUCKET * _BUCKET))


def _at_time_of(local: datetime, *, day: date) -> datetime:
    """The instant (UTC) of another day at which clocks show the same."""
    return datetime.combine(day, local.time(), tzinfo=local.tzinfo).astimezone(UTC)


def period_before(buckets: Grid, *, step: Step, time_zone: ZoneInfo, now: datetime) -> Period | None:
    """As many buckets before a grid's first as the grid has; of the last that is not over, as much as has passed.

    Buckets of days are counted in days, months and years, and end at the same local time; shorter ones go back by the
    length of the whole grid. None while the grid has not begun.
    """
    start, end = buckets.edges[0], min(buckets.edges[-1], now)
    if end <= start:
        return None
    if step in (Step.DAY, Step.WEEK) or step in _MONTHS:
        return _days_before(buckets, step=step, time_zone=time_zone, end=end)
    length = buckets.edges[-1] - start
    return Period(start - length, end - length)


def _days_before(buckets: Grid, *, step: Step, time_zone: ZoneInfo, end: datetime) -> Period:
    first_day, start = buckets.days[0], buckets.edges[0]
    months = _MONTHS.get(step, 0) * len(buckets.days)
    days = (local_day(buckets.edges[-1], time_zone) - first_day).days
    first_before, _ = _back(first_day, months=months, days=days)
    if end == buckets.edges[-1]:
        return Period(local_midnight(first_before, time_zone), start)
    local = end.astimezone(time_zone)
    last_before, is_there = _back(local.date(), months=months, days=days)
    until = _at_time_of(local, day=last_before) if is_there else local_midnight(last_before, time_zone)
    return Period(local_midnight(first_before, time_zone), min(until, start))


def _back(day: date, *, months: int, days: int) -> tuple[date, bool]:
    """The same day so many months, or days, before, and that it is there; the day after the month where it is not."""
    if not months:
        return day - timedelta(days=days), True
    first_day, end_day = _first_of_month(day, months=-months), _first_of_month(day, months=1 - months)
    same_day = first_day + timedelta(days=day.day - 1)
    return min(same_day, end_day), same_day < end_day


def _first_of_month(day: date, *, months: int) -> date:
    """The first day of the month so many months later."""
    place = day.year * 12 + day.month - 1 + months
    return date(place // 12, place % 12 + 1, 1)
