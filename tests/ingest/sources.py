"""Reads messages by one family of devices, and says whether what came of any bytes could be stored."""

import json
import math
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from msgspec.structs import astuple, fields

from ingest.outcomes import Decoded, Source
from ingest.wall_clock import WallClock
from metering.readings import PANEL_CODE, PhaseValues, Reading, Rejected

RECEIVED_AT = datetime(2026, 7, 27, 7, 41, 42, 250_000, tzinfo=UTC)
ARRIVED_AT = RECEIVED_AT.replace(microsecond=0)

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=10)
    | st.sampled_from(["NaN", "inf", "-1e400", "1e400", "12.5", 1e300, -0.0, 10**40])
)
VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.text(max_size=5), SCALARS, max_size=3)


def read_by(
    source: Source,
    topic: str,
    payload: object,
    *,
    received_at: datetime = RECEIVED_AT,
    is_retained: bool = False,
    time_zone: str = "Europe/Berlin",
) -> Decoded | Rejected:
    """What a family's decoder makes of a message; what is not bytes is sent as JSON."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    clock = WallClock(time_zone)
    return source.decode(topic, body, received_at=received_at, is_retained=is_retained, clock_of=lambda _code: clock)


def a_reading(**values: Any) -> Reading:
    """A reading that was just received, and of that time unless said otherwise."""
    given: dict[str, Any] = {"at": ARRIVED_AT, "received_at": RECEIVED_AT, **values}
    return Reading(**given)


def assert_sound(outcome: Decoded | Rejected) -> None:
    """Whatever it is, it can be stored, and answered: no NaN, no infinity, no code that is none."""
    if isinstance(outcome, Rejected):
        assert outcome.code
        assert "accepted: " in outcome.reason or ", not a" in outcome.reason
        assert len(outcome.reason) < 2000
        return
    for code, reading in outcome.readings:
        assert PANEL_CODE.fullmatch(code)
        assert reading.at.tzinfo
        assert all(math.isfinite(number) for number in _numbers(reading))
        assert list(_numbers(reading))
    for shown in outcome.balances:
        assert PANEL_CODE.fullmatch(shown.panel_code)
        assert abs(shown.balance_kwh) <= Decimal(10**9)


def _numbers(reading: Reading) -> list[float]:
    values = [getattr(reading, field.name) for field in fields(reading)]
    phases = [value for phases in values if isinstance(phases, PhaseValues) for value in astuple(phases)]
    return [value for value in [*values, *phases] if isinstance(value, float)]
