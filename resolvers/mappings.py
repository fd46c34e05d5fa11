"""Turns what owners say about their devices' messages into mappings, and pasted messages into dry runs."""

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from metering.access import Role
from metering.devices import panel_code_of
from metering.json_paths import ACCEPTED_PATHS, JsonPath, parse_path
from metering.mappings import DiscoveredSensor, FieldMapping, Quantity
from metering.mappings import Mapping as DeviceMapping
from metering.readings import PANEL_CODE
from metering.refusals import Refused
from metering.trials import MessageTrial, TrialMessage
from metering.units import accepted_units, own_unit, scale_of
from resolvers.context import Context
from resolvers.pages import Cursor, Page, checked_first, cursor_of, number_of, page_of
from store import mappings, properties, registered_devices
from store.connections import Database
from store.mappings import MAX_TOPICS_OF_A_PANEL, KeptMapping

CURSOR: Final = "mapping"
MAX_TOPIC_LENGTH: Final = 512
MAX_FIELDS: Final = 32
MAX_PAYLOAD_BYTES: Final = 64 * 1024
_MOST_LEVELS: Final = 12
_NOT_IN_A_CODE = re.compile(r"[^A-Za-z0-9_.:-]")


class MessageReader(Protocol):
    """Reads messages as ingest would, without storing anything; slow enough for a thread of its own."""

    def panel_codes(
        self, message: TrialMessage, *, mappings: Sequence[DeviceMapping], announced: Sequence[DiscoveredSensor]
    ) -> list[str]:
        """The panels that the message would feed."""
        ...

    def read(
        self,
        message: TrialMessage,
        *,
        mappings: Sequence[DeviceMapping],
        announced: Sequence[DiscoveredSensor],
        time_zones: Mapping[str, str],
    ) -> MessageTrial:
        """What would become of the message; `time_zones` are those of its panels, by code."""
        ...


@dataclass(frozen=True, slots=True)
class GivenField:
    """A mapped value as its owner wrote it; without a unit it is in Kilowatch's own."""

    path: str
    quantity: Quantity
    unit: str | None
    is_reversed: bool


@dataclass(frozen=True, slots=True)
class GivenMapping:
    """A mapping as its owner wrote it."""

    topic: str
    panel_code: str
    fields: Sequence[GivenField]
    time_path: str | None


async def page(context: Context, *, first: int, after: Cursor | None) -> Page[KeptMapping]:
    """The mappings into panels that the viewer sees, the oldest first.

    Raises:
        Refused: UNAUTHENTICATED, BAD_INPUT (first), BAD_CURSOR.
    """
    viewer, limit = context.signed_in, checked_first(first) + 1
    after_id = 0 if after is None else number_of(after, kind=CURSOR)
    async with context.pool.connection() as connection:
        rows, total = await mappings.page(connection, viewer=viewer, after_id=after_id, limit=limit)
    return page_of(rows, first=first, after=after, total_count=total, cursor=lambda row: cursor_of(CURSOR, row.id))


async def set_mapping(context: Context, given: GivenMapping) -> KeptMapping:
    """Keeps a mapping in place of the one of the same topic and panel.

    Raises:
        Refused: UNAUTHENTICATED, BAD_TOPIC, BAD_CODE, BAD_PATH, BAD_UNIT, BAD_INPUT, PANEL_NOT_FOUND; FORBIDDEN (topic)
            for a topic that may feed panels of others.
    """
    viewer, mapping = context.signed_in, checked(given)
    async with context.pool.connection() as connection:
        if viewer.role is not Role.ADMIN:
            await _require_own(connection, context, mapping)
        kept = await mappings.set_mapping(connection, mapping, viewer=viewer)
    if kept is None:
        raise Refused("BAD_INPUT", f"A panel may have mappings of {MAX_TOPICS_OF_A_PANEL} topics.", "topic")
    return kept


async def remove_mapping(context: Context, *, topic: str, panel_code: str) -> bool:
    """Whether there was such a mapping into a panel that the viewer sees; from now on there is none.

    Raises:
        Refused: UNAUTHENTICATED, BAD_TOPIC, BAD_CODE; FORBIDDEN where the viewer sees the panel as a tenant alone.
    """
    viewer, of, code = context.signed_in, _checked_topic(topic), _checked_code(panel_code)
    async with context.pool.connection() as connection:
        await _check_not_rented(connection, context, code)
        return await mappings.remove_mapping(connection, viewer=viewer, topic=of, panel_code=code)


async def try_message(
    context: Context, *, topic: str, payload: str, is_retained: bool, given: GivenMapping | None
) -> MessageTrial:
    """What would become of a message that arrived now, with the mapping or with what is known; nothing is stored.

    Raises:
        Refused: UNAUTHENTICATED, BAD_TOPIC, BAD_INPUT (payload), and for the mapping as in `set_mapping`.
    """
    viewer = context.signed_in
    message = TrialMessage(_checked_topic(topic), _checked_payload(payload), context.now(), is_retained)
    own = [] if given is None else [_of_topic(checked(given), message.topic)]
    reader: MessageReader = context.message_reader
    async with context.pool.connection() as connection:
        kept = own or [row.mapping for row in await mappings.of_topic(connection, viewer=viewer, topic=message.topic)]
        announced = await mappings.announced(connection, viewer=viewer, topic=message.topic)
    codes = await asyncio.to_thread(reader.panel_codes, message, mappings=kept, announced=announced)
    async with context.pool.connection() as connection:
        zones = await mappings.time_zones(connection, viewer=viewer, codes=codes)
    return await asyncio.to_thread(reader.read, message, mappings=kept, announced=announced, time_zones=zones)


def checked(given: GivenMapping) -> DeviceMapping:
    """The mapping that was meant.

    Raises:
        Refused: BAD_TOPIC, BAD_CODE, BAD_PATH, BAD_UNIT, BAD_INPUT (fields); each says what is accepted.
    """
    topic, code = _checked_topic(given.topic), _checked_code(given.panel_code)
    if not 1 <= len(given.fields) <= MAX_FIELDS:
        raise Refused("BAD_INPUT", f"A mapping has 1 to {MAX_FIELDS} fields.", "fields")
    quantities = [field.quantity for field in given.fields]
    twice = next((quantity for quantity in quantities if quantities.count(quantity) > 1), None)
    if twice is not None:
        raise Refused("BAD_INPUT", f"{twice} is there twice: a panel has one value of each quantity.", "fields")
    fields = tuple(_checked_field(field, place=f"fields.{number}") for number, field in enumerate(given.fields))
    time_path = None if given.time_path is None else _checked_path(given.time_path, field="timePath")
    return DeviceMapping(topic, code, fields, time_path)


def _checked_field(given: GivenField, *, place: str) -> FieldMapping:
    path = _checked_path(given.path, field=f"{place}.path")
    unit = own_unit(given.quantity) if given.unit is None else given.unit
    if scale_of(given.quantity, unit=unit) is None:
        message = f"{unit[:20]!r} is no unit of {given.quantity}; accepted: {accepted_units(given.quantity)}"
        raise Refused("BAD_UNIT", message, f"{place}.unit")
    return FieldMapping(path, given.quantity, unit, given.is_reversed)


def _checked_path(text: str, *, field: str) -> JsonPath:
    path = parse_path(text)
    if path is None:
        raise Refused("BAD_PATH", f"{text[:60]!r} is no path; accepted: {ACCEPTED_PATHS}", field)
    return path


def _checked_topic(topic: str) -> str:
    is_name = topic.isprintable() and not {"+", "#"} & set(topic) and not topic.startswith("$")
    if not (1 <= len(topic) <= MAX_TOPIC_LENGTH and is_name):
        accepted = f"one exact MQTT topic of 1 to {MAX_TOPIC_LENGTH} printable characters, without + and #"
        raise Refused("BAD_TOPIC", f"{topic[:60]!r} cannot be mapped; accepted: {accepted}", "topic")
    return topic


def _checked_code(code: str) -> str:
    if not PANEL_CODE.fullmatch(code):
        accepted = "1 to 64 letters, digits or _ . : -, beginning with a letter or digit"
        raise Refused("BAD_CODE", f"{code[:60]!r} is no panel code; accepted: {accepted}", "panelCode")
    return code


def _checked_payload(payload: str) -> bytes:
    sent = payload.encode("utf-8", "replace")
    if len(sent) > MAX_PAYLOAD_BYTES:
        raise Refused("BAD_INPUT", f"`payload` may have {MAX_PAYLOAD_BYTES // 1024} KiB.", "payload")
    return sent


def _of_topic(mapping: DeviceMapping, topic: str) -> DeviceMapping:
    if mapping.topic != topic:
        raise Refused("BAD_INPUT", "The mapping is of another topic than the message.", "mapping")
    return mapping


async def _require_own(connection: Database, context: Context, mapping: DeviceMapping) -> None:
    """Refuses people who are no admins a topic that may feed others: whoever maps it reads it, and takes it away."""
    viewer = context.signed_in
    if not await mappings.time_zones(connection, viewer=viewer, codes=[mapping.panel_code]):
        raise Refused("PANEL_NOT_FOUND", "You have no panel of this code.", "panelCode")
    await _check_not_rented(connection, context, mapping.panel_code)
    if await registered_devices.is_own_topic(connection, viewer=viewer, topic=mapping.topic, code=mapping.panel_code):
        return
    devices = set(_device_names(mapping.topic))
    is_own = mapping.panel_code.partition(":")[0] in devices
    if not is_own or await mappings.feeds_others(connection, viewer=viewer, topic=mapping.topic, devices=[*devices]):
        message = "You may map topics that name your panel's device and feed no panel of others; an admin may map any."
        raise Refused("FORBIDDEN", message, "topic")


async def _check_not_rented(connection: Database, context: Context, panel_code: str) -> None:
    """Refuses tenants a say in how their landlord's meter is read: it is what they pay by."""
    if await properties.is_only_rented(connection, viewer=context.signed_in, code=panel_code):
        raise Refused("FORBIDDEN", "Only the panel's landlord and admins may map what its meter sends.", "panelCode")


def _device_names(topic: str) -> Iterator[str]:
    """What a topic may call a device: any run of its levels, as a panel code; none of a topic of too many levels."""
    levels = topic.split("/")
    if len(levels) > _MOST_LEVELS:
        return
    for start in range(len(levels)):
        for end in range(start + 1, len(levels) + 1):
            name = "/".join(levels[start:end])
            if name:
                yield panel_code_of(name)
                yield _NOT_IN_A_CODE.sub("-", name).partition(":")[0]
