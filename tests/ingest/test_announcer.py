"""A Home Assistant at a real broker sees the panels of a real database, and nothing else."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import gmqtt
import pytest
from psycopg import AsyncConnection

from ingest.announcements import config_topic, device_id
from ingest.announcer import run_announcer
from ingest.home_assistant import SOURCE
from ingest.outcomes import NOTHING
from ingest.wall_clock import WallClock
from kilowatch.demo.processes import kept_command, stop_all
from metering.readings import PhaseValues, Reading
from store.connections import Row
from tests.fixtures.readings import START_AT, Meters, metering, reading
from tests.ingest.brokers import Mosquitto, relayed
from tests.ingest.conftest import Broker
from tests.ingest.messages import RECEIVED_AT
from tests.ingest.running import eventually, url_of


class HomeAssistant:
    """A client that keeps what was retained, as Home Assistant does, and says that it has started."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.heard: list[tuple[str, bytes]] = []
        self._subscribed = asyncio.Event()
        self._client = gmqtt.Client("home-assistant")
        self._client.on_message = self._on_message
        self._client.on_subscribe = lambda *_: self._subscribed.set()

    async def connect(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname
        assert parts.port
        await self._client.connect(parts.hostname, parts.port)
        self._client.subscribe([gmqtt.Subscription(topic, qos=1) for topic in ("homeassistant/#", "kilowatch/#")])
        await self._subscribed.wait()

    async def leave(self) -> None:
        """Ends it, and lets the broker forget everything, whatever still comes."""

        async def is_clean() -> bool:
            for topic in self.kept:
                self._client.publish(topic, b"", qos=1, retain=True)
            await asyncio.sleep(0)
            return not self.kept

        await eventually(is_clean)
        await self._client.disconnect()

    def start(self) -> None:
        self._client.publish("homeassistant/status", b"online", qos=1)

    def _on_message(self, _client: object, topic: str, payload: bytes, _qos: int, _properties: object) -> int:
        self.heard.append((topic, payload))
        self.kept[topic] = payload
        if not payload:
            del self.kept[topic]
        return 0

    def config(self, code: str) -> dict[str, Any]:
        return json.loads(self.kept[config_topic(code, prefix="homeassistant")])

    def state(self, code: str) -> dict[str, Any]:
        return json.loads(self.kept.get(f"kilowatch/panels/{code}/state", b"{}"))

    async def sees(self, condition: Callable[[], object]) -> None:
        async def is_so() -> object:
            return condition()

        await eventually(is_so)


@asynccontextmanager
async def listening_at(url: str) -> AsyncIterator[HomeAssistant]:
    """A Home Assistant that leaves nothing at the broker, which serves several tests."""
    client = HomeAssistant()
    await client.connect(url)
    yield client
    await client.leave()


@pytest.fixture
async def home(embedded_broker: Broker) -> AsyncIterator[HomeAssistant]:
    async with listening_at(embedded_broker.url) as client:
        yield client


@pytest.fixture
async def meters(database_url: str) -> AsyncIterator[Meters]:
    async with metering(database_url) as opened:
        yield opened


_ADD = "INSERT INTO panel (code, name, time_zone, location) VALUES (%s, 'Lift', 'UTC', 'Floor 1') RETURNING id"


@dataclass(frozen=True, slots=True)
class Site:
    """Panels, and where their readings and announcements go."""

    connection: AsyncConnection[Row]
    meters: Meters
    mqtt_url: str

    async def add(self, code: str, second: float = 1) -> int:
        """A panel with one reading."""
        ((panel_id,),) = await (await self.connection.execute(_ADD, (code,))).fetchall()
        await self.meters.store([(panel_id, reading(second))])
        return panel_id

    @asynccontextmanager
    async def announcing(self, client_id: str = "announcer") -> AsyncIterator[None]:
        work = run_announcer(
            database_url=url_of(self.connection), mqtt_url=self.mqtt_url, client_id=client_id, every_s=0.0
        )
        task = asyncio.ensure_future(work)
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def site(connection: AsyncConnection[Row], meters: Meters, embedded_broker: Broker) -> Site:
    return Site(connection, meters, embedded_broker.url)


async def test_a_panel_is_a_device_with_the_values_that_it_has(
    connection: AsyncConnection[Row], broker: Broker, meters: Meters
) -> None:
    site = Site(connection, meters, broker.url)
    await site.add("LIFT", 7.25)
    async with listening_at(broker.url) as home:
        async with site.announcing():
            await home.sees(lambda: home.state("LIFT"))
            config, state = home.config("LIFT"), home.state("LIFT")
            assert home.kept[config["availability_topic"]] == b"online"
        await home.sees(lambda: home.kept["kilowatch/status"] == b"offline")
    assert config["device"] == {
        "identifiers": ["kilowatch_LIFT"], "name": "Lift", "manufacturer": "Kilowatch", "model": "Panel",
        "suggested_area": "Floor 1",
    }  # fmt: skip
    assert config["origin"]["name"] == "Kilowatch"
    assert config["state_topic"] == "kilowatch/panels/LIFT/state"
    assert config["components"]["energy_import_kwh"] == {
        "platform": "sensor", "unique_id": "kilowatch_LIFT_energy_import_kwh", "name": "Energy import",
        "device_class": "energy", "state_class": "total_increasing", "unit_of_measurement": "kWh",
        "value_template": "{{ value_json.energy_import_kwh }}",
    }  # fmt: skip
    assert {*config["components"]} == {*state} - {"at"}
    assert state == {
        "at": "2026-11-02T03:00:07.250000Z", "energy_import_kwh": 7.25, "power_kw": 1.5,
        "voltage_r_v": 224.7, "voltage_s_v": 224.1, "voltage_t_v": 225.3,
    }  # fmt: skip


async def test_it_is_offline_when_its_connection_breaks(
    connection: AsyncConnection[Row], broker: Broker, meters: Meters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.announcer._PAUSE_S", 0.05)
    async with listening_at(broker.url) as home, relayed(broker.url) as relay:
        site = Site(connection, meters, relay.url)
        await site.add("LIFT")
        async with site.announcing():
            await home.sees(lambda: home.state("LIFT"))
            relay.cut()
            await home.sees(lambda: ("kilowatch/status", b"offline") in home.heard)
            await home.sees(lambda: home.kept["kilowatch/status"] == b"online")
        await home.sees(lambda: home.kept["kilowatch/status"] == b"offline")


async def test_a_new_reading_is_told_and_one_of_another_kind_adds_its_sensors(site: Site, home: HomeAssistant) -> None:
    panel_id = await site.add("LIFT")
    async with site.announcing():
        await home.sees(lambda: home.state("LIFT"))
        at = START_AT + timedelta(seconds=2)
        await site.meters.store([(panel_id, Reading(at, at, current_a=PhaseValues(s=2.5), energy_import_kwh=2.0))])
        await home.sees(lambda: home.state("LIFT").get("energy_import_kwh") == 2.0)
        assert home.state("LIFT")["current_s_a"] == 2.5
        assert {"current_s_a", "voltage_r_v"} <= {*home.config("LIFT")["components"]}


async def test_values_of_several_messages_are_told_together(site: Site, home: HomeAssistant) -> None:
    panel_id = await site.add("METER", -3600)
    first, second = START_AT, START_AT + timedelta(seconds=5)
    await site.meters.store([(panel_id, Reading(first, first, energy_import_kwh=12.5, is_partial=True))])
    await site.meters.store([(panel_id, Reading(second, second, active_power_kw=0.25, is_partial=True))])
    async with site.announcing():
        await home.sees(lambda: home.state("METER"))
        assert {**home.state("METER"), "at": ""} == {"at": "", "energy_import_kwh": 12.5, "power_kw": 0.25}


async def test_a_register_that_is_a_glitch_is_not_told(site: Site, home: HomeAssistant) -> None:
    await site.add("LIFT")
    async with site.announcing():
        await home.sees(lambda: home.state("LIFT"))
        await site.connection.execute("UPDATE latest_reading SET flags = 1, batch_id = batch_id + 1")
        await site.connection.execute("SELECT pg_notify('reading', '2')")
        await home.sees(lambda: "energy_import_kwh" not in home.state("LIFT"))
        assert home.state("LIFT")["power_kw"] == 1.5
        assert "energy_import_kwh" in home.config("LIFT")["components"]


_RECORD = """
INSERT INTO ledger_entry (panel_id, kind, at, units_kwh, shown_kwh) VALUES (%s, 'BALANCE_READING', %s, 40.6, 40.6)"""


async def test_credit_is_told_when_it_changes(site: Site, home: HomeAssistant) -> None:
    panel_id = await site.add("FLAT")
    async with site.announcing():
        await home.sees(lambda: home.state("FLAT"))
        assert "balance_kwh" not in home.state("FLAT")
        await site.connection.execute(_RECORD, (panel_id, START_AT + timedelta(seconds=1)))
        await site.connection.execute("SELECT pg_notify('ledger', %s)", (str(panel_id),))
        await home.sees(lambda: "balance_kwh" in home.state("FLAT"))
    assert Decimal(str(home.state("FLAT")["balance_kwh"])) == Decimal("40.6")
    balance = home.config("FLAT")["components"]["balance_kwh"]
    assert (balance["unit_of_measurement"], balance["state_class"]) == ("kWh", "measurement")
    assert "device_class" not in balance
    assert home.config("FLAT")["device"]["model"] == "Prepaid panel"


async def test_a_home_assistant_that_starts_hears_everything_again(site: Site, home: HomeAssistant) -> None:
    await site.add("LIFT")
    async with site.announcing():
        await home.sees(lambda: home.state("LIFT"))
        home.heard.clear()
        home.start()
        await home.sees(lambda: len([topic for topic, _ in home.heard if "LIFT" in topic]) == 2)


_ANNOUNCED_BY_OTHERS = """
INSERT INTO discovered_sensor (announced_on, device, panel_code, topic, path, quantity, unit, is_reversed)
VALUES ('x', 'd', 'THEIRS', 'tele/plug/SENSOR', '[]', 'ENERGY_IMPORT', 'kWh', false)"""


async def test_what_is_removed_or_announced_by_others_is_taken_back(site: Site, home: HomeAssistant) -> None:
    for code in ("GONE", "THEIRS", "plug:2", "OURS"):
        await site.add(code)
    async with site.announcing():
        await home.sees(lambda: all(home.state(code) for code in ("GONE", "THEIRS", "plug:2", "OURS")))
        await site.connection.execute(_ANNOUNCED_BY_OTHERS)
        await site.connection.execute("DELETE FROM panel WHERE code = 'GONE'")
        await home.sees(lambda: not [topic for topic in home.kept if re.search("GONE|THEIRS|plug", topic)])
        assert home.config("OURS")
    told = await (await site.connection.execute("SELECT panel_code FROM panel_announcement")).fetchall()
    assert told == [("OURS",)]


async def test_a_panel_that_was_removed_while_nobody_looked_is_taken_back_too(site: Site, home: HomeAssistant) -> None:
    await site.add("OLD:1")
    async with site.announcing():
        await home.sees(lambda: home.state("OLD:1"))
    await site.connection.execute("DELETE FROM panel")
    async with site.announcing():
        await home.sees(lambda: not [topic for topic in home.kept if "OLD" in topic])


async def test_the_broker_may_go_away_and_come_back(
    connection: AsyncConnection[Row], mosquitto: Mosquitto, meters: Meters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.announcer._PAUSE_S", 0.05)
    site = Site(connection, meters, mosquitto.url)
    panel_id = await site.add("LIFT")
    mosquitto.stop()
    async with site.announcing():
        mosquitto.start()
        async with listening_at(mosquitto.url) as home:
            await home.sees(lambda: home.state("LIFT"))
        mosquitto.stop()
        mosquitto.start()
        async with listening_at(mosquitto.url) as home:
            await meters.store([(panel_id, reading(2))])
            await home.sees(lambda: home.state("LIFT").get("energy_import_kwh") == 2.0)


async def test_of_two_processes_one_announces_and_the_other_follows(
    site: Site,
    home: HomeAssistant,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ingest.announcer._PAUSE_S", 0.05)
    panel_id = await site.add("LIFT")
    async with AsyncExitStack() as second:
        async with site.announcing(client_id="first"):
            await home.sees(lambda: home.state("LIFT"))
            await second.enter_async_context(site.announcing(client_id="second"))
            await site.meters.store([(panel_id, reading(2))])
            await home.sees(lambda: home.state("LIFT")["energy_import_kwh"] == 2.0)
            assert [topic for topic, _ in home.heard].count("kilowatch/status") == 1
        await site.meters.store([(panel_id, reading(3))])
        await home.sees(lambda: home.state("LIFT")["energy_import_kwh"] == 3.0)


def test_topics_and_names_fit_home_assistant_and_are_nobody_elses() -> None:
    codes = ["LIFT", "a:b", "a.b", "a-b", "tasmota:SML", "x" * 64]
    topics = [config_topic(code, prefix="homeassistant") for code in codes]
    assert all(re.fullmatch(r"homeassistant/device/[A-Za-z0-9_-]+/config", topic) for topic in topics)
    assert len({device_id(code) for code in codes}) == len(codes)


async def test_what_we_announce_we_do_not_read(site: Site, home: HomeAssistant) -> None:
    await site.add("LIFT")
    async with site.announcing():
        await home.sees(lambda: home.state("LIFT"))
    topic = config_topic("LIFT", prefix="homeassistant")
    clock = WallClock("UTC")
    found = SOURCE.decode(
        topic, home.kept[topic], received_at=RECEIVED_AT, is_retained=True, clock_of=lambda _code: clock
    )
    assert found is NOTHING


async def test_kilowatch_ingest_announces_where_it_is_asked_to(site: Site, home: HomeAssistant, tmp_path: Path) -> None:
    await site.add("LIFT")
    environment = {
        "DATABASE_URL": url_of(site.connection),
        "MQTT_URL": site.mqtt_url,
        "KILOWATCH_HOME_ASSISTANT": "true",
        "KILOWATCH_DATA_DIR": str(tmp_path),
    }
    keeper = kept_command("ingest", environment=environment, log_file=tmp_path / "ingest.log")
    keeper.start()
    try:
        await home.sees(lambda: home.state("LIFT"))
    finally:
        await asyncio.to_thread(stop_all, [keeper])
    await home.sees(lambda: home.kept["kilowatch/status"] == b"offline")
    assert "Traceback" not in (tmp_path / "ingest.log").read_text("utf-8")
