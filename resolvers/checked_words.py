"""Turns addresses and lists of codes as they were typed into what may be kept."""

from collections.abc import Sequence
from typing import Final

from metering.readings import PANEL_CODE
from metering.refusals import Refused

MAX_ADDRESS_LENGTH: Final = 500
MAX_CODES: Final = 500


def checked_address(address: str, *, field: str = "address") -> str:
    """The address, of one line or several, without blanks around it; it may be empty.

    Raises:
        Refused: BAD_INPUT.
    """
    found = address.strip()
    if len(found) > MAX_ADDRESS_LENGTH or not all(line.isprintable() for line in found.splitlines()):
        message = f"`{field}` may have {MAX_ADDRESS_LENGTH} printable characters at the most."
        raise Refused("BAD_INPUT", message, field)
    return found


def checked_codes(codes: Sequence[str], *, field: str = "panelCodes") -> list[str]:
    """The codes of panels, each once.

    Raises:
        Refused: BAD_INPUT for none or over 500; PANEL_NOT_FOUND for what can be no panel's code.
    """
    if not 1 <= len(codes) <= MAX_CODES:
        raise Refused("BAD_INPUT", f"`{field}` names 1 to {MAX_CODES} panels.", field)
    if not all(PANEL_CODE.fullmatch(code) for code in codes):
        raise Refused("PANEL_NOT_FOUND", "You have no panel of one of these codes.", field)
    return list(dict.fromkeys(codes))
