"""Turns what is known of a session and the refresh token that was shown into whether it is renewed."""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

RETRY_WITHIN: Final = timedelta(seconds=10)
"""So long the token before the last one is taken for a client's that did not get the last answer."""
LONGEST: Final = timedelta(days=365)
"""No session lasts longer, however often it is renewed."""


class SessionKind(Enum):
    """How a session began."""

    PASSWORD = "PASSWORD"  # noqa: S105 - a kind, not a secret
    CODE = "CODE"
    FIREBASE = "FIREBASE"
    SIGN_UP = "SIGN_UP"


class SessionEnd(Enum):
    """Why a session ended before its time."""

    LOGGED_OUT = "LOGGED_OUT"
    ENDED = "ENDED"
    REUSED = "REUSED"
    PASSWORD_CHANGED = "PASSWORD_CHANGED"  # noqa: S105 - a reason, not a secret
    DISABLED = "DISABLED"
    ENDED_BY_OPERATOR = "ENDED_BY_OPERATOR"


class Renewal(Enum):
    """What becomes of a wish to renew a session."""

    RENEWED = "RENEWED"
    RETRIED = "RETRIED"
    REUSED = "REUSED"
    OVER = "OVER"


@dataclass(frozen=True, slots=True)
class RefreshState:
    """What is kept of a session's refresh tokens: hashes of 32 bytes, and instants in UTC."""

    refresh_hash: bytes
    previous_hash: bytes | None
    refreshed_at: datetime | None
    expires_at: datetime
    has_ended: bool


def renewal(state: RefreshState, *, shown_hash: bytes, now: datetime) -> Renewal:
    """Whether the token that was shown renews the session.

    RETRIED is the token before the last one within 10 s, while nobody has shown the last one: its answer was lost. Any
    other that counted once was stolen, or replaced what was: REUSED, and the session must end.
    """
    if state.has_ended or state.expires_at <= now:
        return Renewal.OVER
    if hmac.compare_digest(state.refresh_hash, shown_hash):
        return Renewal.RENEWED
    is_previous = state.previous_hash is not None and hmac.compare_digest(state.previous_hash, shown_hash)
    if is_previous and state.refreshed_at is not None and now - state.refreshed_at <= RETRY_WITHIN:
        return Renewal.RETRIED
    return Renewal.REUSED


def expiry(*, now: datetime, idle: timedelta, last_until: datetime) -> datetime:
    """Until when a session that was renewed now lasts without being renewed again."""
    return min(now + idle, last_until)
