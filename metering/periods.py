"""Turns ranges, steps and local days into half-open spans of time."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from zoneinfo import ZoneInfo

from metering.refusals import Refused


class Range(Enum):
    """A span that ends now."""

    LAST_1H = "LAST_1H"
    LAST_6H = "LAST_6H"
    LAST_12H = "LAST_12H"
    LAST_24H = "LAST_24H"
    LAST_7D = "LAST_7D"
    LAST_30D = "LAST_30D"
    LAST_1Y = "LAST_1Y"

    @property
    def length(self) -> timedelta:
        """How long the span is."""
        return _LENGTHS[self]


_LENGTHS = {
    Range.LAST_1H: timedelta(hours=1),
    Range.LAST_6H: timedelta(hours=6),
    Range.LAST_12H: timedelta(hours=12),
    Range.LAST_24H: timedelta(hours=24),
    Range.LAST_7D: timedelta(days=7),
    Range.LAST_30D: timedelta(days=30),
    Range.LAST_1Y: timedelta(days=365),
}


class Step(Enum):
    """The width of a bucket of usage. Days and longer are the panel's local days, weeks start on Monday."""

    MINUTE = "MINUTE"
    FIVE_MINUTES = "FIVE_MINUTES"
    QUARTER_HOUR = "QUARTER_HOUR"
    HOUR = "HOUR"
    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"
    YEAR = "YEAR"


@dataclass(frozen=True, slots=True)
class Period:
    """The instants from `start` up to, not including, `end`; both aware."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        """How long the period is."""
        return self.end - self.start


MAX_PERIOD = timedelta(days=3660)


def chosen_period(
    range_: Range | None, *, since: datetime | None, until: datetime | None, now: datetime, default: Range
) -> Period:
    """The period that `range`, or `from` and `to`, ask for; `default` up to `now` when nothing is given.

    Raises:
        Refused: BAD_RANGE when both ways are used, `from` is not before `to`, or the span is over ten years.
    """
    if range_ is not None and (since is not None or until is not None):
        raise Refused("BAD_RANGE", "Give either `range` or `from` and `to`, not both.", "range")
    if since is None:
        end = until or now
        return Period(end - (range_ or default).length, end)
    return _checked(Period(since, until or now))


def _checked(period: Period) -> Period:
    if period.start >= period.end:
        raise Refused("BAD_RANGE", "`from` must be before `to`; without `to`, before now.", "from")
    if period.length > MAX_PERIOD:
        raise Refused("BAD_RANGE", "The span from `from` to `to` may be ten years at the most.", "from")
    return period


def local_midnight(day: date, time_zone: ZoneInfo) -> datetime:
    """The instant (UTC) at which a local day starts; days of 23 and 25 hours follow from it."""
    return datetime.combine(day, time.min, tzinfo=time_zone).astimezone(UTC)


def local_day(at: datetime, time_zone: ZoneInfo) -> date:
    """The local calendar day of an instant."""
    return at.astimezone(time_zone).date()


def month_days(year: int, month: int) -> tuple[date, date]:
    """The first day of a month, and the first of the next.

    Raises:
        Refused: BAD_MONTH unless the year is 2000 to 2100 and the month 1 to 12.
    """
    if not 2000 <= year <= 2100:
        raise Refused("BAD_MONTH", "`year` must be 2000 to 2100.", "year")
    if not 1 <= month <= 12:
        raise Refused("BAD_MONTH", "`month` must be 1 to 12.", "month")
    return date(year, month, 1), date(year + month // 12, month % 12 + 1, 1)
