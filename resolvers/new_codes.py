"""Turns the operating system's randomness into codes that are given out, to be typed in by whom they are for."""

import secrets
from dataclasses import dataclass, field

from metering.entry_codes import CODE_BYTES, entry_code, hash_of


@dataclass(frozen=True, slots=True)
class NewCode:
    """A code that nobody had before: `text` is shown once and kept nowhere, its hash is what is kept."""

    text: str = field(repr=False)

    @property
    def sha256(self) -> bytes:
        """By what the code is found when it is typed in; 32 bytes."""
        found = hash_of(self.text)
        assert found is not None  # noqa: S101 - tells the type checker that what was just made can be read
        return found


def new_code() -> NewCode:
    """A code of 80 random bits."""
    return NewCode(entry_code(secrets.token_bytes(CODE_BYTES)))
