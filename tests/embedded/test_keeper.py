import subprocess
import threading
from collections.abc import Callable

import pytest

from kilowatch.embedded.keeper import Child, ChildFailedError, Keeper
from tests.embedded.waiting import eventually


def sleeper(_stopping: threading.Event) -> Child:
    return subprocess.Popen(["/bin/sleep", "60"])


def end(child: Child) -> None:
    child.kill()
    child.wait()


def keeper(*, launch: Callable[[threading.Event], Child] = sleeper, fault: Callable[[Child], str | None]) -> Keeper:
    return Keeper("sleeper", launch=launch, fault=fault, end=end)


def test_a_first_launch_that_fails_is_the_callers_error() -> None:
    def broken(_stopping: threading.Event) -> Child:
        raise ChildFailedError("no bed")

    kept = keeper(launch=broken, fault=lambda _: None)
    with pytest.raises(ChildFailedError, match="no bed"):
        kept.start()
    kept.stop()
    assert kept.pid is None


def test_a_later_launch_that_fails_is_tried_again() -> None:
    outcomes = iter([sleeper, None, sleeper])

    def moody(stopping: threading.Event) -> Child:
        outcome = next(outcomes)
        if outcome is None:
            raise OSError("fork: try again")
        return outcome(stopping)

    kept = keeper(launch=moody, fault=lambda _: None)
    kept.start()
    first = kept.pid
    subprocess.run(["/bin/kill", "-9", str(first)], check=True)
    eventually(lambda: kept.pid not in (None, first))
    kept.stop()


def test_a_faulty_child_is_replaced() -> None:
    faults = iter(["it snores"])
    kept = keeper(fault=lambda _: next(faults, None))
    kept.start()
    first = kept.pid
    eventually(lambda: kept.pid not in (None, first))
    kept.stop()
    assert kept.pid is None


def test_a_check_that_fails_ends_neither_child_nor_watch() -> None:
    asked = threading.Semaphore(0)

    def broken(_child: Child) -> str | None:
        asked.release()
        raise OSError("disk full")

    kept = keeper(fault=broken)
    kept.start()
    first = kept.pid
    for _ in range(2):
        assert asked.acquire(timeout=10)
    assert kept.pid == first
    kept.stop()
