"""Turns what an earlier run left behind (servers, backends, pid files) into a cluster that is free to start.

Needed after a kill -9 of us or of the postmaster, and after a reboot. The caller holds the folder's lock, so no
live supervisor owns any of it.
"""

import logging
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

_SHUTDOWN_S = 60.0
_WAIT_S = 5.0

_log = logging.getLogger(__name__)


def clear_orphans(cluster: Path) -> None:
    """Returns when no Postgres process works in `cluster` and its pid file misleads nobody.

    A running postmaster is shut down in order (SIGINT, which checkpoints), a minute later at once (SIGQUIT), at
    last killed. Backends without a postmaster are waited for, because a new one refuses to start beside them.
    """
    processes = processes_in(cluster)
    postmaster = next((process for process in processes if process.pid == pid_in_file(cluster)), None)
    if postmaster is not None:
        _log.warning("Stopping Postgres %d, which an earlier run left behind in %s", postmaster.pid, cluster)
        _signal([postmaster], signal.SIGINT)
        _wait_until_gone(processes, within_s=_SHUTDOWN_S)
    elif processes:
        _log.warning("Waiting for %d backends whose postmaster has died", len(processes))
        _wait_until_gone(processes, within_s=_WAIT_S)
    for harder in (signal.SIGQUIT, signal.SIGKILL):
        rest = processes_in(cluster)
        _signal(rest, harder)
        _wait_until_gone(rest, within_s=_WAIT_S)
    _drop_misleading_pid_file(cluster)


def processes_in(cluster: Path) -> list[psutil.Process]:
    """Live Postgres processes whose working directory is `cluster`; all of them work there, and nobody else."""
    return [process for process in psutil.process_iter() if _works_in(process, cluster)]


def pid_in_file(cluster: Path) -> int | None:
    """The pid that `postmaster.pid` names; None when there is no such file or no pid in it."""
    try:
        return int((cluster / "postmaster.pid").read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None


def _works_in(process: psutil.Process, cluster: Path) -> bool:
    """Not for zombies: their working directory is gone."""
    try:
        return process.name() == "postgres" and cluster.samefile(process.cwd())
    except (psutil.Error, OSError):
        return False


def _drop_misleading_pid_file(cluster: Path) -> None:
    """Removes a pid file that Postgres would believe: its pid is a stranger's or a zombie's, or it is garbled.

    One that names a dead pid stays: Postgres examines that itself, shared memory included.
    """
    path = cluster / "postmaster.pid"
    pid = pid_in_file(cluster)
    if path.exists() and (pid is None or psutil.pid_exists(pid)):
        _log.warning("Removing a stale postmaster.pid (pid %s is not this cluster's)", pid)
        path.unlink()


def _signal(processes: Sequence[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue


def _wait_until_gone(processes: Sequence[psutil.Process], *, within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while any(_is_alive(process) for process in processes) and time.monotonic() < deadline:
        time.sleep(0.02)


def _is_alive(process: psutil.Process) -> bool:
    """A zombie is dead: its parent, slow to reap it, is not ours to wait for."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
