"""The proxy that tests break the network by closes whatever it opened, so that it leaves no warning to another test."""

import gc
import socket
from contextlib import ExitStack

from tests.fixtures.proxy import Proxy

_ROUNDS, _CLIENTS = 30, 8


def come_while_it_ends() -> None:
    """Clients whose connections are being taken, or made further on, when the proxy ends."""
    upstream = socket.create_server(("127.0.0.1", 0))
    with ExitStack() as clients, upstream, Proxy(upstream.getsockname()[1]) as proxy:
        for _ in range(_CLIENTS):
            clients.enter_context(socket.create_connection(("127.0.0.1", proxy.port)))


def test_a_proxy_that_ends_leaves_no_connection_to_the_garbage_collector() -> None:
    for _ in range(_ROUNDS):
        come_while_it_ends()
    gc.collect()  # what was left open is a ResourceWarning, which fails this test
