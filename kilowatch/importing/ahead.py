"""Turns an iterator into one whose items are made in a thread, ahead of being asked for."""

import queue
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class _End:
    """Nothing comes any more; `fault` is why, None at the end."""

    fault: BaseException | None = None


def made_ahead(items: Iterator[Item], *, at_most: int) -> Generator[Item]:
    """The items in their order, `at_most` of them made before they are asked for; what the thread raises is raised.

    Closing the generator ends the thread once its item is made.
    """
    made: queue.Queue[Item | _End] = queue.Queue(at_most)
    is_over = threading.Event()
    thread = threading.Thread(target=_make, args=(items, made, is_over), name="made ahead", daemon=True)
    thread.start()
    try:
        while not isinstance(item := made.get(), _End):
            yield item
        if item.fault is not None:
            raise item.fault
    finally:
        is_over.set()
        while thread.is_alive():
            _drain(made)
            thread.join(0.05)


def _make(items: Iterator[Item], made: "queue.Queue[Item | _End]", is_over: threading.Event) -> None:
    end = _End()
    try:
        for item in items:
            made.put(item)
            if is_over.is_set():
                return
    except BaseException as fault:  # noqa: BLE001 - raised where the items are asked for
        end = _End(fault)
    made.put(end)


def _drain(made: "queue.Queue[Item | _End]") -> None:
    while not made.empty():
        made.get_nowait()
