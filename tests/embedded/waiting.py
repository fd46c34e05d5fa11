"""Turns a condition into a wait for it, with a deadline."""

import time
from collections.abc import Callable


def eventually(condition: Callable[[], object], *, within_s: float = 30) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)
