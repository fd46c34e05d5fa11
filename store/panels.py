"""Turns codes and numbers into the panels that a viewer may see, each with its newest reading."""

from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import Any, LiteralString
from zoneinfo import ZoneInfo

import msgspec
from psycopg import AsyncConnection

from metering.access import Viewer
from metering.readings import NO_FLAGS, PhaseValues, Reading, ReadingFlag
from store.connections import Row


class PanelStatus(Enum):
    """Whether a panel has been heard of lately."""

    ONLINE = "ONLINE"
    OFFLINE = "OFFLINE"


class Panel(msgspec.Struct, frozen=True):
    """A metered connection as one viewer sees it now; its instants are in the panel's time zone.

    `latest_reading` is the newest by the device's clock, `last_seen_at` the newest arrival.
    """

    id: int
    code: str
    name: str
    location: str
    floor: int
    time_zone: str
    is_prepaid: bool
    meter_number: str | None
    status: PanelStatus
    last_seen_at: datetime | None
    latest_reading: Reading | None

    @property
    def zone(self) -> ZoneInfo:
        """The panel's time zone."""
        return ZoneInfo(self.time_zone)


STATE_COLUMNS: LiteralString = """
       latest.last_seen_at,
       latest.at, latest.received_at,
       latest.voltage_r_v::text::float8, latest.voltage_s_v::text::float8,
       latest.voltage_t_v::text::float8, latest.voltage_n_v::text::float8,
       latest.current_r_a::text::float8, latest.current_s_a::text::float8,
       latest.current_t_a::text::float8, latest.current_n_a::text::float8,
       latest.active_power_kw, latest.apparent_power_kva, latest.power_factor::text::float8,
       latest.energy_import_kwh, latest.energy_export_kwh,
       latest.voltage_unbalance::text::float8, latest.current_unbalance::text::float8, latest.flags"""
"""What a panel was heard of last and its newest reading, of its latest_state as `latest`."""

PANEL_COLUMNS: LiteralString = f"""
       panel.id, panel.code, panel.name, panel.location, panel.floor, panel.time_zone, panel.is_prepaid,
       panel.meter_number, coalesce(latest.last_seen_at >= %(online_since)s, false), {STATE_COLUMNS}"""
"""What `panel_of` reads of a row: of a panel, and of its latest_state as `latest`."""

_ONE: LiteralString = f"""
SELECT {PANEL_COLUMNS}
FROM visible_panel(%(viewer_id)s, %(sees_all)s) AS panel
LEFT JOIN latest_state AS latest ON latest.panel_id = panel.id
WHERE panel.code = %(code)s
"""


async def by_code(
    connection: AsyncConnection[Row], *, viewer: Viewer, code: str, online_since: datetime
) -> Panel | None:
    """The panel of this code; None when there is none or it is not the viewer's to see."""
    async with connection.cursor(binary=True) as cursor:
        await cursor.execute(
            _ONE,
            {
                "viewer_id": viewer.account_id,
                "sees_all": viewer.sees_all,
                "code": code,
                "online_since": online_since,
            },
        )
        row = await cursor.fetchone()
    return panel_of(row) if row else None


_BY_IDS: LiteralString = f"""
SELECT {PANEL_COLUMNS}
FROM visible_panel(%(viewer_id)s, %(sees_all)s) AS panel
LEFT JOIN latest_state AS latest ON latest.panel_id = panel.id
WHERE panel.id = ANY(%(panel_ids)s)
"""


async def by_ids(
    connection: AsyncConnection[Row], panel_ids: Sequence[int], *, viewer: Viewer, online_since: datetime
) -> dict[int, Panel]:
    """The visible panels of these ids, by id."""
    parameters = {
        "viewer_id": viewer.account_id,
        "sees_all": viewer.sees_all,
        "panel_ids": list(panel_ids),
        "online_since": online_since,
    }
    cursor = await connection.execute(_BY_IDS, parameters, binary=True)
    return {row[0]: panel_of(row) for row in await cursor.fetchall()}


_VISIBLE_CODES: LiteralString = """
SELECT panel.code FROM visible_panel(%(viewer_id)s, %(sees_all)s) AS panel WHERE panel.code = ANY(%(codes)s)
"""


async def visible_codes(connection: AsyncConnection[Row], codes: Sequence[str], *, viewer: Viewer) -> set[str]:
    """Which of the codes are those of panels that the viewer may see."""
    parameters = {"viewer_id": viewer.account_id, "sees_all": viewer.sees_all, "codes": list(codes)}
    cursor = await connection.execute(_VISIBLE_CODES, parameters)
    return {code for (code,) in await cursor.fetchall()}


def panel_of(row: Row) -> Panel:
    """A panel of its eight columns, whether it is online, when it was last seen, and the columns of `reading_of`."""
    panel_id, code, name, location, floor, time_zone, is_prepaid, meter_number, is_online, seen_at, *latest = row
    zone = ZoneInfo(time_zone)
    return Panel(
        panel_id,
        code,
        name,
        location,
        floor,
        time_zone,
        is_prepaid,
        meter_number,
        PanelStatus.ONLINE if is_online else PanelStatus.OFFLINE,
        seen_at and seen_at.astimezone(zone),
        reading_of(latest, zone=zone) if latest[0] else None,
    )


def reading_of(row: Sequence[Any], *, zone: ZoneInfo) -> Reading:
    """A reading of its columns as the statements above select them, with its instants in `zone`.

    Real columns are read by their text, so that 224.7 stays 224.7.
    """
    (
        at, received_at, r_v, s_v, t_v, n_v, r_a, s_a, t_a, n_a,
        power_kw, apparent_kva, factor, import_kwh, export_kwh, voltage_unbalance, current_unbalance, flags,
    ) = row  # fmt: skip
    return Reading(
        at.astimezone(zone),
        received_at.astimezone(zone),
        phase_values(r_v, s_v, t_v, n_v),
        phase_values(r_a, s_a, t_a, n_a),
        power_kw,
        apparent_kva,
        factor,
        import_kwh,
        export_kwh,
        voltage_unbalance,
        current_unbalance,
        ReadingFlag(flags) if flags else NO_FLAGS,
    )


def phase_values(*values: Any) -> PhaseValues | None:
    """The phases R, S, T and N; None when none of them was measured."""
    return None if values == (None, None, None, None) else PhaseValues(*values)
