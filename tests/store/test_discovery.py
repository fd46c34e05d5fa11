"""Announcements are kept as they were last made, told once, and bounded."""

from collections.abc import Iterator

import psycopg
import pytest

import store.discovery
from metering.mappings import DiscoveredSensor, FieldMapping, Quantity
from store.connections import Row, connect
from store.discovery import discovered_sensors, keep_discovered
from tests.fixtures.notices import told

DEVICE_TOPIC = "homeassistant/device/heat/config"


@pytest.fixture
def database(database_url: str) -> Iterator[psycopg.Connection[Row]]:
    with connect(database_url) as opened:
        yield opened


@pytest.fixture
def news(database_url: str) -> Iterator[psycopg.Connection[Row]]:
    with psycopg.connect(database_url, autocommit=True) as opened:
        opened.execute("LISTEN ingest_control")
        yield opened


def sensor(announced_on: str, quantity: Quantity, *path: str | int, panel: str = "heat") -> DiscoveredSensor:
    field = FieldMapping(path, quantity, "kWh" if "ENERGY" in quantity else "W")
    return DiscoveredSensor(announced_on, panel, panel, "heat/state", field)


def taken_back(announced_on: str) -> DiscoveredSensor:
    return DiscoveredSensor(announced_on, "", "", "", None)


TOTAL = sensor(f"{DEVICE_TOPIC}#total", Quantity.ENERGY_IMPORT, "total")
POWER = sensor(f"{DEVICE_TOPIC}#power", Quantity.ACTIVE_POWER, "emeters", 0, "power")


def keep(database: psycopg.Connection[Row], *sensors: DiscoveredSensor) -> list[DiscoveredSensor]:
    keep_discovered(database, sensors)
    database.commit()
    return discovered_sensors(database)


def test_what_was_announced_is_there_until_it_is_taken_back(database: psycopg.Connection[Row]) -> None:
    assert keep(database, taken_back(DEVICE_TOPIC), TOTAL, POWER) == [POWER, TOTAL]
    assert keep(database, taken_back("homeassistant/device/heat2/config")) == [POWER, TOTAL]
    assert keep(database, taken_back(f"{DEVICE_TOPIC}")) == []


def test_a_new_announcement_takes_the_place_of_the_whole_old_one(database: psycopg.Connection[Row]) -> None:
    keep(database, taken_back(DEVICE_TOPIC), TOTAL, POWER)
    moved = sensor(TOTAL.announced_on, Quantity.ENERGY_IMPORT, "sum")
    assert keep(database, taken_back(DEVICE_TOPIC), TOTAL, taken_back(DEVICE_TOPIC), moved) == [moved]


def test_ingest_is_told_of_a_change_and_not_of_a_repetition(
    database: psycopg.Connection[Row], news: psycopg.Connection[Row]
) -> None:
    keep(database, taken_back(DEVICE_TOPIC), TOTAL)
    assert len(told(news, "ingest_control")) == 1
    keep(database, taken_back(DEVICE_TOPIC), TOTAL)
    keep(database, taken_back("homeassistant/sensor/other/config"))
    assert len(told(news, "ingest_control")) == 0
    keep(database, taken_back(DEVICE_TOPIC))
    assert len(told(news, "ingest_control")) == 1


def test_of_several_values_of_one_quantity_the_shortest_path_is_read(database: psycopg.Connection[Row]) -> None:
    tariff = sensor("homeassistant/sensor/a/config", Quantity.ENERGY_IMPORT, "total_tariff_1")
    assert keep(database, tariff, TOTAL) == [TOTAL]


def test_a_device_without_energy_and_power_is_no_panel(database: psycopg.Connection[Row]) -> None:
    battery = sensor("homeassistant/sensor/door/config", Quantity.VOLTAGE_R, "battery", panel="door")
    assert keep(database, battery, TOTAL) == [TOTAL]


def test_there_is_an_end_to_what_is_kept(
    database: psycopg.Connection[Row], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(store.discovery, "MAX_SENSORS", 3)
    many = [sensor(f"t{place}", Quantity.ENERGY_IMPORT, "total", panel=f"P{place}") for place in range(5)]
    assert len(keep(database, *many)) == 3
    assert "2 announced values are not kept" in caplog.text
    moved = sensor("t0", Quantity.ENERGY_IMPORT, "sum", panel="P0")
    assert moved in keep(database, moved)
