"""Landlords and admins give devices logins of their own; nobody takes topics or panels that are somebody else's."""

import asyncio
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from metering.access import Role, Viewer
from store.connections import connect
from store.device_secrets import is_right
from store.registered_devices import rights
from tests.api.conftest import Site

REGISTER = """
mutation Register($input: RegisterDeviceInput!) { registerDevice(input: $input) {
  device { id kind name propertyId panelCodes panelPrefixes publishTopics commandTopics username revokedAt lastSeenAt
    panels { code } }
  username secret refusal { code field message } } }"""
ROTATE = """
mutation Rotate($input: RotateDeviceSecretInput!) { rotateDeviceSecret(input: $input) {
  device { username rotatesUntil } username secret endsAt refusal { code field } } }"""
REVOKE = """
mutation Revoke($input: RevokeDeviceInput!) { revokeDevice(input: $input) {
  device { revokedAt publishTopics commandTopics username } refusal { code field message } } }"""
UPDATE = """
mutation Update($input: UpdateDeviceInput!) { updateDevice(input: $input) {
  device { name propertyId panelCodes publishTopics } refusal { code field message } } }"""
TOKEN = """
mutation Token($input: IssueDeviceTokenInput!) { issueDeviceToken(input: $input) { token refusal { code } } }"""
LIST = """
query List($first: Int! = 50, $after: Cursor, $withRevoked: Boolean! = false) {
  registeredDevices(first: $first, after: $after, withRevoked: $withRevoked) {
    totalCount nodes { id name } pageInfo { endCursor hasNextPage } } }"""


def add_landlord(site: Site, email: str, *codes: str) -> tuple[Viewer, int]:
    """A landlord with a property of these panels."""
    person = site.add_person(email, role=Role.LANDLORD)
    row = site.database.execute(
        "INSERT INTO property (landlord_id, name) VALUES (%s, %s) RETURNING id", (person.account_id, email)
    ).fetchone()
    assert row
    for code in codes:
        panel_id = site.add_panel(code)
        site.database.execute("UPDATE panel SET property_id = %s WHERE id = %s", (row[0], panel_id))
    return person, row[0]


async def put(site: Site, viewer: Viewer | None = None, **given: Any) -> dict[str, Any]:
    data = await site.ask(REGISTER, viewer=viewer, input={"kind": "PANEL_METER", "name": "PM1"} | given)
    return data["registerDevice"]


async def refusal(site: Site, viewer: Viewer | None = None, **given: Any) -> tuple[str, str]:
    done = await put(site, viewer, **given)
    assert done["device"] is done["secret"] is done["username"] is None
    return done["refusal"]["code"], done["refusal"]["field"]


async def names(site: Site, viewer: Viewer | None = None, **variables: Any) -> list[str]:
    data = await site.ask(LIST, viewer=viewer, **variables)
    listed = data["registeredDevices"]
    assert listed["totalCount"] >= len(listed["nodes"])
    return [node["name"] for node in listed["nodes"]]


def kept_hashes(site: Site) -> dict[str, str]:
    return dict(site.database.execute("SELECT username, hash FROM registered_device_login").fetchall())


async def test_a_landlord_registers_the_meter_of_an_own_panel_and_sees_its_secret_once(site: Site) -> None:
    landlord, property_id = add_landlord(site, "a@x.org", "PM1")
    done = await put(site, landlord, propertyId=str(property_id))
    device = done["device"]
    assert done["refusal"] is None
    assert device | {"id": None} == {
        "id": None,
        "kind": "PANEL_METER",
        "name": "PM1",
        "propertyId": str(property_id),
        "panelCodes": ["PM1"],
        "panelPrefixes": [],
        "publishTopics": ["DATA/PM/PM1", f"kilowatch/devices/{device['id']}/data/#"],
        "commandTopics": [f"kilowatch/devices/{device['id']}/commands/#"],
        "username": device["id"],
        "revokedAt": None,
        "lastSeenAt": None,
        "panels": [{"code": "PM1"}],
    }
    assert done["username"] == device["id"]
    assert len(done["secret"]) == len("kwd_") + 43
    assert is_right(done["secret"], kept=kept_hashes(site)[device["id"]])
    everything = str(site.database.execute("SELECT to_jsonb(entry) FROM audit_entry AS entry").fetchall())
    assert "REGISTER_DEVICE" in everything
    assert done["secret"] not in everything
    assert done["secret"].removeprefix("kwd_") not in str(kept_hashes(site))


async def test_devices_are_listed_for_who_acts_for_them_and_for_nobody_else(site: Site) -> None:
    ann, _ = add_landlord(site, "a@x.org", "PM1")
    bob, _ = add_landlord(site, "b@x.org", "hub:LOAD", "hub:SOLAR")
    await put(site, ann)
    await put(site, bob, kind="ENERGY_HUB", name="hub")
    await put(site, kind="MAPPED", name="box", panelCodes=["not-there-yet"])
    assert await names(site, ann) == ["PM1"]
    assert await names(site, bob) == ["hub"]
    assert await names(site) == ["PM1", "hub", "box"]
    tenant = site.add_person("t@x.org")
    assert await site.code(LIST, viewer=tenant) == "FORBIDDEN"
    assert await site.code(LIST, anonymous=True) == "UNAUTHENTICATED"


async def test_the_list_goes_page_by_page(site: Site) -> None:
    for name in ("PM1", "PM2", "PM3"):
        await put(site, name=name)
    first = (await site.ask(LIST, first=2))["registeredDevices"]
    assert [node["name"] for node in first["nodes"]] == ["PM1", "PM2"]
    assert first["pageInfo"]["hasNextPage"]
    assert await names(site, first=2, after=first["pageInfo"]["endCursor"]) == ["PM3"]


async def test_a_landlord_cannot_register_what_feeds_panels_of_others_or_of_nobody(site: Site) -> None:
    ann, own = add_landlord(site, "a@x.org", "PM1", "hub:LOAD", "cellar")
    _, strange = add_landlord(site, "b@x.org", "PM2", "hub:SOLAR")
    site.add_panel("PM3")
    foreign = await put(site, ann, name="PM2")
    unknown = await put(site, ann, name="PM9")
    assert foreign == unknown
    assert foreign["refusal"]["code"] == "PANEL_NOT_FOUND"
    assert await refusal(site, ann, name="PM3") == ("PANEL_NOT_FOUND", "name")
    assert await refusal(site, ann, kind="ENERGY_HUB", name="hub") == ("PANEL_NOT_FOUND", "name")
    assert await refusal(site, ann, panelCodes=["PM2"]) == ("PANEL_NOT_FOUND", "panelCodes")
    assert await refusal(site, ann, panelCodes=["PM9"]) == ("PANEL_NOT_FOUND", "panelCodes")
    assert await refusal(site, ann, propertyId=str(strange)) == ("PROPERTY_NOT_FOUND", "propertyId")
    assert await refusal(site, ann, propertyId="99999") == ("PROPERTY_NOT_FOUND", "propertyId")
    assert await refusal(site, ann, topics=["tele/#"]) == ("FORBIDDEN", "topics")
    assert await refusal(site, ann, kind="ZIGBEE2MQTT", name="zigbee2mqtt", panelCodes=["PM1"]) == ("FORBIDDEN", "kind")
    assert await names(site) == []
    assert (await put(site, ann, kind="TASMOTA", name="cellar", propertyId=str(own)))["refusal"] is None


async def test_a_landlord_cannot_take_topics_that_are_mapped_into_panels_of_others(site: Site) -> None:
    ann, _ = add_landlord(site, "a@x.org", "cellar")
    site.add_panel("PM2")
    site.database.execute(
        "INSERT INTO device_mapping (topic, panel_code, fields) VALUES ('tele/cellar/x', 'PM2', '[{}]')"
    )
    assert await refusal(site, ann, kind="TASMOTA", name="cellar") == ("FORBIDDEN", "name")


async def test_tenants_and_who_merely_rents_register_nothing(site: Site) -> None:
    tenant = site.add_person("t@x.org")
    site.add_panel("PM1", seen_by=[tenant])
    landlord, _ = add_landlord(site, "a@x.org", "PM2")
    site.database.execute(
        "WITH made AS (INSERT INTO tenancy (account_id, starts_at) VALUES (%s, '2020-01-01') RETURNING id)"
        " INSERT INTO tenancy_panel SELECT made.id, panel.id FROM made, panel WHERE code = 'PM1'",
        (landlord.account_id,),
    )
    assert await refusal(site, tenant) == ("FORBIDDEN", None)
    assert await refusal(site, landlord) == ("PANEL_NOT_FOUND", "name")
    await put(site)
    selection = "registeredDevice { name }"
    assert await site.panel(selection, code="PM1") == {"registeredDevice": {"name": "PM1"}}
    assert await site.panel(selection, code="PM1", viewer=tenant) == {"registeredDevice": None}
    assert await site.panel(selection, code="PM1", viewer=landlord) == {"registeredDevice": None}


async def test_two_devices_share_neither_topics_nor_panels(site: Site) -> None:
    await put(site)
    await put(site, kind="ENERGY_HUB", name="hub")
    await put(site, kind="MAPPED", name="box", panelCodes=["cellar"], topics=["meters/+/state"])
    assert await refusal(site) == ("TOPIC_TAKEN", "name")
    assert await refusal(site, kind="MAPPED", name="b", panelCodes=["PM1"]) == ("PANEL_HAS_DEVICE", "panelCodes")
    assert await refusal(site, kind="MAPPED", name="b", panelCodes=["hub:LOAD"]) == ("PANEL_HAS_DEVICE", "panelCodes")
    assert await refusal(site, kind="MAPPED", name="b", panelCodes=["x"], topics=["meters/a/#"]) == (
        "TOPIC_TAKEN",
        "name",
    )
    assert await names(site) == ["PM1", "hub", "box"]


async def test_of_two_who_register_the_same_at_once_one_is_refused(site: Site) -> None:
    done = await asyncio.gather(*(put(site) for _ in range(4)))
    codes = sorted(one["refusal"]["code"] if one["refusal"] else "" for one in done)
    assert codes == ["", "TOPIC_TAKEN", "TOPIC_TAKEN", "TOPIC_TAKEN"]


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"name": ""}, "BAD_NAME", "name"),
        ({"name": "a/b"}, "BAD_NAME", "name"),
        ({"name": "+"}, "BAD_NAME", "name"),
        ({"name": "a\n"}, "BAD_NAME", "name"),
        ({"name": "tele", "kind": "HOME_ASSISTANT"}, "BAD_NAME", "name"),
        ({"kind": "MAPPED"}, "BAD_INPUT", "panelCodes"),
        ({"panelCodes": ["a b"]}, "BAD_CODE", "panelCodes"),
        ({"panelCodes": ["a"] * 101}, "BAD_INPUT", "panelCodes"),
        ({"topics": ["#"]}, "BAD_TOPIC", "topics"),
        ({"topics": ["$SYS/x"]}, "BAD_TOPIC", "topics"),
        ({"topics": ["a/%u"]}, "BAD_TOPIC", "topics"),
        ({"topics": ["a\nuser admin"]}, "BAD_TOPIC", "topics"),
        ({"topics": ["a"] * 21}, "BAD_INPUT", "topics"),
    ],
)
async def test_what_no_broker_should_be_told_is_refused(
    site: Site, given: dict[str, Any], code: str, field: str
) -> None:
    assert await refusal(site, **given) == (code, field)


async def test_a_rotated_secret_has_a_user_name_of_its_own_and_the_old_one_ends(site: Site) -> None:
    before = await put(site)
    device_id = before["device"]["id"]
    done = (await site.ask(ROTATE, input={"id": device_id, "overlapHours": 2}))["rotateDeviceSecret"]
    ends_at = (site.now + timedelta(hours=2)).isoformat()
    assert done["username"] == done["device"]["username"] == f"{device_id}-2"
    assert done["endsAt"] == ends_at
    assert done["secret"] != before["secret"]
    kept = kept_hashes(site)
    assert is_right(before["secret"], kept=kept[device_id])
    assert is_right(done["secret"], kept=kept[f"{device_id}-2"])
    assert not is_right(before["secret"], kept=kept[f"{device_id}-2"])
    rows = site.database.execute("SELECT username, ends_at FROM registered_device_login ORDER BY generation").fetchall()
    assert rows == [(device_id, site.now + timedelta(hours=2)), (f"{device_id}-2", None)]
    again = (await site.ask(ROTATE, input={"id": device_id, "overlapHours": 721}))["rotateDeviceSecret"]
    assert again["refusal"] == {"code": "BAD_INPUT", "field": "overlapHours"}


async def test_a_revoked_device_has_no_secrets_and_no_rights_and_its_name_is_free_again(site: Site) -> None:
    device_id = (await put(site))["device"]["id"]
    done = (await site.ask(REVOKE, input={"id": device_id}))["revokeDevice"]
    assert done["device"]["revokedAt"]
    assert done["device"] | {"revokedAt": None} == {
        "revokedAt": None,
        "publishTopics": [],
        "commandTopics": [],
        "username": None,
    }
    assert kept_hashes(site) == {}
    with connect(site.url) as connection:
        (known,) = rights(connection)
    assert (known.device_id, known.is_revoked, known.panel_codes) == (device_id, True, ())
    assert known.has_topic("DATA/PM/PM1")
    assert await names(site) == []
    assert await names(site, withRevoked=True) == ["PM1"]
    second = (await put(site))["device"]["id"]
    with connect(site.url) as connection:
        newest, oldest = rights(connection)
    assert (newest.device_id, newest.is_revoked) == (second, False)
    assert newest.has_topic("DATA/PM/PM1")
    assert not oldest.has_topic("DATA/PM/PM1")


async def test_a_device_of_somebody_else_a_revoked_one_and_none_are_the_same(site: Site) -> None:
    ann, _ = add_landlord(site, "a@x.org", "PM1")
    bob, _ = add_landlord(site, "b@x.org", "PM2")
    own = (await put(site, ann))["device"]["id"]
    revoked = (await put(site, bob, name="PM2"))["device"]["id"]
    await site.ask(REVOKE, viewer=bob, input={"id": revoked})
    for mutation in (ROTATE, REVOKE, UPDATE, TOKEN):
        answers = [await site.ask(mutation, viewer=bob, input={"id": id_}) for id_ in (own, revoked, "dev_x", "'")]
        assert all(answer == answers[0] for answer in answers)
        (payload,) = answers[0].values()
        assert payload["refusal"]["code"] == "DEVICE_NOT_FOUND"
    assert list(kept_hashes(site)) == [own]


async def test_a_device_whose_panel_goes_to_somebody_else_goes_with_it(site: Site) -> None:
    ann, _ = add_landlord(site, "a@x.org", "PM1")
    bob, property_id = add_landlord(site, "b@x.org")
    await put(site, ann)
    site.database.execute("UPDATE panel SET property_id = %s", (property_id,))
    assert await names(site, ann) == []
    assert await names(site, bob) == ["PM1"]


async def test_a_device_is_given_other_panels_within_the_same_bounds(site: Site) -> None:
    ann, property_id = add_landlord(site, "a@x.org", "PM1", "cellar")
    site.add_panel("attic")
    device_id = (await put(site, ann))["device"]["id"]

    async def change(**given: Any) -> dict[str, Any]:
        data = await site.ask(UPDATE, viewer=ann, input={"id": device_id} | given)
        return data["updateDevice"]

    done = await change(panelCodes=["cellar"], propertyId=str(property_id))
    assert done["device"]["panelCodes"] == ["PM1", "cellar"]
    assert done["device"]["propertyId"] == str(property_id)
    assert (await change(panelCodes=["attic"]))["refusal"]["code"] == "PANEL_NOT_FOUND"
    assert (await change(topics=["tele/#"]))["refusal"]["code"] == "FORBIDDEN"
    assert (await change(name="attic"))["refusal"]["code"] == "PANEL_NOT_FOUND"
    assert (await change())["device"]["panelCodes"] == ["PM1", "cellar"]


async def test_a_landlord_maps_what_an_own_device_publishes_below_its_id_and_nobody_else_does(site: Site) -> None:
    ann, _ = add_landlord(site, "a@x.org", "cellar", "attic")
    bob, _ = add_landlord(site, "b@x.org", "PM2")
    device_id = (await put(site, ann, kind="MAPPED", name="box", panelCodes=["cellar"]))["device"]["id"]
    mutation = """mutation Set($input: DeviceMappingInput!) { setDeviceMapping(input: $input) { refusal { code } } }"""

    async def code_of(viewer: Viewer, panel_code: str, topic: str = f"kilowatch/devices/{device_id}/data/x") -> Any:
        given = {"topic": topic, "panelCode": panel_code, "fields": [{"path": "e", "quantity": "ENERGY_IMPORT"}]}
        refused = (await site.ask(mutation, viewer=viewer, input=given))["setDeviceMapping"]["refusal"]
        return refused and refused["code"]

    assert await code_of(ann, "cellar") is None
    assert await code_of(ann, "attic") == "FORBIDDEN"
    assert await code_of(ann, "cellar", "kilowatch/devices/dev_aaaaaaaaaaaaaaaa/data/x") == "FORBIDDEN"
    assert await code_of(bob, "PM2") == "FORBIDDEN"


async def test_fifty_panels_take_one_statement_for_their_devices(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(50):
        site.add_panel(f"PM{number:02}")
    await put(site, name="PM07")
    seen: list[str] = []
    execute = psycopg.AsyncCursor.execute

    async def counted(self: psycopg.AsyncCursor, query: str, *args: object, **kwargs: object) -> psycopg.AsyncCursor:
        seen.append(query)
        return await execute(self, query, *args, **kwargs)

    monkeypatch.setattr(psycopg.AsyncCursor, "execute", counted)
    data = await site.ask("{ panels { nodes { code registeredDevice { name panels { code } } } } }")
    named = [panel["registeredDevice"] for panel in data["panels"]["nodes"]]
    assert [device for device in named if device] == [{"name": "PM07", "panels": [{"code": "PM07"}]}]
    assert len([query for query in seen if "registered_device" in query or "managed_device" in query]) == 2


async def test_ingest_and_brokers_hear_of_every_change(site: Site) -> None:
    site.database.execute("LISTEN ingest_control")
    site.database.execute("LISTEN registered_device")

    def heard() -> set[str]:
        return {news.channel for news in site.database.notifies(timeout=0.2)}

    both = {"ingest_control", "registered_device"}
    device_id = (await put(site))["device"]["id"]
    assert heard() == both
    for mutation in (ROTATE, REVOKE):
        await site.ask(mutation, input={"id": device_id})
        assert heard() == both
