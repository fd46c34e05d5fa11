"""Turns pieces of text into messages on a websocket: at once on our own server, one after the other on others."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, cast

from starlette.websockets import WebSocket, WebSocketDisconnect

EXTENSION = "kilowatch.line"
"""Where our own server's protocol stands among a websocket's ASGI extensions."""
_ROOM_BYTES = 65_536


class Line(Protocol):
    """One websocket as those see it who send."""

    is_writable: bool
    """Whether the client reads what it is sent."""

    async def drained(self) -> None:
        """Returns once it is writable, or nobody is there any more."""
        ...

    def write_text(self, *parts: bytes) -> None:
        """Sends a message made of these parts of UTF-8; after the end it is for nobody. Never waits."""
        ...


@dataclass(slots=True, eq=False)
class AwaitedLine:
    """A websocket of any ASGI server: a message is sent when the one before was taken, and up to 64 KB wait.

    One that is not taken within `stuck_after_s` is reported to `on_stuck`, and ends the line.
    """

    socket: WebSocket
    stuck_after_s: float
    on_stuck: Callable[[], None]
    is_writable: bool = True
    _texts: deque[bytes] = field(default_factory=deque[bytes])
    _waiting_bytes: int = 0
    _is_over: bool = False
    _room: asyncio.Event = field(default_factory=asyncio.Event)
    _task: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        self._room.set()

    async def drained(self) -> None:
        """Returns once there is room for more, or nobody is there any more."""
        await self._room.wait()

    def write_text(self, *parts: bytes) -> None:
        """Sends a message once those before it were taken."""
        if self._is_over:
            return
        self._texts.append(b"".join(parts))
        self._count(len(self._texts[-1]))
        if self._task is None:
            self._task = asyncio.create_task(self._send())

    def _count(self, more_bytes: int) -> None:
        self._waiting_bytes += more_bytes
        self.is_writable = self._is_over or self._waiting_bytes < _ROOM_BYTES
        if self.is_writable:
            self._room.set()
        else:
            self._room.clear()

    async def _send(self) -> None:
        try:
            while self._texts:
                text = self._texts.popleft()
                async with asyncio.timeout(self.stuck_after_s):
                    await self.socket.send_text(text.decode())
                self._count(-len(text))
        except TimeoutError:
            self._is_over = True
            self.on_stuck()
        except (WebSocketDisconnect, RuntimeError, OSError):  # RuntimeError: it was closed meanwhile
            self._is_over = True
        finally:
            self._task = None
            if self._is_over:
                self._texts.clear()
                self._count(0)


def line_of(socket: WebSocket, *, stuck_after_s: float, on_stuck: Callable[[], None]) -> Line:
    """The server's own line where it has one, which sees to stuck clients itself; otherwise one that awaits."""
    extensions = cast("dict[str, object]", socket.scope.get("extensions") or {})
    found = extensions.get(EXTENSION)
    return cast("Line", found) if found is not None else AwaitedLine(socket, stuck_after_s, on_stuck)
