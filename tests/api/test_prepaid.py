"""Prepaid credit: balance, top-ups by money and by token, recorded balances, the ledger; each once, in any race."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from metering.access import Viewer
from store import ledger
from store.connections import listening
from tests.api.conftest import NOW, Site, reading

TOP_UP = """mutation ($input: TopUpInput!) { topUp(input: $input) {
  entry { id at kind unitsKwh shownKwh paid { amount currency } unitPrice taxPercent tariffName tokenEnding recordedAt }
  prepaid { balanceKwh balanceAt } refusal { code message field } } }"""
RECORD = """mutation ($input: RecordBalanceInput!) { recordBalance(input: $input) {
  entry { kind unitsKwh shownKwh at } prepaid { balanceKwh balanceAt } refusal { code message field } } }"""
TOKEN = "12345678901234567890"
WAITING = "SELECT count(*) FROM pg_locks WHERE transactionid = pg_current_xact_id()::xid AND NOT granted"


@pytest.fixture
def flat(site: Site) -> Site:
    """A prepaid flat in Lagos that pays 206.80 NGN and 7.5 % VAT a kWh."""
    site.add_panel("FLAT", zone="Africa/Lagos", is_prepaid=True, meter_number="45012345678")
    site.add_tariff("FLAT", "2020-01-01", "206.80", currency="NGN", vat_percent="7.5", name="Band A")
    return site


async def top_up(site: Site, *, viewer: Viewer | None = None, key: str = "first-key", **given: Any) -> dict:
    given = {"panelCode": "FLAT", "idempotencyKey": key} | given
    return (await site.ask(TOP_UP, viewer=viewer, input=given))["topUp"]


async def record(site: Site, shown: str, **given: Any) -> dict:
    return (await site.ask(RECORD, input={"panelCode": "FLAT", "shownKwh": shown} | given))["recordBalance"]


def naira(amount: str) -> dict:
    return {"amount": amount, "currency": "NGN"}


def rows(site: Site) -> list[tuple[Any, ...]]:
    return site.database.execute("SELECT * FROM ledger_entry ORDER BY id").fetchall()


def audited(site: Site) -> list[tuple[Any, ...]]:
    """Who tried what, what came of it, and whether it was just now."""
    return site.database.execute(
        "SELECT actor, action, outcome, at BETWEEN now() - interval '1 min' AND now() FROM audit_entry ORDER BY id"
    ).fetchall()


async def balance(site: Site) -> str | None:
    return (await site.panel("prepaid { balanceKwh }", code="FLAT"))["prepaid"]["balanceKwh"]


async def test_a_post_paid_panel_has_no_credit_and_a_prepaid_one_none_before_its_first_entry(flat: Site) -> None:
    flat.add_panel("PM")
    assert await flat.panel("prepaid { balanceKwh }") == {"prepaid": None}
    selection = (
        "prepaid { meterNumber balanceKwh balanceAt ledger { totalCount } forecast { method } lowUnits { isArmed } }"
    )
    assert await flat.panel(selection, code="FLAT") == {
        "prepaid": {"meterNumber": "45012345678", "balanceKwh": None, "balanceAt": None, "ledger": {"totalCount": 0},
                    "forecast": None, "lowUnits": None}
    }  # fmt: skip


async def test_money_buys_units_by_the_tariff_rounded_down_and_the_receipt_keeps_it(flat: Site) -> None:
    done = await top_up(flat, amount=naira("5000.00"), at="2026-03-10T05:30:00+01:00")
    assert done["refusal"] is None
    entry = done["entry"]
    assert entry == {
        "id": entry["id"], "at": "2026-03-10T05:30:00+01:00", "kind": "TOP_UP", "unitsKwh": "22.491", "shownKwh": None,
        "paid": {"amount": "5000.00", "currency": "NGN"}, "unitPrice": "206.8", "taxPercent": "7.5",
        "tariffName": "Band A", "tokenEnding": None, "recordedAt": entry["recordedAt"],
    }  # fmt: skip
    assert done["prepaid"] == {"balanceKwh": "22.491", "balanceAt": "2026-03-10T05:30:00+01:00"}
    flat.add_tariff("FLAT", "2026-03-01", "400", currency="NGN", name="Dearer")
    found = await flat.panel("prepaid { ledger { nodes { unitsKwh unitPrice tariffName } } }", code="FLAT")
    assert found["prepaid"]["ledger"]["nodes"] == [{"unitsKwh": "22.491", "unitPrice": "206.8", "tariffName": "Band A"}]


async def test_the_tariff_of_a_top_up_is_that_of_its_own_local_day(flat: Site) -> None:
    flat.add_tariff("FLAT", "2026-03-10", "100", currency="NGN", name="Cheaper")
    before = await top_up(flat, amount=naira("1000"), at="2026-03-09T23:59:59+01:00")
    after = await top_up(flat, amount=naira("1000"), at="2026-03-10T00:00:00+01:00", key="second-key")
    assert (before["entry"]["tariffName"], before["entry"]["unitsKwh"]) == ("Band A", "4.498")
    assert (after["entry"]["tariffName"], after["entry"]["unitsKwh"]) == ("Cheaper", "10.000")


async def test_a_token_credits_the_units_of_its_slip_and_shows_its_ending_only(flat: Site) -> None:
    done = await top_up(flat, token="1234-5678 9012-3456 7890", unitsKwh="33.5")
    assert done["entry"]["tokenEnding"] == "7890"
    assert (done["entry"]["unitsKwh"], done["entry"]["paid"], done["entry"]["unitPrice"]) == ("33.500", None, None)
    assert flat.database.execute("SELECT token FROM ledger_entry").fetchall() == [(TOKEN,)]


async def test_the_balance_falls_by_what_the_meter_counts_after_the_first_entry(flat: Site) -> None:
    flat.load("FLAT", [reading(NOW - timedelta(hours=5), 400.0), reading(NOW - timedelta(hours=4), 401.0)])
    await record(flat, "20", at=(NOW - timedelta(hours=3)).isoformat())
    flat.load("FLAT", [reading(NOW - timedelta(hours=2), 403.25), reading(NOW - timedelta(hours=1), 404.5)])
    shown = await flat.panel("prepaid { balanceKwh balanceAt }", code="FLAT")
    assert shown["prepaid"] == {"balanceKwh": "16.500", "balanceAt": "2026-03-10T05:00:00+01:00"}
    await top_up(flat, amount=naira("2223.10"))
    assert await balance(flat) == "26.500"


async def test_a_recorded_balance_makes_the_balance_what_is_shown_whatever_it_was(flat: Site) -> None:
    opened = await record(flat, "50", at=(NOW - timedelta(hours=3)).isoformat())
    assert opened["entry"]["unitsKwh"] == "50.000"
    flat.load("FLAT", [reading(NOW - timedelta(hours=3), 10.0), reading(NOW - timedelta(hours=2), 14.5)])
    assert await balance(flat) == "45.500"
    corrected = await record(flat, "44.125")
    assert corrected["entry"] == {
        "kind": "BALANCE_READING",
        "unitsKwh": "-1.375",
        "shownKwh": "44.125",
        "at": "2026-03-10T06:00:00+01:00",
    }
    assert corrected["prepaid"]["balanceKwh"] == await balance(flat) == "44.125"
    assert (await record(flat, "0"))["prepaid"]["balanceKwh"] == "0.000"


async def test_what_is_shown_now_stays_right_under_a_device_whose_clock_runs_ahead(flat: Site) -> None:
    ahead = [(-60, 10.0), (-1, 12.0), (9, 12.5)]
    flat.load("FLAT", [reading(NOW + timedelta(minutes=minutes), kwh) for minutes, kwh in ahead])
    assert (await record(flat, "50"))["prepaid"]["balanceKwh"] == "50.000"
    assert (await record(flat, "49"))["prepaid"]["balanceKwh"] == "49.000"
    flat.load("FLAT", [reading(NOW + timedelta(minutes=10), 12.75)])
    assert await balance(flat) == "48.750"


async def test_readings_that_a_meter_hands_in_late_do_not_lower_what_was_shown(flat: Site) -> None:
    flat.load("FLAT", [reading(NOW - timedelta(hours=6), 100.0)])
    await top_up(flat, token=TOKEN, unitsKwh="60", at=(NOW - timedelta(hours=6)).isoformat())
    done = await record(flat, "40")
    assert done["entry"]["unitsKwh"] == "-20.000"
    flat.load("FLAT", [reading(NOW - timedelta(hours=hours), 118.0 - 3 * hours) for hours in range(5, -1, -1)])
    assert await balance(flat) == "40.000"
    flat.now = NOW + timedelta(hours=1)
    flat.load("FLAT", [reading(flat.now, 119.25)])
    assert await balance(flat) == "38.750"
    found = await flat.panel("prepaid { ledger { nodes { unitsKwh shownKwh } } }", code="FLAT")
    assert found["prepaid"]["ledger"]["nodes"] == [
        {"unitsKwh": "-20.000", "shownKwh": "40.000"}, {"unitsKwh": "60.000", "shownKwh": None},
    ]  # fmt: skip


async def test_what_is_shown_now_holds_a_top_up_that_another_server_took_a_second_ahead(flat: Site) -> None:
    flat.now = NOW + timedelta(seconds=1)
    await top_up(flat, amount=naira("2223.10"))
    flat.now = NOW
    assert await balance(flat) == "10.000"
    done = await record(flat, "25")
    assert (done["entry"]["unitsKwh"], done["prepaid"]["balanceKwh"]) == ("15.000", "25.000")


async def test_entries_come_in_any_order_and_a_display_that_was_read_later_holds(flat: Site) -> None:
    await record(flat, "50", at=(NOW - timedelta(hours=1)).isoformat())
    early = (NOW - timedelta(hours=2)).isoformat()
    assert (await top_up(flat, token=TOKEN, unitsKwh="10", at=early))["prepaid"]["balanceKwh"] == "50.000"
    assert (await record(flat, "60", at=early))["prepaid"]["balanceKwh"] == "50.000"
    earlier = (NOW - timedelta(hours=3)).isoformat()
    assert (await top_up(flat, amount=naira("1000"), at=earlier, key="another-key"))["refusal"] is None
    asked = ", ".join(
        f'h{hours}: balanceKwhAt(at: "{(NOW - timedelta(hours=hours)).isoformat()}")' for hours in range(5)
    ).replace(", ", " ")
    shown = await flat.panel(f"prepaid {{ {asked} }}", code="FLAT")
    assert shown["prepaid"] == {"h4": None, "h3": "4.498", "h2": "60.000", "h1": "50.000", "h0": "50.000"}


async def test_nothing_is_older_than_the_meter(flat: Site) -> None:
    flat.load("FLAT", [reading(NOW - timedelta(hours=5), 400.0)])
    early, first = (NOW - timedelta(hours=5, seconds=1)).isoformat(), (NOW - timedelta(hours=5)).isoformat()
    refused = [await top_up(flat, amount=naira("1000"), at=early), await record(flat, "5", at=early)]
    assert [(done["refusal"]["code"], done["refusal"]["field"]) for done in refused] == [("BEFORE_METER", "at")] * 2
    assert "2026-03-10T01:00:00+01:00" in refused[0]["refusal"]["message"]
    assert rows(flat) == []
    assert (await record(flat, "5", at=first))["refusal"] is None
    flat.database.execute("UPDATE panel SET meter_since = '2026-03-09'")
    assert (await record(flat, "9", at="2026-03-09T00:00:00+01:00"))["refusal"] is None
    assert (await record(flat, "9", at="2026-03-08T23:59:59+01:00"))["refusal"]["code"] == "BEFORE_METER"


async def test_a_ledger_that_is_older_than_the_readings_takes_what_is_older_still(flat: Site) -> None:
    """The meter is older than the device that reads it."""
    day = timedelta(days=1)
    await record(flat, "5", at=(NOW - day).isoformat())
    flat.load("FLAT", [reading(NOW, 400.0)])
    assert (await top_up(flat, amount=naira("1000"), at=(NOW - 30 * day).isoformat()))["refusal"] is None


async def test_what_happens_now_is_taken_though_another_server_is_a_second_ahead(flat: Site) -> None:
    flat.now = NOW + timedelta(seconds=1)
    await record(flat, "50")
    flat.now = NOW
    assert (await top_up(flat, amount=naira("2223.10")))["refusal"] is None
    assert (await record(flat, "61"))["refusal"] is None
    flat.now = NOW + timedelta(seconds=2)
    assert await balance(flat) == "61.000"


async def test_the_ledger_comes_newest_first_page_by_page(flat: Site) -> None:
    for hours, units in ((3, "3"), (1, "1"), (2, "2")):
        at = (NOW - timedelta(hours=hours)).isoformat()
        await top_up(flat, token=f"{hours:020}", unitsKwh=units, at=at, key=f"key-number-{hours}")
    seen, after = [], "null"
    for more in (True, False):
        selection = "totalCount nodes { unitsKwh } pageInfo { hasNextPage endCursor }"
        found = await flat.panel(f"prepaid {{ ledger(first: 2, after: {after}) {{ {selection} }} }}", code="FLAT")
        page = found["prepaid"]["ledger"]
        assert (page["totalCount"], page["pageInfo"]["hasNextPage"]) == (3, more)
        seen += [node["unitsKwh"] for node in page["nodes"]]
        after = f'"{page["pageInfo"]["endCursor"]}"'
    assert seen == ["1.000", "2.000", "3.000"]


async def test_a_token_is_credited_once_wherever_and_by_whomever(flat: Site) -> None:
    tenant = flat.add_person("t@x.org")
    flat.add_panel("OTHER", is_prepaid=True, seen_by=[tenant])
    await top_up(flat, token=TOKEN, unitsKwh="10")
    before = rows(flat)
    again = await top_up(flat, token=TOKEN, unitsKwh="10", key="another-key")
    assert (again["refusal"]["code"], again["refusal"]["field"], again["entry"]) == ("TOKEN_USED", "token", None)
    elsewhere = await top_up(flat, viewer=tenant, token=TOKEN, unitsKwh="99", panelCode="OTHER", key="third-one")
    assert elsewhere["refusal"]["code"] == "TOKEN_USED"
    assert "FLAT" not in elsewhere["refusal"]["message"]
    assert rows(flat) == before
    assert audited(flat)[1:] == [("Admin", "TOP_UP", "TOKEN_USED", True), ("t@x.org", "TOP_UP", "TOKEN_USED", True)]


async def test_a_repeated_key_shows_the_first_entry_and_changes_nothing(flat: Site) -> None:
    first = await top_up(flat, amount=naira("1000"))
    before = rows(flat)
    for given in ({"amount": naira("1000")}, {"amount": naira("7777")}, {"token": TOKEN, "unitsKwh": "5"}):
        again = await top_up(flat, **given)
        assert again["refusal"]["code"] == "IDEMPOTENCY_KEY_USED"
        assert again["entry"] == first["entry"]
        assert again["prepaid"]["balanceKwh"] == "4.498"
    recorded = await record(flat, "9", idempotencyKey="first-key")
    assert recorded["refusal"]["code"] == "IDEMPOTENCY_KEY_USED"
    assert rows(flat) == before


async def test_a_key_that_was_used_for_another_panel_shows_its_entry_and_no_account(flat: Site) -> None:
    flat.add_panel("OTHER", is_prepaid=True)
    first = await top_up(flat, amount=naira("1000"))
    again = await flat.ask(
        "mutation ($input: TopUpInput!) { topUp(input: $input) { entry { id at panelCode } prepaid { balanceKwh }"
        " refusal { code } } }",
        input={"panelCode": "OTHER", "amount": {"amount": "15000", "currency": "IDR"}, "idempotencyKey": "first-key"},
    )
    assert again["topUp"] == {
        "entry": {"id": first["entry"]["id"], "at": first["entry"]["at"], "panelCode": "FLAT"},
        "prepaid": None,
        "refusal": {"code": "IDEMPOTENCY_KEY_USED"},
    }


async def test_keys_of_different_people_do_not_meet(flat: Site) -> None:
    tenant = flat.add_person("t@x.org")
    flat.database.execute("INSERT INTO panel_access SELECT %s, id FROM panel WHERE code = 'FLAT'", (tenant.account_id,))
    await top_up(flat, amount=naira("1000"))
    assert (await top_up(flat, viewer=tenant, amount=naira("1000")))["refusal"] is None
    assert await balance(flat) == "8.996"


async def test_a_key_used_for_a_panel_out_of_sight_is_refused_without_showing_it(flat: Site) -> None:
    tenant = flat.add_person("t@x.org")
    flat.add_panel("OLD", is_prepaid=True, seen_by=[tenant])
    flat.add_panel("NEW", is_prepaid=True, seen_by=[tenant])
    paid = {"amount": "15000", "currency": "IDR"}
    await top_up(flat, viewer=tenant, panelCode="OLD", amount=paid)
    flat.database.execute("DELETE FROM panel_access WHERE panel_id = (SELECT id FROM panel WHERE code = 'OLD')")
    again = await top_up(flat, viewer=tenant, panelCode="NEW", amount=paid)
    assert (again["refusal"]["code"], again["entry"]) == ("IDEMPOTENCY_KEY_USED", None)


async def test_of_many_top_ups_at_once_with_one_token_or_key_a_single_one_counts(flat: Site) -> None:
    same_token = [top_up(flat, token=TOKEN, unitsKwh="10", key=f"key-number-{n}") for n in range(8)]
    outcomes = [done["refusal"] and done["refusal"]["code"] for done in await asyncio.gather(*same_token)]
    assert sorted(outcomes, key=str) == [None, *["TOKEN_USED"] * 7]
    same_key = [top_up(flat, amount=naira("2223.10"), key="the-same-key") for _ in range(8)]
    outcomes = [done["refusal"] and done["refusal"]["code"] for done in await asyncio.gather(*same_key)]
    assert sorted(outcomes, key=str) == ["IDEMPOTENCY_KEY_USED"] * 7 + [None]
    assert await balance(flat) == "20.000"


async def test_of_recorded_balances_and_top_ups_at_once_none_is_computed_from_a_stale_balance(flat: Site) -> None:
    await record(flat, "1")
    await asyncio.gather(
        *(record(flat, "30") for _ in range(4)),
        *(top_up(flat, token=f"{n:020}", unitsKwh="5", key=f"key-number-{n}") for n in range(4)),
    )
    running = Decimal(0)
    for kind, units_kwh, shown_kwh in flat.database.execute(
        "SELECT kind, units_kwh, shown_kwh FROM ledger_entry ORDER BY id"
    ):
        running += units_kwh
        if kind == "BALANCE_READING":
            assert running == shown_kwh


CHANGES = [
    (TOP_UP, {"token": TOKEN, "unitsKwh": "10", "idempotencyKey": "first-key"}),
    (RECORD, {"shownKwh": "40"}),
]


@pytest.fixture
def tenant(flat: Site) -> Viewer:
    """Who sees the flat, which has 30 kWh left."""
    tenant = flat.add_person("t@x.org")
    flat.database.execute("INSERT INTO panel_access SELECT %s, id FROM panel WHERE code = 'FLAT'", (tenant.account_id,))
    flat.database.execute(
        "INSERT INTO ledger_entry (panel_id, at, kind, units_kwh) SELECT id, %s, 'TOP_UP', 30 FROM panel",
        (NOW - timedelta(hours=1),),
    )
    return tenant


@pytest.mark.parametrize(("mutation", "given"), CHANGES)
async def test_sight_that_is_withdrawn_before_ones_turn_refuses_the_change(
    flat: Site, tenant: Viewer, monkeypatch: pytest.MonkeyPatch, mutation: str, given: dict
) -> None:
    before, take_turn = rows(flat), ledger.take_turn

    async def withdraw_first(*args: Any, **kwargs: Any) -> None:
        flat.database.execute("DELETE FROM panel_access")
        await take_turn(*args, **kwargs)

    monkeypatch.setattr(ledger, "take_turn", withdraw_first)
    ((_, done),) = (await flat.ask(mutation, viewer=tenant, input={"panelCode": "FLAT"} | given)).items()
    assert (done["refusal"]["code"], done["refusal"]["field"]) == ("PANEL_NOT_FOUND", "panelCode")
    assert (done["entry"], done["prepaid"], rows(flat)) == (None, None, before)


@pytest.mark.parametrize(("mutation", "given"), CHANGES)
async def test_sight_that_is_withdrawn_while_one_waits_for_a_turn_refuses_the_change(
    flat: Site, tenant: Viewer, mutation: str, given: dict
) -> None:
    before = rows(flat)
    with flat.database.transaction():
        flat.database.execute("SELECT FROM panel WHERE code = 'FLAT' FOR UPDATE")
        change = asyncio.create_task(flat.ask(mutation, viewer=tenant, input={"panelCode": "FLAT"} | given))
        async with asyncio.timeout(10):
            while flat.database.execute(WAITING).fetchone() == (0,):  # noqa: ASYNC110 - it waits inside of Postgres
                await asyncio.sleep(0.01)
        flat.database.execute("DELETE FROM panel_access")
    ((_, done),) = (await change).items()
    assert (done["refusal"]["code"], done["refusal"]["field"]) == ("PANEL_NOT_FOUND", "panelCode")
    assert (done["entry"], done["prepaid"], rows(flat)) == (None, None, before)


async def test_every_change_is_told_to_who_listens(flat: Site) -> None:
    (panel_id,) = flat.database.execute("SELECT id FROM panel WHERE code = 'FLAT'").fetchone() or (None,)
    async with listening(flat.url, "ledger") as connection:
        await top_up(flat, amount=naira("1000"))
        await top_up(flat, amount=naira("1000"))  # refused: the key was used
        await record(flat, "10")
        heard = [n.payload async for n in connection.notifies(stop_after=2, timeout=10)]
    assert heard == [str(panel_id)] * 2


BAD_TOP_UPS = [
    ({"amount": {"amount": "0", "currency": "NGN"}}, "BAD_AMOUNT", "amount"),
    ({"amount": {"amount": "-5", "currency": "NGN"}}, "BAD_AMOUNT", "amount"),
    ({"amount": {"amount": "1000000000.01", "currency": "NGN"}}, "BAD_AMOUNT", "amount"),
    ({"amount": {"amount": "10.005", "currency": "NGN"}}, "BAD_AMOUNT", "amount"),
    ({"amount": {"amount": "0.01", "currency": "NGN"}}, "BAD_AMOUNT", "amount"),
    ({"amount": {"amount": "1000", "currency": "IDR"}}, "BAD_CURRENCY", "amount"),
    ({"amount": {"amount": "1000", "currency": "ngn"}}, "BAD_CURRENCY", "amount"),
    ({"amount": {"amount": "1000", "currency": ""}}, "BAD_CURRENCY", "amount"),
    ({}, "BAD_INPUT", "amount"),
    ({"token": TOKEN}, "BAD_INPUT", "amount"),
    ({"unitsKwh": "5"}, "BAD_INPUT", "amount"),
    ({"amount": {"amount": "1", "currency": "NGN"}, "unitsKwh": "5", "token": TOKEN}, "BAD_INPUT", "amount"),
    ({"token": "1234", "unitsKwh": "5"}, "BAD_TOKEN", "token"),
    ({"token": TOKEN + "1", "unitsKwh": "5"}, "BAD_TOKEN", "token"),
    ({"token": "\u0661" * 20, "unitsKwh": "5"}, "BAD_TOKEN", "token"),
    ({"token": "1" * 100_000, "unitsKwh": "5"}, "BAD_TOKEN", "token"),
    ({"token": TOKEN, "unitsKwh": "0"}, "BAD_AMOUNT", "unitsKwh"),
    ({"token": TOKEN, "unitsKwh": "-1"}, "BAD_AMOUNT", "unitsKwh"),
    ({"token": TOKEN, "unitsKwh": "100000.001"}, "BAD_AMOUNT", "unitsKwh"),
    ({"token": TOKEN, "unitsKwh": "1.0005"}, "BAD_AMOUNT", "unitsKwh"),
    ({"token": TOKEN, "unitsKwh": "5", "at": "2026-03-10T05:05:01Z"}, "BAD_TIME", "at"),
    ({"token": TOKEN, "unitsKwh": "5", "at": "2009-12-31T23:59:59Z"}, "BAD_TIME", "at"),
    ({"token": TOKEN, "unitsKwh": "5", "idempotencyKey": "short"}, "BAD_INPUT", "idempotencyKey"),
    ({"token": TOKEN, "unitsKwh": "5", "idempotencyKey": "x" * 101}, "BAD_INPUT", "idempotencyKey"),
    ({"token": TOKEN, "unitsKwh": "5", "idempotencyKey": "with space"}, "BAD_INPUT", "idempotencyKey"),
    ({"token": TOKEN, "unitsKwh": "5", "idempotencyKey": "nul\0nul\0nul"}, "BAD_INPUT", "idempotencyKey"),
    ({"token": TOKEN, "unitsKwh": "5", "panelCode": "PM"}, "NOT_PREPAID", "panelCode"),
    ({"token": TOKEN, "unitsKwh": "5", "panelCode": "GHOST"}, "PANEL_NOT_FOUND", "panelCode"),
    ({"token": TOKEN, "unitsKwh": "5", "panelCode": "nul\0"}, "PANEL_NOT_FOUND", "panelCode"),
]


@pytest.mark.parametrize(("given", "code", "field"), BAD_TOP_UPS)
async def test_a_bad_top_up_is_refused_with_a_code_and_changes_nothing(
    flat: Site, given: dict, code: str, field: str
) -> None:
    flat.add_panel("PM")
    done = await top_up(flat, **given)
    assert (done["refusal"]["code"], done["refusal"]["field"]) == (code, field)
    assert done["refusal"]["message"]
    assert (done["entry"], done["prepaid"]) == (None, None)
    assert rows(flat) == []
    assert audited(flat) == [("Admin", "TOP_UP", code, True)]


BAD_BALANCES = [
    ({"shownKwh": "-0.001"}, "BAD_AMOUNT"),
    ({"shownKwh": "100000.001"}, "BAD_AMOUNT"),
    ({"shownKwh": "1.2345"}, "BAD_AMOUNT"),
    ({"at": "2026-03-10T05:05:01Z"}, "BAD_TIME"),
    ({"at": "2009-12-31T00:00:00Z"}, "BAD_TIME"),
    ({"idempotencyKey": "short"}, "BAD_INPUT"),
    ({"panelCode": "PM"}, "NOT_PREPAID"),
    ({"panelCode": "GHOST"}, "PANEL_NOT_FOUND"),
]


@pytest.mark.parametrize(("given", "code"), BAD_BALANCES)
async def test_a_bad_balance_is_refused_with_a_code_and_changes_nothing(flat: Site, given: dict, code: str) -> None:
    flat.add_panel("PM")
    done = await record(flat, **{"shown": "5"} | {("shown" if k == "shownKwh" else k): v for k, v in given.items()})
    assert done["refusal"]["code"] == code
    assert (done["entry"], done["prepaid"]) == (None, None)
    assert rows(flat) == []
    assert audited(flat) == [("Admin", "RECORD_BALANCE", code, True)]


async def test_a_time_a_little_ahead_of_the_servers_clock_counts_as_now(flat: Site) -> None:
    done = await top_up(flat, amount=naira("1000"), at=(NOW + timedelta(minutes=5)).isoformat())
    assert done["entry"]["at"] == "2026-03-10T06:00:00+01:00"
    assert done["prepaid"]["balanceKwh"] == "4.498"


async def test_the_newest_forecast_is_shown_in_the_panels_time_zone(flat: Site) -> None:
    columns = {
        "starts_at": ["2026-03-09T23:00:00+00:00", "2026-03-10T23:00:00+00:00"],
        "p10_kwh": [1.0, 1.5],
        "p50_kwh": [2.0, 2.5],
        "p90_kwh": [3.0, 3.5],
    }
    for hour in (-1, 0):
        made_at = NOW + timedelta(hours=hour)
        flat.database.execute(
            "INSERT INTO depletion_forecast (panel_id, hour_at, made_at, data_up_to, ledger_id, method, history_days,"
            " balance_kwh, p10_at, p50_at, p90_at, days_left, daily, hourly)"
            " SELECT id, %s, %s, %s, 1, 'LEARNING', 2.5, 10, %s, %s, NULL, 4, %s, %s FROM panel WHERE code = 'FLAT'",
            (made_at, made_at, made_at - timedelta(minutes=1), NOW + timedelta(days=3), NOW + timedelta(days=4),
             Jsonb(columns), Jsonb(columns)),
        )  # fmt: skip
    found = await flat.panel(
        "prepaid { forecast { madeAt dataUpTo method depletesAt { p10 p50 p90 } daysLeft historyDays expectedUsage {"
        " daily { startsAt p10Kwh p50Kwh p90Kwh } hourly { p50Kwh } } } }",
        code="FLAT",
    )
    assert found["prepaid"]["forecast"] == {
        "madeAt": "2026-03-10T06:00:00+01:00", "dataUpTo": "2026-03-10T05:59:00+01:00", "method": "LEARNING",
        "depletesAt": {"p10": "2026-03-13T06:00:00+01:00", "p50": "2026-03-14T06:00:00+01:00", "p90": None},
        "daysLeft": 4.0, "historyDays": 2.5,
        "expectedUsage": {
            "daily": {"startsAt": ["2026-03-10T00:00:00+01:00", "2026-03-11T00:00:00+01:00"],
                      "p10Kwh": [1.0, 1.5], "p50Kwh": [2.0, 2.5], "p90Kwh": [3.0, 3.5]},
            "hourly": {"p50Kwh": [2.0, 2.5]},
        },
    }  # fmt: skip


async def test_old_rows_refuse_to_be_a_second_credit_even_in_the_database(flat: Site) -> None:
    await top_up(flat, token=TOKEN, unitsKwh="10")
    with pytest.raises(psycopg.errors.UniqueViolation):
        flat.database.execute(
            "INSERT INTO ledger_entry (panel_id, at, kind, units_kwh, token)"
            " SELECT id, now(), 'TOP_UP', 1, %s FROM panel",
            (TOKEN,),
        )
