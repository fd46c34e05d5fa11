"""Keeps `kilowatch` commands running as child processes: started again when they die, stopped together."""

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

log = logging.getLogger(__name__)

_RESTART_AFTER_S = 1.0
_STOP_WITHIN_S = 6.0


@dataclass(slots=True)
class Child:
    """One command and the process that runs it now.

    The child's standard input is a pipe that nobody writes to: it closes when this process ends in any way, and the
    child then ends as well (see kilowatch.lifetime).
    """

    verb: str
    environment: Mapping[str, str]
    log_file: Path
    arguments: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None
    _stopping: threading.Event = field(default_factory=threading.Event)
    _watcher: threading.Thread | None = None

    def start(self) -> None:
        """Starts the process and watches over it."""
        self._spawn()
        self._watcher = threading.Thread(target=self._watch, name=f"watch {self.verb}", daemon=True)
        self._watcher.start()

    def stop(self) -> None:
        """Asks the process to end, and ends it after 6 s."""
        self._stopping.set()
        process = self.process
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            log.warning("%s did not stop within %.0f s and was killed", self.verb, _STOP_WITHIN_S)
            process.kill()
            process.wait()

    def _spawn(self) -> None:
        with self.log_file.open("ab") as output:
            self.process = self._popen(output)

    def _popen(self, output: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "kilowatch", self.verb, *self.arguments],
            env={**os.environ, **self.environment, "KILOWATCH_END_WITH_STDIN": "1"},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C in the terminal is for the parent alone
        )

    def _watch(self) -> None:
        while self.process is not None:
            code = self.process.wait()
            if self._stopping.wait(_RESTART_AFTER_S):
                return
            log.warning("%s ended with code %s and is started again; its log: %s", self.verb, code, self.log_file)
            self._spawn()


def stop_all(children: list[Child]) -> None:
    """Stops every child at the same time and waits for all."""
    threads = [threading.Thread(target=child.stop) for child in children]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
