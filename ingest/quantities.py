"""Turns measured quantities into a reading."""

from collections.abc import Mapping
from datetime import datetime

from metering.mappings import Quantity
from metering.readings import PhaseValues, Reading, ReadingFlag

Values = Mapping[Quantity, float]
"""Quantities in Kilowatch's units."""


def reading_of(values: Values, *, at: datetime, received_at: datetime, flags: ReadingFlag, is_partial: bool) -> Reading:
    """The reading that has these values and no others; a balance is none of them."""
    return Reading(
        at,
        received_at,
        _phases(values, Quantity.VOLTAGE_R, Quantity.VOLTAGE_S, Quantity.VOLTAGE_T, Quantity.VOLTAGE_N),
        _phases(values, Quantity.CURRENT_R, Quantity.CURRENT_S, Quantity.CURRENT_T, Quantity.CURRENT_N),
        values.get(Quantity.ACTIVE_POWER),
        values.get(Quantity.APPARENT_POWER),
        values.get(Quantity.POWER_FACTOR),
        values.get(Quantity.ENERGY_IMPORT),
        values.get(Quantity.ENERGY_EXPORT),
        flags=flags,
        is_partial=is_partial,
    )


def _phases(values: Values, r: Quantity, s: Quantity, t: Quantity, n: Quantity) -> PhaseValues | None:
    phases = (values.get(r), values.get(s), values.get(t), values.get(n))
    return None if phases == (None, None, None, None) else PhaseValues(*phases)
