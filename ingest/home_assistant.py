"""Turns Home Assistant's discovery messages into announced values: where on MQTT which quantity of a panel is found."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

import msgspec

from ingest.announced_sensors import Announced, Unusable, announced_field
from ingest.outcomes import NOTHING, ClockOf, Decoded, Source
from ingest.sensor_words import words
from metering.devices import panel_code_of
from metering.mappings import DiscoveredSensor
from metering.readings import Rejected

_PREFIX: Final = "homeassistant/"
_TOPIC = re.compile(r"homeassistant/(sensor|device)/(?:([A-Za-z0-9_-]+)/)?([A-Za-z0-9_-]+)/config")
_OURS: Final = "Kilowatch"
_MOST_REASONS: Final = 5
_MOST_COMPONENTS: Final = 500
_MOST_NAMES: Final = 10
_LONGEST_TEXT: Final = 500
_LONGEST_NAME_BYTES: Final = 1000

_Document = Mapping[str, Any]
_decode = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass(frozen=True, slots=True)
class _Component:
    """One value of an announcement: what names it, and its keys with those that all share behind them."""

    announced_on: str
    object_id: str
    document: _Document


@dataclass(frozen=True, slots=True)
class _Device:
    """What announces: its name, empty where only the topic of its state tells it, and the words of all its names."""

    name: str
    words: frozenset[str]


def _announcement(
    topic: str, payload: bytes, *, received_at: datetime, is_retained: bool, clock_of: ClockOf
) -> Decoded | Rejected:
    """What a discovery topic says; the broker keeps announcements, so a retained one is as good as any."""
    del received_at, is_retained, clock_of
    named = _TOPIC.fullmatch(topic)
    if named is None:
        return NOTHING
    if not payload.strip():
        return Decoded(discovered=(_taken_back(topic),))
    try:
        document = _decode(payload)
    except msgspec.ValidationError:
        return Rejected("BAD_PAYLOAD", f"the payload is not an object; accepted: {_ACCEPTED}")
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        return Rejected("BAD_JSON", f"the payload is not JSON ({error}); accepted: {_ACCEPTED}")
    if _text(_object(document, "origin", "o"), "name") == _OURS:
        return NOTHING
    return _announced(topic, document, kind=named[1], node=named[2] or "", object_id=named[3])


_ACCEPTED: Final = "a JSON object as Home Assistant's MQTT discovery has it, or nothing at all to take one back"


def _announced(topic: str, document: _Document, *, kind: str, node: str, object_id: str) -> Decoded:
    """All of it, after a word that takes back whatever the topic announced before."""
    found, reasons = [_taken_back(topic)], list[str]()
    components = _components(topic, document) if kind == "device" else [_Component(topic, object_id, document)]
    if (count := len(_object(document, "components", "cmps"))) > _MOST_COMPONENTS:
        reasons.append(f"there are {count} components; accepted: the first {_MOST_COMPONENTS}")
    device = _Device(_device(document) or node, frozenset(words(node, *_device_names(document))))
    for component in components:
        outcome = _sensor(component, device)
        if isinstance(outcome, DiscoveredSensor):
            found.append(outcome)
        elif outcome:
            reasons.append(f"{component.object_id[:100]}: {outcome.why}")
    return Decoded(discovered=found, rejected=_rejected(reasons) if reasons else None)


def _rejected(reasons: list[str]) -> Rejected:
    others = f"; and {len(reasons) - _MOST_REASONS} more" if len(reasons) > _MOST_REASONS else ""
    first = "; ".join(reasons[:_MOST_REASONS])
    return Rejected("UNUSABLE_ANNOUNCEMENT", f"{first}{others}; a mapping can be set (setDeviceMapping)")


def _components(topic: str, document: _Document) -> Iterator[_Component]:
    shared = {name: document[name] for name in ("~", "state_topic", "stat_t") if name in document}
    for key, component in list(_object(document, "components", "cmps").items())[:_MOST_COMPONENTS]:
        if isinstance(component, dict) and _is_plain(key):
            own = cast("dict[str, Any]", component)
            if _text(own, "platform", "p") == "sensor":
                yield _Component(f"{topic}#{key}", key, {**shared, **own})


def _sensor(component: _Component, device: _Device) -> DiscoveredSensor | Unusable | None:
    keys = component.document
    state_topic = _whole_topic(_text(keys, "state_topic", "stat_t"), base=_text(keys, "~"))
    field = announced_field(
        Announced(
            object_id=component.object_id,
            name=_text(keys, "name"),
            device_words=device.words,
            device_class=_text(keys, "device_class", "dev_cla"),
            state_class=_text(keys, "state_class", "stat_cla"),
            unit=_text(keys, "unit_of_measurement", "unit_of_meas"),
            template=_text(keys, "value_template", "val_tpl"),
            starts_again=bool(_text(keys, "last_reset_value_template", "lrst_val_tpl")),
        )
    )
    if field is None or isinstance(field, Unusable):
        return field
    if not _is_topic(state_topic):
        return Unusable("there is no state_topic that could be read")
    if len(component.announced_on.encode()) > _LONGEST_NAME_BYTES:
        return Unusable(f"its name is too long; accepted: {_LONGEST_NAME_BYTES} bytes with the topic")
    name = device.name or state_topic
    code = panel_code_of(name, *field.parts)
    return DiscoveredSensor(component.announced_on, name, code, state_topic, field.mapping)


def _taken_back(topic: str) -> DiscoveredSensor:
    return DiscoveredSensor(topic, "", "", "", None)


def _device(document: _Document) -> str:
    """What names the device: its first identifier, else its first connection, such as a MAC address."""
    device = _object(document, "device", "dev")
    identifiers: Any = device.get("identifiers", device.get("ids"))
    connections: Any = device.get("connections", device.get("cns"))
    for candidate in (*_flat(identifiers), *(pair[-1] for pair in map(_flat, _flat(connections)) if pair)):
        if isinstance(candidate, str) and _is_plain(candidate):
            return candidate
    return ""


def _device_names(document: _Document) -> Iterator[str]:
    device = _object(document, "device", "dev")
    yield _text(device, "name")
    named = _flat(device.get("identifiers", device.get("ids")))
    yield from (name for name in named if isinstance(name, str) and _is_plain(name))


def _flat(value: object) -> list[Any]:
    """The first things of a list, or the only thing."""
    if isinstance(value, list):
        return cast("list[Any]", value)[:_MOST_NAMES]
    return [] if value is None else [value]


def _object(document: _Document, *names: str) -> dict[str, Any]:
    """The object under one of the names; an empty one where there is none."""
    for name in names:
        if isinstance(document.get(name), dict):
            return document[name]
    return {}


def _text(document: _Document, *names: str) -> str:
    """The text under one of the names; empty where there is none that can be used."""
    for name in names:
        value = document.get(name)
        if isinstance(value, str) and _is_plain(value):
            return value
    return ""


def _is_plain(text: str) -> bool:
    """Whether it is of a length that makes sense and without a NUL, which Postgres does not store."""
    return 0 < len(text) <= _LONGEST_TEXT and "\0" not in text


def _whole_topic(topic: str, *, base: str) -> str:
    """A topic with the announcement's base in the place of a `~` at its beginning or end."""
    if base and topic.startswith("~"):
        topic = base + topic[1:]
    return topic[:-1] + base if base and topic.endswith("~") else topic


def _is_topic(topic: str) -> bool:
    """Whether one topic can be subscribed to: no wildcards, nothing of the broker's own, no discovery."""
    return _is_plain(topic) and not {"#", "+"} & {*topic} and not topic.startswith(("$", _PREFIX))


def _is_discovery(topic: str) -> bool:
    return topic.startswith(_PREFIX)


SOURCE: Final = Source("Home Assistant discovery", (f"{_PREFIX}#",), _is_discovery, _announcement)
"""Devices that announce their values as Home Assistant's MQTT discovery has it."""
