"""Announcements in Home Assistant's discovery become values of panels, or say why they do not."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import AsyncConnection

from ingest.home_assistant import SOURCE
from ingest.outcomes import NOTHING, Decoded
from ingest.publisher import Publisher
from ingest.wall_clock import WallClock
from metering.mappings import DiscoveredSensor, FieldMapping, Quantity
from metering.readings import PANEL_CODE, Rejected
from store.connections import Row
from tests.ingest.conftest import Broker
from tests.ingest.messages import RECEIVED_AT
from tests.ingest.running import eventually, ingesting, rows

CLOCK = WallClock("UTC")


def heard(topic: str, payload: bytes, *, is_retained: bool = True) -> Decoded | Rejected:
    return SOURCE.decode(topic, payload, received_at=RECEIVED_AT, is_retained=is_retained, clock_of=lambda _code: CLOCK)


def announced(document: dict[str, Any], *, topic: str = "homeassistant/sensor/plug/energy/config") -> Decoded:
    found = heard(topic, json.dumps(document).encode())
    assert isinstance(found, Decoded), found
    return found


def sensors(found: Decoded) -> list[DiscoveredSensor]:
    return [sensor for sensor in found.discovered if sensor.field]


def field(**change: Any) -> FieldMapping | None:
    """What becomes of a plain energy sensor with some of its keys changed; None takes one away."""
    document = {
        "name": "Energy",
        "state_topic": "plug/state",
        "unit_of_measurement": "kWh",
        "device_class": "energy",
        "state_class": "total_increasing",
        "value_template": "{{ value_json.energy }}",
        "device": {"identifiers": ["plug"], "name": "Kitchen plug"},
        **change,
    }
    found = sensors(announced({key: value for key, value in document.items() if value is not None}))
    return found[0].field if found else None


def power(name: str, *, path: str = "power", **change: Any) -> FieldMapping | None:
    return field(
        name=name,
        device_class="power",
        unit_of_measurement="W",
        state_class="measurement",
        value_template=f"{{{{ value_json.{path} }}}}",
        **change,
    )


TASMOTA_TOPIC = "homeassistant/sensor/218FF9_ENERGY_Total/config"
TASMOTA = {
    "name": "plug001 ENERGY Total",
    "stat_t": "tele/plug001/SENSOR",
    "avty_t": "tele/plug001/LWT",
    "uniq_id": "218FF9_ENERGY_Total",
    "dev": {"ids": ["218FF9"]},
    "unit_of_meas": "kWh",
    "dev_cla": "energy",
    "stat_cla": "total_increasing",
    "val_tpl": "{{value_json['ENERGY']['Total']}}",
}


def test_an_abbreviated_announcement_is_a_value_of_its_devices_panel() -> None:
    assert announced(TASMOTA, topic=TASMOTA_TOPIC).discovered == [
        DiscoveredSensor(TASMOTA_TOPIC, "", "", "", None),
        DiscoveredSensor(
            TASMOTA_TOPIC,
            "218FF9",
            "218FF9",
            "tele/plug001/SENSOR",
            FieldMapping(("ENERGY", "Total"), Quantity.ENERGY_IMPORT, "kWh"),
        ),
    ]


def test_a_device_announces_its_components_together() -> None:
    topic = "homeassistant/device/heatpump/config"
    found = announced(
        {
            "~": "heat/pump",
            "dev": {"ids": "0x01", "name": "Heat pump"},
            "o": {"name": "somebody"},
            "stat_t": "~/state",
            "cmps": {
                "energy": {
                    "p": "sensor", "dev_cla": "energy", "stat_cla": "total", "unit_of_meas": "MWh",
                    "val_tpl": "{{ value_json.e / 1000 }}", "uniq_id": "e",
                },
                "power_l1": {"p": "sensor", "dev_cla": "power", "unit_of_meas": "W", "val_tpl": "{{ value_json.l1 }}"},
                "volts_l2": {"p": "sensor", "dev_cla": "voltage", "unit_of_meas": "V", "stat_t": "v/~", "val_tpl": ""},
                "relay": {"p": "switch", "command_topic": "x"},
                "gone": {"p": "sensor"},
            },
        },
        topic=topic,
    )  # fmt: skip
    assert found.rejected is None
    assert sensors(found) == [
        DiscoveredSensor(
            f"{topic}#energy", "0x01", "0x01", "heat/pump/state",
            FieldMapping(("e",), Quantity.ENERGY_IMPORT, "kWh"),
        ),
        DiscoveredSensor(
            f"{topic}#volts_l2", "0x01", "0x01", "v/heat/pump", FieldMapping((), Quantity.VOLTAGE_S, "V")
        ),
    ]  # fmt: skip
    assert found.discovered[0] == DiscoveredSensor(topic, "", "", "", None)


def test_of_very_many_components_the_first_are_read() -> None:
    many = {f"c{number}_x": {**TASMOTA, "p": "sensor", "name": f"Total {number}"} for number in range(501)}
    found = announced({"dev": {"ids": "a"}, "cmps": many}, topic="homeassistant/device/a/config")
    assert len(sensors(found)) == 500
    assert found.rejected is not None
    assert "there are 501 components; accepted: the first 500" in found.rejected.reason


def test_a_component_whose_name_no_index_takes_says_so() -> None:
    document = {"cmps": {"ä" * 500: {**TASMOTA, "p": "sensor"}, "total": {**TASMOTA, "p": "sensor"}}}
    found = announced(document, topic="homeassistant/device/a/config")
    assert len(sensors(found)) == 1
    assert found.rejected is not None
    assert "its name is too long" in found.rejected.reason


def test_the_words_of_a_topic_without_a_device_are_no_name() -> None:
    found = announced({**TASMOTA, "dev": None, "name": "Export", "stat_t": "meter/export"})
    assert [sensor.field.quantity for sensor in found.discovered if sensor.field] == [Quantity.ENERGY_EXPORT]


def test_an_empty_announcement_takes_back() -> None:
    topic = "homeassistant/sensor/node/energy/config"
    assert heard(topic, b"") == Decoded(discovered=(DiscoveredSensor(topic, "", "", "", None),))


@pytest.mark.parametrize(
    ("template", "path", "unit", "is_reversed"),
    [
        ("{{ value_json.e.f }}", ("e", "f"), "kWh", False),
        ("{{ value_json.e / 1000 }}", ("e",), "Wh", False),
        ("{{ value_json.e | float * 0.001 | round(2) }}", ("e",), "Wh", False),
        ("{{ value_json.e / 60000 }}", ("e",), "Wmin", False),
        ("{{ value_json.e * -1000 }}", ("e",), "MWh", True),
        (None, (), "kWh", False),
    ],
)
def test_a_template_is_a_path_and_a_unit(
    template: str | None, path: tuple[str, ...], unit: str, *, is_reversed: bool
) -> None:
    assert field(value_template=template) == FieldMapping(path, Quantity.ENERGY_IMPORT, unit, is_reversed)


@pytest.mark.parametrize(
    "name", ["Energy today", "EnergyYesterday", "daily_energy", "Energy this month", "Energi hari ini", "Trip energy"]
)
def test_what_begins_again_with_a_day_or_a_month_is_no_register(name: str) -> None:
    assert field(name=name) is None
    assert announced({**TASMOTA, "name": name, "val_tpl": "{{ value_json.e }}"}).rejected is None


@pytest.mark.parametrize(
    "name", ["Energy export", "TotalOut", "Energy returned", "Produced energy", "Feed-in", "2.8.0"]
)
def test_energy_that_leaves_is_export(name: str) -> None:
    found = field(name=name)
    assert found is not None
    assert found.quantity is Quantity.ENERGY_EXPORT


def test_power_that_leaves_is_negative() -> None:
    assert power("Power") == FieldMapping(("power",), Quantity.ACTIVE_POWER, "W")
    assert power("Power production") == FieldMapping(("power",), Quantity.ACTIVE_POWER, "W", is_reversed=True)


@pytest.mark.parametrize(
    ("name", "path", "quantity"),
    [
        ("Voltage", "voltage", Quantity.VOLTAGE_R),
        ("Voltage phase B", "voltage_phase_b", Quantity.VOLTAGE_S),
        ("L3 voltage", "u", Quantity.VOLTAGE_T),
        ("Phase 2 voltage", "u", Quantity.VOLTAGE_S),
        ("Neutral voltage", "u", Quantity.VOLTAGE_N),
        ("Voltage", "phase_c.voltage", Quantity.VOLTAGE_T),
    ],
)
def test_a_phase_is_known_by_its_name(name: str, path: str, quantity: Quantity) -> None:
    found = power(name, path=path, device={"ids": ["plug"], "name": "Flat L1"})
    assert found is None or found.quantity is Quantity.ACTIVE_POWER
    volts = field(
        name=name,
        device_class="voltage",
        unit_of_measurement="V",
        state_class=None,
        value_template=f"{{{{ value_json.{path} }}}}",
        device={"ids": ["plug"], "name": "Flat A"},
    )
    assert volts is not None
    assert volts.quantity is quantity


def test_a_voltage_between_phases_and_the_power_of_one_are_not_the_panels() -> None:
    assert power("Power L2") is None
    assert field(name="Voltage L1-L2", device_class="voltage", unit_of_measurement="V") is None


def test_channels_and_parts_of_a_device_are_panels_of_their_own() -> None:
    def code(**change: Any) -> str:
        return sensors(announced({**TASMOTA, **change}, topic="homeassistant/sensor/x/total/config"))[0].panel_code

    assert code(val_tpl="{{ value_json.ENERGY.Total[1] }}") == "218FF9:2"
    assert code(val_tpl="{{ value_json.total_3 }}") == "218FF9:3"
    assert code(name="PV total") == "218FF9:SOLAR"
    assert code(name="Battery charged total") == "218FF9:BATTERY"
    assert code(dev={"ids": ["218FF9"], "name": "Solar inverter 2"}, name="Solar inverter 2 total") == "218FF9"


def test_without_identifiers_the_connection_the_node_or_the_topic_names_the_device() -> None:
    def device(topic: str, **change: Any) -> str:
        return sensors(announced({**TASMOTA, **change}, topic=topic))[0].device

    assert device("homeassistant/sensor/n/o/config", dev={"cns": [["mac", "aa:bb:cc"]]}) == "aa:bb:cc"
    assert device("homeassistant/sensor/n/o/config", dev=None) == "n"
    assert device("homeassistant/sensor/o/config", dev=[]) == "tele/plug001/SENSOR"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"val_tpl": "{{ value_json.e + 1 }}"}, "template"),
        ({"unit_of_meas": "m³"}, "unit is 'm³'; accepted: kWh, Wh"),
        ({"stat_cla": "measurement"}, "state_class is 'measurement'"),
        ({"name": "Energy tariff 1"}, "one tariff or one phase"),
        ({"name": "Energy L1"}, "one tariff or one phase"),
        ({"stat_t": "a/+/b"}, "state_topic"),
        ({"stat_t": None}, "state_topic"),
        ({"stat_t": "a\0b"}, "state_topic"),
        ({"val_tpl": "{{ value_json.e / 7 }}"}, "unit is 'kWh', with a factor of 0.142857"),
    ],
)
def test_energy_that_cannot_be_read_says_why(change: dict[str, Any], words: str) -> None:
    found = announced({**TASMOTA, **change})
    assert sensors(found) == []
    assert found.rejected is not None
    assert found.rejected.code == "UNUSABLE_ANNOUNCEMENT"
    assert words in found.rejected.reason


@pytest.mark.parametrize(
    "change", [{"dev_cla": "temperature"}, {"dev_cla": None}, {"dev_cla": 5}, {"lrst_val_tpl": "{{ value_json.r }}"}]
)
def test_what_is_no_quantity_of_a_panel_is_let_go_and_taken_back(change: dict[str, Any]) -> None:
    found = announced({**TASMOTA, **change}, topic=TASMOTA_TOPIC)
    assert (found.discovered, found.rejected) == ([DiscoveredSensor(TASMOTA_TOPIC, "", "", "", None)], None)


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("homeassistant/status", b"online"),
        ("homeassistant/switch/plug/config", b"{"),
        ("homeassistant/sensor/a/b/c/config", b"{"),
        ("homeassistant/sensor/plug/state", b"5"),
        (TASMOTA_TOPIC, json.dumps({**TASMOTA, "o": {"name": "Kilowatch"}}).encode()),
    ],
)
def test_other_topics_and_our_own_announcements_are_nothing(topic: str, payload: bytes) -> None:
    assert SOURCE.matches(topic)
    assert heard(topic, payload) is NOTHING


@pytest.mark.parametrize(
    ("payload", "code"), [(b"{", "BAD_JSON"), (b"[" * 5000, "BAD_PAYLOAD"), (b"[]", "BAD_PAYLOAD")]
)
def test_what_is_no_object_is_rejected(payload: bytes, code: str) -> None:
    found = heard(TASMOTA_TOPIC, payload)
    assert isinstance(found, Rejected)
    assert found.code == code


SPOKEN = st.sampled_from(
    [
        *TASMOTA,
        *map(str, TASMOTA.values()),
        "cmps",
        "p",
        "sensor",
        "energy",
        "power",
        "~",
        "kWh",
        "\0",
        "L1",
        "total",
        "x" * 70,
    ]
)
VALUES = st.recursive(
    SPOKEN | st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SPOKEN, inner, max_size=6),
    max_leaves=6,
)


@settings(max_examples=100)
@given(st.sampled_from(["sensor/x", "device/x"]), st.dictionaries(SPOKEN, VALUES), VALUES)
def test_whatever_is_announced_each_value_has_a_panel_and_a_topic(
    kind: str, change: dict[str, Any], device: Any
) -> None:
    document = {**TASMOTA, **change, "dev": device, "cmps": {"c": {"p": "sensor", **change}}}
    found = announced(document, topic=f"homeassistant/{kind}/config")
    for sensor in sensors(found):
        assert PANEL_CODE.fullmatch(sensor.panel_code)
        assert sensor.topic
        assert "\0" not in f"{sensor}"


@given(st.binary())
def test_whatever_the_bytes_are_nothing_is_raised(payload: bytes) -> None:
    assert isinstance(heard(TASMOTA_TOPIC, payload), Decoded | Rejected)


async def test_what_a_device_announces_at_the_broker_is_read_from_then_on(
    connection: AsyncConnection[Row], embedded_broker: Broker
) -> None:
    template = "{{ value_json.wh / 1000 }}"
    document = {**TASMOTA, "stat_t": "cellar/meter", "dev": {"ids": ["cellar"]}, "val_tpl": template}
    async with (
        ingesting(connection, embedded_broker.url, client_id="announced"),
        Publisher(embedded_broker.url, client_id="cellar") as cellar,
    ):

        async def is_read() -> bool:
            cellar.publish("cellar/meter", b'{"wh": 12500, "state": "ON"}')
            return bool(await rows(connection, "SELECT FROM reading"))

        cellar.publish("homeassistant/sensor/cellar/energy/config", json.dumps(document).encode())
        await eventually(is_read)
    found = await rows(connection, "SELECT DISTINCT code, energy_import_kwh FROM reading JOIN panel ON id = panel_id")
    assert found == [("cellar", 12.5)]
    assert await rows(connection, "SELECT * FROM rejected_message") == []
