"""Turns texts into texts without secrets: those that are known, and whatever looks like one."""

import json
import logging
import re
import sys
import threading
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

_HIDDEN: Final = "***"
RECIPIENT: Final = "{to}"
"""What an address of Apprise has in the recipient's place."""
_SHORTEST: Final = 6
"""Shorter ones would blot out ordinary words; passwords in addresses are hidden by their place, however short."""


def _without_value(found: re.Match[str]) -> str:
    """What was found, with `***` after the name of a secret; words of our own stay."""
    return found[0] if found["name"] is None else f"{found['name']}{_HIDDEN}"


# What may repeat has a bound or a beginning that cannot repeat in it: who gets a long text into a log would stop us.
_NAMES: Final = r"(?:pass(?:word|wd|code)|secret|token|api[_-]?key)\w{0,40}\\{0,3}['\"]?\s{0,9}[:=]\s{0,9}"
_VALUES: Final = r"""\\{1,3}(?P<q>['"])[^'"\\]*\\{1,3}(?P=q)|b?'(?:[^'\\]|\\.)*'|b?"(?:[^"\\]|\\.)*"|[^\s,;&'"{}()]+"""
OWN_CODES: Final = ("BAD_PASSWORD", "BAD_TOKEN", "BAD_REFRESH_TOKEN", "TOKEN_USED", "TOKENS_NOT_ENTERED")
"""Codes of refusals that name secrets: `BAD_PASSWORD: A password has 8 to 256 characters.` holds none."""
# A sentence of ours: a code of ours as it is written, and two words of which the first is capital.
_OWN: Final = rf"(?-i:\b(?:{'|'.join(OWN_CODES)}): (?=[A-Z][a-z]* [a-z]))"
_SHAPES: Final = (
    (re.compile(r"\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]+", re.IGNORECASE), rf"\1 {_HIDDEN}"),
    (re.compile(r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"), _HIDDEN),
    (re.compile(r"\bkw[a-z]_[A-Za-z0-9_-]{8,}"), _HIDDEN),
    (re.compile(r"(://[^\s/:@'\"]*):[^\s/'\"]+@"), rf"\1:{_HIDDEN}@"),
    (re.compile(rf"{_OWN}|(?P<name>{_NAMES})(?:{_VALUES})", re.IGNORECASE), _without_value),
    (re.compile(r"\$(?:argon2id?|7)\$[^\s'\"]+"), _HIDDEN),
    (re.compile(r"(Failing row contains) \((?:.*?\)\.?(?=\n|$)|.*)", re.DOTALL), rf"\1 ({_HIDDEN})."),
)
"""Tokens of ours and of others, passwords in addresses, `password='…'` however it is quoted, hashes, and the rows that
Postgres shows of a refused statement: they hold whatever its table does."""


@dataclass(frozen=True, slots=True)
class Redaction:
    """Hides the secrets that it was made with, and what has the shape of one."""

    _known: re.Pattern[str] | None = field(repr=False)

    @classmethod
    def of(cls, secrets: Iterable[str]) -> "Redaction":
        """Hides these too, in whichever notation; of addresses, also what is secret in them by itself."""
        forms = {form for secret in secrets for form in _forms(secret) if len(form) >= _SHORTEST}
        longest_first = sorted(forms, key=len, reverse=True)
        return cls(re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE) if forms else None)

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
    """Hides secrets in the traceback of an error that ends the process or a thread, or that nobody could be told of."""

    def show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not issubclass(kind, SystemExit):  # a thread that ends itself
            sys.stderr.write(redaction("".join(traceback.format_exception(kind, error, trace))))

    sys.excepthook = show
    threading.excepthook = lambda ended: show(ended.exc_type, ended.exc_value or ended.exc_type(), ended.exc_traceback)
    sys.unraisablehook = lambda lost: show(lost.exc_type, lost.exc_value or lost.exc_type(), lost.exc_traceback)


def _forms(secret: str) -> set[str]:
    """A secret as it is and as addresses, JSON, Python and forms write it; all of them again for its secret parts."""
    return {form for part in {secret, *_parts(secret)} for text in (part, unquote(part)) for form in _notations(text)}


def _notations(text: str) -> set[str]:
    in_python = {repr(text)[1:-1], ascii(text)[1:-1], repr(text.encode("utf-8", "replace"))[2:-1]}
    in_json = {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
    return {text, *in_python, *in_json, quote(text), quote(text, safe=""), quote_plus(text)}


def _parts(secret: str) -> set[str]:
    """What is secret in an address: its password, and those in its query; all between the slashes of Apprise's."""
    try:
        parts = urlsplit(secret)
        found = {parts.password or "", *(value for name, value in parse_qsl(parts.query) if "pass" in name)}
    except ValueError:
        return set()
    if RECIPIENT in secret:
        places = [*parts.netloc.replace("@", ":").split(":"), *parts.path.split("/")]
        found.update(place for place in places if "." not in place)  # not the host, which who reads the log has to know
    return found - {"", RECIPIENT}
