"""Turns a condition into a wait for it, with a deadline."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

_PATIENCE_S = 90.0


def until(look: Callable[[], Found]) -> Found:
    ends_at = time.monotonic() + _PATIENCE_S
    while not (found := look()):
        if time.monotonic() > ends_at:
            raise TimeoutError("the benchmark waits in vain")
        time.sleep(0.02)
    return found
