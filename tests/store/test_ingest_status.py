"""Ingest says how it is doing, and hears what its owner wants."""

from psycopg import AsyncConnection

from store.connections import Row, connect
from store.ingest_status import beat, ingest_status, want_ingest


async def test_the_owners_switch_is_heard_and_answered_with_the_heartbeat(
    connection: AsyncConnection[Row], database_url: str
) -> None:
    assert await beat(connection, is_connected=True, backlog=7)
    with connect(database_url) as listener:
        listener.autocommit = True
        listener.execute("LISTEN ingest_control")
        await want_ingest(connection, is_wanted=False)
        assert [notice.channel for notice in listener.notifies(timeout=5, stop_after=1)] == ["ingest_control"]
    assert not await beat(connection, is_connected=False, backlog=0)
    status = await ingest_status(connection)
    assert (status.is_wanted, status.is_connected, status.backlog) == (False, False, 0)
    assert status.heartbeat_at is not None
