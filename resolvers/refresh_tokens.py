"""Turns random bytes into refresh tokens, and the text of one into what is compared with what is kept."""

import binascii
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

PREFIX: Final = "kwr_"
"""How a refresh token begins, so that people and scanners for secrets know it."""
_FAMILY_BYTES, _SECRET_BYTES = 16, 32
_LENGTH: Final = len(PREFIX) + 64


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A session's refresh token: all of a session share `family`, each has a `secret` of 256 bits."""

    family: bytes = field(repr=False)
    secret: bytes = field(repr=False)

    @property
    def text(self) -> str:
        """What the client is given, once: 68 signs."""
        return PREFIX + urlsafe_b64encode(self.family + self.secret).decode()

    @property
    def family_hash(self) -> bytes:
        """By what its session is found: SHA-256."""
        return sha256(self.family).digest()

    @property
    def secret_hash(self) -> bytes:
        """What is kept of the secret: SHA-256, because nobody tries out 256 bits."""
        return sha256(self.secret).digest()

    def next(self) -> "RefreshToken":
        """The session's next one."""
        return RefreshToken(self.family, secrets.token_bytes(_SECRET_BYTES))


def new_refresh_token() -> RefreshToken:
    """The first one of a session."""
    return RefreshToken(secrets.token_bytes(_FAMILY_BYTES), secrets.token_bytes(_SECRET_BYTES))


def refresh_token_of(text: str) -> RefreshToken | None:
    """The token that was written so; None for what is none."""
    if len(text) != _LENGTH or not text.startswith(PREFIX):
        return None
    try:
        content = urlsafe_b64decode(text.removeprefix(PREFIX))
    except (binascii.Error, ValueError):
        return None
    if len(content) != _FAMILY_BYTES + _SECRET_BYTES:
        return None
    return RefreshToken(content[:_FAMILY_BYTES], content[_FAMILY_BYTES:])
