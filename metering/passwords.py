"""Turns a password that somebody wants into the one that is kept, or says what is wrong with it."""

import unicodedata
from collections.abc import Iterable
from itertools import chain, product
from typing import Final

from metering.refusals import Refused

MIN_LENGTH, MAX_LENGTH = 8, 256

_WORDS: Final = (
    "password", "passw0rd", "p@ssw0rd", "p@ssword", "qwerty", "qwertyui", "qwertyuiop", "qwertz", "azerty", "asdfgh",
    "asdfghjk", "asdfghjkl", "zxcvbnm", "1q2w3e4r", "1q2w3e4r5t", "1qaz2wsx", "q1w2e3r4", "letmein", "welcome",
    "iloveyou", "sunshine", "princess", "football", "baseball", "dragon", "monkey", "master", "superman", "batman",
    "trustno1", "whatever", "starwars", "computer", "internet", "admin", "administrator", "changeme", "secret",
    "default", "guest", "login", "test", "testtest", "abc", "abcd", "abcdef", "abcdefgh", "access", "shadow",
    "michael", "jennifer", "jordan", "liverpool", "chelsea", "arsenal", "nigeria", "lagos", "jakarta", "indonesia",
    "berlin", "london", "jesus", "blessing", "kilowatch", "kilowatt", "electricity", "electric", "prepaid",
)  # fmt: skip
_ENDS: Final = ("", "1", "12", "123", "1234", "12345", "123456", "1!", "123!", "!", "01", "007", "2023", "2024", "2025",
                "2026")  # fmt: skip
_DIGITS: Final = "01234567890123456789"
_RUNS: Final = ("abcdefghijklmnopqrstuvwxyz", _DIGITS, _DIGITS[::-1], "qwertyuiopasdfghjklzxcvbnm")
_COMMON: Final = frozenset(
    chain(
        (word + end for word, end in product(_WORDS, _ENDS)),
        (word + word for word in _WORDS),
        ("qwerty12", "qwe123qwe", "a1b2c3d4", "aa123456", "11223344", "12341234", "12344321", "1234qwer", "123qweasd"),
    )
)


def normalised_password(password: str) -> str:
    """The password in one form of Unicode (NFKC), whichever way a keyboard writes its letters."""
    return unicodedata.normalize("NFKC", password)


def checked_password(password: str, *, not_like: Iterable[str | None] = ()) -> str:
    """The password as it is kept; `not_like` are the person's own name and addresses.

    Raises:
        Refused: BAD_PASSWORD: too short or long, one of those that everybody tries first, or the person's own.
    """
    found = normalised_password(password)
    if not MIN_LENGTH <= len(found) <= MAX_LENGTH:
        raise _bad(f"A password has {MIN_LENGTH} to {MAX_LENGTH} characters.")
    if _is_guessable(found.casefold()):
        raise _bad("This is one of the passwords that are tried first: take another, such as four words by chance.")
    if any(_is_own(found.casefold(), own.casefold()) for own in not_like if own):
        raise _bad("A password must not be your own name, address or number.")
    return found


def _is_guessable(password: str) -> bool:
    return len(set(password)) < 3 or password in _COMMON or any(password in run for run in _RUNS)


def _is_own(password: str, own: str) -> bool:
    return password in {own, own.partition("@")[0], own.replace(" ", ""), own.lstrip("+")}


def _bad(message: str) -> Refused:
    return Refused("BAD_PASSWORD", message, "password")
