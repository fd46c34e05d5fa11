"""Turns what was wrong with the parts of a message into one reason of bounded length."""

from collections.abc import Sequence
from typing import Final

from metering.readings import Rejected

_MOST_SHOWN: Final = 8
_LONGEST_SHOWN: Final = 160


def listed(things: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    few = ", ".join(
        thing if len(thing) <= _LONGEST_SHOWN else f"{thing[:_LONGEST_SHOWN]}…" for thing in things[:_MOST_SHOWN]
    )
    return few if len(things) <= _MOST_SHOWN else f"{few} and {len(things) - _MOST_SHOWN} more"


def together(complaints: Sequence[Rejected]) -> Rejected | None:
    """One for all of them, with the code of the first; None where there are none."""
    if not complaints:
        return None
    return Rejected(complaints[0].code, "; ".join(complaint.reason for complaint in complaints[:_MOST_SHOWN]))
