"""Turns texts into texts without secrets: those that are known, and whatever looks like one."""

import logging
import re
import sys
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final
from urllib.parse import quote, unquote, urlsplit

_HIDDEN: Final = "***"
_SHORTEST: Final = 6
"""Shorter ones would blot out ordinary words; passwords in addresses are hidden by their place, however short."""

_NAMES: Final = r"\w*(?:pass(?:word|wd|code)|secret|token|api_?key)\w*['\"]?\s*[:=]\s*"
_VALUES: Final = r"""'[^']*'|"[^"]*"|[^\s,;&'"{}()]+"""
_SHAPES: Final = (
    (re.compile(r"\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]+", re.IGNORECASE), rf"\1 {_HIDDEN}"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"), _HIDDEN),
    (re.compile(r"\bkw[a-z]_[A-Za-z0-9_-]{8,}"), _HIDDEN),
    (re.compile(r"\b([a-z][a-z0-9+.-]*://[^\s/:@'\"]*):[^\s/@'\"]+@", re.IGNORECASE), rf"\1:{_HIDDEN}@"),
    (re.compile(rf"\b({_NAMES})(?:{_VALUES})", re.IGNORECASE), rf"\1{_HIDDEN}"),
    (re.compile(r"\$(?:argon2id?|7)\$[^\s'\"]+"), _HIDDEN),
    (re.compile(r"(Failing row contains) \(.*?\)\.?(?=\n|$)", re.DOTALL), rf"\1 ({_HIDDEN})."),
)
"""Tokens of ours and of others, passwords in addresses, `password='…'` however it is quoted, hashes, and the rows that
Postgres shows of a refused statement: they hold whatever its table does."""


@dataclass(frozen=True, slots=True)
class Redaction:
    """Hides the secrets that it was made with, and what has the shape of one."""

    _known: re.Pattern[str] | None = field(repr=False)

    @classmethod
    def of(cls, secrets: Iterable[str]) -> "Redaction":
        """Hides these too, also where they are quoted as in an address; of addresses, their password by itself."""
        forms = {form for secret in secrets for form in _forms(secret) if len(form) >= _SHORTEST}
        longest_first = sorted(forms, key=len, reverse=True)
        return cls(re.compile("|".join(map(re.escape, longest_first))) if forms else None)

    def __call__(self, text: str) -> str:
        """The text with `***` in each secret's place."""
        hidden = self._known.sub(_HIDDEN, text) if self._known else text
        for shape, instead in _SHAPES:
            hidden = shape.sub(instead, hidden)
        return hidden


class RedactingFormatter(logging.Formatter):
    """Writes log records as another formatter does, tracebacks too, without secrets."""

    def __init__(self, inner: logging.Formatter, redaction: Redaction) -> None:
        super().__init__()
        self._inner = inner
        self._redaction = redaction

    def format(self, record: logging.LogRecord) -> str:
        """The record's line, and its traceback."""
        return self._redaction(self._inner.format(record))


def redact_logs(redaction: Redaction) -> None:
    """Hides secrets in whatever the root logger's handlers write."""
    for handler in logging.getLogger().handlers:
        handler.setFormatter(RedactingFormatter(handler.formatter or logging.Formatter(), redaction))


def redact_tracebacks(redaction: Redaction) -> None:
    """Hides secrets in the traceback of an error that ends the process."""

    def show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        sys.stderr.write(redaction("".join(traceback.format_exception(kind, error, trace))))

    sys.excepthook = show


def _forms(secret: str) -> set[str]:
    password = _password(secret)
    parts = {secret, password} if password else {secret}
    return {form for part in parts for form in (part, quote(part, safe=""), unquote(part), repr(part)[1:-1])}


def _password(secret: str) -> str:
    try:
        return urlsplit(secret).password or ""
    except ValueError:
        return ""
