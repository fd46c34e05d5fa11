"""What hubs say of a home's parts becomes readings of panels, heartbeats and status documents; never an exception."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.energy_hub import SOURCE
from ingest.outcomes import NOTHING, Decoded
from metering.devices import DeviceKind, DeviceReport, ReportKind
from metering.readings import NO_FLAGS, PhaseValues, Reading, ReadingFlag, Rejected
from tests.ingest.messages import example, malformed
from tests.ingest.sources import ARRIVED_AT, RECEIVED_AT, VALUES, a_reading, assert_sound, read_by

SENSORS = "home/energy-monitor/sensors"
NEWER = "enerlink/meters/data"


def found(payload: object, topic: str = SENSORS, **options: Any) -> Decoded:
    outcome = read_by(SOURCE, topic, payload, **options)
    assert isinstance(outcome, Decoded), outcome
    return outcome


def readings(payload: object, topic: str = SENSORS, **options: Any) -> dict[str, Reading]:
    return dict(found(payload, topic, **options).readings)


def refused(payload: object, topic: str = SENSORS) -> Rejected:
    outcome = read_by(SOURCE, topic, payload)
    assert isinstance(outcome, Rejected), outcome
    return outcome


def ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def part(power_kw: float, volt: float, ampere: float, **others: Any) -> Reading:
    return a_reading(
        active_power_kw=power_kw,
        voltage_v=PhaseValues(r=volt),
        current_a=PhaseValues(r=ampere),
        flags=ReadingFlag.ARRIVAL_TIME,
        **others,
    )


def test_each_part_of_a_hub_is_a_panel() -> None:
    topic, payload = example("hub_sensors")
    outcome = found(payload, topic)
    assert dict(outcome.readings) == {
        "energy-monitor:LOAD": part(0.9948, 4.1212, 240.75, energy_import_kwh=0.0101163),
        "energy-monitor:SOLAR": part(1.2758, 8.813601, 144.47, energy_import_kwh=0.01523495),
        "energy-monitor:GRID_EXPORT": part(-0.0386, 4.126, 9.51, energy_export_kwh=0.001959955),
        "energy-monitor:GRID_IMPORT": part(0.0008, 5.550399, 0.13, energy_import_kwh=0.000004),
        "energy-monitor:BATTERY": part(0.1522, 4.176, -36.49, energy_import_kwh=0.001793849),
    }
    assert outcome.reports == [DeviceReport("energy-monitor", DeviceKind.ENERGY_HUB, RECEIVED_AT)]
    assert outcome.rejected is None


@pytest.mark.parametrize(
    ("topic", "code"),
    [
        (f"{SENSORS}/roof-2", "roof-2:LOAD"),
        (f"{SENSORS}/the roof", "the-roof-eca6d3:LOAD"),
        (f"{SENSORS}/the.roof", "the.roof:LOAD"),
    ],
)
def test_a_topic_may_name_the_device(topic: str, code: str) -> None:
    assert [*readings({"load": {"power": 1}}, topic)] == [code]


@pytest.mark.parametrize(
    "topic", [f"{SENSORS}/a/b", f"{SENSORS}/", "home/energy-monitor/command", "home/energy-monitor"]
)
def test_other_topics_are_nothing_of_ours(topic: str) -> None:
    assert read_by(SOURCE, topic, {"load": {"power": 1}}) is NOTHING


@pytest.mark.parametrize("timestamp", [None, 0, 33_857_692, 50 * 86_400_000, "33857692"])
def test_a_time_since_the_start_of_the_hub_gives_way_to_the_arrival(timestamp: object) -> None:
    (reading,) = readings({"timestamp": timestamp, "load": {"power": 1}}).values()
    assert (reading.at, reading.flags) == (ARRIVED_AT, ReadingFlag.ARRIVAL_TIME)


@pytest.mark.parametrize(
    ("sent_at", "at", "flags"),
    [
        (RECEIVED_AT - timedelta(seconds=3.2), ARRIVED_AT - timedelta(seconds=3), NO_FLAGS),
        (RECEIVED_AT - timedelta(hours=1), ARRIVED_AT - timedelta(hours=1), ReadingFlag.LATE),
        (RECEIVED_AT + timedelta(hours=1), ARRIVED_AT, ReadingFlag.CLOCK_REPLACED),
        (RECEIVED_AT + timedelta(days=365_000), ARRIVED_AT, ReadingFlag.CLOCK_REPLACED),
    ],
)
def test_a_time_since_1970_is_the_time(sent_at: datetime, at: datetime, flags: ReadingFlag) -> None:
    (reading,) = readings({"timestamp": ms(sent_at), "load": {"power": 1}}).values()
    assert (reading.at, reading.flags) == (at, flags)


def test_a_part_that_cannot_be_read_does_not_lose_the_others() -> None:
    outcome = found({"load": {"power": "lots", "voltage": 230}, "solar": 5, "import": {"total_energy_wh": 1500}})
    assert {code: reading.voltage_v or reading.energy_import_kwh for code, reading in outcome.readings} == {
        "energy-monitor:LOAD": PhaseValues(r=230.0),
        "energy-monitor:GRID_IMPORT": 1.5,
    }
    reason = "load.power is 'lots', not a number, solar is 5, not an object"
    assert outcome.rejected == Rejected("BAD_PAYLOAD", reason)


def test_counters_of_a_day_or_a_settlement_are_no_registers() -> None:
    assert refused({"load": {"daily_energy_wh": 5, "settlement_energy_wh": 7}}).code == "BAD_PAYLOAD"


@pytest.mark.parametrize(
    ("payload", "code", "reason"),
    [
        ({"timestamp": "now", "load": {"power": 1}}, "BAD_TIME", "timestamp is 'now'; accepted: milliseconds"),
        ({"timestamp": 1}, "BAD_PAYLOAD", "the message has no value of any part; accepted: at least one of load,"),
        ({"load": {"power": 1e13}}, "BAD_PAYLOAD", "load.power is 10000000000000.0 W; accepted: -1,000,000 to"),
        ({"load": {"voltage": -1}}, "BAD_PAYLOAD", "load.voltage is -1 V; accepted: 0 to 1,000,000 V"),
        (b"[1]", "BAD_PAYLOAD", "the payload is no JSON object"),
        (b"{", "BAD_JSON", "the payload is not JSON"),
    ],
)
def test_the_reason_says_what_was_wrong_and_what_is_accepted(payload: object, code: str, reason: str) -> None:
    outcome = refused(payload)
    assert outcome.code == code
    assert reason in outcome.reason


@pytest.mark.parametrize(
    ("topic", "payload"), [(topic, payload) for topic, payload in malformed() if topic.startswith("home/")]
)
def test_a_malformed_message_is_rejected_with_what_is_accepted(topic: str, payload: bytes) -> None:
    assert isinstance(read_by(SOURCE, topic, payload), Rejected)


@pytest.mark.parametrize(("name", "kind"), [("hub_heartbeat", ReportKind.HEARTBEAT), ("hub_status", ReportKind.STATUS)])
@pytest.mark.parametrize("device", ["", "roof"])
def test_heartbeats_and_states_are_kept_as_they_were_sent(name: str, kind: ReportKind, device: str) -> None:
    topic, payload = example(name)
    outcome = found(payload, f"{topic}/{device}".rstrip("/"))
    (report,) = outcome.reports
    assert (report.device, report.report, report.heard_at) == (device or "energy-monitor", kind, RECEIVED_AT)
    assert json.loads(report.document or "") == payload
    assert (report.is_online, outcome.readings) == (None, ())


def test_what_the_broker_kept_counts_where_it_has_a_time_of_its_own() -> None:
    with_time = {"timestamp": ms(RECEIVED_AT - timedelta(days=2)), "load": {"power": 1}}
    outcome = found(with_time, is_retained=True)
    assert ([code for code, _ in outcome.readings], outcome.reports) == (["energy-monitor:LOAD"], [])
    assert found({"timestamp": 33_857_692, "load": {"power": 1}}, is_retained=True) is NOTHING
    assert found({"status": "alive"}, "home/energy-monitor/heartbeat", is_retained=True) is NOTHING


def newer(units: object = None, **parts: Any) -> dict[str, Any]:
    return {"meterId": "METER001", "datetime": "2026-07-27T07:41:40Z", "units": units, "data": parts}


def test_the_second_format_is_read_in_the_units_that_it_declares() -> None:
    payload = newer(
        {"voltage": "V", "current": "mA", "power": "mW", "energy": "Wh"},
        load_home={"voltage": 220, "current": 1500, "power": 330_000, "total_energy": 10_000, "daily_energy": 7},
        export={"power": 5000, "total_energy": 2500},
        battery={"voltage": 4.05, "soc": 86.6},
        net_grid={"net_power": 5},
    )
    at = datetime(2026, 7, 27, 7, 41, 40, tzinfo=UTC)
    assert readings(payload, NEWER) == {
        "METER001:LOAD": a_reading(at=at, voltage_v=PhaseValues(r=220.0), current_a=PhaseValues(r=1.5),
                                   active_power_kw=0.33, energy_import_kwh=10.0),
        "METER001:GRID_EXPORT": a_reading(at=at, active_power_kw=-0.005, energy_export_kwh=2.5),
        "METER001:BATTERY": a_reading(at=at, voltage_v=PhaseValues(r=4.05)),
    }  # fmt: skip


def test_units_that_are_declared_otherwise_count() -> None:
    payload = newer({"power": "kW", "energy": "kWh"}, load_smart_mtr={"power": 1.5, "total_energy": 3})
    assert {code: (one.active_power_kw, one.energy_import_kwh) for code, one in readings(payload, NEWER).items()} == {
        "METER001:LOAD_METER": (1.5, 3.0)
    }


@pytest.mark.parametrize(
    ("payload", "code", "reason"),
    [
        (newer({"power": "hp"}, load_home={"power": 1}), "BAD_PAYLOAD", "units.power is 'hp'; accepted: kW, W"),
        ({"data": {}}, "BAD_PAYLOAD", "meterId is null; accepted: the name of the device"),
        (newer() | {"datetime": "soon"}, "BAD_TIME", "datetime is 'soon'; accepted: local time"),
        (newer(), "BAD_PAYLOAD", "the message has no value of any part; accepted: at least one of load_home"),
    ],
)
def test_the_second_format_is_refused_with_a_reason(payload: object, code: str, reason: str) -> None:
    outcome = refused(payload, NEWER)
    assert outcome.code == code
    assert reason in outcome.reason


def test_states_of_the_second_format_are_kept() -> None:
    payload = {"meterId": "METER001", "data": {"system": {"status": "alive"}}}
    (report,) = found(payload, "enerlink/meters/status").reports
    assert (report.device, report.report, json.loads(report.document or "")) == ("METER001", ReportKind.STATUS, payload)
    assert read_by(SOURCE, "enerlink/meters/command/METER001", {"grid": "off"}) is NOTHING


PART = st.dictionaries(st.sampled_from(["power", "current", "voltage", "total_energy_wh", "total_energy"]), VALUES)
PARTS = st.sampled_from(["load", "solar", "export", "import", "battery", "load_home", "timestamp"])
MESSAGES = st.dictionaries(PARTS, PART | VALUES) | st.fixed_dictionaries(
    {}, optional={"meterId": VALUES, "datetime": VALUES, "units": PART, "data": st.dictionaries(PARTS, PART)}
)
TOPICS = st.sampled_from([SENSORS, f"{SENSORS}/x", NEWER, "enerlink/meters/status", "home/energy-monitor/heartbeat"])


@given(TOPICS | st.text().map(lambda text: f"{SENSORS}/{text}"), st.binary() | MESSAGES, st.booleans())
def test_no_bytes_raise_and_nothing_unsound_comes_out(topic: str, payload: object, is_retained: bool) -> None:  # noqa: FBT001
    assert_sound(read_by(SOURCE, topic, payload, is_retained=is_retained))
