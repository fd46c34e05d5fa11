"""Messages as meters send them, for the tests of ingest."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ingest.outcomes import Decoded
from ingest.routing import Router
from ingest.wall_clock import WallClock
from metering.readings import Reading, Rejected

DATA = Path(__file__).with_name("data")
RECEIVED_AT = datetime(2026, 1, 16, 4, 30, 7, tzinfo=UTC)


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


def read(
    topic: str,
    payload: bytes,
    *,
    received_at: datetime = RECEIVED_AT,
    is_retained: bool = False,
    time_zone: str = "Asia/Jakarta",
) -> Decoded | Rejected:
    """What ingest makes of a message, all of it; every panel is in one time zone."""
    decode = Router().decoder(topic)
    if isinstance(decode, Rejected):
        return decode
    clock = WallClock(time_zone)
    return decode(topic, payload, received_at=received_at, is_retained=is_retained, clock_of=lambda _code: clock)


def decoded(
    topic: str, payload: bytes, *, received_at: datetime = RECEIVED_AT, time_zone: str = "Asia/Jakarta"
) -> Reading | Rejected:
    """The one reading of a message, or why it is none."""
    found = read(topic, payload, received_at=received_at, time_zone=time_zone)
    if isinstance(found, Rejected):
        return found
    ((_, reading),) = found.readings
    return reading
