"""Adapts uvicorn's HTTP connections: heads are bounded, streams end with the server, and stuck ones can be dropped."""

from collections.abc import Callable

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from kilowatch.web.endpoint.answers import refusal
from kilowatch.web.security_headers import OF_DATA

MAX_HEAD_BYTES = 131_072
"""What an address and headers may have in all: an address alone may have 64 KB."""
_LINGER_S = 1.0
_TOO_LONG = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\n"
    b"Content-Type: application/json; charset=utf-8\r\nContent-Length: %d\r\n%s\r\n%s"
)
_UNREADABLE = (
    b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n%s\r\n%s"
)
_HEADERS = b"".join(b"%s: %s\r\n" % header for header in OF_DATA)
_EXTENSION = "kilowatch.connection"


class HttpProtocol(HttpToolsProtocol):
    """uvicorn 0.54's protocol with the differences that each method names."""

    _on_lost: Callable[[], None] | None = None
    """Set while the response is a stream without an end of its own."""
    _is_in_head: bool = True
    _head_bytes: int = 0
    _is_refused: bool = False

    def data_received(self, data: bytes) -> None:
        """Refuses headers without an end; uvicorn keeps them all."""
        if self._is_refused:
            return
        super().data_received(data)
        if self._is_in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
                self._refuse_head()

    def _refuse_head(self) -> None:
        """Answers, and goes on reading for a moment: a client that is still sending when we hang up sees no answer."""
        self._is_refused = True
        self._unset_keepalive_if_required()
        body = bytes(refusal(431, "BODY_TOO_LARGE", f"Address and headers may have {MAX_HEAD_BYTES:,} bytes.").body)
        self.transport.write(_TOO_LONG % (len(body), _HEADERS, body))
        self.loop.call_later(_LINGER_S, self.transport.close)

    def send_400_response(self, msg: str) -> None:
        """Answers what is no HTTP, with the headers that every answer has; uvicorn's own has none."""
        body = msg.encode("ascii", "replace")
        self.transport.write(_UNREADABLE % (len(body), _HEADERS, body))
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tells the stream; uvicorn tells the newest request alone, which may wait behind the stream."""
        super().connection_lost(exc)
        if self._on_lost is not None:
            self._on_lost()

    def on_message_begin(self) -> None:
        """Lets the application reach the connection of its request."""
        super().on_message_begin()
        self._is_in_head, self._head_bytes = True, 0
        self.scope["extensions"] = {_EXTENSION: {"protocol": self}}

    def on_headers_complete(self) -> None:
        """Notes that what follows is the body."""
        self._is_in_head = False
        super().on_headers_complete()

    def shutdown(self) -> None:
        """Ends a stream, which clients answer by coming back; uvicorn waits for its end, and then logs a fault."""
        if self._on_lost is not None:
            self.transport.close()
            self.loop.call_later(_LINGER_S, self.transport.abort)
        else:
            super().shutdown()

    def watch(self, on_lost: Callable[[], None] | None) -> None:
        """Calls this when the client goes, at once where it has gone; None once the stream has ended."""
        self._on_lost = on_lost
        if on_lost is not None and self.transport.is_closing():
            on_lost()

    @property
    def is_writable(self) -> bool:
        """Whether the client reads: less than 64 KB wait for it."""
        return not self.flow.write_paused and not self.transport.is_closing()

    async def drained(self) -> None:
        """Returns once less waits for the client, or it has gone."""
        await self.flow.drain()

    def write(self, chunk: bytes) -> None:
        """Sends a chunk (see `chunk_of`) of a response that has begun, past the application's own `send`."""
        self.transport.write(chunk)

    def abort(self) -> None:
        """Drops the connection with what was not sent yet."""
        self.transport.abort()


def chunk_of(content: bytes) -> bytes:
    """A part of a response as HTTP/1.1 frames it."""
    return b"%x\r\n%s\r\n" % (len(content), content)


def connection_of(scope: Scope) -> HttpProtocol | None:
    """The connection that a request came by; None on another server than ours."""
    found = scope.get("extensions", {}).get(_EXTENSION)
    return found["protocol"] if found else None
