"""Turns tariffs and an instant into the band that is valid then, and when the next price begins."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from metering.periods import local_day, local_midnight
from metering.tariffs.book import TariffBook
from metering.tariffs.hours import Hours
from metering.tariffs.rules import Band, Block, Tariff
from metering.tariffs.slices import slice_edges, zone_of

_EVERY_WEEKDAY: Final = timedelta(days=8)
_MONTHS: Final = 12


@dataclass(frozen=True, slots=True)
class PriceNow:
    """The tariff and the band of an instant, the start (UTC) of its month, and the zone whose hours count."""

    tariff: Tariff
    band: Band
    month_start: datetime
    zone: ZoneInfo

    def block(self, used_kwh: Decimal) -> Block:
        """The block of the next kWh after so many of the month."""
        return [block for block in self.band.blocks if block.from_kwh <= used_kwh][-1]


def price_of(tariff: Tariff, *, at: datetime, time_zone: ZoneInfo) -> PriceNow:
    """What a tariff says at an instant, for a panel of a time zone."""
    zone = zone_of(tariff, time_zone=time_zone)
    month_start = local_midnight(local_day(at, zone).replace(day=1), zone)
    return PriceNow(tariff, Hours(tariff.bands).band_at(at.astimezone(zone)), month_start, zone)


def next_change_at(book: TariffBook, *, at: datetime, time_zone: ZoneInfo) -> datetime | None:
    """When (UTC) after an instant another band or tariff begins; None where none does within a year.

    Bands go by weekday and month: so it is within eight days, or within eight days of the start of a month or tariff.
    """
    now = _valid(book, at, time_zone)
    for start in _starts(book, at=at, time_zone=time_zone):
        edges = slice_edges(book, start=start, end=start + _EVERY_WEEKDAY, time_zone=time_zone)
        for edge in edges:
            if edge > at and edge >= start and _valid(book, edge, time_zone) != now:
                return edge
    return None


def _valid(book: TariffBook, at: datetime, time_zone: ZoneInfo) -> tuple[date, str] | None:
    tariff = book.on(local_day(at, time_zone))
    return tariff and (tariff.valid_from, price_of(tariff, at=at, time_zone=time_zone).band.name)


def _starts(book: TariffBook, *, at: datetime, time_zone: ZoneInfo) -> list[datetime]:
    """The instant itself, and those within a year at which a month or a tariff begins."""
    first = local_day(at, time_zone)
    changes = [local_midnight(day, time_zone) for day in book.changes(first, date(first.year + 1, 12, 31))]
    tariff = book.on(first)
    is_one_band = tariff is not None and len(tariff.bands) == 1
    zone = zone_of(tariff, time_zone=time_zone) if tariff else time_zone
    months: Iterable[datetime] = () if is_one_band else _month_starts(first, zone=zone)
    return [at.astimezone(UTC), *sorted({*changes, *months})]


def _month_starts(day: date, *, zone: ZoneInfo) -> Iterator[datetime]:
    for number in range(1, _MONTHS + 1):
        place = day.year * 12 + day.month - 1 + number
        yield local_midnight(date(place // 12, place % 12 + 1, 1), zone)
