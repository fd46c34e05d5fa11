"""Turns subscriptions into streams of server-sent events, one HTTP response each, as graphql-sse's protocol has it."""

import asyncio
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from starlette.types import Receive, Scope, Send

from kilowatch.web.counts import Counts
from kilowatch.web.endpoint.answers import Header, Sent
from kilowatch.web.endpoint.http_protocol import HttpProtocol, chunk_of, connection_of
from kilowatch.web.endpoint.negotiation import EVENT_STREAM
from kilowatch.web.engine.engine import Answer
from kilowatch.web.engine.json_text import encoded
from kilowatch.web.fanout.asking import Asked
from kilowatch.web.fanout.fanout import FanOut
from kilowatch.web.fanout.listing import listed
from kilowatch.web.faults import fault_of
from kilowatch.web.slots import Holder, Slots, holder_of
from kilowatch.web.tokens import ENDED
from kilowatch.web.viewers import Stay, Viewers, WayIn
from metering.refusals import Refused
from resolvers.open_subscriptions import OpenSubscriptions
from store.open_subscriptions import Transport

PING_EVERY_S = 12.0
STUCK_AFTER_S = 30.0
RECONNECT_AFTER_MS = 2000

_ROOM_BYTES = 65_536
_CUT_WITHIN_S = 2.0
_PING = b":\n\n"
_BEGINNING = b"retry: %d\n:\n\n" % RECONNECT_AFTER_MS
_COMPLETE = b"event: complete\ndata:\n\n"
_HEADERS: Final[tuple[Header, ...]] = (
    (b"content-type", EVENT_STREAM.encode() + b"; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"vary", b"Accept, Accept-Encoding"),
    (b"x-accel-buffering", b"no"),  # nginx would keep events back until it has a page of them
)


def _next(tail: bytes) -> bytes:
    """An event with an answer; JSON as we write it has no line breaks."""
    return b"event: next\ndata: " + tail + b"\n\n"


def single(answer: Answer) -> Sent:
    """A stream that holds one answer and is complete: of queries, mutations, and what was refused."""
    headers = [*_HEADERS, *((name.lower().encode(), value.encode()) for name, value in answer.headers)]
    content = _next(encoded(answer.body)) + _COMPLETE
    return Sent(content, 200, [*headers, (b"content-length", str(len(content)).encode())])


@dataclass(slots=True, eq=False)
class EventStreams:
    """All streams of one process."""

    fanout: FanOut
    subscriptions: OpenSubscriptions
    counts: Counts
    slots: Slots
    """How many may be open of one account, or of everybody who has not signed in from one network."""
    viewers: Viewers
    ping_every_s: float = PING_EVERY_S
    stuck_after_s: float = STUCK_AFTER_S
    _last_tail: bytes = b""
    _last_chunk: bytes = b""

    def opened(self, asked: Asked, *, address: str, way_in: WayIn | None) -> "EventStream | Sent":
        """The response to a subscription, which lasts as long as its sender's way in.

        Without one it is refused by its resolver.
        """
        holder = holder_of(asked.account_id, address=address)
        if not self.slots.take(holder):
            message = f"An account or network may have {self.slots.most} streams of events: close one first."
            return single(self.ended(Refused("TOO_MANY_SUBSCRIPTIONS", message)))
        return EventStream(self, asked, holder, address, way_in)

    def chunk(self, tail: bytes) -> bytes:
        """An answer as it goes over the wire; made once for all streams that are told of it in turn."""
        if tail is not self._last_tail:
            self._last_tail, self._last_chunk = tail, chunk_of(_next(tail))
        return self._last_chunk

    def ended(self, refused: Refused) -> Answer:
        """The answer that ends a stream for a reason that is expected."""
        return self.fanout.engine.ended(refused)


@dataclass(slots=True, eq=False)
class Events:
    """What is sent to one stream: the sink that it is told by.

    On our own server's connections, while the client reads, it is written at once, which takes 17 µs instead of 46.
    """

    streams: EventStreams
    is_over: bool = False
    connection: HttpProtocol | None = None
    """Set once the response has begun."""
    left: asyncio.Event = field(default_factory=asyncio.Event)
    _waiting: deque[bytes] = field(default_factory=deque[bytes])
    _bytes: int = 0
    _is_idle: bool = False
    """Whether what was taken is sent."""
    _bell: asyncio.Event = field(default_factory=asyncio.Event)
    _room: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._room.set()

    @property
    def has_waiting(self) -> bool:
        """Whether something was not taken yet."""
        return bool(self._waiting)

    @property
    def is_writable(self) -> bool:
        """Whether the client reads: less than 64 KB wait for it."""
        return self._bytes < _ROOM_BYTES and (self.connection is None or self.connection.is_writable)

    async def drained(self) -> None:
        """Returns once it is writable, or over."""
        await self._room.wait()
        if self.connection is not None:
            await self.connection.drained()

    def write(self, tail: bytes) -> None:
        """Sends an answer, as JSON in UTF-8."""
        if self.is_over:
            return
        is_next = self._is_idle and not self._waiting  # nothing that was told before is still to be sent
        if self.connection is not None and is_next and self.connection.is_writable:
            self.connection.write(self.streams.chunk(tail))
        else:
            self._put(_next(tail))

    def end(self, answer: Answer | None) -> None:
        """Completes the stream, after an answer with errors where there is one."""
        if not self.is_over:
            self.is_over = True
            self.streams.counts.operations["complete" if answer is None else "error"] += 1
            self._put(b"" if answer is None else _next(encoded(answer.body)))
            self._put(_COMPLETE)
            self._room.set()

    def leave(self) -> None:
        """Nobody is there any more."""
        self.left.set()
        if not self.is_over:
            self.is_over = True
            self.streams.counts.operations["stopped"] += 1
        self._room.set()
        self._bell.set()

    def _put(self, chunk: bytes) -> None:
        self._waiting.append(chunk)
        self._bytes += len(chunk)
        if self._bytes >= _ROOM_BYTES and not self.is_over:
            self._room.clear()
        self._bell.set()

    async def taken(self, *, within_s: float) -> bytes:
        """All that waits, as soon as there is something; nothing after so long. What was taken before is sent."""
        self._is_idle = True
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._bell.wait()
        self._is_idle = False
        chunk = b"".join(self._waiting)
        self._waiting.clear()
        self._bytes = 0
        self._bell.clear()
        self._room.set()
        return chunk


@dataclass(slots=True, eq=False)
class EventStream:
    """One subscription as the response to its request, until it is complete or the client has gone."""

    streams: EventStreams
    asked: Asked
    holder: Holder
    address: str
    way_in: WayIn | None
    status_code: int = 200

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends events as they come."""
        events, connection = Events(self.streams), connection_of(scope)
        tasks = [asyncio.create_task(self._feed(events))]
        if connection is None:
            tasks.append(asyncio.create_task(_watch(receive, events)))
        else:
            connection.watch(events.leave)
        try:
            with self._noted(events):
                await self._sent(send, events, connection)
        finally:
            if connection is not None:
                connection.watch(None)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    @contextmanager
    def _noted(self, events: Events) -> Generator[None]:
        """Counts and lists the stream while it is open, and ends it when its session does."""
        counts = self.streams.counts
        counts.streams_opened += 1
        counts.streams_open += 1
        listed, stay = self._listed(events), self._staying(events)
        try:
            yield
        finally:
            events.leave()
            counts.streams_open -= 1
            self.streams.slots.free(self.holder)
            if stay is not None:
                stay.leave()
            if listed is not None:
                self.streams.subscriptions.closed(listed)

    def _listed(self, events: Events) -> str | None:
        """Notes the stream where its owner finds and ends it."""
        subscriptions, engine = self.streams.subscriptions, self.streams.fanout.engine
        return listed(
            self.asked, subscriptions, transport=Transport.SSE, address=self.address, engine=engine, end=events.end
        )

    def _staying(self, events: Events) -> Stay | None:
        if self.way_in is None:
            return None
        over = self.streams.ended(Refused("UNAUTHENTICATED", ENDED))
        stay = Stay(self.streams.viewers, self.way_in, lambda: events.end(over))
        stay.begin()
        return stay

    async def _feed(self, events: Events) -> None:
        """Tells the stream's events, along with all who ask alike, until it is cancelled."""
        member = None
        try:
            member = await self.streams.fanout.begin(self.asked, events)
            await events.left.wait()
        except Exception as error:  # noqa: BLE001 - the last resort: a client never sees a fault's text
            events.end(Answer({"errors": fault_of(error).errors}, is_refused=True))
        finally:
            if member is not None:
                member.stop()

    async def _sent(self, send: Send, events: Events, connection: HttpProtocol | None) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
        await send({"type": "http.response.body", "body": _BEGINNING, "more_body": True})
        events.connection = connection
        try:
            await self._send(send, events)
        except TimeoutError:
            await _cut(connection, events)

    async def _send(self, send: Send, events: Events) -> None:
        """Sends what waits, and a sign of life now and then.

        Raises:
            TimeoutError: the client has read nothing for too long.
        """
        while events.has_waiting or not events.is_over:
            chunk = await events.taken(within_s=self.streams.ping_every_s) or _PING
            async with asyncio.timeout(self.streams.stuck_after_s):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _watch(receive: Receive, events: Events) -> None:
    """Notices when the client goes, on a server that is not ours."""
    while (await receive())["type"] != "http.disconnect":
        pass
    events.leave()


async def _cut(connection: HttpProtocol | None, events: Events) -> None:
    """Drops a client that reads nothing; a server that lets no connection be dropped waits for it."""
    if connection is not None:
        connection.abort()
        with suppress(TimeoutError):
            async with asyncio.timeout(_CUT_WITHIN_S):
                await events.left.wait()
