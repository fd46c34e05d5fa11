"""Keeps what devices announce in Home Assistant's discovery, and which panels we have announced there ourselves."""

import logging
from collections.abc import Sequence
from typing import Final, LiteralString

import orjson
from psycopg import Connection

from metering.mappings import DiscoveredSensor, FieldMapping, Quantity
from store.connections import Row

MAX_SENSORS: Final = 20_000
"""How many values are kept at the most; whoever may publish could announce without end."""

_log = logging.getLogger(__name__)

_FORGET: LiteralString = """
DELETE FROM discovered_sensor
WHERE split_part(announced_on, '#', 1) = ANY (%(taken_back)s::text[]) AND announced_on <> ALL (%(kept)s::text[])"""

_KEEP: LiteralString = """
WITH said AS (
    SELECT said.*, known.announced_on IS NOT NULL AS is_known,
           count(*) FILTER (WHERE known.announced_on IS NULL) OVER (ORDER BY said.announced_on) AS new_number
    FROM jsonb_to_recordset(%(sensors)s::jsonb) AS said (announced_on text, device text, panel_code text, topic text,
                                                         path jsonb, quantity text, unit text, is_reversed boolean)
    LEFT JOIN discovered_sensor AS known USING (announced_on)
)
INSERT INTO discovered_sensor AS known (announced_on, device, panel_code, topic, path, quantity, unit, is_reversed)
SELECT announced_on, device, panel_code, topic, path, quantity, unit, is_reversed FROM said
WHERE is_known OR new_number <= %(limit)s - (SELECT count(*) FROM discovered_sensor)
ON CONFLICT (announced_on) DO UPDATE SET
    device = excluded.device, panel_code = excluded.panel_code, topic = excluded.topic, path = excluded.path,
    quantity = excluded.quantity, unit = excluded.unit, is_reversed = excluded.is_reversed, announced_at = now()
WHERE (known.device, known.panel_code, known.topic, known.path, known.quantity, known.unit, known.is_reversed)
      IS DISTINCT FROM (excluded.device, excluded.panel_code, excluded.topic, excluded.path, excluded.quantity,
                        excluded.unit, excluded.is_reversed)"""

_COUNT_KEPT: LiteralString = "SELECT count(*) FROM discovered_sensor WHERE announced_on = ANY (%(kept)s::text[])"

_TELL: LiteralString = "SELECT pg_notify('ingest_control', '')"


def keep_discovered(connection: Connection[Row], sensors: Sequence[DiscoveredSensor]) -> None:
    """Takes over announcements inside the batch's transaction, the later ones over the earlier; ingest is told.

    One that is repeated changes nothing. Above 20,000 no new one is kept, and a warning says so.
    """
    taken_back, kept = _outcome(sensors)
    forgotten = connection.execute(_FORGET, {"taken_back": taken_back, "kept": list(kept)}).rowcount
    changed = _keep(connection, kept) if kept else 0
    if forgotten or changed:
        connection.execute(_TELL)


def _outcome(sensors: Sequence[DiscoveredSensor]) -> tuple[list[str], dict[str, DiscoveredSensor]]:
    """The topics of which only what follows is kept, and the last word on each announcement."""
    taken_back, kept = set[str](), dict[str, DiscoveredSensor]()
    for sensor in sensors:
        if sensor.field is None:
            taken_back.add(sensor.announced_on)
            kept = {name: other for name, other in kept.items() if _topic_of(name) != sensor.announced_on}
        else:
            kept[sensor.announced_on] = sensor
    return sorted(taken_back), kept


def _topic_of(announced_on: str) -> str:
    return announced_on.partition("#")[0]


def _keep(connection: Connection[Row], kept: dict[str, DiscoveredSensor]) -> int:
    values = {"sensors": _document(list(kept.values())), "limit": MAX_SENSORS}
    changed = connection.execute(_KEEP, values).rowcount
    ((known,),) = connection.execute(_COUNT_KEPT, {"kept": list(kept)}).fetchall()
    if known < len(kept):
        _log.warning("%d announced values are not kept: there are %d already", len(kept) - known, MAX_SENSORS)
    return changed


def _document(sensors: Sequence[DiscoveredSensor]) -> str:
    return orjson.dumps(
        [
            {
                "announced_on": sensor.announced_on,
                "device": sensor.device,
                "panel_code": sensor.panel_code,
                "topic": sensor.topic,
                "path": sensor.field.path,
                "quantity": sensor.field.quantity,
                "unit": sensor.field.unit,
                "is_reversed": sensor.field.is_reversed,
            }
            for sensor in sensors
            if sensor.field
        ]
    ).decode()


# A device may announce a quantity several times, as a total and by tariffs: the shortest way leads to the total. What
# tells neither energy nor power is no panel: most voltages that are announced are those of batteries.
_DISCOVERED: LiteralString = """
SELECT DISTINCT ON (panel_code, quantity)
       announced_on, device, panel_code, topic, path, quantity, unit, is_reversed
FROM discovered_sensor
WHERE panel_code IN (SELECT panel_code FROM discovered_sensor
                     WHERE quantity IN ('ENERGY_IMPORT', 'ENERGY_EXPORT', 'ACTIVE_POWER'))
ORDER BY panel_code, quantity, is_reversed, length(path::text), length(announced_on), announced_on COLLATE "C"
"""


def discovered_sensors(connection: Connection[Row]) -> list[DiscoveredSensor]:
    """The announced values of panels with energy or power, one a quantity: the one with the shortest path.

    It is for ingest, and ends the transaction.
    """
    rows = connection.execute(_DISCOVERED).fetchall()
    connection.commit()
    return [_sensor(row) for row in rows]


def _sensor(row: Row) -> DiscoveredSensor:
    announced_on, device, panel_code, topic, path, quantity, unit, is_reversed = row
    field = FieldMapping(tuple(path), Quantity(quantity), unit, is_reversed)
    return DiscoveredSensor(announced_on, device, panel_code, topic, field)
