"""Turns random bits into the text of an API key, and such a text into what is known of the key."""

import hashlib
import re
import string
import zlib
from dataclasses import dataclass, field
from typing import Final

BEGINNING: Final = "kwk_"
PREFIX_BITS: Final = 47
"""8 signs of base 62 have 47.6 bits."""
SECRET_BITS: Final = 256

_SIGNS: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_FORM: Final = re.compile(r"kwk_([0-9A-Za-z]{8})_([0-9A-Za-z]{43})([0-9A-Za-z]{6})")


@dataclass(frozen=True, slots=True)
class KnownKey:
    """What may be kept of a key: its public beginning, and the SHA-256 of all of it (32 bytes)."""

    prefix: str
    key_hash: bytes = field(repr=False)


def key_text(*, prefix_bits: int, secret_bits: int) -> str:
    """`kwk_`, 8 public signs, `_`, 43 secret signs, and 6 by which a typing error shows; all of 0-9, A-Z and a-z."""
    body = f"{BEGINNING}{_base62(prefix_bits, length=8)}_{_base62(secret_bits, length=43)}"
    return body + _checksum(body)


def known_key(text: str) -> KnownKey | None:
    """What is known of a key; None for text that is no key, which takes no look at any database."""
    found = _FORM.fullmatch(text)
    if found is None or _checksum(text[:-6]) != found[3]:
        return None
    return KnownKey(found[1], hashlib.sha256(text.encode()).digest())


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), length=6)


def _base62(number: int, *, length: int) -> str:
    signs: list[str] = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        signs.append(_SIGNS[digit])
    return "".join(reversed(signs))
