"""Turns messages of Zigbee2MQTT into readings of meters and plugs, their presence and the credit that they show."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Final

import msgspec

from ingest.device_times import stated_time
from ingest.documents import json_object, json_text
from ingest.named_values import Found, Named, When, decoded
from ingest.outcomes import NOTHING, ClockOf, Decoded, Source
from ingest.units import number_of, shown
from metering.devices import BalanceShown, DeviceKind, DeviceReport, panel_code_of
from metering.mappings import Quantity
from metering.readings import MAX_ENERGY_KWH, Rejected

_PREFIX: Final = "zigbee2mqtt/"
_NO_DEVICE = re.compile(r"bridge(?:/.*)?|(?:.+/)?(?:set|get)(?:/[^/]*)?", re.DOTALL)
_AVAILABILITY: Final = "/availability"
_PRESENCE: Final[Mapping[object, bool]] = {"online": True, "offline": False}
_LONGEST_ATTRIBUTE: Final = 64

_VALUES: Final = (
    Named(("energy",), Quantity.ENERGY_IMPORT, "kWh"),
    Named(("produced_energy",), Quantity.ENERGY_EXPORT, "kWh"),
    Named(("reverse_energy",), Quantity.ENERGY_EXPORT, "kWh"),
    Named(("power_apparent",), Quantity.APPARENT_POWER, "VA"),
    Named(("voltage_phase_a",), Quantity.VOLTAGE_R, "V"),
    Named(("voltage",), Quantity.VOLTAGE_R, "V"),
    Named(("voltage_phase_b",), Quantity.VOLTAGE_S, "V"),
    Named(("voltage_phase_c",), Quantity.VOLTAGE_T, "V"),
    Named(("current_phase_a",), Quantity.CURRENT_R, "A"),
    Named(("current",), Quantity.CURRENT_R, "A"),
    Named(("current_phase_b",), Quantity.CURRENT_S, "A"),
    Named(("current_phase_c",), Quantity.CURRENT_T, "A"),
    Named(("current_neutral",), Quantity.CURRENT_N, "A"),
)
_POWER: Final = Named(("power",), Quantity.ACTIVE_POWER, "W")
_OTHER_PHASES: Final = (
    Named(("power_phase_b",), Quantity.ACTIVE_POWER, "W"),
    Named(("power_phase_c",), Quantity.ACTIVE_POWER, "W"),
)
_FACTOR: Final = Named(("power_factor",), Quantity.POWER_FACTOR, "")
_FACTOR_PERCENT: Final = Named(("power_factor",), Quantity.POWER_FACTOR, "%")

_OF_A_METER: Final = {"energy", "power", "current", "produced_energy", "reverse_energy", "balance_energy"}
"""What makes a device one of ours. A voltage alone does not: sensors have that of their battery, in millivolts."""


class _Credit(msgspec.Struct):
    """The credit of a message in its very digits, which a float would not keep."""

    balance_energy: Decimal | None = None


_decode_credit = msgspec.json.Decoder(_Credit).decode


def _zigbee_message(
    topic: str, payload: bytes, *, received_at: datetime, is_retained: bool, clock_of: ClockOf
) -> Decoded | Rejected:
    """What a message holds; the bridge's own, commands, and devices that measure no electricity are nothing of ours."""
    name = topic.removeprefix(_PREFIX)
    if not payload or not name or _NO_DEVICE.fullmatch(name):
        return NOTHING
    if name.endswith(_AVAILABILITY):
        return _availability(name.removesuffix(_AVAILABILITY), payload, received_at=received_at)
    if _is_attribute(payload):
        return NOTHING
    document = json_object(payload)
    if isinstance(document, Rejected):
        return document
    message = _Message(name, document, payload, received_at)
    return message.decoded(clock_of, is_retained=is_retained) if message.is_of_a_meter else NOTHING


def _is_attribute(payload: bytes) -> bool:
    """Whether it is one attribute on a topic of its own, which Zigbee2MQTT sends beside or instead of the document."""
    return payload[:1] not in b"{[ \t\r\n" and len(payload) <= _LONGEST_ATTRIBUTE and payload.isascii()


def _availability(name: str, payload: bytes, *, received_at: datetime) -> Decoded | Rejected:
    """Whether a device is there: a document, or in older versions a bare word."""
    document = json_object(payload)
    word = payload[:16].decode("ascii", "replace").strip() if isinstance(document, Rejected) else document.get("state")
    is_online = _PRESENCE.get(word) if isinstance(word, str) else None
    if is_online is None:
        accepted = '{"state": "online"} or {"state": "offline"}'
        return Rejected("BAD_PAYLOAD", f"the state is {shown(word)}; accepted: {accepted}")
    return Decoded(reports=[DeviceReport(name, DeviceKind.ZIGBEE2MQTT, received_at, is_online=is_online)])


@dataclass(frozen=True, slots=True)
class _Message:
    """What a device says: its name, the document that is sent for it, and the very bytes of that."""

    name: str
    document: Mapping[str, object]
    payload: bytes
    received_at: datetime

    @property
    def is_of_a_meter(self) -> bool:
        return any(self.document.get(key) is not None for key in _OF_A_METER)

    def decoded(self, clock_of: ClockOf, *, is_retained: bool) -> Decoded | Rejected:
        """Its reading and its credit; of a message that was kept, where it has a time of its own."""
        code = panel_code_of(self.name)
        when = stated_time(
            self.document.get("last_seen"),
            name="last_seen",
            received_at=self.received_at,
            is_retained=is_retained,
            clock=partial(clock_of, code),
        )
        if when is None or isinstance(when, Rejected):
            return when or NOTHING
        found = _found(self.document)
        balances = self._balances(code, when, found=found)
        reports = [] if is_retained else [DeviceReport(self.name, DeviceKind.ZIGBEE2MQTT, self.received_at)]
        outcome = decoded({code: found}, when, received_at=self.received_at, is_partial=True, reports=reports)
        if not balances:
            return outcome
        readings = () if isinstance(outcome, Rejected) else outcome.readings
        return Decoded(readings, balances, reports=reports, rejected=found.rejected)

    def _balances(self, code: str, when: When, *, found: Found) -> list[BalanceShown]:
        """The credit that a prepaid meter shows; with prepayment switched off it means nothing."""
        stated = self.document.get("balance_energy")
        if stated is None or self.document.get("switch_prepayment") == "OFF":
            return []
        credit = _credit(self.payload)
        if credit is None:
            accepted = f"{-MAX_ENERGY_KWH:,.0f} to {MAX_ENERGY_KWH:,.0f} kWh"
            found.faults.append(f"balance_energy is {shown(stated)}; accepted: {accepted}")
            return []
        return [BalanceShown(code, when[0], credit, when[1])]


def _found(document: Mapping[str, object]) -> Found:
    found = Found()
    found.take(document, _VALUES)
    found.take(document, (_FACTOR_PERCENT if _is_percent(document.get("power_factor")) else _FACTOR,))
    _take_power(found, document)
    return found


def _is_percent(value: object) -> bool:
    """Whether a power factor can only be in percent, as some devices have it."""
    number = number_of(value)
    return number is not None and abs(number) > 1


def _take_power(found: Found, document: Mapping[str, object]) -> None:
    """The power; where the other phases have theirs and the first has none of its own, `power` is the first's."""
    parts = [_POWER] if document.get("power_phase_a") is not None else [_POWER, *_OTHER_PHASES]
    measured = [Found() for _ in parts]
    for part, own in zip(parts, measured, strict=True):
        own.take(document, (part,))
        found.faults += own.faults
    powers = [own.values[Quantity.ACTIVE_POWER] for own in measured if own.values]
    if powers and not any(own.faults for own in measured):
        found.values[Quantity.ACTIVE_POWER] = round(sum(powers), _WATT_PLACES)


_WATT_PLACES: Final = 6
"""Of a kW: sums of floats show no more than the milliwatts that devices know."""


def _credit(payload: bytes) -> Decimal | None:
    """The credit in kWh; None for one that cannot be."""
    try:
        credit = _decode_credit(json_text(payload)).balance_energy
    except (msgspec.MsgspecError, ValueError):
        return None
    return credit if credit is not None and credit.is_finite() and abs(credit) <= _MAX_CREDIT_KWH else None


_MAX_CREDIT_KWH: Final = Decimal(int(MAX_ENERGY_KWH))


def _is_ours(topic: str) -> bool:
    return topic.startswith(_PREFIX)


SOURCE: Final = Source("Zigbee2MQTT", (f"{_PREFIX}#",), _is_ours, _zigbee_message)
"""Zigbee plugs and meters behind Zigbee2MQTT, with its own base topic."""
