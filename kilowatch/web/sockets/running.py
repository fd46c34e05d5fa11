"""Turns one operation of a websocket into the messages `next`, `error` and `complete` of graphql-transport-ws."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kilowatch.web.counts import Counts
from kilowatch.web.engine.engine import Answer
from kilowatch.web.engine.json_text import encoded
from kilowatch.web.fanout.members import Member
from kilowatch.web.sockets.lines import Line


@dataclass(slots=True, eq=False)
class RunningOperation:
    """An operation while it runs, and the sink of its answers.

    Its task runs queries, mutations and the opening of a subscription; then the subscription lives on as a member.
    `on_end` is called once with the message that ends it, unless the client stops it first.
    """

    id: str
    line: Line
    counts: Counts
    on_end: Callable[["RunningOperation", dict[str, Any]], None]
    task: asyncio.Task[None] | None = None
    member: Member | None = None
    on_stop: Callable[[], None] | None = None
    _prefix: bytes = b""
    _is_over: bool = False

    def __post_init__(self) -> None:
        self._prefix = b'{"id":' + encoded(self.id) + b',"type":"next","payload":'

    @property
    def is_writable(self) -> bool:
        """Whether the client reads what it is sent."""
        return self.line.is_writable

    async def drained(self) -> None:
        """Returns once it is writable, or nobody is there any more."""
        await self.line.drained()

    def write(self, tail: bytes) -> None:
        """Sends an answer."""
        if not self._is_over:
            self.line.write_text(self._prefix, tail, b"}")
            self.counts.messages_sent += 1

    def end(self, answer: Answer | None) -> None:
        """Ends the operation, with the errors of an answer where there is one."""
        if answer is None:
            self.end_with({"id": self.id, "type": "complete"})
        else:
            self.end_with({"id": self.id, "type": "error", "payload": answer.body["errors"]})

    def end_with(self, message: dict[str, Any]) -> None:
        """Ends the operation with this message, wherever it is."""
        if not self._is_over:
            self.stop()
            self.on_end(self, message)

    def stop(self) -> None:
        """Ends the operation without a word."""
        if self._is_over:
            return
        self._is_over = True
        if self.member is not None:
            self.member.stop()
        if self.task is not None and self.task is not asyncio.current_task():
            self.task.cancel()
        if self.on_stop is not None:
            self.on_stop()
