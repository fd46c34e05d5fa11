"""Turns one block of a Tasmota message into quantities: a meter's labelled values, or a plug's energy values."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, cast

from ingest.labels import Part, meaning_of
from ingest.units import Unusable, is_within_bounds, measured_exactly
from metering.mappings import Quantity

MAX_CHANNELS: Final = 16


@dataclass(slots=True)
class Block:
    """What was found in a block, in Kilowatch's units.

    `channels` are those of a device that measures several, each with values of its own. `unknown` are labels of
    numbers that nobody knows, `empty` labels without a value, `faults` sentences about values that cannot be right.
    """

    values: dict[Quantity, float] = field(default_factory=dict[Quantity, float])
    channels: list[dict[Quantity, float]] = field(default_factory=list[dict[Quantity, float]])
    meter_number: str | None = None
    unknown: list[str] = field(default_factory=list[str])
    empty: list[str] = field(default_factory=list[str])
    faults: list[str] = field(default_factory=list[str])

    def measured(self, label: str, value: object, *, quantity: Quantity, unit: str) -> Decimal | None:
        """The value in our unit; None, and noted, where it is not one."""
        if value is None:
            self.empty.append(label)
            return None
        found = measured_exactly(value, quantity=quantity, unit=unit)
        if isinstance(found, Unusable):
            self.faults.append(f"{label} {found.why}")
            return None
        return found

    def put(self, quantity: Quantity, value: Decimal | None) -> None:
        """Keeps a value; of two for one quantity the first stays."""
        if value is not None:
            self.values.setdefault(quantity, float(value) + 0.0)  # no negative zero

    def put_sum(self, quantity: Quantity, values: Sequence[Decimal | None]) -> None:
        """Keeps the sum of values where all of them are known."""
        known = [value for value in values if value is not None]
        total = sum(known, Decimal())
        if len(known) == len(values) and is_within_bounds(total, quantity=quantity):
            self.put(quantity, total)


_TAKEN_AS: Final[Mapping[Part, Quantity]] = {
    Part.IMPORT_TARIFF: Quantity.ENERGY_IMPORT,
    Part.EXPORT_TARIFF: Quantity.ENERGY_EXPORT,
    Part.PHASE_POWER: Quantity.ACTIVE_POWER,
    Part.POWER_IN: Quantity.ACTIVE_POWER,
    Part.POWER_OUT: Quantity.ACTIVE_POWER,
}


def labelled_block(given: Mapping[str, object]) -> Block:
    """What a meter's block under free labels says."""
    block, parts = Block(), {part: list[Decimal]() for part in _TAKEN_AS}
    for label, value in given.items():
        meaning = meaning_of(label)
        if meaning is None:
            if _has_numbers(value):
                block.unknown.append(label)
        elif meaning.of is Part.METER_NUMBER:
            block.meter_number = _number_text(value)
        elif isinstance(meaning.of, Quantity):
            block.put(meaning.of, block.measured(label, value, quantity=meaning.of, unit=meaning.unit))
        elif meaning.of in _TAKEN_AS:
            found = block.measured(label, value, quantity=_TAKEN_AS[meaning.of], unit=meaning.unit)
            parts[meaning.of].extend([] if found is None else [found])
    _put_sums(block, parts)
    return block


def _put_sums(block: Block, parts: Mapping[Part, Sequence[Decimal]]) -> None:
    """Sums stand in where no label has the whole; only when complete, since partial messages come in between."""
    taken, given = parts[Part.POWER_IN], parts[Part.POWER_OUT]
    if taken and given:
        block.put_sum(Quantity.ACTIVE_POWER, [taken[0], -given[0]])
    if len(parts[Part.PHASE_POWER]) == 3:
        block.put_sum(Quantity.ACTIVE_POWER, parts[Part.PHASE_POWER])
    for part in (Part.IMPORT_TARIFF, Part.EXPORT_TARIFF):
        if len(parts[part]) > 1:
            block.put_sum(_TAKEN_AS[part], parts[part])


def _has_numbers(value: object) -> bool:
    if isinstance(value, list):
        return any(map(_has_numbers, cast("list[object]", value)))
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number_text(value: object) -> str | None:
    text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return text if 0 < len(text) <= 64 and text.isprintable() else None


_REGISTERS: Final = (
    (Quantity.ENERGY_IMPORT, ("ImportActive", "Total", "TotalTariff")),
    (Quantity.ENERGY_EXPORT, ("ExportActive", "ExportTariff")),
)
_MOMENTARY: Final = (
    ("Power", Quantity.ACTIVE_POWER, "W"),
    ("ApparentPower", Quantity.APPARENT_POWER, "VA"),
    ("Factor", Quantity.POWER_FACTOR, ""),
    ("Voltage", Quantity.VOLTAGE_R, "V"),
    ("Current", Quantity.CURRENT_R, "A"),
)
_PHASES: Final[Mapping[Quantity, tuple[Quantity, ...]]] = {
    Quantity.VOLTAGE_R: (Quantity.VOLTAGE_R, Quantity.VOLTAGE_S, Quantity.VOLTAGE_T),
    Quantity.CURRENT_R: (Quantity.CURRENT_R, Quantity.CURRENT_S, Quantity.CURRENT_T),
}
_SUMMED: Final = {Quantity.ACTIVE_POWER, Quantity.APPARENT_POWER}


def energy_block(given: Mapping[str, object]) -> Block:
    """What the ENERGY block of a Tasmota plug or meter says, for one channel or several.

    An energy value that is a list has a register a channel when there are as many as channels, else a register a
    tariff, which are added up. A register of all channels together makes the whole device a panel as well.
    """
    block, count = Block(), _most_values(given, [label for label, _, _ in _MOMENTARY])
    if _most_values(given, given) > MAX_CHANNELS:
        block.faults.append(f"ENERGY has a list of more than {MAX_CHANNELS} values; accepted: one a channel or tariff")
        return block
    channels = [Block() for _ in range(count)] if count > 1 else []
    for quantity, labels in _REGISTERS:
        _put_register(block, channels, given, quantity=quantity, labels=labels)
    has_register = bool(block.values)
    for label, quantity, unit in _MOMENTARY:
        found = _measured_each(block, label, given.get(label), quantity=quantity, unit=unit)
        _put_each(channels, found, quantity=quantity)
        if has_register or not channels or (len(found) == 1 and quantity is not Quantity.VOLTAGE_R):
            _put_whole(block, found, quantity=quantity)
    block.channels = [channel.values for channel in channels]
    if not block.values and not any(block.channels):
        block.unknown = [label for label, value in given.items() if meaning_of(label) is None and _has_numbers(value)]
    return block


def _most_values(given: Mapping[str, object], labels: Iterable[str]) -> int:
    return max((len(_listed(given.get(label))) for label in labels), default=1)


def _listed(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else [value]


def _put_register(
    block: Block,
    channels: Sequence[Block],
    given: Mapping[str, object],
    *,
    quantity: Quantity,
    labels: Sequence[str],
) -> None:
    label = next((label for label in labels if given.get(label) is not None), None)
    if label is None:
        block.empty.extend(label for label in labels if label in given)
        return
    found = _measured_each(block, label, given[label], quantity=quantity, unit="kWh")
    if channels and len(found) == len(channels):
        _put_each(channels, found, quantity=quantity)
    else:
        block.put_sum(quantity, found)


def _measured_each(block: Block, label: str, value: object, *, quantity: Quantity, unit: str) -> list[Decimal | None]:
    """The value, or each one of a list; empty where there is none."""
    if value is None:
        return []
    return [block.measured(label, each, quantity=quantity, unit=unit) for each in _listed(value)]


def _put_each(channels: Sequence[Block], found: Sequence[Decimal | None], *, quantity: Quantity) -> None:
    """Gives each channel its value; a single voltage is that of all."""
    own = list(found) * len(channels) if len(found) == 1 and quantity is Quantity.VOLTAGE_R else found
    if len(own) == len(channels):
        for channel, value in zip(channels, own, strict=True):
            channel.put(quantity, value)


def _put_whole(block: Block, found: Sequence[Decimal | None], *, quantity: Quantity) -> None:
    """Gives the whole device a sum of powers, up to three voltages and currents as phases, or the one value."""
    if len(found) == 1:
        block.put(quantity, found[0])
    elif quantity in _SUMMED and found:
        block.put_sum(quantity, found)
    elif len(found) <= 3:
        for phase, value in zip(_PHASES.get(quantity, ()), found, strict=False):
            block.put(phase, value)
