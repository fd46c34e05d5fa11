"""Turns signals, and the end of the parent process, into one orderly stop of a command."""

import asyncio
import os
import signal
import threading
from collections.abc import Coroutine, Sequence

import uvloop


def run_until_stopped(work: Coroutine[None, None, None], *beside: Coroutine[None, None, None]) -> None:
    """Runs a command's work until it ends, or until SIGINT, SIGTERM or the end of the parent cancels it.

    What runs `beside` it is cancelled first, and ends it when it fails.
    """
    end_with_parent()
    uvloop.run(_cancelled_by_signals(_with(work, beside) if beside else work))


def end_with_parent() -> None:
    """Makes a child of `kilowatch demo` stop when the demo ends in any way, kill -9 included.

    The demo holds the other end of the child's standard input, which closes with it.
    """
    if os.environ.get("KILOWATCH_END_WITH_STDIN"):
        threading.Thread(target=_end_with_stdin, daemon=True).start()


async def _with(work: Coroutine[None, None, None], beside: Sequence[Coroutine[None, None, None]]) -> None:
    tasks = [asyncio.ensure_future(other) for other in beside]
    main = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait([main, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in (*tasks, main):
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _cancelled_by_signals(work: Coroutine[None, None, None]) -> None:
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        if not task.cancelled():
            raise


def _end_with_stdin() -> None:
    while os.read(0, 1):  # not sys.stdin: a thread that holds its lock makes the interpreter's end fail
        pass
    os.kill(os.getpid(), signal.SIGTERM)
