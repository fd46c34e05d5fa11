"""Defines what a decoder makes of a message, whatever device sent it."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from ingest.wall_clock import WallClock
from metering.devices import BalanceShown, DeviceReport
from metering.mappings import DiscoveredSensor
from metering.readings import Reading, Rejected

ClockOf = Callable[[str], WallClock]
"""The clock of a panel's time zone, by the panel's code; of the default zone while the panel is not known."""


class Decoded(msgspec.Struct, frozen=True, gc=False):
    """What a message holds; nothing at all when it is understood and not about electricity.

    `readings` are panel codes and readings. `rejected` says what of the message could not be read where the rest
    could: the rest is stored, and the message is kept with that reason.
    """

    readings: Sequence[tuple[str, Reading]] = ()
    balances: Sequence[BalanceShown] = ()
    reports: Sequence[DeviceReport] = ()
    discovered: Sequence[DiscoveredSensor] = ()
    rejected: Rejected | None = None


NOTHING = Decoded()
"""Understood, and nothing to store."""


class Decoder(Protocol):
    """Turns a message into what it holds, or says why it cannot; whatever the bytes are, nothing is raised."""

    def __call__(
        self, topic: str, payload: bytes, *, received_at: datetime, is_retained: bool, clock_of: ClockOf
    ) -> Decoded | Rejected:
        """`received_at` is when the broker handed the message over, `is_retained` that it had kept it for us."""
        ...


class Source(msgspec.Struct, frozen=True):
    """A family of devices: the MQTT filters to subscribe to, which topics are its own, and how to read them."""

    name: str
    filters: tuple[str, ...]
    matches: Callable[[str], bool]
    decode: Decoder
