"""Turns what a device is into the MQTT topics that it may publish and read, and the panels that are its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from metering.devices import DeviceKind

LONGEST_FILTER: Final = 512
MAX_FILTERS: Final = 20
"""How many topics of its own a device may be given, besides those of its kind."""
MAX_CODES: Final = 100
"""How many panels a device may be given, besides those that its name says."""

ACCEPTED_FILTER: Final = (
    f"1 to {LONGEST_FILTER} printable characters without % and $, where + stands for a whole level and # for all that"
    " follow; not a wildcard alone on the first level"
)
OWN_TOPICS: Final = "kilowatch/devices"
"""Below it, and its id, every device has topics that nobody else's can be mistaken for."""


@dataclass(frozen=True, slots=True)
class DeviceTopics:
    """MQTT filters: what a device may publish on, and what it may read."""

    publish: tuple[str, ...]
    commands: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OwnPanels:
    """The panels of a device: those of these codes, and those whose codes begin with one of the prefixes."""

    codes: tuple[str, ...]
    prefixes: tuple[str, ...]

    def has(self, code: str) -> bool:
        """Whether the panel of a code is one of them, whether or not it is there yet."""
        return code in self.codes or code.startswith(self.prefixes)


@dataclass(frozen=True, slots=True)
class DeviceRights:
    """What a registered device may do; one that was revoked has its topics here, and neither panels nor commands."""

    device_id: str
    name: str
    publish_filters: tuple[str, ...]
    command_filters: tuple[str, ...]
    panel_codes: tuple[str, ...]
    panel_prefixes: tuple[str, ...]
    is_revoked: bool

    @property
    def panels(self) -> OwnPanels:
        """The panels that it may send readings of."""
        return OwnPanels(self.panel_codes, self.panel_prefixes)

    def has_topic(self, topic: str) -> bool:
        """Whether a message on the topic comes from it."""
        return any(matches(one, topic) for one in self.publish_filters)

    def may_publish(self, topic: str) -> bool:
        """Whether the broker should take a message on the topic from it."""
        return not self.is_revoked and self.has_topic(topic)

    def may_subscribe(self, wanted: str) -> bool:
        """Whether the broker should take a subscription to the filter from it: all of it must be its own."""
        return not self.is_revoked and any(covers(one, wanted) for one in self.command_filters)


class Action(StrEnum):
    """What an MQTT client does with a topic."""

    PUBLISH = "publish"
    SUBSCRIBE = "subscribe"


@dataclass(frozen=True, slots=True)
class AccessRule:
    """A filter on which something is allowed."""

    action: Action
    topic: str


def rules_of(rights: DeviceRights) -> list[AccessRule]:
    """What a broker is to allow the device, and nothing else; nothing at all to one that was revoked."""
    if rights.is_revoked:
        return []
    publish = [AccessRule(Action.PUBLISH, topic) for topic in rights.publish_filters]
    return [*publish, *(AccessRule(Action.SUBSCRIBE, topic) for topic in rights.command_filters)]


_PUBLISHED: Final[Mapping[DeviceKind, Sequence[str]]] = {
    DeviceKind.PANEL_METER: ("DATA/PM/{name}",),
    DeviceKind.TASMOTA: (
        "tele/{name}/#",
        "tele/tasmota/{name}/#",
        "tasmota/{name}/tele/#",
        "{name}/tele/#",
        "stat/{name}/#",
    ),
    DeviceKind.ENERGY_HUB: (
        "home/energy-monitor/sensors/{name}",
        "home/energy-monitor/heartbeat/{name}",
        "home/energy-monitor/status/{name}",
    ),
    DeviceKind.SHELLY: ("{name}/status/#", "{name}/events/rpc", "{name}/online", "shellies/{name}/#"),
    DeviceKind.ZIGBEE2MQTT: ("{name}/#",),
    DeviceKind.HOME_ASSISTANT: ("{name}/#", "homeassistant/+/{name}/#"),
    DeviceKind.MAPPED: (),
}
_NAMELESS_HUB: Final = "energy-monitor"
_OF_NAMELESS_HUB: Final = ("home/energy-monitor/sensors", "home/energy-monitor/heartbeat", "home/energy-monitor/status")
_READ: Final[Mapping[DeviceKind, Sequence[str]]] = {
    DeviceKind.TASMOTA: ("cmnd/{name}/#", "cmnd/tasmota/{name}/#", "tasmota/{name}/cmnd/#", "{name}/cmnd/#"),
    DeviceKind.SHELLY: ("{name}/rpc", "{name}/command/#", "shellies/{name}/+/+/command/#", "shellies/command"),
    DeviceKind.ZIGBEE2MQTT: ("{name}/#", "homeassistant/status"),
    DeviceKind.HOME_ASSISTANT: ("{name}/#", "homeassistant/status"),
}
_WITH_PARTS: Final = {DeviceKind.TASMOTA, DeviceKind.ENERGY_HUB, DeviceKind.SHELLY, DeviceKind.HOME_ASSISTANT}
"""Devices that may have several panels: `{name}:LOAD`, `{name}:1`, `{name}:SML`."""
_WITHOUT_NAMED_PANEL: Final = {DeviceKind.ZIGBEE2MQTT, DeviceKind.MAPPED}
"""Devices whose name says nothing of their panels: a bridge has those of its plugs, a mapped device any."""

RESERVED_NAMES: Final = frozenset(
    {
        "cmnd",
        "DATA",
        "enerlink",
        "home",
        "homeassistant",
        "kilowatch",
        "shellies",
        "stat",
        "tasmota",
        "tele",
    }
)
"""First levels of topics that whole families share: as a device's name they would give it everybody's."""


def topics_of(kind: DeviceKind, *, name: str, device_id: str, given: Sequence[str] = ()) -> DeviceTopics:
    """The topics of a device of a kind: those of its family and name, those below its id, and those it was given."""
    own = f"{OWN_TOPICS}/{device_id}"
    of_kind = _OF_NAMELESS_HUB if _is_nameless(kind, name) else _PUBLISHED[kind]
    publish = [*(topic.format(name=name) for topic in of_kind), *given, f"{own}/data/#"]
    commands = [*(topic.format(name=name) for topic in _READ.get(kind, ())), f"{own}/commands/#"]
    return DeviceTopics(tuple(dict.fromkeys(publish)), tuple(commands))


def _is_nameless(kind: DeviceKind, name: str) -> bool:
    """Whether it is the hub whose topics name none, which is read as `energy-monitor`."""
    return kind is DeviceKind.ENERGY_HUB and name == _NAMELESS_HUB


def panels_of(kind: DeviceKind, *, name: str, given: Sequence[str] = ()) -> OwnPanels:
    """The panels of a device of a kind: those that readings under its name become, and those it was given."""
    codes = given if kind in _WITHOUT_NAMED_PANEL else (name, *given)
    return OwnPanels(tuple(dict.fromkeys(codes)), (f"{name}:",) if kind in _WITH_PARTS else ())


def is_filter(text: str) -> bool:
    """Whether it is a filter that a device may be given: see ACCEPTED_FILTER.

    Brokers put names in the place of `%u` and `${username}`, and EMQX takes `eq ` for a word of its own.
    """
    *before, last = levels = text.split("/")
    is_plain = text.isprintable() and text == text.strip() and not {"%", "$"} & {*text} and not text.startswith("eq ")
    are_levels = all(level in {"+", "#"} or not {"+", "#"} & {*level} for level in levels) and "#" not in before
    return 0 < len(text) <= LONGEST_FILTER and is_plain and are_levels and levels[0] not in {"+", "#"} and last != ""


def matches(filter_: str, topic: str) -> bool:
    """Whether an MQTT filter takes in a topic; a wildcard at its beginning takes in none that begins with `$`."""
    if topic.startswith("$") and filter_[:1] in {"+", "#"}:
        return False
    return covers(filter_, topic) and not {"+", "#"} & {*topic.split("/")}


def covers(wide: str, narrow: str) -> bool:
    """Whether every topic that `narrow`, a filter or a topic, takes in is one that `wide` takes in too."""
    levels = narrow.split("/")
    for place, level in enumerate(wide.split("/")):
        if level == "#":
            return True
        if place >= len(levels) or levels[place] == "#" or level not in {"+", levels[place]}:
            return False
    return wide.count("/") + 1 == len(levels)


def overlap(one: str, other: str) -> bool:
    """Whether there is a topic that both filters take in; `a/#` takes in `a` as well."""
    first, second = one.split("/"), other.split("/")
    for place in range(max(len(first), len(second))):
        ours, theirs = first[place : place + 1], second[place : place + 1]
        if ours == ["#"] or theirs == ["#"]:
            return True
        if not ours or not theirs or (ours != theirs and ["+"] not in (ours, theirs)):
            return False
    return True


def shared_topic(ours: Sequence[str], theirs: Sequence[str]) -> str | None:
    """The first of our filters that shares a topic with one of theirs; None where none does."""
    return next((one for one in ours if any(overlap(one, other) for other in theirs)), None)


def shared_panel(ours: OwnPanels, theirs: OwnPanels) -> str | None:
    """A code, or the beginning of codes, that both devices have; None where they share none."""
    codes = [code for code in ours.codes if theirs.has(code)] + [code for code in theirs.codes if ours.has(code)]
    prefixes = [
        max(one, other, key=len)
        for one in ours.prefixes
        for other in theirs.prefixes
        if one.startswith(other) or other.startswith(one)
    ]
    return next(iter([*codes, *prefixes]), None)
