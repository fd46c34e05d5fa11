"""A peer of bench/fanout.py: a subscription as Strawberry's documents have it, one queue a subscriber, in memory.

Arguments: port, panels, messages a second for each panel. It begins to publish on SIGUSR2.
"""

import asyncio
import signal
import sys
import time
from collections import defaultdict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import strawberry
import uvicorn
from starlette.applications import Starlette
from strawberry.asgi import GraphQL

port, panels, rate = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
queues: dict[str, set[asyncio.Queue]] = defaultdict(set)
begin = asyncio.Event()


@strawberry.type
class Reading:
    at: datetime
    active_power_kw: float
    energy_import_kwh: float


@strawberry.type
class ReadingReceived:
    panel_code: str
    reading: Reading


@strawberry.type
class Query:
    hello: str = "hello"


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def panel_readings(self, code: str) -> AsyncGenerator[ReadingReceived, None]:
        queue: asyncio.Queue[ReadingReceived] = asyncio.Queue()
        queues[code].add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            queues[code].discard(queue)


async def publish() -> None:
    await begin.wait()
    began_s, sent = time.monotonic(), 0
    while True:
        await asyncio.sleep(max(began_s + sent / (rate * panels) - time.monotonic(), 0))
        code = f"P{sent % panels + 1}"
        reading = Reading(at=datetime.now(UTC), active_power_kw=time.time(), energy_import_kwh=sent / 100)
        for queue in queues[code]:
            queue.put_nowait(ReadingReceived(panel_code=code, reading=reading))
        sent += 1


@asynccontextmanager
async def lifespan(_app: Starlette):
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR2, begin.set)
    task = asyncio.create_task(publish())
    yield
    task.cancel()


app = Starlette(lifespan=lifespan)
app.mount("/graphql", GraphQL(strawberry.Schema(Query, subscription=Subscription)))

if __name__ == "__main__":
    uvicorn.run(app, port=port, log_level="warning", ws_per_message_deflate=False)
