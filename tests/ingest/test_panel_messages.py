"""What three-phase power meters say becomes a reading, or a reason why not; never an exception."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metering.readings import NO_FLAGS, PhaseValues, Reading, ReadingFlag, Rejected
from tests.ingest.messages import RECEIVED_AT, decoded, example, malformed, panel_payload, read

TOPIC = "DATA/PM/PANEL_LANTAI_1"


def reading(**data: object) -> Reading | Rejected:
    return decoded(TOPIC, panel_payload(**data), received_at=RECEIVED_AT)


def rejected(**data: object) -> Rejected:
    outcome = reading(**data)
    assert isinstance(outcome, Rejected)
    return outcome


def test_a_full_message_is_read_with_every_field() -> None:
    topic, payload = example("pm_full")
    assert decoded(topic, json.dumps(payload).encode(), received_at=RECEIVED_AT) == Reading(
        at=datetime(2026, 1, 16, 4, 30, 5, tzinfo=UTC),
        received_at=RECEIVED_AT,
        voltage_v=PhaseValues(224.7, 224.7, 223.5, 149.8),
        current_a=PhaseValues(0.8, 0.99, 0.58, 0.03),
        active_power_kw=0.36,
        apparent_power_kva=0.46,
        power_factor=0.86,
        energy_import_kwh=150.07,
        voltage_unbalance=0.01,
        current_unbalance=0.047,
    )


def test_a_minimal_message_leaves_the_rest_empty() -> None:
    topic, payload = example("pm_minimal")
    assert decoded(topic, json.dumps(payload).encode(), received_at=RECEIVED_AT) == Reading(
        at=datetime(2026, 1, 16, 4, 30, 5, tzinfo=UTC),
        received_at=RECEIVED_AT,
        active_power_kw=1.25,
        energy_import_kwh=1031.9,
    )


@pytest.mark.parametrize(("topic", "payload"), [bad for bad in malformed() if bad[0].startswith("DATA/PM/")])
def test_a_malformed_message_is_rejected_with_what_is_accepted(topic: str, payload: bytes) -> None:
    outcome = decoded(topic, payload, received_at=RECEIVED_AT)
    assert isinstance(outcome, Rejected)
    assert outcome.code.isupper()
    assert "accepted: " in outcome.reason


@pytest.mark.parametrize(
    ("data", "code", "reason"),
    [
        ({"kWh": None}, "BAD_PAYLOAD", "data.kWh is missing; accepted: the import register in kWh, a number from 0"),
        ({"time": None}, "BAD_PAYLOAD", 'data.time is missing; accepted: local time as "YYYY-MM-DD HH:MM:SS"'),
        ({"kWh": "NaN"}, "BAD_PAYLOAD", "data.kWh is not a number or outside its bounds; accepted: the import"),
        ({"kWh": "inf"}, "BAD_PAYLOAD", "data.kWh is not a number or outside its bounds"),
        ({"kWh": "1e400"}, "BAD_PAYLOAD", "data.kWh is not a number or outside its bounds"),
        ({"kWh": "1000000001"}, "BAD_PAYLOAD", "data.kWh is not a number or outside its bounds"),
        ({"kWh": True}, "BAD_PAYLOAD", "data.kWh is true or false; accepted: the import register"),
        ({"kWh": " 1"}, "BAD_PAYLOAD", "data.kWh is text that cannot be used"),
        ({"kWh": "1_0"}, "BAD_PAYLOAD", "data.kWh is text that cannot be used"),
        ({"v": [1, 2, 3]}, "BAD_PAYLOAD", "data.v does not have four values; accepted: four voltages [R, S, T, N]"),
        ({"v": [1, 2, "nan", 4]}, "BAD_PAYLOAD", "data.v is not a number or outside its bounds"),
        ({"i": {"r": 1}}, "BAD_PAYLOAD", "data.i is an object; accepted: four currents"),
        ({"pf": -1.01}, "BAD_PAYLOAD", "data.pf is not a number or outside its bounds; accepted: a power factor"),
        ({"time": "2026-01-16T11:30:05"}, "BAD_TIME", "data.time is '2026-01-16T11:30:05'; accepted: local time"),
        ({"time": "2026-1-6 1:2:3"}, "BAD_TIME", "data.time is '2026-1-6 1:2:3'"),
        ({"time": "2026-02-30 00:00:00"}, "BAD_TIME", "data.time is '2026-02-30 00:00:00'"),
        ({"time": "0001-01-01 00:00:00"}, "BAD_TIME", "data.time is '0001-01-01 00:00:00'"),
    ],
)  # fmt: skip
def test_the_reason_says_what_was_wrong_and_what_is_accepted(data: dict[str, object], code: str, reason: str) -> None:
    outcome = rejected(**data)
    assert outcome.code == code
    assert reason in outcome.reason


def test_numbers_may_be_text_and_the_bounds_themselves_are_taken() -> None:
    outcome = reading(kWh="1000000000", kw="-1e6", pf="-1", v=["0", None, 1e6, "230.5"])
    assert isinstance(outcome, Reading)
    assert outcome.energy_import_kwh == 1e9
    assert outcome.active_power_kw == -1e6
    assert outcome.voltage_v == PhaseValues(0.0, None, 1e6, 230.5)


@pytest.mark.parametrize("time", ["2009-12-31 00:00:00", "1970-01-01 00:00:03", "2026-01-16 11:45:08"])
def test_a_clock_that_cannot_be_right_gives_way_to_the_arrival(time: str) -> None:
    outcome = reading(time=time)
    assert isinstance(outcome, Reading)
    assert (outcome.at, outcome.flags) == (RECEIVED_AT, ReadingFlag.CLOCK_REPLACED)


def test_a_clock_fifteen_minutes_ahead_is_still_believed() -> None:
    outcome = reading(time="2026-01-16 11:45:07")
    assert isinstance(outcome, Reading)
    assert (outcome.at, outcome.flags) == (RECEIVED_AT + timedelta(minutes=15), NO_FLAGS)


def test_a_reading_that_was_long_under_way_is_flagged_as_late() -> None:
    on_time, late = reading(time="2026-01-16 11:15:07"), reading(time="2026-01-16 11:15:06")
    assert isinstance(on_time, Reading)
    assert isinstance(late, Reading)
    assert (on_time.flags, late.flags) == (NO_FLAGS, ReadingFlag.LATE)


def test_fields_that_nobody_knows_are_passed_over() -> None:
    assert isinstance(reading(firmware={"version": [1, 2]}), Reading)


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b'{"status":"ERROR","data":null}', "BAD_STATUS"),
        (b'{"status":"OK"}', "BAD_PAYLOAD"),
        (b'{"status":"OK","data":null}', "BAD_PAYLOAD"),
        (b'{"data":{"kWh":1,"time":"2026-01-16 11:30:05"}}', "BAD_PAYLOAD"),
        (panel_payload() + b"}", "BAD_JSON"),
        (b"\xff\xfe", "BAD_JSON"),
        (b'{"x":' + b"[" * 100_000, "BAD_JSON"),
    ],
)
def test_what_is_not_a_reading_at_all_is_rejected(payload: bytes, code: str) -> None:
    outcome = decoded(TOPIC, payload, received_at=RECEIVED_AT)
    assert isinstance(outcome, Rejected)
    assert outcome.code == code


UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
JSON_VALUES = SCALARS | st.lists(SCALARS, max_size=5)
FIELDS = ["kWh", "time", "v", "i", "kw", "kVA", "pf", "vunbal", "iunbal"]
MESSAGES = st.fixed_dictionaries(
    {}, optional={"status": st.just("OK") | JSON_VALUES, "data": st.dictionaries(st.sampled_from(FIELDS), JSON_VALUES)}
)


@UNHURRIED
@given(st.binary() | MESSAGES.map(lambda message: json.dumps(message).encode()))
def test_no_bytes_raise(payload: bytes) -> None:
    outcome = decoded(TOPIC, payload, received_at=RECEIVED_AT)
    assert isinstance(outcome, Reading | Rejected)


@UNHURRIED
@given(st.text() | st.just("$") | st.text().map(lambda text: f"DATA/PM/{text}"))
def test_no_topic_raises(topic: str) -> None:
    outcome = read(topic, panel_payload(), received_at=RECEIVED_AT)
    if isinstance(outcome, Rejected):
        assert outcome.code in {"BAD_TOPIC", "UNKNOWN_TOPIC"}
    elif outcome.readings:
        assert topic.startswith("DATA/PM/")


@pytest.mark.parametrize("topic", ["DATA/PM/", "DATA/PM/A/B", "DATA/PM/-A", "DATA/PM/A B", "DATA/PM/" + "A" * 65])
def test_a_topic_that_names_no_panel_is_rejected(topic: str) -> None:
    assert decoded(topic, panel_payload(), received_at=RECEIVED_AT).code == "BAD_TOPIC"  # type: ignore[union-attr]


@pytest.mark.parametrize("topic", ["", "DATA/PM", "data/pm/A", "cellar/meter", "home/lights"])
def test_a_topic_that_nothing_reads_is_rejected(topic: str) -> None:
    assert decoded(topic, panel_payload(), received_at=RECEIVED_AT).code == "UNKNOWN_TOPIC"  # type: ignore[union-attr]
