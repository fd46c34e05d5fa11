"""Opens many subscriptions over graphql-transport-ws, counts what comes and notes when: a process of its own.

`python -m bench.websocket_load` reads one line of JSON, prints `ready` once every subscription has had its first
message, and writes what comes between two more lines on its input into the file `result`. It frames websockets
itself: a library would cost more than the server that is measured.
"""

import asyncio
import base64
import json
import os
import re
import resource
import struct
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import uvloop

_AT_A_TIME = 100
_NUMBER = re.compile(rb'"activePowerKw":\s*([-+.eE\d]+)')
_TEXT, _CLOSE, _PING = 1, 8, 9


@dataclass(slots=True)
class Count:
    """What all clients have received; `samples` are (the message's number, when it came in s since 1970)."""

    messages: int = 0
    closed: int = 0
    samples: list[tuple[float, float]] = field(default_factory=list)
    sample_every: int = 1


class Client(asyncio.Protocol):
    """One connection with one subscription."""

    def __init__(self, wanted: dict[str, Any], variables: dict[str, Any], count: Count) -> None:
        self.wanted, self.variables, self.count = wanted, variables, count
        self.is_first_here: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._rest = b""
        self._is_upgraded = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        key = base64.b64encode(os.urandom(16)).decode()
        self._transport.write(
            f"GET {self.wanted['path']} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        if not self._is_upgraded:
            head, found, data = data.partition(b"\r\n\r\n")
            if not found:
                self._rest = head
                return
            assert head.startswith(b"HTTP/1.1 101"), head
            self._is_upgraded = True
            self._send({"type": "connection_init", "payload": self.wanted["init"]})
        self._rest = self._frames(data)

    def _frames(self, data: bytes) -> bytes:
        """Takes whole frames; returns what is left of one that has yet to come."""
        place, size = 0, len(data)
        while size - place >= 2:
            opcode, length, start = data[place] & 15, data[place + 1], place + 2
            if length == 126:
                length, start = int.from_bytes(data[start : start + 2]), start + 2
            elif length == 127:
                length, start = int.from_bytes(data[start : start + 8]), start + 8
            if size < start + length:
                break
            place = start + length
            self._frame(opcode, data, start, place)
        return data[place:]

    def _frame(self, opcode: int, data: bytes, start: int, end: int) -> None:
        if opcode == _PING:
            self._write(10, data[start:end])
        elif opcode == _TEXT and self.is_first_here.done():
            self._message(data, start, end)
        elif opcode == _TEXT:
            self._opening(json.loads(data[start:end]))

    def _opening(self, message: dict[str, Any]) -> None:
        if message["type"] == "connection_ack":
            payload = {"query": self.wanted["query"], "variables": self.variables}
            self._send({"id": f"{id(self):036}", "type": "subscribe", "payload": payload})
            if not self.wanted["has_snapshot"]:
                self.is_first_here.set_result(None)
        elif not self.is_first_here.done():
            assert message["type"] == "next", message
            self.is_first_here.set_result(None)

    def _message(self, data: bytes, start: int, end: int) -> None:
        count = self.count
        count.messages += 1
        if count.messages % count.sample_every == 0 and (found := _NUMBER.search(data, start, end)):
            count.samples.append((float(found[1]), time.time()))

    def connection_lost(self, exc: Exception | None) -> None:
        self.count.closed += 1
        if not self.is_first_here.done():
            self.is_first_here.set_exception(exc or ConnectionError("closed by the server"))

    def stall(self) -> None:
        """Reads nothing any more."""
        assert self._transport is not None
        self._transport.pause_reading()

    def _send(self, message: dict[str, Any]) -> None:
        self._write(_TEXT, json.dumps(message).encode())

    def _write(self, opcode: int, body: bytes) -> None:
        """A frame under the mask 0, which leaves the body as it is."""
        length = struct.pack("!BB", 0x80 | opcode, 0x80 | len(body)) if len(body) < 126 else None
        head = length or struct.pack("!BBH", 0x80 | opcode, 0xFE, len(body))
        assert self._transport is not None
        self._transport.write(head + bytes(4) + body)


async def _run(wanted: dict[str, Any]) -> dict[str, Any]:
    count = Count(sample_every=wanted["sample_every"])
    gate = asyncio.Semaphore(_AT_A_TIME)

    async def opened(variables: dict[str, Any]) -> Client:
        async with gate:
            loop = asyncio.get_running_loop()
            _, client = await loop.create_connection(
                lambda: Client(wanted, variables, count), "127.0.0.1", wanted["port"]
            )
            await asyncio.wait_for(client.is_first_here, 120)
            return client

    clients = await asyncio.gather(*(opened(variables) for variables in wanted["variables"]))
    for client in clients[: wanted["stalled"]]:
        client.stall()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    before, count.samples = count.messages, []
    await asyncio.to_thread(sys.stdin.readline)
    return {
        "messages": count.messages - before,
        "closed": count.closed,
        "samples": count.samples,
    }


if __name__ == "__main__":
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    asked = json.loads(sys.stdin.readline())
    Path(asked["result"]).write_text(json.dumps(uvloop.run(_run(asked))), "utf-8")
