"""Turns a pasted message into what ingest would make of it, value by value; nothing is stored."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

import msgspec

from ingest.documents import document
from ingest.mapped import discovered_decoders, mapped_decoders
from ingest.outcomes import Decoded, Decoder
from ingest.routing import SOURCES, Router
from ingest.units import number_of, shown
from ingest.wall_clock import WallClock
from metering.devices import BalanceShown
from metering.json_paths import MISSING, JsonPath, path_text, value_at
from metering.mappings import DiscoveredSensor, Quantity
from metering.mappings import Mapping as DeviceMapping
from metering.readings import PhaseValues, Reading, ReadingFlag, Rejected
from metering.trials import MessageTrial, TimeSource, TrialMessage, TrialQuantity, TrialReading, TrialUse, TrialValue
from metering.units import UNITS, own_unit

MAX_VALUES: Final = 200
_MOST_BYTES: Final = 2 * 1024 * 1024
"""What all decodings of a trial read together: a message above 10 KiB has fewer of its values tried."""

_LEVELS: Final = 100
_LONGEST_TEXT: Final = 200
_CLOSE: Final = Decimal("1e-6")

Quantities = dict[tuple[str, Quantity], Decimal]
"""What was read, by panel and quantity, in Kilowatch's units."""


class MessageTrials:
    """Reads messages as ingest would, for the API."""

    def __init__(self, *, default_time_zone: str) -> None:
        """Panels that are not known have `default_time_zone`.

        Raises:
            ValueError: that is no IANA name.
        """
        self._default_clock = WallClock(default_time_zone)

    def panel_codes(
        self, message: TrialMessage, *, mappings: Sequence[DeviceMapping], announced: Sequence[DiscoveredSensor]
    ) -> list[str]:
        """The panels that the message would feed."""
        outcome = _Trial(message, _router(mappings, announced), self._default_clock, {}).outcome
        if isinstance(outcome, Rejected):
            return []
        return [*(code for code, _ in outcome.readings), *(balance.panel_code for balance in outcome.balances)]

    def read(
        self,
        message: TrialMessage,
        *,
        mappings: Sequence[DeviceMapping],
        announced: Sequence[DiscoveredSensor],
        time_zones: Mapping[str, str],
    ) -> MessageTrial:
        """What would become of the message; `mappings` and `announced` are those of its topic."""
        clocks = {code: WallClock(zone) for code, zone in time_zones.items()}
        trial = _Trial(message, _router(mappings, announced), self._default_clock, clocks)
        values, count = trial.values()
        outcome = trial.outcome
        return MessageTrial(
            reader=_reader(message.topic, mappings, announced),
            values=values,
            value_count=count,
            readings=[] if isinstance(outcome, Rejected) else _readings(outcome, time_zones=time_zones),
            notes=_notes(outcome, message, mappings),
            rejected=outcome if isinstance(outcome, Rejected) else outcome.rejected,
        )


def _router(mappings: Sequence[DeviceMapping], announced: Sequence[DiscoveredSensor]) -> Router:
    return Router(mapped=mapped_decoders(mappings), announced=discovered_decoders(announced))


def _reader(topic: str, mappings: Sequence[DeviceMapping], announced: Sequence[DiscoveredSensor]) -> str | None:
    if any(mapping.topic == topic for mapping in mappings):
        return "mapping"
    known = next((source.name for source in SOURCES if source.matches(topic)), None)
    return known or ("announcement" if any(sensor.topic == topic for sensor in announced) else None)


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A value of the document that is no object and no list, in the object or list that holds it."""

    path: JsonPath
    holder: Any
    key: str | int
    value: object


class _Trial:
    """One message, decoded as it is, and again with each of its values changed: what changes then is its use."""

    def __init__(
        self, message: TrialMessage, router: Router, default_clock: WallClock, clocks: Mapping[str, WallClock]
    ) -> None:
        self._message = message
        self._decoder: Decoder | Rejected = router.decoder(message.topic)
        self._default_clock = default_clock
        self._clocks = clocks
        self.outcome = self._decoded(message.payload)

    def values(self) -> tuple[list[TrialValue], int]:
        """The first values and what they are taken for, and how many there are in all."""
        content = document(self._message.payload)
        if isinstance(content, Rejected):
            return [], 0
        root = [content]
        leaves = list(_leaves(root))
        most = min(MAX_VALUES, _MOST_BYTES // max(len(self._message.payload), 1))
        return [self._tried(leaf, root) for leaf in leaves[:most]], len(leaves)

    def _clock_of(self, panel_code: str) -> WallClock:
        return self._clocks.get(panel_code, self._default_clock)

    def _decoded(self, payload: bytes) -> Decoded | Rejected:
        if isinstance(self._decoder, Rejected):
            return self._decoder
        message = self._message
        return self._decoder(
            message.topic,
            payload,
            received_at=message.received_at,
            is_retained=message.is_retained,
            clock_of=self._clock_of,
        )

    def _tried(self, leaf: _Leaf, root: list[object]) -> TrialValue:
        other = _other(leaf.value)
        changed = self._with(other, leaf=leaf, root=root)
        if isinstance(self.outcome, Rejected) and changed == self.outcome:
            changed = self._with(_harmless(leaf.value), leaf=leaf, root=root)  # half of what is too much may be as well
        uses = _uses(self.outcome, changed, step=_difference(leaf.value, other))
        return TrialValue(path_text(leaf.path), _text(leaf.value), uses, _note(self.outcome, changed, uses))

    def _with(self, other: object, *, leaf: _Leaf, root: list[object]) -> Decoded | Rejected:
        """What becomes of the message with another value in the place of the leaf's."""
        leaf.holder[leaf.key] = other
        try:
            return self._decoded(msgspec.json.encode(root[0]))
        except (msgspec.MsgspecError, OverflowError, RecursionError, TypeError, ValueError):
            return self.outcome
        finally:
            leaf.holder[leaf.key] = leaf.value


def _text(value: object) -> str:
    return value[:_LONGEST_TEXT] if isinstance(value, str) else shown(value)


def _leaves(root: list[object]) -> Iterator[_Leaf]:
    """The values of a document, in its order."""
    waiting: list[tuple[JsonPath, Any, str | int, object]] = [((), root, 0, root[0])]
    while waiting:
        path, holder, key, value = waiting.pop()
        items = _items(value)
        if items is None:
            yield _Leaf(path, holder, key, value)
        elif len(path) < _LEVELS:
            waiting.extend(((*path, name), value, name, inner) for name, inner in reversed(items))


def _items(value: object) -> list[tuple[str | int, object]] | None:
    """What an object or a list holds, None for any other value."""
    if isinstance(value, dict):
        return list(cast("dict[str | int, object]", value).items())
    return list(enumerate(cast("list[object]", value))) if isinstance(value, list) else None


def _other(value: object) -> object:
    """Another value of the same kind: half of a number, so that it stays within its bounds."""
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int):
        return 1 if value == 0 else int(value / 2) if abs(value) < 2**53 else value // 2
    if isinstance(value, float):
        return value / 2 or 0.5
    number = number_of(value)
    return "?" if number is None else format(number / 2 or Decimal("0.5"), "f")


def _harmless(value: object) -> object:
    """A value that is within all bounds, as text where it was text."""
    return "1" if isinstance(value, str) else 1


def _difference(value: object, other: object) -> Decimal | None:
    before, after = number_of(value), number_of(other)
    return None if before is None or after is None else after - before


def _uses(before: Decoded | Rejected, after: Decoded | Rejected, *, step: Decimal | None) -> list[TrialUse]:
    if isinstance(before, Rejected) or isinstance(after, Rejected):
        return []
    old, new = _quantities(before), _quantities(after)
    changed = [key for key in sorted({*old, *new}) if old.get(key) != new.get(key)]
    return [_use(*key, rise=_rise(old.get(key), new.get(key)), step=step) for key in changed]


def _rise(before: Decimal | None, after: Decimal | None) -> Decimal | None:
    return None if before is None or after is None else after - before


def _use(code: str, quantity: Quantity, *, rise: Decimal | None, step: Decimal | None) -> TrialUse:
    if rise is None or not step:
        return TrialUse(code, quantity, None, is_reversed=False)
    ratio = rise / step
    units = (unit for unit, scale in UNITS[quantity].items() if _is_close(abs(ratio) * scale.per, scale.times))
    return TrialUse(code, quantity, next(units, None), is_reversed=ratio < 0)


def _is_close(number: Decimal, wanted: int) -> bool:
    return abs(number - wanted) <= wanted * _CLOSE


def _note(before: Decoded | Rejected, after: Decoded | Rejected, uses: Sequence[TrialUse]) -> str | None:
    """What else is to be said of a value that was changed."""
    if before == after:
        return "not used: the message is rejected" if isinstance(before, Rejected) else "not used"
    if isinstance(before, Rejected):
        return "one reason why the message is rejected"
    if isinstance(after, Rejected):
        return _TIME if after.code == "BAD_TIME" else _DECIDES
    return None if uses else _note_of_the_rest(before, after)


def _note_of_the_rest(before: Decoded, after: Decoded) -> str:
    if before.rejected != after.rejected:
        is_lost = before.rejected is None or _count(after) < _count(before)
        return _DECIDES if is_lost else "cannot be used: see why it is rejected"
    if before.reports != after.reports or before.discovered != after.discovered:
        return "about the device"
    is_time = [reading.at for _, reading in before.readings] != [reading.at for _, reading in after.readings]
    return _TIME if is_time or before.balances != after.balances else "an unbalance of the phases"


def _count(outcome: Decoded) -> int:
    return len(outcome.readings) + len(outcome.balances) + len(outcome.discovered)


_TIME: Final = "the time"
_DECIDES: Final = "decides whether the message can be read"
_PHASES: Final = ("r", "s", "t", "n")
_VOLTAGES: Final = (Quantity.VOLTAGE_R, Quantity.VOLTAGE_S, Quantity.VOLTAGE_T, Quantity.VOLTAGE_N)
_CURRENTS: Final = (Quantity.CURRENT_R, Quantity.CURRENT_S, Quantity.CURRENT_T, Quantity.CURRENT_N)


def _of_reading(reading: Reading) -> dict[Quantity, float]:
    """The values of a reading by quantity; the unbalances of panel meters cannot be mapped and have none."""
    values: dict[Quantity, float | None] = {
        Quantity.ENERGY_IMPORT: reading.energy_import_kwh,
        Quantity.ENERGY_EXPORT: reading.energy_export_kwh,
        Quantity.ACTIVE_POWER: reading.active_power_kw,
        Quantity.APPARENT_POWER: reading.apparent_power_kva,
        Quantity.POWER_FACTOR: reading.power_factor,
        **_of_phases(reading.voltage_v, _VOLTAGES),
        **_of_phases(reading.current_a, _CURRENTS),
    }
    return {quantity: value for quantity, value in values.items() if value is not None}


def _of_phases(phases: PhaseValues | None, quantities: Sequence[Quantity]) -> dict[Quantity, float | None]:
    return (
        {}
        if phases is None
        else {quantity: getattr(phases, name) for quantity, name in zip(quantities, _PHASES, strict=True)}
    )


def _quantities(outcome: Decoded) -> Quantities:
    found = {
        (code, quantity): Decimal(repr(value))
        for code, reading in outcome.readings
        for quantity, value in _of_reading(reading).items()
    }
    return found | {(shown.panel_code, Quantity.BALANCE): shown.balance_kwh for shown in outcome.balances}


def _readings(outcome: Decoded, *, time_zones: Mapping[str, str]) -> list[TrialReading]:
    found = [*(_reading(code, reading) for code, reading in outcome.readings), *map(_balance, outcome.balances)]
    return [replace(reading, at=_local(reading, time_zones)) for reading in found]


def _local(reading: TrialReading, time_zones: Mapping[str, str]) -> datetime:
    return reading.at.astimezone(ZoneInfo(time_zones.get(reading.panel_code, "UTC")))


def _balance(shown: BalanceShown) -> TrialReading:
    return TrialReading(
        shown.panel_code,
        shown.at,
        _time_source(shown.flags),
        is_late=ReadingFlag.LATE in shown.flags,
        is_partial=True,
        values=[_quantity(Quantity.BALANCE, float(shown.balance_kwh))],
    )


def _reading(code: str, reading: Reading) -> TrialReading:
    return TrialReading(
        code,
        reading.at,
        _time_source(reading.flags),
        is_late=ReadingFlag.LATE in reading.flags,
        is_partial=reading.is_partial,
        values=[_quantity(quantity, value) for quantity, value in _of_reading(reading).items()],
    )


def _quantity(quantity: Quantity, value: float) -> TrialQuantity:
    return TrialQuantity(quantity, value, own_unit(quantity))


def _time_source(flags: ReadingFlag) -> TimeSource:
    if ReadingFlag.ARRIVAL_TIME in flags:
        return TimeSource.ARRIVAL
    return TimeSource.REPLACED if ReadingFlag.CLOCK_REPLACED in flags else TimeSource.DEVICE


def _notes(outcome: Decoded | Rejected, message: TrialMessage, mappings: Sequence[DeviceMapping]) -> list[str]:
    """What a message says of devices, and lacks of what was mapped; at most as many notes as values."""
    told = () if isinstance(outcome, Rejected) else (*_of_devices(outcome), *_of_announcements(outcome, message))
    return [*told, *dict.fromkeys(_of_paths(message, mappings))][:MAX_VALUES]


def _of_paths(message: TrialMessage, mappings: Sequence[DeviceMapping]) -> Iterator[str]:
    """A mapped value may be missing, since messages may hold some of them; it may also be misspelt."""
    content = document(message.payload)
    if isinstance(content, Rejected):
        return
    for mapping in mappings:
        for field in mapping.fields:
            if value_at(content, field.path) is MISSING:
                yield f"{path_text(field.path)} is not in this payload"
        if mapping.time_path is not None and value_at(content, mapping.time_path) is MISSING:
            yield f"{path_text(mapping.time_path)} is not in this payload: the time is that of the arrival"


def _of_devices(outcome: Decoded) -> Iterator[str]:
    for report in outcome.reports:
        if report.is_online is not None:
            yield f"device {report.device} is {'online' if report.is_online else 'offline'}"
        if report.meter_number is not None:
            yield f"device {report.device} reads meter {report.meter_number}"
        if report.report is not None:
            yield f"device {report.device} sends a {report.report.value.lower()}"


def _of_announcements(outcome: Decoded, message: TrialMessage) -> Iterator[str]:
    """Each announcement takes back what its topic announced before, which is worth a word where that is all it does."""
    if outcome.discovered and not message.payload.strip():
        yield f"announcement {message.topic} is taken back"
    elif outcome.discovered and all(sensor.field is None for sensor in outcome.discovered):
        yield f"announcement {message.topic} has no value that is read"
    for sensor in outcome.discovered:
        if sensor.field is not None:
            yield f"device {sensor.device} announces {sensor.field.quantity} in {sensor.field.unit} on {sensor.topic}"
