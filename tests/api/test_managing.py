"""A landlord decides about the panels that they manage: one that they rent elsewhere is a tenant's, also to them."""

from datetime import timedelta
from typing import Any

import pytest
from psycopg import sql

from metering.access import Role, Viewer
from tests.api.conftest import NOW, Site, reading

RENTED = NOW - timedelta(days=30)


@pytest.fixture
def landlord(site: Site) -> Viewer:
    """Who has a house with OWN, rents RENTED in somebody else's, was given GIVEN by an admin, and sees not FOREIGN."""
    found, other = (site.add_person(f"{name}@x.org", role=Role.LANDLORD) for name in ("landlord", "other"))
    for code in ("OWN", "RENTED", "FOREIGN"):
        site.add_panel(code, is_prepaid=True, meter_number="45041234567")
    site.add_panel("GIVEN", is_prepaid=True, seen_by=[found])
    site.add_tariff(None, "2020-01-01", "100")
    site.add_property("House", landlord=found, panels=["OWN"])
    theirs = site.add_property("Tower", landlord=other, panels=["RENTED", "FOREIGN"])
    site.add_tenancy(found, "RENTED", since=RENTED, property_id=theirs)
    for code in ("OWN", "RENTED", "FOREIGN", "GIVEN"):
        site.load(code, [reading(NOW - timedelta(hours=2), 1.0), reading(NOW - timedelta(hours=1), 2.0)])
    return found


def mutations(code: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """Every change of a panel that is a landlord's, with its input."""
    key = {"panelCode": code, "idempotencyKey": f"key-of-{code}"}
    money = {"amount": {"amount": "100", "currency": "IDR"}}
    flat = {"name": "Flat", "currency": "IDR", "bands": [{"name": "All day", "unitPrice": "5"}]}
    return {
        "setTariff": ("SetTariffInput", {"panelCode": code, "validFrom": "2026-03-01", "tariff": flat}),
        "removeTariff": ("RemoveTariffInput", {"panelCode": code, "validFrom": "2026-03-01"}),
        "recordDebt": ("RecordDebtInput", {**key, **money, "reason": "A repair"}),
        "settleDebt": ("SettleDebtInput", {**key, **money, "reason": "Paid in cash", "idempotencyKey": "another-key"}),
        "setEmergencyCredit": (
            "SetEmergencyCreditInput",
            {"panelCode": code, "limitKwh": "5", "availableBelowKwh": "1"},
        ),
        "setOpenPaygo": (
            "SetOpenPaygoInput",
            {"panelCode": code, "secretKeyHex": "a29ab82edc5fbbc41ec9530f6dac86b1", "kwhPerValue": "0.1"},
        ),
        "generateToken": ("GenerateTokenInput", {**key, "unitsKwh": "10", "idempotencyKey": "token-key"}),
        "removeOpenPaygo": ("RemoveOpenPaygoInput", {"panelCode": code}),
        "describePanel": ("DescribePanelInput", {"code": code, "name": "Another name"}),
        "buyUnits": ("BuyUnitsInput", {**key, **money, "idempotencyKey": "vend-key"}),
        "assignPanels": ("AssignPanelsInput", {"panelCodes": [code], "propertyId": "1"}),
    }


async def refusals(site: Site, viewer: Viewer, code: str) -> dict[str, str | None]:
    """What each of the mutations is refused with."""
    found: dict[str, str | None] = {}
    for name, (of_type, given) in mutations(code).items():
        query = f"mutation ($input: {of_type}!) {{ {name}(input: $input) {{ refusal {{ code }} }} }}"
        data = await site.ask(query, viewer=viewer, input=given)
        found[name] = data[name]["refusal"] and data[name]["refusal"]["code"]
    return found


async def test_a_landlord_decides_about_panels_of_the_own_property(site: Site, landlord: Viewer) -> None:
    found = await refusals(site, landlord, "OWN")
    assert found.pop("buyUnits") == "VENDING_NOT_SET_UP"
    assert set(found.values()) == {None}


async def test_a_landlord_decides_about_panels_that_an_admin_gave_them(site: Site, landlord: Viewer) -> None:
    found = await refusals(site, landlord, "GIVEN")
    assert found.pop("buyUnits") == "VENDING_NOT_SET_UP"
    assert found.pop("assignPanels") == "FORBIDDEN"
    assert set(found.values()) == {None}


@pytest.mark.parametrize(("code", "refused"), [("RENTED", "FORBIDDEN"), ("FOREIGN", "PANEL_NOT_FOUND")])
async def test_a_landlord_decides_about_no_panel_that_they_only_rent_or_do_not_see(
    site: Site, landlord: Viewer, code: str, refused: str
) -> None:
    before = changes(site)
    found = await refusals(site, landlord, code)
    assert found.pop("buyUnits") == "VENDING_NOT_SET_UP"
    assert set(found.values()) == {refused}
    assert changes(site) == before


def changes(site: Site) -> list[Any]:
    tables = ("tariff", "ledger_entry", "emergency_rule", "openpaygo_meter", "panel", "property", "vend")
    every = [sql.SQL("SELECT * FROM {} ORDER BY 1").format(sql.Identifier(table)) for table in tables]
    return [site.database.execute(statement).fetchall() for statement in every]


async def entry(site: Site, code: str) -> str:
    """A top-up of a panel, and its id."""
    row = site.database.execute(
        "INSERT INTO ledger_entry (panel_id, at, kind, units_kwh) SELECT id, %s, 'TOP_UP', 5 FROM panel WHERE code = %s"
        " RETURNING id::text",
        (NOW - timedelta(hours=1), code),
    ).fetchone()
    assert row
    return row[0]


@pytest.mark.parametrize(("code", "refused"), [("OWN", None), ("RENTED", "FORBIDDEN"), ("FOREIGN", "ENTRY_NOT_FOUND")])
async def test_entries_are_reversed_by_who_manages_their_panel(
    site: Site, landlord: Viewer, code: str, refused: str | None
) -> None:
    reversal = {"entryId": await entry(site, code), "reason": "Wrong", "idempotencyKey": "reverse-key"}
    query = "mutation ($input: ReverseEntryInput!) { reverseEntry(input: $input) { refusal { code } } }"
    data = await site.ask(query, viewer=landlord, input=reversal)
    assert data["reverseEntry"]["refusal"] == (refused and {"code": refused})


@pytest.mark.parametrize(("code", "is_let"), [("OWN", True), ("RENTED", False)])
async def test_readings_of_a_metered_panel_are_typed_in_and_withdrawn_by_who_manages_it(
    site: Site, landlord: Viewer, code: str, *, is_let: bool
) -> None:
    given = {"panelCode": code, "energyImportKwh": 3.0, "idempotencyKey": "typed-key"}
    typing = """mutation ($input: RecordReadingInput!) {
      recordReading(input: $input) { typedReading { id } refusal { code } } }"""
    typed = (await site.ask(typing, viewer=landlord, input=given))["recordReading"]
    assert typed["refusal"] == (None if is_let else {"code": "FORBIDDEN"})
    by_admin = given | {"idempotencyKey": "admins-key", "energyImportKwh": 4.0, "at": "2026-03-10T04:30:00Z"}
    made = (await site.ask(typing, input=by_admin))["recordReading"]["typedReading"]
    withdrawal = {"typedReadingId": made["id"], "reason": "Wrong"}
    query = "mutation ($input: WithdrawTypedReadingInput!) { withdrawTypedReading(input: $input) { refusal { code } } }"
    withdrawn = (await site.ask(query, viewer=landlord, input=withdrawal))["withdrawTypedReading"]
    assert withdrawn["refusal"] == (None if is_let else {"code": "READING_NOT_FOUND"})


async def test_payments_are_listed_to_who_manages_their_panel(site: Site, landlord: Viewer) -> None:
    site.database.execute(
        "INSERT INTO payment (provider, reference, state, panel_id, paid_amount, paid_currency, created_at)"
        " SELECT 'PAYSTACK', code, 'UNMATCHED', id, 100, 'NGN', now() FROM panel"
    )
    data = await site.ask("{ payments { totalCount nodes { reference } } }", viewer=landlord)
    assert data["payments"]["totalCount"] == 2
    assert {payment["reference"] for payment in data["payments"]["nodes"]} == {"OWN", "GIVEN"}


@pytest.mark.parametrize(("code", "refused"), [("OWN", None), ("GIVEN", None), ("RENTED", "FORBIDDEN")])
async def test_who_rents_a_panel_has_no_say_in_how_its_meter_is_read(
    site: Site, landlord: Viewer, code: str, refused: str | None
) -> None:
    mapping = {"topic": f"meters/{code}", "panelCode": code, "fields": [{"path": "kwh", "quantity": "ENERGY_IMPORT"}]}
    keep = "mutation ($input: DeviceMappingInput!) { setDeviceMapping(input: $input) { refusal { code } } }"
    drop = "mutation ($input: RemoveDeviceMappingInput!) { removeDeviceMapping(input: $input) { refusal { code } } }"
    expected = refused and {"code": refused}
    tenant = site.add_person("tenant@x.org")
    if code == "RENTED":
        site.add_tenancy(tenant, code, since=RENTED)
        assert (await site.ask(keep, viewer=tenant, input=mapping))["setDeviceMapping"]["refusal"] == expected
    assert (await site.ask(keep, viewer=landlord, input=mapping))["setDeviceMapping"]["refusal"] == expected
    gone = {"topic": mapping["topic"], "panelCode": code}
    assert (await site.ask(drop, viewer=landlord, input=gone))["removeDeviceMapping"]["refusal"] == expected


async def test_nobody_takes_a_topic_from_a_panel_of_the_same_device_that_they_only_rent(
    site: Site, landlord: Viewer
) -> None:
    site.add_panel("OWN:2")
    site.database.execute("UPDATE panel SET property_id = 2 WHERE code = 'OWN:2'")
    site.add_tenancy(landlord, "OWN:2", since=RENTED, property_id="2")
    mapping = {"topic": "meters/OWN", "panelCode": "OWN", "fields": [{"path": "kwh", "quantity": "ENERGY_IMPORT"}]}
    put = "mutation ($input: DeviceMappingInput!) { setDeviceMapping(input: $input) { refusal { code } } }"
    refused = (await site.ask(put, viewer=landlord, input=mapping))["setDeviceMapping"]["refusal"]
    assert refused == {"code": "FORBIDDEN"}
    site.database.execute("UPDATE panel SET property_id = 1 WHERE code = 'OWN:2'")
    assert (await site.ask(put, viewer=landlord, input=mapping))["setDeviceMapping"]["refusal"] is None
