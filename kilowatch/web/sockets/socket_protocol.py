"""Adapts uvicorn's websockets: frames are written as they are made, no client lingers, no fault is a traceback."""

import asyncio
import struct
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import Frame
from websockets.protocol import OPEN

from kilowatch.web.sockets.lines import EXTENSION

GOING_AWAY = 1001
TOO_SLOW = 4413
STUCK_AFTER_S = 30.0
"""How long a client may leave bytes unread that no longer fit into the kernel's buffer and ours."""
HIGH_WATER_BYTES = 8192
"""What waits here for a client before it counts as slow; the kernel's buffer, often megabytes, is full by then."""
PIECE_BYTES = 4096
"""What is read of one client before others get their turn: up to 680 frames, 2 ms."""
MAX_IDLE_FRAMES = 100
"""Pings, pongs and parts of messages that a client may send until a message is whole, or it answers our ping."""
_POLICY_VIOLATION = 1008
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
        self.is_writable = True
        self._stuck_timer: asyncio.TimerHandle | None = None
        self._unread = bytearray()
        self._next_piece: asyncio.Handle | None = None
        self._idle_frames = 0

    # A line for those who send: `kilowatch.web.sockets.lines.Line`

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Counts a client as slow early: uvicorn's 64 KB a client would be 32 MB for 500 that have stalled."""
        cast("asyncio.Transport", transport).set_write_buffer_limits(high=HIGH_WATER_BYTES)
        super().connection_made(transport)

    def handle_connect(self, event: Any) -> None:
        """Shows itself to the application, so that it can write frames without ASGI's messages."""
        super().handle_connect(event)
        if hasattr(self, "scope"):
            extensions = cast("dict[str, object]", self.scope.setdefault("extensions", {}))
            extensions[EXTENSION] = self

    def write_text(self, *parts: bytes) -> None:
        """Writes a message as one frame; nothing after a close."""
        if self.close_sent or self.transport.is_closing():
            return
        self.transport.write(b"".join((_header(sum(map(len, parts))), *parts)))

    async def drained(self) -> None:
        """Returns once the client reads again, or has gone."""
        await self.writable.wait()

    def pause_writing(self) -> None:
        """The client does not read, and is not read either; one that goes on so is stuck."""
        super().pause_writing()
        self.is_writable = False
        self._go_on_reading()
        self._stuck_timer = self.loop.call_later(STUCK_AFTER_S, self._leave_stuck)

    def resume_writing(self) -> None:
        """The client has read enough."""
        super().resume_writing()
        self.is_writable = True
        self._forget_stuck()
        self._go_on_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is there any more."""
        self._forget_stuck()
        self.is_writable = True
        self._unread.clear()
        super().connection_lost(exc)

    def _leave_stuck(self) -> None:
        if self.conn.state is OPEN and not self.close_sent:
            self._leave(TOO_SLOW, "The client reads too slowly.")
        self._abort_later(_LINGER_S)

    def _forget_stuck(self) -> None:
        if self._stuck_timer is not None:
            self._stuck_timer.cancel()
            self._stuck_timer = None

    # What is read

    def data_received(self, data: bytes) -> None:
        """Reads piece by piece; uvicorn parses all that has come at once: 0.4 s for a megabyte of empty frames."""
        self._unread += data
        if self._next_piece is None:
            self._read_piece()

    def _go_on_reading(self) -> None:
        """Sees that the next piece is parsed, or that more is received, as soon as either may be."""
        if self.transport.is_closing():
            self._unread.clear()
            return
        is_held = self.read_paused or not self.is_writable
        if self._unread and not is_held and self._next_piece is None:
            self._next_piece = self.loop.call_soon(self._read_piece)
        if is_held or self._unread:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def _read_piece(self) -> None:
        self._next_piece = None
        if not self.read_paused and self.is_writable and self._unread:
            piece = bytes(self._unread[:PIECE_BYTES])
            del self._unread[:PIECE_BYTES]
            super().data_received(piece)
            self._answer_unreadable()
        self._go_on_reading()

    def _answer_unreadable(self) -> None:
        """Answers a handshake that cannot be read, one of endless headers; uvicorn leaves it without an answer."""
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            self.handshake_initiated = self.handshake_complete = self.close_sent = True
            self.transport.write(_UNREADABLE)
            self.transport.close()

    async def receive(self) -> Any:
        """The next event for the application; the client is read on once all were taken."""
        event = await super().receive()
        self._go_on_reading()
        return event

    def handle_ping(self) -> None:
        """Answers a ping, unless there are too many."""
        super().handle_ping()
        self._count_idle()

    def handle_pong(self, event: Frame) -> None:
        """Takes note of an answer to our own ping; others count as idle."""
        was_awaited = self.pending_ping_payload is not None
        super().handle_pong(event)
        if was_awaited and self.pending_ping_payload is None:
            self._idle_frames = 0
        else:
            self._count_idle()

    def handle_text(self, event: Frame) -> None:
        """Takes a text message, or its beginning."""
        super().handle_text(event)
        self._count_part(event)

    def handle_bytes(self, event: Frame) -> None:
        """Takes a binary message, or its beginning."""
        super().handle_bytes(event)
        self._count_part(event)

    def handle_cont(self, event: Frame) -> None:
        """Takes a further part of a message."""
        super().handle_cont(event)
        self._count_part(event)

    def _count_part(self, event: Frame) -> None:
        if event.fin:
            self._idle_frames = 0
        else:
            self._count_idle()

    def _count_idle(self) -> None:
        """Closes with 1008 for too many frames that say nothing: each costs as much as one that does."""
        self._idle_frames += 1
        if self._idle_frames > MAX_IDLE_FRAMES and self.conn.state is OPEN:
            self.frames = []
            self.conn.fail(_POLICY_VIOLATION, f"Over {MAX_IDLE_FRAMES} frames without a message")
            self.handle_parser_exception()

    # Differences from uvicorn

    def shutdown(self) -> None:
        """Leaves with 1001 (going away), which clients answer by coming back; uvicorn says 1012."""
        if self.conn.state is OPEN and not self.close_sent and self.handshake_complete:
            self._leave(GOING_AWAY, "")
        else:
            super().shutdown()
        self._abort_later(_LINGER_S / 2)

    def _leave(self, code: int, reason: str) -> None:
        self.stop_keepalive()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code})
        self.conn.send_close(code, reason)
        self.close_sent = True
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.close()

    def keepalive_timeout(self) -> None:
        """Drops a client that does not answer pings; uvicorn waits until it has read what was sent before."""
        super().keepalive_timeout()
        self.transport.abort()

    async def send(self, message: Any) -> None:
        """Closes at once, also a client that reads nothing; uvicorn waits until it has read what was sent before."""
        if message["type"] == "websocket.close":
            self.writable.set()
            await super().send(message)
            self._go_on_reading()
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


def _header(length: int) -> bytes:
    """What precedes a text message of one frame from a server."""
    if length < 126:
        return struct.pack("!BB", 0x81, length)
    if length < 65_536:
        return struct.pack("!BBH", 0x81, 126, length)
    return struct.pack("!BBQ", 0x81, 127, length)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
