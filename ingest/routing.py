"""Turns a topic into the decoder that reads its messages."""

from collections.abc import Sequence
from typing import Final

from ingest import panel_messages
from ingest.outcomes import Decoder, Source
from metering.readings import Rejected

SOURCES: Final[tuple[Source, ...]] = (panel_messages.SOURCE,)
"""The families of devices that are known without anybody's help; the first whose topic it is reads a message."""

_LONGEST_TOPIC: Final = 512
_REMEMBERED_TOPICS: Final = 100_000


class Router:
    """Knows who reads which topic: an owner's mapping first, then the known devices, then what was announced."""

    def __init__(self) -> None:
        """A router of the known devices alone."""
        self._known: dict[str, Decoder | Rejected] = {}

    def decoder(self, topic: str) -> Decoder | Rejected:
        """Who reads a topic; Rejected with BAD_TOPIC when it is too long, UNKNOWN_TOPIC when nobody does."""
        found = self._known.get(topic)
        if found is None:
            found = _decoder(topic)
            if len(self._known) >= _REMEMBERED_TOPICS:
                self._known.clear()
            self._known[topic] = found
        return found

    @property
    def filters(self) -> tuple[str, ...]:
        """The MQTT filters of everything that it reads."""
        return _filters(SOURCES)


def _decoder(topic: str) -> Decoder | Rejected:
    if len(topic) > _LONGEST_TOPIC:
        reason = f"the topic has {len(topic)} characters; accepted: {_LONGEST_TOPIC}"
        return Rejected("BAD_TOPIC", reason)
    for source in SOURCES:
        if source.matches(topic):
            return source.decode
    known = ", ".join(_filters(SOURCES))
    reason = f"nothing reads topic {topic[:200]!r}; accepted: {known}, and topics with a mapping (setDeviceMapping)"
    return Rejected("UNKNOWN_TOPIC", reason)


def _filters(sources: Sequence[Source]) -> tuple[str, ...]:
    return tuple(found for source in sources for found in source.filters)
