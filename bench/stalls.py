"""Turns an ASGI application into one that also tells how long its event loop was stalled, and its CPU time.

`python -m bench.stalls NAME PORT DATABASE_URL` runs ours (`ours`), or a peer: Strawberry as its tutorial has it, or one
of bench/log_in.py. `/stalls?quick` answers at once, and forgets nothing.
"""

import asyncio
import json
import resource
import runpy
import sys
import time
from pathlib import Path
from typing import Any

from bench.signing import LINK_KEY, ring
from kilowatch.serve import application
from kilowatch.settings import Settings
from kilowatch.web.serve import Surroundings, bound, run_on

_EVERY_S = 0.001
PATH = "/stalls"
_PEERS = {"plain Strawberry": "api_plain_strawberry.py", "inline log-in": "log_in_inline.py"}


def command(name: str, url: str) -> list[str]:
    """What runs one of them; PORT is replaced."""
    return [sys.executable, "-m", "bench.stalls", name, "PORT", url]


class Ticking:
    """Answers GET /stalls with the longest stall in ms and the CPU in ms since it was asked last."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._ticker: asyncio.Task[None] | None = None
        self._longest_s = self._cpu_s = 0.0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self._ticker is None:
            self._ticker = asyncio.create_task(self._tick())
        if scope.get("path") == PATH:
            await self._tell(send, is_quick=bool(scope["query_string"]))
        else:
            await self._app(scope, receive, send)

    async def _tick(self) -> None:
        """A task that wants to run every millisecond: what the loop's thread computes between two of its turns.

        CPU time of the thread, not time of the clock: other processes of the machine stall nothing of ours.
        """
        while True:
            before_s = time.thread_time()
            await asyncio.sleep(_EVERY_S)
            self._longest_s = max(self._longest_s, time.thread_time() - before_s)

    async def _tell(self, send: Any, *, is_quick: bool) -> None:
        if is_quick:
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        await asyncio.sleep(_EVERY_S * 2)  # the ticker sees what has just ended
        used = resource.getrusage(resource.RUSAGE_SELF)
        cpu_s, before_s = used.ru_utime + used.ru_stime, self._cpu_s
        told = {"longest_ms": self._longest_s * 1000, "cpu_ms": (cpu_s - before_s) * 1000}
        self._longest_s, self._cpu_s = 0.0, cpu_s
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(told).encode()})


def main() -> None:
    name, port, url = sys.argv[1:]
    if name == "ours":
        settings = Settings(database_url=url, graphiql=False, cost_per_minute=10**9)
        app: Any = application(settings, key=LINK_KEY, keys=ring())
    else:
        app = runpy.run_path(str(Path(__file__).with_name("peers") / _PEERS[name]))["app"]
    run_on(bound("127.0.0.1", int(port)), Ticking(app), surroundings=Surroundings(trusted_proxies=("127.0.0.1",)))


if __name__ == "__main__":
    main()
