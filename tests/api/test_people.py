"""What admins decide about people; the last admin who can sign in stays one."""

import asyncio
from typing import Any

import pytest

from metering.access import Role, Viewer
from tests.api.conftest import NOW, Site

SHOWN = "person { role disabledAt panelCodes } refusal { code }"


@pytest.fixture
def people(site: Site) -> dict[str, Viewer]:
    found = {
        "landlord": site.add_person("landlord@x.org", role=Role.LANDLORD),
        "tenant": site.add_person("tenant@x.org"),
    }
    site.add_panel("PM")
    site.add_panel("FLAT")
    site.add_property("House", landlord=found["landlord"], panels=["FLAT"])
    site.add_tenancy(found["tenant"], "FLAT", since=NOW, property_id="1")
    return found


async def change(site: Site, mutation: str, who: Viewer | str, *, by: Viewer | None = None, more: str = "") -> Any:
    account_id = who if isinstance(who, str) else str(who.account_id)
    query = f'mutation {{ {mutation}(input: {{ accountId: "{account_id}" {more} }}) {{ {SHOWN} }} }}'
    return (await site.ask(query, viewer=by))[mutation]


def code_of(answer: Any) -> str | None:
    return answer["refusal"] and answer["refusal"]["code"]


async def test_admins_list_people_by_role_and_text(site: Site, people: dict[str, Viewer]) -> None:
    listed = "{ people { totalCount nodes { email role propertyCount tenancyCount isEmailVerified } } }"
    data = (await site.ask(listed))["people"]
    assert data["totalCount"] == 3
    assert data["nodes"][1:] == [
        {
            "email": "landlord@x.org",
            "role": "LANDLORD",
            "propertyCount": 1,
            "tenancyCount": 0,
            "isEmailVerified": False,
        },
        {"email": "tenant@x.org", "role": "TENANT", "propertyCount": 0, "tenancyCount": 1, "isEmailVerified": False},
    ]
    for where in ("role: TENANT", 'text: "TENANT@"'):
        found = (await site.ask(f"{{ people(filter: {{ {where} }}) {{ totalCount nodes {{ email }} }} }}"))["people"]
        assert found == {"totalCount": 1, "nodes": [{"email": "tenant@x.org"}]}
    second = "query ($after: Cursor) { people(first: 1, after: $after) { nodes { email } pageInfo { endCursor } } }"
    first = (await site.ask(second))["people"]
    assert first["nodes"] == [{"email": "admin@x.org"}]
    following = (await site.ask(second, after=first["pageInfo"]["endCursor"]))["people"]
    assert following["nodes"] == [{"email": "landlord@x.org"}]


async def test_nobody_but_admins_lists_or_changes_people(site: Site, people: dict[str, Viewer]) -> None:
    for viewer in people.values():
        assert await site.code("{ people { totalCount } }", viewer=viewer) == "FORBIDDEN"
        for mutation, more in (
            ("setRole", "role: ADMIN"), ("setDisabled", "isDisabled: true"), ("removePerson", ""),
            ("grantPanel", 'panelCode: "PM"'), ("revokePanel", 'panelCode: "PM"'),
        ):  # fmt: skip
            assert code_of(await change(site, mutation, viewer, by=viewer, more=more)) == "FORBIDDEN"


async def test_the_last_admin_who_can_sign_in_stays_one(site: Site, people: dict[str, Viewer]) -> None:
    last = [("setRole", "role: LANDLORD"), ("setDisabled", "isDisabled: true"), ("removePerson", "")]
    for mutation, more in last:
        assert code_of(await change(site, mutation, site.admin, more=more)) == "LAST_ADMIN"
    assert code_of(await change(site, "setRole", people["tenant"], more="role: ADMIN")) is None
    assert code_of(await change(site, "setDisabled", people["tenant"], more="isDisabled: true")) is None
    for mutation, more in last:
        assert code_of(await change(site, mutation, site.admin, more=more)) == "LAST_ADMIN"
    assert code_of(await change(site, "setDisabled", people["tenant"], more="isDisabled: false")) is None
    assert code_of(await change(site, "setRole", site.admin, more="role: TENANT")) is None


async def test_of_two_admins_who_end_each_other_at_once_one_stays(site: Site, people: dict[str, Viewer]) -> None:
    for mutation, more in (("setRole", "role: TENANT"), ("setDisabled", "isDisabled: true"), ("removePerson", "")):
        other = site.add_person(f"{mutation.lower()}@x.org", role=Role.ADMIN)
        answers = await asyncio.gather(
            change(site, mutation, other, by=site.admin, more=more),
            change(site, mutation, site.admin, by=other, more=more),
        )
        assert {code_of(answer) for answer in answers} == {None, "LAST_ADMIN"}
        (left,) = site.database.execute(
            "SELECT id FROM account WHERE role = 'ADMIN' AND disabled_at IS NULL"
        ).fetchall()
        site.admin = Viewer(left[0], Role.ADMIN)


async def test_a_landlord_with_properties_becomes_no_tenant(site: Site, people: dict[str, Viewer]) -> None:
    assert code_of(await change(site, "setRole", people["landlord"], more="role: TENANT")) == "HAS_PROPERTIES"
    site.database.execute("UPDATE property SET landlord_id = NULL")
    changed = await change(site, "setRole", people["landlord"], more="role: TENANT")
    assert changed["person"]["role"] == "TENANT"


async def test_panels_are_given_and_taken_back(site: Site, people: dict[str, Viewer]) -> None:
    given = await change(site, "grantPanel", people["tenant"], more='panelCode: "PM"')
    assert given["person"]["panelCodes"] == ["PM"]
    assert (await site.ask('{ panel(code: "PM") { code } }', viewer=people["tenant"]))["panel"] == {"code": "PM"}
    taken = await change(site, "revokePanel", people["tenant"], more='panelCode: "PM"')
    assert taken["person"]["panelCodes"] == []
    assert (await site.ask('{ panel(code: "PM") { code } }', viewer=people["tenant"]))["panel"] is None
    assert code_of(await change(site, "grantPanel", people["tenant"], more='panelCode: "GHOST"')) == "PANEL_NOT_FOUND"
    assert code_of(await change(site, "grantPanel", "999", more='panelCode: "PM"')) == "ACCOUNT_NOT_FOUND"


async def test_who_is_removed_leaves_properties_without_a_landlord(site: Site, people: dict[str, Viewer]) -> None:
    assert await change(site, "removePerson", people["landlord"]) == {"person": None, "refusal": None}
    left = (await site.ask("{ properties { nodes { name landlordId landlordName } } }"))["properties"]["nodes"]
    assert left == [{"name": "House", "landlordId": None, "landlordName": None}]
    log = (await site.ask("{ auditLog(first: 1) { nodes { action outcome } } }"))["auditLog"]["nodes"]
    assert log == [{"action": "REMOVE_PERSON", "outcome": "DONE"}]
