"""Defines what devices tell beside readings: that they live, how they are, what credit they show."""

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from hashlib import blake2s

from metering.readings import NO_FLAGS, ReadingFlag

_NOT_IN_A_CODE = re.compile(r"[^A-Za-z0-9_.:-]")
_LONGEST = 64
_MARK_BYTES = 3


class DeviceKind(StrEnum):
    """Which family of devices, and so which decoder, a device belongs to."""

    PANEL_METER = "PANEL_METER"
    TASMOTA = "TASMOTA"
    ENERGY_HUB = "ENERGY_HUB"
    SHELLY = "SHELLY"
    ZIGBEE2MQTT = "ZIGBEE2MQTT"
    HOME_ASSISTANT = "HOME_ASSISTANT"
    MAPPED = "MAPPED"


class ReportKind(StrEnum):
    """What a device's report is about: that it lives, or how it is."""

    HEARTBEAT = "HEARTBEAT"
    STATUS = "STATUS"


@dataclass(frozen=True, slots=True)
class DeviceReport:
    """What a device said of itself in one message.

    `is_online` is what it, or the broker on its behalf, said of its presence; None where it said nothing. `document`
    is the JSON text of a heartbeat or status, as it was sent.
    """

    device: str
    kind: DeviceKind
    heard_at: datetime
    is_online: bool | None = None
    report: ReportKind | None = None
    document: str | None = None
    meter_number: str | None = None


@dataclass(frozen=True, slots=True)
class BalanceShown:
    """The credit in kWh that a prepaid meter itself says is left, at an instant; `flags` say how that came about."""

    panel_code: str
    at: datetime
    balance_kwh: Decimal
    flags: ReadingFlag = NO_FLAGS


def panel_code_of(*names: str) -> str:
    """The code of the panel of a device, or of one part of it: its names, joined by colons.

    Whatever a panel code cannot hold becomes a hyphen; a code that had to be changed or cut ends in six digits of the
    names' hash, so that two devices never share one.
    """
    plain = ":".join(name for name in names if name)
    code = _NOT_IN_A_CODE.sub("-", plain).lstrip("-_.:")
    if code == plain and 0 < len(code) <= _LONGEST:
        return code
    mark = blake2s(plain.encode("utf-8", "replace"), digest_size=_MARK_BYTES).hexdigest()
    return f"{code[: _LONGEST - len(mark) - 1]}-{mark}".lstrip("-")
