import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

import psutil
import pytest

from kilowatch.embedded.broker import EmbeddedBroker, PortTakenError
from kilowatch.embedded.handshake import accepts_clients, connect_packet
from kilowatch.embedded.ports import pick_port, port_is_free
from tests.embedded.waiting import eventually

PARENT = """
import sys
from kilowatch.embedded.broker import EmbeddedBroker
broker = EmbeddedBroker()
broker.start()
print(broker.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as running:
        yield running


def port_of(url: str) -> int:
    return urlsplit(url).port


def welcomes(url: str, *, level: int = 5) -> bool:
    return accepts_clients(port_of(url), level=level, client_id=f"visitor-{level}", within_s=20)


def test_clients_of_both_versions_are_welcome(broker: EmbeddedBroker) -> None:
    assert broker.url == f"mqtt://127.0.0.1:{port_of(broker.url)}"
    assert welcomes(broker.url, level=5)
    assert welcomes(broker.url_v311, level=4)


def test_it_listens_on_loopback_only(broker: EmbeddedBroker) -> None:
    listening = [s.laddr for s in psutil.Process(broker.pid).net_connections() if s.status == psutil.CONN_LISTEN]
    assert sorted(listening) == sorted(("127.0.0.1", port_of(url)) for url in (broker.url, broker.url_v311))


def test_a_stop_frees_the_ports_and_a_start_takes_those_asked_for() -> None:
    port = pick_port()
    for _ in range(2):
        broker = EmbeddedBroker(port=port)
        assert broker.start() == f"mqtt://127.0.0.1:{port}"
        broker.stop()
        broker.stop()
        assert broker.pid is None
        assert port_is_free(port)


def test_a_taken_port_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTakenError, match=str(port)):
            EmbeddedBroker(port=port).start()


def test_a_killed_broker_comes_back_on_the_same_url(broker: EmbeddedBroker) -> None:
    url, killed = broker.url, broker.pid
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: broker.pid not in (None, killed) and welcomes(url))
    assert broker.url == url


def test_a_broker_that_lives_but_is_deaf_is_replaced(broker: EmbeddedBroker) -> None:
    """Two clients of one id that vanish before their CONNACK poison rumqttd 0.20's listener for good."""
    deaf = broker.pid
    while broker.pid == deaf:
        vanish_after_connect(port_of(broker.url))
    eventually(lambda: broker.pid not in (None, deaf) and welcomes(broker.url))


def test_it_ends_with_the_process_that_started_it() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with parent:
        broker = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    eventually(lambda: not broker.is_running() or broker.status() == psutil.STATUS_ZOMBIE)


def test_the_terminals_ctrl_c_does_not_reach_it(broker: EmbeddedBroker) -> None:
    assert os.getsid(broker.pid) != os.getsid(0)


def test_a_buffer_of_less_than_two_segments_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 16"):
        EmbeddedBroker(buffer_mib=8)


def vanish_after_connect(port: int) -> None:
    at_once = struct.pack("ii", 1, 0)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
            client.sendall(connect_packet(level=5, client_id=b"victim"))
    except OSError:
        return
