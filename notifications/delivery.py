"""Takes due messages from the outbox to the push service, and keeps what became of each."""

import asyncio
import logging
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from notifications.backoff import MAX_ATTEMPTS, retry_delay_s
from notifications.outcomes import Failed, Gone, Outcome, Retry, Sender, Sent
from store import outbox, push_devices
from store.connections import Database, Pool
from store.outbox import Push

_log = logging.getLogger(__name__)

BATCH = 50
SENDS_AT_ONCE = 8
LEASE = timedelta(minutes=5)
"""How long a claimed message is its worker's: longer than a batch of sends that all time out."""

MAX_AGE = timedelta(days=1)
"""Warnings older than this are not sent any more."""


def random_jitter() -> float:
    """An even share from 0 up to 1."""
    return secrets.randbelow(1 << 20) / (1 << 20)


async def deliver_due(pool: Pool, *, sender: Sender, now: datetime, jitter: Callable[[], float] = random_jitter) -> int:
    """Sends up to 50 messages that are due, records how each ended, and returns how many it took.

    Each message is sent at least once: a worker that dies between the push service's answer and the record sends it
    again when its lease ends. The phone shows it once all the same, because a repeated message carries the same alert
    id and the same collapse key, which replaces the notification instead of adding one.
    """
    async with pool.connection() as connection:
        await outbox.expire(connection, raised_before=now - MAX_AGE)
        claimed = await outbox.claim(connection, now=now, leased_until=now + LEASE, limit=BATCH)
    places = asyncio.Semaphore(SENDS_AT_ONCE)

    async def deliver(push: Push) -> None:
        async with places:
            outcome = await _attempt(sender, push)
        async with pool.connection() as connection:
            await _record(connection, push, outcome, now=now, jitter=jitter())

    await asyncio.gather(*(deliver(push) for push in claimed))
    return len(claimed)


async def _attempt(sender: Sender, push: Push) -> Outcome:
    """One attempt; a fault of ours is logged and tried again like an outage."""
    try:
        return await sender.send(push)
    except Exception as fault:  # noqa: BLE001 - one message must not hold up the others
        _log.exception("push %d could not be sent", push.id)
        return Retry(f"internal fault: {type(fault).__name__}")


async def _record(connection: Database, push: Push, outcome: Outcome, *, now: datetime, jitter: float) -> None:
    match outcome:
        case Sent(provider_id):
            await outbox.record_sent(connection, push.id, provider_id=provider_id, now=now)
        case Gone(reason):
            _log.info("push device %d is gone: %s", push.push_device_id, reason)
            await push_devices.remove(connection, push.push_device_id)
        case Failed(reason):
            _log.warning("push %d failed: %s", push.id, reason)
            await outbox.record_failed(connection, push.id, reason=reason)
        case Retry(reason, after_s) if push.attempts < MAX_ATTEMPTS:
            delay = timedelta(seconds=retry_delay_s(push.attempts, jitter=jitter, retry_after_s=after_s))
            await outbox.record_retry(connection, push.id, next_attempt_at=now + delay, reason=reason)
        case Retry(reason):
            _log.warning("push %d given up after %d attempts: %s", push.id, push.attempts, reason)
            await outbox.record_failed(connection, push.id, reason=reason)
