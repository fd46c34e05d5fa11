"""Turns a `kilowatch` command into a child process that is kept running until it is stopped."""

import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from kilowatch.embedded.keeper import Child, Keeper

_STOP_WITHIN_S: Final = 8.0


def kept_command(verb: str, *, environment: Mapping[str, str], log_file: Path) -> Keeper:
    """A keeper of `kilowatch <verb>`, not started yet; what the command prints is appended to `log_file`.

    The child's standard input is a pipe that nobody writes to: it closes when this process ends in any way, and the
    child then ends as well (see kilowatch.lifetime).
    """

    def launch(_stopping: threading.Event) -> Child:
        with os.fdopen(os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as output:
            return subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, "-m", "kilowatch", verb],
                env={**os.environ, **environment, "KILOWATCH_END_WITH_STDIN": "1"},
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in the terminal is for the parent alone
            )

    return Keeper(f"kilowatch {verb} ({log_file})", launch=launch, fault=lambda _child: None, end=_end)


def _end(child: Child) -> None:
    child.terminate()
    try:
        child.wait(_STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    if child.stdin is not None:
        child.stdin.close()


def stop_all(keepers: Sequence[Keeper]) -> None:
    """Stops every command at the same time and waits for all."""
    threads = [threading.Thread(target=keeper.stop) for keeper in keepers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
