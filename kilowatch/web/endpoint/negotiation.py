"""Turns Accept and Accept-Encoding headers into the media type and the content coding of the answer."""

import re
from dataclasses import dataclass
from functools import lru_cache

GRAPHQL_RESPONSE = "application/graphql-response+json"
JSON = "application/json"
EVENT_STREAM = "text/event-stream"

_ANSWERED = {
    GRAPHQL_RESPONSE: GRAPHQL_RESPONSE,
    JSON: JSON,
    EVENT_STREAM: EVENT_STREAM,
    "application/*": JSON,
    "*/*": JSON,
}
_CODINGS = {"zstd": 3, "br": 2, "gzip": 1}
"""By which of them is the cheapest here, for clients that like several alike (docs/decisions/0011)."""
_WEIGHT = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")
_REMEMBERED = 256
_MAX_REMEMBERED_LENGTH = 512


@dataclass(frozen=True, slots=True)
class Wanted:
    """The media type that the client likes best, and whether it can read events of a subscription."""

    media_type: str
    reads_events: bool


def wanted(accept: str) -> Wanted | None:
    """What the client likes best of what there is; None for nothing of it.

    Without a header, and for wildcards, it is application/json, which every client reads.
    """
    return _remembered_wanted(accept) if len(accept) <= _MAX_REMEMBERED_LENGTH else _wanted(accept)


def coding(accept_encoding: str) -> str | None:
    """The content coding to answer in: zstd, br or gzip; None for none of them, and where the client prefers that."""
    if len(accept_encoding) <= _MAX_REMEMBERED_LENGTH:
        return _remembered_coding(accept_encoding)
    return _coding(accept_encoding)


def _wanted(accept: str) -> Wanted | None:
    if not accept.strip():
        return Wanted(JSON, reads_events=False)
    offered = [(weight, _ANSWERED[name]) for name, weight in _weighed(accept) if name in _ANSWERED and weight > 0]
    if not offered:
        return None
    best = max(offered, key=lambda offer: offer[0])[1]
    return Wanted(best, reads_events=any(name == EVENT_STREAM for _, name in offered))


def _coding(accept_encoding: str) -> str | None:
    weights = dict(_weighed(accept_encoding))
    others = weights.get("*", 0.0)
    weight, rank, best = max((weights.get(name, others), rank, name) for name, rank in _CODINGS.items())
    del rank
    return best if weight > 0 and weight >= weights.get("identity", 0.0) else None


_remembered_wanted = lru_cache(maxsize=_REMEMBERED)(_wanted)
_remembered_coding = lru_cache(maxsize=_REMEMBERED)(_coding)


def _weighed(header: str) -> list[tuple[str, float]]:
    """Each media range or coding of a header in lower case, and its weight from 0 to 1."""
    return [_weighed_part(part) for part in header.split(",")]


def _weighed_part(part: str) -> tuple[str, float]:
    name, *parameters = (piece.strip().lower() for piece in part.split(";"))
    weight = next((piece[2:] for piece in parameters if piece.startswith("q=")), "1")
    return name, float(weight) if _WEIGHT.fullmatch(weight) else 0.0
