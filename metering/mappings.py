"""Defines how values of a message become quantities of a panel, as owners say it or as devices announce it."""

from dataclasses import dataclass
from enum import StrEnum


class Quantity(StrEnum):
    """What a value measures; a phase's letter is R, S, T or N, as on the panel."""

    ENERGY_IMPORT = "ENERGY_IMPORT"
    ENERGY_EXPORT = "ENERGY_EXPORT"
    ACTIVE_POWER = "ACTIVE_POWER"
    APPARENT_POWER = "APPARENT_POWER"
    POWER_FACTOR = "POWER_FACTOR"
    VOLTAGE_R = "VOLTAGE_R"
    VOLTAGE_S = "VOLTAGE_S"
    VOLTAGE_T = "VOLTAGE_T"
    VOLTAGE_N = "VOLTAGE_N"
    CURRENT_R = "CURRENT_R"
    CURRENT_S = "CURRENT_S"
    CURRENT_T = "CURRENT_T"
    CURRENT_N = "CURRENT_N"
    BALANCE = "BALANCE"


@dataclass(frozen=True, slots=True)
class FieldMapping:
    """One value of a message: where it stands, what it measures and in which unit.

    `path` is the keys and list places from the payload's root, as in ("SML", "Total_in"); empty where the whole payload
    is the number. `unit` is one of the quantity's units, such as "kWh" or "Wh"; `is_reversed` turns the sign round.
    """

    path: tuple[str | int, ...]
    quantity: Quantity
    unit: str
    is_reversed: bool = False


@dataclass(frozen=True, slots=True)
class Mapping:
    """How an owner wants the messages of one topic to be read: into one panel.

    `time_path` leads to the message's time; None: the arrival counts.
    """

    topic: str
    panel_code: str
    fields: tuple[FieldMapping, ...]
    time_path: tuple[str | int, ...] | None = None


@dataclass(frozen=True, slots=True)
class DiscoveredSensor:
    """One value that a device announced in Home Assistant's discovery; without `field` the announcement was taken back.

    `announced_on` is the discovery topic and component, which names the announcement.
    """

    announced_on: str
    device: str
    panel_code: str
    topic: str
    field: FieldMapping | None
