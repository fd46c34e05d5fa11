"""Turns messages into readings as owners have mapped them, or as devices have announced them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Final

from ingest.complaints import listed, together
from ingest.device_times import stated_time
from ingest.documents import document
from ingest.outcomes import NOTHING, ClockOf, Decoded, Decoder
from ingest.quantities import reading_of
from ingest.units import Unusable, measured_exactly
from metering.devices import BalanceShown
from metering.json_paths import MISSING, JsonPath, path_text, value_at
from metering.mappings import DiscoveredSensor, FieldMapping, Quantity
from metering.mappings import Mapping as DeviceMapping
from metering.readings import Reading, ReadingFlag, Rejected

_UNKNOWN_STATES: Final = {"", "unknown", "unavailable", "none", "nan"}
"""What Home Assistant's devices say where they have no value."""


@dataclass(frozen=True, slots=True)
class _Target:
    """One panel and the values that are its own."""

    panel_code: str
    fields: tuple[FieldMapping, ...]
    time_path: JsonPath | None = None


def mapped_decoders(mappings: Iterable[DeviceMapping]) -> dict[str, Decoder]:
    """The decoder of each topic that owners have mapped; of one topic there may be several panels."""
    targets: dict[str, list[_Target]] = {}
    for mapping in mappings:
        targets.setdefault(mapping.topic, []).append(_target(mapping))
    return {topic: _MappedDecoder(own) for topic, own in targets.items()}


def discovered_decoder(sensors: Sequence[DiscoveredSensor]) -> Decoder:
    """Reads messages of one topic as its device announced them; whatever else they hold is nothing of ours."""
    fields: dict[str, dict[Quantity, FieldMapping]] = {}
    for sensor in sensors:
        if sensor.field is not None:
            fields.setdefault(sensor.panel_code, {}).setdefault(sensor.field.quantity, sensor.field)
    targets = [_Target(code, tuple(own.values())) for code, own in fields.items()]
    return _MappedDecoder(targets, is_announced=True)


def discovered_decoders(sensors: Iterable[DiscoveredSensor]) -> dict[str, Decoder]:
    """The decoder of each topic on which devices announced sensors."""
    by_topic: dict[str, list[DiscoveredSensor]] = {}
    for sensor in sensors:
        by_topic.setdefault(sensor.topic, []).append(sensor)
    return {topic: discovered_decoder(own) for topic, own in by_topic.items()}


def _target(mapping: DeviceMapping) -> _Target:
    return _Target(mapping.panel_code, mapping.fields, mapping.time_path)


class _MappedDecoder:
    """Reads the messages of one topic into one panel or several; each message may hold only some of the values."""

    def __init__(self, targets: Sequence[_Target], *, is_announced: bool = False) -> None:
        """Announced messages may hold anything else: then they are nothing of ours, and no fault."""
        self._targets = tuple(targets)
        self._is_announced = is_announced
        self._is_scalar = any(not field.path for target in targets for field in target.fields)

    def __call__(
        self, topic: str, payload: bytes, *, received_at: datetime, is_retained: bool, clock_of: ClockOf
    ) -> Decoded | Rejected:
        """What the message holds of the mapped values."""
        del topic
        if not payload:
            return NOTHING
        content = self._content(payload)
        if isinstance(content, Rejected):
            return NOTHING if self._is_announced else content
        found = _Found(content, received_at, clock_of, is_retained=is_retained, is_announced=self._is_announced)
        for target in self._targets:
            found.take(target)
        return found.decoded()

    def _content(self, payload: bytes) -> object | Rejected:
        """The JSON document; where the whole payload is the value, its text when it is none."""
        content = document(payload)
        if self._is_scalar and isinstance(content, Rejected):
            return payload[:_LONGEST_SCALAR].decode("utf-8", "replace").strip()
        return content


_LONGEST_SCALAR: Final = 100


class _Found:
    """What was found in one message so far."""

    def __init__(
        self, content: object, received_at: datetime, clock_of: ClockOf, *, is_retained: bool, is_announced: bool
    ) -> None:
        self._content = content
        self._received_at = received_at
        self._clock_of = clock_of
        self._is_retained = is_retained
        self._is_announced = is_announced
        self._readings: list[tuple[str, Reading]] = []
        self._balances: list[BalanceShown] = []
        self._complaints: list[Rejected] = []

    def take(self, target: _Target) -> None:
        """Reads a panel's values."""
        stated = None if target.time_path is None else value_at(self._content, target.time_path)
        when = stated_time(
            None if stated is MISSING else stated,
            name=_place(target.time_path or ()),
            received_at=self._received_at,
            is_retained=self._is_retained,
            clock=partial(self._clock_of, target.panel_code),
        )
        if isinstance(when, Rejected):
            self._complaints.append(when)
        elif when is not None:
            self._put(target.panel_code, self._values(target), *when)

    def decoded(self) -> Decoded | Rejected:
        """Everything together."""
        rejected = together(self._complaints)
        if self._readings or self._balances:
            return Decoded(self._readings, self._balances, rejected=rejected)
        return rejected or NOTHING

    def _values(self, target: _Target) -> Mapping[Quantity, Decimal]:
        values: dict[Quantity, Decimal] = {}
        faults: list[str] = []
        is_there = False
        for field in target.fields:
            value = value_at(self._content, field.path)
            if value is MISSING or value is None or self._is_unknown(value):
                continue
            is_there = True
            found = measured_exactly(value, quantity=field.quantity, unit=field.unit, is_reversed=field.is_reversed)
            if isinstance(found, Unusable):
                faults.append(f"{_place(field.path)} {found.why}")
            else:
                values[field.quantity] = found
        self._complain(target, faults, is_there=is_there)
        return values

    def _complain(self, target: _Target, faults: Sequence[str], *, is_there: bool) -> None:
        if faults:
            self._complaints.append(Rejected("BAD_PAYLOAD", listed(faults)))
        elif not is_there and not self._is_announced:
            paths = listed([_place(field.path) for field in target.fields])
            reason = f"none of the mapped values of panel {target.panel_code} is in the payload; accepted: {paths}"
            self._complaints.append(Rejected("BAD_PAYLOAD", reason))

    def _is_unknown(self, value: object) -> bool:
        return self._is_announced and isinstance(value, str) and value.strip().lower() in _UNKNOWN_STATES

    def _put(self, code: str, values: Mapping[Quantity, Decimal], at: datetime, flags: ReadingFlag) -> None:
        measured = {quantity: float(value) + 0.0 for quantity, value in values.items() if quantity != Quantity.BALANCE}
        if measured:
            reading = reading_of(measured, at=at, received_at=self._received_at, flags=flags, is_partial=True)
            self._readings.append((code, reading))
        if Quantity.BALANCE in values:
            self._balances.append(BalanceShown(code, at, values[Quantity.BALANCE], flags))


def _place(path: JsonPath) -> str:
    return path_text(path) or "the payload"
