"""A mosquitto whose logins are written from registered devices."""

import asyncio
import os
import secrets
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from psycopg import AsyncConnection

from kilowatch.devices.mosquitto_files import MosquittoFiles
from kilowatch.devices.service_login import ServiceLogin
from metering.device_rights import panels_of, topics_of
from metering.devices import DeviceKind
from store import registered_devices
from store.connections import Row
from store.device_secrets import hashed, new_device_id, new_secret
from store.registered_devices import Login, Shape
from tests.devices.clients import WITHIN_S, MqttClient, is_refused, logged_in
from tests.ingest.brokers import Mosquitto

SERVICE = ServiceLogin("kilowatch", secrets.token_hex(8), ("kilowatch/#", "homeassistant/#", "cmnd/#"))


USUAL = ("max_queued_messages 100000",)
"""Without a bound mosquitto 2.0.11 answers nothing more to whom it has denied a publication."""


def shape_of(kind: DeviceKind, name: str, device_id: str, **given: Any) -> Shape:
    codes, topics = tuple(given.pop("codes", ())), tuple(given.pop("topics", ()))
    own = topics_of(kind, name=name, device_id=device_id, given=topics)
    panels = panels_of(kind, name=name, given=codes)
    return Shape(kind, name, given.pop("property_id", None), codes, topics, panels, own.publish, own.commands)


@dataclass(slots=True)
class Registered:
    """A device and the secrets that it was given, by user name."""

    id: str
    secrets: dict[str, str] = field(default_factory=dict)

    @property
    def login(self) -> tuple[str, str]:
        """The newest one."""
        return list(self.secrets.items())[-1]


@dataclass(slots=True)
class Broker:
    """A mosquitto on files of its own, and the database that these are written from."""

    connection: AsyncConnection[Row]
    files: MosquittoFiles
    mosquitto: Mosquitto

    @property
    def port(self) -> int:
        return self.mosquitto.port

    async def register(self, kind: DeviceKind, name: str, **given: Any) -> Registered:
        device, secret = Registered(new_device_id()), new_secret()
        async with self.connection.transaction():
            await registered_devices.add(
                self.connection,
                shape_of(kind, name, device.id, **given),
                device_id=device.id,
                secret_hash=hashed(secret),
            )
        device.secrets[device.id] = secret
        return device

    async def rotate(self, device: Registered, *, others_end_at: datetime) -> None:
        secret = new_secret()
        async with self.connection.transaction():
            await registered_devices.add_login(
                self.connection, device_id=device.id, secret_hash=hashed(secret), others_end_at=others_end_at
            )
        device.secrets[f"{device.id}-{len(device.secrets) + 1}"] = secret

    async def logins(self) -> list[Login]:
        return await registered_devices.logins(self.connection, now=datetime.now(UTC))

    async def write(self) -> None:
        self.files.write(await self.logins(), service=SERVICE)

    async def follow(self) -> None:
        """Writes the files and tells the running broker; returns when it lets somebody in who stands only there."""
        probe, password = secrets.token_hex(8), secrets.token_hex(8)
        (self.files.folder / "passwords.own").write_text(f"{probe}:{hashed(password)}")
        await self.write()
        process = self.mosquitto._process
        assert process
        os.kill(process.pid, signal.SIGHUP)
        async with asyncio.timeout(WITHIN_S):
            knows_it = False
            while not knows_it:
                knows_it = not await is_refused(self.port, probe, password)

    @asynccontextmanager
    async def service(self) -> AsyncIterator[MqttClient]:
        """Kilowatch itself, which reads everything."""
        async with logged_in(self.port, SERVICE.username, SERVICE.password) as watcher:
            await watcher.subscribe("#")
            yield watcher


def broker_of(connection: AsyncConnection[Row], folder: Path, *, settings: Sequence[str] = ()) -> Broker:
    files = MosquittoFiles(folder / "logins")
    lines = [*files.configuration().splitlines()[1:], *USUAL, *settings]
    return Broker(connection, files, Mosquitto(folder, settings=lines))


@pytest.fixture
async def broker(connection: AsyncConnection[Row], tmp_path: Path) -> AsyncIterator[Broker]:
    """Not started: `write` the files first."""
    made = broker_of(connection, tmp_path)
    yield made
    made.mosquitto.stop()
