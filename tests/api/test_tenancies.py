"""Tenancies: they begin by an invitation's code, which works once, and end by either side, at once."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg import sql

from metering.access import Role, Viewer
from tests.api.conftest import NOW, Site
from tests.api.test_properties import change, code_of

OWN = "{ viewer { tenancies { totalCount nodes { id propertyName panelCodes startsAt endsAt isCurrent isShared } } } }"
LET = "{ property(id: 1) { tenancies { nodes { tenant { name email phone } isCurrent } } } }"
INVITED = "invitation { id state startsOn endsOn expiresAt tenancyId } code"


@pytest.fixture
def people(site: Site) -> dict[str, Viewer]:
    """A landlord with two flats, another landlord, and three people who rent nothing yet."""
    found = {name: site.add_person(f"{name}@x.org", role=Role.LANDLORD) for name in ("ann", "ben")}
    found |= {name: site.add_person(f"{name}@x.org") for name in ("one", "two", "three")}
    for code in ("A1", "A2", "B1"):
        site.add_panel(code)
    site.add_property("House", landlord=found["ann"], panels=["A1", "A2"])
    site.add_property("Tower", landlord=found["ben"], panels=["B1"])
    return found


async def invited(site: Site, people: dict[str, Viewer], **others: Any) -> Any:
    given = {"propertyId": "1", "panelCodes": ["A1"], "startsOn": "2026-03-01"} | others
    return await change(site, "inviteTenant", given, viewer=people["ann"], shown=INVITED)


async def accepted(site: Site, code: str, *, viewer: Viewer) -> Any:
    shown = "tenancy { id startsAt endsAt isCurrent isShared }"
    return await change(site, "acceptInvitation", {"code": code}, viewer=viewer, shown=shown)


async def sees(site: Site, viewer: Viewer) -> list[str]:
    data = await site.ask("{ panels { nodes { code } } }", viewer=viewer)
    return [panel["code"] for panel in data["panels"]["nodes"]]


async def test_an_invitations_code_makes_one_tenancy(site: Site, people: dict[str, Viewer]) -> None:
    made = await invited(site, people, endsOn="2030-02-28", name="Flat 1", email="One@X.org")
    assert made["invitation"] == {
        "id": "1", "state": "OPEN", "startsOn": "2026-03-01", "endsOn": "2030-02-28", "tenancyId": None,
        "expiresAt": "2026-03-24T05:00:00+00:00",
    }  # fmt: skip
    typed = f"  {made['code'].lower().replace('-', ' ')} "
    tenancy = (await accepted(site, typed, viewer=people["one"]))["tenancy"]
    assert tenancy["startsAt"] == "2026-03-01T00:00:00+07:00"
    assert tenancy["endsAt"] == "2030-03-01T00:00:00+07:00"
    assert await sees(site, people["one"]) == ["A1"]
    for viewer in (people["one"], people["two"]):
        assert code_of(await accepted(site, made["code"], viewer=viewer)) == "INVITATION_NOT_VALID"
    (own,) = (await site.ask(OWN, viewer=people["one"]))["viewer"]["tenancies"]["nodes"]
    assert (own["propertyName"], own["panelCodes"], own["isCurrent"]) == ("House", ["A1"], True)
    assert (await site.ask(OWN, viewer=people["two"]))["viewer"]["tenancies"]["totalCount"] == 0
    listed = await site.ask(
        "{ property(id: 1) { invitations { nodes { state email tenancyId } } } }", viewer=people["ann"]
    )
    assert listed["property"]["invitations"]["nodes"] == [{"state": "ACCEPTED", "email": "one@x.org", "tenancyId": "1"}]


async def test_the_code_is_sent_to_whom_it_is_for_and_kept_nowhere_else(site: Site, people: dict[str, Viewer]) -> None:
    made = await invited(site, people, phone="+234 802 345 6789")
    message = site.database.execute("SELECT channel, sent_to, details FROM account_message").fetchone()
    assert message == (
        "SMS", "+2348023456789",
        {"code": made["code"], "inviter": "ann@x.org", "place": "House", "expires_on": "24 March 2026"},
    )  # fmt: skip
    signs = made["code"].replace("-", "").removeprefix("KW")
    for table in ("invitation", "audit_entry"):
        kept = str(site.database.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table))).fetchall())
        assert made["code"] not in kept
        assert signs not in kept
    assert code_of(await invited(site, people, email="no address")) == "BAD_EMAIL"


async def test_codes_that_lead_nowhere_are_refused_alike(site: Site, people: dict[str, Viewer]) -> None:
    codes = {"unknown": "KW-0000-0000-0000-0000", "no code": "let me in", "empty": ""}
    for why in ("revoked", "expired", "replaced", "moved"):
        codes[why] = (await invited(site, people, panelCodes=["A2"]))["code"]
    await site.ask("mutation { revokeInvitation(input: { id: 1 }) { refusal { code } } }", viewer=people["ann"])
    site.database.execute("UPDATE invitation SET expires_at = %s WHERE id = 2", (NOW,))
    renewed = await site.ask("mutation { reissueInvitation(input: { id: 3 }) { code } }", viewer=people["ann"])
    site.database.execute("UPDATE panel SET property_id = 2 WHERE code = 'A2'")
    answers = [await accepted(site, code, viewer=people["one"]) for code in codes.values()]
    assert code_of(answers[0]) == "INVITATION_NOT_VALID"
    assert all(answer == answers[0] for answer in answers)
    site.database.execute("UPDATE panel SET property_id = 1 WHERE code = 'A2'")
    assert code_of(await accepted(site, renewed["reissueInvitation"]["code"], viewer=people["one"])) is None
    states = await site.ask("{ property(id: 1) { invitations { nodes { state } } } }", viewer=people["ann"])
    assert [each["state"] for each in states["property"]["invitations"]["nodes"]] == [
        "OPEN", "ACCEPTED", "EXPIRED", "REVOKED",
    ]  # fmt: skip


async def test_who_tries_many_codes_has_to_wait(site: Site, people: dict[str, Viewer]) -> None:
    code = (await invited(site, people))["code"]
    tried = [code_of(await accepted(site, f"KW-{number:016}", viewer=people["one"])) for number in range(10)]
    assert set(tried) == {"INVITATION_NOT_VALID"}
    assert code_of(await accepted(site, code, viewer=people["one"])) == "TOO_MANY_ATTEMPTS"
    site.now += timedelta(hours=1, seconds=1)
    assert code_of(await accepted(site, code, viewer=people["one"])) is None


async def test_only_the_propertys_landlord_invites_and_only_to_its_panels(
    site: Site, people: dict[str, Viewer]
) -> None:
    given = {"propertyId": "1", "panelCodes": ["A1"], "startsOn": "2026-03-01"}
    foreign = await change(site, "inviteTenant", given, viewer=people["ben"], shown="code")
    assert (foreign["code"], code_of(foreign)) == (None, "PROPERTY_NOT_FOUND")
    assert code_of(await invited(site, people, panelCodes=["A1", "B1"])) == "PANEL_NOT_FOUND"
    assert code_of(await invited(site, people, panelCodes=[])) == "BAD_INPUT"
    assert code_of(await invited(site, people, endsOn="2026-03-09")) == "BAD_INPUT"
    by_tenant = await change(site, "inviteTenant", given, viewer=people["one"], shown="code")
    assert code_of(by_tenant) == "FORBIDDEN"
    await invited(site, people)
    for mutation in ("revokeInvitation", "reissueInvitation"):
        query = f"mutation {{ {mutation}(input: {{ id: 1 }}) {{ refusal {{ code }} }} }}"
        assert code_of((await site.ask(query, viewer=people["ben"]))[mutation]) == "INVITATION_NOT_FOUND"


async def test_a_successor_begins_where_the_predecessor_ended_and_flatmates_overlap(
    site: Site, people: dict[str, Viewer]
) -> None:
    site.add_tenancy(people["one"], "A1", since=datetime(2026, 1, 1, tzinfo=UTC), property_id="1")
    end = """mutation { endTenancy(input: { id: 1, endsAt: "2026-03-04T12:30:00Z" }) {
      tenancy { endsAt } refusal { code } } }"""
    assert code_of((await site.ask(end, viewer=people["ann"]))["endTenancy"]) == "BAD_TIME"
    assert (await site.ask(end))["endTenancy"]["tenancy"] == {"endsAt": "2026-03-04T19:30:00+07:00"}
    successor = await accepted(site, (await invited(site, people))["code"], viewer=people["three"])
    assert successor["tenancy"]["startsAt"] == "2026-03-04T19:30:00+07:00"
    flatmate = await accepted(site, (await invited(site, people))["code"], viewer=people["two"])
    assert datetime.fromisoformat(flatmate["tenancy"]["startsAt"]) == site.now
    assert flatmate["tenancy"]["isShared"]
    gone = (await invited(site, people, startsOn="2026-01-01", endsOn="2026-03-10"))["code"]
    site.database.execute("UPDATE tenancy SET ends_at = %s", (NOW + timedelta(seconds=1),))
    site.now += timedelta(days=1)
    assert code_of(await accepted(site, gone, viewer=site.admin)) is None


async def test_an_end_ends_sight_at_once_and_leaves_the_own_list(site: Site, people: dict[str, Viewer]) -> None:
    for tenant, flat in (("one", "A1"), ("two", "A2")):
        site.add_tenancy(people[tenant], flat, since=NOW - timedelta(days=9), property_id="1")
    site.database.execute(
        "UPDATE account SET email_verified_at = now(), phone = '+2348023456789' WHERE email = 'one@x.org'"
    )
    tenants = (await site.ask(LET, viewer=people["ann"]))["property"]["tenancies"]["nodes"]
    assert tenants[1] == {"tenant": {"name": "one@x.org", "email": "one@x.org", "phone": None}, "isCurrent": True}
    assert tenants[0]["tenant"] == {"name": "two@x.org", "email": None, "phone": None}
    ended = "mutation { endTenancy(input: { id: 1 }) { tenancy { isCurrent } refusal { code } } }"
    left = "mutation { leaveTenancy(input: { id: 2 }) { tenancy { isCurrent } refusal { code } } }"
    for stranger in (people["ben"], people["three"]):
        refused = {code_of((await site.ask(ended, viewer=stranger))["endTenancy"])}
        refused |= {code_of((await site.ask(left, viewer=stranger))["leaveTenancy"])}
        assert refused <= {"TENANCY_NOT_FOUND", "FORBIDDEN"}
    assert (await site.ask(ended, viewer=people["ann"]))["endTenancy"]["tenancy"] == {"isCurrent": False}
    assert (await site.ask(left, viewer=people["two"]))["leaveTenancy"]["tenancy"] == {"isCurrent": False}
    assert await sees(site, people["one"]) == await sees(site, people["two"]) == []
    former = (await site.ask(LET, viewer=people["ann"]))["property"]["tenancies"]["nodes"]
    assert [each["tenant"] for each in former] == [
        {"name": name, "email": None, "phone": None} for name in ("two@x.org", "one@x.org")
    ]
    assert (await site.ask(OWN, viewer=people["one"]))["viewer"]["tenancies"]["nodes"][0]["isCurrent"] is False
    assert code_of((await site.ask(ended, viewer=people["ann"]))["endTenancy"]) == "TENANCY_ENDED"


async def test_an_end_to_come_can_be_moved_and_what_never_began_is_removed(
    site: Site, people: dict[str, Viewer]
) -> None:
    site.add_tenancy(people["one"], "A1", since=NOW - timedelta(days=9), property_id="1")
    extend = """mutation ($endsOn: Date) { extendTenancy(input: { id: 1, endsOn: $endsOn }) {
      tenancy { endsAt } refusal { code } } }"""
    there = (await site.ask(extend, viewer=people["ann"], endsOn="2026-03-31"))["extendTenancy"]
    assert there["tenancy"] == {"endsAt": "2026-04-01T00:00:00+07:00"}
    assert code_of((await site.ask(extend, viewer=people["ann"], endsOn="2026-03-09"))["extendTenancy"]) == "BAD_TIME"
    assert (await site.ask(extend, viewer=people["ann"], endsOn=None))["extendTenancy"]["tenancy"] == {"endsAt": None}
    site.add_tenancy(people["two"], "A2", since=NOW + timedelta(days=9), property_id="1")
    end = "mutation { endTenancy(input: { id: 2 }) { tenancy { id } refusal { code } } }"
    assert (await site.ask(end, viewer=people["ann"]))["endTenancy"] == {"tenancy": None, "refusal": None}
    assert (await site.ask(OWN, viewer=people["two"]))["viewer"]["tenancies"]["totalCount"] == 0


async def test_of_many_who_accept_at_once_one_rents(site: Site, people: dict[str, Viewer]) -> None:
    code = (await invited(site, people))["code"]
    tenants = [people["one"], people["two"], people["three"], people["ben"]]
    answers = await asyncio.gather(*(accepted(site, code, viewer=viewer) for viewer in tenants))
    assert sorted(str(code_of(answer)) for answer in answers) == ["INVITATION_NOT_VALID"] * 3 + ["None"]
    assert site.database.execute("SELECT count(*) FROM tenancy").fetchone() == (1,)


async def test_who_comes_next_sees_nothing_of_somebody_whose_account_is_gone(
    site: Site, people: dict[str, Viewer]
) -> None:
    left_at = datetime(2026, 3, 6, 9, 30, tzinfo=UTC)
    site.add_tenancy(people["one"], "A1", since=NOW - timedelta(days=90), until=left_at, property_id="1")
    given = {"accountId": str(people["one"].account_id)}
    assert code_of(await change(site, "removePerson", given, viewer=site.admin, shown="person { id }")) is None
    made = await invited(site, people, startsOn="2026-01-01")
    tenancy = (await accepted(site, made["code"], viewer=people["two"]))["tenancy"]
    assert datetime.fromisoformat(tenancy["startsAt"]) == left_at


async def test_a_former_landlords_invitations_let_nobody_in(site: Site, people: dict[str, Viewer]) -> None:
    codes = [(await invited(site, people))["code"]]
    given = {"id": "1", "landlordId": str(people["ben"].account_id)}
    assert code_of(await change(site, "updateProperty", given, viewer=site.admin, shown="property { id }")) is None
    codes.append((await invited(site, {**people, "ann": people["ben"]}))["code"])
    site.database.execute("DELETE FROM account WHERE id = %s", (people["ben"].account_id,))
    for code in codes:
        assert code_of(await accepted(site, code, viewer=people["one"])) == "INVITATION_NOT_VALID"
    assert await sees(site, people["one"]) == []
