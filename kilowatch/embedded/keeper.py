"""Turns a way to launch a child process into a child that is there until it is no longer wanted."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from subprocess import Popen
from typing import Final

_POLL_S: Final = 0.2
_STEADY_S: Final = 10.0
_LONGEST_PAUSE_S: Final = 30.0

_log = logging.getLogger(__name__)

Child = Popen[bytes]


class ChildFailedError(RuntimeError):
    """A child process did not start, or died; the message carries the last lines that it said."""


class Keeper:
    """Keeps one child alive from a thread of its own, which launches, watches, relaunches and ends it.

    All launches happen in that one thread because Linux ties a child's parent-death signal to the thread that
    started it.

    `launch` returns a child that is ready, gives up soon after its event is set, and raises ChildFailedError;
    `fault` says what is wrong with a running child, or None; `end` ends it.
    """

    def __init__(
        self,
        name: str,
        *,
        launch: Callable[[threading.Event], Child],
        fault: Callable[[Child], str | None],
        end: Callable[[Child], None],
    ) -> None:
        self._name = name
        self._launch = launch
        self._fault = fault
        self._end = end
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._child: Child | None = None

    @property
    def pid(self) -> int | None:
        """The live child's pid; None while there is none."""
        child = self._child
        return child.pid if child is not None and child.poll() is None else None

    def start(self) -> None:
        """Returns when the child is ready.

        Raises:
            ChildFailedError: the first launch failed; nothing is left running.
        """
        started: Future[None] = Future()
        self._stopping.clear()
        self._thread = threading.Thread(target=self._keep, args=(started,), name=self._name, daemon=True)
        self._thread.start()
        started.result()

    def stop(self) -> None:
        """Ends the child and returns when it is gone; does nothing when there is none."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _keep(self, started: "Future[None]") -> None:
        pause_s = 0.0
        while not self._stopping.wait(pause_s):
            since = time.monotonic()
            try:
                self._child = self._launch(self._stopping)
            except Exception as error:  # noqa: BLE001 - the keeper must outlive anything that a launch meets
                if not started.done():
                    started.set_exception(error)
                    return
                _log.error("%s does not come back: %s", self._name, error)
            else:
                if not started.done():
                    started.set_result(None)
                self._watch(self._child)
            steady = time.monotonic() - since > _STEADY_S
            pause_s = 0.0 if steady else min(max(0.25, 2 * pause_s), _LONGEST_PAUSE_S)

    def _watch(self, child: Child) -> None:
        while child.poll() is None and not self._stopping.wait(_POLL_S):
            fault = self._checked(child)
            if fault is not None:
                _log.error("%s is ended and started again: %s", self._name, fault)
                break
        if child.poll() is not None:
            _log.error("%s died (exit code %s) and is started again", self._name, child.returncode)
        self._end(child)

    def _checked(self, child: Child) -> str | None:
        """A check that fails says nothing about the child, which goes on."""
        try:
            return self._fault(child)
        except Exception:  # noqa: BLE001 - whatever it is, it must not end the watch
            _log.exception("%s could not be checked", self._name)
            return None
