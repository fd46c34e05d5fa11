"""Turns the wish for a loopback port into one that is free now and likely to stay so."""

import secrets
import socket

_LOWEST, _HIGHEST = 20_000, 32_767  # below Linux's ephemeral range: no outgoing connection takes it meanwhile
_ATTEMPTS = 50


def port_is_free(port: int) -> bool:
    """Whether a server could listen on 127.0.0.1:`port` now; connections in TIME_WAIT do not count."""
    with socket.socket() as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def pick_port() -> int:
    """A free loopback port, at random, so that two programs that pick at the same time rarely meet."""
    for _ in range(_ATTEMPTS):
        port = _LOWEST + secrets.randbelow(_HIGHEST - _LOWEST + 1)
        if port_is_free(port):
            return port
    with socket.socket() as candidate:
        candidate.bind(("127.0.0.1", 0))
        return int(candidate.getsockname()[1])
