"""Owners say what their devices' messages mean, and see beforehand how a message would be read."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg import sql

from ingest.mapped import mapped_decoders
from metering.access import Role, Viewer
from metering.mappings import FieldMapping, Mapping, Quantity
from store.connections import connect
from store.mappings import MAX_TOPICS_OF_A_PANEL, current_mappings
from tests.api.conftest import NOW, Site, open_site
from tests.fixtures.database import cloned
from tests.fixtures.server import GraphQLClient, make_app, serving

SET = """
mutation Set($input: DeviceMappingInput!) { setDeviceMapping(input: $input) {
  mapping { topic panelCode fields { path quantity unit isReversed } timePath createdBy updatedBy createdAt updatedAt }
  refusal { code message field } } }"""
REMOVE = """
mutation Remove($input: RemoveDeviceMappingInput!) {
  removeDeviceMapping(input: $input) { wasThere refusal { code field } } }"""
LIST = """
query List($first: Int!, $after: Cursor) { deviceMappings(first: $first, after: $after) {
  totalCount nodes { id topic panelCode } pageInfo { endCursor hasNextPage } } }"""
TRY = """
query Try($topic: String!, $payload: String!, $mapping: DeviceMappingInput, $isRetained: Boolean! = false) {
  tryMessage(topic: $topic, payload: $payload, mapping: $mapping, isRetained: $isRetained) {
    reader valueCount notes rejected { code reason }
    values { path text note uses { panelCode quantity unit isReversed } }
    readings { panelCode at timeSource isLate isPartial values { quantity value unit } } } }"""

TOPIC = "tele/cellar/SENSOR"


def mapping(**given: Any) -> dict[str, Any]:
    usual = {
        "topic": TOPIC,
        "panelCode": "cellar",
        "fields": [
            {"path": "SML.Zaehler", "quantity": "ENERGY_IMPORT", "unit": "Wh"},
            {"path": "SML.Wirk", "quantity": "ACTIVE_POWER", "unit": "W", "isReversed": True},
        ],
        "timePath": "Time",
    }
    return usual | given


def one_field(**given: Any) -> list[dict[str, Any]]:
    return [{"path": "a", "quantity": "ENERGY_IMPORT", "unit": "Wh"} | given]


async def put(site: Site, *, viewer: Viewer | None = None, **given: Any) -> dict[str, Any]:
    data = await site.ask(SET, viewer=viewer, input=mapping(**given))
    return data["setDeviceMapping"]


async def tried(site: Site, payload: Any, *, topic: str = TOPIC, **variables: Any) -> dict[str, Any]:
    body = payload if isinstance(payload, str) else json.dumps(payload)
    data = await site.ask(TRY, topic=topic, payload=body, **variables)
    return data["tryMessage"]


def kept(site: Site) -> list[Mapping]:
    with connect(site.url) as connection:
        return current_mappings(connection)


def add_tenant(site: Site) -> Viewer:
    """Somebody who has the panel `cellar` and not `attic`."""
    person = site.add_person("tenant@x.org")
    site.add_panel("cellar", seen_by=[person])
    site.add_panel("attic")
    return person


@pytest.fixture
def tenant(site: Site) -> Viewer:
    return add_tenant(site)


@pytest.fixture(scope="module")
async def shared(server_url: str, server: psycopg.Connection, template: sql.Identifier) -> AsyncIterator[Site]:
    """A site for requests that change nothing; account 2 is its tenant."""
    with cloned(server_url, server, template) as url:
        async with open_site(url) as opened:
            assert add_tenant(opened).account_id == 2
            yield opened


async def test_a_mapping_is_kept_and_handed_to_ingest(site: Site) -> None:
    site.database.execute("LISTEN ingest_control")
    payload = await put(site)
    answered = payload["mapping"]
    assert payload["refusal"] is None
    assert answered["createdAt"] == answered["updatedAt"]
    assert {key: answered[key] for key in ("topic", "panelCode", "timePath", "createdBy", "updatedBy")} == {
        "topic": TOPIC, "panelCode": "cellar", "timePath": "Time", "createdBy": "Admin", "updatedBy": "Admin",
    }  # fmt: skip
    assert answered["fields"] == [
        {"path": "SML.Zaehler", "quantity": "ENERGY_IMPORT", "unit": "Wh", "isReversed": False},
        {"path": "SML.Wirk", "quantity": "ACTIVE_POWER", "unit": "W", "isReversed": True},
    ]
    fields = (
        FieldMapping(("SML", "Zaehler"), Quantity.ENERGY_IMPORT, "Wh"),
        FieldMapping(("SML", "Wirk"), Quantity.ACTIVE_POWER, "W", is_reversed=True),
    )
    assert kept(site) == [Mapping(TOPIC, "cellar", fields, ("Time",))]
    assert list(mapped_decoders(kept(site))) == [TOPIC]
    assert [notice.channel for notice in site.database.notifies(timeout=5, stop_after=1)] == ["ingest_control"]


async def test_a_mapping_takes_the_place_of_the_one_before(site: Site) -> None:
    await put(site)
    await put(site, fields=one_field(unit=None), timePath=None)
    await put(site, panelCode="cellar:2", fields=one_field(path="/1.8.0/0"))
    assert [(row.panel_code, row.fields, row.time_path) for row in kept(site)] == [
        ("cellar", (FieldMapping(("a",), Quantity.ENERGY_IMPORT, "kWh"),), None),
        ("cellar:2", (FieldMapping(("1.8.0", 0), Quantity.ENERGY_IMPORT, "Wh"),), ("Time",)),
    ]


async def test_mappings_are_listed_in_pages_and_removed(site: Site) -> None:
    for number in range(3):
        await put(site, topic=f"a/{number}")
    first = (await site.ask(LIST, first=2))["deviceMappings"]
    assert ([node["topic"] for node in first["nodes"]], first["totalCount"]) == (["a/0", "a/1"], 3)
    rest = (await site.ask(LIST, first=2, after=first["pageInfo"]["endCursor"]))["deviceMappings"]
    assert ([node["topic"] for node in rest["nodes"]], rest["pageInfo"]["hasNextPage"]) == (["a/2"], False)
    place = {"topic": "a/1", "panelCode": "cellar"}
    for was_there in (True, False):
        payload = (await site.ask(REMOVE, input=place))["removeDeviceMapping"]
        assert payload == {"wasThere": was_there, "refusal": None}
    assert [row.topic for row in kept(site)] == ["a/0", "a/2"]


@pytest.mark.parametrize(
    ("given", "code", "field", "accepted"),
    [
        ({"topic": ""}, "BAD_TOPIC", "topic", "one exact MQTT topic of 1 to 512"),
        ({"topic": "tele/+/SENSOR"}, "BAD_TOPIC", "topic", "without + and #"),
        ({"topic": "$SYS/x"}, "BAD_TOPIC", "topic", "one exact MQTT topic"),
        ({"topic": "a\u0000b"}, "BAD_TOPIC", "topic", "printable"),
        ({"topic": "a" * 513}, "BAD_TOPIC", "topic", "1 to 512"),
        ({"panelCode": "-x"}, "BAD_CODE", "panelCode", "1 to 64 letters, digits"),
        ({"fields": []}, "BAD_INPUT", "fields", "1 to 32 fields"),
        ({"fields": one_field() * 2}, "BAD_INPUT", "fields", "ENERGY_IMPORT is there twice"),
        ({"fields": one_field(path="a..b")}, "BAD_PATH", "fields.0.path", "such as SML.Total_in or ENERGY.Power.0"),
        ({"fields": one_field(unit="kwh")}, "BAD_UNIT", "fields.0.unit", "accepted: kWh, Wh, MWh, GWh"),
        ({"fields": one_field(unit="kW")}, "BAD_UNIT", "fields.0.unit", "'kW' is no unit of ENERGY_IMPORT"),
        ({"fields": one_field(quantity="POWER_FACTOR")}, "BAD_UNIT", "fields.0.unit", "accepted: no unit, %"),
        ({"timePath": "."}, "BAD_PATH", "timePath", "a JSON pointer"),
    ],
)
async def test_a_mapping_that_makes_no_sense_is_refused_with_what_is_accepted(
    shared: Site, given: dict[str, Any], code: str, field: str, accepted: str
) -> None:
    payload = await put(shared, **given)
    assert payload["mapping"] is None
    assert (payload["refusal"]["code"], payload["refusal"]["field"]) == (code, field)
    assert accepted in payload["refusal"]["message"]
    assert kept(shared) == []


async def test_a_panel_has_a_bounded_number_of_mappings(site: Site) -> None:
    site.database.execute(
        "INSERT INTO device_mapping (topic, panel_code, fields)"
        " SELECT 't/' || n, 'cellar', '[{}]' FROM generate_series(1, %s) AS n",
        (MAX_TOPICS_OF_A_PANEL,),
    )
    assert (await put(site, topic="t/x"))["refusal"]["code"] == "BAD_INPUT"
    assert (await put(site, topic="t/1"))["refusal"] is None


async def test_a_mapping_that_was_damaged_by_hand_is_left_out(site: Site) -> None:
    await put(site)
    site.database.execute(
        """INSERT INTO device_mapping (topic, panel_code, fields) VALUES ('a', 'b', '[{"path": 5}]')"""
    )
    assert [row.topic for row in kept(site)] == [TOPIC]


async def test_people_map_the_devices_of_their_panels(site: Site, tenant: Viewer) -> None:
    assert (await put(site, viewer=tenant))["mapping"]["createdBy"] == "tenant@x.org"
    landlord = site.add_person("landlord@x.org", role=Role.LANDLORD)
    assert (await site.ask(LIST, viewer=tenant, first=5))["deviceMappings"]["totalCount"] == 1
    assert (await site.ask(LIST, viewer=landlord, first=5))["deviceMappings"] == {
        "totalCount": 0, "nodes": [], "pageInfo": {"endCursor": None, "hasNextPage": False},
    }  # fmt: skip
    place = {"topic": TOPIC, "panelCode": "cellar"}
    refused = await site.ask(REMOVE, viewer=landlord, input=place)
    assert refused["removeDeviceMapping"]["wasThere"] is False
    assert len(kept(site)) == 1
    assert (await site.ask(REMOVE, viewer=tenant, input=place))["removeDeviceMapping"]["wasThere"] is True


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"panelCode": "attic"}, "PANEL_NOT_FOUND"),
        ({"panelCode": "nowhere"}, "PANEL_NOT_FOUND"),
        ({"topic": "DATA/PM/attic"}, "FORBIDDEN"),
        ({"topic": "tele/attic/SENSOR"}, "FORBIDDEN"),
        ({"topic": "some/topic"}, "FORBIDDEN"),
        ({"topic": "cellar/attic"}, "FORBIDDEN"),
        ({"topic": "cellar/" * 20}, "FORBIDDEN"),
    ],
)
async def test_nobody_maps_what_may_be_somebody_elses(shared: Site, given: dict[str, Any], code: str) -> None:
    assert (await put(shared, viewer=Viewer(2, Role.TENANT), **given))["refusal"]["code"] == code
    assert kept(shared) == []


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO panel (code, name, time_zone) VALUES ('cellar:SML2', 'x', 'UTC')",
        "INSERT INTO device_mapping (topic, panel_code, fields) VALUES ('tele/cellar/SENSOR', 'attic', '[{}]')",
        "INSERT INTO discovered_sensor VALUES ('h', '', 'attic', 'tele/cellar/SENSOR', '[]', 'CURRENT_R', 'A', false)",
    ],
)
async def test_a_topic_that_feeds_a_panel_of_others_is_for_admins(site: Site, tenant: Viewer, statement: str) -> None:
    site.database.execute(statement.encode())
    assert (await put(site, viewer=tenant))["refusal"]["code"] == "FORBIDDEN"
    assert (await put(site))["refusal"] is None


async def test_without_signing_in_there_is_nothing(shared: Site) -> None:
    assert await shared.code(LIST, anonymous=True, first=5) == "UNAUTHENTICATED"
    assert await shared.code(TRY, anonymous=True, topic="a", payload="1") == "UNAUTHENTICATED"
    body = await shared.answer(SET, anonymous=True, input=mapping())
    assert body["data"]["setDeviceMapping"]["refusal"]["code"] == "UNAUTHENTICATED"


async def test_a_dry_run_shows_what_each_value_is_taken_for(site: Site) -> None:
    site.add_panel("cellar:SML", zone="Europe/Berlin")
    found = await tried(
        site,
        {"Time": "2026-03-10T05:59:59", "SML": {"Total_in": 12.5, "Power_cur": -300, "Foo": 7, "Meter_id": "0a01"}},
    )
    assert (found["reader"], found["valueCount"], found["notes"]) == ("Tasmota", 5, ["device cellar reads meter 0a01"])
    assert found["rejected"]["code"] == "UNKNOWN_LABELS"
    assert found["readings"] == [
        {
            "panelCode": "cellar:SML", "at": "2026-03-10T05:59:59+01:00", "timeSource": "DEVICE",
            "isLate": False, "isPartial": True,
            "values": [
                {"quantity": "ENERGY_IMPORT", "value": 12.5, "unit": "kWh"},
                {"quantity": "ACTIVE_POWER", "value": -0.3, "unit": "kW"},
            ],
        }
    ]  # fmt: skip

    def use(quantity: str, unit: str) -> list[dict[str, Any]]:
        return [{"panelCode": "cellar:SML", "quantity": quantity, "unit": unit, "isReversed": False}]

    assert found["values"] == [
        {"path": "Time", "text": "2026-03-10T05:59:59", "note": "the time", "uses": []},
        {"path": "SML.Total_in", "text": "12.5", "note": None, "uses": use("ENERGY_IMPORT", "kWh")},
        {"path": "SML.Power_cur", "text": "-300", "note": None, "uses": use("ACTIVE_POWER", "W")},
        {"path": "SML.Foo", "text": "7", "note": "not used", "uses": []},
        {"path": "SML.Meter_id", "text": "0a01", "note": "about the device", "uses": []},
    ]


async def test_a_dry_run_takes_the_given_mapping_before_the_kept_one_before_what_is_known(site: Site) -> None:
    payload = {"SML": {"Zaehler": 5000, "Wirk": "80", "b": -9}}
    nothing_known = await tried(site, payload)
    assert nothing_known["rejected"]["code"] == "UNKNOWN_LABELS"
    given = await tried(site, payload, mapping=mapping(fields=one_field(path="SML.b", quantity="BALANCE")))
    assert [reading["values"] for reading in given["readings"]] == [
        [{"quantity": "BALANCE", "value": -0.009, "unit": "kWh"}]
    ]
    await put(site)
    stored = await tried(site, payload)
    assert (stored["reader"], stored["rejected"]) == ("mapping", None)
    assert [(value["path"], *(use["unit"] for use in value["uses"])) for value in stored["values"]] == [
        ("SML.Zaehler", "Wh"), ("SML.Wirk", "W"), ("SML.b",),
    ]  # fmt: skip
    assert stored["values"][1]["uses"][0]["isReversed"] is True
    assert stored["readings"][0]["at"] == NOW.isoformat()
    assert stored["readings"][0]["timeSource"] == "ARRIVAL"


async def test_a_dry_run_shows_nobody_the_mappings_of_others(site: Site, tenant: Viewer) -> None:
    await put(site, panelCode="attic")
    assert (await tried(site, {"SML": {"Zaehler": 5000}}, viewer=tenant))["reader"] == "Tasmota"


@pytest.mark.parametrize(
    ("topic", "payload", "code"),
    [
        ("some/topic", "1", "UNKNOWN_TOPIC"),
        (TOPIC, "{", "BAD_JSON"),
        ("DATA/PM/PANEL", '{"status": "OK", "data": {"kWh": "NaN", "time": "2026-03-10 12:00:00"}}', "BAD_PAYLOAD"),
    ],
)
async def test_a_dry_run_says_why_a_message_would_be_rejected(
    shared: Site, topic: str, payload: str, code: str
) -> None:
    found = await tried(shared, payload, topic=topic)
    assert (found["readings"], found["rejected"]["code"]) == ([], code)
    assert "accepted: " in found["rejected"]["reason"]


async def test_a_dry_run_points_at_the_value_that_has_a_whole_message_rejected(shared: Site) -> None:
    data = {"kWh": "-3", "time": "2026-03-10 12:00:00", "kw": 5}
    found = await tried(shared, {"status": "OK", "data": data}, topic="DATA/PM/PANEL")
    assert {value["path"]: value["note"] for value in found["values"]} == {
        "status": "not used: the message is rejected",
        "data.kWh": "one reason why the message is rejected",
        "data.time": "not used: the message is rejected",
        "data.kw": "not used: the message is rejected",
    }


async def test_a_dry_run_names_the_paths_that_are_not_in_the_payload(shared: Site) -> None:
    fields = [
        {"path": path, "quantity": quantity}
        for path, quantity in (("SML.Zaehler", "ENERGY_IMPORT"), ("SML.Wrik", "ACTIVE_POWER"))
    ]
    given = mapping(fields=fields, timePath="Nope")
    found = await tried(shared, {"Time": "2026-03-10T05:59:59", "SML": {"Zaehler": 5, "Wirk": 8}}, mapping=given)
    assert (found["rejected"], found["readings"][0]["timeSource"]) == (None, "ARRIVAL")
    assert found["notes"] == [
        "SML.Wrik is not in this payload",
        "Nope is not in this payload: the time is that of the arrival",
    ]


ANNOUNCEMENT = {
    "name": "Plug Energy",
    "state_topic": "plug/state",
    "unique_id": "plug_energy",
    "device": {"identifiers": ["plug"]},
    "unit_of_measurement": "kWh",
    "device_class": "energy",
    "state_class": "total_increasing",
    "value_template": "{{ value_json.energy }}",
}


async def test_a_dry_run_of_an_announcement_says_what_it_announces(shared: Site) -> None:
    topic = "homeassistant/sensor/plug/energy/config"
    found = await tried(shared, ANNOUNCEMENT, topic=topic)
    assert (found["rejected"], found["notes"]) == (None, ["device plug announces ENERGY_IMPORT in kWh on plug/state"])
    notes = {value["path"]: value["note"] for value in found["values"]}
    assert {notes[name] for name in ("unit_of_measurement", "state_class", "value_template")} == {
        "decides whether the message can be read"
    }
    assert notes["device_class"] == "about the device"
    assert (await tried(shared, "", topic=topic))["notes"] == [f"announcement {topic} is taken back"]
    other = await tried(shared, {**ANNOUNCEMENT, "device_class": "humidity"}, topic=topic)
    assert other["notes"] == [f"announcement {topic} has no value that is read"]
    unusable = await tried(shared, {**ANNOUNCEMENT, "unit_of_measurement": "kcal"}, topic=topic)
    assert unusable["rejected"]["code"] == "UNUSABLE_ANNOUNCEMENT"
    assert {value["path"]: value["note"] for value in unusable["values"]}["unit_of_measurement"] == (
        "cannot be used: see why it is rejected"
    )


async def test_a_dry_run_says_of_credit_where_its_time_comes_from(shared: Site) -> None:
    for last_seen, source in (
        (None, "ARRIVAL"),
        ("2026-03-10T04:59:00Z", "DEVICE"),
        ("2001-01-01T00:00:00Z", "REPLACED"),
    ):
        payload = {"energy": 5, "balance_energy": 7.5, "last_seen": last_seen}
        found = await tried(shared, payload, topic="zigbee2mqtt/meter")
        assert [reading["timeSource"] for reading in found["readings"]] == [source, source]


async def test_a_dry_run_of_a_kept_message_without_a_time_shows_that_nothing_is_stored(shared: Site) -> None:
    found = await tried(shared, {"SML": {"Total_in": 5}}, isRetained=True)
    assert (found["readings"], found["rejected"]) == ([], None)


async def test_a_dry_run_is_bounded(shared: Site) -> None:
    found = await tried(shared, {"SML": {f"label{number}": number for number in range(3000)}})
    assert (0 < len(found["values"]) < 200, found["valueCount"]) == (True, 3000)
    found = await tried(shared, {"SML": {f"label{number}": number for number in range(300)}})
    assert (len(found["values"]), found["valueCount"]) == (200, 300)
    assert await shared.code(TRY, topic=TOPIC, payload="x" * 65_537) == "BAD_INPUT"
    assert await shared.code(TRY, topic="a/+", payload="1") == "BAD_TOPIC"
    assert await shared.code(TRY, topic="other", payload="1", mapping=mapping()) == "BAD_INPUT"


async def test_a_dry_run_stores_nothing(site: Site) -> None:
    await tried(site, {"SML": {"Total_in": 5}})
    with psycopg.connect(site.url) as connection:
        assert connection.execute("SELECT (SELECT count(*) FROM panel), (SELECT count(*) FROM reading)").fetchone() == (
            0,
            0,
        )


async def test_a_running_server_tries_messages(site: Site) -> None:
    app = make_app(site.url, default_time_zone="Asia/Jakarta")
    payload = '{"status": "OK", "data": {"kWh": "5", "time": "2026-01-16 11:30:05"}}'
    async with serving(app) as server, GraphQLClient(server, account_id=site.admin.account_id) as client:
        body = await client.ask(TRY, topic="DATA/PM/NEW", payload=payload)
    (reading,) = body["data"]["tryMessage"]["readings"]
    assert (reading["panelCode"], datetime.fromisoformat(reading["at"])) == (
        "NEW",
        datetime(2026, 1, 16, 4, 30, 5, tzinfo=UTC),
    )
