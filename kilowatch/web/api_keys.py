"""Turns API keys into the service accounts that they stand for, at most two seconds old."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from kilowatch.web.newest import Newest
from kilowatch.web.tokens import InvalidTokenError
from kilowatch.web.wrong_keys import WrongKeys
from metering.api_keys import KnownKey, known_key
from resolvers.attempts import network_of
from store import api_keys
from store.api_keys import Standing
from store.connections import Pool

TRUSTED_FOR: Final = timedelta(seconds=2)
USE_NOTED_EVERY: Final = timedelta(minutes=1)
NOT_GOOD: Final = "The API key is not valid: it was mistyped, was revoked or has expired."
_WAIT: Final = "Too many wrong API keys came from this network: try again in a minute."
_MAX_KEPT: Final = 10_000
_TRIES: Final = 3


@dataclass(slots=True, eq=False)
class ApiKeys:
    """Looks keys up. What is no key by its form or checksum takes no look, nor does a network that tries many out."""

    pool: Pool
    now: Callable[[], datetime]
    wrong: WrongKeys = field(default_factory=WrongKeys)
    _kept: Newest[str, tuple[datetime, Standing]] = field(
        default_factory=lambda: Newest[str, tuple[datetime, Standing]](_MAX_KEPT)
    )
    _right: Newest[str, bytes] = field(default_factory=lambda: Newest[str, bytes](_MAX_KEPT))
    """The hashes of keys that came in before: these are looked up whoever else is in their network."""
    _changes: int = 0

    async def of_text(self, text: str, *, address: str) -> tuple[str, Standing]:
        """The prefix of a key that counts, and what it stands for.

        Raises:
            InvalidTokenError: it does not count, or many wrong ones came from its network.
        """
        known = known_key(text)
        if known is None:
            raise InvalidTokenError(NOT_GOOD)
        fresh = self._fresh(known.prefix)
        if fresh is not None and hmac.compare_digest(fresh.key_hash, known.key_hash):
            return known.prefix, self._within_time(fresh)
        return known.prefix, await self._looked_up(known, address=address)

    async def of_prefix(self, prefix: str) -> Standing:
        """What a key stands for by which somebody has come in before.

        Raises:
            InvalidTokenError: it counts no more.
        """
        found = self._fresh(prefix) or await self._read(prefix, address=None)
        if found is None:
            raise InvalidTokenError(NOT_GOOD)
        return self._within_time(found)

    def forget(self) -> None:
        """Keys, or what their owners may do, may have changed: everything is read again."""
        self._kept = Newest[str, tuple[datetime, Standing]](_MAX_KEPT)
        self._changes += 1

    def _fresh(self, prefix: str) -> Standing | None:
        kept = self._kept.get(prefix)
        return kept[1] if kept is not None and self.now() - kept[0] < TRUSTED_FOR else None

    def _within_time(self, standing: Standing) -> Standing:
        if standing.expires_at is not None and standing.expires_at <= self.now():
            raise InvalidTokenError(NOT_GOOD)
        return standing

    async def _looked_up(self, known: KnownKey, *, address: str) -> Standing:
        right = self._right.get(known.prefix)
        was_right = right is not None and hmac.compare_digest(right, known.key_hash)
        if not was_right and self.wrong.are_too_many(address, at=self.now()):
            raise InvalidTokenError(_WAIT)
        found = await self._read(known.prefix, address=address, key_hash=known.key_hash)
        if found is None:
            if was_right:  # and is no more: it is tried like any other
                self._right.drop(known.prefix)
            self.wrong.note(address, at=self.now())
            raise InvalidTokenError(NOT_GOOD)
        self._right.keep(known.prefix, known.key_hash)
        return self._within_time(found)

    async def _read(self, prefix: str, *, address: str | None, key_hash: bytes | None = None) -> Standing | None:
        """What a key stands for now; None where it counts no more, or is another one than the hash says.

        A change that is announced while it is read makes it be read once more; where many come, nothing is kept of it.
        """
        found = None
        for _ in range(_TRIES):
            changes, at = self._changes, self.now()
            found = await self._asked(prefix, address=address, key_hash=key_hash, at=at)
            if changes == self._changes:
                if found is not None:
                    self._kept.keep(prefix, (at, found))
                break
        return found

    async def _asked(
        self, prefix: str, *, address: str | None, key_hash: bytes | None, at: datetime
    ) -> Standing | None:
        async with self.pool.connection() as connection:
            found = await api_keys.standing(connection, prefix)
            if found is None or not (key_hash is None or hmac.compare_digest(found.key_hash, key_hash)):
                return None
            if found.last_used_at is None or at - found.last_used_at >= USE_NOTED_EVERY:
                network = network_of(address) if address else None
                await api_keys.record_use(connection, prefix, address=network, now=at)
        return found
