"""Payments are listed for who may see their panels; strays for admins alone; in a few statements, however many."""

from typing import Any

import psycopg
import pytest

from metering.access import Role, Viewer
from metering.payments import PaymentProvider, Selling
from resolvers.payments import MAX_OPEN_AN_HOUR
from tests.api.conftest import NOW, Site

LIST = """query ($first: Int = 50, $after: Cursor, $states: [PaymentState!]) {
  payments(first: $first, after: $after, states: $states) {
    totalCount pageInfo { endCursor } nodes { reference state panelCode vend { state } } } }"""
START = """mutation ($input: StartPaymentInput!) { startPayment(input: $input) { refusal { code } } }"""


@pytest.fixture
def landlord(site: Site) -> Viewer:
    """A landlord of MINE; MINE and THEIRS have a payment with a purchase each, and there is a stray."""
    landlord = site.add_person("landlord@x.org", role=Role.LANDLORD)
    site.add_panel("MINE", is_prepaid=True, seen_by=[landlord])
    site.add_panel("THEIRS", is_prepaid=True)
    for code in ("MINE", "THEIRS"):
        add(site, code, reference=f"paid-{code}")
    site.database.execute(
        "INSERT INTO payment (provider, reference, state, reason, paid_amount, paid_currency, created_at)"
        " VALUES ('PAYSTACK', 'stray', 'UNMATCHED', 'UNKNOWN_REFERENCE', 5, 'NGN', %s)",
        (NOW,),
    )
    return landlord


def add(site: Site, code: str, *, reference: str) -> None:
    site.database.execute(
        "WITH paid AS (INSERT INTO payment (provider, reference, state, panel_id, paid_amount, paid_currency,"
        " created_at) SELECT 'PAYSTACK', %(reference)s, 'PAID', id, 5, 'NGN', %(now)s FROM panel WHERE code = %(code)s"
        " RETURNING *)"
        " INSERT INTO vend (reference, panel_id, payment_id, meter_number, amount, currency, created_at,"
        " next_attempt_at) SELECT 'vend-of-' || reference, panel_id, id, '45', 5, 'NGN', created_at, created_at"
        " FROM paid",
        {"reference": reference, "now": NOW, "code": code},
    )


async def listed(site: Site, viewer: Viewer, **given: Any) -> list[str]:
    found = (await site.ask(LIST, viewer=viewer, **given))["payments"]
    assert found["totalCount"] >= len(found["nodes"])
    return [node["reference"] for node in found["nodes"]]


async def test_each_lists_the_payments_of_their_own_panels_and_admins_strays_too(site: Site, landlord: Viewer) -> None:
    assert await listed(site, landlord) == ["paid-MINE"]
    assert await listed(site, site.admin) == ["stray", "paid-THEIRS", "paid-MINE"]
    assert await listed(site, site.admin, states=["UNMATCHED", "STARTED"]) == ["stray"]
    assert await site.code(LIST, viewer=site.add_person("tenant@x.org")) == "FORBIDDEN"
    assert await site.code(LIST, anonymous=True) == "UNAUTHENTICATED"


async def test_a_payment_that_is_not_ones_own_looks_like_one_that_is_not_there(site: Site, landlord: Viewer) -> None:
    one = "query ($reference: String!) { payment(reference: $reference) { state } }"
    assert await site.ask(one, viewer=landlord, reference="paid-MINE") == {"payment": {"state": "PAID"}}
    for reference in ("paid-THEIRS", "stray", "none", "", "x" * 500, "\0"):
        assert await site.ask(one, viewer=landlord, reference=reference) == {"payment": None}


async def test_payments_are_paged(site: Site, landlord: Viewer) -> None:
    found = (await site.ask(LIST, first=2))["payments"]
    assert [node["reference"] for node in found["nodes"]] == ["stray", "paid-THEIRS"]
    assert await listed(site, site.admin, first=2, after=found["pageInfo"]["endCursor"]) == ["paid-MINE"]
    assert await site.code(LIST, after="nonsense") == "BAD_CURSOR"


async def test_a_long_list_with_its_purchases_takes_three_statements(
    site: Site, landlord: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(40):
        add(site, "MINE", reference=f"another-{number}")
    seen, execute = list[str](), psycopg.AsyncCursor.execute

    async def counted(self: psycopg.AsyncCursor, query: str, *args: object, **kwargs: object) -> psycopg.AsyncCursor:
        seen.append(query)
        return await execute(self, query, *args, **kwargs)

    monkeypatch.setattr(psycopg.AsyncCursor, "execute", counted)
    assert len(await listed(site, landlord)) == 41
    assert len([query for query in seen if query]) == 3


async def test_nobody_starts_payments_without_end(site: Site, landlord: Viewer) -> None:
    site.selling = Selling(frozenset({PaymentProvider.PAYSTACK}))
    site.add_tariff(None, "2020-01-01", "200", currency="NGN")

    async def start(key: int) -> str | None:
        wish = {"panelCode": "MINE", "provider": "PAYSTACK", "amount": {"amount": "5000", "currency": "NGN"}}
        done = await site.ask(START, viewer=landlord, input=wish | {"idempotencyKey": f"key-number-{key}"})
        return (done["startPayment"]["refusal"] or {"code": None})["code"]

    codes = [await start(key) for key in range(MAX_OPEN_AN_HOUR + 1)]
    assert codes == [None] * MAX_OPEN_AN_HOUR + ["TOO_MANY_ATTEMPTS"]
