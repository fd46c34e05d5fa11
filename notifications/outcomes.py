"""Defines how an attempt to send a push can end, and what a sender is."""

from dataclasses import dataclass
from typing import Protocol

from store.outbox import Push


@dataclass(frozen=True, slots=True)
class Sent:
    """The push service took it, and calls it `provider_id`."""

    provider_id: str


@dataclass(frozen=True, slots=True)
class Gone:
    """The token is dead: the app was removed, or it never was one."""

    reason: str


@dataclass(frozen=True, slots=True)
class Retry:
    """It may work later, not before `after_s` seconds where the service said so."""

    reason: str
    after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """It will never work."""

    reason: str


Outcome = Sent | Gone | Retry | Failed


class Sender(Protocol):
    """Whatever can hand a push to a push service."""

    async def send(self, push: Push) -> Outcome:
        """Makes one attempt; every way it can end is an outcome."""
        ...
