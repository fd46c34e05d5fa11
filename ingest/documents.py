"""Turns payloads into JSON documents, the `nan` of C programs included."""

import re
from typing import cast

import msgspec

from metering.readings import Rejected

_decode = msgspec.json.Decoder().decode

# Tasmota and scripts print floats with C's printf, which JSON has no word for: such a value is not measured.
_NOT_A_NUMBER = re.compile(rb"([:\[,]\s*|^\s*)-?(?:nan|inf|infinity)(?=\s*(?:[,}\]]|$))", re.IGNORECASE)


def document(payload: bytes) -> object | Rejected:
    """What the JSON of a payload says; BAD_JSON when it is none. A `nan` or `inf` is null."""
    try:
        return _decode(payload)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        mended = _NOT_A_NUMBER.sub(rb"\1null", payload)
        if mended != payload:
            return document(mended)
        return Rejected("BAD_JSON", f"the payload is not JSON ({error}); accepted: a JSON document")


def json_text(payload: bytes) -> str:
    """The text of a payload that `document` has read, as it was sent but for a `nan` or `inf`, which is null."""
    try:
        _decode(payload)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        payload = _NOT_A_NUMBER.sub(rb"\1null", payload)
    return payload.decode("utf-8", "replace")


def json_object(payload: bytes) -> dict[str, object] | Rejected:
    """The JSON object that a payload is; BAD_JSON or BAD_PAYLOAD when it is none."""
    found = document(payload)
    if isinstance(found, dict):
        return cast("dict[str, object]", found)
    return (
        found
        if isinstance(found, Rejected)
        else Rejected("BAD_PAYLOAD", "the payload is no JSON object; accepted: a JSON object")
    )
