"""Messages of devices become rows of panels, devices and credit in one batch; coming again they change nothing."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, LiteralString

import pytest
from psycopg import Connection

from ingest.mqtt import Delivery
from ingest.writer import MessageWriter
from store.connections import Row, connect
from tests.ingest.messages import example

AT = datetime(2026, 7, 27, 7, 41, 42, 250_000, tzinfo=UTC)


@pytest.fixture
def database(database_url: str) -> Iterator[Connection[Row]]:
    with connect(database_url) as connection:
        connection.autocommit = True
        yield connection


@pytest.fixture
def writer(database_url: str) -> Iterator[MessageWriter]:
    opened = MessageWriter(database_url, default_time_zone="Africa/Lagos")
    yield opened
    opened.close()


def sent(topic: str, payload: object, *, after: timedelta = timedelta(0)) -> Delivery:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return Delivery(topic, body, AT + after, None, None)


def rows(database: Connection[Row], query: LiteralString) -> list[Row]:
    return database.execute(query).fetchall()


EVERYTHING: LiteralString = """
SELECT (SELECT json_agg(reading ORDER BY panel_id, at)::text FROM (SELECT panel_id, at, energy_import_kwh FROM reading)
            AS reading),
       (SELECT json_agg(device ORDER BY id)::text FROM device),
       (SELECT count(*) FROM device_report), (SELECT json_agg(entry ORDER BY id)::text FROM ledger_entry AS entry),
       (SELECT count(*) FROM rejected_message)"""


def test_devices_of_all_families_are_stored_in_one_batch_and_only_once(
    writer: MessageWriter, database: Connection[Row]
) -> None:
    names = ("hub_sensors", "hub_heartbeat", "hub_status", "shelly_gen2_em", "shelly_gen2_emdata", "zigbee2mqtt_plug",
             "zigbee2mqtt_prepaid_meter")  # fmt: skip
    batch = [*(sent(*example(name)) for name in names), sent("shellypro3em-abc/online", b"true")]
    writer.write(batch)
    assert rows(database, 'SELECT code, is_prepaid FROM panel ORDER BY code COLLATE "C"') == [
        ("energy-monitor:BATTERY", False),
        ("energy-monitor:GRID_EXPORT", False),
        ("energy-monitor:GRID_IMPORT", False),
        ("energy-monitor:LOAD", False),
        ("energy-monitor:SOLAR", False),
        ("flat-2-meter", True),
        ("kitchen", False),
        ("shellypro3em-abc", False),
    ]
    assert rows(database, "SELECT kind, name, is_online FROM device ORDER BY name") == [
        ("ENERGY_HUB", "energy-monitor", None),
        ("ZIGBEE2MQTT", "flat-2-meter", None),
        ("ZIGBEE2MQTT", "kitchen", None),
        ("SHELLY", "shellypro3em-abc", True),
    ]
    assert rows(database, "SELECT kind FROM device_report ORDER BY kind") == [("HEARTBEAT",), ("STATUS",)]
    assert rows(database, "SELECT shown_kwh, source FROM ledger_entry") == [(Decimal("37.600"), "METER")]
    before = rows(database, EVERYTHING)
    writer.write(batch)
    writer.write(batch[::-1])
    assert rows(database, EVERYTHING) == before


def test_what_a_device_spreads_over_messages_of_one_second_becomes_one_reading(
    writer: MessageWriter, database: Connection[Row]
) -> None:
    values = {"voltage": b"230.5", "power": b"1500", "total": b"4000"}
    for place, (name, payload) in enumerate(values.items()):
        writer.write([sent(f"shellies/em/emeter/0/{name}", payload, after=timedelta(seconds=place / 10))])
    found = rows(database, "SELECT voltage_r_v, active_power_kw, energy_import_kwh FROM reading")
    assert found == [(pytest.approx(230.5), 1.5, 4.0)]


def meter(minutes: float, **says: Any) -> Delivery:
    return sent("zigbee2mqtt/meter", says, after=timedelta(minutes=minutes))


def test_the_ledger_follows_a_meter_through_its_usage_and_a_token(
    writer: MessageWriter, database: Connection[Row]
) -> None:
    for place in range(9):
        used_kwh = place / 4
        writer.write([meter(15 * place, energy=100 + used_kwh, balance_energy=round(10 - used_kwh, 2))])
    writer.write([meter(121, energy=102.02, balance_energy=57.98)])
    writer.write([meter(136, energy=102.27, balance_energy=57.73)])
    entries = rows(database, "SELECT shown_kwh, units_kwh FROM ledger_entry ORDER BY id")
    assert entries == [(Decimal("10.000"), Decimal("10.000")), (Decimal("57.980"), Decimal("50.000"))]
    assert rows(database, "SELECT balance_now_kwh(id, '2026-07-27T10:00Z') FROM panel") == [(Decimal("57.730"),)]
