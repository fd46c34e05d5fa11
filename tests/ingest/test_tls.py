"""Ingest speaks TLS to the broker that it means, shows who it is, and says what is the matter where that fails."""

import subprocess
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme
from psycopg import AsyncConnection

from ingest.batches import Inbox
from ingest.broker_address import BrokerAddress, BrokerCredentials
from ingest.link import Link, Switch
from ingest.mqtt import BrokerAwayError, BrokerRefusesError, Connection, Delivery
from ingest.publisher import Publisher
from kilowatch.broker import broker_credentials
from kilowatch.settings import SettingError, Settings
from store.connections import Row
from tests.ingest.brokers import Mosquitto
from tests.ingest.messages import panel_payload
from tests.ingest.running import holds, ingesting

PASSWORD = "pearl-of-the-sea"
LONG_AGO = {"not_before": datetime(2023, 1, 1, tzinfo=UTC), "not_after": datetime(2024, 1, 1, tzinfo=UTC)}


@dataclass(frozen=True, slots=True)
class Authority:
    """An authority, and certificates by it as files in `folder`."""

    ca: trustme.CA
    folder: Path

    @property
    def ca_file(self) -> str:
        path = self.folder / "ca.pem"
        self.ca.cert_pem.write_to_path(path)
        return str(path)

    def issued(self, name: str, **options: Any) -> tuple[str, str]:
        """The files of a certificate and its key."""
        issued = self.ca.issue_cert(name, **options)
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        issued.cert_chain_pems[0].write_to_path(certificate)
        issued.private_key_pem.write_to_path(key)
        return str(certificate), str(key)

    def listener(self, name: str = "localhost", **options: Any) -> list[str]:
        """The lines of mosquitto.conf by which it speaks TLS, as the host of a name."""
        certificate, key = self.issued(name, **options)
        return [f"certfile {certificate}", f"keyfile {key}", f"cafile {self.ca_file}"]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(trustme.CA(), tmp_path)


@pytest.fixture
def guarded(authority: Authority, tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker that takes the user `ingest` with a password, over TLS alone."""
    users = tmp_path / "users"
    subprocess.run(["mosquitto_passwd", "-c", "-b", users, "ingest", PASSWORD], check=True, capture_output=True)
    lines = [*authority.listener(), "allow_anonymous false", f"password_file {users}"]
    with Mosquitto(tmp_path, settings=lines) as broker:
        yield broker


def tls_url(broker: Mosquitto, *, scheme: str = "mqtts") -> str:
    return f"{scheme}://localhost:{broker.port}"


@asynccontextmanager
async def opened(url: str, **known: str) -> AsyncGenerator[list[Delivery]]:
    received: list[Delivery] = []
    address = BrokerAddress.from_url(url, credentials=BrokerCredentials(**known))
    connection = Connection(address, client_id="kilowatch-tls", topics=["DATA/PM/#"], deliver=received.append)
    try:
        await connection.open()
        yield received
    finally:
        await connection.close()


async def refused(url: str, **known: str) -> BrokerAwayError:
    with pytest.raises(BrokerAwayError) as refusal:
        async with opened(url, **known):
            pass
    assert PASSWORD not in str(refusal.value)
    return refusal.value


async def test_a_reading_comes_by_tls_with_a_password(
    guarded: Mosquitto, authority: Authority, connection: AsyncConnection[Row]
) -> None:
    known = BrokerCredentials(username="ingest", password=PASSWORD, ca_file=authority.ca_file)
    async with (
        ingesting(connection, tls_url(guarded), credentials=known),
        Publisher(tls_url(guarded), client_id="meter", credentials=known) as meter,
    ):
        assert meter.publish("DATA/PM/P1", panel_payload())
        await holds(connection, "SELECT code FROM panel JOIN reading ON panel_id = panel.id", ("P1",))


async def test_the_password_may_stand_in_the_url(guarded: Mosquitto, authority: Authority) -> None:
    async with opened(f"mqtts://ingest:{PASSWORD}@localhost:{guarded.port}", ca_file=authority.ca_file):
        pass


async def test_a_certificate_of_ours_is_who_we_are(authority: Authority, tmp_path: Path) -> None:
    lines = [*authority.listener(), "require_certificate true", "use_identity_as_username true"]
    certificate, key = authority.issued("ingest", common_name="ingest")
    with Mosquitto(tmp_path, settings=[*lines, "allow_anonymous false"]) as broker:
        async with opened(tls_url(broker), ca_file=authority.ca_file, cert_file=certificate, key_file=key):
            pass
        assert "KILOWATCH_MQTT_CERT_FILE" in str(await refused(tls_url(broker), ca_file=authority.ca_file))
        foreign = tmp_path / "foreign.pem"
        trustme.CA().issue_cert("ingest").private_key_and_cert_chain_pem.write_to_path(foreign)
        refusal = await refused(tls_url(broker), ca_file=authority.ca_file, cert_file=str(foreign))
        assert "may not believe the certificate" in str(refusal)


async def test_a_wrong_password_is_told_as_a_refusal(guarded: Mosquitto, authority: Authority) -> None:
    for known, who in (({"username": "ingest", "password": "wrong"}, "user 'ingest'"), ({}, "nobody without a user")):
        refusal = await refused(tls_url(guarded), ca_file=authority.ca_file, **known)
        assert isinstance(refusal, BrokerRefusesError)
        assert who in str(refusal)


async def test_a_refused_login_is_tried_ever_more_seldom() -> None:
    class Refusing(Connection):
        async def open(self) -> None:
            raise BrokerRefusesError("no")

    pauses: list[float] = []

    async def pause(delay_s: float) -> None:
        pauses.append(delay_s)
        if len(pauses) == 12:
            raise EndedError

    switch, inbox = Switch(), Inbox(capacity=1)
    switch.turn(on=True)
    nowhere = BrokerAddress.from_url("mqtt://127.0.0.1:1")
    link = Link(
        lambda version: Refusing(nowhere, client_id="x", topics=["#"], deliver=inbox.put, version=version),
        switch=switch,
        inbox=inbox,
        pause=pause,
    )
    with pytest.raises(EndedError):
        await link.run()
    assert pauses == sorted(pauses)
    assert pauses[-1] == 30


class EndedError(Exception):
    """The test has seen enough."""


@pytest.mark.parametrize(
    ("host", "options", "words"),
    [
        ("localhost", LONG_AGO, "it has expired"),
        ("broker.example.org", {}, "it is not one of localhost"),
    ],
)
async def test_a_certificate_that_is_not_right_is_not_believed(
    authority: Authority, tmp_path: Path, host: str, options: dict[str, Any], words: str
) -> None:
    with Mosquitto(tmp_path, settings=[*authority.listener(host, **options), "allow_anonymous true"]) as broker:
        assert words in str(await refused(tls_url(broker), ca_file=authority.ca_file))


async def test_another_authority_is_not_believed(guarded: Mosquitto, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Authority(trustme.CA(), tmp_path / "other")
    assert "KILOWATCH_MQTT_CA_FILE trusts" in str(await refused(tls_url(guarded), ca_file=other.ca_file))
    assert "this machine" in str(await refused(tls_url(guarded)))


async def test_a_port_that_speaks_something_else_is_told(
    guarded: Mosquitto, authority: Authority, mosquitto_folder: Path
) -> None:
    assert "needs mqtts://" in str(await refused(tls_url(guarded, scheme="mqtt")))
    with Mosquitto(mosquitto_folder) as plain:
        words = str(await refused(tls_url(plain), ca_file=authority.ca_file))
    assert "TLS" in words


@pytest.fixture
def mosquitto_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "plain"
    folder.mkdir()
    return folder


async def test_files_that_cannot_be_used_are_named(authority: Authority, tmp_path: Path) -> None:
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("no certificate")
    certificate, _ = authority.issued("one")
    _, key = authority.issued("two")
    nowhere = "mqtts://localhost:1"
    assert "KILOWATCH_MQTT_CA_FILE" in str(await refused(nowhere, ca_file=str(garbage)))
    assert "No such file" in str(await refused(nowhere, ca_file=str(tmp_path / "none.pem")))
    assert "_KEY_FILE" in str(await refused(nowhere, cert_file=certificate, key_file=key))


def test_an_old_version_of_tls_is_not_spoken(authority: Authority) -> None:
    known = BrokerCredentials(ca_file=authority.ca_file)
    context = BrokerAddress.from_url("mqtts://localhost", credentials=known).tls()
    assert context
    assert context.minimum_version.name == "TLSv1_2"
    assert context.check_hostname


def test_credentials_do_not_show_their_password() -> None:
    known = BrokerCredentials(username="ingest", password=PASSWORD)
    assert PASSWORD not in repr(BrokerAddress.from_url("mqtts://localhost", credentials=known))


def test_files_of_tls_need_an_address_of_tls(authority: Authority) -> None:
    certificate, key = authority.issued("one")
    for settings, words in (
        (Settings(mqtt_url="mqtt://localhost", mqtt_ca_file=certificate), "must be mqtts://"),
        (Settings(mqtt_url="mqtts://localhost", mqtt_key_file=key), "needs KILOWATCH_MQTT_CERT_FILE"),
    ):
        with pytest.raises(SettingError, match=words):
            broker_credentials(settings)
