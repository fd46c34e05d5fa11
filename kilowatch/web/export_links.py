"""Turns a granted download into a signed link for 10 minutes, and a link back into what was granted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from metering.tenures import Tenure
from metering.transfer import TransferFormat
from resolvers.exports import ExportGrant, ExportLink

GOOD_FOR = timedelta(minutes=10)
PATH = "/export/"
_ALGORITHM = "HS256"
_ISSUER, _AUDIENCE = "kilowatch", "kilowatch/export"


class InvalidLinkError(Exception):
    """A link is not ours, was changed, or has expired."""


@dataclass(frozen=True, slots=True)
class ExportLinks:
    """Issues links and reads them.

    They are signed with the key of sessions, for an audience of their own: a session is no link, and a link is no
    session, because each reader refuses the other's audience. A link says what may be downloaded and by whom, not that
    it still may: that is asked when it is used.
    """

    key: bytes
    now: Callable[[], datetime]

    def issue(self, grant: ExportGrant) -> ExportLink:
        """A link that is good for what was granted."""
        expires_at = self.now().astimezone(UTC).replace(microsecond=0) + GOOD_FOR
        claims = {
            "iss": _ISSUER,
            "aud": _AUDIENCE,
            "sub": str(grant.account_id),
            "exp": expires_at,
            "panel": grant.panel_code,
            "from": grant.since.isoformat(),
            "to": grant.until.isoformat(),
            "format": grant.file_format.value,
            "tenure": grant.tenure and [_instant(grant.tenure.since), _instant(grant.tenure.until)],
        }
        return ExportLink(PATH + jwt.encode(claims, self.key, algorithm=_ALGORITHM), expires_at)

    def read(self, token: str) -> ExportGrant:
        """What the last part of a link grants.

        Raises:
            InvalidLinkError: it is not ours, was changed, or has expired.
        """
        try:
            claims = self._verified(token)
            if datetime.fromtimestamp(claims["exp"], UTC) <= self.now():
                raise InvalidLinkError
            since, until = (datetime.fromisoformat(claims[name]) for name in ("from", "to"))
            file_format, tenure = TransferFormat(claims["format"]), _tenure(claims["tenure"])
            return ExportGrant(int(claims["sub"]), claims["panel"], since, until, file_format, tenure)
        except (jwt.PyJWTError, KeyError, ValueError, TypeError, OverflowError, OSError) as error:
            raise InvalidLinkError from error

    def _verified(self, token: str) -> dict[str, Any]:
        """The claims under our signature; when they expire is left to our own clock."""
        return jwt.decode(
            token,
            self.key,
            algorithms=[_ALGORITHM],
            issuer=_ISSUER,
            audience=_AUDIENCE,
            options={"require": ["exp", "sub", "iss", "aud"], "verify_exp": False, "verify_iat": False},
        )


def _instant(at: datetime | None) -> str | None:
    return at and at.isoformat()


def _tenure(claimed: Sequence[str | None] | None) -> Tenure | None:
    if claimed is None:
        return None
    since, until = claimed
    return Tenure(datetime.fromisoformat(str(since)), None if until is None else datetime.fromisoformat(until))
