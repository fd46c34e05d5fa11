"""Messages of a real broker become rows of a real database, whatever the messages, the broker and the owner do."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from psycopg import AsyncConnection

import ingest.batches
import ingest.service
from ingest.publisher import Publisher
from ingest.replay import replay_rejected
from kilowatch.embedded.broker import EmbeddedBroker
from metering.readings import Rejected
from store.connections import Row, connect_async
from store.ingest_status import ingest_status, want_ingest
from tests.ingest.brokers import Mosquitto, free_port
from tests.ingest.conftest import Broker
from tests.ingest.messages import malformed, panel_payload, read
from tests.ingest.running import eventually, holds, ingesting, is_connected, rows, send, url_of

TOPIC = "DATA/PM/PANEL_LANTAI_1"
START = datetime(2026, 1, 16, 0, 0)  # noqa: DTZ001 - the meter's wall clock


def minute(number: int, kwh: float, **data: object) -> bytes:
    return panel_payload(kWh=f"{kwh:.3f}", time=str(START + timedelta(minutes=number)), **data)


def stream(count: int, *, panels: int = 10, offset: int = 0) -> list[tuple[str, bytes]]:
    """Readings of some panels, one a panel and second."""
    return [
        (
            f"DATA/PM/P{number % panels}",
            panel_payload(kWh=number / 1000, time=str(START + timedelta(seconds=number // panels))),
        )
        for number in range(offset, offset + count)
    ]


COUNTED = "SELECT count(*) FROM reading"


async def test_messages_become_rows_rollups_and_a_panel_that_nobody_described(
    connection: AsyncConnection[Row], broker: Broker
) -> None:
    async with ingesting(connection, broker.url, client_id="rows"):
        await send(broker.port_v311, [(TOPIC, minute(0, 10.0, kw="1.5")), (TOPIC, minute(1, 10.25, kw="2.5"))])
        await holds(connection, COUNTED, (2,))
    panels = await rows(connection, "SELECT code, name, time_zone, is_prepaid FROM panel")
    assert panels == [("PANEL_LANTAI_1", "PANEL_LANTAI_1", "Asia/Jakarta", False)]
    day = await rows(connection, "SELECT day, energy_kwh, power_sum_kw, energy_import_kwh FROM rollup_day")
    assert day == [(START.date(), Decimal("0.250000"), 4.0, 10.25)]
    latest = await rows(connection, "SELECT at, active_power_kw FROM latest_reading")
    assert latest == [(datetime(2026, 1, 15, 17, 1, tzinfo=UTC), 2.5)]


async def test_malformed_messages_are_kept_with_their_reason_and_stop_nothing(
    connection: AsyncConnection[Row], broker: Broker
) -> None:
    bad = [message for message in malformed() if isinstance(read(*message), Rejected)]
    assert len(bad) >= 20
    started_at = datetime.now(UTC)
    async with ingesting(connection, broker.url, client_id="malformed", topics=["#"]):
        await send(broker.port_v311, [*bad, (TOPIC, minute(0, 10.0))])
        await holds(connection, COUNTED, (1,))
    kept = await rows(connection, "SELECT topic, payload, code, reason, received_at FROM rejected_message ORDER BY id")
    assert [(topic, payload) for topic, payload, *_ in kept] == bad
    assert all(code and reason and received_at >= started_at for *_, code, reason, received_at in kept)
    status = await ingest_status(connection)
    assert (status.message_count, status.reading_count, status.rejected_count) == (len(bad) + 1, 1, len(bad))


async def test_repeated_messages_change_nothing(connection: AsyncConnection[Row], embedded_broker: Broker) -> None:
    messages = stream(300)
    async with ingesting(connection, embedded_broker.url, client_id="repeated"):
        await send(embedded_broker.port_v311, messages)
        await holds(connection, COUNTED, (300,))
        before = await rows(connection, "SELECT * FROM rollup_five_minutes ORDER BY 1, 2")
        await send(embedded_broker.port_v311, messages)
        await holds(connection, "SELECT duplicate_count FROM ingest_status", (300,))
    assert await rows(connection, "SELECT * FROM rollup_five_minutes ORDER BY 1, 2") == before
    assert await rows(connection, COUNTED) == [(300,)]


@pytest.mark.parametrize("qos", [0, 2])
async def test_messages_of_every_quality_of_service_are_taken(
    connection: AsyncConnection[Row], mosquitto: Mosquitto, qos: int
) -> None:
    async with (
        ingesting(connection, mosquitto.url, client_id="qos"),
        Publisher(mosquitto.url, client_id="publisher") as publisher,
    ):
        publisher._client.publish(TOPIC, minute(0, 10.0), qos=qos)
        await holds(connection, COUNTED, (1,))


async def test_the_owner_stops_and_starts_it_and_the_broker_keeps_what_arrives_meanwhile(
    connection: AsyncConnection[Row], broker: Broker
) -> None:
    async with ingesting(connection, broker.url, client_id="switch"):
        await send(broker.port_v311, stream(100))
        await holds(connection, COUNTED, (100,))
        await want_ingest(connection, is_wanted=False)

        async def is_off() -> bool:
            return not await is_connected(connection)

        await eventually(is_off)
        await send(broker.port_v311, stream(100, offset=100))
        assert await rows(connection, COUNTED) == [(100,)]
        await want_ingest(connection, is_wanted=True)
        await holds(connection, COUNTED, (200,))


async def test_a_switch_that_is_off_at_the_start_keeps_it_from_connecting(
    connection: AsyncConnection[Row], embedded_broker: Broker
) -> None:
    await want_ingest(connection, is_wanted=False)

    async def has_a_heartbeat() -> bool:
        return (await ingest_status(connection)).heartbeat_at is not None

    task = asyncio.ensure_future(
        ingest.service.run(database_url=url_of(connection), mqtt_url=embedded_broker.url, client_id="off")
    )
    await eventually(has_a_heartbeat)
    assert not await is_connected(connection)
    await want_ingest(connection, is_wanted=True)
    await eventually(lambda: is_connected(connection))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_its_end_commits_what_it_has_and_says_that_it_is_gone(
    connection: AsyncConnection[Row], broker: Broker
) -> None:
    async with ingesting(connection, broker.url, client_id="end"):
        await send(broker.port_v311, stream(2000))
    assert not await is_connected(connection)
    stored = (await rows(connection, COUNTED))[0][0]
    async with ingesting(connection, broker.url, client_id="end"):
        await holds(connection, COUNTED, (2000,))
    assert (await ingest_status(connection)).reading_count == 2000, stored


async def test_it_ends_while_a_write_hangs_and_the_broker_keeps_the_batch(
    connection: AsyncConnection[Row], database_url: str, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest.batches, "_LAST_BATCHES_S", 0.1)
    async with await connect_async(database_url) as locker, locker.transaction():
        await locker.execute("LOCK TABLE reading")
        async with ingesting(connection, broker.url, client_id="hangs"):
            await send(broker.port_v311, stream(50))
            await holds(connection, "SELECT backlog FROM ingest_status", (50,))
        assert not await is_connected(connection)
    assert await rows(connection, COUNTED) == [(0,)]
    async with ingesting(connection, broker.url, client_id="hangs"):
        await holds(connection, COUNTED, (50,))


async def test_it_ends_at_once_while_the_database_is_away(embedded_broker: Broker) -> None:
    task = asyncio.ensure_future(
        ingest.service.run(
            database_url=f"postgresql://nobody@127.0.0.1:{free_port()}/nothing", mqtt_url=embedded_broker.url
        )
    )
    await asyncio.sleep(0)
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=20)
    assert done == {task}


async def test_without_the_private_hooks_of_gmqtt_it_acknowledges_one_by_one(
    connection: AsyncConnection[Row],
    broker: Broker,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(ingest.service, "can_acknowledge_by_hand", lambda: False)
    async with ingesting(connection, broker.url, client_id="handlers"):
        await send(broker.port_v311, stream(1500))  # the embedded broker's window is 100: without PUBACKs it stops
        await holds(connection, COUNTED, (1500,))
    assert "one by one" in caplog.text


async def test_several_connections_share_the_messages(connection: AsyncConnection[Row], mosquitto: Mosquitto) -> None:
    async with ingesting(connection, mosquitto.url, client_id="shared", connections=3):
        await send(mosquitto.port, stream(900))
        await holds(connection, "SELECT message_count, reading_count FROM ingest_status", (900, 900))


async def test_a_cut_database_connection_loses_nothing(
    connection: AsyncConnection[Row], broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ingest.batches")
    cut = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    async with ingesting(connection, broker.url, client_id="cut"):
        for part in range(3):
            await send(broker.port_v311, stream(300, offset=300 * part))
            await rows(connection, cut)
        await send(broker.port_v311, stream(1, offset=900))
        await holds(connection, COUNTED, (901,))
        await holds(connection, "SELECT sum(reading_count) FROM rollup_day", (901,))


async def test_a_broker_that_restarts_is_found_again(connection: AsyncConnection[Row], mosquitto: Mosquitto) -> None:
    async with ingesting(connection, mosquitto.url, client_id="restart"):
        await send(mosquitto.port, stream(100))
        mosquitto.stop()
        mosquitto.start()
        await send(mosquitto.port, stream(100, offset=100))  # for the session, which the broker has kept
        await holds(connection, COUNTED, (200,))


async def test_a_broker_that_forgot_the_session_is_subscribed_to_again(
    connection: AsyncConnection[Row], embedded_broker: Broker
) -> None:
    with EmbeddedBroker() as broker:
        async with ingesting(connection, broker.url, client_id="forgotten"):
            broker.stop()

            async def is_off() -> bool:
                return not await is_connected(connection)

            await eventually(is_off)
            port, port_v311 = (Broker(url, url).port_v311 for url in (broker.url, broker.url_v311))
            with EmbeddedBroker(port=port, port_v311=port_v311):
                await eventually(lambda: is_connected(connection))
                await send(port_v311, stream(50))
                await holds(connection, COUNTED, (50,))


async def test_a_broker_of_the_older_version_is_spoken_to_in_its_own(
    connection: AsyncConnection[Row], embedded_broker: Broker
) -> None:
    async with ingesting(connection, embedded_broker.url_v311, client_id="older"):
        await send(embedded_broker.port_v311, stream(300))
        await holds(connection, COUNTED, (300,))


async def test_a_value_that_the_database_refuses_is_rejected_alone_and_can_be_replayed(
    connection: AsyncConnection[Row], database_url: str, embedded_broker: Broker
) -> None:
    await connection.execute("ALTER TABLE reading ADD CONSTRAINT no_beast CHECK (energy_import_kwh <> 666)")
    messages = stream(200)
    messages[77] = (TOPIC, minute(0, 666))
    async with ingesting(connection, embedded_broker.url, client_id="poison"):
        await send(embedded_broker.port_v311, messages)
        await holds(connection, COUNTED, (199,))
        await holds(
            connection,
            "SELECT topic, code, strpos(reason, 'no_beast') > 0 FROM rejected_message",
            (TOPIC, "STORE_ERROR", True),
        )
    assert replay_rejected(database_url, default_time_zone="Asia/Jakarta") == (0, 1)
    await connection.execute("ALTER TABLE reading DROP CONSTRAINT no_beast")
    assert replay_rejected(database_url, default_time_zone="Asia/Jakarta") == (1, 0)
    assert replay_rejected(database_url, default_time_zone="Asia/Jakarta") == (0, 0)
    assert await rows(connection, COUNTED) == [(200,)]
    assert await rows(connection, "SELECT count(*) FROM rejected_message WHERE replayed_at IS NOT NULL") == [(1,)]


async def test_a_reason_that_the_database_refuses_is_logged_and_ingest_goes_on(
    connection: AsyncConnection[Row], embedded_broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    await connection.execute("ALTER TABLE rejected_message ADD CONSTRAINT never_tried CHECK (tried_at IS NULL)")
    tried = "SELECT count(tried_at) FROM rejected_message"
    async with ingesting(connection, embedded_broker.url, client_id="refused"):
        await send(embedded_broker.port_v311, [(TOPIC, b"{")])
        await holds(connection, "SELECT count(*) FROM rejected_message", (1,))
        await connection.execute("UPDATE rejected_message SET replay_asked_at = now()")

        async def is_logged() -> bool:
            await connection.execute("NOTIFY ingest_control")
            return "never_tried" in caplog.text

        await eventually(is_logged)
        await send(embedded_broker.port_v311, [(TOPIC, minute(0, 10.0))])
        await holds(connection, COUNTED, (1,))
        await connection.execute("ALTER TABLE rejected_message DROP CONSTRAINT never_tried")
        await connection.execute("NOTIFY ingest_control")
        await holds(connection, tried, (1,))


async def test_a_panel_with_a_time_zone_that_only_postgres_knows_can_be_corrected_and_replayed(
    connection: AsyncConnection[Row], database_url: str, embedded_broker: Broker
) -> None:
    await connection.execute("INSERT INTO panel (code, name, time_zone) VALUES ('PANEL_LANTAI_1', 'x', 'UTC+3')")
    async with ingesting(connection, embedded_broker.url, client_id="zone"):
        await send(embedded_broker.port_v311, [(TOPIC, minute(0, 10.0))])
        await holds(connection, "SELECT code FROM rejected_message", ("BAD_TIME_ZONE",))
    await connection.execute("UPDATE panel SET time_zone = 'Asia/Tokyo'")
    assert replay_rejected(database_url, default_time_zone="Asia/Jakarta") == (1, 0)
    assert await rows(connection, "SELECT at FROM reading") == [(datetime(2026, 1, 15, 15, 0, tzinfo=UTC),)]


async def test_a_panel_that_was_removed_meanwhile_is_made_anew(
    connection: AsyncConnection[Row], embedded_broker: Broker
) -> None:
    async with ingesting(connection, embedded_broker.url, client_id="removed"):
        await send(embedded_broker.port_v311, [(TOPIC, minute(0, 10.0))])
        await holds(connection, COUNTED, (1,))
        await connection.execute("DELETE FROM panel")
        await send(embedded_broker.port_v311, [(TOPIC, minute(1, 11.0))])
        await holds(connection, "SELECT code FROM panel JOIN latest_reading ON panel_id = id", ("PANEL_LANTAI_1",))
    assert await rows(connection, "SELECT count(*) FROM rejected_message") == [(0,)]


async def test_the_right_password_lets_it_in(connection: AsyncConnection[Row], tmp_path: Path) -> None:
    passwords = tmp_path / "passwords"
    passwords.write_text("meter:p@ss/word\n")
    settings = ["allow_anonymous false", f"password_file {passwords}"]
    broker = Mosquitto(tmp_path, settings=settings)
    make = await asyncio.create_subprocess_exec("mosquitto_passwd", "-U", str(passwords))
    assert await make.wait() == 0
    with broker:
        async with ingesting(connection, f"mqtt://meter:p%40ss%2Fword@127.0.0.1:{broker.port}", client_id="password"):
            assert await is_connected(connection)
