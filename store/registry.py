"""Keeps what people know about a panel and its meter cannot say: name, place, time zone, prepaid or not."""

from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from psycopg import AsyncConnection

from store.connections import Row


@dataclass(frozen=True, slots=True)
class PanelDescription:
    """What is known about a panel before, or besides, its readings; `meter_since` is the meter's first local day."""

    code: str
    name: str
    location: str
    floor: int
    time_zone: str
    is_prepaid: bool
    meter_number: str | None
    meter_since: date | None = None


_DESCRIBE = """
INSERT INTO panel (code, name, location, floor, time_zone, is_prepaid, meter_number, meter_since)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (code) DO UPDATE SET name = excluded.name, location = excluded.location, floor = excluded.floor,
    time_zone = excluded.time_zone, is_prepaid = excluded.is_prepaid, meter_number = excluded.meter_number,
    meter_since = coalesce(excluded.meter_since, panel.meter_since)
RETURNING id"""


async def describe_panel(connection: AsyncConnection[Row], panel: PanelDescription) -> int:
    """Adds the panel, or renews what is known of it; returns its id. Its days so far keep their old time zone."""
    cursor = await connection.execute(
        _DESCRIBE,
        (
            panel.code,
            panel.name,
            panel.location,
            panel.floor,
            panel.time_zone,
            panel.is_prepaid,
            panel.meter_number,
            panel.meter_since,
        ),
    )
    (panel_id,) = (await cursor.fetchall())[0]
    return panel_id


@dataclass(frozen=True, slots=True)
class PanelChange:
    """What is to be known about a panel from now on; None leaves it as it is, a meter number of "" takes it away."""

    name: str | None = None
    location: str | None = None
    floor: int | None = None
    time_zone: str | None = None
    is_prepaid: bool | None = None
    meter_number: str | None = None
    meter_since: date | None = None

    @property
    def given(self) -> dict[str, Any]:
        """What is to change, by the API's names; a date as text."""
        said = {
            "name": self.name,
            "location": self.location,
            "floor": self.floor,
            "timeZone": self.time_zone,
            "isPrepaid": self.is_prepaid,
            "meterNumber": self.meter_number,
            "meterSince": self.meter_since and str(self.meter_since),
        }
        return {name: value for name, value in said.items() if value is not None}


_CHANGE = """
UPDATE panel
SET name = coalesce(%(name)s, name), location = coalesce(%(location)s, location), floor = coalesce(%(floor)s, floor),
    time_zone = coalesce(%(time_zone)s, time_zone), is_prepaid = coalesce(%(is_prepaid)s, is_prepaid),
    meter_number = CASE WHEN %(meter_number)s::text IS NULL THEN meter_number ELSE nullif(%(meter_number)s, '') END,
    meter_since = coalesce(%(meter_since)s, meter_since)
WHERE code = %(code)s"""


async def change_panel(connection: AsyncConnection[Row], code: str, change: PanelChange) -> None:
    """Changes what is known of the panel of a code. Its days so far keep their old time zone."""
    await connection.execute(_CHANGE, {"code": code, **asdict(change)})


_DESCRIBED = """
SELECT code, name, location, floor, time_zone, is_prepaid, meter_number, meter_since FROM panel
WHERE %(code)s::text IS NULL OR code = %(code)s ORDER BY code"""


async def described(connection: AsyncConnection[Row], *, code: str | None = None) -> list[PanelDescription]:
    """What is known about the panel of a code, or about every panel; by code."""
    rows = await (await connection.execute(_DESCRIBED, {"code": code})).fetchall()
    return [PanelDescription(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class Registers:
    """Where a meter's registers stood at its newest reading; 0 where it has none."""

    at: datetime
    import_kwh: float
    export_kwh: float


_REGISTERS = """
SELECT code, at, coalesce(energy_import_kwh, 0), coalesce(energy_export_kwh, 0)
FROM latest_reading JOIN panel ON panel.id = panel_id
WHERE energy_import_kwh IS NOT NULL OR energy_export_kwh IS NOT NULL"""


async def registers(connection: AsyncConnection[Row]) -> dict[str, Registers]:
    """The newest registers of every panel, by code: for the simulator, which goes on from there."""
    rows = await (await connection.execute(_REGISTERS)).fetchall()
    return {code: Registers(*found) for code, *found in rows}
