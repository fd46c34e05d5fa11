"""Turns a period into the buckets of a chart: a complete local grid, or points that are few enough to draw."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from zoneinfo import ZoneInfo

from metering.periods import Period, Step, local_day, local_midnight
from metering.refusals import Refused

MAX_BUCKETS = 10_000
FIVE_MINUTES = timedelta(minutes=5)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

_LENGTHS = {
    Step.MINUTE: timedelta(minutes=1),
    Step.FIVE_MINUTES: FIVE_MINUTES,
    Step.QUARTER_HOUR: timedelta(minutes=15),
    Step.HOUR: HOUR,
    Step.DAY: DAY,
    Step.WEEK: timedelta(days=7),
    Step.MONTH: timedelta(days=28),
    Step.YEAR: timedelta(days=365),
}


class Level(Enum):
    """Where sums come from: the readings themselves, or one of the rollups."""

    READINGS = "READINGS"
    FIVE_MINUTES = "FIVE_MINUTES"
    HOUR = "HOUR"
    DAY = "DAY"


class Downsampling(Enum):
    """How many readings become few points."""

    AVERAGE = "AVERAGE"
    """A point for each bin: the average over it, with its lowest and highest power, and registers at its end."""
    MIN_MAX_LTTB = "MIN_MAX_LTTB"
    """Readings picked so that the line keeps its shape and its peaks: MinMaxLTTB."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Half-open buckets without gaps: bucket i is from `edges[i]` up to `edges[i + 1]`, in UTC.

    `days` has the local day on which each bucket starts.
    """

    edges: list[datetime]
    days: list[date]

    @property
    def starts(self) -> list[datetime]:
        """The start of each bucket."""
        return self.edges[:-1]


def grid(period: Period, *, step: Step, time_zone: ZoneInfo) -> Grid:
    """The whole local buckets that the period touches: of days, of weeks from Monday, or counted from midnight.

    Raises:
        Refused: TOO_MANY_BUCKETS when there are more than 10,000; it says which step fits.
    """
    if period.length / _LENGTHS[step] > MAX_BUCKETS - 2:
        fitting = next(s for s in Step if period.length / _LENGTHS[s] <= MAX_BUCKETS - 2)
        message = f"That is more than {MAX_BUCKETS} buckets: use {fitting.value} or longer, or a shorter span."
        raise Refused("TOO_MANY_BUCKETS", message, "step")
    if _LENGTHS[step] < DAY:
        return _grid_in_days(period, length=_LENGTHS[step], time_zone=time_zone)
    # By instant, because a zone that crosses the date line skips a day: Apia had no 30 December 2011.
    days = {local_midnight(day, time_zone): day for day in _first_days(period, step=step, time_zone=time_zone)}
    return Grid(list(days), list(days.values())[:-1])


def _grid_in_days(period: Period, *, length: timedelta, time_zone: ZoneInfo) -> Grid:
    edges: list[datetime] = []
    days: list[date] = []
    for edge, day in _edges_in_days(local_day(period.start, time_zone), length=length, time_zone=time_zone):
        if edge <= period.start:
            edges.clear()
            days.clear()
        edges.append(edge)
        days.append(day)
        if edge >= period.end:
            break
    return Grid(edges, days[:-1])


def _edges_in_days(day: date, *, length: timedelta, time_zone: ZoneInfo) -> Iterator[tuple[datetime, date]]:
    edge = local_midnight(day, time_zone)
    while True:
        next_midnight = local_midnight(day + DAY, time_zone)
        while edge < next_midnight:
            yield edge, day
            edge += length
        edge, day = next_midnight, day + DAY


def _first_days(period: Period, *, step: Step, time_zone: ZoneInfo) -> Iterator[date]:
    """The first day of each bucket, and of the one after the last."""
    day = first_day_of(local_day(period.start, time_zone), step=step)
    yield day
    while local_midnight(day, time_zone) < period.end:
        day = next_first_day(day, step=step)
        yield day


def first_day_of(day: date, *, step: Step) -> date:
    """The first day of the bucket of days that holds `day`."""
    if step is Step.WEEK:
        return day - timedelta(days=day.weekday())
    if step is Step.MONTH:
        return day.replace(day=1)
    return day.replace(month=1, day=1) if step is Step.YEAR else day


def next_first_day(day: date, *, step: Step) -> date:
    """The first day of the bucket of days after the one that starts with `day`."""
    if step is Step.YEAR:
        return day.replace(year=day.year + 1)
    if step is Step.MONTH:
        return date(day.year + day.month // 12, day.month % 12 + 1, 1)
    return day + _LENGTHS[step]


def usage_level(buckets: Grid, *, step: Step) -> Level:
    """The coarsest level that gives the grid's sums exactly; hours only where they start with hours of UTC."""
    if step is Step.MINUTE:
        return Level.READINGS
    if step in (Step.FIVE_MINUTES, Step.QUARTER_HOUR):
        return Level.FIVE_MINUTES
    if step is Step.HOUR:
        is_whole = all(edge.minute == 0 for edge in buckets.edges)
        return Level.HOUR if is_whole else Level.FIVE_MINUTES
    return Level.DAY


@dataclass(frozen=True, slots=True)
class Pieces:
    """A period in pieces that are cheap to sum, in UTC.

    Readings from `start` to `buckets_start` and from `buckets_end` to `end`; five minutes from `buckets_start` to
    `days_start` and from `days_end` to `buckets_end`; local days from `first_day` up to, not including, `end_day`.
    """

    start: datetime
    buckets_start: datetime
    days_start: datetime
    days_end: datetime
    buckets_end: datetime
    end: datetime
    first_day: date
    end_day: date

    @property
    def by_name(self) -> dict[str, datetime | date]:
        """Its bounds by their names; `asdict` would take 0.3 ms to copy each of them."""
        return {bound.name: getattr(self, bound.name) for bound in fields(self)}


def pieces(period: Period, *, time_zone: ZoneInfo) -> Pieces:
    """The period in whole local days, whole five minutes, and the rest at its edges."""
    start, end = period.start.astimezone(UTC), period.end.astimezone(UTC)
    buckets_start = min(-(-(start - _EPOCH) // FIVE_MINUTES) * FIVE_MINUTES + _EPOCH, end)
    buckets_end = max((end - _EPOCH) // FIVE_MINUTES * FIVE_MINUTES + _EPOCH, buckets_start)
    first_day, end_day = local_day(buckets_start, time_zone), local_day(buckets_end, time_zone)
    if local_midnight(first_day, time_zone) < buckets_start:
        first_day += DAY
    if first_day >= end_day:
        return Pieces(start, buckets_start, buckets_end, buckets_end, buckets_end, end, end_day, end_day)
    days_start, days_end = local_midnight(first_day, time_zone), local_midnight(end_day, time_zone)
    return Pieces(start, buckets_start, days_start, days_end, buckets_end, end, first_day, end_day)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Stride:
    """How wide each point of a downsampled series is, and what it is made of."""

    level: Level
    length: timedelta


MAX_ROLLUP_ROWS = 20_000
"""How many rollup rows a chart may read: more take longer than they show."""

MAX_BINNED_READINGS = 50_000
"""How many readings may be put into bins at the time of the request."""

MAX_PICKED_READINGS = 200_000
"""How many readings points may be picked from: two days at 1 s, a month at 15 s."""

_READING_STRIDES = [
    Stride(Level.READINGS, timedelta(seconds=seconds)) for seconds in (1, 2, 5, 10, 15, 20, 30, 60, 120)
]
_STRIDES = [
    *(Stride(Level.FIVE_MINUTES, timedelta(minutes=minutes)) for minutes in (5, 10, 15, 20, 30)),
    *(Stride(Level.HOUR, timedelta(hours=hours)) for hours in (1, 2, 3, 4, 6, 8, 12)),
    *(Stride(Level.DAY, timedelta(days=days)) for days in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)),
]
_LEVELS = list(Level)
ROW_LENGTHS = {Level.FIVE_MINUTES: FIVE_MINUTES, Level.HOUR: HOUR, Level.DAY: DAY}
"""How long a row of each rollup is."""


def stride(period: Period, *, max_points: int, reading_count: int, finest: Level = Level.READINGS) -> Stride:
    """The finest stride that gives no more than `max_points`, 2 or more, wherever the period starts.

    Rollups serve it, from the `finest` level on that is kept, unless five minutes would give less than a quarter of the
    points in a short period: then its `reading_count` readings are put into bins themselves, where they are few enough.
    """
    chosen = next(
        stride
        for stride in _STRIDES
        if _LEVELS.index(stride.level) >= _LEVELS.index(finest)
        and most_points(period, stride=stride) <= max_points
        and _rows(period, stride.level) <= MAX_ROLLUP_ROWS
    )
    is_fine = 4 * most_points(period, stride=chosen) >= max_points
    if is_fine or reading_count > MAX_BINNED_READINGS or finest is not Level.READINGS:
        return chosen
    fine = (stride for stride in _READING_STRIDES if most_points(period, stride=stride) <= max_points)
    return next(fine, chosen)


def picking_level(period: Period, *, max_points: int, reading_count: int, finest: Level = Level.READINGS) -> Level:
    """What points are picked from: readings while they are few, else the coarsest rollup with a row a point or more.

    Where no rollup has so many rows, or reading them would be too much, it is the finest that may be read.
    """
    if reading_count <= MAX_PICKED_READINGS and finest is Level.READINGS:
        return Level.READINGS
    kept = _LEVELS[max(1, _LEVELS.index(finest)) :]
    readable = [level for level in kept if _rows(period, level) <= MAX_ROLLUP_ROWS] or [Level.DAY]
    return next((level for level in reversed(readable) if _rows(period, level) >= max_points), readable[0])


def _rows(period: Period, level: Level) -> float:
    return period.length / ROW_LENGTHS[level]


def most_points(period: Period, *, stride: Stride) -> int:
    """How many points of that stride the period may have: bins of the epoch, or of days from its first day on."""
    if stride.level is Level.DAY:
        return -(-(period.length // DAY + 2) // stride.length.days)
    last_bin = (period.end - _EPOCH - timedelta(microseconds=1)) // stride.length
    return last_bin - (period.start - _EPOCH) // stride.length + 1
