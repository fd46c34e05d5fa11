"""Turns attempts to sign in into a pause when there are too many, whether or not the account exists."""

import ipaddress
import math
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from metering.refusals import Refused

WINDOW = timedelta(minutes=15)
MAX_PER_ACCOUNT = 10
MAX_PER_ADDRESS = 60
_MAX_KEYS = 50_000

Key = tuple[str, ...]


@dataclass(slots=True)
class Attempts:
    """Counts the unsuccessful attempts of the last 15 minutes: 10 an account and address, 60 an address.

    Each process counts for itself and forgets at its end. An attempt counts from its start, so that many at once
    are not checked side by side.
    """

    _started: OrderedDict[Key, deque[datetime]] = field(default_factory=OrderedDict[Key, deque[datetime]])

    def begin(self, *, email: str, address: str, at: datetime) -> None:
        """Counts one more attempt.

        Raises:
            Refused: TOO_MANY_ATTEMPTS; the message says when to try again.
        """
        network = network_of(address)
        counted = [
            (self._recent((network, email), at=at), MAX_PER_ACCOUNT),
            (self._recent((network,), at=at), MAX_PER_ADDRESS),
        ]
        for started, most in counted:
            if len(started) >= most:
                raise _too_many(started[0] + WINDOW - at)
        for started, _ in counted:
            started.append(at)

    def forgive(self, *, email: str, address: str) -> None:
        """Forgets the attempts on an account from an address: one of them was right."""
        own = self._started.pop((network_of(address), email), deque[datetime]())
        shared = self._started.get((network_of(address),), deque[datetime]())
        for at in own:
            if at in shared:
                shared.remove(at)

    def _recent(self, key: Key, *, at: datetime) -> deque[datetime]:
        started = self._started.setdefault(key, deque[datetime]())
        self._started.move_to_end(key)
        while started and started[0] <= at - WINDOW:
            started.popleft()
        while len(self._started) > _MAX_KEYS:
            self._started.popitem(last=False)
        return started


def network_of(address: str) -> str:
    """The address, or for IPv6 its /64: one household or server has all of that."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(parsed if parsed.version == 4 else ipaddress.ip_network((parsed.packed, 64), strict=False))


def _too_many(wait: timedelta) -> Refused:
    minutes = math.ceil(wait.total_seconds() / 60)
    return Refused("TOO_MANY_ATTEMPTS", f"Too many attempts to sign in. Try again in {minutes} min.", "email")
