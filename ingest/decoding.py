"""Turns messages into what is to be stored of them; panels are looked up, and added when they are new."""

import logging
import time
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from msgspec import structs

from ingest.outcomes import Decoded
from ingest.ownership import unknown_device
from ingest.routing import Router
from ingest.wall_clock import WallClock
from metering.devices import BalanceShown, DeviceReport, panel_code_of
from metering.mappings import DiscoveredSensor
from metering.readings import Rejected
from store.known_panels import KnownPanel
from store.merge import BatchWriter, PanelReading
from store.rejected import KEPT_PAYLOAD_BYTES

_REMEMBERED_S: Final = 30.0
"""Someone may correct a panel's time zone meanwhile, or remove the panel."""

_log = logging.getLogger(__name__)


class Message(Protocol):
    """A message as the broker handed it over, or as it was kept when it could not be read."""

    @property
    def topic(self) -> str:
        """The topic, complete."""
        ...

    @property
    def payload(self) -> bytes:
        """The bytes, as sent."""
        ...

    @property
    def received_at(self) -> datetime:
        """When the broker handed it over; aware."""
        ...

    @property
    def is_retained(self) -> bool:
        """Whether the broker had kept it for whoever subscribes next."""
        ...


@dataclass(frozen=True, slots=True)
class Contents:
    """What a batch of messages holds; `rejected` are places in the batch and why."""

    readings: list[PanelReading] = field(default_factory=list[PanelReading])
    balances: list[tuple[int, BalanceShown]] = field(default_factory=list[tuple[int, BalanceShown]])
    reports: list[DeviceReport] = field(default_factory=list[DeviceReport])
    discovered: list[DiscoveredSensor] = field(default_factory=list[DiscoveredSensor])
    rejected: list[tuple[int, Rejected]] = field(default_factory=list[tuple[int, Rejected]])


class _UnknownZoneError(Exception):
    """A panel's time zone is none here; `why` is for whoever can correct it."""

    def __init__(self, why: Rejected) -> None:
        super().__init__(why.reason)
        self.why = why


class PanelDecoder:
    """Reads messages by the clocks of the panels that they come from; for one thread."""

    def __init__(self, *, default_time_zone: str) -> None:
        """Panels that appear by themselves get `default_time_zone`.

        Raises:
            ValueError: that is no IANA name.
        """
        self.router = Router()
        self._default_time_zone = default_time_zone
        self._default_clock = WallClock(default_time_zone)
        self._clocks: dict[str, WallClock | Rejected] = {default_time_zone: self._default_clock}
        self._panels: dict[str, KnownPanel] = {}
        self._strangers: set[str] = set()
        self._kept_since: datetime | None = None
        self._renew_at_s = 0.0

    def decode(self, messages: Sequence[Message], *, writer: BatchWriter) -> Contents:
        """What the messages hold, all together.

        Raises:
            DatabaseAwayError: panels could not be looked up or added.
        """
        if time.monotonic() > self._renew_at_s:
            self._renew(writer)
        outcomes = list(map(self._read, messages))
        if self._strangers and self._look_up(writer):
            outcomes = list(map(self._read, messages))  # their clocks may be other ones
        outcomes = list(map(self._in_time, outcomes))
        if self.router.is_closed:
            outcomes = self._without_strangers(messages, outcomes, writer=writer)
        self._add({code for code in _panel_codes(outcomes) if code not in self._panels}, writer=writer)
        self._strangers.clear()
        return self._placed(outcomes)

    def forget_panels(self) -> None:
        """Looks every panel up again the next time: one may have been removed."""
        self._panels.clear()

    def _renew(self, writer: BatchWriter) -> None:
        known, self._panels = sorted(self._panels), {}
        if known:
            self._remember(writer.known_panels(known))
        self._kept_since = writer.readings_kept_since()
        self._renew_at_s = time.monotonic() + _REMEMBERED_S

    def _look_up(self, writer: BatchWriter) -> bool:
        """Whether one of the strangers is a known panel after all."""
        found = writer.known_panels(sorted(self._strangers))
        self._remember(found)
        return bool(found)

    def _without_strangers(
        self, messages: Sequence[Message], outcomes: Sequence[Decoded | Rejected], *, writer: BatchWriter
    ) -> list[Decoded | Rejected]:
        """The outcomes without panels and devices that are not there and that nobody has registered or mapped."""
        unknown = _panel_codes(outcomes).union(_reported_codes(outcomes)).difference(self._panels)
        if not unknown:
            return list(outcomes)
        self._remember(writer.known_panels(sorted(unknown)))
        strange = unknown.difference(self._panels)
        makes_panels = self.router.makes_panels
        return [
            outcome if isinstance(outcome, Rejected) or makes_panels(message.topic) else _without(outcome, strange)
            for message, outcome in zip(messages, outcomes, strict=True)
        ]

    def _add(self, codes: set[str], *, writer: BatchWriter) -> None:
        if codes:
            self._remember(writer.add_panels(sorted(codes), time_zone=self._default_time_zone))

    def _remember(self, panels: Sequence[KnownPanel]) -> None:
        for panel in panels:
            self._panels[panel.code] = panel
            if panel.time_zone not in self._clocks:
                self._clocks[panel.time_zone] = _clock(panel.time_zone)

    def _read(self, message: Message) -> Decoded | Rejected:
        if len(message.payload) > KEPT_PAYLOAD_BYTES:
            return _too_large(message.payload)
        decode = self.router.decoder(message.topic)
        if isinstance(decode, Rejected):
            return decode
        try:
            return decode(
                message.topic,
                message.payload,
                received_at=message.received_at,
                is_retained=message.is_retained,
                clock_of=self._clock_of,
            )
        except _UnknownZoneError as error:
            return error.why
        except Exception as error:  # noqa: BLE001 - raised, it would come again and again, and stop all others
            _log.exception("A message on %s could not be read", message.topic)
            reason = f"a fault of ours ({type(error).__name__}); replay the message with a newer version"
            return Rejected("DECODER_FAULT", reason)

    def _clock_of(self, panel_code: str) -> WallClock:
        panel = self._panels.get(panel_code)
        if panel is None:
            self._strangers.add(panel_code)
            return self._default_clock
        clock = self._clocks[panel.time_zone]
        if isinstance(clock, Rejected):
            raise _UnknownZoneError(clock)
        return clock

    def _placed(self, outcomes: Sequence[Decoded | Rejected]) -> Contents:
        contents, panels = Contents(), self._panels
        for place, outcome in enumerate(outcomes):
            if isinstance(outcome, Rejected):
                contents.rejected.append((place, outcome))
                continue
            for code, reading in outcome.readings:
                contents.readings.append((panels[code].id, reading))
            if outcome.balances:
                contents.balances.extend((panels[shown.panel_code].id, shown) for shown in outcome.balances)
            contents.reports.extend(outcome.reports)
            contents.discovered.extend(outcome.discovered)
            if outcome.rejected:
                contents.rejected.append((place, outcome.rejected))
        return contents

    def _in_time(self, outcome: Decoded | Rejected) -> Decoded | Rejected:
        """The outcome without readings from before what is kept: they would change sums whose other parts are gone."""
        since = self._kept_since
        if since is None or isinstance(outcome, Rejected):
            return outcome
        kept = [(code, reading) for code, reading in outcome.readings if reading.at >= since]
        if len(kept) == len(outcome.readings):
            return outcome
        reason = f"the reading is from before {since.isoformat()}, since when readings are kept; accepted: later ones"
        return structs.replace(outcome, readings=kept, rejected=outcome.rejected or Rejected("TOO_OLD", reason))


def _panel_codes(outcomes: Sequence[Decoded | Rejected]) -> set[str]:
    decoded = [outcome for outcome in outcomes if not isinstance(outcome, Rejected)]
    codes = {code for outcome in decoded for code, _ in outcome.readings}
    return codes.union(shown.panel_code for outcome in decoded for shown in outcome.balances)


def _reported_codes(outcomes: Sequence[Decoded | Rejected]) -> set[str]:
    decoded = [outcome for outcome in outcomes if not isinstance(outcome, Rejected)]
    return {panel_code_of(report.device) for outcome in decoded for report in outcome.reports}


def _without(outcome: Decoded, strange: AbstractSet[str]) -> Decoded:
    """The outcome without what it says of strange panels."""
    said = _panel_codes([outcome]) | _reported_codes([outcome])
    if said.isdisjoint(strange):
        return outcome
    return structs.replace(
        outcome,
        readings=[(code, reading) for code, reading in outcome.readings if code not in strange],
        balances=[shown for shown in outcome.balances if shown.panel_code not in strange],
        reports=[report for report in outcome.reports if panel_code_of(report.device) not in strange],
        rejected=unknown_device(sorted(said & strange)),
    )


def _too_large(payload: bytes) -> Rejected:
    reason = f"the payload has {len(payload)} bytes; accepted: {KEPT_PAYLOAD_BYTES}, and as many are kept of it"
    return Rejected("TOO_LARGE", reason)


def _clock(time_zone: str) -> WallClock | Rejected:
    try:
        return WallClock(time_zone)
    except ValueError as error:
        return Rejected("BAD_TIME_ZONE", f"the panel's {error}; correct it and replay the message")
