"""Turns random bytes into a code that people can read out and type, and what they typed back into that code."""

import re
from hashlib import sha256
from typing import Final

CODE_BYTES: Final = 10
"""How many random bytes a code is made of: 80 bits, so that none can be guessed, nor found from its hash."""

_SIGNS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MEANT: Final = str.maketrans({"O": "0", "I": "1", "L": "1"})
_PREFIX: Final = "KW"
_GROUP: Final = 4
_LENGTH: Final = CODE_BYTES * 8 // 5
_MOST_TYPED: Final = 60
_CODE: Final = re.compile(f"(?:{_PREFIX})?([{_SIGNS}]{{{_LENGTH}}})")


def entry_code(random: bytes) -> str:
    """The code of CODE_BYTES random bytes, in Crockford's base32, like KW-7F3K-92QD-XM4T-06RB.

    Raises:
        ValueError: so many bytes are too few or too many.
    """
    if len(random) != CODE_BYTES:
        raise ValueError(f"a code is made of {CODE_BYTES} bytes")
    number = int.from_bytes(random)
    signs = "".join(_SIGNS[number >> shift & 31] for shift in range(5 * (_LENGTH - 1), -1, -5))
    return "-".join([_PREFIX, *(signs[start : start + _GROUP] for start in range(0, _LENGTH, _GROUP))])


def hash_of(typed: str) -> bytes | None:
    """The SHA-256 by which a code is kept, of the code as somebody typed it; None when it can be none.

    Small letters, blanks, dashes and the letters O, I and L in place of digits are taken as they are meant.
    """
    if len(typed) > _MOST_TYPED:
        return None
    signs = re.sub(r"[\s-]", "", typed).upper().translate(_MEANT)
    found = _CODE.fullmatch(signs)
    return sha256(found[1].encode()).digest() if found else None
