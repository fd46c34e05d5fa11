"""Turns a password into the hash that is kept, and checks a password against one."""

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from metering.passwords import normalised_password

_HASHER = PasswordHasher()  # argon2id, 64 MiB, 3 passes: about 60 ms of one core


@cache
def nobodys_hash() -> str:
    """What a password is checked against when there is no such account, so that both answers take as long."""
    return _HASHER.hash("nobody's password")


def hashed(password: str) -> str:
    """The password's argon2id hash with its own salt; takes about 60 ms of a core, so call it in a thread."""
    return _HASHER.hash(normalised_password(password))


def is_right(password: str, *, password_hash: str) -> bool:
    """Whether the hash is that of the password; takes about 60 ms of a core, so call it in a thread."""
    try:
        return _HASHER.verify(password_hash, normalised_password(password))
    except (VerificationError, InvalidHashError):
        return False
