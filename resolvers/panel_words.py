"""Turns what somebody says of a panel, by the API or on the command line, into what may be kept of it."""

from dataclasses import replace
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from metering.names import checked_name
from metering.refusals import Refused
from resolvers.checked_words import checked_address
from store.registry import PanelChange

MAX_METER_NUMBER_LENGTH: Final = 100
FLOORS: Final = range(-100, 1001)


def checked_change(change: PanelChange) -> PanelChange:
    """The change without blanks around what is said; a meter number of "" takes it away.

    Raises:
        Refused: BAD_NAME, BAD_INPUT.
    """
    if change.floor is not None and change.floor not in FLOORS:
        raise Refused("BAD_INPUT", f"`floor` is {FLOORS[0]} to {FLOORS[-1]}.", "floor")
    return replace(
        change,
        name=None if change.name is None else checked_name(change.name),
        location=None if change.location is None else checked_address(change.location, field="location"),
        time_zone=None if change.time_zone is None else _checked_time_zone(change.time_zone),
        meter_number=None if change.meter_number is None else _checked_meter_number(change.meter_number),
    )


def _checked_time_zone(name: str) -> str:
    try:
        return ZoneInfo(name.strip()).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        message = "`timeZone` is the IANA name of a time zone, such as Africa/Lagos."
        raise Refused("BAD_INPUT", message, "timeZone") from None


def _checked_meter_number(number: str) -> str:
    found = number.strip()
    if len(found) > MAX_METER_NUMBER_LENGTH or not found.isprintable():
        message = f"`meterNumber` may have {MAX_METER_NUMBER_LENGTH} printable characters at the most."
        raise Refused("BAD_INPUT", message, "meterNumber")
    return found
