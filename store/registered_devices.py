"""Keeps the devices that log in at the broker: their rights, their panels, and the hashes of their secrets."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

from psycopg import AsyncConnection, Connection

from metering.access import Viewer
from metering.device_rights import DeviceRights, OwnPanels, shared_panel, shared_topic
from metering.devices import DeviceKind
from metering.refusals import Refused
from store.connections import Row
from store.scope import scope


@dataclass(frozen=True, slots=True)
class RegisteredDevice:
    """A device that has a login; `number` is its place in lists.

    `rotates_until` is until when the secret before the newest holds too. `last_seen_at` is when it logged in last, as
    far as the broker asked us, or when a reading of its panels arrived, whichever is later.
    """

    number: int
    id: str
    kind: DeviceKind
    name: str
    property_id: int | None
    given_codes: tuple[str, ...]
    given_topics: tuple[str, ...]
    panel_codes: tuple[str, ...]
    panel_prefixes: tuple[str, ...]
    publish_filters: tuple[str, ...]
    command_filters: tuple[str, ...]
    created_at: datetime
    updated_at: datetime
    revoked_at: datetime | None
    last_seen_at: datetime | None
    last_address: str | None
    username: str | None
    rotates_until: datetime | None

    @property
    def panels(self) -> OwnPanels:
        """The panels that it may send readings of."""
        return OwnPanels(self.panel_codes, self.panel_prefixes)

    @property
    def rights(self) -> DeviceRights:
        """What it may do."""
        return DeviceRights(
            self.id,
            self.name,
            self.publish_filters,
            self.command_filters,
            self.panel_codes,
            self.panel_prefixes,
            is_revoked=self.revoked_at is not None,
        )


@dataclass(frozen=True, slots=True)
class Shape:
    """What a device is and may do, as it is written."""

    kind: DeviceKind
    name: str
    property_id: int | None
    given_codes: tuple[str, ...]
    given_topics: tuple[str, ...]
    panels: OwnPanels
    publish_filters: tuple[str, ...]
    command_filters: tuple[str, ...]


_COLUMNS: LiteralString = """
    device.number, device.id, device.kind, device.name, device.property_id, device.given_codes, device.given_topics,
    device.panel_codes, device.panel_prefixes, device.publish_filters, device.command_filters,
    device.created_at, device.updated_at, device.revoked_at,
    greatest(device.last_seen_at, (SELECT max(newest.received_at)
                                   FROM panels_fed(device.panel_codes, device.panel_prefixes) AS panel
                                   JOIN latest_reading AS newest ON newest.panel_id = panel.id)),
    device.last_address, login.username, login.rotates_until"""

_WITH_LOGIN: LiteralString = """
FROM managed_device(%(viewer_id)s, %(sees_all)s) AS device
CROSS JOIN LATERAL (
    SELECT max(username) FILTER (WHERE own.ends_at IS NULL) AS username,
           max(own.ends_at) FILTER (WHERE own.ends_at > now()) AS rotates_until
    FROM registered_device_login AS own WHERE own.device_id = device.id
) AS login"""

_PAGE: LiteralString = f"""
SELECT {_COLUMNS} {_WITH_LOGIN}
WHERE device.number > %(after)s AND (%(with_revoked)s OR device.revoked_at IS NULL)
ORDER BY device.number LIMIT %(limit)s"""
_COUNT: LiteralString = """
SELECT count(*)::integer FROM managed_device(%(viewer_id)s, %(sees_all)s) AS device
WHERE %(with_revoked)s OR device.revoked_at IS NULL"""


async def page(
    connection: AsyncConnection[Row], *, viewer: Viewer, with_revoked: bool, after: int, limit: int
) -> tuple[list[RegisteredDevice], int]:
    """The devices that the viewer acts for, in the order of their registration, and how many there are."""
    parameters = {**scope(viewer), "with_revoked": with_revoked, "after": after, "limit": limit}
    rows = await (await connection.execute(_PAGE, parameters)).fetchall()
    ((total,),) = await (await connection.execute(_COUNT, parameters)).fetchall()
    return [_device(row) for row in rows], total


_BY_ID: LiteralString = f"SELECT {_COLUMNS} {_WITH_LOGIN} WHERE device.id = %(id)s"


async def by_id(connection: AsyncConnection[Row], *, viewer: Viewer, device_id: str) -> RegisteredDevice | None:
    """The device of an id; None where there is none that the viewer acts for."""
    row = await (await connection.execute(_BY_ID, {**scope(viewer), "id": device_id})).fetchone()
    return _device(row) if row else None


_OF_PANELS: LiteralString = f"""
SELECT own.panel_id, {_COLUMNS} {_WITH_LOGIN}
CROSS JOIN LATERAL (
    SELECT panel.id AS panel_id FROM panels_fed(device.panel_codes, device.panel_prefixes) AS panel
    WHERE panel.id = ANY (%(panel_ids)s)
) AS own
WHERE device.revoked_at IS NULL"""


async def of_panels(
    connection: AsyncConnection[Row], *, viewer: Viewer, panel_ids: Sequence[int]
) -> dict[int, RegisteredDevice]:
    """The registered device that feeds each panel, of those that the viewer acts for; others are absent."""
    parameters = {**scope(viewer), "panel_ids": list(panel_ids)}
    rows = await (await connection.execute(_OF_PANELS, parameters)).fetchall()
    return {panel_id: _device(columns) for panel_id, *columns in rows}


_IS_OWN_TOPIC: LiteralString = """
SELECT EXISTS (
    SELECT FROM managed_device(%(viewer_id)s, %(sees_all)s) AS device
    WHERE starts_with(%(topic)s, 'kilowatch/devices/' || device.id || '/data/') AND device.revoked_at IS NULL
      AND EXISTS (SELECT FROM panels_fed(device.panel_codes, device.panel_prefixes) AS panel
                  WHERE panel.code = %(code)s))"""


async def is_own_topic(connection: AsyncConnection[Row], *, viewer: Viewer, topic: str, code: str) -> bool:
    """Whether the topic is below the id of a device that the viewer acts for, and that has the panel of the code."""
    parameters = {**scope(viewer), "topic": topic, "code": code}
    ((is_own,),) = await (await connection.execute(_IS_OWN_TOPIC, parameters)).fetchall()
    return is_own


_PANEL_IDS: LiteralString = """
SELECT device.number, panel.id FROM managed_device(%(viewer_id)s, %(sees_all)s) AS device
CROSS JOIN LATERAL panels_fed(device.panel_codes, device.panel_prefixes) AS panel
WHERE device.number = ANY (%(numbers)s)
ORDER BY device.number, panel.code COLLATE "C\""""


async def panel_ids(
    connection: AsyncConnection[Row], *, viewer: Viewer, numbers: Sequence[int]
) -> dict[int, list[int]]:
    """The panels of each device that are there, by code; a device without one is absent."""
    found: dict[int, list[int]] = {}
    for number, panel_id in await (
        await connection.execute(_PANEL_IDS, {**scope(viewer), "numbers": list(numbers)})
    ).fetchall():
        found.setdefault(number, []).append(panel_id)
    return found


def _device(row: Sequence[Any]) -> RegisteredDevice:
    number, device_id, kind, name, property_id, *others = row
    lists = [tuple[str, ...](one) for one in others[:6]]
    codes, topics, panel_codes, prefixes, publish, commands = lists
    return RegisteredDevice(
        number, device_id, DeviceKind(kind), name, property_id,
        codes, topics, panel_codes, prefixes, publish, commands, *others[6:],
    )  # fmt: skip


_FED: LiteralString = """
WITH managed AS MATERIALIZED (SELECT panel.id FROM managed_panel(%(viewer_id)s, %(sees_all)s) AS panel)
SELECT count(*) FILTER (WHERE id IN (SELECT id FROM managed)),
       count(*) FILTER (WHERE id NOT IN (SELECT id FROM managed))
FROM panels_fed(%(codes)s::text[], %(prefixes)s::text[]) AS panel"""


@dataclass(frozen=True, slots=True)
class Fed:
    """How many panels a device would feed: those that the viewer manages, and those of others."""

    own: int
    of_others: int


async def fed(connection: AsyncConnection[Row], *, viewer: Viewer, panels: OwnPanels) -> Fed:
    """Whose panels a device would feed, of those that are there."""
    parameters = {**scope(viewer), "codes": list(panels.codes), "prefixes": list(panels.prefixes)}
    (row,) = await (await connection.execute(_FED, parameters)).fetchall()
    return Fed(*row)


_ARE_OWN: LiteralString = """
SELECT NOT EXISTS (SELECT FROM unnest(%(codes)s::text[]) AS code
                   WHERE code NOT IN (SELECT panel.code FROM managed_panel(%(viewer_id)s, %(sees_all)s) AS panel))"""


async def are_own(connection: AsyncConnection[Row], *, viewer: Viewer, codes: Sequence[str]) -> bool:
    """Whether each of the codes is a panel that the viewer manages."""
    ((are,),) = await (await connection.execute(_ARE_OWN, {**scope(viewer), "codes": list(codes)})).fetchall()
    return are


# Mappings of the device's topics into panels of others would lose their messages, or give them to the device.
_MAPPED_BY_OTHERS: LiteralString = """
SELECT topic FROM device_mapping AS mapping
WHERE NOT EXISTS (SELECT FROM managed_panel(%(viewer_id)s, %(sees_all)s) AS panel
                  WHERE panel.code = mapping.panel_code)
UNION
SELECT topic FROM discovered_sensor AS sensor
WHERE NOT EXISTS (SELECT FROM managed_panel(%(viewer_id)s, %(sees_all)s) AS panel
                  WHERE panel.code = sensor.panel_code)"""


async def topics_of_others(connection: AsyncConnection[Row], *, viewer: Viewer) -> list[str]:
    """The topics that are mapped or announced into panels which the viewer does not manage."""
    return [topic for (topic,) in await (await connection.execute(_MAPPED_BY_OTHERS, scope(viewer))).fetchall()]


# One registers at a time: whether two devices share a topic is no question that an index answers.
_ONE_AT_A_TIME: LiteralString = "LOCK TABLE registered_device IN SHARE ROW EXCLUSIVE MODE"
_OTHERS: LiteralString = """
SELECT id, name, publish_filters, command_filters, panel_codes, panel_prefixes, revoked_at IS NOT NULL
FROM registered_device WHERE revoked_at IS NULL AND id <> %(id)s"""

_ADD: LiteralString = """
INSERT INTO registered_device (id, kind, name, property_id, given_codes, given_topics, panel_codes, panel_prefixes,
                               publish_filters, command_filters)
VALUES (%(id)s, %(kind)s, %(name)s, %(property_id)s, %(given_codes)s, %(given_topics)s, %(panel_codes)s,
        %(panel_prefixes)s, %(publish_filters)s, %(command_filters)s)"""
_ADD_LOGIN: LiteralString = """
INSERT INTO registered_device_login (username, device_id, generation, hash)
SELECT CASE WHEN newest = 0 THEN %(id)s ELSE %(id)s || '-' || newest + 1 END, %(id)s, newest + 1, %(hash)s
FROM (SELECT coalesce(max(generation), 0) AS newest FROM registered_device_login WHERE device_id = %(id)s) AS known"""


async def add(connection: AsyncConnection[Row], shape: Shape, *, device_id: str, secret_hash: str) -> None:
    """Registers a device with its first login, in the caller's transaction.

    Raises:
        Refused: TOPIC_TAKEN, PANEL_HAS_DEVICE: another device has one of its topics or panels.
    """
    await connection.execute(_ONE_AT_A_TIME)
    await _require_free(connection, shape, device_id=device_id)
    await connection.execute(_ADD, _parameters(shape, device_id=device_id))
    await connection.execute(_ADD_LOGIN, {"id": device_id, "hash": secret_hash})


_CHANGE: LiteralString = """
UPDATE registered_device SET kind = %(kind)s, name = %(name)s, property_id = %(property_id)s,
    given_codes = %(given_codes)s, given_topics = %(given_topics)s, panel_codes = %(panel_codes)s,
    panel_prefixes = %(panel_prefixes)s, publish_filters = %(publish_filters)s, command_filters = %(command_filters)s,
    updated_at = now()
WHERE id = %(id)s AND revoked_at IS NULL"""


async def change(connection: AsyncConnection[Row], shape: Shape, *, device_id: str) -> None:
    """Gives a device that was not revoked another name, property, or other panels or topics; its logins stay.

    Raises:
        Refused: TOPIC_TAKEN, PANEL_HAS_DEVICE.
    """
    await connection.execute(_ONE_AT_A_TIME)
    await _require_free(connection, shape, device_id=device_id)
    await connection.execute(_CHANGE, _parameters(shape, device_id=device_id))


def _parameters(shape: Shape, *, device_id: str) -> dict[str, Any]:
    return {
        "id": device_id,
        "kind": shape.kind,
        "name": shape.name,
        "property_id": shape.property_id,
        "given_codes": list(shape.given_codes),
        "given_topics": list(shape.given_topics),
        "panel_codes": list(shape.panels.codes),
        "panel_prefixes": list(shape.panels.prefixes),
        "publish_filters": list(shape.publish_filters),
        "command_filters": list(shape.command_filters),
    }


async def _require_free(connection: AsyncConnection[Row], shape: Shape, *, device_id: str) -> None:
    """Refuses what another device has; the other one is not named, because it may be somebody else's."""
    for row in await (await connection.execute(_OTHERS, {"id": device_id})).fetchall():
        other = _rights(row)
        topic = shared_topic(shape.publish_filters, other.publish_filters)
        if topic is not None:
            raise Refused("TOPIC_TAKEN", f"Another device publishes on {topic}: change or revoke that one.", "name")
        code = shared_panel(shape.panels, other.panels)
        if code is not None:
            message = f"Another device has the panel {code}: change or revoke that one."
            raise Refused("PANEL_HAS_DEVICE", message, "panelCodes")


_END_OTHERS: LiteralString = """
UPDATE registered_device_login SET ends_at = least(coalesce(ends_at, 'infinity'), %(ends_at)s)
WHERE device_id = %(id)s"""


async def add_login(
    connection: AsyncConnection[Row], *, device_id: str, secret_hash: str, others_end_at: datetime
) -> None:
    """Gives a device one more login, in the caller's transaction; those before it end at `others_end_at`."""
    await connection.execute(_ONE_AT_A_TIME)
    await connection.execute(_END_OTHERS, {"id": device_id, "ends_at": others_end_at})
    await connection.execute(_ADD_LOGIN, {"id": device_id, "hash": secret_hash})


_REVOKE: LiteralString = """
UPDATE registered_device SET revoked_at = now(), updated_at = now() WHERE id = %(id)s AND revoked_at IS NULL"""
_FORGET_LOGINS: LiteralString = "DELETE FROM registered_device_login WHERE device_id = %(id)s"


async def revoke(connection: AsyncConnection[Row], *, device_id: str) -> bool:
    """Ends a device's rights and forgets its secrets; False where that was done before. Its topics are remembered."""
    done = await connection.execute(_REVOKE, {"id": device_id})
    await connection.execute(_FORGET_LOGINS, {"id": device_id})
    return done.rowcount > 0


_RIGHTS: LiteralString = """
SELECT id, name, publish_filters, command_filters, panel_codes, panel_prefixes, revoked_at IS NOT NULL
FROM registered_device ORDER BY revoked_at IS NOT NULL, number"""


def rights(connection: Connection[Row]) -> list[DeviceRights]:
    """What every registered device may do, for ingest: those that have rights first, then those that were revoked.

    Of a revoked device only the topics are there that no other one has meanwhile, and no panels.
    """
    found = [_rights(row) for row in connection.execute(_RIGHTS)]
    taken = [topic for device in found if not device.is_revoked for topic in device.publish_filters]
    return [_left(device, taken) if device.is_revoked else device for device in found]


def _left(device: DeviceRights, taken: Sequence[str]) -> DeviceRights:
    topics = tuple(topic for topic in device.publish_filters if shared_topic([topic], taken) is None)
    return DeviceRights(device.device_id, device.name, topics, (), (), (), is_revoked=True)


def _rights(row: Sequence[Any]) -> DeviceRights:
    device_id, name, publish, commands, codes, prefixes, is_revoked = row
    return DeviceRights(device_id, name, tuple(publish), tuple(commands), tuple(codes), tuple(prefixes), is_revoked)


@dataclass(frozen=True, slots=True)
class Login:
    """A user name at the broker, the hash of its secret, and whose it is."""

    username: str
    hash: str
    ends_at: datetime | None
    rights: DeviceRights


_LOGINS: LiteralString = """
SELECT login.username, login.hash, login.ends_at, device.id, device.name, device.publish_filters,
       device.command_filters, device.panel_codes, device.panel_prefixes, device.revoked_at IS NOT NULL
FROM registered_device_login AS login JOIN registered_device AS device ON device.id = login.device_id
WHERE device.revoked_at IS NULL AND (login.ends_at IS NULL OR login.ends_at > %(now)s)
  AND (%(username)s::text IS NULL OR login.username = %(username)s)
ORDER BY device.number, login.generation"""


async def logins(connection: AsyncConnection[Row], *, now: datetime, username: str | None = None) -> list[Login]:
    """The logins that hold at `now`, for brokers; those of one user name where it is given."""
    rows = await (await connection.execute(_LOGINS, {"now": now, "username": username})).fetchall()
    return [Login(name, kept, ends_at, _rights(of_device)) for name, kept, ends_at, *of_device in rows]


_IN_USE: LiteralString = """
SELECT id, name, publish_filters, command_filters, panel_codes, panel_prefixes, false
FROM registered_device WHERE id = %(id)s AND revoked_at IS NULL"""


async def in_use(connection: AsyncConnection[Row], device_id: str) -> DeviceRights | None:
    """What the device of an id may do, for brokers; None where there is none, or it was revoked."""
    row = await (await connection.execute(_IN_USE, {"id": device_id})).fetchone()
    return _rights(row) if row else None


_SEEN: LiteralString = """
UPDATE registered_device SET last_seen_at = %(at)s, last_address = %(address)s
WHERE id = %(id)s AND (last_seen_at IS NULL OR last_seen_at < %(at)s::timestamptz - interval '10 s')"""


async def note_seen(connection: AsyncConnection[Row], *, device_id: str, address: str | None, at: datetime) -> None:
    """Keeps when and from where a device logged in, in steps of ten seconds."""
    await connection.execute(_SEEN, {"id": device_id, "at": at, "address": address})


_NEXT_END: LiteralString = """
SELECT min(login.ends_at) FROM registered_device_login AS login WHERE login.ends_at > %(now)s"""


async def next_end_at(connection: AsyncConnection[Row], *, now: datetime) -> datetime | None:
    """When the next login ends by itself; None where none does."""
    ((ends_at,),) = await (await connection.execute(_NEXT_END, {"now": now})).fetchall()
    return ends_at


_FORGET_ENDED: LiteralString = "DELETE FROM registered_device_login WHERE ends_at <= %(now)s"


async def forget_ended(connection: AsyncConnection[Row], *, now: datetime) -> None:
    """Forgets the hashes of logins that have ended."""
    await connection.execute(_FORGET_ENDED, {"now": now})


CHANNEL: Final = "registered_device"
"""What is notified when a device or a login has changed."""
