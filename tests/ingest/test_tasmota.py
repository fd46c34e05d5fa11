"""What Tasmota plugs and meter heads say becomes readings of panels, or a reason why not; never an exception."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.outcomes import NOTHING, Decoded
from ingest.tasmota import SOURCE
from ingest.wall_clock import WallClock
from metering.devices import DeviceKind, DeviceReport
from metering.readings import NO_FLAGS, PANEL_CODE, PhaseValues, Reading, ReadingFlag, Rejected
from tests.ingest.messages import example, malformed

RECEIVED_AT = datetime(2026, 9, 28, 19, 20, 26, 500_000, tzinfo=UTC)
AT = datetime(2026, 9, 28, 19, 20, 25, tzinfo=UTC)
TIME = "2026-09-28T21:20:25"
TOPIC = "tele/meter/SENSOR"


def read(
    topic: str, payload: object, *, received_at: datetime = RECEIVED_AT, is_retained: bool = False
) -> Decoded | Rejected:
    clock = WallClock("Europe/Berlin")
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return SOURCE.decode(topic, body, received_at=received_at, is_retained=is_retained, clock_of=lambda _code: clock)


def found(payload: object, topic: str = TOPIC, **options: Any) -> Decoded:
    outcome = read(topic, payload, **options)
    assert isinstance(outcome, Decoded), outcome
    return outcome


def refused(payload: object, topic: str = TOPIC) -> Rejected:
    outcome = read(topic, payload)
    assert isinstance(outcome, Rejected), outcome
    return outcome


def readings(payload: object, topic: str = TOPIC, **options: Any) -> dict[str, Reading]:
    return dict(found(payload, topic, **options).readings)


def meter(**labels: Any) -> dict[str, Any]:
    return {"Time": TIME, "SML": labels}


def plug(**labels: Any) -> dict[str, Any]:
    return {"Time": TIME, "ENERGY": labels}


def a_reading(**values: Any) -> Reading:
    return Reading(**({"at": AT, "received_at": RECEIVED_AT, "is_partial": True} | values))


def test_a_three_phase_meter_is_read_with_its_number() -> None:
    topic, payload = example("tasmota_mt681_three_phase")
    outcome = found(payload, topic)
    assert outcome.readings == [
        (
            "tasmota_6F0690:MT681",
            a_reading(active_power_kw=0.377, energy_import_kwh=15119.035, energy_export_kwh=62331.037),
        )
    ]
    assert outcome.reports == [
        DeviceReport("tasmota_6F0690", DeviceKind.TASMOTA, RECEIVED_AT, meter_number="0a01495352000")
    ]
    assert outcome.rejected is None


def test_a_device_that_is_named_tasmota_is_read() -> None:
    topic, payload = example("tasmota_mt681")
    received_at = datetime(2024, 8, 7, 6, 53, 43, tzinfo=UTC)
    assert readings(payload, topic, received_at=received_at) == {
        "tasmota:MT681": Reading(
            at=datetime(2024, 8, 7, 6, 53, 42, tzinfo=UTC),
            received_at=received_at,
            active_power_kw=0.0799,
            energy_import_kwh=186.7106,
            energy_export_kwh=266.8507,
            is_partial=True,
        )
    }


def test_other_labels_for_the_same_are_known() -> None:
    topic, payload = example("tasmota_mt681_e_in")
    (reading,) = readings(payload, topic).values()
    assert (reading.energy_import_kwh, reading.energy_export_kwh, reading.active_power_kw) == (12345.67, 12.5, 0.4505)
    assert reading.flags == ReadingFlag.LATE


def test_export_is_negative_power_and_other_sensors_are_nothing() -> None:
    topic, payload = example("tasmota_sml_generic")
    outcome = found(payload, topic)
    ((code, reading),) = outcome.readings
    assert (code, reading.active_power_kw) == ("tasmota_0A1B2C:SML", -0.894)
    assert outcome.rejected is None


def test_a_plug_is_read_with_everything_it_measures() -> None:
    topic, payload = example("tasmota_plug_energy")
    received_at = datetime(2018, 2, 15, 16, 37, 11, tzinfo=UTC)
    assert readings(payload, topic, received_at=received_at) == {
        "plug001": Reading(
            at=datetime(2018, 2, 15, 16, 37, 10, tzinfo=UTC),
            received_at=received_at,
            voltage_v=PhaseValues(227.0),
            current_a=PhaseValues(11.661),
            active_power_kw=2.635,
            apparent_power_kva=2.65,
            power_factor=0.99,
            energy_import_kwh=6.294,
        )
    }


def test_an_answer_to_status_8_is_read_like_a_sensor_message() -> None:
    payload = {"StatusSNS": plug(Total=1.5)}
    assert readings(payload, "stat/plug/STATUS8")["plug"].energy_import_kwh == 1.5
    assert readings(payload, "stat/plug/STATUS10") == readings(payload, "stat/plug/STATUS8")


@pytest.mark.parametrize(
    ("topic", "code"),
    [
        ("tele/plug/SENSOR", "plug"),
        ("tele/tasmota/plug/SENSOR", "plug"),
        ("tasmota/plug/tele/SENSOR", "plug"),
        ("plug/tele/SENSOR", "plug"),
        ("tele/tasmota/SENSOR", "tasmota"),
        ("tele/kitchen plug/SENSOR", "kitchen-plug-34b892"),
        ("tele/house/kitchen/SENSOR", "house-kitchen-743755"),
    ],
)
def test_the_level_that_names_the_device_names_the_panel(topic: str, code: str) -> None:
    assert SOURCE.matches(topic)
    assert list(readings(plug(Total=1), topic)) == [code]


@pytest.mark.parametrize("topic", ["DATA/PM/X", "zigbee2mqtt/plug", "a/b/tele/SENSOR", "plug/tele/notes", "tele", ""])
def test_topics_of_others_are_left_alone(topic: str) -> None:
    assert not SOURCE.matches(topic)


def test_a_topic_without_a_device_is_refused() -> None:
    assert refused(plug(Total=1), "tele/SENSOR").code == "BAD_TOPIC"


def test_two_meter_heads_on_one_device_stay_two_panels() -> None:
    outcome = found({"Time": TIME, "SML1": {"Total_in": 1, "Meter_id": "a"}, "SML2": {"Total_in": 2, "Meter_id": "b"}})
    assert {code: reading.energy_import_kwh for code, reading in outcome.readings} == {"meter:SML1": 1, "meter:SML2": 2}
    assert [report.meter_number for report in outcome.reports] == ["a, b"]


def test_values_without_a_block_are_the_devices_own() -> None:
    assert readings({"Time": TIME, "": {"E_in": 5}}) == {"meter": a_reading(energy_import_kwh=5)}
    assert readings({"Time": TIME, "E_in": 5, "TempUnit": "C"}) == {"meter": a_reading(energy_import_kwh=5)}


def test_channels_are_panels_of_their_own() -> None:
    given = plug(Total=[1.5, 2.5], Power=[100, 200], Current=[1.32, 2.1], Voltage=230, Factor=[0.5, 1])
    assert readings(given) == {
        "meter:1": a_reading(
            energy_import_kwh=1.5, active_power_kw=0.1, current_a=PhaseValues(1.32),
            voltage_v=PhaseValues(230), power_factor=0.5, is_partial=False,
        ),
        "meter:2": a_reading(
            energy_import_kwh=2.5, active_power_kw=0.2, current_a=PhaseValues(2.1),
            voltage_v=PhaseValues(230), power_factor=1, is_partial=False,
        ),
    }  # fmt: skip


def test_a_register_of_all_channels_makes_the_device_a_panel_as_well() -> None:
    given = readings(plug(Total=9, Power=[100, 200, 300], Voltage=[230, 231, 232], Current=[1, 2, 3]))
    assert list(given) == ["meter", "meter:1", "meter:2", "meter:3"]
    assert given["meter"] == a_reading(
        energy_import_kwh=9, active_power_kw=0.6, voltage_v=PhaseValues(230, 231, 232),
        current_a=PhaseValues(1, 2, 3), is_partial=False,
    )  # fmt: skip
    assert given["meter:3"].energy_import_kwh is None


@pytest.mark.parametrize(
    ("labels", "energy_import_kwh", "energy_export_kwh"),
    [
        ({"Total": [0.25, 263.0, 0.0], "Power": 5}, 263.25, None),
        ({"TotalTariff": [1.5, 2], "Power": 5}, 3.5, None),
        ({"Total": 7, "TotalTariff": [1.5, 2], "ExportActive": 3, "ExportTariff": [1, 1]}, 7, 3),
        ({"Total": 7, "ImportActive": 6, "ExportTariff": [1, 1]}, 6, 2),
    ],
)
def test_tariffs_are_added_up_where_no_register_has_all(
    labels: dict[str, Any], energy_import_kwh: float, energy_export_kwh: float | None
) -> None:
    reading = readings(plug(**labels))["meter"]
    assert (reading.energy_import_kwh, reading.energy_export_kwh) == (energy_import_kwh, energy_export_kwh)


@pytest.mark.parametrize(
    ("labels", "values"),
    [
        ({"power_l1": 1, "POWER_L2": 2.5, "Power L3": -3}, {"active_power_kw": 0.0005}),
        ({"Power_in": 100, "Power_out": 350, "E_in": 1}, {"active_power_kw": -0.25, "energy_import_kwh": 1}),
        ({"1.8.0": 10, "2_8_0": 20, "16_7_0": 30},
         {"energy_import_kwh": 10, "energy_export_kwh": 20, "active_power_kw": 0.03}),
        ({"1_8_1": 10, "1_8_2": 5}, {"energy_import_kwh": 15}),
        ({"Volt_p1": 230, "Volt_p3": 232, "Curr_p2": -2, "Volt_avg": 231, "Curr_summ": 2},
         {"voltage_v": PhaseValues(230, None, 232), "current_a": PhaseValues(None, -2)}),
        ({"total_in": "12.5", "Power_factor": -0.5}, {"energy_import_kwh": 12.5, "power_factor": -0.5}),
        ({"Total_in": 1, "Power_p1": 14}, {"energy_import_kwh": 1}),
    ],
)  # fmt: skip
def test_labels_are_read_in_any_case_and_parts_are_added_up(labels: dict[str, Any], values: dict[str, Any]) -> None:
    outcome = found(meter(**labels))
    assert outcome.readings == [("meter:SML", a_reading(**values))]
    assert outcome.rejected is None


def test_one_phase_that_was_published_at_once_is_not_taken_for_all() -> None:
    assert found(meter(Power_p1=14)) == NOTHING


def test_labels_that_nobody_knows_are_rejected_with_their_names_and_the_way_out() -> None:
    outcome = refused(meter(Wirkenergie_A=5, Foo=7, Name="x"))
    assert outcome.code == "UNKNOWN_LABELS"
    assert "block 'SML' has numbers under labels that are not known: Wirkenergie_A, Foo" in outcome.reason
    assert "setDeviceMapping" in outcome.reason


def test_what_is_known_of_a_block_is_stored_when_some_of_it_is_not() -> None:
    outcome = found(meter(Total_in=5, Foo=7))
    assert outcome.readings == [("meter:SML", a_reading(energy_import_kwh=5))]
    assert outcome.rejected is not None
    assert outcome.rejected.code == "UNKNOWN_LABELS"


@pytest.mark.parametrize(
    "sensors",
    [
        {"HTU21": {"Temperature": 24.1, "Humidity": 48}, "TempUnit": "C"},
        {"DS18B20": {"Id": "011620C9B4EE", "Temperature": 21.5}},
        {"BME680": {"Temperature": 22, "Gas": 200, "Foo": 1}},
        {"COUNTER": {"C1": 7}, "ANALOG": {"A0": 5}, "Shutter1": {"Position": 50, "Direction": 0}},
        {"Switch1": "ON"},
        {"SML": {}},
        {},
    ],
)
def test_other_sensors_are_nothing(sensors: dict[str, Any]) -> None:
    assert found({"Time": TIME, **sensors}) == NOTHING


@pytest.mark.parametrize(("payload", "is_online"), [(b"Online", True), (b"Offline", False)])
@pytest.mark.parametrize("topic", ["tele/plug/LWT", "tele/tasmota/plug/LWT", "plug/tele/LWT"])
def test_presence_is_reported(topic: str, payload: bytes, *, is_online: bool) -> None:
    outcome = read(topic, payload, is_retained=True)
    assert outcome == Decoded(reports=[DeviceReport("plug", DeviceKind.TASMOTA, RECEIVED_AT, is_online=is_online)])


def test_presence_that_is_neither_is_refused() -> None:
    assert "accepted: Online or Offline" in refused(b"perhaps", "tele/plug/LWT").reason


@pytest.mark.parametrize("subject", ["STATE", "INFO1", "UPTIME", "RESULT", "anything/else"])
def test_other_subjects_are_nothing(subject: str) -> None:
    assert SOURCE.matches(f"tele/plug/{subject}")
    assert read(f"tele/plug/{subject}", b"{") == NOTHING


@pytest.mark.parametrize(
    ("stated", "at", "flags"),
    [
        ({"Time": "2026.09.28 21:20:25"}, AT, NO_FLAGS),
        ({"Time": "2026-09-28T21:20:25.750"}, AT, NO_FLAGS),
        ({"Time": "2026-09-28T19:20:25Z"}, AT, NO_FLAGS),
        ({"Time": "2026-09-28T22:20:25+03:00"}, AT, NO_FLAGS),
        ({"Time": int(AT.timestamp())}, AT, NO_FLAGS),
        ({"Time": "nonsense", "Epoch": int(AT.timestamp())}, AT, NO_FLAGS),
        ({"Time": "1970-06-11T00:00:01"}, RECEIVED_AT.replace(microsecond=0), ReadingFlag.CLOCK_REPLACED),
        ({"Time": None}, RECEIVED_AT.replace(microsecond=0), ReadingFlag.ARRIVAL_TIME),
        ({}, RECEIVED_AT.replace(microsecond=0), ReadingFlag.ARRIVAL_TIME),
        ({"Time": "2026-09-28T20:20:25"}, AT - timedelta(hours=1), ReadingFlag.LATE),
    ],
)  # fmt: skip
def test_the_devices_time_counts_where_it_can_be_believed(
    stated: dict[str, Any], at: datetime, flags: ReadingFlag
) -> None:
    (reading,) = readings({**stated, "SML": {"Total_in": 1}}).values()
    assert (reading.at, reading.flags) == (at, flags)


def test_a_time_that_is_none_is_refused() -> None:
    outcome = refused({"Time": "yesterday", "SML1": {"Total_in": 1}, "SML2": {"Total_in": 1}})
    assert (outcome.code, outcome.reason.count("yesterday")) == ("BAD_TIME", 1)


@pytest.mark.parametrize("stated", [{}, {"Time": "1970-01-01T00:00:09"}])
def test_what_the_broker_kept_is_no_reading_when_nobody_knows_of_when(stated: dict[str, Any]) -> None:
    payload = {**stated, "SML": {"Total_in": 1, "Meter_id": "a"}}
    assert found(payload, is_retained=True) == NOTHING


def test_what_the_broker_kept_with_its_time_is_a_reading() -> None:
    assert len(readings(meter(Total_in=1), is_retained=True)) == 1


@pytest.mark.parametrize("nothing", ["nan", "-nan", "inf", "null", "NaN"])
def test_a_value_that_is_not_measured_is_left_out(nothing: str) -> None:
    payload = f'{{"Time":"{TIME}","SML":{{"Total_in":{nothing},"Power_cur":5}}}}'.encode()
    assert readings(payload) == {"meter:SML": a_reading(active_power_kw=0.005)}
    alone = f'{{"Time":"{TIME}","SML":{{"Total_in":{nothing}}}}}'.encode()
    assert "has no value for Total_in; accepted: a number" in refused(alone).reason


def test_a_value_that_cannot_be_right_is_left_out_and_told() -> None:
    outcome = found({"Time": TIME, "SML": {"Total_in": -1, "Power_cur": 5}, "ENERGY": {"Total": 3, "Factor": 7}})
    assert [code for code, _ in outcome.readings] == ["meter:SML", "meter"]
    assert outcome.rejected is not None
    assert "Total_in is -1 kWh; accepted: 0 to 1,000,000,000 kWh" in outcome.rejected.reason
    assert "Factor is 7; accepted: -1 to 1" in outcome.rejected.reason


def test_a_message_of_too_many_blocks_values_or_channels_is_refused() -> None:
    many = {str(number): 1 for number in range(201)}
    assert "block 'SML' has 201 values; accepted: up to 200" in refused(meter(**many)).reason
    assert "the message has 201 values" in refused(many).reason
    assert "33 blocks" in refused({f"SML{number}": {"Total_in": 1} for number in range(33)}).reason
    assert "more than 16 values" in refused(plug(Total=[1] * 17)).reason


@pytest.mark.parametrize(
    ("topic", "payload"), [(topic, payload) for topic, payload in malformed() if topic.startswith("tele/")]
)
def test_a_malformed_message_is_read_as_far_as_it_can_be(topic: str, payload: bytes) -> None:
    outcome = read(topic, payload)
    assert isinstance(outcome, Decoded) or ("accepted: " in outcome.reason)


LABELS = st.sampled_from(
    ["Total_in", "Total_out", "Power_cur", "Power_p1", "Volt_p2", "Meter_id", "Temperature", "Foo", "Total", "Power",
     "Voltage", "Current", "Factor", "TotalTariff", "ExportActive", "1_8_1", "1_8_2", ""]
)  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = SCALARS | st.lists(SCALARS, max_size=20) | st.dictionaries(st.text(), SCALARS, max_size=3)
BLOCKS = st.dictionaries(LABELS | st.text(), VALUES, max_size=8)
MESSAGES = st.dictionaries(
    st.sampled_from(["Time", "Epoch", "SML", "ENERGY", "StatusSNS", "", "HTU21"]) | st.text(), BLOCKS | VALUES
)


@settings(max_examples=100, deadline=None)
@given(MESSAGES, st.sampled_from(["tele/m/SENSOR", "tele/a/b/SENSOR", "stat/m/STATUS8", "m/tele/SENSOR"]))
def test_any_document_ends_in_sound_readings_or_a_reason(document: dict[str, Any], topic: str) -> None:
    assert_sound(read(topic, json.dumps(document).encode()))


@settings(max_examples=80, deadline=None)
@given(st.text().map("tele/{}/SENSOR".format) | st.text(), st.binary())
def test_any_topic_and_bytes_end_in_sound_readings_or_a_reason(topic: str, payload: bytes) -> None:
    SOURCE.matches(topic)
    assert_sound(read(topic, payload))


def assert_sound(outcome: Decoded | Rejected) -> None:
    if isinstance(outcome, Rejected):
        assert outcome.reason
        return
    for code, reading in outcome.readings:
        assert PANEL_CODE.fullmatch(code)
        assert reading.at.tzinfo is not None
        for value in (reading.active_power_kw, reading.apparent_power_kva, reading.energy_import_kwh):
            assert value is None or -1e6 <= value <= 1e9
