"""Turns an account into a signed access token for a while, and a token back into the account."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from resolvers.sessions import AccessToken

MIN_KEY_BYTES = 32
_ALGORITHM = "HS256"
_ISSUER = "kilowatch"

EXPIRED = "The access token has expired: sign in again."


class InvalidTokenError(Exception):
    """A token is not ours, was changed, or has expired."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Whose a token is, and until when."""

    account_id: int
    expires_at: datetime


def seconds_left(expires_at: datetime, *, now: datetime) -> float:
    """How long a token still counts; 0 when it has expired."""
    return max((expires_at - now).total_seconds(), 0.0)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Issues tokens (JWT, HS256) and reads them. A token names an account and nothing else: no role, no panels."""

    key: bytes
    lifetime: timedelta
    now: Callable[[], datetime]

    def __post_init__(self) -> None:
        if len(self.key) < MIN_KEY_BYTES:
            raise ValueError(f"the signing key has {len(self.key)} bytes; it needs {MIN_KEY_BYTES}")

    def issue(self, account_id: int) -> AccessToken:
        """A token for the account, from now on for the set lifetime."""
        issued_at = self.now().replace(microsecond=0)
        expires_at = issued_at + self.lifetime
        claims = {"iss": _ISSUER, "sub": str(account_id), "iat": issued_at, "exp": expires_at}
        return AccessToken(jwt.encode(claims, self.key, algorithm=_ALGORITHM), expires_at)

    def read(self, token: str) -> Claim:
        """Whose the token is.

        Raises:
            InvalidTokenError: it is not ours, was changed, or has expired.
        """
        try:
            claims = self._verified(token)
            claim = Claim(int(claims["sub"]), datetime.fromtimestamp(claims["exp"], UTC))
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, OSError) as error:
            raise InvalidTokenError("The access token is not valid: sign in again.") from error
        if claim.expires_at <= self.now():
            raise InvalidTokenError(EXPIRED)
        return claim

    def _verified(self, token: str) -> dict[str, Any]:
        """The claims under our signature; when they expire is left to our own clock."""
        return jwt.decode(
            token,
            self.key,
            algorithms=[_ALGORITHM],
            issuer=_ISSUER,
            options={"require": ["exp", "sub", "iss"], "verify_exp": False, "verify_iat": False},
        )
