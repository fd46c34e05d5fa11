"""Keeps which devices there are, whether they are there now, and which panels are theirs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, takewhile
from typing import Any, Final, LiteralString

import orjson
from psycopg import AsyncConnection, Connection

from metering.access import Viewer
from metering.devices import DeviceKind, DeviceReport, panel_code_of
from store.connections import Row
from store.device_reports import keep_documents
from store.panels import PANEL_COLUMNS, Panel, panel_of
from store.scope import scope

_LONGEST_NAME: Final = 512
_LONGEST_METER_NUMBER: Final = 100

# A device that sends often is not written each time: what it was heard last moves in steps of ten seconds.
_KEEP: LiteralString = """
INSERT INTO device AS known (kind, name, panel_code, first_heard_at, last_heard_at, is_online, online_said_at,
                             online_changed_at, meter_number)
SELECT kind, name, said.panel_code, said.first_heard_at, said.last_heard_at, said.is_online, said.online_said_at,
       CASE WHEN said.has_changed OR stored.is_online IS DISTINCT FROM said.is_online THEN said.online_changed_at
            ELSE stored.online_changed_at END,
       said.meter_number
FROM jsonb_to_recordset(%(devices)s::jsonb) AS said (
    kind text, name text, panel_code text, first_heard_at timestamptz, last_heard_at timestamptz, is_online boolean,
    online_said_at timestamptz, online_changed_at timestamptz, has_changed boolean, meter_number text)
LEFT JOIN device AS stored USING (kind, name)
WHERE stored.id IS NULL
   OR said.last_heard_at >= coalesce(stored.last_heard_at, '-infinity') + interval '10 s'
   OR said.first_heard_at < stored.first_heard_at
   OR said.online_said_at > coalesce(stored.online_said_at, '-infinity')
   OR said.meter_number <> coalesce(stored.meter_number, '')
ORDER BY kind, name
ON CONFLICT (kind, name) DO UPDATE SET
    first_heard_at = least(known.first_heard_at, excluded.first_heard_at),
    last_heard_at = greatest(known.last_heard_at, excluded.last_heard_at),
    is_online = CASE WHEN excluded.online_said_at >= coalesce(known.online_said_at, '-infinity')
                     THEN excluded.is_online ELSE known.is_online END,
    online_said_at = greatest(known.online_said_at, excluded.online_said_at),
    online_changed_at = CASE WHEN excluded.online_said_at >= coalesce(known.online_said_at, '-infinity')
                             THEN excluded.online_changed_at ELSE known.online_changed_at END,
    meter_number = CASE WHEN excluded.last_heard_at >= known.last_heard_at OR known.meter_number IS NULL
                        THEN coalesce(excluded.meter_number, known.meter_number) ELSE known.meter_number END"""


def keep_reports(connection: Connection[Row], reports: Sequence[DeviceReport]) -> None:
    """Takes over what devices said, inside the batch's transaction; a report that comes again changes nothing.

    They may come in any order: what was said of a device's presence holds until something newer is said. That a device
    is gone is no sign of its life. What comes under a name that is empty or over 512 characters is left out.
    """
    usable = [report for report in reports if _is_storable(report.device, longest=_LONGEST_NAME)]
    if not usable:
        return
    by_device = sorted(usable, key=_device)
    rows = [_row(list(said)) for _, said in groupby(by_device, key=_device)]
    connection.execute(_KEEP, {"devices": orjson.dumps(rows).decode()})
    keep_documents(connection, usable)


def _device(report: DeviceReport) -> tuple[str, str]:
    return report.kind.value, report.device


def _row(reports: Sequence[DeviceReport]) -> dict[str, Any]:
    """What one device said, all together; it was not heard itself while others said that it was gone."""
    in_order = sorted(reports, key=lambda report: report.heard_at)
    heard = [report.heard_at for report in in_order if report.is_online is not False]
    told = [report.meter_number for report in in_order if report.meter_number]
    numbers = [number for number in told if _is_storable(number, longest=_LONGEST_METER_NUMBER)]
    return {
        "kind": in_order[0].kind,
        "name": in_order[0].device,
        "panel_code": panel_code_of(in_order[0].device),
        "first_heard_at": in_order[0].heard_at,
        "last_heard_at": heard[-1] if heard else None,
        "meter_number": numbers[-1] if numbers else None,
        **_presence(in_order),
    }


def _presence(in_order: Sequence[DeviceReport]) -> dict[str, Any]:
    """What was last said of it, and since when nothing else was."""
    said = [report for report in in_order if report.is_online is not None]
    if not said:
        return {"is_online": None, "online_said_at": None, "online_changed_at": None, "has_changed": False}
    newest = said[-1]
    same = list(takewhile(lambda report: report.is_online is newest.is_online, reversed(said)))
    return {
        "is_online": newest.is_online,
        "online_said_at": newest.heard_at,
        "online_changed_at": same[-1].heard_at,
        "has_changed": len(same) < len(said),
    }


def _is_storable(text: str, *, longest: int) -> bool:
    """Whether Postgres takes it: of a length that makes sense, without NUL, and text in any encoding at all."""
    if not 0 < len(text) <= longest or "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a pair, as JSON may spell it
        return False
    return True


@dataclass(frozen=True, slots=True)
class Device:
    """Whatever sends messages, as far as it has told of itself; instants are in UTC.

    `last_heard_at` is None while only others have spoken of it, as a broker does with a last will. `is_online` is what
    was last said of its presence; of a device of which nobody ever says, whether it was heard lately.
    `online_changed_at` is since when that was said, None where it never was. `panel_code` begins its panels' codes.
    """

    id: int
    kind: DeviceKind
    name: str
    panel_code: str
    first_heard_at: datetime
    last_heard_at: datetime | None
    is_online: bool
    online_changed_at: datetime | None
    meter_number: str | None


@dataclass(frozen=True, slots=True)
class DeviceFilter:
    """Which of the visible devices are meant; None leaves a property open."""

    kind: DeviceKind | None = None
    is_online: bool | None = None


_PAGE: LiteralString = """
SELECT device.id, kind, name, panel_code, first_heard_at, last_heard_at,
       coalesce(is_online, last_heard_at >= %(online_since)s, false), online_changed_at, meter_number
FROM visible_device(%(viewer_id)s, %(sees_all)s) AS device
WHERE (%(kind)s::text IS NULL OR kind = %(kind)s)
  AND (%(is_online)s::boolean IS NULL
       OR coalesce(is_online, last_heard_at >= %(online_since)s, false) = %(is_online)s)
  AND (%(after_id)s::integer IS NULL
       OR (name COLLATE "C", kind COLLATE "C", device.id) >
          (SELECT place.name, place.kind, place.id FROM device AS place WHERE place.id = %(after_id)s))
ORDER BY name COLLATE "C", kind COLLATE "C", device.id
LIMIT %(limit)s"""

_COUNT: LiteralString = """
SELECT count(*)::integer FROM visible_device(%(viewer_id)s, %(sees_all)s)
WHERE (%(kind)s::text IS NULL OR kind = %(kind)s)
  AND (%(is_online)s::boolean IS NULL
       OR coalesce(is_online, last_heard_at >= %(online_since)s, false) = %(is_online)s)"""


async def page(
    connection: AsyncConnection[Row],
    *,
    viewer: Viewer,
    where: DeviceFilter,
    after_id: int | None,
    limit: int,
    online_since: datetime,
) -> tuple[list[Device], int]:
    """Up to `limit` devices that have a panel the viewer sees, by name, those after one; and how many there are.

    Whoever sees everything sees all devices.
    """
    kind = where.kind and where.kind.value
    parameters = {**scope(viewer), "kind": kind, "is_online": where.is_online, "online_since": online_since}
    place = {"after_id": after_id, "limit": limit}
    rows = await (await connection.execute(_PAGE, {**parameters, **place}, binary=True)).fetchall()
    ((total,),) = await (await connection.execute(_COUNT, parameters)).fetchall()
    return [_found(row) for row in rows], total


_BY_IDS: LiteralString = """
SELECT device.id, kind, name, panel_code, first_heard_at, last_heard_at,
       coalesce(is_online, last_heard_at >= %(online_since)s, false), online_changed_at, meter_number
FROM visible_device(%(viewer_id)s, %(sees_all)s) AS device
WHERE device.id = ANY (%(device_ids)s)"""


async def by_ids(
    connection: AsyncConnection[Row], device_ids: Sequence[int], *, viewer: Viewer, online_since: datetime
) -> dict[int, Device]:
    """The visible devices of these ids, by id."""
    parameters = {**scope(viewer), "device_ids": list(device_ids), "online_since": online_since}
    rows = await (await connection.execute(_BY_IDS, parameters, binary=True)).fetchall()
    return {row[0]: _found(row) for row in rows}


_OF_PANELS: LiteralString = """
SELECT DISTINCT ON (panel.id) panel.id, device.id, device.kind, device.name, device.panel_code,
       device.first_heard_at, device.last_heard_at,
       coalesce(device.is_online, device.last_heard_at >= %(online_since)s, false), device.online_changed_at,
       device.meter_number
FROM visible_panel(%(viewer_id)s, %(sees_all)s) AS panel
CROSS JOIN LATERAL device_codes(panel.code) AS named (device_code)
JOIN device ON device.panel_code = device_code
WHERE panel.id = ANY (%(panel_ids)s)
ORDER BY panel.id, length(device.panel_code) DESC, device.last_heard_at DESC NULLS LAST, device.id"""


async def of_panels(
    connection: AsyncConnection[Row], *, viewer: Viewer, panel_ids: Sequence[int], online_since: datetime
) -> dict[int, Device]:
    """The device behind each visible panel that has one; of several, the most exact, then the one heard last."""
    parameters = {**scope(viewer), "panel_ids": list(panel_ids), "online_since": online_since}
    rows = await (await connection.execute(_OF_PANELS, parameters, binary=True)).fetchall()
    return {panel_id: _found(device) for panel_id, *device in rows}


_PANELS_OF: LiteralString = f"""
SELECT device.id, {PANEL_COLUMNS}
FROM visible_panel(%(viewer_id)s, %(sees_all)s) AS panel
CROSS JOIN LATERAL device_codes(panel.code) AS named (device_code)
JOIN device ON device.panel_code = device_code AND device.id = ANY (%(device_ids)s)
LEFT JOIN latest_state AS latest ON latest.panel_id = panel.id
ORDER BY device.id, panel.code COLLATE "C"
"""


async def panels_of(
    connection: AsyncConnection[Row], *, viewer: Viewer, device_ids: Sequence[int], online_since: datetime
) -> dict[int, list[Panel]]:
    """The visible panels of each device, by code; a device without one is absent."""
    parameters = {**scope(viewer), "device_ids": list(device_ids), "online_since": online_since}
    found: dict[int, list[Panel]] = {}
    for device_id, *panel in await (await connection.execute(_PANELS_OF, parameters, binary=True)).fetchall():
        found.setdefault(device_id, []).append(panel_of(tuple(panel)))
    return found


def _found(row: Sequence[Any]) -> Device:
    device_id, kind, *others = row
    return Device(device_id, DeviceKind(kind), *others)
