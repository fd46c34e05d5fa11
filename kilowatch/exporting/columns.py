"""Says which columns an export has at each level, and what each holds."""

from enum import Enum
from typing import Final

from metering.transfer import AT, FLAGS, PANEL, RECEIVED_AT, VALUE_COLUMNS, ExportLevel


class Kind(Enum):
    """What a column holds."""

    TEXT = "TEXT"
    INSTANT = "INSTANT"
    REAL = "REAL"
    DOUBLE = "DOUBLE"
    COUNT = "COUNT"
    ENERGY = "ENERGY"


_READING: Final = {
    PANEL: Kind.TEXT,
    AT: Kind.INSTANT,
    **{column.name: Kind.REAL if column.bits == 32 else Kind.DOUBLE for column in VALUE_COLUMNS},
    RECEIVED_AT: Kind.INSTANT,
    FLAGS: Kind.TEXT,
}
_SUMS: Final = {
    "reading_count": Kind.COUNT,
    "energy_kwh": Kind.ENERGY,
    "export_kwh": Kind.ENERGY,
    "mean_power_kw": Kind.DOUBLE,
    "min_power_kw": Kind.DOUBLE,
    "max_power_kw": Kind.DOUBLE,
    "average_power_factor": Kind.DOUBLE,
    "first_at": Kind.INSTANT,
    "last_at": Kind.INSTANT,
    "energy_import_kwh": Kind.DOUBLE,
    "energy_export_kwh": Kind.DOUBLE,
}
_COLUMNS: Final = {
    ExportLevel.READINGS: _READING,
    ExportLevel.FIVE_MINUTES: {PANEL: Kind.TEXT, "starts_at": Kind.INSTANT, **_SUMS},
    ExportLevel.HOUR: {PANEL: Kind.TEXT, "starts_at": Kind.INSTANT, **_SUMS},
    ExportLevel.DAY: {PANEL: Kind.TEXT, "day": Kind.TEXT, **_SUMS},
    ExportLevel.MONTH: {PANEL: Kind.TEXT, "month": Kind.TEXT, **_SUMS},
}


def columns_of(level: ExportLevel) -> dict[str, Kind]:
    """The columns of a level's rows, in their order."""
    return _COLUMNS[level]
