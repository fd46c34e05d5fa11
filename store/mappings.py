"""Keeps how owners want the messages of a topic to be read, and hands it to ingest and to the API."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

from psycopg import AsyncConnection, Connection
from psycopg.types.json import Jsonb

from metering.access import Viewer
from metering.mappings import DiscoveredSensor, FieldMapping, Quantity
from metering.mappings import Mapping as DeviceMapping
from metering.units import scale_of
from store.connections import Row
from store.scope import scope

MAX_TOPICS_OF_A_PANEL: Final = 50

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeptMapping:
    """A mapping as it is kept; the names are of those who made and last changed it, None when they are gone."""

    id: int
    mapping: DeviceMapping
    created_at: datetime
    created_by: str | None
    updated_at: datetime
    updated_by: str | None


_CURRENT: LiteralString = "SELECT topic, panel_code, fields, time_path FROM device_mapping ORDER BY id"


def current_mappings(connection: Connection[Row]) -> list[DeviceMapping]:
    """All mappings, for ingest; one that was damaged by hand is left out, and a warning says so."""
    found: list[DeviceMapping] = []
    for topic, panel_code, fields, time_path in connection.execute(_CURRENT):
        try:
            found.append(_mapping(topic, panel_code, fields, time_path))
        except (KeyError, TypeError, ValueError) as error:
            _log.warning("The mapping of topic %s is left out: %s", topic, error)
    return found


_KEPT: LiteralString = """
SELECT mapping.id, mapping.topic, mapping.panel_code, mapping.fields, mapping.time_path,
       mapping.created_at, creator.name, mapping.updated_at, changer.name
FROM device_mapping AS mapping
LEFT JOIN account AS creator ON creator.id = mapping.created_by
LEFT JOIN account AS changer ON changer.id = mapping.updated_by
WHERE (%(sees_all)s OR EXISTS (SELECT FROM visible_panel(%(viewer_id)s, %(sees_all)s) AS panel
                               WHERE panel.code = mapping.panel_code))"""

_PAGE: LiteralString = f"{_KEPT} AND mapping.id > %(after_id)s ORDER BY mapping.id LIMIT %(limit)s"
_OF_TOPIC: LiteralString = f"""{_KEPT}
    AND mapping.topic = %(topic)s AND (%(panel_code)s::text IS NULL OR mapping.panel_code = %(panel_code)s)
ORDER BY mapping.id"""

_COUNT: LiteralString = """
SELECT count(*) FROM device_mapping AS mapping
WHERE %(sees_all)s OR EXISTS (SELECT FROM visible_panel(%(viewer_id)s, %(sees_all)s) AS panel
                              WHERE panel.code = mapping.panel_code)"""


async def page(
    connection: AsyncConnection[Row], *, viewer: Viewer, after_id: int, limit: int
) -> tuple[list[KeptMapping], int]:
    """The mappings of visible panels after `after_id`, in the order in which they were made, and how many there are.

    Admins see those of panels too that nobody has heard of yet.
    """
    parameters = {**scope(viewer), "after_id": after_id, "limit": limit}
    rows = await (await connection.execute(_PAGE, parameters)).fetchall()
    ((total,),) = await (await connection.execute(_COUNT, scope(viewer))).fetchall()
    return [_kept(row) for row in rows], total


async def of_topic(
    connection: AsyncConnection[Row], *, viewer: Viewer, topic: str, panel_code: str | None = None
) -> list[KeptMapping]:
    """The mappings of a topic into visible panels, or only that into one panel."""
    parameters = {**scope(viewer), "topic": topic, "panel_code": panel_code}
    return [_kept(row) for row in await (await connection.execute(_OF_TOPIC, parameters)).fetchall()]


_ANNOUNCED: LiteralString = """
SELECT sensor.announced_on, sensor.device, sensor.panel_code, sensor.topic,
       sensor.path, sensor.quantity, sensor.unit, sensor.is_reversed
FROM discovered_sensor AS sensor
WHERE sensor.topic = %(topic)s
  AND (%(sees_all)s OR EXISTS (SELECT FROM visible_panel(%(viewer_id)s, %(sees_all)s) AS panel
                               WHERE panel.code = sensor.panel_code))
ORDER BY sensor.announced_on"""


async def announced(connection: AsyncConnection[Row], *, viewer: Viewer, topic: str) -> list[DiscoveredSensor]:
    """What devices announced on a topic for visible panels."""
    rows = await (await connection.execute(_ANNOUNCED, {**scope(viewer), "topic": topic})).fetchall()
    return [
        DiscoveredSensor(
            announced_on, device, code, of, FieldMapping(tuple(path), Quantity(quantity), unit, is_reversed)
        )
        for announced_on, device, code, of, path, quantity, unit, is_reversed in rows
    ]


_ZONES: LiteralString = """
SELECT panel.code, panel.time_zone FROM visible_panel(%(viewer_id)s, %(sees_all)s) AS panel
WHERE panel.code = ANY(%(codes)s)"""


async def time_zones(connection: AsyncConnection[Row], *, viewer: Viewer, codes: Sequence[str]) -> dict[str, str]:
    """The time zones of visible panels, by code."""
    return dict(await (await connection.execute(_ZONES, {**scope(viewer), "codes": list(codes)})).fetchall())


# Whoever maps a topic reads what comes on it, and takes it from the panels that it has fed so far: renting one of these
# gives no such right.
_FEEDS_OTHERS: LiteralString = """
WITH own AS MATERIALIZED (SELECT code FROM history_panel(%(viewer_id)s, %(sees_all)s))
SELECT EXISTS (SELECT FROM panel WHERE split_part(panel.code, ':', 1) = ANY(%(devices)s)
                                   AND panel.code NOT IN (SELECT code FROM own))
    OR EXISTS (SELECT FROM device_mapping AS mapping WHERE mapping.topic = %(topic)s
                                                       AND mapping.panel_code NOT IN (SELECT code FROM own))
    OR EXISTS (SELECT FROM discovered_sensor AS sensor WHERE sensor.topic = %(topic)s
                                                         AND sensor.panel_code NOT IN (SELECT code FROM own))"""


async def feeds_others(connection: AsyncConnection[Row], *, viewer: Viewer, topic: str, devices: Sequence[str]) -> bool:
    """Whether a topic feeds a panel that the viewer does not see, or rents, as far as names and mappings tell."""
    parameters = {**scope(viewer), "topic": topic, "devices": list(devices)}
    ((feeds,),) = await (await connection.execute(_FEEDS_OTHERS, parameters)).fetchall()
    return feeds


_TOPICS_OF_PANEL: LiteralString = """
SELECT count(*) FROM device_mapping WHERE panel_code = %(panel_code)s AND topic <> %(topic)s"""

_SET: LiteralString = """
INSERT INTO device_mapping AS kept (topic, panel_code, fields, time_path, created_by, updated_by)
VALUES (%(topic)s, %(panel_code)s, %(fields)s, %(time_path)s, %(author_id)s, %(author_id)s)
ON CONFLICT (topic, panel_code) DO UPDATE SET
    fields = excluded.fields, time_path = excluded.time_path, updated_by = excluded.updated_by, updated_at = now()"""


async def set_mapping(
    connection: AsyncConnection[Row], mapping: DeviceMapping, *, viewer: Viewer
) -> KeptMapping | None:
    """Keeps a mapping in place of the one of the same topic and panel; ingest is told.

    None, and nothing is kept, where the panel has 50 other topics already.
    """
    parameters = {
        "topic": mapping.topic,
        "panel_code": mapping.panel_code,
        "fields": Jsonb([_written(field) for field in mapping.fields]),
        "time_path": None if mapping.time_path is None else Jsonb(mapping.time_path),
        "author_id": viewer.account_id,
    }
    async with connection.transaction():
        ((others,),) = await (await connection.execute(_TOPICS_OF_PANEL, parameters)).fetchall()
        if others >= MAX_TOPICS_OF_A_PANEL:
            return None
        await connection.execute(_SET, parameters)
        (kept,) = await of_topic(connection, viewer=viewer, topic=mapping.topic, panel_code=mapping.panel_code)
    return kept


_REMOVE: LiteralString = """
DELETE FROM device_mapping AS mapping
WHERE mapping.topic = %(topic)s AND mapping.panel_code = %(panel_code)s
  AND (%(sees_all)s OR EXISTS (SELECT FROM visible_panel(%(viewer_id)s, %(sees_all)s) AS panel
                               WHERE panel.code = mapping.panel_code))
RETURNING mapping.id"""


async def remove_mapping(connection: AsyncConnection[Row], *, viewer: Viewer, topic: str, panel_code: str) -> bool:
    """Forgets a mapping into a visible panel; False when there is none."""
    parameters = {**scope(viewer), "topic": topic, "panel_code": panel_code}
    return await (await connection.execute(_REMOVE, parameters)).fetchone() is not None


def _written(field: FieldMapping) -> dict[str, object]:
    return {"path": field.path, "quantity": field.quantity, "unit": field.unit, "is_reversed": field.is_reversed}


def _kept(row: Row) -> KeptMapping:
    number, topic, panel_code, fields, time_path, *rest = row
    return KeptMapping(number, _mapping(topic, panel_code, fields, time_path), *rest)


def _mapping(
    topic: str, panel_code: str, fields: Sequence[Mapping[str, Any]], time_path: list[Any] | None
) -> DeviceMapping:
    """The mapping of a row.

    Raises:
        KeyError, TypeError, ValueError: `fields` are not what we write.
    """
    return DeviceMapping(topic, panel_code, tuple(map(_field, fields)), None if time_path is None else tuple(time_path))


def _field(written: Mapping[str, Any]) -> FieldMapping:
    quantity, unit = Quantity(written["quantity"]), written["unit"]
    if scale_of(quantity, unit=unit) is None:
        raise ValueError(f"{unit!r} is no unit of {quantity}")
    return FieldMapping(tuple(written["path"]), quantity, unit, bool(written["is_reversed"]))
