"""A mapping counts on a running ingest as soon as it is kept, and no longer when it is removed."""

import json

from psycopg import AsyncConnection

from metering.access import Role, Viewer
from metering.mappings import FieldMapping, Mapping, Quantity
from store.connections import Row
from store.mappings import remove_mapping, set_mapping
from tests.ingest.conftest import Broker
from tests.ingest.running import eventually, ingesting, rows, send

KNOWN, OWN = "tele/cellar/SENSOR", "cellar/meter"
FIELD = FieldMapping(("SML", "Zaehler"), Quantity.ENERGY_IMPORT, "Wh")
STORED = "SELECT code FROM panel JOIN latest_reading ON panel_id = id ORDER BY code"


def message(topic: str) -> tuple[str, bytes]:
    return topic, json.dumps({"SML": {"Zaehler": 5000, "Total_in": 7}}).encode()


async def test_a_mapping_counts_at_once_on_known_topics_and_on_others(
    connection: AsyncConnection[Row], embedded_broker: Broker
) -> None:
    viewer = Viewer(await an_admin(connection), Role.ADMIN)

    async def is_stored(*codes: str) -> bool:
        await send(embedded_broker.port_v311, [message(KNOWN), message(OWN)])
        return set(await rows(connection, STORED)) >= {(code,) for code in codes}

    async with ingesting(connection, embedded_broker.url, client_id="mappings"):
        await eventually(lambda: is_stored("cellar:SML"))
        for topic, code in ((KNOWN, "MAPPED"), (OWN, "OWN")):
            await set_mapping(connection, Mapping(topic, code, (FIELD,)), viewer=viewer)
        await eventually(lambda: is_stored("MAPPED", "OWN"))
        await remove_mapping(connection, viewer=viewer, topic=KNOWN, panel_code="MAPPED")
        await connection.execute("DELETE FROM latest_reading")
        await connection.execute("DELETE FROM reading")
        await eventually(lambda: is_stored("cellar:SML"))
    assert await rows(connection, "SELECT energy_import_kwh FROM latest_reading JOIN panel ON panel_id = id"
                                  " WHERE code = 'OWN'") == [(5.0,)]  # fmt: skip


async def an_admin(connection: AsyncConnection[Row]) -> int:
    ((number,),) = await rows(
        connection,
        "INSERT INTO account (email, name, role, password_hash) VALUES ('a@x.org', 'A', 'ADMIN', '!') RETURNING id",
    )
    return number
