"""Turns itself into the given program, as the given account, tied to the life of the process that started it.

Run as a script: `launch.py PARENT_PID UID GID SIGNAL PROGRAM [ARGUMENT ...]`; UID -1 keeps the account.
It stands between us and Postgres because the alternative, `Popen(preexec_fn=...)`, may deadlock in a process
with threads. On Linux the kernel sends SIGNAL to the program when the thread that started it ends; elsewhere
nothing does, and the next start finds and stops the orphan.
"""

import os
import sys

try:  # before the change of account, which may take our own library folder out of reach
    import ctypes
except ImportError:  # a Python built without libffi
    ctypes = None

_PR_SET_PDEATHSIG = 1


def _drop_to(uid: int, gid: int) -> None:
    if uid < 0:
        return
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def _die_with(parent_pid: int, *, signal_number: int) -> None:
    if sys.platform == "linux" and ctypes is not None:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal_number)
    if os.getppid() != parent_pid:
        sys.exit("the process that asked for this one is gone")


def main(arguments: list[str]) -> None:
    """Does not return. The signal is set last, because a change of account clears it."""
    parent_pid, uid, gid, signal_number = (int(argument) for argument in arguments[:4])
    _drop_to(uid, gid)
    _die_with(parent_pid, signal_number=signal_number)
    os.execv(arguments[4], arguments[4:])  # noqa: S606 - the caller names the program by its full path


if __name__ == "__main__":
    main(sys.argv[1:])
