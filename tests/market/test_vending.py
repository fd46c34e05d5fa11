"""Units are bought once, whatever the vendor and the network do, and credited once."""

import asyncio
import itertools
import random
from datetime import timedelta
from decimal import Decimal

import pytest

from market.http_vendor import HttpVendor
from market.vending import LEASE, vend_due
from metering.vending import FORGOTTEN_AFTER, SEND_WITHIN, UNSENT_AFTER
from store import vend_work
from store.connections import open_pool
from tests.market.conftest import Shop

BOUGHT = (Decimal("24.100"), Decimal(5000), "70000000000000000000", "VEND")
SOON = timedelta(seconds=10)


async def test_a_purchase_is_verified_paid_once_and_credited(shop: Shop) -> None:
    reference = await shop.ask()
    await shop.work()
    assert shop.one("state, reason, token, units_kwh") == ("ACCEPTED", None, BOUGHT[2], BOUGHT[0])
    assert shop.entries() == [BOUGHT]
    assert (shop.vendor.paid, shop.vendor.queried) == ({reference: 1}, {})
    _, paid = shop.vendor.bodies
    assert paid == {
        "request_id": reference, "serviceID": "ikeja-electric", "billersCode": "45012345678",
        "variation_code": "prepaid", "amount": "5000.00", "phone": "08011111111",
    }  # fmt: skip
    assert b"api-key: the-api-key\r\nsecret-key: the-secret-key" in shop.vendor.headers[1]


async def test_nothing_follows_a_purchase_that_is_accepted(shop: Shop) -> None:
    reference = await shop.ask()
    for _ in range(3):
        await shop.work(later=timedelta(hours=2))
    assert shop.vendor.paid == {reference: 1}
    assert shop.entries() == [BOUGHT]


@pytest.mark.parametrize(
    "trouble", ["hang", "500", "garbage", "processing", "die", "other", "tokenless", "huge", "used"]
)
async def test_a_purchase_whose_answer_is_no_use_is_asked_about_and_never_paid_again(shop: Shop, trouble: str) -> None:
    shop.vendor.pay_by, shop.answer_within_s = trouble, 1.0 if trouble == "hang" else 5.0
    reference = await shop.ask()
    await shop.work()
    assert shop.one() == ("UNKNOWN", None)
    assert shop.entries() == []
    await shop.work(later=SOON)
    assert shop.one() == ("ACCEPTED", None)
    assert (shop.vendor.paid, shop.vendor.queried) == ({reference: 1}, {reference: 1})
    assert shop.entries() == [BOUGHT]


@pytest.mark.parametrize("trouble", ["500", "garbage", "processing", "die", "other", "tokenless", "huge"])
async def test_a_query_without_use_is_repeated_with_patience(shop: Shop, trouble: str) -> None:
    shop.vendor.pay_by, shop.vendor.query_by = "processing", trouble
    reference = await shop.ask()
    await shop.work()
    waits = list[timedelta]()
    for _ in range(4):
        ((next_at,),) = shop.flat.execute("SELECT next_attempt_at FROM vend")
        waits.append(next_at - shop.now)
        await shop.work(later=waits[-1])
    assert waits == sorted(waits)
    assert waits[-1] > waits[0]
    assert shop.one() == ("UNKNOWN", None)
    shop.vendor.query_by = "answer"
    await shop.work(later=timedelta(hours=1))
    assert shop.one() == ("ACCEPTED", None)
    assert shop.vendor.paid == {reference: 1}
    assert shop.entries() == [BOUGHT]


async def test_a_purchase_that_the_vendor_declines_has_failed_and_charges_nothing(shop: Shop) -> None:
    shop.vendor.pay_by = "decline"
    await shop.ask()
    await shop.work()
    assert shop.one("state, reason, detail") == ("FAILED", "DECLINED", "018 LOW WALLET BALANCE")
    await shop.work(later=timedelta(days=1))
    assert shop.vendor.paid.total() == 1
    assert shop.entries() == []


async def test_a_meter_that_the_vendor_does_not_know_is_never_paid_for(shop: Shop) -> None:
    shop.vendor.is_meter_known = False
    await shop.ask()
    await shop.work()
    assert shop.one() == ("FAILED", "METER_NOT_FOUND")
    assert shop.vendor.paid.total() == 0


async def test_a_vendor_that_cannot_be_reached_is_tried_for_a_day(shop: Shop) -> None:
    reachable, shop.vendor.port = shop.vendor.port, 1
    await shop.ask()
    await shop.work()
    assert shop.one("state, sent_at") == ("REQUESTED", None)
    await shop.work(later=UNSENT_AFTER + SOON)
    assert shop.one() == ("FAILED", "NOT_SENT")
    await shop.ask()
    await shop.work()
    shop.vendor.port = reachable
    await shop.work(later=SOON)
    assert shop.one() == ("ACCEPTED", None)
    assert set(shop.vendor.paid.values()) == {1}


async def test_a_request_that_was_lost_is_given_up_once_it_cannot_be_under_way_any_more(shop: Shop) -> None:
    shop.vendor.pay_by, shop.answer_within_s = "forget", 1.0
    reference = await shop.ask()
    await shop.work()
    await shop.work(later=SOON)
    assert shop.one() == ("UNKNOWN", None)
    await shop.work(later=FORGOTTEN_AFTER)
    assert shop.one() == ("FAILED", "NOT_SEEN")
    assert shop.vendor.paid == {reference: 1}


async def test_a_worker_that_dies_after_it_marked_a_purchase_leaves_it_to_be_asked_about(shop: Shop) -> None:
    reference = await shop.ask()
    async with shop.pool.connection() as connection:
        (due,) = await vend_work.claim(connection, now=shop.now, leased_until=shop.now + LEASE, limit=9)
        assert await vend_work.mark_sending(connection, due, now=shop.now, ask_at=shop.now + LEASE)
    shop.vendor.sold[reference] = BOUGHT[2]  # it had gone out
    await shop.work(later=timedelta(minutes=1))
    assert shop.one() == ("UNKNOWN", None)
    await shop.work(later=LEASE)
    assert shop.one() == ("ACCEPTED", None)
    assert shop.vendor.paid == {}
    assert shop.entries() == [BOUGHT]


async def test_of_two_workers_with_the_same_purchase_one_may_send_it(shop: Shop) -> None:
    await shop.ask()
    async with shop.pool.connection() as connection:
        (first,) = await vend_work.claim(connection, now=shop.now, leased_until=shop.now, limit=9)
        (second,) = await vend_work.claim(connection, now=shop.now, leased_until=shop.now, limit=9)
        marks = [
            await vend_work.mark_sending(connection, due, now=shop.now, ask_at=shop.now)
            for due in (first, second, second)
        ]
    assert marks == [False, True, False]


async def test_many_workers_at_once_pay_and_credit_each_purchase_once(database_url: str, shop: Shop) -> None:
    for _ in range(30):
        await shop.ask()

    async def worker() -> None:
        async with open_pool(database_url) as pool, HttpVendor(shop.vendor.settings()) as vendor:
            while await vend_due(pool, vendor=vendor, now=lambda: shop.now):
                pass

    await asyncio.gather(*(worker() for _ in range(4)), *(shop.work() for _ in range(4)))
    await asyncio.gather(*(shop.work() for _ in range(4)))
    assert shop.flat.execute("SELECT state, count(*) FROM vend GROUP BY state") == [("ACCEPTED", 30)]
    assert shop.vendor.paid == dict.fromkeys(shop.references, 1)
    assert len(shop.entries()) == 30


async def test_a_worker_that_was_held_up_does_not_send_what_others_may_have_given_up(shop: Shop) -> None:
    await shop.ask()
    ticks = itertools.count()
    async with HttpVendor(shop.vendor.settings()) as vendor:
        await vend_due(shop.pool, vendor=vendor, now=lambda: shop.now + next(ticks) * SEND_WITHIN * 1.1)
    assert shop.one("state, sent_at, detail") == ("REQUESTED", None, "the worker was held up")
    assert shop.vendor.paid == {}


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_happens_each_purchase_is_paid_at_most_once_and_credited_if_it_was_sold(
    shop: Shop, seed: int
) -> None:
    """Workers are stopped at any point while the vendor behaves at random; then it comes to its senses."""
    chance, shop.answer_within_s = random.Random(seed), 0.05  # noqa: S311 - no secret
    troubles = ["answer", "hang", "500", "garbage", "processing", "die", "other", "tokenless", "used"]
    for _ in range(12):
        await shop.ask()
        shop.vendor.pay_by = chance.choice([*troubles, "forget", "decline"])
        shop.vendor.query_by = chance.choice(troubles)
        work = asyncio.create_task(shop.work(later=timedelta(seconds=chance.choice([1, 30, 600]))))
        await asyncio.wait({work}, timeout=chance.choice([0.0, 0.01, 0.03, 0.3]))
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
    shop.vendor.pay_by = shop.vendor.query_by = "answer"
    shop.answer_within_s = 5.0
    for _ in range(4):
        await shop.work(later=timedelta(hours=1))
    assert set(shop.vendor.paid.values()) <= {1}
    states = dict(shop.flat.execute("SELECT reference, state FROM vend"))
    sold = set(shop.vendor.sold)
    assert {reference for reference, state in states.items() if state == "ACCEPTED"} == sold
    assert {state for reference, state in states.items() if reference not in sold} <= {"FAILED"}
    assert sorted(token for _, _, token, _ in shop.entries()) == sorted(shop.vendor.sold.values())


async def test_a_token_that_was_typed_in_meanwhile_is_credited_by_that(shop: Shop) -> None:
    await shop.ask()
    async with HttpVendor(shop.vendor.settings()) as vendor:
        await vend_due(shop.pool, vendor=vendor, now=lambda: shop.now)
    assert shop.one() == ("DELIVERED", None)
    shop.flat.execute(
        "INSERT INTO ledger_entry (panel_id, at, kind, units_kwh, token) VALUES (%(panel_id)s, now(), 'TOP_UP', 24.1,"
        " (SELECT token FROM vend))"
    )
    await shop.work()
    assert shop.one("state, ledger_entry_id = (SELECT id FROM ledger_entry)") == ("ACCEPTED", True)
    assert len(shop.entries()) == 1


async def test_a_token_that_another_panel_has_used_is_shown_and_not_credited(shop: Shop) -> None:
    shop.flat.execute("INSERT INTO panel (code, name, time_zone, is_prepaid) VALUES ('OTHER', 'Other', 'UTC', true)")
    shop.flat.execute(
        "INSERT INTO ledger_entry (panel_id, at, kind, units_kwh, token)"
        " SELECT id, now(), 'TOP_UP', 1, '70000000000000000000' FROM panel WHERE code = 'OTHER'"
    )
    await shop.ask()
    await shop.work()
    assert shop.one() == ("DELIVERED", "TOKEN_USED")
    await shop.work(later=timedelta(days=1))
    assert len(shop.entries()) == 1


async def test_a_token_without_units_is_shown_and_left_to_a_person(shop: Shop) -> None:
    shop.vendor.units = "N/A"
    await shop.ask()
    await shop.work()
    assert shop.one("state, reason, token, units_kwh") == ("DELIVERED", "NO_UNITS", BOUGHT[2], None)
    assert shop.entries() == []


async def test_what_a_machine_credits_is_audited(shop: Shop) -> None:
    reference = await shop.ask()
    await shop.work()
    ((actor, action, outcome, details),) = shop.flat.execute("SELECT actor, action, outcome, details FROM audit_entry")
    assert (actor, action, outcome) == ("vendor", "VEND", "DONE")
    assert (details["reference"], details["token"]) == (reference, "0000")
