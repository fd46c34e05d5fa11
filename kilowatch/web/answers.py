"""Turns results and refusals into HTTP answers in JSON."""

import asyncio
import gzip
import json
from collections.abc import Mapping
from datetime import date
from typing import Any

import orjson
from starlette.responses import Response

from kilowatch.web.negotiation import JSON

_GZIP_FROM_BYTES = 1024
_THREAD_FROM_BYTES = 65_536


def encoded(value: Any) -> bytes:
    """JSON text in UTF-8; instants and days as RFC 3339 text."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:  # text that is not Unicode (a lone surrogate) is written as an escape
        return json.dumps(value, default=_instant).encode()


def _instant(value: date) -> str:
    return value.isoformat()


def refusal(
    status: int, code: str, message: str, *, media_type: str | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """An answer without data: one error with a code and a message."""
    body = {"errors": [{"message": message, "extensions": {"code": code}}]}
    return Response(encoded(body), status, headers, f"{media_type or JSON}; charset=utf-8")


async def answered(body: Any, *, status: int, media_type: str, is_gzip_accepted: bool) -> Response:
    """An answer with a body, compressed where the client can read it and it is 1 KB or more.

    Level 1: on a day of readings it saves two thirds of the bytes and takes 5 ms, level 6 saves 5 % more for 25 ms.
    """
    content = encoded(body)
    headers = {"Vary": "Accept, Accept-Encoding", "Cache-Control": "no-store"}
    if is_gzip_accepted and len(content) >= _GZIP_FROM_BYTES:
        content = await _compressed(content)
        headers["Content-Encoding"] = "gzip"
    return Response(content, status, headers, f"{media_type}; charset=utf-8")


async def _compressed(content: bytes) -> bytes:
    if len(content) < _THREAD_FROM_BYTES:
        return gzip.compress(content, 1)
    return await asyncio.to_thread(gzip.compress, content, 1)
