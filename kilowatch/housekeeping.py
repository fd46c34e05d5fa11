"""Turns how long things are to be kept into partitions made, rows removed and chunks compressed."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from kilowatch.settings import Settings
from store import account_messages, api_keys, audit, one_time_codes, partitions, retention, sessions, sign_in_limits
from store.connections import Database, Pool
from store.retention import Level

AHEAD = timedelta(days=62)
"""How far ahead partitions are made: two months."""

SESSIONS_KEPT_FOR = timedelta(days=30)
"""How long sessions that are over are remembered: so long a stolen refresh token is known as what it is."""

MESSAGES_KEPT_FOR = timedelta(days=1)
"""How long it is remembered what became of mail and text messages; what they said is erased at once."""

KEYS_KEPT_FOR = timedelta(days=90)
"""How long API keys that are over are listed."""

_SHOWN = {Level.READINGS: "readings", Level.FIVE_MINUTES: "sums of five minutes", Level.HOURS: "sums of hours"}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Keeping:
    """For how many days each is kept, 0 for ever; and after how many days readings are compressed, 0 never."""

    readings_days: int = 0
    five_minutes_days: int = 0
    hours_days: int = 0
    rejected_days: int = 0
    audit_days: int = 0
    compress_after_days: int = 0

    @classmethod
    def of(cls, settings: Settings) -> "Keeping":
        """As the settings say."""
        return cls(
            readings_days=settings.keep_readings_days,
            five_minutes_days=settings.keep_five_minutes_days,
            hours_days=settings.keep_hours_days,
            rejected_days=settings.keep_rejected_days,
            audit_days=settings.keep_audit_days,
            compress_after_days=settings.compress_after_days,
        )


async def keep_house(pool: Pool, *, keeping: Keeping, now: datetime) -> None:
    """Makes the months ahead, and removes and compresses what is old enough; what is in use is left for the next time.

    A horizon is announced at one time and reached at another, minutes later, when every writer knows it.
    """
    async with pool.connection() as connection:
        if not await partitions.make_months(connection, now=now, until=now + AHEAD):
            _log.info("next months' partitions wait: the table is in use")
        await _announce(connection, keeping=keeping, now=now)
        await _remove_due(connection, now=now)
        await _compress(connection, keeping=keeping, now=now)
        await sessions.remove_old(connection, until=now - SESSIONS_KEPT_FOR)
        await one_time_codes.remove_old(connection, until=now)
        await account_messages.expire(connection, now=now)
        await account_messages.remove_old(connection, until=now - MESSAGES_KEPT_FOR)
        await sign_in_limits.remove_old(connection, now=now)
        await api_keys.remove_old(connection, until=now - KEYS_KEPT_FOR)
        if keeping.rejected_days:
            await retention.remove_rejected(connection, until=now - timedelta(days=keeping.rejected_days))
        if keeping.audit_days:
            await audit.remove_before(connection, until=now - timedelta(days=keeping.audit_days))


async def _announce(connection: Database, *, keeping: Keeping, now: datetime) -> None:
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if keeping.readings_days:
        since = await partitions.horizon(connection, wanted=now - timedelta(days=keeping.readings_days))
        if since is not None:
            await _announce_level(connection, Level.READINGS, since=since, now=now)
    for level, days in ((Level.FIVE_MINUTES, keeping.five_minutes_days), (Level.HOURS, keeping.hours_days)):
        if days:
            await _announce_level(connection, level, since=today - timedelta(days=days), now=now)


async def _announce_level(connection: Database, level: Level, *, since: datetime, now: datetime) -> None:
    if await retention.announce(connection, level, since=since, now=now):
        refused_before = await retention.refused_before(connection)
        _log.info(
            "%s before %s will be removed in two minutes; from now on and for ever, readings before %s are TOO_OLD",
            _SHOWN[level],
            since.isoformat(),
            refused_before.isoformat() if refused_before else "no instant",
        )


async def _remove_due(connection: Database, *, now: datetime) -> None:
    if span := await retention.due(connection, Level.READINGS, now=now):
        is_done = await partitions.remove_readings(connection, until=span.until)
        words = "readings before %s were removed" if is_done else "readings before %s stay for now: the table is in use"
        _log.info(words, span.until.isoformat())
    for level, remove in ((Level.FIVE_MINUTES, retention.remove_five_minutes), (Level.HOURS, retention.remove_hours)):
        if span := await retention.due(connection, level, now=now):
            removed = await remove(connection, span)
            await retention.mark_removed(connection, level, until=span.until)
            _log.info("%s before %s were removed: %d", _SHOWN[level], span.until.isoformat(), removed)


async def _compress(connection: Database, *, keeping: Keeping, now: datetime) -> None:
    if not keeping.compress_after_days:
        return
    until = now - timedelta(days=keeping.compress_after_days)
    while chunk := await partitions.compress(connection, until=until):
        _log.info("compressed %s", chunk)
