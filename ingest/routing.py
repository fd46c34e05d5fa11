"""Turns a topic into the decoder that reads its messages."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from ingest import energy_hub, home_assistant, panel_messages, shelly, tasmota, zigbee2mqtt
from ingest.outcomes import NOTHING, ClockOf, Decoded, Decoder, Source
from ingest.ownership import Ownership
from metering.readings import Rejected

SOURCES: Final[tuple[Source, ...]] = (
    panel_messages.SOURCE,
    tasmota.SOURCE,
    energy_hub.SOURCE,
    zigbee2mqtt.SOURCE,
    home_assistant.SOURCE,
    shelly.SOURCE,
)
"""The families of devices that are known without anybody's help; the first whose topic it is reads a message."""

_LONGEST_TOPIC: Final = 512
_REMEMBERED_TOPICS: Final = 100_000
_EVERYTHING: Final = ("#",)
_NONE: Final[Mapping[str, Decoder]] = {}
_NOBODYS: Final = Ownership()


class Router:
    """Knows who reads which topic: an owner's mapping first, then the known devices, then what was announced."""

    def __init__(
        self,
        *,
        wanted: Sequence[str] = _EVERYTHING,
        mapped: Mapping[str, Decoder] = _NONE,
        announced: Mapping[str, Decoder] = _NONE,
        ownership: Ownership = _NOBODYS,
    ) -> None:
        """`wanted` are the MQTT filters of the settings, `mapped` and `announced` are decoders by exact topic.

        What `ownership` does not let a topic's sender say is rejected.
        Messages of any other topic come of subscriptions that the broker still remembers, and are let go.
        """
        self._wanted = tuple(wanted)
        self._mapped = mapped
        self._announced = announced
        self._ownership = ownership
        self._known: dict[str, Decoder | Rejected] = {}

    @property
    def filters(self) -> tuple[str, ...]:
        """The MQTT filters to subscribe to: those that are wanted, and each topic that they do not cover."""
        others = sorted(topic for topic in {*self._mapped, *self._announced} if not self._is_wanted(topic))
        return (*self._wanted, *others)

    @property
    def is_closed(self) -> bool:
        """Whether panels appear from registered devices and mapped topics alone."""
        return self._ownership.is_closed

    def makes_panels(self, topic: str) -> bool:
        """Whether readings on a topic may make panels that are not there yet."""
        return not self.is_closed or topic in self._mapped or self._ownership.sender(topic) is not None

    def decoder(self, topic: str) -> Decoder | Rejected:
        """Who reads a topic, as far as its sender may say that.

        Rejected with BAD_TOPIC when it is too long, UNKNOWN_TOPIC when nobody reads it, DEVICE_REVOKED when its device
        was revoked.
        """
        found = self._known.get(topic)
        if found is None:
            if len(self._known) >= _REMEMBERED_TOPICS:
                self._known.clear()
            found = self._known[topic] = self._checked(topic)
        return found

    def _checked(self, topic: str) -> Decoder | Rejected:
        found = self._found(topic)
        if isinstance(found, Rejected) or found is _let_go:
            return found
        return self._ownership.checked(topic, found)

    def _found(self, topic: str) -> Decoder | Rejected:
        if len(topic) > _LONGEST_TOPIC:
            return Rejected("BAD_TOPIC", f"the topic has {len(topic)} characters; accepted: up to {_LONGEST_TOPIC}")
        if "\0" in topic:  # no broker should pass it on; Postgres keeps none
            return Rejected("BAD_TOPIC", "the topic has a NUL; accepted: any other character")
        if topic in self._mapped:
            return self._mapped[topic]
        for source in SOURCES:
            if source.matches(topic):
                return source.decode
        if topic in self._announced:
            return self._announced[topic]
        return _unknown(topic) if self._is_meant(topic) else _let_go

    def _is_wanted(self, topic: str) -> bool:
        return any(covers(wanted, topic) for wanted in self._wanted)

    def _is_meant(self, topic: str) -> bool:
        """Whether it is wanted by a filter that names it closely enough: `+/status/+` brings the topics of anybody."""
        wanted = [one for one in self._wanted if not (_is_wide(one) and _is_of_others(topic))]
        return any(covers(one, topic) for one in wanted)


def _is_wide(wanted: str) -> bool:
    return wanted[:1] in {"+", "#"}


def known_filters() -> tuple[str, ...]:
    """The MQTT filters of all known devices."""
    return tuple(found for source in SOURCES for found in source.filters)


def _is_of_others(topic: str) -> bool:
    """Whether a known device's wide filter brings it, and it is no such device's."""
    return any(_is_wide(wanted) and covers(wanted, topic) for wanted in known_filters())


def covers(wanted: str, topic: str) -> bool:
    """Whether an MQTT filter takes in a topic; a wildcard at the beginning takes in none that begins with `$`."""
    if topic.startswith("$") and wanted[:1] in {"+", "#"}:
        return False
    levels = topic.split("/")
    for place, level in enumerate(wanted.split("/")):
        if level == "#":
            return True
        if place >= len(levels) or level not in {"+", levels[place]}:
            return False
    return wanted.count("/") + 1 == len(levels)


def _unknown(topic: str) -> Rejected:
    accepted = f"{', '.join(known_filters())}, and topics with a mapping (setDeviceMapping)"
    return Rejected("UNKNOWN_TOPIC", f"nothing reads topic {topic[:200]!r}; accepted: {accepted}")


def _let_go(
    topic: str, payload: bytes, *, received_at: datetime, is_retained: bool, clock_of: ClockOf
) -> Decoded | Rejected:
    del topic, payload, received_at, is_retained, clock_of
    return NOTHING
