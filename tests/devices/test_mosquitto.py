"""A real mosquitto lets each registered device do what is its own, and nothing else, for as long as it may."""

import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from psycopg import AsyncConnection

from kilowatch.devices.dynamic_security import dynamic_security
from metering.devices import DeviceKind
from store import registered_devices
from store.connections import Row
from store.device_secrets import hashed
from tests.devices.clients import LoginRefusedError, is_refused, logged_in
from tests.devices.conftest import SERVICE, USUAL, Broker, Registered, broker_of
from tests.ingest.brokers import Mosquitto, free_port

PLUGIN = "/usr/lib/x86_64-linux-gnu/mosquitto_dynamic_security.so"


@pytest.fixture
async def running(broker: Broker) -> AsyncIterator[tuple[Broker, Registered, Registered]]:
    """Two devices of different people at one broker."""
    cellar = await broker.register(DeviceKind.TASMOTA, "cellar")
    attic = await broker.register(DeviceKind.TASMOTA, "attic")
    await broker.write()
    with broker.mosquitto:
        yield broker, cellar, attic


async def test_a_device_publishes_under_its_own_topics_and_nobody_elses(
    running: tuple[Broker, Registered, Registered],
) -> None:
    broker, cellar, _ = running
    async with broker.service() as service, logged_in(broker.port, *cellar.login) as device:
        for topic in (
            "tele/attic/SENSOR",
            "DATA/PM/PM1",
            "tele/cellar2/SENSOR",
            "kilowatch/status",
            "cmnd/attic/POWER",
        ):
            await device.publish(topic, b"stolen")
        await device.publish(f"kilowatch/devices/{cellar.id}/data/x", b"own")
        await device.publish("tele/cellar/SENSOR", b"own")
        await service.has("tele/cellar/SENSOR", b"own")
        assert [payload for _, payload in service.got] == [b"own", b"own"]


async def test_a_device_reads_its_own_commands_only(running: tuple[Broker, Registered, Registered]) -> None:
    broker, cellar, attic = running
    async with (
        broker.service() as service,
        logged_in(broker.port, *cellar.login) as device,
        logged_in(broker.port, *attic.login) as other,
    ):
        await device.subscribe("#")
        await other.subscribe("#")
        await service.publish("cmnd/attic/POWER", b"to attic")
        await service.publish(f"kilowatch/devices/{attic.id}/commands/relay", b"to attic")
        await service.publish("cmnd/cellar/POWER", b"to cellar")
        await device.has("cmnd/cellar/POWER", b"to cellar")
        await other.has(f"kilowatch/devices/{attic.id}/commands/relay", b"to attic")
        assert {payload for _, payload in device.got} == {b"to cellar"}
        assert {payload for _, payload in other.got} == {b"to attic"}


async def test_nobody_comes_in_without_a_login_or_by_anothers_secret(
    running: tuple[Broker, Registered, Registered],
) -> None:
    broker, cellar, attic = running
    assert await is_refused(broker.port, None, None)
    assert await is_refused(broker.port, cellar.id, "")
    assert await is_refused(broker.port, cellar.id, attic.secrets[attic.id])
    assert await is_refused(broker.port, "dev_aaaaaaaaaaaaaaaa", cellar.secrets[cellar.id])
    assert not await is_refused(broker.port, *cellar.login)


async def test_while_a_secret_is_rotated_both_hold_and_then_the_old_one_ends(
    running: tuple[Broker, Registered, Registered],
) -> None:
    broker, cellar, _ = running
    old = cellar.login
    await broker.rotate(cellar, others_end_at=datetime.now(UTC) + timedelta(hours=1))
    await broker.follow()
    async with broker.service() as service, logged_in(broker.port, *old) as before:
        await before.publish("tele/cellar/SENSOR", b"by the old one")
        await service.has("tele/cellar/SENSOR", b"by the old one")
        async with logged_in(broker.port, *cellar.login) as after:
            await after.publish("tele/cellar/SENSOR", b"by the new one")
            await service.has("tele/cellar/SENSOR", b"by the new one")
            await broker.connection.execute(
                "UPDATE registered_device_login SET ends_at = now() WHERE ends_at IS NOT NULL"
            )
            await broker.follow()
            await before.ended()
            assert await is_refused(broker.port, *old)
            await after.publish("tele/cellar/SENSOR", b"still")
            await service.has("tele/cellar/SENSOR", b"still")


async def test_a_revoked_device_is_put_out_at_once_and_others_stay(
    running: tuple[Broker, Registered, Registered],
) -> None:
    broker, cellar, attic = running
    async with (
        broker.service() as service,
        logged_in(broker.port, *cellar.login) as device,
        logged_in(broker.port, *attic.login) as other,
    ):
        async with broker.connection.transaction():
            assert await registered_devices.revoke(broker.connection, device_id=cellar.id)
        await broker.follow()
        await device.ended()
        assert await is_refused(broker.port, *cellar.login)
        await other.publish("tele/attic/SENSOR", b"still there")
        await service.has("tele/attic/SENSOR", b"still there")


async def test_rules_for_nobody_in_particular_that_owners_add_are_not_the_last_devices(broker: Broker) -> None:
    device = await broker.register(DeviceKind.TASMOTA, "cellar")
    broker.files.folder.mkdir()
    (broker.files.folder / "passwords.own").write_text(f"bridge:{hashed('of the bridge')}")
    (broker.files.folder / "access.own").write_text("topic read bridge/#\nuser bridge\ntopic readwrite #")
    await broker.write()
    with broker.mosquitto:
        async with (
            logged_in(broker.port, "bridge", "of the bridge") as bridge,
            logged_in(broker.port, *device.login) as meter,
        ):
            await meter.subscribe("#")
            await bridge.publish("bridge/log", b"for the bridge")
            await bridge.publish("cmnd/cellar/POWER", b"to cellar")
            await meter.has("cmnd/cellar/POWER", b"to cellar")
            assert {payload for _, payload in meter.got} == {b"to cellar"}


async def test_a_device_cannot_take_the_session_of_ingest_whose_client_id_it_claims(
    connection: AsyncConnection[Row], tmp_path: Path
) -> None:
    port = free_port()
    broker = broker_of(connection, tmp_path, settings=[f"listener {port} 127.0.0.1", "use_username_as_clientid true"])
    device = await broker.register(DeviceKind.PANEL_METER, "PM1")
    await broker.write()
    as_ingest = {"client_id": "kilowatch-ingest", "clean_session": False}
    with broker.mosquitto:
        async with logged_in(broker.port, SERVICE.username, SERVICE.password, **as_ingest) as ingest:
            await ingest.subscribe("#")
        async with logged_in(port, *device.login, client_id="kilowatch-ingest") as meter:
            await meter.publish("DATA/PM/PM1", b"kept for ingest")
        async with logged_in(broker.port, SERVICE.username, SERVICE.password, **as_ingest) as ingest:
            await ingest.has("DATA/PM/PM1", b"kept for ingest")
            async with logged_in(port, *device.login, client_id="kilowatch-ingest") as meter:
                await meter.publish("DATA/PM/PM1", b"beside ingest")
                await ingest.has("DATA/PM/PM1", b"beside ingest")
            assert not ingest.has_ended.is_set()


def tls_settings(folder: Path, authority: trustme.CA, *, port: int, wants_certificate: bool) -> list[str]:
    server = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    server.private_key_pem.write_to_path(folder / "key.pem")
    server.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    by_certificate = ["require_certificate true", "use_identity_as_username true"]
    return [
        f"listener {port} 127.0.0.1",
        f"cafile {folder / 'ca.pem'}",
        f"certfile {folder / 'cert.pem'}",
        f"keyfile {folder / 'key.pem'}",
        *(by_certificate if wants_certificate else []),
    ]


def trusting(authority: trustme.CA, *, common_name: str | None = None) -> ssl.SSLContext:
    """Up to TLS 1.2, in which a client is told at the handshake that its certificate is not believed."""
    context = ssl.create_default_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    authority.configure_trust(context)
    if common_name is not None:
        authority.issue_cert("device.invalid", common_name=common_name).configure_cert(context)
    return context


async def test_a_device_logs_in_over_tls_with_its_secret(connection: AsyncConnection[Row], tmp_path: Path) -> None:
    authority, port = trustme.CA(), free_port()
    settings = tls_settings(tmp_path, authority, port=port, wants_certificate=False)
    broker = broker_of(connection, tmp_path, settings=settings)
    device = await broker.register(DeviceKind.PANEL_METER, "PM1")
    await broker.write()
    with broker.mosquitto:
        async with broker.service() as service, logged_in(port, *device.login, tls=trusting(authority)) as meter:
            await meter.publish("DATA/PM/PM2", b"stolen")
            await meter.publish("DATA/PM/PM1", b"own")
            await service.has("DATA/PM/PM1", b"own")
            assert len(service.got) == 1
        assert await is_refused(port, device.id, "wrong", tls=trusting(authority))
        assert await is_refused(port, *device.login, tls=trusting(trustme.CA()))


async def test_a_device_logs_in_by_its_certificate_and_has_its_rights_until_it_is_revoked(
    connection: AsyncConnection[Row], tmp_path: Path
) -> None:
    authority, port = trustme.CA(), free_port()
    settings = tls_settings(tmp_path, authority, port=port, wants_certificate=True)
    broker = broker_of(connection, tmp_path, settings=settings)
    device = await broker.register(DeviceKind.PANEL_METER, "PM1")
    await broker.rotate(device, others_end_at=datetime.now(UTC))  # a certificate says the id, whatever the secrets are
    await broker.write()
    by_certificate = trusting(authority, common_name=device.id)
    with broker.mosquitto:
        async with broker.service() as service, logged_in(port, tls=by_certificate) as meter:
            await meter.publish("DATA/PM/PM2", b"stolen")
            await meter.publish("DATA/PM/PM1", b"own")
            await service.has("DATA/PM/PM1", b"own")
            assert len(service.got) == 1
            async with connection.transaction():
                await registered_devices.revoke(connection, device_id=device.id)
            await broker.follow()
            try:
                async with logged_in(port, tls=by_certificate) as revoked:
                    await revoked.publish("DATA/PM/PM1", b"after the end")
            except LoginRefusedError:
                pass
            await service.publish("kilowatch/mark", b"mark")
            await service.has("kilowatch/mark", b"mark")
            assert [payload for _, payload in service.got] == [b"own", b"mark"]
        assert await is_refused(port, None, None, tls=trusting(authority))
        assert await is_refused(port, None, None, tls=trusting(trustme.CA(), common_name=device.id))


@pytest.mark.skipif(not Path(PLUGIN).exists(), reason="mosquitto's dynamic security plugin is not installed")
async def test_the_document_of_dynamic_security_gives_the_same_rights(
    connection: AsyncConnection[Row], tmp_path: Path
) -> None:
    broker = broker_of(connection, tmp_path)
    cellar = await broker.register(DeviceKind.TASMOTA, "cellar")
    await broker.rotate(cellar, others_end_at=datetime.now(UTC) + timedelta(hours=1))
    await broker.register(DeviceKind.TASMOTA, "attic")
    document = tmp_path / "dynamic-security.json"
    document.write_text(dynamic_security(await broker.logins(), service=SERVICE))
    settings = [*USUAL, "allow_anonymous false", f"plugin {PLUGIN}", f"plugin_opt_config_file {document}"]
    broker.mosquitto = Mosquitto(tmp_path, settings=settings)
    with broker.mosquitto:
        for login in cellar.secrets.items():
            async with (
                broker.service() as service,
                logged_in(broker.port, *login, client_id=cellar.id) as device,
            ):
                await device.subscribe("cmnd/cellar/#")
                await device.subscribe("cmnd/attic/#")
                await device.publish("tele/attic/SENSOR", b"stolen")
                await device.publish("tele/cellar/SENSOR", b"own")
                await service.has("tele/cellar/SENSOR", b"own")
                assert len(service.got) == 1
                assert [code < 0x80 for codes in device.granted for code in codes] == [True, False]
                await service.publish("cmnd/attic/POWER", b"to attic")
                await service.publish("cmnd/cellar/POWER", b"to cellar")
                await device.has("cmnd/cellar/POWER", b"to cellar")
                assert len(device.got) == 1
        assert await is_refused(broker.port, None, None)
        assert await is_refused(broker.port, cellar.id, "wrong", client_id=cellar.id)
        for taken in ("kilowatch-ingest", "dev_aaaaaaaaaaaaaaaa", f"{cellar.id}-2"):
            assert await is_refused(broker.port, *cellar.login, client_id=taken), taken
