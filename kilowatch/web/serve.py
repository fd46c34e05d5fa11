"""Runs the application on a socket with uvicorn until it is stopped."""

import gc
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from types import FrameType
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from kilowatch.web.certificates import ServerCertificate
from kilowatch.web.endpoint.http_protocol import HttpProtocol
from kilowatch.web.security_headers import SecurityHeaders
from kilowatch.web.sockets.conversation import MAX_MESSAGE_BYTES
from kilowatch.web.sockets.socket_protocol import SocketProtocol

_STOP_WITHIN_S = 2
_PING_EVERY_S, _PONG_WITHIN_S = 20.0, 20.0
_BACKLOG = 2048
_LOOK_EVERY_TICKS = 100
"""How often a changed certificate is looked for, in uvicorn's ticks of 0.1 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What stands between clients and the server.

    With a certificate it speaks TLS. `trusted_proxies` are addresses and networks whose X-Forwarded-For and
    X-Forwarded-Proto are believed, for HTTP and websockets alike: then limits and logs go by the client's address.
    Without any, nobody's are: anybody can send those headers.
    """

    certificate: ServerCertificate | None = None
    trusted_proxies: Sequence[str] = ()


NOTHING_BETWEEN: Final = Surroundings()


def config(app: ASGIApp, *, surroundings: Surroundings = NOTHING_BETWEEN) -> uvicorn.Config:
    """How the application is served: websockets without compression and up to 64 KB a message, pings every 20 s.

    Compression costs 42 KB and 15 % of the time a message, and shared frames could not be compressed for each.
    """
    certificate = surroundings.certificate
    return uvicorn.Config(
        SecurityHeaders(app),
        ssl_context_factory=(lambda _config, _make: certificate.context) if certificate else None,
        proxy_headers=bool(surroundings.trusted_proxies),
        forwarded_allow_ips=_also_in_ipv6(surroundings.trusted_proxies),
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


def _also_in_ipv6(networks: Sequence[str]) -> list[str]:
    """The networks, and those of IPv4 also as a socket of `::` shows them: `::ffff:10.0.0.1`."""
    parsed = map(ip_network, networks)
    mapped = [f"::ffff:{one.network_address}/{96 + one.prefixlen}" for one in parsed if one.version == 4]
    return [*networks, *mapped]


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


def run_on(listener: socket.socket, app: ASGIApp, *, surroundings: Surroundings = NOTHING_BETWEEN) -> None:
    """Serves on a socket that listens, as `run` does.

    What there is by now (modules, the schema) stays for good, so the garbage collector need not look at it again: a
    full collection took 100 ms, in which nobody was served, and half of the time of an answer with many objects.
    """
    gc.collect()
    gc.freeze()
    Server(app, surroundings).run(sockets=[listener])


class Server(uvicorn.Server):
    """uvicorn's server, which ends as asked: a signal that stopped it is not raised once more afterwards."""

    def __init__(self, app: ASGIApp, surroundings: Surroundings = NOTHING_BETWEEN) -> None:
        super().__init__(config(app, surroundings=surroundings))
        self._certificate = surroundings.certificate

    async def on_tick(self, counter: int) -> bool:
        """Looks for a changed certificate every 10 s; whether the server is to end is uvicorn's to say."""
        if self._certificate is not None and counter % _LOOK_EVERY_TICKS == 0:
            self._certificate.renew()
        return await super().on_tick(counter)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Asks the server to stop; a second SIGINT, at once."""
        super().handle_exit(sig, frame)
        self._captured_signals.clear()
