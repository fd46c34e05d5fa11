"""What Shelly devices of any generation say becomes readings of panels, or a reason why not; never an exception."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.outcomes import NOTHING, Decoded
from ingest.shelly import SOURCE
from metering.devices import DeviceKind, DeviceReport
from metering.readings import NO_FLAGS, PhaseValues, Reading, ReadingFlag, Rejected
from tests.ingest.messages import example
from tests.ingest.sources import ARRIVED_AT, RECEIVED_AT, VALUES, a_reading, assert_sound, read_by

DEVICE = "shellypro3em-abc"


def found(topic: str, payload: object, **options: Any) -> Decoded:
    outcome = read_by(SOURCE, topic, payload, **options)
    assert isinstance(outcome, Decoded), outcome
    return outcome


def readings(topic: str, payload: object, **options: Any) -> dict[str, Reading]:
    return dict(found(topic, payload, **options).readings)


def a_part(**values: Any) -> Reading:
    return a_reading(is_partial=True, **({"flags": ReadingFlag.ARRIVAL_TIME} | values))


def test_a_three_phase_meter_is_one_panel() -> None:
    topic, payload = example("shelly_gen2_em")
    outcome = found(topic, payload)
    assert dict(outcome.readings) == {
        DEVICE: a_part(
            voltage_v=PhaseValues(230.1, 229.8, 231.0),
            current_a=PhaseValues(1.1, 0.2, 0.0),
            active_power_kw=0.2903,
            apparent_power_kva=0.301,
        )
    }
    assert outcome.reports == [DeviceReport(DEVICE, DeviceKind.SHELLY, RECEIVED_AT)]


def test_its_registers_come_in_a_message_of_their_own() -> None:
    topic, payload = example("shelly_gen2_emdata")
    assert readings(topic, payload) == {DEVICE: a_part(energy_import_kwh=150.0101, energy_export_kwh=0.0)}


@pytest.mark.parametrize(
    ("component", "payload", "code", "expected"),
    [
        ("em1:1", {"id": 1, "current": 2.598, "voltage": 234.9, "act_power": -501.8, "aprt_power": 612.4, "pf": 0.84},
         "m:1", {"voltage_v": PhaseValues(r=234.9), "current_a": PhaseValues(r=2.598), "active_power_kw": -0.5018,
                 "apparent_power_kva": 0.6124, "power_factor": 0.84}),
        ("em1data:0", {"total_act_energy": 2500, "total_act_ret_energy": 12.5}, "m",
         {"energy_import_kwh": 2.5, "energy_export_kwh": 0.0125}),
        ("switch:0", {"apower": 8.9, "voltage": 237.5, "current": None, "aenergy": {"total": 6532.4, "by_minute": [1]}},
         "m", {"active_power_kw": 0.0089, "voltage_v": PhaseValues(r=237.5), "energy_import_kwh": 6.5324}),
        ("pm1:10", {"apower": 1, "ret_aenergy": {"total": 4}}, "m:10",
         {"active_power_kw": 0.001, "energy_export_kwh": 0.004}),
    ],
)  # fmt: skip
def test_other_components_are_panels_by_their_number(
    component: str, payload: object, code: str, expected: dict[str, Any]
) -> None:
    assert readings(f"m/status/{component}", payload) == {code: a_part(**expected)}


@pytest.mark.parametrize(
    "topic",
    ["m/status/sys", "m/status/wifi", "m/status/input:0", "m/status/LWT", "m/status/em:0/x", "m/rpc",
     "shellies/announce", "shellies/m/info", "shellies/m/relay/0", "shellies/m/emeter/0/energy",
     "shellies/m/emeter/0/reactive_power"],
)  # fmt: skip
def test_what_measures_nothing_is_nothing_of_ours(topic: str) -> None:
    assert read_by(SOURCE, topic, {"apower": 1}) is NOTHING


def test_an_output_without_a_meter_is_nothing() -> None:
    assert read_by(SOURCE, "m/status/switch:0", {"id": 0, "output": False, "temperature": {"tC": 40}}) is NOTHING


def notified(changed: object, method: object = "NotifyStatus") -> dict[str, Any]:
    return {"src": DEVICE, "dst": f"{DEVICE}/events", "method": method, "params": changed}


def test_a_notification_has_a_time_and_all_components_together() -> None:
    sent_at = datetime(2026, 7, 27, 7, 41, 40, tzinfo=UTC)
    changed = {
        "ts": sent_at.timestamp() + 0.75,
        "em:0": {"id": 0, "total_act_power": 300},
        "emdata:0": {"total_act": 1000},
        "em1:2": {"act_power": 5},
        "wifi": {"rssi": -60},
    }
    assert readings(f"{DEVICE}/events/rpc", notified(changed)) == {
        DEVICE: a_part(at=sent_at, flags=NO_FLAGS, active_power_kw=0.3, energy_import_kwh=1.0),
        f"{DEVICE}:2": a_part(at=sent_at, flags=NO_FLAGS, active_power_kw=0.005),
    }


@pytest.mark.parametrize(
    ("ts", "flags"),
    [(None, ReadingFlag.ARRIVAL_TIME), (12.5, ReadingFlag.ARRIVAL_TIME), ("soon", ReadingFlag.ARRIVAL_TIME),
     (1e9, ReadingFlag.CLOCK_REPLACED), (1e300, ReadingFlag.CLOCK_REPLACED)],
)  # fmt: skip
def test_a_device_that_does_not_know_the_time_is_read_on_arrival(ts: object, flags: ReadingFlag) -> None:
    changed = {"ts": ts, "em:0": {"total_act_power": 300}}
    (reading,) = readings("m/events/rpc", notified(changed, "NotifyFullStatus")).values()
    assert (reading.at, reading.flags) == (ARRIVED_AT, flags)


@pytest.mark.parametrize("message", [notified([]), notified({"ts": 5}), notified({}, "NotifyEvent"), {}, {"id": 7}])
def test_other_notifications_are_nothing(message: object) -> None:
    assert read_by(SOURCE, "m/events/rpc", message) is NOTHING


def test_a_value_that_cannot_be_right_does_not_lose_the_others() -> None:
    outcome = found("m/events/rpc", notified({"em:0": {"a_voltage": -1, "b_voltage": 230}}))
    assert [reading.voltage_v for _, reading in outcome.readings] == [PhaseValues(s=230.0)]
    assert outcome.rejected == Rejected("BAD_PAYLOAD", "em:0.a_voltage is -1 V; accepted: 0 to 1,000,000 V")


@pytest.mark.parametrize(
    ("topic", "payload", "code", "expected"),
    [
        ("emeter/0/power", b"153.42", "em3", {"active_power_kw": 0.15342}),
        ("emeter/1/voltage", b"231.10", "em3:1", {"voltage_v": PhaseValues(r=231.1)}),
        ("emeter/2/current", b"0.5", "em3:2", {"current_a": PhaseValues(r=0.5)}),
        ("emeter/0/pf", b"-0.91", "em3", {"power_factor": -0.91}),
        ("emeter/0/total", b"204500.3", "em3", {"energy_import_kwh": 204.5003}),
        ("emeter/0/total_returned", b"12", "em3", {"energy_export_kwh": 0.012}),
        ("relay/0/power", b"60", "em3", {"active_power_kw": 0.06}),
        ("relay/1/energy", b"90000", "em3:1", {"energy_import_kwh": 1.5}),
        ("roller/0/power", b'"7"', "em3", {"active_power_kw": 0.007}),
    ],
)
def test_the_first_generation_says_one_number_a_topic(
    topic: str, payload: bytes, code: str, expected: dict[str, Any]
) -> None:
    assert readings(f"shellies/em3/{topic}", payload) == {code: a_part(**expected)}


@pytest.mark.parametrize("payload", [b"on", b"\xff", b"true", b"1e99", b"[1]", b"-1"])
def test_a_scalar_that_is_no_measurement_is_rejected(payload: bytes) -> None:
    outcome = read_by(SOURCE, "shellies/em3/emeter/0/total", payload)
    assert isinstance(outcome, Rejected)
    assert outcome.code == "BAD_PAYLOAD"


@pytest.mark.parametrize(("topic", "device"), [("m/online", "m"), ("shellies/em3/online", "em3")])
@pytest.mark.parametrize(("payload", "is_online"), [(b"true", True), (b"false", False), (b" TRUE\n", True)])
@pytest.mark.parametrize("is_retained", [True, False])
def test_presence_counts_also_when_the_broker_kept_it(
    topic: str,
    device: str,
    payload: bytes,
    is_online: bool,  # noqa: FBT001
    is_retained: bool,  # noqa: FBT001
) -> None:
    expected = [DeviceReport(device, DeviceKind.SHELLY, RECEIVED_AT, is_online=is_online)]
    assert found(topic, payload, is_retained=is_retained).reports == expected


def test_a_presence_that_is_none_is_rejected() -> None:
    outcome = read_by(SOURCE, "m/online", b"maybe")
    assert isinstance(outcome, Rejected)
    assert outcome.reason.endswith("accepted: true or false")


def test_what_the_broker_kept_counts_where_it_has_a_time_of_its_own() -> None:
    assert read_by(SOURCE, "m/status/em:0", {"total_act_power": 1}, is_retained=True) is NOTHING
    assert read_by(SOURCE, "shellies/em3/emeter/0/power", b"5", is_retained=True) is NOTHING
    assert read_by(SOURCE, "m/events/rpc", notified({"em:0": {"total_act_power": 1}}), is_retained=True) is NOTHING
    kept = notified({"ts": (RECEIVED_AT - timedelta(days=1)).timestamp(), "em:0": {"total_act_power": 1}})
    outcome = found("m/events/rpc", kept, is_retained=True)
    assert ([code for code, _ in outcome.readings], outcome.reports) == (["m"], [])


def test_a_prefix_may_hold_what_a_code_cannot() -> None:
    (code,) = readings("my plug/status/switch:3", {"apower": 1})
    assert code == "my-plug-269bd6:3"
    assert [*readings("shellies/em3/status/em:0", {"total_act_power": 1})] == ["em3"]


def test_only_its_own_topics_are_matched() -> None:
    assert SOURCE.matches("m/status/em:0")
    assert SOURCE.matches("m/online")
    assert SOURCE.matches("shellies/whatever/at/all")
    assert SOURCE.matches("shellies/m/status/sys")
    assert not SOURCE.matches("m/status/energy")
    assert not SOURCE.matches("m/status/Sys")
    assert not SOURCE.matches("home/energy-monitor/status")
    assert not SOURCE.matches("DATA/PM/A")
    assert not SOURCE.matches("tele/m/SENSOR")


KEYS = st.sampled_from(
    ["a_voltage", "total_act_power", "total_act", "act_power", "pf", "total_act_energy", "apower", "aenergy", "current"]
)
COMPONENTS = st.sampled_from(["ts", "em:0", "emdata:0", "em1:1", "em1data:1", "switch:0", "pm1:999", "sys", "em:"])
STATE = st.dictionaries(KEYS, VALUES | st.fixed_dictionaries({"total": VALUES}))
METHODS = st.sampled_from(["NotifyStatus", "NotifyFullStatus", "NotifyEvent"]) | VALUES
MESSAGES = STATE | st.builds(notified, st.dictionaries(COMPONENTS, STATE | VALUES) | VALUES, METHODS)
TOPICS = st.sampled_from(
    ["m/status/em:0", "m/status/emdata:0", "m/status/em1:1", "m/status/switch:0", "m/events/rpc", "m/online",
     "shellies/m/emeter/0/total", "shellies/m/relay/0/energy"]
)  # fmt: skip


@given(TOPICS | st.text().map(lambda text: f"{text}/status/em:0"), st.binary() | MESSAGES, st.booleans())
def test_no_bytes_raise_and_nothing_unsound_comes_out(topic: str, payload: object, is_retained: bool) -> None:  # noqa: FBT001
    assert_sound(read_by(SOURCE, topic, payload, is_retained=is_retained))
