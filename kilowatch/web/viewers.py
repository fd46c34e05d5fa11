"""Turns a bearer token into who is asking, with the role that the account has now."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from kilowatch.web.newest import Newest
from kilowatch.web.tokens import Claim, InvalidTokenError, Tokens
from metering.access import Viewer
from resolvers.context import Context
from store import accounts
from store.connections import Pool

TRUSTED_FOR = timedelta(seconds=2)
"""How long a role that was read stays good for further requests: one read an account and 2 s, not one a request."""
_MAX_KEPT = 10_000

MakeContext = Callable[[Viewer | None, str], Context]
"""What makes the context of a request from its viewer and the client's address."""


@dataclass(slots=True)
class Viewers:
    """Reads tokens, and the role of their account from the database."""

    pool: Pool
    tokens: Tokens
    now: Callable[[], datetime]
    _kept: Newest[int, tuple[datetime, Viewer]] = field(
        default_factory=lambda: Newest[int, tuple[datetime, Viewer]](_MAX_KEPT)
    )
    _claims: Newest[str, Claim] = field(default_factory=lambda: Newest[str, Claim](_MAX_KEPT))

    async def of_token(self, token: str) -> tuple[Viewer, Claim]:
        """Who the token stands for, and what it says.

        Raises:
            InvalidTokenError: the token is not valid, has expired, or its account was removed.
        """
        claim = self._claim(token)
        return await self.of_account(claim.account_id), claim

    def _claim(self, token: str) -> Claim:
        """What the token says: its signature is checked once, which takes 60 us, its time always."""
        claim = self._claims.get(token)
        if claim is not None and claim.expires_at > self.now():
            return claim
        claim = self.tokens.read(token)
        self._claims.keep(token, claim)
        return claim

    async def of_account(self, account_id: int) -> Viewer:
        """The account as a viewer, at most 2 s old.

        Raises:
            InvalidTokenError: the account was removed.
        """
        kept = self._kept.get(account_id)
        if kept is not None and self.now() - kept[0] < TRUSTED_FOR:
            return kept[1]
        return await self._read(account_id)

    async def _read(self, account_id: int) -> Viewer:
        async with self.pool.connection() as connection:
            account = await accounts.by_id(connection, account_id)
        self._kept.drop(account_id)
        if account is None:
            raise InvalidTokenError("This account no longer exists.")
        viewer = Viewer(account.id, account.role)
        self._kept.keep(account_id, (self.now(), viewer))
        return viewer


def bearer_token(authorization: str | None) -> str | None:
    """The token of an Authorization header; None without one.

    Raises:
        InvalidTokenError: the header is of another scheme, or empty.
    """
    if authorization is None:
        return None
    scheme, _, token = authorization.strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise InvalidTokenError("Authorization must be `Bearer` and an access token of `logIn`.")
    return token.strip()


def payload_token(payload: Mapping[str, object]) -> str | None:
    """The token of a connection_init payload: `authorization` with `Bearer`, in any case, or `token`; None without.

    Raises:
        InvalidTokenError: it is not text, or of another scheme.
    """
    given = {name.lower(): value for name, value in payload.items() if value is not None}
    name = next((name for name in ("authorization", "token") if name in given), None)
    if name is None:
        return None
    found = given[name]
    if not isinstance(found, str):
        raise InvalidTokenError("The access token must be text.")
    return bearer_token(found) if name == "authorization" else found
