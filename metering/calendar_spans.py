"""Turns weeks, months and years of the calendar into local days, and into the same part of the one before."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from metering.periods import Step, local_midnight, month_days
from metering.refusals import Refused

DAY = timedelta(days=1)
_BUCKET = timedelta(minutes=5)
_WEEK = timedelta(days=7)


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

    The part ends at `cut_at`, a multiple of five minutes; None for both instants (UTC) where there is no part.
    """

    first_day: date
    end_day: date
    midnight_at: datetime | None = None
    cut_at: datetime | None = None

    @property
    def last_day(self) -> date:
        """The last day of which there is something."""
        return self.end_day if self.cut_at else self.end_day - DAY


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
    day, is_there = _same_day_before(local.date(), span=span)
    if not is_there:
        return DaysUpTo(first_day, day)
    midnight_at = local_midnight(day, time_zone)
    passed = datetime.combine(day, local.time(), tzinfo=time_zone).astimezone(UTC) - midnight_at
    return DaysUpTo(first_day, day, midnight_at, midnight_at + max(passed, timedelta(0)) // _BUCKET * _BUCKET)


def _same_day_before(day: date, *, span: CalendarSpan) -> tuple[date, bool]:
    """The same day of the span before, and that it is there; else the day after its month."""
    if span.step is Step.WEEK:
        return day - _WEEK, True
    first_day = span.before.first_day
    month = day.month if span.step is Step.YEAR else first_day.month
    first_of_month, end_of_month = month_days(first_day.year, month)
    same_day = first_of_month + timedelta(days=day.day - 1)
    return min(same_day, end_of_month), same_day < end_of_month
