"""Turns the state of a running ingest into `/metrics` of its own, which answers while the database is away too."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

_ASK_WITHIN_S: Final = 5.0
_LONGEST_HEAD_BYTES: Final = 16_384
_PROMETHEUS: Final = "text/plain; version=0.0.4; charset=utf-8"


def _utc_now() -> datetime:
    return datetime.now(UTC)


class MetricsPortError(Exception):
    """The port of ingest's own /metrics cannot be had; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class IngestState:
    """What an ingest process knows of itself, without asking anybody; counts are since its start.

    `backlog` messages of `backlog_bytes` payload wait for their commit, the oldest since `oldest_at`; both instants
    are None when there is none. `dropped` were of QoS 0 and came while the backlog was full. `away_since` is when the
    database first did not take a batch that still waits.
    """

    received: int
    committed: int
    rejected: int
    dropped: int
    backlog: int
    backlog_bytes: int
    oldest_at: datetime | None
    is_connected: bool
    away_since: datetime | None


@asynccontextmanager
async def serving_metrics(
    state: Callable[[], IngestState], *, host: str, port: int, now: Callable[[], datetime] = _utc_now
) -> AsyncGenerator[int]:
    """Answers `GET /metrics` while the block runs, and yields the port: the given one, or a free one for 0.

    Raises:
        MetricsPortError: the port is taken, or the address is none of this machine's.
    """

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(_ASK_WITHIN_S):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(_response(head, text=lambda: in_prometheus(state(), now=now())))
                await writer.drain()
        writer.close()

    try:
        server = await asyncio.start_server(answer, host, port, limit=_LONGEST_HEAD_BYTES)
    except OSError as error:
        remedy = "set KILOWATCH_INGEST_METRICS_PORT to a free one, or to 0"
        raise MetricsPortError(f"/metrics of ingest cannot be had on {host}:{port} ({error}); {remedy}") from error
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def in_prometheus(state: IngestState, *, now: datetime) -> str:
    """The state in Prometheus's text format; ages are in seconds up to `now`, 0 where nothing waits."""
    return "\n".join([*_counters(state), *_gauges(state, now=now)]) + "\n"


def _counters(state: IngestState) -> Iterator[str]:
    yield from _metric("received_total", "counter", "Messages taken from the broker.", state.received)
    yield from _metric("committed_total", "counter", "Messages committed, rejected ones too.", state.committed)
    yield from _metric("rejected_total", "counter", "Messages kept as rejected.", state.rejected)
    yield from _metric("dropped_total", "counter", "Messages of QoS 0 dropped with a full backlog.", state.dropped)


def _gauges(state: IngestState, *, now: datetime) -> Iterator[str]:
    yield from _metric("backlog", "gauge", "Messages received and not committed.", state.backlog)
    yield from _metric("backlog_bytes", "gauge", "Payload bytes of the backlog.", state.backlog_bytes)
    waiting_s, away_s = _age_s(state.oldest_at, now=now), _age_s(state.away_since, now=now)
    yield from _metric("oldest_waiting_seconds", "gauge", "Age of the oldest message of the backlog.", waiting_s)
    yield from _metric("connected", "gauge", "Whether ingest hears the broker.", state.is_connected)
    is_up = state.away_since is None
    yield from _metric("database_up", "gauge", "Whether the database took the last batch that was tried.", is_up)
    yield from _metric("database_away_seconds", "gauge", "For how long the database has taken none.", away_s)


def _metric(name: str, kind: str, words: str, value: float) -> Iterator[str]:
    full_name = f"kilowatch_ingest_process_{name}"
    yield f"# HELP {full_name} {words}"
    yield f"# TYPE {full_name} {kind}"
    yield f"{full_name} {float(value)}"


def _age_s(since: datetime | None, *, now: datetime) -> float:
    return max((now - since).total_seconds(), 0.0) if since else 0.0


def _response(head: bytes, *, text: Callable[[], str]) -> bytes:
    method, _, rest = head.partition(b" ")
    path = rest.partition(b" ")[0].partition(b"?")[0]
    if path != b"/metrics":
        return _encoded("404 Not Found", "there is /metrics\n")
    if method not in {b"GET", b"HEAD"}:
        return _encoded("405 Method Not Allowed", "accepted: GET, HEAD\n")
    answer = _encoded("200 OK", text())
    return answer if method == b"GET" else answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"


def _encoded(status: str, text: str) -> bytes:
    body = text.encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: {_PROMETHEUS}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
    return head.encode() + b"\r\n" + body
