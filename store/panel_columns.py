"""Turns a part of the list of panels into columns of what is asked for, without making a panel of each row."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from zoneinfo import ZoneInfo

from psycopg import AsyncConnection

from metering.access import Viewer
from store import panel_list
from store.connections import Row
from store.panel_list import PanelFilter, PanelPlace, PanelSlice
from store.panels import PanelStatus

CELLS: Mapping[str, LiteralString] = {
    "id": "panel.id",
    "code": "panel.code",
    "name": "panel.name",
    "location": "panel.location",
    "floor": "panel.floor",
    "time_zone": "panel.time_zone",
    "is_prepaid": "panel.is_prepaid",
    "status": "coalesce(latest.last_seen_at >= %(online_since)s, false)",
    "last_seen_at": "latest.last_seen_at",
    "latest_reading.at": "latest.at",
    "latest_reading.received_at": "latest.received_at",
    "latest_reading.active_power_kw": "latest.active_power_kw",
    "latest_reading.apparent_power_kva": "latest.apparent_power_kva",
    "latest_reading.power_factor": "latest.power_factor::text::float8",
    "latest_reading.energy_import_kwh": "latest.energy_import_kwh",
    "latest_reading.energy_export_kwh": "latest.energy_export_kwh",
    "latest_reading.voltage_unbalance": "latest.voltage_unbalance::text::float8",
    "latest_reading.current_unbalance": "latest.current_unbalance::text::float8",
}
"""What may be asked for, by attribute of a Panel. Real columns are read by their text, so that 0.9 stays 0.9."""
_ALWAYS = ("id", "code", "time_zone")
_INSTANTS = frozenset({"last_seen_at", "latest_reading.at", "latest_reading.received_at"})


@dataclass(frozen=True, slots=True)
class PanelColumns:
    """Panels in their order, as columns of equal length by their names in CELLS; instants in the panels' time zones.

    A panel without a reading has None in all columns of it. `numbers` and `texts` are of the panels' places.
    """

    numbers: list[float]
    texts: list[str]
    of: Mapping[str, list[Any]]

    def place(self, index: int) -> PanelPlace:
        """Where a panel stands in the order."""
        return PanelPlace(self.numbers[index], self.texts[index], self.of["code"][index])


async def part_of_list(
    connection: AsyncConnection[Row],
    wanted: Collection[str],
    *,
    viewer: Viewer,
    where: PanelFilter,
    part: PanelSlice,
    is_counted: bool,
    online_since: datetime,
) -> tuple[PanelColumns, int | None]:
    """The wanted columns, `id`, `code` and `time_zone` of the visible panels of a part of the list, in its order.

    The second value is how many panels there are in all; None unless `is_counted`.
    """
    names = [*_ALWAYS, *sorted({*wanted}.difference(_ALWAYS))]
    cells: list[LiteralString] = [CELLS[name] for name in names]
    rows, total = await panel_list.rows(
        connection,
        ", ".join(cells),
        viewer=viewer,
        where=where,
        part=part,
        is_counted=is_counted,
        online_since=online_since,
    )
    numbers, texts, *columns = map(list, zip(*rows, strict=True)) if rows else [[] for _ in range(len(names) + 2)]
    return PanelColumns(numbers, texts, _as_answered(dict(zip(names, columns, strict=True)))), total


def _as_answered(columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    zones = list(map(ZoneInfo, columns["time_zone"]))
    for name in _INSTANTS.intersection(columns):
        columns[name] = [at and at.astimezone(zone) for at, zone in zip(columns[name], zones, strict=True)]
    if "status" in columns:
        columns["status"] = [_STATUS[is_online] for is_online in columns["status"]]
    return columns


_STATUS = {True: PanelStatus.ONLINE, False: PanelStatus.OFFLINE}
