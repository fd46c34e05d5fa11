"""Registers, rotates and revokes devices, for the command line, whose user owns the database."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from kilowatch.operator_acts import in_transaction, keep
from metering.access import THE_SERVICE
from metering.refusals import Refused
from resolvers.device_words import GivenDevice, shape_of
from resolvers.new_codes import new_code
from store import claim_codes, known_panels, properties, property_panels, registered_devices
from store.connections import Database, connect
from store.device_secrets import hashed, new_device_id, new_secret
from store.registered_devices import Login, RegisteredDevice

_MOST: Final = 100_000


@dataclass(frozen=True, slots=True)
class ShownLogin:
    """A login that was made just now; its secret is nowhere else. `claim_code` leads its buyer to the panels."""

    device_id: str
    username: str
    secret: str = field(repr=False)
    claim_code: str | None = field(default=None, repr=False)


def add_device(database_url: str, given: GivenDevice, *, claim_in_zone: str | None = None) -> ShownLogin:
    """Registers a device; with `claim_in_zone` its panels are made where they are missing, and a claim code of them.

    Raises:
        Refused: BAD_NAME, BAD_CODE, BAD_TOPIC, BAD_INPUT, PROPERTY_NOT_FOUND, TOPIC_TAKEN, PANEL_HAS_DEVICE,
            PANEL_TAKEN.
    """
    device_id, secret = new_device_id(), new_secret()
    shape = shape_of(given, device_id=device_id)
    if claim_in_zone is not None:
        _require_known_panels(shape.panels.prefixes)
        with connect(database_url) as opened:
            known_panels.add_panels(opened, shape.panels.codes, time_zone=claim_in_zone)

    async def added(connection: Database) -> ShownLogin:
        if shape.property_id is not None:
            await properties.hold(connection, viewer=THE_SERVICE, property_id=shape.property_id)
        await registered_devices.add(connection, shape, device_id=device_id, secret_hash=hashed(secret))
        await keep(connection, "REGISTER_DEVICE", device=device_id, kind=shape.kind.value, name=shape.name)
        code = None if claim_in_zone is None else await _claim_code(connection, list(shape.panels.codes))
        return ShownLogin(device_id, device_id, secret, code)

    return in_transaction(database_url, added)


def _require_known_panels(prefixes: tuple[str, ...]) -> None:
    if prefixes:
        message = "The parts of such a device are panels from their first reading on: make a claim code for them then."
        raise Refused("BAD_INPUT", message, "claimCode")


async def _claim_code(connection: Database, codes: list[str]) -> str:
    """A code that is printed on the device's box: it is good until it is used."""
    code = new_code()
    held = await property_panels.hold(connection, viewer=THE_SERVICE, codes=codes)
    await claim_codes.create(
        connection,
        [panel.id for panel in held],
        viewer=None,
        code_sha256=code.sha256,
        now=datetime.now(UTC),
        expires_at=None,
    )
    return code.text


def rotate_device(database_url: str, device_id: str, *, overlap_hours: int) -> ShownLogin:
    """Gives a device another user name and secret; those before it hold for so many hours more.

    Raises:
        Refused: DEVICE_NOT_FOUND.
    """
    secret, ends_at = new_secret(), datetime.now(UTC) + timedelta(hours=overlap_hours)

    async def rotated(connection: Database) -> ShownLogin:
        await _required(connection, device_id)
        await registered_devices.add_login(
            connection, device_id=device_id, secret_hash=hashed(secret), others_end_at=ends_at
        )
        await keep(connection, "ROTATE_DEVICE_SECRET", device=device_id, overlapHours=overlap_hours)
        device = await _required(connection, device_id)
        return ShownLogin(device_id, device.username or device_id, secret)

    return in_transaction(database_url, rotated)


def revoke_device(database_url: str, device_id: str) -> RegisteredDevice:
    """Ends all that a device may do; the device as it was.

    Raises:
        Refused: DEVICE_NOT_FOUND.
    """

    async def revoked(connection: Database) -> RegisteredDevice:
        device = await _required(connection, device_id)
        await registered_devices.revoke(connection, device_id=device_id)
        await keep(connection, "REVOKE_DEVICE", device=device_id, name=device.name)
        return device

    return in_transaction(database_url, revoked)


def all_devices(database_url: str, *, with_revoked: bool) -> list[RegisteredDevice]:
    """The registered devices, in the order of their registration."""

    async def found(connection: Database) -> list[RegisteredDevice]:
        rows, _ = await registered_devices.page(
            connection, viewer=THE_SERVICE, with_revoked=with_revoked, after=0, limit=_MOST
        )
        return rows

    return in_transaction(database_url, found)


def one_device(database_url: str, device_id: str) -> RegisteredDevice:
    """The device of an id, revoked ones too.

    Raises:
        Refused: DEVICE_NOT_FOUND.
    """

    async def found(connection: Database) -> RegisteredDevice:
        return await _required(connection, device_id, or_revoked=True)

    return in_transaction(database_url, found)


def all_logins(database_url: str) -> list[Login]:
    """The logins that hold now."""

    async def found(connection: Database) -> list[Login]:
        return await registered_devices.logins(connection, now=datetime.now(UTC))

    return in_transaction(database_url, found)


async def _required(connection: Database, device_id: str, *, or_revoked: bool = False) -> RegisteredDevice:
    device = await registered_devices.by_id(connection, viewer=THE_SERVICE, device_id=device_id)
    if device is None or (device.revoked_at and not or_revoked):
        message = f"No device has the id {device_id[:60]}: `kilowatch device list` shows them."
        raise Refused("DEVICE_NOT_FOUND", message, "id")
    return device
