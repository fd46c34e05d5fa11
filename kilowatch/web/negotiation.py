"""Turns an Accept header into the media type of the answer."""

GRAPHQL_RESPONSE = "application/graphql-response+json"
JSON = "application/json"

_ANSWERED = {GRAPHQL_RESPONSE: GRAPHQL_RESPONSE, JSON: JSON, "application/*": JSON, "*/*": JSON}


def media_type(accept: str) -> str | None:
    """The media type that the client likes best of the two that GraphQL over HTTP knows; None for neither.

    Without a header, and for wildcards, it is application/json, which every client reads.
    """
    if not accept.strip():
        return JSON
    weighed = [_weighed(part) for part in accept.split(",")]
    offered = [(weight, _ANSWERED[name]) for name, weight in weighed if name in _ANSWERED and weight > 0]
    return max(offered, key=lambda offer: offer[0])[1] if offered else None


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether the client can read gzip."""
    weights = dict(_weighed(part) for part in accept_encoding.split(","))
    return weights.get("gzip", weights.get("*", 0.0)) > 0


def _weighed(part: str) -> tuple[str, float]:
    """A media range or coding in lower case, and its weight."""
    name, *parameters = (piece.strip().lower() for piece in part.split(";"))
    weight = next((piece[2:] for piece in parameters if piece.startswith("q=")), "1")
    try:
        return name, float(weight)
    except ValueError:
        return name, 0.0
