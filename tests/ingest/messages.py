"""Messages as meters send them, for the tests of ingest."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from ingest.routing import read, route
from ingest.wall_clock import WallClock
from metering.readings import Reading, Rejected

DATA = Path(__file__).with_name("data")


def example(name: str) -> tuple[str, dict[str, Any]]:
    """Topic and payload of a file in data/."""
    message = json.loads((DATA / f"{name}.json").read_text())
    return message["topic"], message["payload"]


def malformed() -> list[tuple[str, bytes]]:
    """Topic and payload of every message that must be rejected."""
    lines = (DATA / "malformed.jsonl").read_text().splitlines()
    return [(line["topic"], line["payload_text"].encode()) for line in map(json.loads, lines)]


def panel_payload(**data: Any) -> bytes:
    """A power meter's message; `kWh` and `time` are filled in, None leaves a field out."""
    given = {"kWh": "150.07", "time": "2026-01-16 11:30:05", **data}
    return json.dumps(
        {"status": "OK", "data": {key: value for key, value in given.items() if value is not None}}
    ).encode()


def decoded(
    topic: str, payload: bytes, *, received_at: datetime, time_zone: str = "Asia/Jakarta"
) -> Reading | Rejected:
    """What ingest makes of a message."""
    found = route(topic)
    if isinstance(found, Rejected):
        return found
    return read(found, payload, received_at=received_at, clock=WallClock(time_zone))
