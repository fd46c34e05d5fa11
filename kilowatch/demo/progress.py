"""Turns steps that are done into a moving bar on a terminal, and into a line now and then in a file."""

import math
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

LINE_EVERY_S: Final = 10.0


@contextmanager
def told_progress(title: str, *, total: int, console: Console) -> Generator[Callable[[int], None]]:
    """A function that is told how many more of the `total` are done."""
    if not console.is_terminal:
        yield lines(title, total=total, console=console, clock=time.monotonic)
        return
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(title, total=total)
        yield lambda count: progress.advance(task, count)


def lines(title: str, *, total: int, console: Console, clock: Callable[[], float]) -> Callable[[int], None]:
    """The same by lines of text: the first at once, then one every 10 s of the clock, and one at the end."""
    done = 0
    told_s = -math.inf

    def advance(count: int) -> None:
        nonlocal done, told_s
        done += count
        now_s = clock()
        if now_s - told_s >= LINE_EVERY_S or done == total:
            told_s = now_s
            console.print(f"{title}: {done:,} of {total:,}", highlight=False)

    return advance
