"""Turns what landlords and admins say of their devices into logins at the broker, each secret shown once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import strawberry

from metering.access import Role
from metering.device_rights import DeviceRights, matches, rules_of
from metering.devices import DeviceKind
from metering.refusals import Refused
from resolvers.audit import Audit, audited
from resolvers.context import Context, Info
from resolvers.device_words import GivenDevice, shape_of
from resolvers.loading import loaded
from resolvers.pages import Cursor, Page, checked_first, cursor_of, number_of, page_of
from resolvers.places import number_in
from store import panels, properties, registered_devices
from store.connections import Database
from store.device_secrets import hashed, new_device_id, new_secret
from store.panels import Panel
from store.registered_devices import RegisteredDevice, Shape

CURSOR: Final = "registered-device"
MAX_OVERLAP_HOURS: Final = 30 * 24
MAX_TOKEN_HOURS: Final = 30 * 24
USUAL_HOURS: Final = 24


@dataclass(frozen=True, slots=True)
class DeviceLogin:
    """A device and a login that it was given just now; `ends_at` is until when the one before holds."""

    device: RegisteredDevice | None = None
    username: str | None = None
    secret: str | None = field(default=None, repr=False)
    ends_at: datetime | None = None
    refusal: Any = None


@dataclass(frozen=True, slots=True)
class DeviceChanged:
    """What became of a device."""

    device: RegisteredDevice | None = None
    refusal: Any = None


@dataclass(frozen=True, slots=True)
class DeviceToken:
    """A token by which a device logs in where brokers ask for no secret, and until when."""

    token: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None
    refusal: Any = None


class DeviceTokens(Protocol):
    """Signs what a device may do, for brokers that check tokens."""

    def issue(self, rights: DeviceRights, *, lifetime: timedelta) -> tuple[str, datetime]:
        """The token, and until when it counts."""
        ...


@dataclass(frozen=True, slots=True)
class DeviceChange:
    """What is to be different of a device; None leaves it as it is."""

    name: str | None = None
    property_id: str | None = None
    panel_codes: Sequence[str] | None = None
    topics: Sequence[str] | None = None


async def page(
    context: Context, *, first: int, after: Cursor | None, with_revoked: bool = False
) -> Page[RegisteredDevice]:
    """The devices that the viewer acts for, in the order of their registration.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN (tenants), BAD_INPUT (first), BAD_CURSOR.
    """
    viewer, limit = context.landlord, checked_first(first) + 1
    after_number = 0 if after is None else number_of(after, kind=CURSOR)
    async with context.pool.connection() as connection:
        rows, total = await registered_devices.page(
            connection, viewer=viewer, with_revoked=with_revoked, after=after_number, limit=limit
        )
    return page_of(rows, first=first, after=after, total_count=total, cursor=lambda row: cursor_of(CURSOR, row.number))


async def of_panel(parent: strawberry.Parent[Panel], info: Info) -> RegisteredDevice | None:
    """The device that alone may send the panel's readings, for who acts for it; None where there is none."""
    if info.context.signed_in.role is Role.TENANT:
        return None
    return await loaded(info.context, _of_panels, parent.id)


async def _of_panels(context: Context, panel_ids: list[int]) -> dict[int, RegisteredDevice]:
    async with context.pool.connection() as connection:
        return await registered_devices.of_panels(connection, viewer=context.signed_in, panel_ids=panel_ids)


async def panels_of(parent: strawberry.Parent[RegisteredDevice], info: Info) -> list[Panel]:
    """The panels of a device that are there and that the viewer sees, by code."""
    return await loaded(info.context, _panels_of, parent.number) or []


async def _panels_of(context: Context, numbers: list[int]) -> dict[int, list[Panel]]:
    viewer, since = context.signed_in, context.now() - context.online_within
    async with context.pool.connection() as connection:
        fed = await registered_devices.panel_ids(connection, viewer=viewer, numbers=numbers)
        every = [panel_id for panel_ids in fed.values() for panel_id in panel_ids]
        known = await panels.by_ids(connection, every, viewer=viewer, online_since=since)
    return {number: [known[panel_id] for panel_id in ids if panel_id in known] for number, ids in fed.items()}


async def publish_topics(parent: strawberry.Parent[RegisteredDevice]) -> list[str]:
    """The filters on which it may publish; none once it was revoked."""
    return [] if parent.revoked_at else list(parent.publish_filters)


async def command_topics(parent: strawberry.Parent[RegisteredDevice]) -> list[str]:
    """The filters that it may read; none once it was revoked."""
    return [] if parent.revoked_at else list(parent.command_filters)


async def register(
    context: Context,
    *,
    kind: DeviceKind,
    name: str,
    property_id: str | None,
    panel_codes: Sequence[str],
    topics: Sequence[str],
) -> DeviceLogin:
    """Gives a device a login of its own: from now on its topics and its panels are nobody else's.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN, BAD_NAME, BAD_CODE, BAD_TOPIC, BAD_INPUT, PROPERTY_NOT_FOUND,
            PANEL_NOT_FOUND, TOPIC_TAKEN, PANEL_HAS_DEVICE.
    """
    device_id, secret = new_device_id(), new_secret()
    async with audited(context, action="REGISTER_DEVICE", device=device_id, kind=kind, name=name) as act:
        _ = context.landlord
        number = None if property_id is None else number_in(property_id) or 0
        shape = shape_of(GivenDevice(kind, name, number, panel_codes, topics), device_id=device_id)
        async with context.pool.connection() as connection, connection.transaction():
            await _check_own(connection, context, shape)
            await registered_devices.add(connection, shape, device_id=device_id, secret_hash=hashed(secret))
            device = await _required(connection, context, device_id)
            await _done(connection, act, device)
        return DeviceLogin(device, device_id, secret)


async def rotate(context: Context, *, device_id: str, overlap_hours: int) -> DeviceLogin:
    """Gives a device another user name and secret; those before it hold for so many hours more.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN, DEVICE_NOT_FOUND, BAD_INPUT.
    """
    async with audited(context, action="ROTATE_DEVICE_SECRET", device=device_id, overlapHours=overlap_hours) as act:
        _ = context.landlord
        _check_hours(overlap_hours, least=0, most=MAX_OVERLAP_HOURS, field_name="overlapHours")
        secret, ends_at = new_secret(), context.now() + timedelta(hours=overlap_hours)
        async with context.pool.connection() as connection, connection.transaction():
            await _required(connection, context, device_id)
            await registered_devices.add_login(
                connection, device_id=device_id, secret_hash=hashed(secret), others_end_at=ends_at
            )
            device = await _required(connection, context, device_id)
            await _done(connection, act, device)
        return DeviceLogin(device, device.username, secret, ends_at)


async def revoke(context: Context, *, device_id: str) -> DeviceChanged:
    """Ends all that a device may do; what it still sends is refused, and kept with the rejected messages.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN, DEVICE_NOT_FOUND.
    """
    async with audited(context, action="REVOKE_DEVICE", device=device_id) as act:
        _ = context.landlord
        async with context.pool.connection() as connection, connection.transaction():
            await _required(connection, context, device_id)
            await registered_devices.revoke(connection, device_id=device_id)
            device = await _required(connection, context, device_id, is_revoked=True)
            await _done(connection, act, device)
        return DeviceChanged(device)


async def update(context: Context, *, device_id: str, change: DeviceChange) -> DeviceChanged:
    """Gives a device another name, property, or other panels or topics; its login stays.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN, DEVICE_NOT_FOUND, and as in `register`.
    """
    async with audited(context, action="UPDATE_DEVICE", device=device_id, name=change.name) as act:
        _ = context.landlord
        async with context.pool.connection() as connection, connection.transaction():
            before = await _required(connection, context, device_id)
            shape = shape_of(_changed(before, change), device_id=device_id)
            await _check_own(connection, context, shape, before=before)
            await registered_devices.change(connection, shape, device_id=device_id)
            device = await _required(connection, context, device_id)
            await _done(connection, act, device)
        return DeviceChanged(device)


def _changed(before: RegisteredDevice, change: DeviceChange) -> GivenDevice:
    number = before.property_id if change.property_id is None else number_in(change.property_id) or 0
    codes = before.given_codes if change.panel_codes is None else change.panel_codes
    topics = before.given_topics if change.topics is None else change.topics
    return GivenDevice(before.kind, before.name if change.name is None else change.name, number, codes, topics)


async def issue_token(context: Context, *, device_id: str, hours: int) -> DeviceToken:
    """A token with what the device may do, for brokers that check our signature. It cannot be taken back.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN, DEVICE_NOT_FOUND, BAD_INPUT.
    """
    async with audited(context, action="ISSUE_DEVICE_TOKEN", device=device_id, hours=hours) as act:
        _ = context.landlord
        _check_hours(hours, least=1, most=MAX_TOKEN_HOURS, field_name="hours")
        tokens: DeviceTokens = context.device_tokens
        async with context.pool.connection() as connection, connection.transaction():
            device = await _required(connection, context, device_id)
            token, expires_at = tokens.issue(device.rights, lifetime=timedelta(hours=hours))
            await _done(connection, act, device)
        return DeviceToken(token, expires_at)


def _check_hours(hours: int, *, least: int, most: int, field_name: str) -> None:
    if not least <= hours <= most:
        raise Refused("BAD_INPUT", f"`{field_name}` must be {least} to {most}.", field_name)


async def _required(
    connection: Database, context: Context, device_id: str, *, is_revoked: bool = False
) -> RegisteredDevice:
    """The device of an id, one that was not revoked; "not there" and "not yours" look alike."""
    device = await registered_devices.by_id(connection, viewer=context.signed_in, device_id=device_id)
    if device is None or (device.revoked_at is not None) != is_revoked:
        raise Refused("DEVICE_NOT_FOUND", "You have no device of this id that is not revoked.", "id")
    return device


async def _done(connection: Database, act: Audit, device: RegisteredDevice) -> None:
    act.about(property_id=device.property_id)
    rules = len(rules_of(device.rights))
    await act.done(connection, name=device.name, panels=list(device.panel_codes), rules=rules)


async def _check_own(
    connection: Database, context: Context, shape: Shape, *, before: RegisteredDevice | None = None
) -> None:
    """Refuses landlords what may be of others: a device takes its topics and panels from whoever has them now.

    What an admin has given a device before may stay.
    """
    viewer = context.signed_in
    if shape.property_id is not None and (before is None or before.property_id != shape.property_id):
        await properties.hold(connection, viewer=viewer, property_id=shape.property_id)
    if viewer.sees_all:
        return
    if shape.kind is DeviceKind.ZIGBEE2MQTT and before is None:
        raise Refused("FORBIDDEN", "A bridge feeds panels of any name: an admin registers it.", "kind")
    if not {*shape.given_topics} <= {*(before.given_topics if before else ())}:
        raise Refused("FORBIDDEN", "An admin may give a device topics besides those of its kind.", "topics")
    fed = await registered_devices.fed(connection, viewer=viewer, panels=shape.panels)
    named = [code for code in shape.panels.codes if code in shape.given_codes]
    if fed.of_others or not fed.own or not await registered_devices.are_own(connection, viewer=viewer, codes=named):
        message = "A device's panels must be there and all be yours: those of its name, and those of `panelCodes`."
        raise Refused("PANEL_NOT_FOUND", message, "panelCodes" if named else "name")
    others = await registered_devices.topics_of_others(connection, viewer=viewer)
    if any(matches(one, topic) for one in shape.publish_filters for topic in others):
        raise Refused("FORBIDDEN", "Topics of this name feed panels of others: an admin may register it.", "name")
