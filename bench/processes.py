"""Turns commands into processes that listen, packages of peers into installed ones, and processes into CPU seconds."""

import os
import socket
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from bench.waiting import until
from dashboard import node

_INSTALL_WITHIN_S = 240


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def listening(
    command: Sequence[str], port: int, *, environment: Mapping[str, str] | None = None, is_quiet: bool = False
) -> Generator[psutil.Process]:
    """A process of its own, once it listens on the port; it is ended afterwards."""
    errors = subprocess.DEVNULL if is_quiet else None
    with subprocess.Popen(command, env={**os.environ, **(environment or {})}, stderr=errors) as child:
        try:
            until(lambda: listens(port) or child.poll() is not None)
            assert child.poll() is None, f"{command[:2]} has ended"
            yield psutil.Process(child.pid)
        finally:
            child.terminate()


def cpu_s(process: psutil.Process) -> float:
    """What the process has used since it began, in s."""
    used = process.cpu_times()
    return used.user + used.system


def installed_node(folder: Path, packages: Sequence[str], *, who: str, at_least: int = 0) -> str | None:
    """The program of Node, once `who`'s packages are in `folder`; None with a line that says why not."""
    found = node.in_wheel() or node.find()
    if found is None or int(found.version.partition(".")[0]) < at_least:
        print(f"{who} is left out: it needs Node{f' {at_least}' if at_least else ''} with npm")
        return None
    install = [*found.npm, "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(folder), *packages]
    return found.program if _installs(install, who) else None


def has_python_packages(folder: Path, packages: Sequence[str], *, who: str) -> bool:
    """Whether `who`'s packages are in `folder` now; a line says why not."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--retries", "1"]
    return _installs([*pip, "--target", str(folder), *packages], who)


def _installs(command: Sequence[str], who: str) -> bool:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_WITHIN_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as trouble:
        print(f"{who} is left out: {trouble}")
        return False
    if done.returncode:
        print(f"{who} is left out: {(done.stderr.strip() or 'its packages cannot be had').splitlines()[-1]}")
    return done.returncode == 0
