"""What registered devices may say is followed as it changes while ingest runs, and when messages are replayed."""

import itertools

from psycopg import AsyncConnection

from ingest.replay import replay_rejected
from store.connections import Row
from tests.ingest.conftest import Broker
from tests.ingest.messages import panel_payload
from tests.ingest.running import eventually, holds, ingesting, rows, send

_REGISTER = """
INSERT INTO registered_device (id, kind, name, panel_codes, panel_prefixes, publish_filters, command_filters)
VALUES ('dev_aaaaaaaaaaaaaaaa', 'PANEL_METER', 'A', '{A}', '{}', '{DATA/PM/A}', '{}')"""
_REVOKE = "UPDATE registered_device SET revoked_at = now()"
_REJECTED = "SELECT topic, code FROM rejected_message WHERE replayed_at IS NULL ORDER BY id"
_READINGS = "SELECT panel.code, count(*) FROM reading JOIN panel ON panel.id = panel_id GROUP BY code ORDER BY code"


def at(minute: int) -> bytes:
    return panel_payload(time=f"2026-01-16 {minute // 60:02d}:{minute % 60:02d}:05")


async def test_rights_are_followed_as_they_change(
    connection: AsyncConnection[Row], database_url: str, embedded_broker: Broker
) -> None:
    port = embedded_broker.port_v311
    async with ingesting(connection, embedded_broker.url, client_id="owned", is_closed=True):
        await send(port, [("DATA/PM/A", at(1))])
        await holds(connection, _REJECTED, ("DATA/PM/A", "UNKNOWN_DEVICE"))
        await connection.execute(_REGISTER)
        await connection.execute("UPDATE rejected_message SET replay_asked_at = now()")
        await connection.execute("NOTIFY ingest_control")
        await holds(connection, _READINGS, ("A", 1))
        await connection.execute(_REVOKE)
        await until_rejected(connection, port)
    assert replay_rejected(database_url, default_time_zone="Asia/Jakarta", is_closed=True)[0] == 0


async def until_rejected(connection: AsyncConnection[Row], port: int) -> None:
    """Sends until the news of the revocation has arrived: how soon that is, is the machine's affair."""
    numbers = itertools.count(2)

    async def is_rejected() -> bool:
        await send(port, [("DATA/PM/A", at(next(numbers)))])
        return bool(await rows(connection, _REJECTED))

    await eventually(is_rejected)
    assert {code for _, code in await rows(connection, _REJECTED)} == {"DEVICE_REVOKED"}


async def test_a_panel_that_appears_by_itself_belongs_to_nobody(
    connection: AsyncConnection[Row], embedded_broker: Broker
) -> None:
    async with ingesting(connection, embedded_broker.url, client_id="nobodys"):
        await send(embedded_broker.port_v311, [("DATA/PM/NEW", at(1))])
        await holds(connection, _READINGS, ("NEW", 1))
    account = "INSERT INTO account (email, name, role, password_hash) VALUES (%s, 'Ann', %s, '!') RETURNING id"
    for role, seen in (("LANDLORD", 0), ("TENANT", 0), ("ADMIN", 1)):
        ((account_id,),) = await (await connection.execute(account, (f"{role.lower()}@example.org", role))).fetchall()
        visible = "SELECT count(*) FROM visible_panel(%s, %s)"
        assert await (await connection.execute(visible, (account_id, role == "ADMIN"))).fetchall() == [(seen,)]
    assert await (await connection.execute("SELECT property_id FROM panel WHERE code = 'NEW'")).fetchall() == [(None,)]
