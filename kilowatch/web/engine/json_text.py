"""Turns values into JSON text, and the JSON text of requests into values."""

import json
from datetime import date
from typing import Any

import orjson

from kilowatch.web.engine.operation import BadRequestError

_NUL_IN_JSON = rb"\u0000"
"""The one way of JSON to write NUL, which Postgres keeps in no text."""


def encoded(value: Any) -> bytes:
    """JSON text in UTF-8; instants and days as RFC 3339 text."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:  # text that is not Unicode (a lone surrogate) is written as an escape
        return json.dumps(value, default=_instant).encode()


def _instant(value: date) -> str:
    return value.isoformat()


def decoded(body: bytes) -> Any:
    """The value of JSON text.

    Raises:
        BadRequestError: 400 when it is not JSON, not UTF-8, nested too deeply or contains a NUL.
    """
    try:
        value: Any = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        is_deep = "depth limit" in error.msg
        message = "The request is nested too deeply." if is_deep else "The request is not JSON in UTF-8."
        raise BadRequestError(400, "BAD_REQUEST", message) from None
    if _NUL_IN_JSON in body:
        raise BadRequestError(400, "BAD_REQUEST", "Text may not contain NUL.")
    return value
