"""Turns messages of Tasmota plugs and optical meter heads into readings, and their presence into reports."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final, NamedTuple, cast

from ingest.blocks import Block, energy_block, labelled_block
from ingest.complaints import listed, together
from ingest.device_times import stated_time
from ingest.documents import json_object
from ingest.labels import Part, is_other_block, meaning_of
from ingest.outcomes import NOTHING, ClockOf, Decoded, Source
from ingest.quantities import Values, reading_of
from ingest.units import shown
from metering.devices import DeviceKind, DeviceReport, panel_code_of
from metering.readings import Reading, Rejected

_FILTERS: Final = (
    "tele/#",
    "stat/+/STATUS8",
    "stat/+/STATUS10",
    "tasmota/+/tele/#",
    "+/tele/SENSOR",
    "+/tele/LWT",
)
_PREFIXES: Final = {"tele", "stat"}
_SENSOR: Final = {"SENSOR", "STATUS8", "STATUS10"}
_PRESENCE: Final[Mapping[bytes, bool]] = {b"online": True, b"offline": False}
_SUBJECT = re.compile(r"SENSOR|LWT|STATE|UPTIME|RESULT|MARGINS|HASS_STATE|(?:STATUS|INFO|EVENT|WAKEUP)[0-9]*")
_MAX_BLOCKS: Final = 32
_MAX_LABELS: Final = 200


class _Place(NamedTuple):
    """Which device a topic belongs to, and which of its messages."""

    device: str
    subject: str


def _place(topic: str) -> _Place | None:
    """The place that a topic names in one of Tasmota's orders; None when it is none of them.

    tele/<device>/SENSOR, tele/tasmota/<device>/SENSOR, <device>/tele/SENSOR, tasmota/<device>/tele/SENSOR; a device
    may have several levels where they come after the prefix.
    """
    levels = topic.split("/")
    if levels[0] in _PREFIXES and len(levels) > 1:
        return _Place("/".join(_without_family(levels[1:-1])), levels[-1])
    if len(levels) > 2 and levels[-2] in _PREFIXES and _SUBJECT.fullmatch(levels[-1]):
        device = _without_family(levels[:-2])
        return _Place(device[0], levels[-1]) if len(device) == 1 else None
    return None


def _without_family(levels: list[str]) -> list[str]:
    return levels[1:] if len(levels) > 1 and levels[0] == "tasmota" else levels


def _is_ours(topic: str) -> bool:
    return _place(topic) is not None


def _tasmota_message(
    topic: str, payload: bytes, *, received_at: datetime, is_retained: bool, clock_of: ClockOf
) -> Decoded | Rejected:
    """What a message holds; other subjects than SENSOR, STATUS8, STATUS10 and LWT are nothing of ours."""
    place = _place(topic)
    if place is None or place.subject not in {*_SENSOR, "LWT"} or not payload:
        return NOTHING
    if not place.device:
        accepted = "tele/<device>/SENSOR, tele/tasmota/<device>/SENSOR, tasmota/<device>/tele/SENSOR"
        return Rejected("BAD_TOPIC", f"topic {topic[:100]!r} names no device; accepted: {accepted}")
    if place.subject == "LWT":
        return _presence(place.device, payload, received_at=received_at)
    document = json_object(payload)
    if isinstance(document, Rejected):
        return document
    status = document.get("StatusSNS")
    sensors = cast("dict[str, object]", status) if isinstance(status, dict) else document
    message = _Message(place.device, sensors, received_at, is_retained=is_retained, clock_of=clock_of)
    return message.decoded()


def _presence(device: str, payload: bytes, *, received_at: datetime) -> Decoded | Rejected:
    is_online = _PRESENCE.get(payload.strip().lower()[:16])
    if is_online is None:
        return Rejected("BAD_PAYLOAD", f"the payload is {shown(repr(payload[:40]))}; accepted: Online or Offline")
    return Decoded(reports=[DeviceReport(device, DeviceKind.TASMOTA, received_at, is_online=is_online)])


@dataclass(slots=True)
class _Message:
    """One sensor message on its way to readings."""

    device: str
    sensors: Mapping[str, object]
    received_at: datetime
    is_retained: bool = field(kw_only=True)
    clock_of: ClockOf = field(kw_only=True)
    readings: list[tuple[str, Reading]] = field(default_factory=list[tuple[str, Reading]])
    meter_numbers: list[str] = field(default_factory=list[str])
    complaints: list[Rejected] = field(default_factory=list[Rejected])

    def decoded(self) -> Decoded | Rejected:
        """The readings of all blocks, and what of them could not be read."""
        if len(self.sensors) > _MAX_LABELS:
            return _too_many("the message", len(self.sensors), "values", accepted=_MAX_LABELS)
        blocks = list(_blocks(self.sensors))
        if len(blocks) > _MAX_BLOCKS:
            return _too_many("the message", len(blocks), "blocks", accepted=_MAX_BLOCKS)
        for name, given in blocks:
            self._read(name, given)
        rejected = together(self.complaints)
        if rejected and not self.readings:
            return rejected
        reports = self._reports()
        return Decoded(self.readings, reports=reports, rejected=rejected) if self.readings or reports else NOTHING

    def _read(self, name: str, given: Mapping[str, object]) -> None:
        if len(given) > _MAX_LABELS:
            self.complaints.append(_too_many(_where(name), len(given), "values", accepted=_MAX_LABELS))
            return
        is_plug = name == "ENERGY"
        if not is_plug and is_other_block(name, given):
            return
        block = energy_block(given) if is_plug else labelled_block(given)
        self.complaints.extend(_complaints(name, block))
        if block.meter_number:
            self.meter_numbers.append(block.meter_number)
        self._add(block.values, "" if is_plug else name, is_partial=not is_plug)
        for number, values in enumerate(block.channels, 1):
            self._add(values, str(number), is_partial=False)

    def _add(self, values: Values, part: str, *, is_partial: bool) -> None:
        if not values:
            return
        code = panel_code_of(self.device, part)
        when = stated_time(
            self.sensors.get("Epoch") or self.sensors.get("Time"),
            name="Time",
            received_at=self.received_at,
            is_retained=self.is_retained,
            clock=partial(self.clock_of, code),
        )
        if isinstance(when, Rejected):
            if when not in self.complaints:
                self.complaints.insert(0, when)  # it costs the most, so its code counts
        elif when is not None:
            at, flags = when
            reading = reading_of(values, at=at, received_at=self.received_at, flags=flags, is_partial=is_partial)
            self.readings.append((code, reading))

    def _reports(self) -> list[DeviceReport]:
        """The numbers of the device's meters; not of a message that was kept, which says nothing of now."""
        if not self.meter_numbers or self.is_retained:
            return []
        numbers = ", ".join(dict.fromkeys(self.meter_numbers))
        return [DeviceReport(self.device, DeviceKind.TASMOTA, self.received_at, meter_number=numbers)]


def _blocks(sensors: Mapping[str, object]) -> Iterator[tuple[str, Mapping[str, object]]]:
    """The objects of a message by name; values beside them are a block without a name where they are a meter's."""
    beside = {name: value for name, value in sensors.items() if not isinstance(value, dict)}
    if any(_is_measured(name) for name in beside):
        yield "", {name: value for name, value in beside.items() if name not in {"Time", "Epoch"}}
    for name, value in sensors.items():
        if isinstance(value, dict) and value:
            yield name, cast("dict[str, object]", value)


def _is_measured(label: str) -> bool:
    meaning = meaning_of(label)
    return meaning is not None and not isinstance(meaning.of, Part)


def _where(name: str) -> str:
    return f"block {name[:40]!r}" if name else "the message"


def _too_many(where: str, count: int, things: str, *, accepted: int) -> Rejected:
    return Rejected("BAD_PAYLOAD", f"{where} has {count} {things}; accepted: up to {accepted}")


def _complaints(name: str, block: Block) -> Iterator[Rejected]:
    where = _where(name)
    if block.unknown:
        advice = "set a mapping (setDeviceMapping) that says what they measure, then replay the message"
        yield Rejected(
            "UNKNOWN_LABELS", f"{where} has numbers under labels that are not known: {listed(block.unknown)}; {advice}"
        )
    if block.faults:
        yield Rejected("BAD_PAYLOAD", f"{where}: {listed(block.faults)}")
    elif block.empty and not block.unknown and not block.values and not any(block.channels):
        yield Rejected("BAD_PAYLOAD", f"{where} has no value for {listed(block.empty)}; accepted: a number")


SOURCE: Final = Source("Tasmota", _FILTERS, _is_ours, _tasmota_message)
"""Tasmota plugs, and meters read by a Tasmota device."""
