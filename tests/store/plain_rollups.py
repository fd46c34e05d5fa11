"""Says the plain way what must be stored of readings, from all of them at once: rows, events, rollups, newest."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import groupby, pairwise
from typing import Any
from zoneinfo import ZoneInfo

from msgspec.structs import fields

from metering.readings import PhaseValues, Reading, ReadingFlag
from metering.registers import Course, EventKind, RegisterEvent, RegisterReading
from store.staging import PanelReading

LATE = ReadingFlag.LATE
QUARTER = timedelta(minutes=15)
FLAG_OF = {"IMPORT": ReadingFlag.IMPORT_GLITCH, "EXPORT": ReadingFlag.EXPORT_GLITCH}
COLUMN_OF = {"IMPORT": "energy_import_kwh", "EXPORT": "energy_export_kwh"}

Bucket = tuple[int, datetime | date]


@dataclass(frozen=True, slots=True)
class Counted:
    """A reading as it counts: with its flags, and how far its registers have risen; `took` is the import's time."""

    panel_id: int
    one: Reading
    flags: int
    import_rise_kwh: Decimal
    export_rise_kwh: Decimal
    took: timedelta

    @property
    def prompt_kwh(self) -> Decimal:
        return self.import_rise_kwh if self.took <= QUARTER else Decimal(0)

    def register(self, name: str) -> float | None:
        return None if self.flags & FLAG_OF[name] else getattr(self.one, COLUMN_OF[name])


def joined(readings: Iterable[PanelReading]) -> list[PanelReading]:
    """One reading a panel and second: the larger values, the earlier arrival, late when all were late."""
    found: list[PanelReading] = []
    ordered = sorted(readings, key=lambda pair: (pair[0], pair[1].at))
    for (panel_id, at), group in groupby(ordered, key=lambda pair: (pair[0], pair[1].at)):
        same = [one for _, one in group]
        any_flags = ReadingFlag(0)
        for one in same:
            any_flags |= one.flags & ~LATE
        late = LATE if all(one.flags & LATE for one in same) else ReadingFlag(0)
        values = {name: _larger(getattr(one, name) for one in same) for name in _VALUES}
        received_at = min(one.received_at for one in same)
        found.append((panel_id, Reading(at=at, received_at=received_at, flags=any_flags | late, **values)))
    return found


_VALUES = [one.name for one in fields(Reading) if one.name not in {"at", "received_at", "flags", "is_partial"}]


def _larger(values: Iterable[Any]) -> Any:
    known = [value for value in values if value is not None]
    if known and isinstance(known[0], PhaseValues):
        return PhaseValues(*(_larger(getattr(value, phase) for value in known) for phase in "rstn"))
    return max(known, default=None)


def counted(readings: Iterable[PanelReading]) -> tuple[list[Counted], list[tuple[int, str, RegisterEvent]]]:
    """The readings as they count, in the order of panels and time, and the events of their registers."""
    rows: list[Counted] = []
    events: list[tuple[int, str, RegisterEvent]] = []
    for panel_id, group in groupby(joined(readings), key=lambda pair: pair[0]):
        own = [one for _, one in group]
        flags = {one.at: int(one.flags) for one in own}
        rises: dict[str, dict[datetime, tuple[Decimal, timedelta]]] = {}
        for register, column in COLUMN_OF.items():
            course = [RegisterReading(one.at, getattr(one, column)) for one in own if getattr(one, column) is not None]
            judgement = Course(course, is_beginning=True).judged(0, len(course))
            events += [(panel_id, register, event) for event in judgement.events]
            for place in judgement.glitches:
                flags[course[place].at] |= FLAG_OF[register]
            chain = [one for place, one in enumerate(course) if place not in judgement.glitches]
            rises[register] = dict(_rises(chain, judgement.events))
        nothing = Decimal(0), timedelta(0)
        for one in own:
            import_rise_kwh, took = rises["IMPORT"].get(one.at, nothing)
            export_rise_kwh, _ = rises["EXPORT"].get(one.at, nothing)
            rows.append(Counted(panel_id, one, flags[one.at], import_rise_kwh, export_rise_kwh, took))
    return rows, events


def _rises(
    chain: Sequence[RegisterReading], events: Sequence[RegisterEvent]
) -> Iterable[tuple[datetime, tuple[Decimal, timedelta]]]:
    """What each reading of a chain has used since the one before it, and how long that took."""
    rollovers = {event.at: event.usage_kwh for event in events if event.kind is EventKind.ROLLOVER}
    for before, after in pairwise(chain):
        took, risen_kwh = after.at - before.at, after.kwh - before.kwh
        is_plausible = 0 <= risen_kwh <= 2000 * took.total_seconds() / 3600 + 1
        usage_kwh = Decimal(round(risen_kwh * 1e6)) / 1_000_000 if is_plausible else rollovers.get(after.at, Decimal(0))
        yield after.at, (usage_kwh, took)


def bucket_of(table: str, at: datetime, zone: str) -> datetime | date:
    """The start of the five minutes or hour, or the local day, that an instant is in."""
    if table == "rollup_day":
        return at.astimezone(ZoneInfo(zone)).date()
    length = timedelta(minutes=5) if table == "rollup_five_minutes" else timedelta(hours=1)
    return at - (at - datetime(1970, 1, 1, tzinfo=UTC)) % length


def rollup(rows: Iterable[Counted], table: str, zones: dict[int, str]) -> dict[Bucket, dict[str, Any]]:
    """The rows of a rollup, by panel and bucket."""
    members: dict[Bucket, list[Counted]] = {}
    for row in rows:
        members.setdefault((row.panel_id, bucket_of(table, row.one.at, zones[row.panel_id])), []).append(row)
    extras = {"rollup_five_minutes": _spread, "rollup_hour": _quarters, "rollup_day": _peak}
    return {bucket: _summed(own) | extras[table](own) for bucket, own in members.items()}


def _summed(own: list[Counted]) -> dict[str, Any]:
    powers = [row.one.active_power_kw for row in own if row.one.active_power_kw is not None]
    factors = [row.one.power_factor for row in own if row.one.power_factor is not None]
    return {
        "reading_count": len(own),
        "energy_kwh": sum(row.import_rise_kwh for row in own),
        "export_kwh": sum(row.export_rise_kwh for row in own),
        "power_count": len(powers),
        "power_sum_kw": sum(powers),
        "power_min_kw": min(powers, default=None),
        "power_max_kw": max(powers, default=None),
        "factor_count": len(factors),
        "factor_sum": sum(factors),
        "first_at": own[0].one.at,
        "last_at": own[-1].one.at,
        "energy_import_kwh": _last(row.register("IMPORT") for row in own),
        "energy_export_kwh": _last(row.register("EXPORT") for row in own),
    }


def _last(values: Iterable[float | None]) -> float | None:
    return next(iter([value for value in values if value is not None][::-1]), None)


def _spread(own: list[Counted]) -> dict[str, Any]:
    return {"spread_kwh": sum(row.import_rise_kwh - row.prompt_kwh for row in own)}


def _quarters(own: list[Counted]) -> dict[str, Any]:
    return {
        f"quarter_{number + 1}_kwh": sum(row.prompt_kwh for row in own if row.one.at.minute // 15 == number)
        for number in range(4)
    } | {"longest_gap": _longest_silence(own)}


def _longest_silence(own: list[Counted]) -> timedelta | None:
    """Between readings of different five minutes."""
    instants = [row.one.at for row in own]
    fives = [bucket_of("rollup_five_minutes", at, "") for at in instants]
    silences = [
        instants[place] - instants[place - 1] for place in range(1, len(own)) if fives[place] != fives[place - 1]
    ]
    return max(silences, default=None)


def _peak(own: list[Counted]) -> dict[str, Any]:
    energy_kwh: dict[datetime, Decimal] = {}
    for row in own:
        start = row.one.at - (row.one.at - datetime(1970, 1, 1, tzinfo=UTC)) % QUARTER
        energy_kwh[start] = energy_kwh.get(start, Decimal(0)) + row.prompt_kwh
    most_kwh = max(energy_kwh.values())
    at = min(start for start, kwh in energy_kwh.items() if kwh == most_kwh)
    return {"peak_demand_kw": 4 * most_kwh if most_kwh else None, "peak_demand_at": at if most_kwh else None}
