"""Mosquitto as a broker that can be stopped and started, and a relay that listens in, falls silent or hangs up."""

import asyncio
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import pytest


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def find_mosquitto() -> str | None:
    """Debian puts it where only administrators' PATH leads."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


class Mosquitto:
    """A broker that keeps sessions and messages in `folder`; `settings` are lines of its configuration."""

    def __init__(self, folder: Path, *, settings: Sequence[str] = ("allow_anonymous true",)) -> None:
        program = find_mosquitto()
        if program is None:
            pytest.skip("mosquitto is not installed: apt-get install mosquitto")
        self._program = program
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._config = folder / "mosquitto.conf"
        self._config.write_text(
            "\n".join(
                [
                    "user root",
                    f"listener {self.port} 127.0.0.1",
                    "persistence true",
                    f"persistence_location {folder}/",
                    "max_queued_messages 0",
                    "max_inflight_messages 0",
                    *settings,
                ]
            )
        )

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._process = subprocess.Popen(
            [self._program, "-c", str(self._config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 10
        while not _listens(self.port):
            assert time.monotonic() < deadline, "mosquitto does not listen"
            assert self._process.poll() is None, "mosquitto died at its start"
            time.sleep(0.02)

    def stop(self) -> None:
        """Ends it in order: what it holds is written down."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass(slots=True)
class Relay:
    """What stands between a client and its broker: it passes bytes on and keeps a copy of what the client sent."""

    port: int = 0
    from_client: bytearray = field(default_factory=bytearray)
    writes: list[bytes] = field(default_factory=list)
    passes: asyncio.Event = field(default_factory=asyncio.Event)
    streams: list[asyncio.StreamWriter] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def fall_silent(self) -> None:
        self.passes.clear()

    def cut(self) -> None:
        """Hangs up on everybody without a word."""
        for stream in self.streams:
            stream.transport.abort()
        self.streams.clear()

    def pubacks(self) -> list[int]:
        """The packet identifiers that the client acknowledged, in order."""
        acknowledged, rest = [], bytes(self.from_client)
        while rest:
            length, at, shift = 0, 1, 0
            while True:
                length |= (rest[at] & 0x7F) << shift
                at, shift = at + 1, shift + 7
                if not rest[at - 1] & 0x80:
                    break
            if rest[0] == 0x40:
                acknowledged.append(int.from_bytes(rest[at : at + 2]))
            rest = rest[at + length :]
        return acknowledged


@asynccontextmanager
async def relayed(url: str) -> AsyncIterator[Relay]:
    relay = Relay()
    relay.passes.set()
    broker_port = urlsplit(url).port

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_client: bool) -> None:
        try:
            while data := await reader.read(65536):
                if is_client:
                    relay.from_client += data
                    relay.writes.append(data)
                await relay.passes.wait()
                writer.write(data)
        except OSError:
            pass
        finally:
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream = await asyncio.open_connection("127.0.0.1", broker_port)
        relay.streams += [writer, upstream]
        await asyncio.gather(pump(reader, upstream, is_client=True), pump(upstream_reader, writer, is_client=False))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        relay.passes.set()
        relay.cut()
        server.close()
        await server.wait_closed()
