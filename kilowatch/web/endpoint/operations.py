"""Turns the bodies and addresses of HTTP requests into GraphQL operations, or says why they are none."""

import re
from collections.abc import Mapping
from typing import Any, NoReturn

import msgspec
from starlette.datastructures import QueryParams
from starlette.types import Receive

from kilowatch.web.engine.json_text import decoded
from kilowatch.web.engine.operation import BadRequestError, Operation

MAX_BODY_BYTES = 100_000
MAX_ADDRESS_BYTES = 60_000
"""The parser of addresses ends at 64 KB, and says no more than that the request is not HTTP."""
MAX_DISCARDED_BYTES = 20_000_000
"""What is read and thrown away of a longer body: a client that is still sending when we hang up sees no answer."""

_PLAIN_JSON = b"application/json"
_JSON_TYPE = re.compile(rb"application/json(?:\s*;\s*charset=\"?utf-?8\"?)?\s*;?", re.IGNORECASE)

RequestHeaders = Mapping[bytes, bytes]
"""A request's headers by their names in lower case; what came several times is joined by commas."""


async def from_body(headers: RequestHeaders, receive: Receive) -> Operation:
    """The operation of a POST request.

    Raises:
        BadRequestError: 413 over `MAX_BODY_BYTES`, 415 unless it is JSON in UTF-8, 400 when it is no operation.
    """
    content_type = headers.get(b"content-type", b"")
    is_json = content_type == _PLAIN_JSON or _JSON_TYPE.fullmatch(content_type.strip())
    if not is_json or b"content-encoding" in headers:
        raise BadRequestError(
            415, "UNSUPPORTED_MEDIA_TYPE", "Send application/json in UTF-8, without a content coding."
        )
    return operation(decoded(await _body(receive)))


async def _body(receive: Receive) -> bytes:
    """The whole body; what is too long is not kept, with or without a Content-Length."""
    kept, size = list[bytes](), 0
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            _refuse("The request ended before its body.")
        chunk: bytes = event.get("body", b"")
        size += len(chunk)
        if size <= MAX_BODY_BYTES:
            kept.append(chunk)
        if not event.get("more_body", False) or size > MAX_DISCARDED_BYTES:
            break
    if size > MAX_BODY_BYTES:
        raise _too_large()
    return b"".join(kept)


def _too_large() -> BadRequestError:
    closing = (("connection", "close"),)
    return BadRequestError(413, "BODY_TOO_LARGE", f"A request may have {MAX_BODY_BYTES:,} bytes.", closing)


def from_address(query_string: bytes) -> Operation:
    """The operation of a GET request's query, documentId, variables, operationName and extensions.

    Raises:
        BadRequestError: 414 over `MAX_ADDRESS_BYTES`, 400 when it is no operation.
    """
    if len(query_string) > MAX_ADDRESS_BYTES:
        message = f"An address may have {MAX_ADDRESS_BYTES:,} bytes: use POST for more."
        raise BadRequestError(414, "BODY_TOO_LARGE", message)
    parameters = QueryParams(query_string)
    fields: dict[str, Any] = dict(parameters)
    for name in ("variables", "extensions"):
        fields[name] = decoded(parameters[name].encode()) if parameters.get(name) else None
    return operation(fields)


def operation(value: Any) -> Operation:
    """The operation of a decoded request.

    Raises:
        BadRequestError: 400 when there is no document, it contains a NUL, or a field is of another type.
    """
    if isinstance(value, list):
        _refuse("A request is one operation: lists of them (batches) are not accepted, send each by itself.")
    try:
        found = msgspec.convert(value, Operation)
    except msgspec.ValidationError as error:
        _refuse(f"The request is not a GraphQL operation: {error}.")
    if found.is_empty:
        _refuse("`query` is missing or empty: it takes the text of a document.")
    return found


def _refuse(message: str) -> NoReturn:
    raise BadRequestError(400, "BAD_REQUEST", message)
