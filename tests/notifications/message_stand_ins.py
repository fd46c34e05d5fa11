"""The far ends of mail and text messages: a small SMTP server and an HTTP one, on free ports of loopback."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any


@dataclass
class FarEnd:
    """What arrived, and how many more are turned away before any is taken."""

    port: int = 0
    turned_away: int = 0
    arrived: list[Any] = field(default_factory=list[Any])
    came: asyncio.Condition = field(default_factory=asyncio.Condition)

    def takes(self) -> bool:
        """Whether the next one is taken."""
        self.turned_away -= 1
        return self.turned_away < 0

    async def keep(self, message: Any) -> None:
        async with self.came:
            self.arrived.append(message)
            self.came.notify_all()

    async def wait_for(self, count: int) -> list[Any]:
        """What arrived, once that many have."""
        async with asyncio.timeout(30), self.came:
            await self.came.wait_for(lambda: len(self.arrived) >= count)
            return list(self.arrived)


@asynccontextmanager
async def mail_server() -> AsyncGenerator[FarEnd]:
    """An SMTP server without TLS: as much of RFC 5321 as Python's smtplib speaks."""
    far_end = FarEnd()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 stand-in\r\n")
        recipients: list[str] = []
        while line := (await reader.readline()).strip():
            verb = line.split(b" ")[0].upper()
            if verb == b"RCPT":
                recipients.append(line.partition(b"<")[2].partition(b">")[0].decode())
            if verb == b"DATA":
                writer.write(b"354 go on\r\n")
                text = await reader.readuntil(b"\r\n.\r\n")
                is_taken = far_end.takes()
                if is_taken:
                    await far_end.keep(mail_of(text[:-5], recipients=recipients))
                writer.write(b"250 taken\r\n" if is_taken else b"451 later\r\n")
            else:
                writer.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 fine\r\n")
            await writer.drain()
            if verb == b"QUIT":
                break
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    far_end.port = server.sockets[0].getsockname()[1]
    async with server:
        yield far_end


def mail_of(text: bytes, *, recipients: list[str]) -> EmailMessage:
    """The mail with its parts decoded; `X-Recipients` are those of the envelope."""
    found = message_from_bytes(text.replace(b"\r\n..", b"\r\n."), policy=policy.default)
    assert isinstance(found, EmailMessage)
    found["X-Recipients"] = ", ".join(recipients)
    return found


@asynccontextmanager
async def json_server() -> AsyncGenerator[FarEnd]:
    """An HTTP server that takes what Apprise's `json://` posts."""
    far_end = FarEnd()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        body = json.loads(await reader.readexactly(length))
        is_taken = far_end.takes()
        if is_taken:
            await far_end.keep(body)
        status = b"200 OK" if is_taken else b"503 Later"
        writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    far_end.port = server.sockets[0].getsockname()[1]
    async with server:
        yield far_end
