"""Receipts and quotes: to the cent and the watt-hour, by the tariff of the day, the same for ever."""

from decimal import Decimal
from typing import Any

import pytest

from metering.money import Money
from metering.receipt_documents import receipt_document
from metering.tariffs.documents import tariff_of
from metering.tariffs.receipts import vend
from tests.api.conftest import NOW, Site

RECEIPT = """gross { amount currency } lines { kind name amount percent } energyAmount unitsKwh repaidKwh addedKwh
  unitPrice tariffName tariff"""
TOP_UP = f"mutation ($input: TopUpInput!) {{ topUp(input: $input) {{ entry {{ receipt {{ {RECEIPT} }} }} }} }}"
QUOTE = f"""query ($amount: MoneyInput, $units: Decimal) {{ panel(code: "FLAT") {{
  prepaid {{ quote(amount: $amount, unitsKwh: $units) {{ {RECEIPT} }} }} }} }}"""
RULES = {
    "name": "R1", "valid_from": "2020-01-01", "currency": "IDR", "unit_price": "1444.70",
    "taxes": [{"name": "PPJ", "percent": "3"}],
    "vending": {"taxes": "DEDUCTED", "stamp_duty": {"amount": "10000", "above": "5000000"},
                "fees": [{"name": "Bank", "amount": "2500"}]},
}  # fmt: skip


@pytest.fixture
async def flat(site: Site) -> Site:
    """A prepaid flat by an Indonesian tariff."""
    site.add_panel("FLAT", is_prepaid=True)
    await site.set_tariff("FLAT", RULES)
    return site


async def bought(site: Site, amount: str) -> dict:
    given = {"panelCode": "FLAT", "amount": {"amount": amount, "currency": "IDR"}, "idempotencyKey": f"key-{amount:>8}"}
    given["idempotencyKey"] = given["idempotencyKey"].replace(" ", "0")
    return (await site.ask(TOP_UP, input=given))["topUp"]["entry"]["receipt"]


async def quoted(site: Site, **given: Any) -> dict:
    return (await site.ask(QUOTE, **given))["panel"]["prepaid"]["quote"]


async def test_a_quote_is_the_receipt_that_follows_and_changes_nothing(flat: Site) -> None:
    asked = await quoted(flat, amount={"amount": "52500", "currency": "IDR"})
    assert flat.database.execute("SELECT count(*) FROM ledger_entry").fetchone() == (0,)
    assert asked == await bought(flat, "52500")
    assert sum(Decimal(line["amount"]) for line in asked["lines"]) == Decimal(asked["gross"]["amount"])
    assert [(line["kind"], line["name"], Decimal(line["amount"])) for line in asked["lines"]] == [
        ("FEE", "Bank", 2500), ("TAX", "PPJ", 1575), ("ENERGY", "R1", 48425),
    ]  # fmt: skip
    assert (asked["unitsKwh"], asked["addedKwh"], asked["unitPrice"]) == ("33.519", "33.519", "1444.7")


async def test_a_quote_that_is_refused_leaves_the_rest_of_the_account(flat: Site) -> None:
    answer = await flat.answer(
        '{ panel(code: "FLAT") { prepaid { balanceKwh quote(amount: {amount: "-5", currency: "IDR"}) { unitsKwh } } } }'
    )
    assert answer["data"]["panel"]["prepaid"]["quote"] is None
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["BAD_AMOUNT"]


async def test_units_are_quoted_by_the_least_payment_that_buys_them(flat: Site) -> None:
    asked = await quoted(flat, units="33.519")
    cent = Decimal("0.01")
    less = str(Decimal(asked["gross"]["amount"]) - cent)
    assert Decimal(asked["unitsKwh"]) >= Decimal("33.519")
    fewer = await quoted(flat, amount={"amount": less, "currency": "IDR"})
    assert Decimal(fewer["unitsKwh"]) < Decimal("33.519")


async def test_a_receipt_keeps_its_tariff_when_that_is_replaced(flat: Site) -> None:
    before = await bought(flat, "52500")
    await flat.set_tariff("FLAT", RULES | {"unit_price": "9", "name": "Other"})
    found = await flat.panel(f"prepaid {{ ledger {{ nodes {{ receipt {{ {RECEIPT} }} }} }} }}", code="FLAT")
    assert found["prepaid"]["ledger"]["nodes"] == [{"receipt": before}]
    assert '"percent":"3"' in before["tariff"]


async def test_a_receipt_that_was_kept_is_vended_again_to_the_same_units(flat: Site) -> None:
    await bought(flat, "6000000")
    ((document, amount),) = flat.database.execute("SELECT receipt, amount FROM ledger_entry").fetchall()
    again = vend(Money(amount, "IDR"), tariff_of(document["tariff"]), at=NOW)
    assert receipt_document(again) == document


async def test_top_ups_from_before_receipts_show_what_their_price_and_vat_say(flat: Site) -> None:
    flat.database.execute(
        "INSERT INTO ledger_entry"
        " (panel_id, at, kind, units_kwh, amount, currency, unit_price, vat_percent, tariff_name)"
        " SELECT id, %s, 'TOP_UP', 22.491, 5000, 'NGN', 206.80, 7.5, 'Band A' FROM panel", (NOW,),
    )  # fmt: skip
    found = await flat.panel(f"prepaid {{ ledger {{ nodes {{ receipt {{ {RECEIPT} }} }} }} }}", code="FLAT")
    assert found["prepaid"]["ledger"]["nodes"][0]["receipt"] == {
        "gross": {"amount": "5000", "currency": "NGN"}, "energyAmount": "4651.16", "unitsKwh": "22.491",
        "lines": [{"kind": "TAX", "name": "VAT", "amount": "348.84", "percent": "7.5"},
                  {"kind": "ENERGY", "name": "Band A", "amount": "4651.16", "percent": None}],
        "repaidKwh": "0.000", "addedKwh": "22.491", "unitPrice": "206.8", "tariffName": "Band A", "tariff": None,
    }  # fmt: skip


async def test_amounts_have_the_decimals_of_their_currency(flat: Site) -> None:
    for currency, paid, too_fine in (("KWD", "1.234", "1.2345"), ("JPY", "500", "500.5")):
        await flat.set_tariff("FLAT", RULES | {"currency": currency, "unit_price": "0.1", "vending": {}})
        asked = await quoted(flat, amount={"amount": paid, "currency": currency})
        assert (asked["gross"]["amount"], asked["gross"]["currency"]) == (paid, currency)
        assert sum(Decimal(line["amount"]) for line in asked["lines"]) == Decimal(paid)
        assert await flat.code(QUOTE, amount={"amount": too_fine, "currency": currency}) == "BAD_AMOUNT"


async def test_credit_without_money_has_no_receipt(flat: Site) -> None:
    flat.database.execute(
        "INSERT INTO ledger_entry (panel_id, at, kind, units_kwh) SELECT id, %s, 'TOP_UP', 5 FROM panel", (NOW,)
    )
    found = await flat.panel("prepaid { ledger { nodes { receipt { unitsKwh } } } }", code="FLAT")
    assert found["prepaid"]["ledger"]["nodes"] == [{"receipt": None}]


async def test_what_cannot_be_quoted_is_refused(flat: Site) -> None:
    rupiah = [{"amount": amount, "currency": "IDR"} for amount in ("0", "-1", "2000", "50000.001")]  # the fee is 2500
    for given in [*({"amount": amount} for amount in rupiah), *({"units": u} for u in ("0", "-1", "1.0001", "100001"))]:
        assert await flat.code(QUOTE, **given) == "BAD_AMOUNT", given
    for currency in ("NGN", "XXX", "idr", ""):
        assert await flat.code(QUOTE, amount={"amount": "50000", "currency": currency}) == "BAD_CURRENCY"
    for given in ({}, {"units": "1", "amount": {"amount": "50000", "currency": "IDR"}}):
        assert await flat.code(QUOTE, **given) == "BAD_INPUT"


async def test_without_a_tariff_there_is_no_quote(flat: Site) -> None:
    flat.database.execute("DELETE FROM tariff")
    assert await flat.code(QUOTE, units="5") == "NO_TARIFF"
