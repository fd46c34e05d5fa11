"""Turns the brokers of this machine into running ones for a benchmark."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bench.processes import free_port, listens
from bench.waiting import until
from kilowatch.embedded.broker import EmbeddedBroker

_PATH = f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin"  # where Debian puts mosquitto


@dataclass(frozen=True, slots=True)
class Broker:
    """A running broker: ingest speaks MQTT 5 to it, the publisher 3.1.1."""

    name: str
    url: str
    port_v311: int
    pid: int

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 0


@contextmanager
def embedded() -> Generator[Broker]:
    with EmbeddedBroker() as broker:
        pid = broker.pid
        assert pid is not None
        yield Broker("embedded broker", broker.url, urlsplit(broker.url_v311).port or 0, pid)


@contextmanager
def mosquitto() -> Generator[Broker]:
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "mosquitto.conf")
        config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n")
        process = subprocess.Popen(
            [shutil.which("mosquitto", path=_PATH) or "mosquitto", "-c", config], stderr=subprocess.DEVNULL
        )
        try:
            until(lambda: listens(port))
            yield Broker("mosquitto", f"mqtt://127.0.0.1:{port}", port, process.pid)
        finally:
            process.terminate()
            process.wait()


def brokers() -> list[Callable[[], AbstractContextManager[Broker]]]:
    """Those that this machine has; a line says which one is missing."""
    if shutil.which("mosquitto", path=_PATH):
        return [mosquitto, embedded]
    print("mosquitto is not installed and left out: apt-get install mosquitto")
    return [embedded]
