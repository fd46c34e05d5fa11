"""What Zigbee meters and plugs say becomes readings, credit and presence, or a reason why not; never an exception."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.outcomes import NOTHING, Decoded
from ingest.zigbee2mqtt import SOURCE
from metering.devices import BalanceShown, DeviceKind, DeviceReport
from metering.readings import NO_FLAGS, PhaseValues, Reading, ReadingFlag, Rejected
from tests.ingest.messages import example
from tests.ingest.sources import ARRIVED_AT, RECEIVED_AT, VALUES, a_reading, assert_sound, read_by

TOPIC = "zigbee2mqtt/meter"


def found(payload: object, topic: str = TOPIC, **options: Any) -> Decoded:
    outcome = read_by(SOURCE, topic, payload, **options)
    assert isinstance(outcome, Decoded), outcome
    return outcome


def reading(payload: object, topic: str = TOPIC, **options: Any) -> Reading:
    ((_, only),) = found(payload, topic, **options).readings
    return only


def a_part(**values: Any) -> Reading:
    return a_reading(is_partial=True, **({"flags": ReadingFlag.ARRIVAL_TIME} | values))


def test_a_plug_is_read_at_the_time_when_it_was_last_seen() -> None:
    topic, payload = example("zigbee2mqtt_plug")
    outcome = found(payload, topic)
    expected = a_part(
        at=datetime(2026, 7, 27, 7, 41, 41, tzinfo=UTC),
        flags=NO_FLAGS,
        voltage_v=PhaseValues(r=243.0),
        current_a=PhaseValues(r=0.0),
        active_power_kw=0.0,
        energy_import_kwh=12.05,
    )
    assert outcome.readings == [("kitchen", expected)]
    assert outcome.reports == [DeviceReport("kitchen", DeviceKind.ZIGBEE2MQTT, RECEIVED_AT)]


def test_a_prepaid_meter_shows_its_credit() -> None:
    topic, payload = example("zigbee2mqtt_prepaid_meter")
    outcome = found(payload, topic)
    expected = a_part(
        voltage_v=PhaseValues(r=229.4),
        current_a=PhaseValues(r=1.83),
        active_power_kw=0.412,
        energy_import_kwh=812.44,
        energy_export_kwh=0.0,
    )
    assert outcome.readings == [("flat-2-meter", expected)]
    flags = ReadingFlag.ARRIVAL_TIME
    assert outcome.balances == [BalanceShown("flat-2-meter", ARRIVED_AT, Decimal("37.6"), flags)]


def test_credit_keeps_its_very_digits() -> None:
    outcome = found(b'{"balance_energy": 100000000.1234567890123}')
    assert [shown.balance_kwh for shown in outcome.balances] == [Decimal("100000000.1234567890123")]
    assert not outcome.readings
    assert [shown.balance_kwh for shown in found(b'{"balance_energy": "7.50"}').balances] == [Decimal("7.50")]


def test_with_prepayment_switched_off_the_credit_means_nothing() -> None:
    outcome = found({"energy": 1, "balance_energy": 0, "switch_prepayment": "OFF"})
    assert (outcome.balances, outcome.rejected, len(outcome.readings)) == ((), None, 1)


@pytest.mark.parametrize("credit", [b"1e10", b'"NaN"', b'"much"', b"true", b"[1]", b'"Infinity"'])
def test_a_credit_that_cannot_be_is_left_out_and_the_reading_stays(credit: bytes) -> None:
    outcome = found(b'{"energy": 1, "balance_energy": ' + credit + b"}")
    assert (outcome.balances, len(outcome.readings)) == ((), 1)
    assert outcome.rejected
    assert outcome.rejected.reason.startswith("balance_energy is ")


def test_credit_is_kept_where_a_value_beside_it_cannot_be_right() -> None:
    outcome = found({"energy": -1, "balance_energy": 7.5})
    assert ([shown.balance_kwh for shown in outcome.balances], outcome.readings) == ([Decimal("7.5")], ())
    assert outcome.rejected == Rejected("BAD_PAYLOAD", "energy is -1 kWh; accepted: 0 to 1,000,000,000 kWh")


@pytest.mark.parametrize(
    ("last_seen", "at", "flags"),
    [
        ("2026-07-27T09:41:40+02:00", ARRIVED_AT - timedelta(seconds=2), NO_FLAGS),
        ("2026-07-27T07:41:40.123Z", ARRIVED_AT - timedelta(seconds=2), NO_FLAGS),
        ("2026-07-27T09:41:40", ARRIVED_AT - timedelta(seconds=2), NO_FLAGS),
        (1785138100123, ARRIVED_AT - timedelta(seconds=2), NO_FLAGS),
        ("2026-07-27T06:41:42Z", ARRIVED_AT - timedelta(hours=1), ReadingFlag.LATE),
        ("1970-01-01T00:00:00Z", ARRIVED_AT, ReadingFlag.CLOCK_REPLACED),
        (None, ARRIVED_AT, ReadingFlag.ARRIVAL_TIME),
    ],
)
def test_the_time_comes_in_each_form_that_can_be_set(last_seen: object, at: datetime, flags: ReadingFlag) -> None:
    only = reading({"power": 1, "last_seen": last_seen})
    assert (only.at, only.flags) == (at, flags)


def test_a_time_that_is_none_is_rejected() -> None:
    outcome = read_by(SOURCE, TOPIC, {"power": 1, "last_seen": "just now"})
    assert isinstance(outcome, Rejected)
    assert (outcome.code, "last_seen is 'just now'; accepted: " in outcome.reason) == ("BAD_TIME", True)


def test_phases_come_with_their_own_names() -> None:
    only = reading({
        "power": 100.1, "power_phase_b": 200.2, "power_phase_c": -50,
        "voltage": 230, "voltage_phase_b": 231, "voltage_phase_c": 232,
        "current": 1, "current_phase_b": 2, "current_phase_c": 3, "current_neutral": 0.5,
        "produced_energy": 4, "power_apparent": 400,
    })  # fmt: skip
    assert only == a_part(
        voltage_v=PhaseValues(230, 231, 232),
        current_a=PhaseValues(1, 2, 3, 0.5),
        active_power_kw=0.2503,
        apparent_power_kva=0.4,
        energy_export_kwh=4,
    )


def test_power_is_the_whole_where_the_first_phase_has_its_own() -> None:
    only = reading({"power": 300, "power_phase_a": 100, "power_phase_b": 100, "power_phase_c": 100})
    assert only.active_power_kw == 0.3


def test_a_sum_of_which_a_phase_is_no_number_is_no_power() -> None:
    outcome = found({"energy": 1, "power": 100, "power_phase_b": "much"})
    assert [(one.energy_import_kwh, one.active_power_kw) for _, one in outcome.readings] == [(1.0, None)]
    assert outcome.rejected == Rejected("BAD_PAYLOAD", "power_phase_b is 'much', not a number")


@pytest.mark.parametrize(("factor", "expected"), [(0.93, 0.93), (-0.5, -0.5), (1, 1.0), (93, 0.93), (100, 1.0)])
def test_a_power_factor_above_one_is_in_percent(factor: float, expected: float) -> None:
    assert reading({"power": 1, "power_factor": factor}).power_factor == expected


@pytest.mark.parametrize(
    "payload",
    [{}, {"temperature": 21.5, "humidity": 40, "battery": 97, "voltage": 3000}, {"state": "ON", "linkquality": 99},
     {"energy": None, "power": None}, b"12.5", b"ON", b"lock_failure", b'"x"', b""],
)  # fmt: skip
def test_what_measures_no_electricity_is_nothing_of_ours(payload: object) -> None:
    assert read_by(SOURCE, TOPIC, payload) is NOTHING


@pytest.mark.parametrize(
    "topic",
    ["bridge/state", "bridge/devices", "bridge", "meter/set", "meter/get", "meter/set/state", "a/b/get/x", "", "set"],
)
def test_the_bridges_own_topics_and_commands_are_nothing_of_ours(topic: str) -> None:
    assert read_by(SOURCE, f"zigbee2mqtt/{topic}", {"power": 1}) is NOTHING


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("flat-2-meter", "flat-2-meter"),
        ("floor 1/main meter", "floor-1-main-meter-fb82f7"),
        ("0x00158d0001", "0x00158d0001"),
    ],
)
def test_names_may_have_spaces_and_slashes(name: str, code: str) -> None:
    outcome = found({"power": 1}, f"zigbee2mqtt/{name}")
    assert [own for own, _ in outcome.readings] == [code]
    assert [report.device for report in outcome.reports] == [name]


@pytest.mark.parametrize(
    ("payload", "is_online"),
    [({"state": "online"}, True), ({"state": "offline"}, False), (b"online", True), (b"offline", False)],
)
@pytest.mark.parametrize("is_retained", [True, False])
def test_availability_is_presence(payload: object, is_online: bool, is_retained: bool) -> None:  # noqa: FBT001
    outcome = found(payload, "zigbee2mqtt/floor 1/meter/availability", is_retained=is_retained)
    assert outcome == Decoded(
        reports=[DeviceReport("floor 1/meter", DeviceKind.ZIGBEE2MQTT, RECEIVED_AT, is_online=is_online)]
    )


@pytest.mark.parametrize("payload", [{"state": "?"}, b"maybe", {}, {"state": ["online"]}, b"\xff", b"[]"])
def test_an_availability_that_is_none_is_rejected(payload: object) -> None:
    assert isinstance(read_by(SOURCE, f"{TOPIC}/availability", payload), Rejected)


def test_what_the_broker_kept_counts_where_it_has_a_time_of_its_own() -> None:
    assert read_by(SOURCE, TOPIC, {"power": 1, "balance_energy": 5}, is_retained=True) is NOTHING
    assert read_by(SOURCE, TOPIC, {"power": 1, "last_seen": "1970-01-01T00:00:00Z"}, is_retained=True) is NOTHING
    outcome = found({"power": 1, "balance_energy": 5, "last_seen": "2026-07-01T00:00:00Z"}, is_retained=True)
    assert (len(outcome.readings), len(outcome.balances), outcome.reports) == (1, 1, [])


@pytest.mark.parametrize(
    ("payload", "code"),
    [(b"{", "BAD_JSON"), (b'{"power": 1', "BAD_JSON"), (b"[1]", "BAD_PAYLOAD"), (b"\xff", "BAD_JSON")],
)
def test_what_is_no_document_is_rejected(payload: bytes, code: str) -> None:
    outcome = read_by(SOURCE, TOPIC, payload)
    assert isinstance(outcome, Rejected)
    assert outcome.code == code


KEYS = st.sampled_from(
    ["energy", "produced_energy", "power", "power_phase_b", "power_phase_a", "voltage", "current_phase_c",
     "power_factor", "balance_energy", "switch_prepayment", "last_seen", "state"]
)  # fmt: skip
TOPICS = st.sampled_from([TOPIC, f"{TOPIC}/availability", f"{TOPIC}/set"])


@given(
    TOPICS | st.text().map(lambda text: f"zigbee2mqtt/{text}"),
    st.binary() | st.dictionaries(KEYS, VALUES),
    st.booleans(),
)
def test_no_bytes_raise_and_nothing_unsound_comes_out(topic: str, payload: object, is_retained: bool) -> None:  # noqa: FBT001
    assert_sound(read_by(SOURCE, topic, payload, is_retained=is_retained))
