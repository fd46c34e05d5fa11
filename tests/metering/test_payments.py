"""What Paystack and Flutterwave post is read exactly, and believed only with their signature."""

import base64
import hashlib
import hmac
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.money import Money
from metering.payments import EventKind, PaymentEvent, PaymentProvider, Unreadable, event_of, is_signed, subunits

PAYSTACK, FLUTTERWAVE = PaymentProvider.PAYSTACK, PaymentProvider.FLUTTERWAVE
SECRET = "a secret that only the provider has"


def paystack(event: str = "charge.success", **data: Any) -> bytes:
    usual = {"id": 4099260516, "reference": "ref-1", "amount": 500050, "currency": "NGN", "status": "success"}
    return json.dumps({"event": event, "data": usual | data}).encode()


def flutterwave(**data: Any) -> bytes:
    usual = {"id": 285959875, "tx_ref": "ref-1", "amount": 5000.5, "currency": "NGN", "status": "successful"}
    return json.dumps({"event": "charge.completed", "data": usual | data}).encode()


def test_paystack_counts_in_kobo_and_flutterwave_in_naira() -> None:
    paid = Money(Decimal("5000.50"), "NGN")
    assert event_of(PAYSTACK, paystack()) == PaymentEvent(EventKind.PAID, "charge.success", "ref-1", "4099260516", paid)
    assert event_of(FLUTTERWAVE, flutterwave()) == PaymentEvent(
        EventKind.PAID, "charge.completed", "ref-1", "285959875", paid
    )
    assert subunits(paid) == 500050


def test_flutterwaves_newer_form_says_the_same() -> None:
    data = {"id": "chg_1", "reference": "ref-1", "amount": "5000.50", "currency": "NGN", "status": "succeeded"}
    body = json.dumps({"webhook_id": "wbk_1", "type": "charge.completed", "data": data}).encode()
    assert event_of(FLUTTERWAVE, body) == PaymentEvent(
        EventKind.PAID, "charge.completed", "ref-1", "chg_1", Money(Decimal("5000.50"), "NGN")
    )


@pytest.mark.parametrize(
    ("provider", "body", "kind"),
    [
        (PAYSTACK, paystack("charge.failed", status="failed"), EventKind.FAILED),
        (PAYSTACK, paystack("charge.dispute.create"), EventKind.OTHER),
        (PAYSTACK, paystack(status="abandoned"), EventKind.OTHER),
        (PAYSTACK, paystack("transfer.success"), EventKind.OTHER),
        (PAYSTACK, paystack("refund.processed", transaction_reference="ref-1"), EventKind.REFUNDED),
        (PAYSTACK, paystack("refund.pending", transaction_reference="ref-1"), EventKind.OTHER),
        (FLUTTERWAVE, flutterwave(status="failed"), EventKind.FAILED),
        (FLUTTERWAVE, flutterwave(status="pending"), EventKind.OTHER),
    ],
)
def test_only_a_charge_that_succeeded_is_paid(provider: PaymentProvider, body: bytes, kind: EventKind) -> None:
    event = event_of(provider, body)
    assert isinstance(event, PaymentEvent)
    assert event.kind is kind


def test_a_refund_names_the_payment_and_itself() -> None:
    body = paystack("refund.processed", transaction_reference="ref-1", refund_reference="r-9", amount="10000")
    assert event_of(PAYSTACK, body) == PaymentEvent(
        EventKind.REFUNDED, "refund.processed", "ref-1", "r-9", Money(Decimal(100), "NGN")
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": 0}, {"amount": -5}, {"amount": None}, {"amount": True}, {"amount": "much"}, {"amount": 10**16},
        {"amount": 12.5}, {"currency": "naira"}, {"currency": 5}, {"reference": None}, {"reference": ""},
        {"reference": "a b"}, {"reference": "x" * 201}, {"id": None}, {"id": [1]}, {"id": 1.5},
    ],
)  # fmt: skip
def test_a_charge_without_its_facts_is_unreadable(changes: dict[str, Any]) -> None:
    assert isinstance(event_of(PAYSTACK, paystack(**changes)), Unreadable)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'{"event": "charge.success"}', b'{"data": {"id": 1}}', b"[" * 200_000,
     b'{"event": "charge.success", "data": []}', b'{"event": 1.5, "data": {"id": 1}}', b"\xff\xfe",
     b'{"event": "x", "data": {"amount": NaN}}', b'{"a": ' + b"9" * 10_000 + b"}",
     b'{"event": "x", "data": {"amount": 1e9999999999999999999}}'],
)  # fmt: skip
@pytest.mark.parametrize("provider", PaymentProvider)
def test_what_is_no_event_is_unreadable(provider: PaymentProvider, body: bytes) -> None:
    assert isinstance(event_of(provider, body), Unreadable)


@given(st.binary() | st.text().map(str.encode))
def test_no_body_is_an_exception(body: bytes) -> None:
    for provider in PaymentProvider:
        assert event_of(provider, body)


def test_paystacks_signature_is_that_of_the_very_bytes() -> None:
    body = paystack()
    good = hmac.new(SECRET.encode(), body, hashlib.sha512).hexdigest()
    assert is_signed(PAYSTACK, body, secret=SECRET, headers={"x-paystack-signature": good})
    for headers in ({}, {"x-paystack-signature": ""}, {"x-paystack-signature": good[:-1]}, {"verif-hash": SECRET}):
        assert not is_signed(PAYSTACK, body, secret=SECRET, headers=headers)
    assert not is_signed(PAYSTACK, body + b" ", secret=SECRET, headers={"x-paystack-signature": good})
    assert not is_signed(PAYSTACK, body, secret="another", headers={"x-paystack-signature": good})


def test_flutterwave_signs_the_body_or_sends_its_hash() -> None:
    body = flutterwave()
    good = base64.b64encode(hmac.digest(SECRET.encode(), body, "sha256")).decode()
    assert is_signed(FLUTTERWAVE, body, secret=SECRET, headers={"flutterwave-signature": good})
    assert is_signed(FLUTTERWAVE, body, secret=SECRET, headers={"verif-hash": SECRET})
    for headers in ({}, {"verif-hash": ""}, {"verif-hash": SECRET + "x"}, {"flutterwave-signature": "a"}):
        assert not is_signed(FLUTTERWAVE, body, secret=SECRET, headers=headers)
    assert not is_signed(FLUTTERWAVE, body, secret=SECRET, headers={"flutterwave-signature": "x", "verif-hash": SECRET})
    assert not is_signed(FLUTTERWAVE, body, secret=SECRET, headers={"verif-hash": "\udcff\u00e4"})
