"""Adds to every answer the headers by which browsers keep other sites, frames and plugins away from it."""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

Header = tuple[bytes, bytes]

# Answers are data: nothing in them is to run, load or be framed. Pages have policies of their own (dashboard.pages).
OF_DATA: Final[tuple[Header, ...]] = (
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_OF_PAGES: Final[tuple[Header, ...]] = (
    *OF_DATA,
    (b"referrer-policy", b"no-referrer"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
"""The last three concern pages alone, and each header costs 0.4 µs: GraphQL's answers do without."""
_BY_TLS: Final[tuple[Header, ...]] = ((b"strict-transport-security", b"max-age=31536000"),)
"""A year. Neither `includeSubDomains` nor `preload`: other hosts of a domain are not ours to decide on."""
_OF_DATA_BY_TLS: Final = OF_DATA + _BY_TLS
_OF_PAGES_BY_TLS: Final = _OF_PAGES + _BY_TLS
_NAMES: Final = frozenset(name for name, _ in _OF_PAGES_BY_TLS)
_DATA_PATH: Final = "/graphql"


class SecurityHeaders:
    """An application whose answers have the headers; what an answer says itself stays.

    Strict-Transport-Security is sent where the request came by HTTPS, to us or to a trusted proxy.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on; websockets have no answers that a page could show."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_data, is_by_tls = scope["path"] == _DATA_PATH, scope["scheme"] == "https"
        if is_data:
            headers = _OF_DATA_BY_TLS if is_by_tls else OF_DATA
        else:
            headers = _OF_PAGES_BY_TLS if is_by_tls else _OF_PAGES

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own: list[Header] = message.get("headers", [])
                message["headers"] = [*own, *headers] if is_data else _joined(own, headers)
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _joined(own: list[Header], others: tuple[Header, ...]) -> list[Header]:
    said = _NAMES.intersection([name for name, _ in own])
    return [*own, *(header for header in others if header[0] not in said)]
