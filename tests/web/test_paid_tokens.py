"""A payment for a flat whose meter takes OpenPAYGO tokens makes one, once, which is credited when it is entered."""

from decimal import Decimal
from typing import Any

import pytest

from store.connections import connect_async
from tests.web.test_payments import ASSIGN, Till, charge, opened, refund

KEY = "bc41ec9530f6dac86b1a29ab82edc5fb"
ENTER = """mutation ($input: TopUpInput!) { topUp(input: $input) {
  entry { unitsKwh paid { amount } } prepaid { balanceKwh } refusal { code } } }"""
WAITING = (
    """{ panel(code: "FLAT") { prepaid { openPaygo { tokensNotEntered { digits unitsKwh paid { amount } } } } } }"""
)


async def set_meter(till: Till, kwh_per_value: str) -> None:
    """Gives the flat a meter; a step of its tokens is so many kWh."""
    async with await connect_async(till.url) as connection:
        await connection.execute(
            "INSERT INTO openpaygo_meter (panel_id, secret_key, kwh_per_value, starting_count, has_restricted_digits,"
            " makes_long_tokens) SELECT id, decode(%s, 'hex'), %s, 1, false, false FROM panel WHERE code = 'FLAT'",
            (KEY, Decimal(kwh_per_value)),
        )


async def waiting(till: Till) -> list[dict[str, Any]]:
    return (await till.tenant.ask(WAITING))["data"]["panel"]["prepaid"]["openPaygo"]["tokensNotEntered"]


@pytest.mark.parametrize("options", [{}, {"vendor_currency": "NGN"}], ids=["no vendor", "a vendor"])
async def test_what_was_paid_becomes_one_token_that_is_credited_when_it_is_entered(
    database_url: str, options: dict[str, str]
) -> None:
    async with opened(database_url, **options) as till:
        await set_meter(till, "0.1")
        started = await till.start()
        assert started["quote"]["unitsKwh"] == "22.491"
        reference = started["payment"]["reference"]
        for number in range(3):
            assert await till.post(charge(reference, note=number)) == 200
        paid = await till.payment(reference)
        assert (paid["state"], paid["entryId"], paid["vend"]) == ("PAID", None, None)
        assert await till.credited() == []
        (token,) = await waiting(till)
        assert (token["unitsKwh"], token["paid"]["amount"]) == ("22.400", "5000.00")
        wish = {"panelCode": "FLAT", "token": token["digits"], "idempotencyKey": "enter-this"}
        entered = (await till.tenant.ask(ENTER, input=wish))["data"]["topUp"]
        assert (entered["entry"], entered["prepaid"]) == (
            {"unitsKwh": "22.400", "paid": {"amount": "5000.00"}}, {"balanceKwh": "22.400"},
        )  # fmt: skip
        await till.post(refund(reference))
        refunded = await till.payment(reference)
        assert (refunded["state"], refunded["reason"]) == ("REFUNDED", "CREDIT_STANDS")


async def test_money_for_less_than_a_step_of_the_meter_is_not_asked_for_and_stays_unmatched(database_url: str) -> None:
    async with opened(database_url) as till:
        await set_meter(till, "100")
        assert (await till.start())["refusal"]["code"] == "BAD_AMOUNT"
        reference = await till.started(amount="50000")
        await till.post(charge(reference, naira=5000))
        assert await till.unmatched() == [(reference, "BAD_AMOUNT")]
        payment_id = (await till.payment(reference))["id"]
        refused = await till.admin.ask(ASSIGN, input={"paymentId": payment_id, "panelCode": "FLAT"})
        assert refused["data"]["assignPayment"]["refusal"]["code"] == "BAD_AMOUNT"
        assert await waiting(till) == []


async def test_money_without_a_token_is_no_top_up_of_such_a_meter_but_of_the_one_before(database_url: str) -> None:
    async with opened(database_url) as till:
        await set_meter(till, "0.1")
        wish = {"panelCode": "FLAT", "amount": {"amount": "5000", "currency": "NGN"}, "idempotencyKey": "pay-for-it"}
        refused = (await till.tenant.ask(ENTER, input=wish))["data"]["topUp"]
        assert (refused["entry"], refused["refusal"]) == (None, {"code": "BAD_INPUT"})
        told = (await till.tenant.ask(ENTER, input=wish | {"at": "2026-01-05T12:00:00+01:00"}))["data"]["topUp"]
        assert (told["entry"]["unitsKwh"], told["refusal"]) == ("22.491", None)
