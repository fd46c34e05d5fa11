"""Turns a buffer size into a private MQTT broker on loopback that runs as long as we do."""

import atexit
import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

import psutil

from kilowatch.embedded.handshake import accepts_clients
from kilowatch.embedded.keeper import Child, ChildFailedError, Keeper
from kilowatch.embedded.ports import pick_port, port_is_free

_CHILD: Final = Path(__file__).with_name("broker_child.py")
_SEGMENT_MIB: Final = 8
_START_S: Final = 20.0
_PROBE_EVERY_S: Final = 5.0
_PROBE_WITHIN_S: Final = 5.0
_PATIENCE: Final = 3

_log = logging.getLogger(__name__)


class PortTakenError(RuntimeError):
    """Something else listens on the port that was asked for; the message names the port."""


class EmbeddedBroker:
    """rumqttd, from the iotcore wheel, in a child process on 127.0.0.1, without passwords.

    Sessions and messages live in memory: they are lost when the broker stops or restarts, so a publisher's
    PUBACK is worth as much as this process. `buffer_mib` counts the topic and payload bytes that are kept for
    each topic filter, consumed or not (about twice as much memory); when it is full, the oldest 8 MiB vanish
    silently. Subscribe without `$share` and without topic aliases, and acknowledge in order:
    docs/decisions/0001-embedded-services.md says why.
    """

    def __init__(
        self,
        *,
        port: int | None = None,
        port_v311: int | None = None,
        buffer_mib: int = 512,
        max_payload_kib: int = 1024,
        max_connections: int = 10_000,
    ) -> None:
        """`port` serves MQTT 5, `port_v311` MQTT 3.1.1: rumqttd needs one each. None picks free ones."""
        if buffer_mib < 2 * _SEGMENT_MIB:
            raise ValueError(f"buffer_mib is {buffer_mib}, at least {2 * _SEGMENT_MIB} is needed")
        self._wanted = {5: port, 4: port_v311}
        self._buffer_mib = buffer_mib
        self._max_payload_kib = max_payload_kib
        self._max_connections = max_connections
        self._keeper: Keeper | None = None
        self._ports: dict[int, int] = {}

    @property
    def url(self) -> str:
        """mqtt://127.0.0.1:<port> for MQTT 5 clients; valid after `start`, the same after a restart."""
        return self._url(5)

    @property
    def url_v311(self) -> str:
        """mqtt://127.0.0.1:<port> for MQTT 3.1.1 clients, onto the same topics."""
        return self._url(4)

    @property
    def pid(self) -> int | None:
        """The broker process's pid; None while it is not running."""
        return self._keeper.pid if self._keeper else None

    def start(self) -> str:
        """The `url`, once clients of both versions are welcome.

        Raises:
            PortTakenError: a port that was asked for is in use.
            ChildFailedError: the broker did not come up.
        """
        if self._keeper is None:
            self._ports = {level: _usable(port) for level, port in self._wanted.items()}
            server = _Server(self._ports, config=self._config())
            self._keeper = Keeper("The MQTT broker", launch=server.launch, fault=server.fault, end=server.end)
            try:
                self._keeper.start()
            except BaseException:
                self.stop()
                raise
            atexit.register(self.stop)
        return self.url

    def stop(self) -> None:
        """Ends the broker with all that it holds; idempotent."""
        atexit.unregister(self.stop)
        if self._keeper is not None:
            self._keeper.stop()
            self._keeper = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _url(self, level: int) -> str:
        if not self._ports:
            raise RuntimeError("The embedded broker has not been started")
        return f"mqtt://127.0.0.1:{self._ports[level]}"

    def _config(self) -> str:
        """The broker's TOML. Its packet limit leaves room for topic and properties beside the payload."""
        return f"""id = 0
[router]
id = 0
max_connections = {self._max_connections}
max_outgoing_packet_count = 200
max_segment_size = {_SEGMENT_MIB * 2**20}
max_segment_count = {self._buffer_mib // _SEGMENT_MIB}
""" + "".join(
            f"""[v{level}.1]
name = "v{level}"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1
[v{level}.1.connections]
connection_timeout_ms = 10000
max_payload_size = {(self._max_payload_kib + 64) * 2**10}
max_inflight_count = 500
"""
            for level, port in self._ports.items()
        )


class _Server:
    """What the keeper needs to know about the broker process.

    A process that lives is not enough: a panic in one of rumqttd's threads leaves it running, but deaf.
    """

    def __init__(self, ports: dict[int, int], *, config: str) -> None:
        self._ports = ports
        self._config = config
        self._panicked = threading.Event()
        self._failures = 0
        self._probe_id = 0
        self._probed_at_s = 0.0

    def launch(self, stopping: threading.Event) -> Child:
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as config:
            config.write(self._config)
            config.flush()
            child = self._spawn(config.name)
            try:
                self._wait_until_it_listens(child, stopping=stopping)
            except BaseException:
                self.end(child)
                raise
        return child

    def fault(self, _child: Child) -> str | None:
        """Probes every 5 s and right after a panic; the broker is given up after three failures, or one panic."""
        if not self._panicked.is_set() and time.monotonic() < self._probed_at_s + _PROBE_EVERY_S:
            return None
        panicked = self._panicked.is_set()
        self._panicked.clear()
        welcome = self._welcomes()
        self._failures = 0 if welcome else self._failures + 1
        if welcome or (self._failures < _PATIENCE and not panicked):
            return None
        return "it welcomes no clients any more; the messages that it held are lost"

    def end(self, child: Child) -> None:
        """Closing its standard input ends it at once."""
        if child.stdin is not None:
            child.stdin.close()
        try:
            child.wait(timeout=2)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    def _spawn(self, config_path: str) -> Child:
        child = subprocess.Popen(  # noqa: S603 - a program that we looked for, with words of ours
            [sys.executable, "-P", str(_CHILD), config_path],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd="/",
            env={**os.environ, "RUST_BACKTRACE": "0"},
            start_new_session=True,  # the terminal's Ctrl-C is for us to pass on
        )
        self._panicked.clear()
        self._failures = 0
        threading.Thread(target=self._pass_on, args=(child.stderr,), daemon=True).start()
        return child

    def _pass_on(self, stderr: IO[bytes]) -> None:
        with stderr:
            for line in stderr:
                text = line.decode(errors="replace").rstrip()
                _log.warning("MQTT broker: %s", text)
                if "panicked at" in text:
                    self._panicked.set()

    def _wait_until_it_listens(self, child: Child, *, stopping: threading.Event) -> None:
        deadline = time.monotonic() + _START_S
        while not (self._listens(child) and self._welcomes()):
            if child.poll() is not None:
                raise ChildFailedError(f"The MQTT broker died at start (exit code {child.returncode})")
            if time.monotonic() > deadline:
                raise ChildFailedError(f"The MQTT broker does not listen on {self._ports} after {_START_S} s")
            if stopping.wait(0.01):
                raise ChildFailedError("Stopped while starting")

    def _listens(self, child: Child) -> bool:
        """Whether the ports are the child's own, and not those of a program that was quicker."""
        try:
            sockets = psutil.Process(child.pid).net_connections(kind="tcp4")
        except psutil.Error:
            return False
        return {socket.laddr.port for socket in sockets if socket.status == psutil.CONN_LISTEN} >= set(
            self._ports.values()
        )

    def _welcomes(self) -> bool:
        """Under a client id that no broken-off CONNECT has used: rumqttd chokes on the next one from such an id."""
        self._probed_at_s = time.monotonic()
        for level, port in self._ports.items():
            client_id = f"kilowatch-probe-{level}-{self._probe_id}"
            if not accepts_clients(port, level=level, client_id=client_id, within_s=_PROBE_WITHIN_S):
                self._probe_id += 1
                return False
        return True


def _usable(port: int | None) -> int:
    if port is None:
        return pick_port()
    if not port_is_free(port):
        raise PortTakenError(f"Port {port} of 127.0.0.1 is in use")
    return port
