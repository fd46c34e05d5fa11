"""Adapts uvicorn's HTTP connections: streams end when the server stops, and those that nobody reads can be dropped."""

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_LINGER_S = 1.0
_EXTENSION = "kilowatch.connection"


class HttpProtocol(HttpToolsProtocol):
    """uvicorn 0.54's protocol with the differences that each method names."""

    is_streaming: bool = False
    """Whether the response is a stream without an end of its own."""

    def on_message_begin(self) -> None:
        """Lets the application reach the connection of its request."""
        super().on_message_begin()
        self.is_streaming = False
        self.scope["extensions"] = {_EXTENSION: {"protocol": self}}

    def shutdown(self) -> None:
        """Ends a stream, which clients answer by coming back; uvicorn waits for its end, and then logs a fault."""
        if self.is_streaming:
            self.transport.close()
            self.loop.call_later(_LINGER_S, self.transport.abort)
        else:
            super().shutdown()

    def abort(self) -> None:
        """Drops the connection with what was not sent yet."""
        self.transport.abort()


def connection_of(scope: Scope) -> HttpProtocol | None:
    """The connection that a request came by; None on another server than ours."""
    found = scope.get("extensions", {}).get(_EXTENSION)
    return found["protocol"] if found else None
