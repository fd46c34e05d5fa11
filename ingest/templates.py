"""Turns the simple ones of Home Assistant's value templates into a path and a factor; Jinja itself is never run."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

_LONGEST: Final = 500
_DEEPEST: Final = 20
_SMALLEST: Final = Fraction(1, 10**12)
_LARGEST: Final = Fraction(10**12)
_MARKS = re.compile(r"\{\{-?(.*?)-?\}\}", re.DOTALL)
_TOKEN = re.compile(
    r"""\s*(?:(?P<number>-?[0-9]{1,15}(?:\.[0-9]{1,15})?(?![\w.]))
        |(?P<name>[A-Za-z_]\w*)
        |(?P<text>'[^'\\{}]*'|"[^"\\{}]*")
        |(?P<mark>[][().|,*/=]))""",
    re.VERBOSE | re.ASCII,
)
_DIGITS = re.compile(r"[0-9]{1,6}")

_SAME_VALUE: Final = frozenset({"float", "int", "round", "is_defined", "default"})
"""Filters that leave a number the number it is, but for places after the point; a default takes the place of none."""


@dataclass(frozen=True, slots=True)
class Template:
    """Where the value stands in the payload, empty where the whole payload is it, and what it is multiplied by."""

    path: tuple[str | int, ...]
    factor: Fraction


class _NotSimpleError(Exception):
    """A template that is more than a path, filters and a factor."""


def simple_template(text: str) -> Template | None:
    """A template such as `{{ value_json.ENERGY.Total | float / 1000 }}`; None for anything beyond that.

    Read are `value` and `value_json` with keys and list places, the filters float, int, round, default and is_defined,
    multiplication by and division through plain numbers, and parentheses.
    """
    marked = _MARKS.fullmatch(text.strip()) if len(text) <= _LONGEST else None
    if marked is None:
        return None
    try:
        return _Parser(_tokens(marked[1])).whole()
    except _NotSimpleError:
        return None


def _tokens(text: str) -> list[str]:
    rest, found = text.rstrip(), list[str]()
    while rest:
        match = _TOKEN.match(rest)
        if match is None:
            raise _NotSimpleError
        found.append(match[0].strip())
        rest = rest[match.end() :]
    return found


class _Parser:
    """Reads tokens from left to right; a filter binds closer than a factor, as in Jinja."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens = list(reversed(tokens))
        self._depth = 0

    def whole(self) -> Template:
        found = self._product()
        if self._tokens or not isinstance(found, Template) or not _SMALLEST <= abs(found.factor) <= _LARGEST:
            raise _NotSimpleError
        return found

    def _product(self) -> "Template | Fraction":
        left = self._filtered()
        while self._next() in {"*", "/"}:
            is_division = self._take() == "/"
            left = _divided(left, self._filtered()) if is_division else _multiplied(left, self._filtered())
        return left

    def _filtered(self) -> "Template | Fraction":
        found = self._operand()
        while self._next() == "|":
            self._take()
            if self._take() not in _SAME_VALUE:
                raise _NotSimpleError
            self._skip_arguments()
        return found

    def _skip_arguments(self) -> None:
        if self._next() != "(":
            return
        while (token := self._take()) != ")":
            if token in {"[", "|", "*", "/", "value", "value_json"}:
                raise _NotSimpleError

    def _operand(self) -> "Template | Fraction":
        match self._take():
            case "(":
                return self._in_parentheses()
            case "value":
                return Template((), Fraction(1))
            case "value_json":
                return Template(self._path(), Fraction(1))
            case number if number.lstrip("-")[:1].isdigit():
                return Fraction(number)
            case _:
                raise _NotSimpleError

    def _in_parentheses(self) -> "Template | Fraction":
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _NotSimpleError
        found = self._product()
        self._expect(")")
        return found

    def _path(self) -> tuple[str | int, ...]:
        steps: list[str | int] = []
        while self._next() in {".", "["}:
            steps.append(self._key() if self._take() == "." else self._subscript())
        if not steps:
            raise _NotSimpleError
        return tuple(steps)

    def _key(self) -> str | int:
        token = self._take()
        if _DIGITS.fullmatch(token):
            return int(token)
        if not token.isidentifier() or self._next() == "(":  # a method, such as get()
            raise _NotSimpleError
        return token

    def _subscript(self) -> str | int:
        token = self._take()
        self._expect("]")
        if token[0] in "'\"":
            return token[1:-1]
        if _DIGITS.fullmatch(token):
            return int(token)
        raise _NotSimpleError

    def _next(self) -> str | None:
        return self._tokens[-1] if self._tokens else None

    def _take(self) -> str:
        if not self._tokens:
            raise _NotSimpleError
        return self._tokens.pop()

    def _expect(self, token: str) -> None:
        if self._take() != token:
            raise _NotSimpleError


def _multiplied(left: Template | Fraction, right: Template | Fraction) -> Template | Fraction:
    if isinstance(left, Template) and isinstance(right, Template):
        raise _NotSimpleError
    if isinstance(left, Template):
        left, right = right, left
    if isinstance(right, Template) and isinstance(left, Fraction):
        return Template(right.path, right.factor * left)
    if isinstance(right, Fraction) and isinstance(left, Fraction):
        return left * right
    raise _NotSimpleError


def _divided(left: Template | Fraction, right: Template | Fraction) -> Template | Fraction:
    if isinstance(right, Template) or not right:
        raise _NotSimpleError
    return _multiplied(left, 1 / right)
