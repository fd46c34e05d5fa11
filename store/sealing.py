"""Turns secrets that must be read again into sealed bytes, and short ones into keyed hashes, by the server's key."""

import hmac
import secrets
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE_BYTES = 12


class SealBrokenError(Exception):
    """What was sealed cannot be opened: the key file is another one, or the row was changed."""


@dataclass(frozen=True, slots=True)
class Sealing:
    """The keys that follow from the server's secret, one for each purpose; the secret has 32 bytes or more."""

    secret: bytes = field(repr=False)

    def digest(self, text: str, *, purpose: str) -> bytes:
        """The keyed hash of a text (32 bytes): without the key file nobody can try texts against it."""
        return hmac.digest(_key(self.secret, f"digest {purpose}"), text.encode(), sha256)

    def seal(self, plain: bytes, *, purpose: str, bound_to: str) -> bytes:
        """The secret, encrypted (AES-256-GCM); it opens for the same purpose and the same `bound_to` alone."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + AESGCM(_key(self.secret, f"seal {purpose}")).encrypt(nonce, plain, bound_to.encode())

    def opened(self, sealed: bytes, *, purpose: str, bound_to: str) -> bytes:
        """What was sealed.

        Raises:
            SealBrokenError: it was sealed by another key, for something else, or was changed.
        """
        key = AESGCM(_key(self.secret, f"seal {purpose}"))
        try:
            return key.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound_to.encode())
        except InvalidTag as error:
            raise SealBrokenError("a sealed secret cannot be opened: is the signing key another one?") from error


@cache
def _key(secret: bytes, purpose: str) -> bytes:
    return HKDF(SHA256(), length=32, salt=None, info=f"kilowatch {purpose}".encode()).derive(secret)
