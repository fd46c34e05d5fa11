"""Counts what the server did since it started, for `/metrics`."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Counts:
    """One process's counters."""

    requests: Counter[int] = field(default_factory=Counter[int])
    """GraphQL requests over HTTP, by status."""
    sockets_opened: int = 0
    sockets_open: int = 0
    streams_opened: int = 0
    streams_open: int = 0
    """Event streams."""
    operations: Counter[str] = field(default_factory=Counter[str])
    """Operations over websockets and event streams, by how they ended: complete, error, stopped."""
    messages_sent: int = 0
    payment_events: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    """What payment providers posted, by provider and what came of it."""
