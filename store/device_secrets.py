"""Makes devices' secrets and the hashes that are kept of them, in the form that mosquitto reads."""

import hmac
import secrets
from base64 import b64decode, b64encode
from binascii import Error as NotBase64Error
from dataclasses import dataclass
from hashlib import pbkdf2_hmac
from typing import Final

_SECRET_BYTES: Final = 32
_SALT_BYTES: Final = 12  # what mosquitto 2.0 takes
_HASH_BYTES: Final = 64
_ID_SIGNS: Final = "abcdefghijklmnopqrstuvwxyz234567"

ITERATIONS: Final = 101
"""What mosquitto uses itself. A secret has 256 random bits, which no number of guesses finds; the broker, which has one
thread, checks 1,000 devices that come back at once in about 0.1 s."""


def new_secret() -> str:
    """A secret for a device: `kwd_` and 256 random bits."""
    return f"kwd_{secrets.token_urlsafe(_SECRET_BYTES)}"


def new_device_id() -> str:
    """An id for a device: `dev_` and 80 random bits, in letters and digits that nobody confuses."""
    return "dev_" + "".join(secrets.choice(_ID_SIGNS) for _ in range(16))


def hashed(secret: str) -> str:
    """The secret's PBKDF2-SHA512 hash with a salt of its own, as a line of mosquitto's password file has it."""
    salt = secrets.token_bytes(_SALT_BYTES)
    return _written(SecretHash(ITERATIONS, salt, _derived(secret, salt=salt, iterations=ITERATIONS)))


def is_right(secret: str, *, kept: str) -> bool:
    """Whether the hash is that of the secret; takes as long for a wrong one."""
    try:
        known = parsed(kept)
    except ValueError:
        return False
    return hmac.compare_digest(_derived(secret, salt=known.salt, iterations=known.iterations), known.hash)


@dataclass(frozen=True, slots=True)
class SecretHash:
    """The parts of a hash."""

    iterations: int
    salt: bytes
    hash: bytes


def parsed(kept: str) -> SecretHash:
    """The parts of a hash as it is kept.

    Raises:
        ValueError: it is no such hash.
    """
    try:
        empty, kind, iterations, salt, hash_ = kept.split("$")
        found = SecretHash(int(iterations), b64decode(salt, validate=True), b64decode(hash_, validate=True))
    except (ValueError, NotBase64Error):
        raise ValueError("this is no PBKDF2-SHA512 hash as mosquitto writes it") from None
    if (empty, kind) != ("", "7") or found.iterations < 1:
        raise ValueError("this is no PBKDF2-SHA512 hash as mosquitto writes it")
    return found


def _written(parts: SecretHash) -> str:
    return f"$7${parts.iterations}${b64encode(parts.salt).decode()}${b64encode(parts.hash).decode()}"


def _derived(secret: str, *, salt: bytes, iterations: int) -> bytes:
    return pbkdf2_hmac("sha512", secret.encode("utf-8", "replace"), salt, iterations, _HASH_BYTES)
