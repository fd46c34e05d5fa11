"""Turns messages into MQTT 3.1.1 packets, sends them as fast as a broker takes them and counts its PUBACKs.

Packets are prepared before the clock starts, so that the publisher costs about 1 us a message and is never the
bottleneck.
"""

import socket
import struct
import time
from array import array
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field

_CHUNK_BYTES = 64 * 1024
_SILENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Prepared:
    """PUBLISH packets of QoS 1 in one piece; `ends[i]` is where packet `i` ends."""

    packets: bytes
    ends: "array[int]"

    def __len__(self) -> int:
        return len(self.ends)

    def first(self, count: int) -> "Prepared":
        """The first so many of them; nothing is copied but their places."""
        return Prepared(self.packets, self.ends[:count])


def prepared(messages: Iterable[tuple[str, bytes]]) -> Prepared:
    """The packets of (topic, payload) pairs; packet identifiers go round from 1 to 65535."""
    packets, ends = bytearray(), array("Q")
    for number, (topic, payload) in enumerate(messages):
        name = topic.encode()
        body = struct.pack(">H", len(name)) + name + struct.pack(">H", number % 65535 + 1) + payload
        packets += b"\x32" + _length(len(body)) + body
        ends.append(len(packets))
    return Prepared(bytes(packets), ends)


def _length(value: int) -> bytes:
    parts = bytearray()
    while True:
        value, low = divmod(value, 128)
        parts.append(low | (0x80 if value else 0))
        if not value:
            return bytes(parts)


@dataclass(slots=True)
class Published:
    """What was sent and acknowledged; `marks` are (messages sent so far, instant in s since 1970) of each write."""

    acknowledged: int = 0
    marks: list[tuple[int, float]] = field(default_factory=list)

    def sent_at_s(self, number: int) -> float:
        """When message `number` (from 0) was handed to the socket."""
        return self.marks[bisect_right(self.marks, number, key=lambda mark: mark[0])][1]


def publish(
    port: int,
    messages: Prepared,
    *,
    window: int = 1000,
    rate: float | None = None,
    client_id: str = "load",
    published: Published | None = None,
) -> Published:
    """Sends all of it, `window` messages ahead of the PUBACKs at the most, `rate` a second or as fast as it goes.

    Returns when every message is acknowledged; `published`, when given, tells another thread how far it is. Raises
    TimeoutError when the broker falls silent for 30 s.
    """
    with _connected(port, client_id) as stream:
        stream.settimeout(0)
        return _Sending(stream, messages, published or Published(), window=window, rate=rate).run()


class _Sending:
    def __init__(
        self, stream: socket.socket, messages: Prepared, published: Published, *, window: int, rate: float | None
    ) -> None:
        self._stream, self._messages, self._window, self._rate = stream, messages, window, rate
        self._published = published
        self._sent = 0
        self._offset = 0
        self._answers = b""

    def run(self) -> Published:
        began_s = heard_s = time.monotonic()
        count = len(self._messages)
        while self._published.acknowledged < count:
            allowed = min(count, self._published.acknowledged + self._window)
            if self._rate is not None:
                allowed = min(allowed, int((time.monotonic() - began_s) * self._rate) + 1)
            moved = self._send(allowed) + self._receive()
            if moved:
                heard_s = time.monotonic()
            elif time.monotonic() > heard_s + _SILENCE_S:
                raise TimeoutError(f"{self._published.acknowledged} of {count} acknowledged")
            else:
                time.sleep(0.0005)
        return self._published

    def _send(self, allowed: int) -> int:
        """Sends whole packets up to number `allowed`, or what the socket takes of them."""
        if self._sent >= allowed:
            return 0
        end = min(self._messages.ends[allowed - 1], self._offset + _CHUNK_BYTES)
        try:
            self._offset += self._stream.send(memoryview(self._messages.packets)[self._offset : end])
        except BlockingIOError:
            return 0
        before, self._sent = self._sent, bisect_right(self._messages.ends, self._offset, lo=self._sent)
        if self._sent > before:
            self._published.marks.append((self._sent, time.time()))
        return 1

    def _receive(self) -> int:
        try:
            arrived = self._stream.recv(_CHUNK_BYTES)
        except BlockingIOError:
            return 0
        if not arrived:
            raise ConnectionError(f"the broker ended the connection after {self._published.acknowledged} PUBACKs")
        self._answers += arrived
        whole = len(self._answers) // 4
        assert self._answers[: 4 * whole : 4] == b"\x40" * whole, "something else than PUBACKs"
        self._answers = self._answers[4 * whole :]
        self._published.acknowledged += whole
        return whole


def _connected(port: int, client_id: str) -> socket.socket:
    stream = socket.create_connection(("127.0.0.1", port), timeout=10)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    name = client_id.encode()
    body = b"\x00\x04MQTT\x04\x02\x00\x3c" + struct.pack(">H", len(name)) + name
    stream.sendall(b"\x10" + _length(len(body)) + body)
    assert stream.recv(4, socket.MSG_WAITALL) == b"\x20\x02\x00\x00", "the broker does not welcome us"
    return stream
