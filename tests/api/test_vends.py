"""Units are asked for by who may, once a key, and followed by who sees the panel."""

from typing import Any

import pytest

from metering.access import Role, Viewer
from metering.payments import Selling
from tests.api.conftest import Site

BUY = """mutation ($input: BuyUnitsInput!) { buyUnits(input: $input) {
  vend { reference panelCode meterNumber state price { amount currency } requestedAt sentAt token entryId }
  refusal { code field } } }"""
VENDS = "prepaid { vends(first: 1) { totalCount nodes { reference state } pageInfo { hasNextPage endCursor } } }"


@pytest.fixture
def landlord(site: Site) -> Viewer:
    """Who sees the flat, on a server that sells by a vendor."""
    site.selling = Selling(vendor_currency="NGN")
    landlord = site.add_person("landlord@x.org", role=Role.LANDLORD)
    site.add_panel("FLAT", zone="Africa/Lagos", is_prepaid=True, meter_number="45012345678", seen_by=[landlord])
    return landlord


async def buy(site: Site, viewer: Viewer, **given: Any) -> dict[str, Any]:
    money = {"amount": given.pop("amount", "5000"), "currency": given.pop("currency", "NGN")}
    wish = {"panelCode": "FLAT", "amount": money, "idempotencyKey": "key-of-the-app"} | given
    return (await site.ask(BUY, viewer=viewer, input=wish))["buyUnits"]


async def test_a_wish_for_units_is_taken_down_once_a_key(site: Site, landlord: Viewer) -> None:
    done = await buy(site, landlord)
    reference = done["vend"]["reference"]
    assert done == {
        "vend": {"reference": reference, "panelCode": "FLAT", "meterNumber": "45012345678", "state": "REQUESTED",
                 "price": {"amount": "5000.00", "currency": "NGN"}, "requestedAt": "2026-03-10T05:00:00+00:00",
                 "sentAt": None, "token": None, "entryId": None},
        "refusal": None,
    }  # fmt: skip
    assert reference.startswith("202603100600")
    again = await buy(site, landlord)
    assert (again["vend"]["reference"], again["refusal"]["code"]) == (reference, "IDEMPOTENCY_KEY_USED")
    audit = site.database.execute("SELECT actor, action, outcome FROM audit_entry ORDER BY id").fetchall()
    assert audit == [
        ("landlord@x.org", "BUY_UNITS", "DONE"), ("landlord@x.org", "BUY_UNITS", "IDEMPOTENCY_KEY_USED"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"amount": "0"}, "BAD_AMOUNT"),
        ({"amount": "-1"}, "BAD_AMOUNT"),
        ({"amount": "0.001"}, "BAD_AMOUNT"),
        ({"amount": "1000000001"}, "BAD_AMOUNT"),
        ({"currency": "USD"}, "BAD_CURRENCY"),
        ({"panelCode": "NONE"}, "PANEL_NOT_FOUND"),
        ({"panelCode": "POST"}, "NOT_PREPAID"),
        ({"panelCode": "BARE"}, "NO_METER_NUMBER"),
        ({"idempotencyKey": "short"}, "BAD_INPUT"),
    ],
)
async def test_a_bad_wish_is_refused_and_audited(
    site: Site, landlord: Viewer, given: dict[str, str], code: str
) -> None:
    site.add_panel("POST", seen_by=[landlord])
    site.add_panel("BARE", is_prepaid=True, seen_by=[landlord])
    assert (await buy(site, landlord, **given))["refusal"]["code"] == code
    assert site.database.execute("SELECT id FROM vend").fetchall() == []
    assert site.database.execute("SELECT outcome FROM audit_entry").fetchall() == [(code,)]


async def test_tenants_pay_first_and_nothing_is_sold_without_a_vendor(site: Site, landlord: Viewer) -> None:
    tenant = site.add_person("tenant@x.org")
    assert (await buy(site, tenant))["refusal"]["code"] == "FORBIDDEN"
    site.selling = Selling()
    assert (await buy(site, landlord))["refusal"]["code"] == "VENDING_NOT_SET_UP"


async def test_purchases_are_seen_by_who_sees_the_panel(site: Site, landlord: Viewer) -> None:
    references = [(await buy(site, landlord, idempotencyKey=f"key-number-{n}"))["vend"]["reference"] for n in range(2)]
    found = (await site.panel(VENDS, code="FLAT", viewer=landlord))["prepaid"]["vends"]
    assert (found["totalCount"], found["nodes"]) == (2, [{"reference": references[1], "state": "REQUESTED"}])
    older = VENDS.replace("first: 1", f'first: 1, after: "{found["pageInfo"]["endCursor"]}"')
    found = (await site.panel(older, code="FLAT", viewer=landlord))["prepaid"]["vends"]
    assert found["nodes"] == [{"reference": references[0], "state": "REQUESTED"}]
    assert not found["pageInfo"]["hasNextPage"]
    one, stranger = f'{{ vend(reference: "{references[0]}") {{ state }} }}', site.add_person("stranger@x.org")
    assert await site.ask(one, viewer=landlord) == {"vend": {"state": "REQUESTED"}}
    for viewer, query in ((stranger, one), (landlord, '{ vend(reference: "\\u0000") { state } }')):
        assert await site.ask(query, viewer=viewer) == {"vend": None}
