"""Turns a panel's tariffs and a span into the instants between which a kWh has one price."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from metering.periods import local_day, local_midnight
from metering.tariffs.book import TariffBook
from metering.tariffs.hours import Hours
from metering.tariffs.rules import Band, Recurrence, Tariff

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A tariff and the instants (UTC) from `start` up to `end` for which it is; its days and hours are the zone's."""

    tariff: Tariff
    start: datetime
    end: datetime
    zone: ZoneInfo


def zone_of(tariff: Tariff, *, time_zone: ZoneInfo) -> ZoneInfo:
    """Whose hours count: the tariff's own, else the panel's."""
    return ZoneInfo(tariff.time_zone) if tariff.time_zone else time_zone


def stretches(book: TariffBook, *, start: datetime, end: datetime, time_zone: ZoneInfo) -> list[Stretch]:
    """The tariffs between two instants, ascending; they change at midnights of `time_zone`, the panel's."""
    first, last = local_day(start, time_zone), local_day(end, time_zone)
    found: list[Stretch] = []
    for tariff, until in book.versions():
        begin = start if tariff.valid_from <= first else local_midnight(min(tariff.valid_from, last + _DAY), time_zone)
        stop = end if until is None or until > last else local_midnight(max(until, first), time_zone)
        if begin < min(stop, end):
            zone = zone_of(tariff, time_zone=time_zone)
            found.append(Stretch(tariff, begin.astimezone(UTC), min(stop, end).astimezone(UTC), zone))
    return found


def needs_slices(book: TariffBook, *, first: date, end: date) -> bool:
    """Whether a tariff of the local days from `first` up to, not including, `end` is more than one price a kWh.

    Where none is, what was used on a day costs `flat_cost`, and nothing else falls due.
    """
    return any(
        tariff.valid_from < end and (until is None or until > first) and not tariff.is_flat
        for tariff, until in book.versions()
    )


def slice_edges(book: TariffBook, *, start: datetime, end: datetime, time_zone: ZoneInfo) -> list[datetime]:
    """The instants (UTC, ascending) between which energy is to be summed for `cost.charges_of`.

    They are `start`, `end`, and in between each at which the band or the tariff changes, a month begins, or a day by
    which a charge is due. Windows go by the clock on the wall: an hour that is skipped or repeated counts as what the
    clock shows. The first is the start of the local month of `start` where what was used in it before decides on a
    price or on the minimum charge: what lies before `start` is then to be left out of the answer.
    """
    begun = _needed_from(book, start=start, end=end, time_zone=time_zone)
    edges = {begun, start.astimezone(UTC), end.astimezone(UTC)}
    for stretch in stretches(book, start=begun, end=end, time_zone=time_zone):
        edges.add(stretch.start)
        if not stretch.tariff.is_flat:
            edges.update(run.start for run in runs(stretch))
            edges.update(_daily_dues(stretch))
    return sorted(edges)


def _needed_from(book: TariffBook, *, start: datetime, end: datetime, time_zone: ZoneInfo) -> datetime:
    """The start, or that of its local month where a tariff of the month counts the month's kWh."""
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    zones = {time_zone, *(zone_of(tariff, time_zone=time_zone) for tariff, _ in book.versions())}
    month_start = min(local_midnight(local_day(start, zone).replace(day=1), zone) for zone in zones)
    month_end = min(end, month_start + timedelta(days=33))
    of_month = stretches(book, start=month_start, end=month_end, time_zone=time_zone)
    return month_start if any(counts_months(stretch.tariff) for stretch in of_month) else start


def counts_months(tariff: Tariff) -> bool:
    """Whether what a kWh costs hangs on what was used before it in the month."""
    return tariff.minimum_charge is not None or any(len(band.blocks) > 1 for band in tariff.bands)


def _daily_dues(stretch: Stretch) -> Iterator[datetime]:
    """The starts of the local days within a stretch, where each costs something."""
    if any(charge.per is Recurrence.DAY for charge in stretch.tariff.standing_charges):
        yield from (day.start for day in local_days(stretch) if stretch.start < day.start < stretch.end)


@dataclass(frozen=True, slots=True)
class Run:
    """The band and the local month (year and month) from an instant (UTC) on, until another run begins."""

    start: datetime
    band: Band
    month: tuple[int, int]


def runs(stretch: Stretch) -> Iterator[Run]:
    """The bands and months of a stretch, ascending from its start on; none like the one before."""
    hours, before = Hours(stretch.tariff.bands), None
    for run in _moments(stretch, hours):
        if before is None or run.band is not before.band or run.month != before.month:
            yield run
            before = run


def _moments(stretch: Stretch, hours: Hours) -> Iterator[Run]:
    """The start of a stretch, and within it all instants at which another band may begin, with the band."""
    yield _run_at(stretch.start, hours, stretch.zone)
    for day in local_days(stretch):
        bands = hours.on(day.day)
        if day.end - day.start == _DAY:
            month = (day.day.year, day.day.month)
            begun = zip(bands.minutes, bands.bands, strict=True)
            moments = [Run(day.start + minute * _MINUTE, band, month) for minute, band in begun]
        else:
            moments = [_run_at(at, hours, stretch.zone) for at in _instants(day, bands.minutes, zone=stretch.zone)]
        yield from (run for run in moments if stretch.start < run.start < stretch.end)


def _run_at(at: datetime, hours: Hours, zone: ZoneInfo) -> Run:
    local = at.astimezone(zone)
    return Run(at, hours.band_at(local), (local.year, local.month))


@dataclass(frozen=True, slots=True)
class LocalDay:
    """A local day and the instants (UTC) from which, and up to which, it is: 23, 24 or 25 hours, for the most part."""

    day: date
    start: datetime
    end: datetime


def local_days(stretch: Stretch) -> Iterator[LocalDay]:
    """The local days that a stretch touches, without those that a zone left out: Apia had no 30 December 2011."""
    day, last = local_day(stretch.start, stretch.zone), local_day(stretch.end, stretch.zone)
    start = local_midnight(day, stretch.zone)
    while day <= last:
        end = local_midnight(day + _DAY, stretch.zone)
        if start < end:
            yield LocalDay(day, start, end)
        day, start = day + _DAY, end


def _instants(day: LocalDay, minutes: Sequence[int], *, zone: ZoneInfo) -> list[datetime]:
    """When clocks show these minutes of a day on which they are set, and the instant at which they are."""
    times = [time(minute // 60, minute % 60, fold=fold) for minute in minutes for fold in (0, 1)]
    shown = {datetime.combine(day.day, of_day, zone).astimezone(UTC) for of_day in times}
    return sorted(at for at in {*shown, _clock_change(day, zone=zone)} if day.start <= at < day.end)


def _clock_change(day: LocalDay, *, zone: ZoneInfo) -> datetime:
    """The minute in a day at which the clocks are set."""
    before = day.start.astimezone(zone).utcoffset()
    low, high = 0, (day.end - day.start) // _MINUTE
    while high - low > 1:
        middle = (low + high) // 2
        is_before = (day.start + middle * _MINUTE).astimezone(zone).utcoffset() == before
        low, high = (middle, high) if is_before else (low, middle)
    return day.start + high * _MINUTE
