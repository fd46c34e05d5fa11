"""Runs the application on a socket with uvicorn until it is stopped."""

import gc
import socket
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from kilowatch.web.endpoint.http_protocol import HttpProtocol
from kilowatch.web.sockets.conversation import MAX_MESSAGE_BYTES
from kilowatch.web.sockets.socket_protocol import SocketProtocol

_STOP_WITHIN_S = 2
_PING_EVERY_S, _PONG_WITHIN_S = 20.0, 20.0
_BACKLOG = 2048


def config(app: ASGIApp) -> uvicorn.Config:
    """How the application is served: websockets without compression and up to 64 KB a message, pings every 20 s.

    Compression costs 42 KB and 15 % of the time a message, and shared frames could not be compressed for each.
    """
    return uvicorn.Config(
        app,
        loop="uvloop",
        http=HttpProtocol,
        ws=SocketProtocol,
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        ws_ping_interval=_PING_EVERY_S,
        ws_ping_timeout=_PONG_WITHIN_S,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=20,
        timeout_graceful_shutdown=_STOP_WITHIN_S,
        backlog=_BACKLOG,
    )


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 takes a free one, see `getsockname`.

    Raises:
        OSError: the address is in use, or is not this machine's.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    listener.listen(_BACKLOG)
    listener.settimeout(0)
    return listener


def run(app: ASGIApp, *, host: str, port: int) -> None:
    """Serves until SIGINT or SIGTERM, then stops within 3 s and returns; websockets are closed with 1001.

    Raises:
        OSError: the address cannot be listened on.
    """
    run_on(bound(host, port), app)


def run_on(listener: socket.socket, app: ASGIApp) -> None:
    """Serves on a socket that listens, as `run` does.

    What there is by now (modules, the schema) stays for good, so the garbage collector need not look at it again: a
    full collection took 100 ms, in which nobody was served, and half of the time of an answer with many objects.
    """
    gc.collect()
    gc.freeze()
    Server(config(app)).run(sockets=[listener])


class Server(uvicorn.Server):
    """uvicorn's server, which ends as asked: a signal that stopped it is not raised once more afterwards."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Asks the server to stop; a second SIGINT, at once."""
        super().handle_exit(sig, frame)
        self._captured_signals.clear()
