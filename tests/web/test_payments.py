"""A payment ends in units exactly once, however its provider tells of it; strays are kept for an admin."""

import asyncio
import base64
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql

from kilowatch.web.payments import MAX_BODY_BYTES, Secrets
from market.http_vendor import HttpVendor
from market.vending import vend_due
from market.vendors import Answer, Declined, Known, NotKnown, NotSent, Order, Payment, Verification
from metering.access import Role
from metering.payments import PaymentProvider
from resolvers.context import system_now
from store.connections import connect_async, open_pool
from tests.fixtures.database import cloned
from tests.fixtures.server import GraphQLClient, Server, add_account, make_app, serving
from tests.market.vendor_stand_in import vendor_stand_in

PAYSTACK_SECRET = "sk_test_paystack"
SECRETS = Secrets({PaymentProvider.PAYSTACK: PAYSTACK_SECRET, PaymentProvider.FLUTTERWAVE: "a-flutterwave-hash"})
START = """mutation ($input: StartPaymentInput!) { startPayment(input: $input) {
  payment { id reference state panelCode asked { amount currency } } amountInSubunits
  quote { unitsKwh lines { kind amount } }
  refusal { code field } } }"""
PAYMENT = """query ($reference: String!) { payment(reference: $reference) {
  id state reason paid { amount currency } refundedAmount entryId panelCode
  vend { state price { amount } reason } } }"""
PAYMENTS = """query ($states: [PaymentState!]) { payments(states: $states) {
  totalCount nodes { id reference reason paid { amount } } } }"""
ASSIGN = """mutation ($input: AssignPaymentInput!) { assignPayment(input: $input) {
  payment { state panelCode entryId } refusal { code } } }"""
DISMISS = """mutation ($input: DismissPaymentInput!) { dismissPayment(input: $input) {
  payment { state reason } refusal { code } } }"""


@dataclass(slots=True)
class Till:
    """A server that takes payments, a tenant of a flat in Lagos and an admin."""

    url: str
    server: Server
    tenant: GraphQLClient
    admin: GraphQLClient
    http: httpx.AsyncClient

    async def start(self, *, amount: str = "5000", provider: str = "PAYSTACK", **given: Any) -> dict[str, Any]:
        money = {"amount": amount, "currency": given.pop("currency", "NGN")}
        wish = {"panelCode": "FLAT", "amount": money, "provider": provider, "idempotencyKey": "key-of-the-app"} | given
        return (await self.tenant.ask(START, input=wish))["data"]["startPayment"]

    async def started(self, **given: Any) -> str:
        return (await self.start(**given))["payment"]["reference"]

    async def post(self, body: bytes, *, provider: str = "paystack", headers: dict[str, str] | None = None) -> int:
        url = f"{self.server.root}/payments/{provider}"
        answer = await self.http.post(url, content=body, headers=signed(body) if headers is None else headers)
        return answer.status_code

    async def payment(self, reference: str) -> dict[str, Any]:
        return (await self.tenant.ask(PAYMENT, reference=reference))["data"]["payment"]

    async def unmatched(self) -> list[tuple[str, str]]:
        found = (await self.admin.ask(PAYMENTS, states=["UNMATCHED"]))["data"]["payments"]
        assert found["totalCount"] == len(found["nodes"])
        return [(node["reference"], node["reason"]) for node in found["nodes"]]

    async def rows(self, statement: Any) -> list[Any]:
        async with await connect_async(self.url) as connection:
            return await (await connection.execute(statement)).fetchall()

    async def credited(self) -> list[tuple[Any, ...]]:
        return await self.rows("SELECT units_kwh, amount, source FROM ledger_entry ORDER BY id")


def signed(body: bytes, *, secret: str = PAYSTACK_SECRET) -> dict[str, str]:
    return {"x-paystack-signature": hmac.new(secret.encode(), body, "sha512").hexdigest()}


def charge(reference: str, *, naira: int = 5000, event: str = "charge.success", **data: Any) -> bytes:
    usual = {"id": 1001, "reference": reference, "amount": naira * 100, "currency": "NGN", "status": "success"}
    return json.dumps({"event": event, "data": usual | data}).encode()


def refund(reference: str, *, naira: int = 5000, number: str = "r-1", **data: Any) -> bytes:
    usual = {"transaction_reference": reference, "refund_reference": number, "amount": naira * 100, "currency": "NGN"}
    return json.dumps({"event": "refund.processed", "data": usual | data}).encode()


@pytest.fixture(scope="module")
def url(server_url: str, server: psycopg.Connection, template: sql.Identifier) -> Iterator[str]:
    with cloned(server_url, server, template) as found:
        yield found


@pytest.fixture
async def till(url: str) -> AsyncIterator[Till]:
    async with opened(url) as running:
        yield running


@asynccontextmanager
async def opened(url: str, **options: Any) -> AsyncIterator[Till]:
    """A till on an emptied database; `options` are the application's."""
    await furnish(url)
    tenant = await add_account(url, panels=("FLAT",))
    admin = await add_account(url, email="eve@example.org", role=Role.ADMIN)
    async with (
        serving(make_app(url, **{"payment_secrets": SECRETS} | options)) as server,
        GraphQLClient(server, account_id=tenant) as tenants,
        GraphQLClient(server, account_id=admin) as admins,
        httpx.AsyncClient(timeout=30) as http,
    ):
        yield Till(url, server, tenants, admins, http)


async def furnish(url: str) -> None:
    async with await connect_async(url) as connection:
        await connection.execute("SELECT remove_audit_before('infinity', 1000000)")
        for table in ("payment_event", "vend", "payment", "ledger_entry", "tariff", "panel", "account"):
            await connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
        for code in ("FLAT", "FLAT_2"):
            await connection.execute(
                "INSERT INTO panel (code, name, time_zone, is_prepaid, meter_number)"
                " VALUES (%s, %s, 'Africa/Lagos', true, '45012345678')",
                (code, code),
            )
        await connection.execute(
            "INSERT INTO tariff (panel_id, name, valid_from, unit_price, currency, vat_percent)"
            " VALUES (NULL, 'Band A', '2020-01-01', 206.80, 'NGN', 7.5)"
        )


BOUGHT = (Decimal("22.491"), Decimal(5000), "PAYMENT")


async def test_a_payment_that_was_started_and_paid_is_credited_by_the_tariff(till: Till) -> None:
    started = await till.start()
    payment = started["payment"]
    assert started == {
        "payment": {"id": payment["id"], "reference": payment["reference"], "state": "STARTED", "panelCode": "FLAT",
                    "asked": {"amount": "5000.00", "currency": "NGN"}},
        "amountInSubunits": "500000", "refusal": None,
        "quote": {"unitsKwh": "22.491", "lines": [{"kind": "TAX", "amount": "348.84"},
                                                  {"kind": "ENERGY", "amount": "4651.16"}]},
    }  # fmt: skip
    assert await till.post(charge(payment["reference"])) == 200
    paid = await till.payment(payment["reference"])
    assert (paid["state"], paid["reason"], paid["paid"]["amount"]) == ("PAID", None, "5000.00")
    assert paid["entryId"]
    assert await till.credited() == [BOUGHT]


async def test_what_is_started_twice_with_a_key_is_one_payment(till: Till) -> None:
    first, second = await till.start(), await till.start()
    assert second["refusal"]["code"] == "IDEMPOTENCY_KEY_USED"
    assert second["payment"]["reference"] == first["payment"]["reference"]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"amount": "0"}, "BAD_AMOUNT"),
        ({"amount": "-5"}, "BAD_AMOUNT"),
        ({"amount": "99999999999"}, "BAD_AMOUNT"),
        ({"amount": "1.001"}, "BAD_AMOUNT"),
        ({"currency": "USD"}, "BAD_CURRENCY"),
        ({"panelCode": "FLAT_2"}, "PANEL_NOT_FOUND"),
        ({"idempotencyKey": "short"}, "BAD_INPUT"),
    ],
)
async def test_what_cannot_be_sold_is_not_started(till: Till, given: dict[str, str], code: str) -> None:
    assert (await till.start(**given))["refusal"]["code"] == code
    assert await till.rows("SELECT id FROM payment") == []


async def test_flutterwave_is_believed_by_its_hash_or_its_signature(till: Till) -> None:
    for number, headers in enumerate(({"verif-hash": "a-flutterwave-hash"}, {})):
        reference = await till.started(provider="FLUTTERWAVE", idempotencyKey=f"key-number-{number}")
        data = {"id": number, "tx_ref": reference, "amount": 5000, "currency": "NGN", "status": "successful"}
        body = json.dumps({"event": "charge.completed", "data": data}).encode()
        signature = base64.b64encode(hmac.digest(b"a-flutterwave-hash", body, "sha256")).decode()
        given = headers or {"flutterwave-signature": signature}
        assert await till.post(body, provider="flutterwave", headers={}) == 401
        assert await till.post(body, provider="flutterwave", headers=given) == 200
    assert await till.credited() == [BOUGHT, BOUGHT]


async def test_a_wrong_signature_changes_nothing(till: Till) -> None:
    body = charge(await till.started())
    for headers in ({}, {"x-paystack-signature": "0" * 128}, signed(body, secret="another"), signed(body + b" ")):
        assert await till.post(body, headers=headers) == 401
    assert await till.rows("SELECT id FROM payment_event") == []
    assert await till.credited() == []


async def test_without_a_secret_there_is_no_such_page(url: str) -> None:
    async with opened(url, payment_secrets=Secrets()) as till:
        assert await till.post(charge("x"), headers=signed(charge("x"), secret="")) == 404
        assert (await till.start())["refusal"]["code"] == "PAYMENTS_NOT_SET_UP"


async def test_what_is_too_large_or_no_event_is_refused_and_the_latter_kept(till: Till) -> None:
    huge = b"x" * (MAX_BODY_BYTES + 1)
    assert await till.post(huge) == 413
    assert [await till.post(body) for body in (b"not JSON", b"{}", b"not JSON")] == [400, 400, 400]
    kept = await till.rows("SELECT unreadable_body, outcome, times FROM payment_event ORDER BY id")
    assert kept == [(b"not JSON", "UNREADABLE", 2), (b"{}", "UNREADABLE", 1)]
    metrics = (await till.http.get(f"{till.server.root}/metrics")).text
    assert 'kilowatch_payment_events_total{provider="PAYSTACK",outcome="TOO_LARGE"} 1.0' in metrics
    assert 'kilowatch_payment_events_total{provider="PAYSTACK",outcome="UNREADABLE"} 3.0' in metrics


async def test_an_event_that_comes_many_times_at_once_credits_once(till: Till) -> None:
    reference = await till.started()
    same = [charge(reference)] * 12
    alike = [charge(reference, gateway_response=f"Approved {number}") for number in range(12)]
    assert set(await asyncio.gather(*(till.post(body) for body in same + alike))) == {200}
    assert await till.post(same[0]) == 200
    assert await till.credited() == [BOUGHT]
    assert await till.rows(
        "SELECT max(times), count(*), count(*) FILTER (WHERE outcome = 'PAID') FROM payment_event"
    ) == [(13, 13, 1)]
    assert await till.unmatched() == []


async def test_it_is_credited_what_was_paid_whatever_was_asked(till: Till) -> None:
    await till.post(charge(await till.started(), naira=2500))
    assert await till.credited() == [(Decimal("11.245"), Decimal(2500), "PAYMENT")]


async def test_a_failed_attempt_before_or_after_the_one_that_paid_changes_nothing(till: Till) -> None:
    reference = await till.started()
    failed = charge(reference, event="charge.failed", status="failed", id=1000)
    assert await till.post(failed) == 200
    assert (await till.payment(reference))["state"] == "FAILED"
    await till.post(charge(reference))
    await till.post(charge(reference, event="charge.failed", status="failed", id=1002))
    assert (await till.payment(reference))["state"] == "PAID"
    assert await till.credited() == [BOUGHT]


async def test_a_second_payment_with_one_reference_is_kept_for_an_admin(till: Till) -> None:
    reference = await till.started()
    bodies = [charge(reference, id=number) for number in (1001, 1002, 1002)]
    assert [await till.post(body) for body in bodies] == [200] * 3
    assert await till.credited() == [BOUGHT]
    assert await till.unmatched() == [(reference, "PAID_TWICE")]


async def test_money_in_another_currency_or_without_a_reference_of_ours_is_kept_for_an_admin(till: Till) -> None:
    reference = await till.started()
    await till.post(charge(reference, currency="USD"))
    await asyncio.gather(*(till.post(charge("nobody-knows", id=7, note=number)) for number in range(5)))
    assert await till.credited() == []
    assert await till.unmatched() == [("nobody-knows", "UNKNOWN_REFERENCE"), (reference, "BAD_CURRENCY")]
    shown = await till.tenant.ask(PAYMENTS)
    assert shown["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert (await till.tenant.ask(PAYMENT, reference="nobody-knows"))["data"]["payment"] is None


async def stray(till: Till) -> str:
    await till.post(charge("nobody-knows"))
    return (await till.admin.ask(PAYMENTS, states=["UNMATCHED"]))["data"]["payments"]["nodes"][0]["id"]


async def test_an_admin_gives_a_stray_payment_to_a_panel_once(till: Till) -> None:
    wish = {"paymentId": await stray(till), "panelCode": "FLAT_2"}
    both = await asyncio.gather(*(till.admin.ask(ASSIGN, input=wish) for _ in range(2)))
    codes = sorted((answer["data"]["assignPayment"]["refusal"] or {}).get("code", "DONE") for answer in both)
    assert codes == ["DONE", "PAYMENT_SETTLED"]
    assert await till.credited() == [BOUGHT]
    assert await till.unmatched() == []
    audit = await till.rows("SELECT actor, action, outcome FROM audit_entry ORDER BY id")
    assert audit[0] == ("paystack", "PAYMENT", "DONE")
    assert sorted(audit[1:]) == [("Ann", "ASSIGN_PAYMENT", "DONE"), ("Ann", "ASSIGN_PAYMENT", "PAYMENT_SETTLED")]


async def test_an_admin_dismisses_a_stray_payment(till: Till) -> None:
    wish = {"paymentId": await stray(till), "reason": "given back by hand"}
    done = (await till.admin.ask(DISMISS, input=wish))["data"]["dismissPayment"]
    assert done == {"payment": {"state": "DISMISSED", "reason": "given back by hand"}, "refusal": None}
    assert (await till.admin.ask(DISMISS, input=wish))["data"]["dismissPayment"]["refusal"]["code"] == "PAYMENT_SETTLED"
    assert await till.post(charge("nobody-knows", note=2)) == 200
    assert await till.unmatched() == []


async def test_only_an_admin_may_settle_strays(till: Till) -> None:
    wish = {"paymentId": await stray(till), "panelCode": "FLAT"}
    assert (await till.tenant.ask(ASSIGN, input=wish))["data"]["assignPayment"]["refusal"]["code"] == "FORBIDDEN"
    for wrong in ("0", "x", "-1", str(2**63)):
        refused = await till.admin.ask(ASSIGN, input=wish | {"paymentId": wrong})
        assert refused["data"]["assignPayment"]["refusal"]["code"] == "PAYMENT_NOT_FOUND"
    assert await till.credited() == []


async def test_a_refund_takes_the_credit_back_once(till: Till) -> None:
    reference = await till.started()
    await till.post(charge(reference))
    await till.post(refund(reference, naira=1000))
    assert (await till.payment(reference))["state"] == "PAID"
    bodies = [refund(reference, naira=4000, number="r-2", note=number) for number in range(4)]
    assert set(await asyncio.gather(*(till.post(body) for body in bodies))) == {200}
    refunded = await till.payment(reference)
    assert (refunded["state"], refunded["reason"], refunded["refundedAmount"]) == ("REFUNDED", None, "5000.00")
    units = [units_kwh for units_kwh, *_ in await till.credited()]
    assert units == [BOUGHT[0], -BOUGHT[0]]


async def test_a_refund_that_is_told_before_the_payment_leaves_nothing_to_credit(till: Till) -> None:
    reference = await till.started()
    await till.post(refund(reference))
    await till.post(charge(reference))
    assert (await till.payment(reference))["state"] == "REFUNDED"
    assert await till.credited() == []


async def test_a_refund_of_what_was_paid_twice_leaves_the_credit_of_the_first(till: Till) -> None:
    reference = await till.started()
    for number in (1001, 1002):
        await till.post(charge(reference, id=number))
    assert await till.post(refund(reference)) == 200
    assert (await till.payment(reference))["state"] == "PAID"
    assert await till.credited() == [BOUGHT]
    assert await till.unmatched() == []
    await till.post(refund(reference, number="r-2"))
    assert (await till.payment(reference))["state"] == "REFUNDED"
    assert [units_kwh for units_kwh, *_ in await till.credited()] == [BOUGHT[0], -BOUGHT[0]]


async def test_only_what_was_not_given_back_buys_units(till: Till) -> None:
    reference = await till.started()
    for body in (refund(reference, naira=2500), charge(reference), charge("nobody-knows", id=7)):
        assert await till.post(body) == 200
    await till.post(refund("nobody-knows", naira=2500, number="r-2"))
    half = (Decimal("11.245"), Decimal(2500), "PAYMENT")
    assert await till.credited() == [half]
    strays = (await till.admin.ask(PAYMENTS, states=["UNMATCHED"]))["data"]["payments"]["nodes"]
    await till.admin.ask(ASSIGN, input={"paymentId": strays[0]["id"], "panelCode": "FLAT_2"})
    assert await till.credited() == [half, half]


async def test_less_paid_than_was_given_back_before_buys_nothing(till: Till) -> None:
    reference = await till.started()
    for body in (refund(reference, naira=2500), charge(reference, naira=2000)):
        assert await till.post(body) == 200
    assert (await till.payment(reference))["state"] == "REFUNDED"
    assert await till.credited() == []


async def test_a_refund_of_a_top_up_that_was_reversed_before_takes_nothing_more_back(till: Till) -> None:
    reference = await till.started()
    await till.post(charge(reference))
    wish = {"entryId": (await till.payment(reference))["entryId"], "reason": "wrong", "idempotencyKey": "undo-this"}
    undo = "mutation ($input: ReverseEntryInput!) { reverseEntry(input: $input) { refusal { code } } }"
    assert (await till.admin.ask(undo, input=wish))["data"]["reverseEntry"]["refusal"] is None
    await till.post(refund(reference))
    refunded = await till.payment(reference)
    assert (refunded["state"], refunded["reason"]) == ("REFUNDED", None)
    assert [units_kwh for units_kwh, *_ in await till.credited()] == [BOUGHT[0], -BOUGHT[0]]


async def test_a_transaction_that_is_told_with_another_reference_too_is_credited_once(till: Till) -> None:
    first, second = await till.started(), await till.started(idempotencyKey="another-key")
    assert [await till.post(charge(reference)) for reference in (first, second)] == [200, 200]
    assert (await till.payment(second))["state"] == "STARTED"
    assert await till.credited() == [BOUGHT]


async def test_who_starts_what_is_in_the_audit_refused_or_not(till: Till) -> None:
    for given in ({}, {}, {"amount": "-5"}, {"currency": "USD"}):
        await till.start(**given)
    kept = await till.rows("SELECT action, outcome, details->>'amount' FROM audit_entry ORDER BY id")
    assert kept == [
        ("START_PAYMENT", "DONE", "5000"), ("START_PAYMENT", "IDEMPOTENCY_KEY_USED", "5000"),
        ("START_PAYMENT", "BAD_AMOUNT", "-5"), ("START_PAYMENT", "BAD_CURRENCY", "5000"),
    ]  # fmt: skip


async def test_amounts_that_providers_cannot_take_are_not_started(till: Till) -> None:
    async with await connect_async(till.url) as connection:
        await connection.execute("UPDATE tariff SET currency = 'KWD', unit_price = 0.0001")
    for amount in ("0.001", "1.005"):
        assert (await till.start(amount=amount, currency="KWD"))["refusal"]["code"] == "BAD_AMOUNT"


async def test_a_payment_for_what_cannot_be_sold_any_more_is_kept_for_an_admin(till: Till) -> None:
    reference = await till.started()
    async with await connect_async(till.url) as connection:
        await connection.execute("UPDATE panel SET is_prepaid = false")
    await till.post(charge(reference))
    assert await till.unmatched() == [(reference, "NOT_PREPAID")]


async def test_with_a_vendor_a_payment_buys_a_token_and_a_failed_purchase_is_for_an_admin(url: str) -> None:
    async with opened(url, vendor_currency="NGN") as till, vendor_stand_in() as vendor:
        started = await till.start()
        reference = started["payment"]["reference"]
        assert started["quote"] is None
        await asyncio.gather(*(till.post(charge(reference, note=number)) for number in range(6)))
        assert (await till.payment(reference))["vend"] == {
            "state": "REQUESTED", "price": {"amount": "5000.00"}, "reason": None,
        }  # fmt: skip
        assert await till.rows("SELECT count(*) FROM vend") == [(1,)]
        vendor.pay_by = "decline"
        async with open_pool(url) as pool, HttpVendor(vendor.settings()) as seller:
            assert await vend_due(pool, vendor=seller, now=system_now) == 1
        assert await till.unmatched() == [(reference, "VEND_FAILED")]
        payment_id = (await till.payment(reference))["id"]
        await till.admin.ask(ASSIGN, input={"paymentId": payment_id, "panelCode": "FLAT"})
        assert (await till.payment(reference))["vend"]["state"] == "REQUESTED"
        await till.post(refund(reference))
        refunded = await till.payment(reference)
        assert (refunded["state"], refunded["vend"]["state"], refunded["vend"]["reason"]) == (
            "REFUNDED", "FAILED", "REFUNDED",
        )  # fmt: skip


class RefundedOnTheWay:
    """A vendor that cannot be reached, or declines, while the provider gives the money back."""

    def __init__(self, refunded: Callable[[], Awaitable[object]], answer: Payment) -> None:
        self.refunded, self.answer, self.orders = refunded, answer, list[Order]()

    async def verify(self, meter_number: str) -> Verification:
        return Known() if meter_number else NotKnown("no meter")

    async def pay(self, order: Order) -> Payment:
        self.orders.append(order)
        await self.refunded()
        return self.answer

    async def query(self, reference: str) -> Answer:
        raise AssertionError(reference)


@pytest.mark.parametrize(("answer", "reason"), [(NotSent("away"), "REFUNDED"), (Declined("no"), "DECLINED")])
async def test_what_was_given_back_while_it_was_sent_in_vain_is_not_sent_again(
    url: str, answer: Payment, reason: str
) -> None:
    async with opened(url, vendor_currency="NGN") as till, open_pool(url) as pool:
        reference = await till.started()
        await till.post(charge(reference))
        vendor = RefundedOnTheWay(lambda: till.post(refund(reference)), answer)
        for later in (timedelta(0), timedelta(hours=2)):
            await vend_due(pool, vendor=vendor, now=lambda later=later: system_now() + later)
        assert len(vendor.orders) == 1
        refunded = await till.payment(reference)
        assert (refunded["state"], refunded["reason"]) == ("REFUNDED", None)
        assert (refunded["vend"]["state"], refunded["vend"]["reason"]) == ("FAILED", reason)


async def test_while_the_database_is_away_the_provider_is_told_to_come_again(till: Till) -> None:
    reference = await till.started()
    away = make_app("postgresql://kilowatch@127.0.0.1:1/none", payment_secrets=SECRETS)
    async with serving(away) as elsewhere:
        answer = await till.http.post(
            f"{elsewhere.root}/payments/paystack", content=charge(reference), headers=signed(charge(reference))
        )
        assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (503, "DATABASE_UNAVAILABLE")
    assert await till.post(charge(reference)) == 200
    assert await till.credited() == [BOUGHT]
