"""Takes due messages about accounts from the outbox to mail and text messages, and erases what they said."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from metering.contacts import Channel, Contact
from notifications.backoff import MAX_ATTEMPTS, retry_delay_s
from notifications.delivery import random_jitter
from notifications.message_wording import Words, worded
from store import account_messages
from store.account_messages import Message
from store.connections import Pool

_log = logging.getLogger(__name__)

BATCH = 50
SENDS_AT_ONCE = 8
LEASE = timedelta(minutes=5)
"""How long a claimed message is its worker's: longer than a batch of sends that all time out."""


class MessageSender(Protocol):
    """Whatever can hand a message to mail or text messages."""

    @property
    def channels(self) -> frozenset[Channel]:
        """What it can send by."""
        ...

    async def send(self, contact: Contact, words: Words) -> bool:
        """Makes one attempt: whether the far end took the message."""
        ...


async def send_due(
    pool: Pool, *, sender: MessageSender, now: datetime, jitter: Callable[[], float] = random_jitter
) -> int:
    """Sends up to 50 messages that are due, records how each ended, and returns how many it took.

    Each message is sent at least once: a worker that dies between the far end's answer and the record leaves it to
    another, after its lease. A code that comes twice is the same code; one whose time is over is not sent any more.
    """
    async with pool.connection() as connection:
        await account_messages.expire(connection, now=now)
        claimed = await account_messages.claim(
            connection, channels=sender.channels, now=now, leased_until=now + LEASE, limit=BATCH
        )
    places = asyncio.Semaphore(SENDS_AT_ONCE)

    async def send(message: Message) -> None:
        async with places:
            reason = await _attempt(sender, message)
        await _record(pool, message, reason, now=now, jitter=jitter())

    await asyncio.gather(*(send(message) for message in claimed))
    return len(claimed)


async def _attempt(sender: MessageSender, message: Message) -> str | None:
    """None once it was taken, else why it was not; never what was sent, nor to whom or by which address."""
    try:
        return None if await sender.send(message.contact, worded(message)) else "the far end did not take it"
    except TimeoutError:
        return "the far end did not answer in time"
    except Exception as fault:  # noqa: BLE001 - one message must not hold up the others
        _log.error("message %d could not be sent: %s", message.id, type(fault).__name__)
        return f"internal fault: {type(fault).__name__}"


async def _record(pool: Pool, message: Message, reason: str | None, *, now: datetime, jitter: float) -> None:
    async with pool.connection() as connection:
        if reason is None:
            await account_messages.record_sent(connection, message.id)
        elif message.attempts < MAX_ATTEMPTS:
            next_at = now + timedelta(seconds=retry_delay_s(message.attempts, jitter=jitter))
            await account_messages.record_retry(connection, message.id, next_attempt_at=next_at, reason=reason)
        else:
            _log.warning("message %d given up after %d attempts: %s", message.id, message.attempts, reason)
            await account_messages.record_failed(connection, message.id, reason=reason)
