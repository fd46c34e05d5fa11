"""Turns times, days, decimals and cursors into what stands on the wire, and refuses what is not exactly one."""

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NoReturn

import strawberry
from graphql import GraphQLError, ValueNode, value_from_ast_untyped
from strawberry.types.scalar import ScalarDefinition

from resolvers.pages import MAX_CURSOR_LENGTH, Cursor

MAX_DIGITS = 18

_DATETIME = re.compile(r"(19|20|21)\d\d-\d\d-\d\d[Tt]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_DATE = re.compile(r"(19|20|21)\d\d-\d\d-\d\d", re.ASCII)
_DECIMAL = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
_CURSOR = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


def _refuse(code: str, message: str) -> NoReturn:
    raise GraphQLError(message, extensions={"code": code})


def parse_datetime(value: object) -> datetime:
    """The instant of RFC 3339 text with an offset, in the years 1900 to 2199.

    Raises:
        GraphQLError: BAD_DATETIME.
    """
    if isinstance(value, str) and _DATETIME.fullmatch(value):
        try:
            return datetime.fromisoformat(value.upper())
        except ValueError:
            pass
    _refuse("BAD_DATETIME", 'A DateTime is text with an offset, like "2026-03-01T06:30:00+07:00".')


def parse_date(value: object) -> date:
    """The day of text like 2026-03-01, in the years 1900 to 2199.

    Raises:
        GraphQLError: BAD_DATE.
    """
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    _refuse("BAD_DATE", 'A Date is text like "2026-03-01".')


def parse_decimal(value: object) -> Decimal:
    """The number of plain digits as text, or of an integer: 18 digits at the most, no exponent, no NaN.

    Raises:
        GraphQLError: BAD_DECIMAL.
    """
    text = str(value) if type(value) is int and abs(value) < 10**MAX_DIGITS else value
    if isinstance(text, str) and len(text) <= MAX_DIGITS + 2 and _DECIMAL.fullmatch(text):
        number = Decimal(text)
        if len(number.as_tuple().digits) <= MAX_DIGITS:
            return number
    _refuse("BAD_DECIMAL", 'A Decimal is text like "1500.25" with 18 digits at the most.')


def parse_cursor(value: object) -> Cursor:
    """The cursor as it was answered; what it points at is read where it is used.

    Raises:
        GraphQLError: BAD_CURSOR.
    """
    if isinstance(value, str) and len(value) <= MAX_CURSOR_LENGTH and _CURSOR.fullmatch(value):
        return Cursor(value)
    _refuse("BAD_CURSOR", "A Cursor is text that a field answered.")


def answered_datetime(value: object) -> datetime:
    """The instant itself: the JSON encoder writes it, ten times faster than `isoformat` would."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value
    raise TypeError(f"a DateTime needs an offset: {value!r}")


def answered_date(value: object) -> date:
    """The day itself: the JSON encoder writes it."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise TypeError(f"not a day: {value!r}")


def answered_decimal(value: object) -> str:
    """Plain digits, never an exponent."""
    if isinstance(value, Decimal) and value.is_finite():
        return format(value, "f")
    raise TypeError(f"not an exact number: {value!r}")


def answered_cursor(value: object) -> str:
    """The cursor's text."""
    if isinstance(value, str):
        return value
    raise TypeError(f"not a cursor: {value!r}")


def _scalar(
    name: str, description: str, answered: Callable[[object], object], parse: Callable[[object], object]
) -> ScalarDefinition:
    def parse_literal(node: ValueNode, variables: dict[str, Any] | None = None) -> object:
        try:
            return parse(value_from_ast_untyped(node, variables))
        except GraphQLError as error:
            raise GraphQLError(error.message, node, extensions=error.extensions) from None

    return strawberry.scalar(
        name=name, description=description, serialize=answered, parse_value=parse, parse_literal=parse_literal
    )


def scalar_map() -> dict[object, ScalarDefinition]:
    """Which Python type stands for which scalar of the contract."""
    return {
        datetime: _scalar(
            "DateTime",
            "An instant as RFC 3339 text with an offset. Answers carry the panel's offset where there is a panel,"
            " otherwise UTC; inputs must carry one.",
            answered_datetime,
            parse_datetime,
        ),
        date: _scalar(
            "Date", "A local calendar day of the panel's time zone, like 2026-03-01.", answered_date, parse_date
        ),
        Decimal: _scalar(
            "Decimal",
            "An exact decimal number as text, 18 digits at the most: money and energy credit.",
            answered_decimal,
            parse_decimal,
        ),
        Cursor: _scalar(
            "Cursor", "An opaque place in a list or a stream: pass it back as `after`.", answered_cursor, parse_cursor
        ),
    }
