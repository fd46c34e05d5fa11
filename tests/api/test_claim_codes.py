"""Claim codes: who has one becomes the landlord of panels that belonged to nobody, once."""

from datetime import timedelta
from typing import Any

import pytest

from metering.access import Role, Viewer
from tests.api.conftest import Site
from tests.api.test_properties import change, code_of

SHOWN = "property { name panelCount panels { nodes { code } } }"


@pytest.fixture
def ann(site: Site) -> Viewer:
    for code in ("P1", "P2", "GIVEN"):
        site.add_panel(code, is_prepaid=True)
    site.add_tariff(None, "2020-01-01", "5")
    tenant = site.add_person("ann@x.org")
    site.database.execute(
        "INSERT INTO panel_access SELECT %s, id FROM panel WHERE code = 'GIVEN'", (tenant.account_id,)
    )
    return tenant


async def made(site: Site, *codes: str, viewer: Viewer | None = None) -> Any:
    given = {"panelCodes": list(codes)}
    return await change(
        site, "createClaimCode", given, viewer=viewer or site.admin, shown="code panelCodes expiresAt"
    )  # fmt: skip


async def claimed(site: Site, code: str, *, viewer: Viewer, **to: str) -> Any:
    return await change(
        site, "claimPanels", {"code": code} | (to or {"newPropertyName": "Cabin"}), viewer=viewer, shown=SHOWN
    )


async def test_a_claim_makes_a_tenant_the_landlord_of_these_panels_alone(site: Site, ann: Viewer) -> None:
    code = (await made(site, "P1", "P2"))["code"]
    found = await claimed(site, code, viewer=ann)
    assert found["property"] == {
        "name": "Cabin",
        "panelCount": 2,
        "panels": {"nodes": [{"code": "P1"}, {"code": "P2"}]},
    }
    assert site.database.execute("SELECT role FROM account WHERE email = 'ann@x.org'").fetchone() == ("LANDLORD",)
    ann = Viewer(ann.account_id, Role.LANDLORD)
    debt = """mutation ($code: String!, $key: String!) { recordDebt(input: { panelCode: $code, reason: "A repair",
      amount: { amount: "10", currency: "IDR" }, idempotencyKey: $key }) { refusal { code } } }"""
    asked = [
        (await site.ask(debt, viewer=ann, code=panel, key=f"a-key-of-{panel}"))["recordDebt"]
        for panel in ("P1", "GIVEN")
    ]
    assert [code_of(answer) for answer in asked] == [None, "FORBIDDEN"]


async def test_claim_codes_that_lead_nowhere_are_refused_alike(site: Site, ann: Viewer) -> None:
    replaced, used = (await made(site, "P1"))["code"], (await made(site, "P1"))["code"]
    assert code_of(await claimed(site, used, viewer=site.admin)) is None
    old = (await made(site, "P2"))["code"]
    site.now += timedelta(days=91)
    answers = [await claimed(site, code, viewer=ann) for code in (replaced, used, old, "KW-0000-0000-0000-0000", "x")]
    assert code_of(answers[0]) == "CLAIM_NOT_VALID"
    assert all(answer == answers[0] for answer in answers)
    assert site.database.execute("SELECT count(*) FROM property").fetchone() == (1,)
    assert site.database.execute("SELECT role FROM account WHERE email = 'ann@x.org'").fetchone() == ("TENANT",)


async def test_panels_are_claimed_into_the_own_property_alone_and_freed_by_nobody(site: Site, ann: Viewer) -> None:
    ben = site.add_person("ben@x.org", role=Role.LANDLORD)
    tower = site.add_property("Tower", landlord=ben)
    code = (await made(site, "P1"))["code"]
    assert code_of(await claimed(site, code, viewer=ann, propertyId=tower)) == "PROPERTY_NOT_FOUND"
    assert code_of(await claimed(site, code, viewer=ann, propertyId=tower, newPropertyName="X")) == "BAD_INPUT"
    assert (await claimed(site, code, viewer=ben, propertyId=tower))["property"]["name"] == "Tower"
    assert code_of(await made(site, "P1")) == "PANEL_TAKEN"
    assert code_of(await made(site, "P2", viewer=ben)) == "FORBIDDEN"
    assert code_of(await made(site, "GHOST")) == "PANEL_NOT_FOUND"


async def test_a_code_of_which_no_panel_is_left_makes_nobody_a_landlord(site: Site, ann: Viewer) -> None:
    code = (await made(site, "P1"))["code"]
    site.database.execute("DELETE FROM panel WHERE code = 'P1'")
    assert code_of(await claimed(site, code, viewer=ann)) == "CLAIM_NOT_VALID"
    assert site.database.execute("SELECT role FROM account WHERE email = 'ann@x.org'").fetchone() == ("TENANT",)
