"""A worker that is killed while the vendor sells leaves a purchase that is paid once and credited once."""

import asyncio
import os
import sys
from datetime import datetime, timedelta

from market.vending import ASKED_ABOUT_AFTER
from tests.market.conftest import Shop

WITHIN_S = 60


async def test_a_worker_killed_between_the_request_and_its_record_is_made_up_for(database_url: str, shop: Shop) -> None:
    shop.vendor.pay_by = "hang"
    reference = await shop.ask()
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "kilowatch", "work", env=environment(database_url, port=shop.vendor.port)
    )
    try:
        async with asyncio.timeout(WITHIN_S):
            await shop.vendor.paid_once.wait()
    finally:
        worker.kill()
        await worker.wait()
    state, sent_at = shop.one("state, sent_at")
    assert state == "UNKNOWN"
    assert isinstance(sent_at, datetime)
    shop.now = sent_at
    await shop.work(later=ASKED_ABOUT_AFTER - timedelta(seconds=1))
    assert shop.one() == ("UNKNOWN", None)
    await shop.work(later=timedelta(seconds=2))
    assert shop.one() == ("ACCEPTED", None)
    assert (shop.vendor.paid, shop.vendor.queried) == ({reference: 1}, {reference: 1})
    assert len(shop.entries()) == 1


def environment(database_url: str, *, port: int) -> dict[str, str]:
    return os.environ | {
        "DATABASE_URL": database_url,
        "KILOWATCH_VENDOR_URL": f"http://127.0.0.1:{port}/api/",
        "KILOWATCH_VENDOR_KEY": "the-api-key",
        "KILOWATCH_VENDOR_SECRET": "the-secret-key",
        "KILOWATCH_VENDOR_SERVICE": "ikeja-electric",
        "KILOWATCH_VENDOR_PHONE": "08011111111",
    }
