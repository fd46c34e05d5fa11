"""What a tenant writes, and may enter, is of the own time: what came before is the predecessor's, and tells nothing."""

from datetime import timedelta
from typing import Any

import pytest

from metering.access import Role, Viewer
from tests.api.conftest import NOW, Site, reading

SINCE = NOW - timedelta(days=2)
WRITES = {
    "recordBalance": ("RecordBalanceInput", {"shownKwh": "0"}),
    "topUp": ("TopUpInput", {"unitsKwh": "3", "token": "12345678901234567890", "idempotencyKey": "a-key-of-mine"}),
    "recordReading": ("RecordReadingInput", {"energyImportKwh": 9001.0, "idempotencyKey": "a-key-of-mine"}),
}


@pytest.fixture
def tenant(site: Site) -> Viewer:
    """Somebody who has rented a prepaid flat for two days, in which another lived before and had 70 units."""
    site.add_panel("FLAT", is_prepaid=True)
    site.database.execute(
        "INSERT INTO ledger_entry (panel_id, at, kind, units_kwh) SELECT id, %s, 'TOP_UP', 70 FROM panel",
        (NOW - timedelta(days=6),),
    )
    viewer = site.add_person("tenant@x.org")
    site.add_tenancy(viewer, "FLAT", since=SINCE)
    return viewer


async def write(site: Site, viewer: Viewer, name: str, **given: Any) -> Any:
    kind, own = WRITES[name]
    query = f"mutation ($input: {kind}!) {{ answer: {name}(input: $input) {{ refusal {{ code message field }} }} }}"
    return (await site.ask(query, viewer=viewer, input={"panelCode": "FLAT", **own, **given}))["answer"]["refusal"]


@pytest.mark.parametrize("name", WRITES)
async def test_nothing_is_written_into_the_time_before_and_nothing_learnt_of_it(
    site: Site, tenant: Viewer, name: str
) -> None:
    count = "SELECT (SELECT count(*) FROM ledger_entry), (SELECT count(*) FROM reading)"
    before = site.database.execute(count).fetchone()
    refusal = await write(site, tenant, name, at=(SINCE - timedelta(days=1)).isoformat())
    assert refusal["code"] == "BAD_TIME"
    assert refusal["message"] == "`at` must not be before 2026-03-08T12:00:00+07:00, when your tenancy began."
    assert site.database.execute(count).fetchone() == before
    assert await write(site, tenant, name, at=SINCE.isoformat()) is None


async def test_who_has_accepted_a_moment_ago_is_known_to_rent(site: Site, tenant: Viewer) -> None:
    unknowing = Viewer(tenant.account_id, Role.TENANT, may_rent=False)
    refusal = await write(site, unknowing, "recordBalance", at=(SINCE - timedelta(days=1)).isoformat())
    assert refusal["code"] == "BAD_TIME"


async def test_what_an_app_kept_offline_is_of_the_own_time_too(site: Site, tenant: Viewer) -> None:
    entry = {"clientId": "kept-offline", "panelCode": "FLAT", "kind": "BALANCE_READING", "shownKwh": "0"}
    query = """mutation ($input: SubmitEntriesInput!) { submitEntries(input: $input) {
               results { entry { unitsKwh } refusal { code } } } }"""
    given = {"entries": [{**entry, "at": (SINCE - timedelta(days=1)).isoformat()}]}
    (result,) = (await site.ask(query, viewer=tenant, input=given))["submitEntries"]["results"]
    assert result == {"entry": None, "refusal": {"code": "BAD_TIME"}}


async def test_a_landlord_writes_what_was_at_any_time(site: Site, tenant: Viewer) -> None:
    landlord = site.add_person("ann@x.org", role=Role.LANDLORD)
    site.add_property("House", landlord=landlord, panels=["FLAT"])
    site.load("FLAT", [reading(NOW - timedelta(hours=1), 8000.0)])
    assert tenant.may_rent
    for name in WRITES:
        assert await write(site, landlord, name, at=(SINCE - timedelta(days=1)).isoformat()) is None


async def test_tokens_that_a_predecessor_bought_are_not_shown_to_the_next_tenant(site: Site, tenant: Viewer) -> None:
    site.database.execute(
        "WITH meter AS (INSERT INTO openpaygo_meter (panel_id, secret_key, kwh_per_value, starting_count,"
        " has_restricted_digits, makes_long_tokens)"
        " SELECT id, decode(repeat('ab', 16), 'hex'), 1, 1, false, false FROM panel RETURNING id)"
        " INSERT INTO openpaygo_token (meter_id, count, kind, value, token_ending, digits, units_kwh, made_at)"
        " SELECT id, place, 'ADD_TIME', 5, '000' || place, '12345000' || place, 5, made_at"
        " FROM meter, (VALUES (3, %s::timestamptz), (5, %s)) AS made (place, made_at)",
        (SINCE - timedelta(hours=1), SINCE + timedelta(hours=1)),
    )
    asked = "prepaid { openPaygo { tokensNotEntered { digits } } }"
    shown = await site.panel(asked, code="FLAT", viewer=tenant)
    assert shown["prepaid"]["openPaygo"]["tokensNotEntered"] == [{"digits": "123450005"}]
    every = await site.panel(asked, code="FLAT")
    assert len(every["prepaid"]["openPaygo"]["tokensNotEntered"]) == 2
