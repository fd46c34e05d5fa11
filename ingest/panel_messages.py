"""Turns messages of three-phase power meters on DATA/PM/{PANEL_CODE} into readings."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from ingest.outcomes import ClockOf, Decoded, Source
from ingest.wall_clock import WallClock
from metering.readings import (
    MAX_CURRENT_A,
    MAX_ENERGY_KWH,
    MAX_POWER_KW,
    MAX_UNBALANCE,
    MAX_VOLTAGE_V,
    PANEL_CODE,
    PhaseValues,
    Reading,
    Rejected,
    believed,
)

_PREFIX: Final = "DATA/PM/"

# A bound on both sides is what makes msgspec 0.22 refuse "NaN" and "inf", which it takes as numbers otherwise.
_Voltage = Annotated[float, Meta(ge=0, le=MAX_VOLTAGE_V)]
_Current = Annotated[float, Meta(ge=-MAX_CURRENT_A, le=MAX_CURRENT_A)]
_Power = Annotated[float, Meta(ge=-MAX_POWER_KW, le=MAX_POWER_KW)]
_Apparent = Annotated[float, Meta(ge=0, le=MAX_POWER_KW)]
_Register = Annotated[float, Meta(ge=0, le=MAX_ENERGY_KWH)]
_Factor = Annotated[float, Meta(ge=-1, le=1)]
_Unbalance = Annotated[float, Meta(ge=0, le=MAX_UNBALANCE)]


class _Measured(msgspec.Struct, gc=False):
    """`data` of a message; numbers may also arrive as text."""

    kWh: _Register  # noqa: N815 - the meters' own name
    time: str
    v: tuple[_Voltage | None, _Voltage | None, _Voltage | None, _Voltage | None] | None = None
    i: tuple[_Current | None, _Current | None, _Current | None, _Current | None] | None = None
    kw: _Power | None = None
    kVA: _Apparent | None = None  # noqa: N815
    pf: _Factor | None = None
    vunbal: _Unbalance | None = None
    iunbal: _Unbalance | None = None


class _Message(msgspec.Struct, gc=False):
    status: str
    data: _Measured | None = None


_decode = msgspec.json.Decoder(_Message, strict=False).decode

_ACCEPTED: Final[Mapping[str, str]] = {
    "": 'a JSON object with "status" and "data"',
    "status": 'the text "OK"',
    "data": 'an object with at least "kWh" and "time"',
    "data.kWh": f"the import register in kWh, a number from 0 to {MAX_ENERGY_KWH:,.0f}",
    "data.time": 'local time as "YYYY-MM-DD HH:MM:SS"',
    "data.v": f"four voltages [R, S, T, N] in V, each from 0 to {MAX_VOLTAGE_V:,.0f} or null",
    "data.i": f"four currents [R, S, T, N] in A, each from {-MAX_CURRENT_A:,.0f} to {MAX_CURRENT_A:,.0f} or null",
    "data.kw": f"active power in kW, a number from {-MAX_POWER_KW:,.0f} to {MAX_POWER_KW:,.0f}",
    "data.kVA": f"apparent power in kVA, a number from 0 to {MAX_POWER_KW:,.0f}",
    "data.pf": "a power factor from -1 to 1",
    "data.vunbal": f"a voltage unbalance from 0 to {MAX_UNBALANCE:,.0f}",
    "data.iunbal": f"a current unbalance from 0 to {MAX_UNBALANCE:,.0f}",
}
_COMPLAINT = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<where>[\w.]*)(?:\[[0-9]+\])?`)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(\w+)`")
_OTHER_KIND = re.compile(r"Expected .*, got `(\w+)`")
_KINDS: Final[Mapping[str, str]] = {
    "str": "text that cannot be used",
    "int": "a number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}


def panel_code(topic: str) -> str | Rejected:
    """The panel that a topic under DATA/PM/ names."""
    code = topic.removeprefix(_PREFIX)
    if PANEL_CODE.fullmatch(code):
        return code
    return Rejected(
        "BAD_TOPIC",
        f"topic {_shortened(topic)} does not name a panel; accepted: DATA/PM/ and one level of 1 to 64 letters, "
        "digits or _ . : -, beginning with a letter or digit",
    )


def _panel_message(
    topic: str, payload: bytes, *, received_at: datetime, is_retained: bool, clock_of: ClockOf
) -> Decoded | Rejected:
    """What a message holds; the broker may have kept it for us, it has a time of its own."""
    del is_retained
    code = panel_code(topic)
    if isinstance(code, Rejected):
        return code
    reading = panel_reading(payload, received_at=received_at, clock=clock_of(code))
    return reading if isinstance(reading, Rejected) else Decoded(((code, reading),))


def panel_reading(payload: bytes, *, received_at: datetime, clock: WallClock) -> Reading | Rejected:
    """The reading of a message, or why it is none; whatever the bytes are, nothing is raised.

    `clock` is that of the panel's time zone: the message's time has no offset.
    """
    try:
        message = _decode(payload)
    except msgspec.ValidationError as error:
        return _badly_shaped(str(error))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        return Rejected("BAD_JSON", f"the payload is not JSON ({error}); accepted: {_ACCEPTED['']}")
    if message.status != "OK":
        return Rejected("BAD_STATUS", f'status is {_shortened(message.status)}; accepted: "OK"')
    if message.data is None:
        return _not_accepted("data", "is missing")
    return _checked(message.data, received_at=received_at, clock=clock)


def _checked(data: _Measured, *, received_at: datetime, clock: WallClock) -> Reading | Rejected:
    at = clock.instant(data.time, received_at=received_at)
    if at is None:
        return Rejected("BAD_TIME", f"data.time is {_shortened(data.time)}; accepted: {_ACCEPTED['data.time']}")
    at, flags = believed(at, received_at=received_at)
    return Reading(
        at,
        received_at,
        PhaseValues(*data.v) if data.v else None,
        PhaseValues(*data.i) if data.i else None,
        data.kw,
        data.kVA,
        data.pf,
        data.kWh,
        voltage_unbalance=data.vunbal,
        current_unbalance=data.iunbal,
        flags=flags,
    )


def _badly_shaped(complaint: str) -> Rejected:
    """The words of msgspec for whoever owns the meter: what was wrong, and what is accepted."""
    found = _COMPLAINT.fullmatch(complaint)
    what, where = (found["what"], found["where"] or "") if found else (complaint, "")
    missing = _MISSING.fullmatch(what)
    if missing:
        return _not_accepted(f"{where}.{missing[1]}".lstrip("."), "is missing")
    return _not_accepted(where, _fault(what))


def _fault(what: str) -> str:
    other_kind = _OTHER_KIND.fullmatch(what)
    if other_kind:
        return f"is {_KINDS.get(other_kind[1], other_kind[1])}"
    if "length" in what:
        return "does not have four values"
    return "is not a number or outside its bounds"


def _not_accepted(where: str, what: str) -> Rejected:
    name = where or "the payload"
    return Rejected("BAD_PAYLOAD", f"{name} {what}; accepted: {_ACCEPTED.get(where, _ACCEPTED[''])}")


def _shortened(text: str) -> str:
    return repr(text if len(text) <= 100 else text[:100] + "…")


def _is_ours(topic: str) -> bool:
    return topic.startswith(_PREFIX)


SOURCE: Final = Source("panel meters", (f"{_PREFIX}#",), _is_ours, _panel_message)
"""Three-phase power meters."""
