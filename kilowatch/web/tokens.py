"""Turns a session into a signed access token for a short while, and a token back into the session."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from kilowatch.web.signing_keys import BadSignatureError, Signing
from resolvers.sessions import AccessToken

AUDIENCE: Final = "kilowatch"
EXPIRED = "The access token has expired: renew it by `refreshSession`, or sign in again."
ENDED = "The session has ended: sign in again."


class InvalidTokenError(Exception):
    """A token is not ours, was changed, or has expired; or what it was issued for has ended."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Which session a token is of, and until when the token counts (UTC)."""

    account_id: int
    session_id: UUID
    expires_at: datetime


def seconds_left(expires_at: datetime, *, now: datetime) -> float:
    """How long something still counts; 0 when it has expired."""
    return max((expires_at - now).total_seconds(), 0.0)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Issues access tokens and reads them. A token names a session and its account: no role, no panels."""

    signing: Signing
    lifetime: timedelta
    now: Callable[[], datetime]

    def issue(self, account_id: int, session_id: UUID) -> AccessToken:
        """A token for the session, from now on for the set lifetime."""
        claims = {"sub": str(account_id), "sid": str(session_id)}
        issued = self.signing.issue(claims, audience=AUDIENCE, lifetime=self.lifetime)
        return AccessToken(issued.token, issued.expires_at)

    def read(self, token: str) -> Claim:
        """Whose the token is.

        Raises:
            InvalidTokenError: it is not ours, was changed, or has expired.
        """
        try:
            claims = self.signing.read(token, audience=AUDIENCE)
            claim = Claim(int(claims["sub"]), UUID(claims["sid"]), datetime.fromtimestamp(claims["exp"], UTC))
        except (BadSignatureError, LookupError, ValueError, TypeError, AttributeError, OverflowError, OSError) as error:
            raise InvalidTokenError("The access token is not valid: sign in again.") from error
        if claim.expires_at <= self.now():
            raise InvalidTokenError(EXPIRED)
        return claim
