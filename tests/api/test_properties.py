"""Properties: each landlord has their own, with panels, and an admin has all."""

from datetime import timedelta
from typing import Any

import pytest

from metering.access import Role, Viewer
from tests.api.conftest import NOW, Site

LIST = "{ properties { totalCount nodes { id name address landlordName panelCount panels { nodes { code } } } } }"


@pytest.fixture
def people(site: Site) -> dict[str, Viewer]:
    """Two landlords with a house each, a tenant of the first, and a panel that belongs to nobody."""
    found = {name: site.add_person(f"{name}@x.org", role=Role.LANDLORD) for name in ("ann", "ben")}
    found["tenant"] = site.add_person("tenant@x.org")
    for code in ("A1", "A2", "B1", "FREE"):
        site.add_panel(code)
    ids = {
        "ann": site.add_property("House", landlord=found["ann"], panels=["A1", "A2"]),
        "ben": site.add_property("Tower", landlord=found["ben"], panels=["B1"]),
    }
    site.add_tenancy(found["tenant"], "A1", since=NOW - timedelta(days=30), property_id=ids["ann"])
    return found


async def id_of(site: Site, name: str) -> str:
    nodes = (await site.ask("{ properties { nodes { id name } } }"))["properties"]["nodes"]
    return next(node["id"] for node in nodes if node["name"] == name)


async def change(
    site: Site, mutation: str, given: dict[str, Any], *, viewer: Viewer, shown: str = "property { name }"
) -> Any:
    of_type = f"{mutation[0].upper()}{mutation[1:]}Input"
    query = f"mutation ($input: {of_type}!) {{ {mutation}(input: $input) {{ {shown} refusal {{ code field }} }} }}"
    return (await site.ask(query, viewer=viewer, input=given))[mutation]


def code_of(answer: Any) -> str | None:
    return answer["refusal"] and answer["refusal"]["code"]


async def test_landlords_list_their_own_and_admins_all_by_name(site: Site, people: dict[str, Viewer]) -> None:
    own = (await site.ask(LIST, viewer=people["ann"]))["properties"]
    assert own["totalCount"] == 1
    (house,) = own["nodes"]
    assert (house["name"], house["address"], house["landlordName"]) == ("House", "House, 1", "ann@x.org")
    assert house["panelCount"] == 2
    assert house["panels"]["nodes"] == [{"code": "A1"}, {"code": "A2"}]
    every = "query ($after: Cursor) { properties(first: 1, after: $after) { nodes { name } pageInfo { endCursor } } }"
    first = (await site.ask(every))["properties"]
    second = (await site.ask(every, after=first["pageInfo"]["endCursor"]))["properties"]
    assert [first["nodes"], second["nodes"]] == [[{"name": "House"}], [{"name": "Tower"}]]
    some = '{ properties(filter: { search: "TOWER" }) { totalCount } }'
    assert (await site.ask(some))["properties"]["totalCount"] == 1
    assert (await site.ask(some, viewer=people["ann"]))["properties"]["totalCount"] == 0
    assert await site.code(LIST, viewer=people["tenant"]) == "FORBIDDEN"


async def test_a_foreign_property_looks_like_none_and_is_not_changed(site: Site, people: dict[str, Viewer]) -> None:
    tower, query = await id_of(site, "Tower"), "query ($id: ID!) { property(id: $id) { name } }"
    assert (await site.ask(query, viewer=people["ben"], id=tower))["property"] == {"name": "Tower"}
    for id_ in (tower, "999", "x", "99999999999999999999"):
        assert (await site.ask(query, viewer=people["ann"], id=id_))["property"] is None
        changes = [
            await change(site, "updateProperty", {"id": id_, "name": "Mine"}, viewer=people["ann"]),
            await change(site, "removeProperty", {"id": id_}, viewer=people["ann"]),
            await change(site, "assignPanels", {"panelCodes": ["A1"], "propertyId": id_}, viewer=people["ann"]),
        ]
        refusals = [answer["refusal"] for answer in changes]
        assert [refusal["code"] for refusal in refusals] == ["PROPERTY_NOT_FOUND"] * 3
        assert [refusal["field"] for refusal in refusals] == ["id", "id", "propertyId"]
    assert (await site.ask(query, id=tower))["property"] == {"name": "Tower"}


async def test_a_tenant_reads_name_and_address_of_what_they_rent_alone(site: Site, people: dict[str, Viewer]) -> None:
    query = "{ panels { nodes { code property { name address } } } }"
    rented = (await site.ask(query, viewer=people["tenant"]))["panels"]["nodes"]
    assert rented == [{"code": "A1", "property": {"name": "House", "address": "House, 1"}}]
    assert (await site.panel("property { name }", code="FREE"))["property"] is None


async def test_a_landlord_makes_renames_and_removes_a_property(site: Site, people: dict[str, Viewer]) -> None:
    made = await change(
        site,
        "createProperty",
        {"name": " Shops ", "address": "Quay 3"},
        viewer=people["ann"],
        shown="property { id name }",
    )
    assert made["property"]["name"] == "Shops"
    id_ = made["property"]["id"]
    named = await change(site, "updateProperty", {"id": id_, "name": "Two shops"}, viewer=people["ann"])
    assert named["property"] == {"name": "Two shops"}
    assert code_of(await change(site, "createProperty", {"name": " "}, viewer=people["ann"])) == "BAD_NAME"
    moved = await change(
        site, "assignPanels", {"panelCodes": ["A2"], "propertyId": id_}, viewer=people["ann"],
        shown="property { panelCount }",
    )  # fmt: skip
    assert moved["property"] == {"panelCount": 1}
    assert await change(site, "removeProperty", {"id": id_}, viewer=people["ann"]) == {
        "property": None,
        "refusal": None,
    }
    assert [
        panel["code"]
        for panel in (await site.ask("{ panels { nodes { code } } }", viewer=people["ann"]))["panels"]["nodes"]
    ] == ["A1"]


async def test_what_is_let_keeps_its_property(site: Site, people: dict[str, Viewer]) -> None:
    house = await id_of(site, "House")
    assert code_of(await change(site, "removeProperty", {"id": house}, viewer=people["ann"])) == "STILL_LET"
    free = {"panelCodes": ["A1"], "propertyId": None}
    assert code_of(await change(site, "assignPanels", free, viewer=site.admin)) == "STILL_LET"
    assert code_of(await change(site, "assignPanels", free, viewer=people["ann"])) == "FORBIDDEN"
    to_ben = {"panelCodes": ["A1"], "propertyId": await id_of(site, "Tower")}
    assert code_of(await change(site, "assignPanels", to_ben, viewer=site.admin)) is None
    tenancies = "{ properties { nodes { name tenancies { nodes { panelCodes } } } } }"
    assert (await site.ask(tenancies, viewer=people["ben"]))["properties"]["nodes"] == [
        {"name": "Tower", "tenancies": {"nodes": [{"panelCodes": ["A1"]}]}}
    ]
    assert await site.ask('{ panel(code: "A1") { code } }', viewer=people["ann"]) == {"panel": None}


async def test_admins_alone_take_panels_from_a_landlord_and_hand_properties_over(
    site: Site, people: dict[str, Viewer]
) -> None:
    house = await id_of(site, "House")
    taken = {"panelCodes": ["B1"], "propertyId": house}
    assert code_of(await change(site, "assignPanels", taken, viewer=people["ann"])) == "PANEL_NOT_FOUND"
    assert code_of(await change(site, "assignPanels", taken | {"panelCodes": ["FREE"]}, viewer=site.admin)) is None
    to_ben = {"id": house, "landlordId": str(people["ben"].account_id)}
    assert code_of(await change(site, "updateProperty", to_ben, viewer=people["ann"])) == "FORBIDDEN"
    nobody = {"id": house, "landlordId": str(people["tenant"].account_id)}
    assert code_of(await change(site, "updateProperty", nobody, viewer=site.admin)) == "NOT_A_LANDLORD"
    assert code_of(await change(site, "updateProperty", to_ben, viewer=site.admin)) is None
    assert (await site.ask(LIST, viewer=people["ann"]))["properties"]["totalCount"] == 0
    assert (await site.ask(LIST, viewer=people["ben"]))["properties"]["totalCount"] == 2
    audit = "{ auditLog { nodes { action outcome } } }"
    for landlord in (people["ann"], people["ben"]):
        done = (await site.ask(audit, viewer=landlord))["auditLog"]["nodes"]
        assert {"action": "UPDATE_PROPERTY", "outcome": "DONE"} in done


async def test_a_landlord_makes_a_claimed_panel_right(site: Site, people: dict[str, Viewer]) -> None:
    given = {"code": "A1", "timeZone": "Africa/Lagos", "isPrepaid": True, "meterNumber": " 4504 1122 "}
    shown = "panel { name timeZone isPrepaid prepaid { meterNumber } }"
    right = {"name": "Panel A1", "timeZone": "Africa/Lagos", "isPrepaid": True, "prepaid": {"meterNumber": "4504 1122"}}
    assert code_of(await change(site, "describePanel", given, viewer=people["tenant"], shown=shown)) == "FORBIDDEN"
    assert (await change(site, "describePanel", given, viewer=people["ann"], shown=shown))["panel"] == right
    for field, bad in {"timeZone": "Mars/Base", "meterNumber": "9" * 101, "name": " "}.items():
        said = await change(site, "describePanel", {"code": "A1", field: bad}, viewer=people["ann"], shown=shown)
        assert (code_of(said), said["panel"]) == ("BAD_NAME" if field == "name" else "BAD_INPUT", None)
    taken = {"code": "A1", "meterNumber": ""}
    without = await change(site, "describePanel", taken, viewer=people["ann"], shown=shown)
    assert without["panel"] == right | {"prepaid": {"meterNumber": None}}


async def test_a_panels_place_is_said_by_its_landlord(site: Site, people: dict[str, Viewer]) -> None:
    given = {"code": "A1", "name": "Flat 1", "location": "Left wing", "floor": 2}
    shown = "panel { name location floor }"
    found = await change(site, "describePanel", given, viewer=people["ann"], shown=shown)
    assert found["panel"] == {"name": "Flat 1", "location": "Left wing", "floor": 2}
    floor = await change(site, "describePanel", {"code": "A1", "floor": 3}, viewer=people["ann"], shown=shown)
    assert floor["panel"] == {"name": "Flat 1", "location": "Left wing", "floor": 3}
    assert code_of(await change(site, "describePanel", given, viewer=people["tenant"], shown=shown)) == "FORBIDDEN"
    far = {"code": "A1", "floor": 5000}
    assert code_of(await change(site, "describePanel", far, viewer=people["ann"], shown=shown)) == "BAD_INPUT"
