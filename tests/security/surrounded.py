"""A server in the test's event loop, behind a certificate or a proxy, and a small application that says who asks."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trustme
from starlette.types import ASGIApp, Receive, Scope, Send

from kilowatch.web.serve import Server, Surroundings, bound


@asynccontextmanager
async def served(
    app: ASGIApp,
    surroundings: Surroundings = Surroundings(),  # noqa: B008
    *,
    host: str = "127.0.0.1",
) -> AsyncGenerator[int]:
    """The port of a running server."""
    listener = bound(host, 0)
    server = Server(app, surroundings)
    task = asyncio.create_task(server._serve([listener]))  # pyright: ignore[reportPrivateUsage] - serve() takes signals
    try:
        while not server.started:
            if task.done():
                await task
            await asyncio.sleep(0.005)
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await task


async def who_asks(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the client's address and the scheme, over HTTP and websockets."""
    if scope["type"] == "lifespan":
        for word in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{word}.complete"})
        return
    said = json.dumps([scope["client"][0], scope["scheme"]])
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": said})
        await send({"type": "websocket.close"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": said.encode()})


def write_certificate(ca: trustme.CA, folder: Path, *names: str, **options: Any) -> Path:
    """A file with a certificate of these names, and its key."""
    path = folder / "server.pem"
    ca.issue_cert(*names, **options).private_key_and_cert_chain_pem.write_to_path(path)
    return path
