"""Turns what each client has spent lately into what it may still spend."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from kilowatch.web.newest import Newest

MAX_COST: Final = 100_000
"""Points of one operation, unless set otherwise: about a second of CPU."""
COST_PER_MINUTE: Final = 3_000_000
"""Points of an account, unless set otherwise: about half a core."""
WINDOW_S: Final = 60.0
_MAX_CLIENTS: Final = 50_000

Client = int | str
"""An account's id, or the network of somebody who has not signed in."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a client may spend: `limit` points a minute, of which `remaining` are left; full again in `full_in_s`."""

    limit: int
    remaining: int
    full_in_s: float


class OverBudgetError(Exception):
    """A client has spent too much; what it asked for fits in `wait_s` seconds."""

    def __init__(self, allowance: Allowance, wait_s: float) -> None:
        self.allowance, self.wait_s = allowance, wait_s
        super().__init__(f"{allowance.remaining} of {allowance.limit} points are left")


@dataclass(slots=True)
class _Purse:
    """What one client had spent and not yet earned back at an instant."""

    spent: float
    at: datetime


@dataclass(slots=True)
class Budgets:
    """One process's purses: a minute's points at once at the most, which come back evenly.

    Each process counts for itself and forgets at its end. The 50,000 clients that asked last are known; one that is
    forgotten has its whole budget again.
    """

    now: Callable[[], datetime]
    _purses: Newest[Client, _Purse] = field(default_factory=lambda: Newest[Client, _Purse](_MAX_CLIENTS))

    def spend(self, cost: int, *, client: Client, limit: int) -> Allowance:
        """Takes `cost` points of a client that has `limit` a minute, and says what is left.

        Raises:
            OverBudgetError: so many are not left; nothing was taken.
        """
        purse = self._purse(client, limit=limit)
        if purse.spent > 0 and purse.spent + cost > limit:  # a full purse pays for anything: it could wait no longer
            raise OverBudgetError(_allowance(purse, limit=limit), (purse.spent + cost - limit) * WINDOW_S / limit)
        purse.spent += cost
        return _allowance(purse, limit=limit)

    def take(self, cost: int, *, client: Client, limit: int) -> Allowance:
        """Takes `cost` points of what has been done already, whether so many are left or not."""
        purse = self._purse(client, limit=limit)
        purse.spent += cost
        return _allowance(purse, limit=limit)

    def _purse(self, client: Client, *, limit: int) -> _Purse:
        """The client's purse, with what came back since it was last looked into."""
        now = self.now()
        purse = self._purses.get(client)
        if purse is None:
            purse = _Purse(0.0, now)
            self._purses.keep(client, purse)
            return purse
        earned = max((now - purse.at) / timedelta(seconds=WINDOW_S), 0.0) * limit
        purse.spent, purse.at = max(purse.spent - earned, 0.0), now
        return purse


def _allowance(purse: _Purse, *, limit: int) -> Allowance:
    remaining = max(math.floor(limit - purse.spent), 0)
    return Allowance(limit, remaining, purse.spent * WINDOW_S / limit)
