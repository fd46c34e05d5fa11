"""Turns a panel and a period into a series: readings while they are few enough, otherwise points from rollups."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import strawberry

from metering.buckets import pieces, stride
from metering.local_times import local_instants
from metering.periods import Period, Range, chosen_period, local_day
from metering.refusals import Refused
from resolvers.context import Context, Info
from resolvers.pages import Cursor, bad_cursor, cursor_of, place_of
from resolvers.selection import selected
from store import readings
from store.panels import Panel
from store.readings import Columns, Place, Wanted

CURSOR = "series"
DEFAULT_POINTS = 10_000
MAX_POINTS = 20_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class ReadingSeries:
    """Columns of equal length, ascending by time, and what they stand for."""

    panel: Panel
    period: Period
    at: list[datetime]
    at_ms: list[float]
    active_power_kw: list[float | None]
    energy_import_kwh: list[float | None]
    energy_export_kwh: list[float | None]
    flags: list[int]
    count: int
    downsampled_from: int
    cursor: Cursor


async def series(
    parent: strawberry.Parent[Panel],
    info: Info,
    *,
    range_: Range | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    after: Cursor | None = None,
    max_points: int | None = None,
) -> ReadingSeries:
    """The panel's readings of a period, or with `after` those of them that were stored since that answer.

    Raises:
        Refused: BAD_RANGE, BAD_MAX_POINTS, BAD_CURSOR, TOO_MANY_POINTS.
    """
    context, panel = info.context, parent
    period = chosen_period(range_, since=since, until=until, now=context.now(), default=Range.LAST_24H)
    limit = checked_points(max_points)
    wanted = _wanted(selected(info))
    place = None if after is None else _place(after)
    if place is None:
        columns, reading_count, reached = await _whole(context, panel, period=period, limit=limit, wanted=wanted)
    else:
        columns, reached = await _fresh(context, panel, period=period, place=place, limit=limit, wanted=wanted)
        reading_count = columns.count
    context.spend(columns.count, root=info.root_value)
    return ReadingSeries(
        panel=panel,
        period=period,
        at=local_instants(columns.after_start, since=period.start, zone=panel.zone),
        at_ms=columns.at_ms,
        active_power_kw=columns.active_power_kw,
        energy_import_kwh=columns.energy_import_kwh,
        energy_export_kwh=columns.energy_export_kwh,
        flags=columns.flags,
        count=columns.count,
        downsampled_from=reading_count,
        cursor=_cursor(reached),
    )


def checked_points(max_points: int | None) -> int:
    """How many points a series may have at the most; 10,000 when it is left open.

    Raises:
        Refused: BAD_MAX_POINTS unless it is 2 to 20,000.
    """
    if max_points is None:
        return DEFAULT_POINTS
    if not 2 <= max_points <= MAX_POINTS:
        raise Refused("BAD_MAX_POINTS", f"`maxPoints` must be 2 to {MAX_POINTS}.", "maxPoints")
    return max_points


def _wanted(names: frozenset[str]) -> Wanted:
    return Wanted(
        at="at" in names,
        at_ms="atMs" in names,
        active_power_kw="activePowerKw" in names,
        energy_import_kwh="energyImportKwh" in names,
        energy_export_kwh="energyExportKwh" in names,
        flags="flags" in names,
    )


async def _whole(
    context: Context, panel: Panel, *, period: Period, limit: int, wanted: Wanted
) -> tuple[Columns, int, Place]:
    viewer = context.signed_in
    async with context.pool.connection() as connection:
        found = await readings.raw(
            connection,
            viewer=viewer,
            panel_id=panel.id,
            pieces=pieces(period, time_zone=panel.zone),
            limit=limit,
            wanted=wanted,
        )
        if found.reading_count <= limit:
            return found.columns, found.reading_count, found.place
        points = await readings.points(
            connection,
            viewer=viewer,
            panel_id=panel.id,
            start=period.start,
            end=period.end,
            days=(local_day(period.start, panel.zone), local_day(period.end - _MICROSECOND, panel.zone)),
            stride=stride(period, max_points=limit, reading_count=found.reading_count),
            wanted=wanted,
        )
    return points, found.reading_count, found.place


async def _fresh(
    context: Context, panel: Panel, *, period: Period, place: Place, limit: int, wanted: Wanted
) -> tuple[Columns, Place]:
    async with context.pool.connection() as connection:
        found = await readings.stored_since(
            connection,
            viewer=context.signed_in,
            panel_id=panel.id,
            start=period.start,
            end=period.end,
            place=place,
            limit=limit,
            wanted=wanted,
        )
    return found.columns, found.place


def _cursor(place: Place) -> Cursor:
    if place.at is None:
        return cursor_of(CURSOR, place.batch_id)
    return cursor_of(CURSOR, f"{place.batch_id}.{(place.at - _EPOCH) // _MICROSECOND}")


def _place(cursor: Cursor) -> Place:
    batch_id, dot, at_us = place_of(cursor, kind=CURSOR).partition(".")
    if not (_is_number(batch_id, max_digits=18) and (not dot or _is_number(at_us, max_digits=16))):
        raise bad_cursor()
    return Place(int(batch_id), _EPOCH + int(at_us) * _MICROSECOND if dot else None)


def _is_number(text: str, *, max_digits: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= max_digits
