"""Adapts uvicorn's websockets: the server leaves with 1001, no client lingers, and no client's fault is a traceback."""

import asyncio
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.protocol import OPEN

GOING_AWAY = 1001
_LINGER_S = 2.0
_UNREADABLE = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class SocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn 0.54's protocol with the differences that each method names."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.close_timeout = _LINGER_S

    def data_received(self, data: bytes) -> None:
        """Answers a handshake that cannot be read, one of endless headers; uvicorn leaves it without an answer."""
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            self.handshake_initiated = self.handshake_complete = self.close_sent = True
            self.transport.write(_UNREADABLE)
            self.transport.close()

    def shutdown(self) -> None:
        """Leaves with 1001 (going away), which clients answer by coming back; uvicorn says 1012."""
        if self.conn.state is OPEN and not self.close_sent and self.handshake_complete:
            self.stop_keepalive()
            self.queue.put_nowait({"type": "websocket.disconnect", "code": GOING_AWAY})
            self.conn.send_close(GOING_AWAY)
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()
        else:
            super().shutdown()
        self._abort_later(_LINGER_S / 2)

    def keepalive_timeout(self) -> None:
        """Drops a client that does not answer pings; uvicorn waits until it has read what was sent before."""
        super().keepalive_timeout()
        self.transport.abort()

    async def send(self, message: Any) -> None:
        """Closes at once, also a client that reads nothing; uvicorn waits until it has read what was sent before."""
        if message["type"] == "websocket.close":
            self.writable.set()
            await super().send(message)
            self._abort_later(_LINGER_S)
        else:
            await super().send(message)

    def send_receive_event_to_app(self) -> None:
        """Refuses text that is not UTF-8 with 1007; uvicorn logs a traceback and then fails an assertion."""
        if self.curr_msg_data_type == "text" and not self.close_sent and not _is_utf8(b"".join(self.frames)):
            self.frames = []
            self.conn.fail(1007, "not UTF-8")
            self.handle_parser_exception()
            return
        super().send_receive_event_to_app()

    def _abort_later(self, delay_s: float) -> None:
        self.loop.call_later(delay_s, self.transport.abort)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
