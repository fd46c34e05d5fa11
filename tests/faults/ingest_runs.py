"""Turns a database and a broker into an ingest process that is killed and started again."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from kilowatch.embedded.postgres import EmbeddedPostgres
from tests.faults.waiting import eventually, one

_PROCESS = Path(__file__).with_name("ingest_process.py")
_ROOT = Path(__file__).parents[2]


class Ingest:
    """The process, which is started again after each kill; what it logs is kept in a file."""

    def __init__(self, database: str, mqtt_url: str, *options: str, log: Path) -> None:
        self._arguments = [sys.executable, str(_PROCESS), database, mqtt_url, *options]
        self._process: subprocess.Popen[bytes] | None = None
        self._log = log

    def start(self) -> None:
        environment = {**os.environ, "PYTHONPATH": str(_ROOT)}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._arguments, cwd=_ROOT, env=environment, stderr=log)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def logged(self) -> str:
        return self._log.read_text("utf-8")

    @property
    def memory_bytes(self) -> int:
        assert self._process is not None
        return psutil.Process(self._process.pid).memory_info().rss


@contextmanager
def ingesting(database: str, mqtt_url: str, *options: str, log: Path) -> Iterator[Ingest]:
    """From when its session exists at the broker."""
    ingest = Ingest(database, mqtt_url, *options, log=log)
    ingest.start()
    try:
        eventually(lambda: one(database, "SELECT is_connected FROM ingest_status") is True)
        yield ingest
    finally:
        ingest.kill()


def kill_postmaster(postgres: EmbeddedPostgres) -> None:
    """Its supervisor starts it again, and it recovers from its log."""
    eventually(lambda: postgres.pid is not None)
    pid = postgres.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: postgres.pid not in (pid, None))
