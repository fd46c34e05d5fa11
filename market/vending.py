"""Takes purchases that are due to the vendor: each is sent once, and asked about by its reference until it is clear."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from market.vendors import (
    Answer,
    Declined,
    Delivered,
    Known,
    NotKnown,
    NotSent,
    NotTold,
    Order,
    Payment,
    Unclear,
    Unseen,
    Vendor,
)
from metering.money import Money
from metering.vending import FORGOTTEN_AFTER, SEND_WITHIN, UNSENT_AFTER, VendState, ask_again_after, moved
from store import vend_work
from store.connections import Pool
from store.vend_work import DueVend

_log = logging.getLogger(__name__)

BATCH: Final = 20
AT_ONCE: Final = 10
LEASE: Final = timedelta(minutes=10)
"""How long a claimed purchase is its worker's: longer than a batch whose every request times out."""

ASKED_ABOUT_AFTER: Final = timedelta(seconds=90)
"""How long after a request went out the vendor is asked about it, where the worker that sent it says nothing: when no
answer can come any more. Asking too early would do no harm."""

REFUSED_METER: Final = "METER_NOT_FOUND"
DECLINED: Final = "DECLINED"
NOT_SENT: Final = "NOT_SENT"
UNSEEN: Final = "NOT_SEEN"


async def vend_due(pool: Pool, *, vendor: Vendor, now: Callable[[], datetime]) -> int:
    """Sends, or asks about, up to 20 purchases that are due, records how each ended, and returns how many it took.

    A worker may die, and another may take a purchase over, at any point: before it was marked as sent, it is sent by
    whoever comes next; afterwards, by nobody, and the vendor is asked what became of it.
    """
    async with pool.connection() as connection:
        due = await vend_work.claim(connection, now=now(), leased_until=now() + LEASE, limit=BATCH)
    places = asyncio.Semaphore(AT_ONCE)

    async def advance(vend: DueVend) -> None:
        async with places:
            try:
                await _advanced(pool, vend, vendor=vendor, now=now)
            except Exception:  # noqa: BLE001 - one purchase must not hold up the others
                _log.exception("vend %s could not be advanced", vend.reference)

    await asyncio.gather(*(advance(vend) for vend in due))
    return len(due)


async def _advanced(pool: Pool, vend: DueVend, *, vendor: Vendor, now: Callable[[], datetime]) -> None:
    if VendState(vend.state) is VendState.UNKNOWN:
        answer = await vendor.query(vend.reference)
        await _record(pool, vend, answer, now=now())
        return
    if not await _is_known(pool, vend, vendor=vendor, now=now):
        return
    moved(VendState.REQUESTED, VendState.UNKNOWN)
    before = now()
    async with pool.connection() as connection:
        is_ours = await vend_work.mark_sending(connection, vend, now=before, ask_at=before + ASKED_ABOUT_AFTER)
    if is_ours:
        is_in_time = now() - before <= SEND_WITHIN
        paid = await vendor.pay(_order(vend)) if is_in_time else NotSent("the worker was held up")
        await _record_paid(pool, vend, paid, sent_at=before, now=now())


def _order(vend: DueVend) -> Order:
    return Order(vend.reference, vend.meter_number, Money(vend.amount, vend.currency), vend.requested_at)


async def _is_known(pool: Pool, vend: DueVend, *, vendor: Vendor, now: Callable[[], datetime]) -> bool:
    """Whether the vendor sells to the meter; otherwise nothing is sent, and why is noted."""
    match await vendor.verify(vend.meter_number):
        case Known():
            return True
        case NotKnown(detail):
            await _fail(pool, vend, state=VendState.REQUESTED, reason=REFUSED_METER, detail=detail)
        case NotTold(detail):
            await _wait_to_send(pool, vend, detail=detail, now=now())
    return False


async def _wait_to_send(pool: Pool, vend: DueVend, *, detail: str, now: datetime) -> None:
    if now - vend.requested_at > UNSENT_AFTER:
        await _fail(pool, vend, state=VendState.REQUESTED, reason=NOT_SENT, detail=detail)
        return
    again_at = now + ask_again_after(vend.attempts - 1)
    async with pool.connection() as connection:
        await vend_work.record_later(connection, vend.id, state=VendState.REQUESTED, again_at=again_at, detail=detail)


async def _record_paid(pool: Pool, vend: DueVend, paid: Payment, *, sent_at: datetime, now: datetime) -> None:
    """Keeps what became of the request for payment, by who has sent it."""
    if not isinstance(paid, NotSent):
        await _record(pool, vend, paid, now=now, is_first=True)
        return
    moved(VendState.UNKNOWN, VendState.REQUESTED)
    again_at = now + ask_again_after(vend.attempts - 1)
    async with pool.connection() as connection:
        await vend_work.record_not_sent(connection, vend, sent_at=sent_at, again_at=again_at, detail=paid.detail)


async def _record(pool: Pool, vend: DueVend, answer: Answer, *, now: datetime, is_first: bool = False) -> None:
    """Keeps what the vendor says of a purchase that was sent."""
    match answer:
        case Delivered(token, units_kwh, vendor_reference):
            moved(VendState.UNKNOWN, VendState.DELIVERED)
            async with pool.connection() as connection:
                await vend_work.record_delivered(
                    connection, vend.id, token=token, units_kwh=units_kwh, vendor_reference=vendor_reference, now=now
                )
        case Declined(detail):
            await _fail(pool, vend, state=VendState.UNKNOWN, reason=DECLINED, detail=detail)
        case Unseen(detail) if vend.sent_at is not None and now - vend.sent_at > FORGOTTEN_AFTER:
            await _fail(pool, vend, state=VendState.UNKNOWN, reason=UNSEEN, detail=detail)
        case Unseen(detail) | Unclear(detail):
            again_at = now + ask_again_after(0 if is_first else vend.attempts - 1)
            async with pool.connection() as connection:
                await vend_work.record_later(
                    connection, vend.id, state=VendState.UNKNOWN, again_at=again_at, detail=detail
                )


async def _fail(pool: Pool, vend: DueVend, *, state: VendState, reason: str, detail: str) -> None:
    moved(state, VendState.FAILED)
    _log.warning("vend %s failed: %s", vend.reference, reason)
    async with pool.connection() as connection:
        await vend_work.record_failed(connection, vend.id, state=state, reason=reason, detail=detail)
