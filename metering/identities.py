"""Says what another provider of sign-ins vouches for, and how it is asked."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody, as a provider knows them; contacts are only those that it has verified."""

    name: str | None
    email: str | None
    phone: str | None


class InvalidIdentityError(Exception):
    """What was shown is not the provider's, was changed, is for somebody else, or has expired."""


class IdentityUnavailableError(Exception):
    """The provider's keys cannot be had now."""


class IdentityCheck(Protocol):
    """One provider."""

    async def verified(self, id_token: str) -> Identity:
        """Whom the token stands for.

        Raises:
            InvalidIdentityError: nobody.
            IdentityUnavailableError: it cannot be said now.
        """
        ...

    def close(self) -> None:
        """Ends what it runs."""
        ...
