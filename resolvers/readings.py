"""Turns a panel and a period into a series: readings while they are few enough, otherwise points from rollups."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import strawberry

from metering.buckets import ROW_LENGTHS, Downsampling, Level, picking_level, pieces, stride
from metering.local_times import local_instants
from metering.periods import Period, Range, chosen_period, local_day
from metering.refusals import Refused
from resolvers.context import Context, Info
from resolvers.pages import Cursor, bad_cursor, cursor_of, place_of
from resolvers.places import BatchPlace, batch_place_in, batch_place_text
from resolvers.reading_series import PhaseColumns, ReadingSeries
from resolvers.selection import selected_paths
from resolvers.windows import looking_back
from store import reading_picks, readings
from store.panels import Panel
from store.reading_columns import COLUMN_NAMES, Columns
from store.reading_picks import PowerSample
from store.readings import Place, Series

CURSOR = "series"
DEFAULT_POINTS = 10_000
MAX_POINTS = 20_000
MAX_POINT_VALUES = 150_000
"""How many values a list of points may have, points times fields: what takes 45 ms to answer."""

_PHASES = "rstn"


@dataclass(frozen=True, slots=True)
class _Found:
    """What was found of a period, and what its points stand for."""

    columns: Columns
    reading_count: int
    place: Place
    level: Level = Level.READINGS
    point_span: timedelta | None = None


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is asked of whom."""

    context: Context
    panel: Panel
    period: Period
    limit: int
    wanted: frozenset[str]

    @property
    def parameters(self) -> dict[str, Any]:
        """What every statement takes."""
        return {
            "viewer": self.context.signed_in,
            "panel_id": self.panel.id,
            "start": self.period.start,
            "end": self.period.end,
            "wanted": self.wanted,
        }


async def series(
    parent: strawberry.Parent[Panel],
    info: Info,
    *,
    range_: Range | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    after: Cursor | None = None,
    max_points: int | None = DEFAULT_POINTS,
    downsampling: Downsampling = Downsampling.AVERAGE,
) -> ReadingSeries:
    """The panel's readings of a period, or with `after` those of them that were stored since that answer.

    Raises:
        Refused: BAD_RANGE, BAD_MAX_POINTS, BAD_CURSOR, TOO_MANY_POINTS.
    """
    context, paths = info.context, selected_paths(info)
    period = chosen_period(range_, since=since, until=until, now=context.now(), default=Range.LAST_24H)
    asked = _Asked(context, parent, period, checked_points(max_points), wanted_columns(paths))
    place = None if after is None else _place(after, panel=parent)
    async with context.turns:
        context.check_points(root=info.root_value)
        found = await _whole(asked, downsampling) if place is None else await _fresh(asked, place)
        context.spend(found.columns.count, root=info.root_value)
        _check_values(found.columns.count, paths)
        return _answered(found, panel=parent, period=period)


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


_COLUMN_OF = {
    "at": "after_start",
    "atMs": "at_ms",
    "activePowerKw": "active_power_kw",
    "minActivePowerKw": "min_active_power_kw",
    "maxActivePowerKw": "max_active_power_kw",
    "energyImportKwh": "energy_import_kwh",
    "energyExportKwh": "energy_export_kwh",
    "apparentPowerKva": "apparent_power_kva",
    "powerFactor": "power_factor",
    "voltageUnbalance": "voltage_unbalance",
    "currentUnbalance": "current_unbalance",
    "flagBits": "flags",
    **{f"voltage.{phase}": f"voltage_{phase}_v" for phase in _PHASES},
    **{f"current.{phase}": f"current_{phase}_a" for phase in _PHASES},
}
"""Which column is read for what is asked for, whether as a column or of each point."""


def wanted_columns(paths: frozenset[str]) -> frozenset[str]:
    """The columns to read for a selection below a series."""
    return frozenset(
        _COLUMN_OF[name] for name in (path.removeprefix("points.") for path in paths) if name in _COLUMN_OF
    )


def _check_values(count: int, paths: frozenset[str]) -> None:
    names = [path for path in paths if path.startswith("points.") and path.removeprefix("points.") in _COLUMN_OF]
    if names and count * len(names) > MAX_POINT_VALUES:
        most = MAX_POINT_VALUES // len(names)
        message = f"`points` of {len(names)} fields may be {most} at the most: ask for fewer, for columns or by page."
        raise Refused("TOO_MANY_POINTS", message, "maxPoints")


# What is found


async def _whole(asked: _Asked, downsampling: Downsampling) -> _Found:
    found = await _raw(asked)
    if found.reading_count <= asked.limit and found.finest is Level.READINGS:
        return _Found(found.columns, found.reading_count, found.place)
    if downsampling is Downsampling.MIN_MAX_LTTB:
        picked = await _picked(asked, found)
        if picked.columns.count:
            return picked
    return await _averaged(asked, found)


async def _raw(asked: _Asked) -> Series:
    async with looking_back(asked.context, asked.panel.id) as connection:
        return await readings.raw(
            connection,
            viewer=asked.context.signed_in,
            panel_id=asked.panel.id,
            pieces=pieces(asked.period, time_zone=asked.panel.zone),
            limit=asked.limit,
            wanted=asked.wanted,
        )


async def _averaged(asked: _Asked, found: Series) -> _Found:
    chosen = stride(asked.period, max_points=asked.limit, reading_count=found.reading_count, finest=found.finest)
    async with looking_back(asked.context, asked.panel.id) as connection:
        columns = await readings.points(connection, **asked.parameters, days=_days(asked), stride=chosen)
    return _Found(columns, found.reading_count, found.place, chosen.level, chosen.length)


async def _picked(asked: _Asked, found: Series) -> _Found:
    """Empty where nothing has a power; others have the connection while places are picked."""
    level = picking_level(asked.period, max_points=asked.limit, reading_count=found.reading_count, finest=found.finest)
    scope = {name: value for name, value in asked.parameters.items() if name != "wanted"}
    async with looking_back(asked.context, asked.panel.id) as connection:
        sample = await reading_picks.power_sample(connection, **scope, days=_days(asked), level=level)
    places = await asyncio.to_thread(_picked_places, sample, max_points=asked.limit)
    async with looking_back(asked.context, asked.panel.id) as connection:
        columns = await reading_picks.picked(connection, **asked.parameters, level=level, places=places)
    return _Found(columns, found.reading_count, found.place, level, ROW_LENGTHS.get(level))


def _picked_places(sample: PowerSample, *, max_points: int) -> Sequence[int]:
    from resolvers.downsampling import picked_places  # noqa: PLC0415 - numpy: 65 ms, 20 MB that only this needs

    return picked_places(sample, max_points=max_points)


def _days(asked: _Asked) -> tuple[date, date]:
    zone = asked.panel.zone
    return local_day(asked.period.start, zone), local_day(asked.period.end - timedelta(microseconds=1), zone)


async def _fresh(asked: _Asked, place: Place) -> _Found:
    async with looking_back(asked.context, asked.panel.id) as connection:
        found = await readings.stored_since(connection, **asked.parameters, place=place, limit=asked.limit)
    return _Found(found.columns, found.columns.count, found.place)


# How it is answered


def _answered(found: _Found, *, panel: Panel, period: Period) -> ReadingSeries:
    columns, span = found.columns, found.point_span
    return ReadingSeries(
        panel=panel,
        period=period,
        level=found.level,
        point_span_s=None if span is None else round(span.total_seconds()),
        count=columns.count,
        downsampled_from=found.reading_count,
        cursor=_cursor(found.place, panel=panel),
        at=local_instants(columns.of.get("after_start", []), since=period.start, zone=panel.zone),
        voltage_v=_phases(columns, "voltage_{}_v"),
        current_a=_phases(columns, "current_{}_a"),
        **{name: columns.of.get(name) for name in _PLAIN},
    )


_PLAIN = sorted(name for name in COLUMN_NAMES if name != "after_start" and not name.endswith(("_v", "_a")))


def _phases(columns: Columns, name: str) -> PhaseColumns | None:
    """None where no phase has a column."""
    phases = [columns.of.get(name.format(phase)) for phase in _PHASES]
    return None if phases == [None] * 4 else PhaseColumns(*(phase or [] for phase in phases))


# Cursors


def _cursor(place: Place, *, panel: Panel) -> Cursor:
    """Also a place of the stream of readings, see `resolvers.reading_events.position_of`."""
    within = BatchPlace(place.batch_id, place.at, place.at and panel.id)
    return cursor_of(CURSOR, batch_place_text(within))


def _place(cursor: Cursor, *, panel: Panel) -> Place:
    """A place within a batch is one of its own panel; one after a batch is good for every panel."""
    found = batch_place_in(place_of(cursor, kind=CURSOR))
    if found is None or (found.at is not None and found.panel_id != panel.id):
        raise bad_cursor()
    return Place(found.batch_id, found.at)
