"""Turns results and refusals into HTTP answers in JSON, in as few bytes as are worth their time."""

import asyncio
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import brotli  # pyright: ignore[reportMissingTypeStubs]
import zstandard
from starlette.responses import Response

from kilowatch.web.endpoint.negotiation import JSON
from kilowatch.web.engine.json_text import encoded
from kilowatch.web.faults import fault_of

_UNAVAILABLE = 503
_COMPRESSED_FROM_BYTES = 1024
_THREAD_FROM_BYTES = 131_072
"""From here on compressing takes 0.3 ms (zstd) to 0.9 ms (gzip): other requests go on meanwhile."""

Header = tuple[bytes, bytes]

_ALWAYS: tuple[Header, ...] = ((b"vary", b"Accept, Accept-Encoding"), (b"cache-control", b"no-store"))


def _gzip(content: bytes) -> bytes:
    return zlib.compress(content, 1, wbits=31)


def _brotli(content: bytes) -> bytes:
    library: Any = brotli
    return library.compress(content, mode=library.MODE_TEXT, quality=2)


def _zstd(content: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=1).compress(content)


_COMPRESS: Mapping[str, Callable[[bytes], bytes]] = {"gzip": _gzip, "br": _brotli, "zstd": _zstd}
"""The levels where a tenth fewer bytes would cost twice the time (docs/decisions/0011)."""


class Sent(Response):
    """A response whose headers are on the wire's form already: Starlette takes 10 µs to bring them there."""

    def __init__(self, content: bytes, status: int, headers: list[Header]) -> None:
        self.status_code, self.body, self.background = status, content, None
        self.raw_headers = headers


def refusal(
    status: int, code: str, message: str, *, media_type: str | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """An answer without data: one error with a code and a message."""
    body = {"errors": [{"message": message, "extensions": {"code": code}}]}
    more = {"Vary": "Accept, Accept-Encoding", "Cache-Control": "no-store", **(headers or {})}
    return Response(encoded(body), status, more, f"{media_type or JSON}; charset=utf-8")


def failure(error: Exception, *, media_type: str | None = None) -> Response:
    """An answer to a request that met an error which nobody expected."""
    fault = fault_of(error)
    headers = {"Retry-After": "2"} if fault.status == _UNAVAILABLE else None
    return refusal(fault.status, fault.code, fault.message, media_type=media_type, headers=headers)


async def answered(
    body: Any, *, status: int, media_type: str, coding: str | None, headers: Iterable[tuple[str, str]] = ()
) -> Response:
    """An answer with a body, in a content coding (zstd, br or gzip) from 1 KB on.

    Nothing may keep it: it is one person's, and a moment later it would be another.
    """
    content = encoded(body)
    fields = [*_ALWAYS, *((name.lower().encode(), value.encode()) for name, value in headers)]
    if coding is not None and len(content) >= _COMPRESSED_FROM_BYTES:
        content = await _compressed(content, _COMPRESS[coding])
        fields.append((b"content-encoding", coding.encode()))
    fields.append((b"content-type", f"{media_type}; charset=utf-8".encode()))
    fields.append((b"content-length", str(len(content)).encode()))
    return Sent(content, status, fields)


async def _compressed(content: bytes, compress: Callable[[bytes], bytes]) -> bytes:
    if len(content) < _THREAD_FROM_BYTES:
        return compress(content)
    return await asyncio.to_thread(compress, content)
