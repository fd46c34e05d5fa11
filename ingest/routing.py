"""Turns a topic into the panel it names and the decoder that reads its payload."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from ingest.panel_messages import TOPIC_PREFIX, panel_code, panel_reading
from ingest.wall_clock import WallClock
from metering.readings import Reading, Rejected
from store.rejected import KEPT_PAYLOAD_BYTES


class Decoder(Protocol):
    """Turns a payload into a reading, or says why it is none; never raises."""

    def __call__(self, payload: bytes, *, received_at: datetime, clock: WallClock) -> Reading | Rejected:
        """`clock` is that of the panel's time zone, `received_at` is when the broker handed the message over."""
        ...


@dataclass(frozen=True, slots=True)
class Route:
    """Where a message belongs: its panel's code, and how to read its payload."""

    panel_code: str
    decode: Decoder


@dataclass(frozen=True, slots=True)
class _Source:
    prefix: str
    panel_code: Callable[[str], str | Rejected]
    decode: Decoder


_SOURCES: Final = (_Source(TOPIC_PREFIX, panel_code, panel_reading),)


def route(topic: str) -> Route | Rejected:
    """The route of a topic; Rejected with UNKNOWN_TOPIC, or BAD_TOPIC when only its panel cannot be told."""
    for source in _SOURCES:
        if topic.startswith(source.prefix):
            code = source.panel_code(topic)
            return code if isinstance(code, Rejected) else Route(code, source.decode)
    known = ", ".join(f"{source.prefix}…" for source in _SOURCES)
    return Rejected("UNKNOWN_TOPIC", f"nothing reads topic {topic[:200]!r}; accepted: {known}")


def read(route: Route, payload: bytes, *, received_at: datetime, clock: WallClock) -> Reading | Rejected:
    """The reading of a message; Rejected with TOO_LARGE above 256 KiB, else as its decoder says."""
    if len(payload) > KEPT_PAYLOAD_BYTES:
        return Rejected(
            "TOO_LARGE",
            f"the payload has {len(payload)} bytes; accepted: {KEPT_PAYLOAD_BYTES}, and as many are kept of it",
        )
    return route.decode(payload, received_at=received_at, clock=clock)
