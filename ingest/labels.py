"""Turns the labels that owners of optical meter heads write into what they measure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from typing import Final

from metering.mappings import Quantity


class Part(Enum):
    """A value that is no quantity by itself, but becomes one together with others, or is none of ours."""

    IMPORT_TARIFF = auto()
    """The import register of one tariff: the sum of all is the register, where no label has that."""
    EXPORT_TARIFF = auto()
    PHASE_POWER = auto()
    """The active power of one phase: the sum of all is the active power, where no label has that."""
    POWER_IN = auto()
    """Taken from the grid; what goes out of it is taken off."""
    POWER_OUT = auto()
    METER_NUMBER = auto()
    OTHER_ELECTRICITY = auto()
    """Electricity, and nothing that is stored: a frequency, a reactive power, what was used today."""
    NO_ELECTRICITY = auto()
    """Plainly of another sensor: a temperature."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a label stands for, and the unit that its values are in."""

    of: Quantity | Part
    unit: str = ""


def meaning_of(label: str) -> Meaning | None:
    """What a label means, None when nobody knows: case, spaces, hyphens, dots and underscores do not matter."""
    return _known(label) if len(label) <= _LONGEST else None


@lru_cache(maxsize=4096)
def _known(label: str) -> Meaning | None:
    plain = _plain(label)
    return _BY_LABEL.get(plain) or _by_shape(plain)


def _plain(label: str) -> str:
    return _PUNCTUATION.sub("", label.casefold())


_LONGEST: Final = 64
_PUNCTUATION = re.compile(r"[\s_.:*\-]+")

# The digits of OBIS codes (1.8.0 is import, 2.8.0 export, 16.7.0 power) are labels too, also as 1_8_0.
_NAMES: Final[tuple[tuple[Meaning, str], ...]] = (
    (
        Meaning(Quantity.ENERGY_IMPORT, "kWh"),
        """Total_in E_in Import_Active Input_Total Consumption Total Energy_in Energy_import Import_energy Total_import
        Import_total Import Total_consumption Total_energy Bezug Netzbezug Zaehlerstand 1.8.0""",
    ),
    (
        Meaning(Quantity.ENERGY_EXPORT, "kWh"),
        """Total_out E_out Export_Active Output_Total Energy_out Energy_export Export_energy Total_export Export_total
        Export Feed_in Einspeisung Netzeinspeisung 2.8.0""",
    ),
    (
        Meaning(Quantity.ACTIVE_POWER, "W"),
        """Power_cur Power_curr P Power Active_Power Power_active Power_act Act_power Power_total Total_power Power_sum
        Power_summ Sum_power Power_all Current_power P_cur P_total P_sum Watt Watts W Leistung Wirkleistung
        Gesamtleistung 16.7.0""",
    ),
    (Meaning(Quantity.APPARENT_POWER, "VA"), "Apparent_Power Power_apparent Apparent P_apparent VA S"),
    (Meaning(Quantity.POWER_FACTOR), "Factor Power_factor PF Cos_phi"),
    (Meaning(Quantity.VOLTAGE_R, "V"), "Voltage Volt Volts U V Spannung 32.7.0"),
    (Meaning(Quantity.VOLTAGE_S, "V"), "52.7.0"),
    (Meaning(Quantity.VOLTAGE_T, "V"), "72.7.0"),
    (Meaning(Quantity.VOLTAGE_N, "V"), "Voltage_n Volt_n"),
    (Meaning(Quantity.CURRENT_R, "A"), "Current Curr Amperage Ampere I Strom 31.7.0"),
    (Meaning(Quantity.CURRENT_S, "A"), "51.7.0"),
    (Meaning(Quantity.CURRENT_T, "A"), "71.7.0"),
    (Meaning(Quantity.CURRENT_N, "A"), "Current_n Curr_n I_n"),
    (Meaning(Part.POWER_IN, "W"), "Power_in P_in Power_import Import_power 1.7.0"),
    (Meaning(Part.POWER_OUT, "W"), "Power_out P_out Power_export Export_power 2.7.0"),
    (Meaning(Part.IMPORT_TARIFF, "kWh"), "1.8.1 1.8.2 1.8.3 1.8.4"),
    (Meaning(Part.EXPORT_TARIFF, "kWh"), "2.8.1 2.8.2 2.8.3 2.8.4"),
    (Meaning(Part.PHASE_POWER, "W"), "36.7.0 56.7.0 76.7.0"),
    (
        Meaning(Part.METER_NUMBER),
        "Meter_id Meter_number Meter_nr Meter_sn Meter_serial Server_id Serial_number Zaehlernummer 96.1.0",
    ),
    (
        Meaning(Part.OTHER_ELECTRICITY),
        """Frequency Freq Hz 14.7.0 Reactive Power_reactive Var Q Import_Reactive Export_Reactive Period Curr_summ
        Curr_sum Current_sum Current_total Load Total_t Phase_angle Status Error Errors Count Telegrams""",
    ),
    (
        Meaning(Part.NO_ELECTRICITY),
        """Temperature Temp Humidity Pressure SeaPressure DewPoint HeatIndex Illuminance Light Lux Infrared Broadband
        UvIndex UvLevel UvPower CO2 eCO2 TVOC Gas IAQ CarbonDioxide CarbonMonoxide Dust PM1 PM2.5 PM10 PB0.3 Distance
        Weight Moisture Conductivity Battery RSSI Rain Wind Speed Direction Volume Flow Level Noise Acceleration
        Heading Position PH ORP Proximity""",
    ),
)
_BY_LABEL: Final[Mapping[str, Meaning]] = {
    _plain(label): meaning for meaning, labels in _NAMES for label in labels.split()
}

_TAIL: Final = "(?:[pl]|phase)?"
_SHAPES: Final[tuple[tuple[re.Pattern[str], tuple[Meaning, ...]], ...]] = (
    (
        re.compile(rf"(?:p|power|activepower|watt|leistung){_TAIL}[1-3]|(?:power|p)[abc]"),
        (Meaning(Part.PHASE_POWER, "W"),),
    ),
    (
        re.compile(rf"(?:u|v|volt|volts|voltage|spannung){_TAIL}([1-3])"),
        (
            Meaning(Quantity.VOLTAGE_R, "V"),
            Meaning(Quantity.VOLTAGE_S, "V"),
            Meaning(Quantity.VOLTAGE_T, "V"),
        ),
    ),
    (
        re.compile(rf"(?:i|curr|current|amp|amperage|ampere|strom){_TAIL}([1-3])"),
        (
            Meaning(Quantity.CURRENT_R, "A"),
            Meaning(Quantity.CURRENT_S, "A"),
            Meaning(Quantity.CURRENT_T, "A"),
        ),
    ),
    (re.compile(r"(?:total|e|energy)in(?:t|tariff)?[1-9]"), (Meaning(Part.IMPORT_TARIFF, "kWh"),)),
    (re.compile(r"(?:total|e|energy)out(?:t|tariff)?[1-9]"), (Meaning(Part.EXPORT_TARIFF, "kWh"),)),
    (
        re.compile(
            r"(?:angle|phaseangle|phi|freq|frequency|hz|q|var|reactive(?:power)?|factor|powerfactor|pf|cosphi|s|va"
            rf"|apparent(?:power)?|thd){_TAIL}[0-9]{{0,2}}"
            r"|[a-z]*(?:today|yesterday|daily|day|week|month|year|min|max|avg)[a-z]*[0-9]{0,3}"
        ),
        (Meaning(Part.OTHER_ELECTRICITY),),
    ),
)
"""What labels with a number mean; where there are several meanings, the first group says which."""


def _by_shape(plain: str) -> Meaning | None:
    for shape, meanings in _SHAPES:
        found = shape.fullmatch(plain)
        if found:
            return meanings[int(found[1]) - 1] if len(meanings) > 1 else meanings[0]
    return None


_OTHER_BLOCKS = re.compile(
    r"(counter|analog|switch|shutter|pwm|wifi|esp32|ads1115|thermostat|rfrx|zb|ble)", re.IGNORECASE
)


def is_other_block(name: str, labels: Iterable[str]) -> bool:
    """Whether a block of a message is plainly no electricity meter: by its name, or by a label like Temperature."""
    if _OTHER_BLOCKS.match(name):
        return True
    meanings = {meaning.of for meaning in map(meaning_of, labels) if meaning is not None}
    return Part.NO_ELECTRICITY in meanings and not any(isinstance(meaning, Quantity) for meaning in meanings)
