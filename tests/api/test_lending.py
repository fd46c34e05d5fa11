"""Debts, emergency credit and reversals: each once, repaid by top-ups, taken back by opposite rows, and audited."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from metering.access import Role, Viewer
from tests.api.conftest import NOW, Site, reading

ENTRY = """entry { id kind at unitsKwh emergencyKwh paid { amount } debtChange { amount currency } reverses reversedBy
  reason receipt { unitsKwh repaidKwh addedKwh lines { kind amount } } }"""
ACCOUNT = """prepaid { balanceKwh debt { amount currency }
  emergencyCredit { limitKwh availableBelowKwh takenKwh isAvailable } }"""
REFUSAL = "refusal { code field message }"
MUTATIONS = {
    "topUp": f"mutation ($input: TopUpInput!) {{ topUp(input: $input) {{ {ENTRY} {ACCOUNT} {REFUSAL} }} }}",
    "recordBalance": f"mutation ($input: RecordBalanceInput!) {{ recordBalance(input: $input)"
    f" {{ {ENTRY} {ACCOUNT} {REFUSAL} }} }}",
    "recordDebt": f"mutation ($input: RecordDebtInput!) {{ recordDebt(input: $input)"
    f" {{ {ENTRY} {ACCOUNT} {REFUSAL} }} }}",
    "settleDebt": f"mutation ($input: SettleDebtInput!) {{ settleDebt(input: $input)"
    f" {{ {ENTRY} {ACCOUNT} {REFUSAL} }} }}",
    "setEmergencyCredit": f"mutation ($input: SetEmergencyCreditInput!) {{ setEmergencyCredit(input: $input)"
    f" {{ {ACCOUNT} {REFUSAL} }} }}",
    "takeEmergencyCredit": f"mutation ($input: TakeEmergencyCreditInput!) {{ takeEmergencyCredit(input: $input)"
    f" {{ {ENTRY} {ACCOUNT} {REFUSAL} }} }}",
    "reverseEntry": f"mutation ($input: ReverseEntryInput!) {{ reverseEntry(input: $input)"
    f" {{ {ENTRY} {ACCOUNT} {REFUSAL} }} }}",
}
TOKEN = "12345678901234567890"
NAIRA = {"currency": "NGN"}


QUARTER_TO_DEBT = {
    "name": "A", "valid_from": "2020-01-01", "currency": "NGN", "unit_price": "100", "vending": {"debt_percent": "25"},
}  # fmt: skip


@pytest.fixture
async def flat(site: Site) -> Site:
    """A prepaid flat that pays 100 NGN a kWh, and a quarter of each payment to its debt."""
    site.add_panel("FLAT", zone="Africa/Lagos", is_prepaid=True)
    await site.set_tariff("FLAT", QUARTER_TO_DEBT)
    return site


async def do(site: Site, mutation: str, *, viewer: Viewer | None = None, **given: Any) -> dict:
    keyless = {"recordBalance", "setEmergencyCredit"}
    usual = {} if mutation in keyless else {"idempotencyKey": f"key-{mutation}-{len(audit(site))}"}
    place = {} if mutation == "reverseEntry" else {"panelCode": "FLAT"}
    return (await site.ask(MUTATIONS[mutation], viewer=viewer, input=place | usual | given))[mutation]


async def buy(site: Site, amount: str, **given: Any) -> dict:
    return await do(site, "topUp", amount=NAIRA | {"amount": amount}, **given)


async def slip(site: Site, units: str, *, token: str = TOKEN, **given: Any) -> dict:
    return await do(site, "topUp", token=token, unitsKwh=units, **given)


async def reverse(site: Site, entry: dict, **given: Any) -> dict:
    return await do(site, "reverseEntry", entryId=entry["entry"]["id"], reason="A typo", **given)


def audit(site: Site) -> list[tuple[str, str]]:
    return site.database.execute("SELECT action, outcome FROM audit_entry ORDER BY id").fetchall()


def rows(site: Site) -> int:
    ((count,),) = site.database.execute("SELECT count(*) FROM ledger_entry").fetchall()
    return count


def code(done: dict) -> str | None:
    return done["refusal"] and done["refusal"]["code"]


async def test_a_debt_is_paid_by_the_share_of_each_top_up_until_it_is_gone(flat: Site) -> None:
    owed = await do(flat, "recordDebt", amount=NAIRA | {"amount": "700"}, reason="A broken seal")
    assert (owed["entry"]["kind"], owed["entry"]["unitsKwh"], owed["entry"]["reason"]) == (
        "DEBT",
        "0.000",
        "A broken seal",
    )
    assert owed["prepaid"]["debt"] == owed["entry"]["debtChange"] == {"amount": "700.00", "currency": "NGN"}
    assert owed["prepaid"]["balanceKwh"] is None
    first = await buy(flat, "2000")
    assert first["entry"]["debtChange"]["amount"] == "-500.00"
    assert (first["prepaid"]["balanceKwh"], first["prepaid"]["debt"]["amount"]) == ("15.000", "200.00")
    assert {"kind": "DEBT", "amount": "500.00"} in first["entry"]["receipt"]["lines"]
    last = await buy(flat, "2000")
    assert (last["prepaid"]["balanceKwh"], last["prepaid"]["debt"]) == ("33.000", None)
    assert (await buy(flat, "2000"))["entry"]["debtChange"] is None


async def test_a_debt_is_at_most_what_a_meters_life_of_energy_costs(flat: Site) -> None:
    too_much = await do(flat, "recordDebt", amount=NAIRA | {"amount": "10000000.01"}, reason="A typing error")
    assert too_much["refusal"]["message"] == (
        "`amount` must be above 0 and at most 10,000,000 NGN, with two decimals at the most."
    )
    owed = await do(flat, "recordDebt", amount=NAIRA | {"amount": "10000000"}, reason="A factory's seal")
    assert owed["prepaid"]["debt"]["amount"] == "10000000.00"


async def test_a_reversed_top_up_leaves_its_debt_and_its_loan_to_be_paid_again(flat: Site) -> None:
    await slip(flat, "1")
    await do(flat, "setEmergencyCredit", limitKwh="5", availableBelowKwh="2")
    await do(flat, "takeEmergencyCredit")
    await do(flat, "recordDebt", amount=NAIRA | {"amount": "300"}, reason="Fee")
    bought = await buy(flat, "1000")
    assert bought["entry"]["unitsKwh"] == "2.500"
    assert bought["entry"]["receipt"] == {
        "unitsKwh": "7.500", "repaidKwh": "5.000", "addedKwh": "2.500",
        "lines": [{"kind": "DEBT", "amount": "250.00"}, {"kind": "ENERGY", "amount": "750.00"}],
    }  # fmt: skip
    assert bought["prepaid"]["emergencyCredit"]["takenKwh"] == "0.000"
    undone = await reverse(flat, bought)
    assert undone["entry"] | {"id": 0, "at": 0} == {
        "id": 0, "at": 0, "kind": "REVERSAL", "unitsKwh": "-2.500", "emergencyKwh": "5.000", "reversedBy": None,
        "paid": {"amount": "-1000.00"}, "debtChange": {"amount": "250.00", "currency": "NGN"}, "reason": "A typo",
        "reverses": bought["entry"]["id"], "receipt": None,
    }  # fmt: skip
    account = undone["prepaid"]
    assert (account["balanceKwh"], account["debt"]["amount"]) == ("6.000", "300.00")
    assert account["emergencyCredit"] == {
        "limitKwh": "5.000", "availableBelowKwh": "2.000", "takenKwh": "5.000", "isAvailable": False,
    }  # fmt: skip


async def test_emergency_credit_is_taken_when_little_is_left_and_once_until_it_is_repaid(flat: Site) -> None:
    assert code(await do(flat, "takeEmergencyCredit")) == "NO_EMERGENCY_CREDIT"
    await do(flat, "setEmergencyCredit", limitKwh="4", availableBelowKwh="2")
    assert code(await do(flat, "takeEmergencyCredit")) == "EMERGENCY_CREDIT_NOT_YET"  # nothing is known to be left
    shown = await do(flat, "recordBalance", shownKwh="2")
    assert shown["prepaid"]["emergencyCredit"]["isAvailable"] is False
    assert code(await do(flat, "takeEmergencyCredit")) == "EMERGENCY_CREDIT_NOT_YET"
    assert (await do(flat, "recordBalance", shownKwh="1.999"))["prepaid"]["emergencyCredit"]["isAvailable"] is True
    taken = await do(flat, "takeEmergencyCredit")
    assert (taken["entry"]["kind"], taken["prepaid"]["balanceKwh"]) == ("EMERGENCY_CREDIT", "5.999")
    await do(flat, "recordBalance", shownKwh="0.5")
    assert code(await do(flat, "takeEmergencyCredit")) == "EMERGENCY_CREDIT_TAKEN"
    part = await slip(flat, "3")
    assert (part["entry"]["unitsKwh"], part["prepaid"]["balanceKwh"]) == ("0.000", "0.500")
    assert part["prepaid"]["emergencyCredit"]["takenKwh"] == "1.000"
    assert code(await reverse(flat, taken)) == "ALREADY_REPAID"
    rest = await slip(flat, "3", token=TOKEN[::-1])
    assert (rest["entry"]["unitsKwh"], rest["prepaid"]["balanceKwh"]) == ("2.000", "2.500")
    await do(flat, "recordBalance", shownKwh="1")
    assert code(await do(flat, "takeEmergencyCredit")) is None


async def test_without_a_limit_nothing_more_is_lent_and_what_was_is_still_repaid(flat: Site) -> None:
    await do(flat, "recordBalance", shownKwh="0")
    await do(flat, "setEmergencyCredit", limitKwh="4", availableBelowKwh="2")
    await do(flat, "takeEmergencyCredit")
    ended = await do(flat, "setEmergencyCredit", limitKwh=None)
    assert ended["prepaid"]["emergencyCredit"] == {
        "limitKwh": None, "availableBelowKwh": None, "takenKwh": "4.000", "isAvailable": False,
    }  # fmt: skip
    assert (await slip(flat, "10"))["prepaid"]["emergencyCredit"] is None


async def test_of_two_who_take_emergency_credit_at_once_one_gets_it(flat: Site) -> None:
    await do(flat, "recordBalance", shownKwh="0")
    await do(flat, "setEmergencyCredit", limitKwh="4", availableBelowKwh="2")
    tries = (do(flat, "takeEmergencyCredit", idempotencyKey=f"key-number-{n}") for n in range(6))
    codes = sorted(str(code(done)) for done in await asyncio.gather(*tries))
    assert codes == [*["EMERGENCY_CREDIT_TAKEN"] * 5, "None"]


async def test_a_reversed_display_is_none_and_the_balance_goes_on_from_the_one_before(flat: Site) -> None:
    flat.load("FLAT", [reading(NOW - timedelta(hours=hours), 10.0 - hours) for hours in range(5, -1, -1)])
    await do(flat, "recordBalance", shownKwh="20", at=(NOW - timedelta(hours=4)).isoformat())
    await slip(flat, "7", at=(NOW - timedelta(hours=3)).isoformat())
    wrong = await do(flat, "recordBalance", shownKwh="222", at=(NOW - timedelta(hours=2)).isoformat())
    assert wrong["prepaid"]["balanceKwh"] == "220.000"
    undone = await reverse(flat, wrong)
    assert (undone["prepaid"]["balanceKwh"], undone["entry"]["at"]) == ("23.000", wrong["entry"]["at"])
    asked = (await flat.panel("prepaid { ledger { nodes { id reverses reversedBy } } }", code="FLAT"))["prepaid"]
    newest, display, *_ = asked["ledger"]["nodes"]
    assert (newest["reverses"], display["reversedBy"]) == (display["id"], newest["id"])


async def test_a_reversal_lies_on_the_same_side_of_a_display_as_its_entry(flat: Site) -> None:
    at = (NOW - timedelta(hours=1)).isoformat()
    bought = await slip(flat, "7", at=at)
    await do(flat, "recordBalance", shownKwh="20", at=at)  # at the very same instant, and later
    assert (await reverse(flat, bought))["prepaid"]["balanceKwh"] == "20.000"


async def test_when_the_only_entry_is_reversed_nothing_is_known_to_be_left(flat: Site) -> None:
    flat.load("FLAT", [reading(NOW - timedelta(hours=5), 10.0)])
    wrong = await slip(flat, "700", at=(NOW - timedelta(hours=5)).isoformat())
    assert (await reverse(flat, wrong))["prepaid"]["balanceKwh"] is None
    flat.load("FLAT", [reading(NOW - timedelta(hours=1), 14.0)])
    await slip(flat, "5", token=TOKEN[::-1])
    flat.now = NOW + timedelta(hours=2)
    flat.load("FLAT", [reading(NOW + timedelta(hours=1), 15.0)])
    assert (await flat.panel("prepaid { balanceKwh }", code="FLAT"))["prepaid"] == {"balanceKwh": "4.000"}


async def test_each_entry_is_reversed_once_and_a_reversal_never(flat: Site) -> None:
    bought = await slip(flat, "7")
    landlord = flat.add_person("l@x.org", role=Role.LANDLORD)
    assert code(await reverse(flat, bought, viewer=landlord)) == "ENTRY_NOT_FOUND"
    flat.database.execute("INSERT INTO panel_access SELECT %s, id FROM panel", (landlord.account_id,))
    undone = await reverse(flat, bought, viewer=landlord, idempotencyKey="the-same-key")
    assert code(undone) is None
    again = await reverse(flat, bought, viewer=landlord, idempotencyKey="the-same-key")
    assert (code(again), again["entry"]["id"]) == ("IDEMPOTENCY_KEY_USED", undone["entry"]["id"])
    assert code(await reverse(flat, bought)) == "ALREADY_REVERSED"
    assert code(await reverse(flat, undone)) == "NOT_REVERSIBLE"
    assert code(await slip(flat, "7")) == "TOKEN_USED"
    assert rows(flat) == 2


async def test_a_debt_that_was_paid_of_is_not_reversed_and_one_that_was_not_is(flat: Site) -> None:
    owed = await do(flat, "recordDebt", amount=NAIRA | {"amount": "100"}, reason="Wrong")
    assert (await reverse(flat, owed))["prepaid"]["debt"] is None
    again = await do(flat, "recordDebt", amount=NAIRA | {"amount": "100"}, reason="Right")
    paid = await buy(flat, "200")
    assert code(await reverse(flat, again)) == "ALREADY_REPAID"
    await reverse(flat, paid)
    assert code(await reverse(flat, again)) is None


async def test_what_is_paid_in_another_way_goes_off_the_debt_and_never_more(flat: Site) -> None:
    assert code(await settle(flat, "1")) == "NO_DEBT"
    await do(flat, "recordDebt", amount=NAIRA | {"amount": "100"}, reason="Right")
    part = await settle(flat, "60.50")
    assert (part["entry"]["kind"], part["entry"]["debtChange"]["amount"]) == ("DEBT", "-60.50")
    assert part["prepaid"]["debt"]["amount"] == "39.50"
    assert code(await settle(flat, "39.51")) == "BAD_AMOUNT"
    assert (
        code(await do(flat, "settleDebt", amount={"amount": "1", "currency": "EUR"}, reason="Cash")) == "BAD_CURRENCY"
    )
    assert (await settle(flat, "39.50"))["prepaid"]["debt"] is None
    assert (await reverse(flat, part))["prepaid"]["debt"]["amount"] == "60.50"


async def settle(site: Site, amount: str) -> dict:
    return await do(site, "settleDebt", amount=NAIRA | {"amount": amount}, reason="Cash")


BAD = [
    ("recordDebt", {"amount": NAIRA | {"amount": "0"}}, "BAD_AMOUNT", "amount"),
    ("recordDebt", {"amount": NAIRA | {"amount": "-1"}}, "BAD_AMOUNT", "amount"),
    ("recordDebt", {"amount": NAIRA | {"amount": "10000000.01"}}, "BAD_AMOUNT", "amount"),
    ("recordDebt", {"amount": NAIRA | {"amount": "1.001"}}, "BAD_AMOUNT", "amount"),
    ("recordDebt", {"amount": {"amount": "1", "currency": "EUR"}}, "BAD_CURRENCY", "amount"),
    ("recordDebt", {"amount": {"amount": "1", "currency": "???"}}, "BAD_CURRENCY", "amount"),
    ("recordDebt", {"reason": "  "}, "BAD_INPUT", "reason"),
    ("recordDebt", {"reason": "x" * 501}, "BAD_INPUT", "reason"),
    ("recordDebt", {"idempotencyKey": "short"}, "BAD_INPUT", "idempotencyKey"),
    ("recordDebt", {"panelCode": "PM"}, "NOT_PREPAID", "panelCode"),
    ("recordDebt", {"panelCode": "GHOST"}, "PANEL_NOT_FOUND", "panelCode"),
    ("setEmergencyCredit", {"limitKwh": "0"}, "BAD_AMOUNT", "limitKwh"),
    ("setEmergencyCredit", {"limitKwh": "-1"}, "BAD_AMOUNT", "limitKwh"),
    ("setEmergencyCredit", {"limitKwh": "100000.001"}, "BAD_AMOUNT", "limitKwh"),
    ("setEmergencyCredit", {"availableBelowKwh": "0.0001"}, "BAD_AMOUNT", "availableBelowKwh"),
    ("setEmergencyCredit", {"panelCode": "PM"}, "NOT_PREPAID", "panelCode"),
    ("takeEmergencyCredit", {"idempotencyKey": "short"}, "BAD_INPUT", "idempotencyKey"),
    ("takeEmergencyCredit", {"panelCode": "GHOST"}, "PANEL_NOT_FOUND", "panelCode"),
    ("reverseEntry", {"entryId": "0"}, "ENTRY_NOT_FOUND", "entryId"),
    ("reverseEntry", {"entryId": "99999999999999999999999"}, "ENTRY_NOT_FOUND", "entryId"),
    ("reverseEntry", {"entryId": "x"}, "ENTRY_NOT_FOUND", "entryId"),
    ("reverseEntry", {"reason": ""}, "BAD_INPUT", "reason"),
]
USUAL = {
    "recordDebt": {"amount": NAIRA | {"amount": "1"}, "reason": "Why"},
    "settleDebt": {"amount": NAIRA | {"amount": "1"}, "reason": "Why"},
    "setEmergencyCredit": {"limitKwh": "5", "availableBelowKwh": "1"},
    "takeEmergencyCredit": {},
    "reverseEntry": {"entryId": "1", "reason": "Why"},
}


async def test_what_is_refused_changes_nothing_and_the_audit_says_who_and_what(flat: Site) -> None:
    flat.add_panel("PM")
    for mutation, given, refused, field in BAD:
        done = await do(flat, mutation, **USUAL[mutation] | given)
        assert (code(done), done["refusal"]["field"], done["prepaid"]) == (refused, field, None), (mutation, given)
    assert rows(flat) == 0
    assert flat.database.execute("SELECT count(*) FROM emergency_rule").fetchone() == (0,)
    kept = flat.database.execute("SELECT account_id, actor, outcome, now() - at < '1 min' FROM audit_entry ORDER BY id")
    assert kept.fetchall() == [(flat.admin.account_id, "Admin", refused, True) for _, _, refused, _ in BAD]


async def test_tenants_neither_owe_lend_nor_reverse(flat: Site) -> None:
    tenant = flat.add_person("t@x.org")
    flat.database.execute("INSERT INTO panel_access SELECT %s, id FROM panel", (tenant.account_id,))
    for mutation in ("recordDebt", "settleDebt", "setEmergencyCredit", "reverseEntry"):
        assert code(await do(flat, mutation, viewer=tenant, **USUAL[mutation])) == "FORBIDDEN"
    actions = ("RECORD_DEBT", "SETTLE_DEBT", "SET_EMERGENCY_CREDIT", "REVERSE_ENTRY")
    assert audit(flat) == [(action, "FORBIDDEN") for action in actions]


async def test_everything_that_was_done_is_audited_without_secrets(flat: Site) -> None:
    bought = await slip(flat, "1")
    await do(flat, "recordBalance", shownKwh="1")
    await do(flat, "setEmergencyCredit", limitKwh="4", availableBelowKwh="2")
    await do(flat, "takeEmergencyCredit")
    await do(flat, "recordDebt", amount=NAIRA | {"amount": "300"}, reason="Fee")
    await reverse(flat, bought)
    actions = ["TOP_UP", "RECORD_BALANCE", "SET_EMERGENCY_CREDIT", "TAKE_EMERGENCY_CREDIT", "RECORD_DEBT",
               "REVERSE_ENTRY"]  # fmt: skip
    assert audit(flat) == [(action, "DONE") for action in actions]
    assert flat.database.execute("SELECT DISTINCT panel_code FROM audit_entry").fetchall() == [("FLAT",)]
    ((details,),) = flat.database.execute("SELECT details FROM audit_entry ORDER BY id LIMIT 1").fetchall()
    assert details == {
        "unitsKwh": "1",
        "tokenEnding": "7890",
        "entryId": int(bought["entry"]["id"]),
        "addedKwh": "1.000",
    }


async def test_a_month_bears_its_standing_charges_once_and_its_blocks_go_on(flat: Site) -> None:
    blocks = [{"from_kwh": "0", "unit_price": "10"}, {"from_kwh": "20", "unit_price": "20"}]
    line = {"name": "Line", "amount": "50", "per": "MONTH"}
    stepped = {"bands": [{"name": "all", "blocks": blocks}], "standing_charges": [line]}
    await flat.set_tariff("FLAT", {"name": "B", "valid_from": "2020-01-01", "currency": "NGN", **stepped})
    first = await buy(flat, "250", at="2026-03-01T00:00:00+01:00")
    assert first["entry"]["unitsKwh"] == "20.000"
    assert (await buy(flat, "250", at="2026-03-05T00:00:00+01:00"))["entry"]["unitsKwh"] == "12.500"
    assert (await buy(flat, "250", at="2026-02-28T23:59:59+01:00"))["entry"]["unitsKwh"] == "20.000"
    await reverse(flat, first)
    assert (await buy(flat, "250"))["entry"]["unitsKwh"] == str(Decimal("13.750"))  # 50 due again, 7.5 kWh at 10
