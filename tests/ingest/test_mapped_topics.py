"""What owners say of a topic takes effect while ingest runs, for messages to come and for those that were rejected."""

import pytest
from psycopg import AsyncConnection

from metering.access import Role, Viewer
from metering.mappings import FieldMapping, Mapping, Quantity
from store import mappings, rejections
from store.connections import Row
from store.rejected import RejectionFilter
from tests.fixtures.server import add_account
from tests.ingest.conftest import Broker
from tests.ingest.running import eventually, holds, ingesting, rows, send, url_of

TOPIC = "cellar/meter"
CELLAR = Mapping(TOPIC, "CELLAR", (FieldMapping(("total",), Quantity.ENERGY_IMPORT, "Wh"),))
REGISTERS = "SELECT energy_import_kwh FROM reading ORDER BY at"
REJECTED = "SELECT code FROM rejected_message WHERE replayed_at IS NULL"


@pytest.fixture
async def admin(connection: AsyncConnection[Row]) -> Viewer:
    return Viewer(await add_account(url_of(connection), role=Role.ADMIN), Role.ADMIN)


async def test_a_topic_is_subscribed_to_as_soon_as_it_is_mapped(
    connection: AsyncConnection[Row], broker: Broker, admin: Viewer
) -> None:
    async with ingesting(connection, broker.url, client_id="mapped", topics=["DATA/PM/#"]):
        await mappings.set_mapping(connection, CELLAR, viewer=admin)

        async def is_taken() -> bool:
            await send(broker.port_v311, [(TOPIC, b'{"total": 1500}')])
            return bool(await rows(connection, REGISTERS))

        await eventually(is_taken)
    assert (1.5,) in await rows(connection, REGISTERS)
    assert await rows(connection, "SELECT code FROM panel") == [("CELLAR",)]
    assert await rows(connection, REJECTED) == []


async def test_what_was_rejected_is_read_by_a_mapping_that_came_later_once_somebody_asks(
    connection: AsyncConnection[Row], broker: Broker, admin: Viewer
) -> None:
    async with ingesting(connection, broker.url, client_id="replayed", topics=["#"]):
        await send(broker.port_v311, [(TOPIC, b'{"total": 2500}'), (TOPIC, b'{"sum": 3}'), ("attic/meter", b"7")])
        await holds(connection, f"{REJECTED} ORDER BY id", ("UNKNOWN_TOPIC",), ("UNKNOWN_TOPIC",), ("UNKNOWN_TOPIC",))
        await mappings.set_mapping(connection, CELLAR, viewer=admin)
        asked = await rejections.ask_for_replay(connection, admin, which=RejectionFilter(topic_prefix="cellar/"))
        await holds(connection, REGISTERS, (2.5,))
        await holds(connection, f"{REJECTED} ORDER BY id", ("BAD_PAYLOAD",), ("UNKNOWN_TOPIC",))
    replay = await rejections.replay(connection, asked.id)
    assert replay is not None
    assert (replay.message_count, replay.stored_count, replay.rejected_count, replay.waiting_count) == (2, 1, 1, 0)


async def test_readings_from_before_what_is_kept_are_refused(
    connection: AsyncConnection[Row], embedded_broker: Broker
) -> None:
    await connection.execute(
        "INSERT INTO retention (level, kept_since, announced_at) VALUES ('READINGS', '2026-02-01T00:00Z', now())"
    )
    payload = b'{"status":"OK","data":{"kWh":"%d","time":"2026-%s-01 07:00:00"}}'
    async with ingesting(connection, embedded_broker.url, client_id="kept"):
        await send(
            embedded_broker.port_v311,
            [("DATA/PM/A", payload % (1, b"01")), ("DATA/PM/A", payload % (2, b"02"))],
        )
        await holds(connection, REGISTERS, (2.0,))
        await holds(connection, REJECTED, ("TOO_OLD",))
