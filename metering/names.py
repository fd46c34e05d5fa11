"""Turns the name of a person, a property or an account as it was typed into the one that is kept."""

from typing import Final

from metering.refusals import Refused

MAX_NAME_LENGTH: Final = 200


def checked_name(name: str, *, field: str = "name") -> str:
    """The name without blanks around it, in one line: it stands in mails to others.

    Raises:
        Refused: BAD_NAME.
    """
    found = name.strip()
    if not (1 <= len(found) <= MAX_NAME_LENGTH and found.isprintable()):
        raise Refused("BAD_NAME", f"A name has 1 to {MAX_NAME_LENGTH} printable characters.", field)
    return found
