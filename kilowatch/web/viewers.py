"""Turns what somebody shows into who is asking: with the role that the account has now, while it counts."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

from kilowatch.web.api_keys import ApiKeys
from kilowatch.web.newest import Newest
from kilowatch.web.tokens import ENDED, Claim, InvalidTokenError, Tokens, seconds_left
from metering.access import Viewer
from metering.api_keys import BEGINNING
from resolvers.context import Context
from store import sessions
from store.api_keys import Standing
from store.connections import Pool

TRUSTED_FOR = timedelta(seconds=2)
"""How long what was read of a session stays good for further requests: one read a session and 2 s."""
_SIGNED_FOR = timedelta(seconds=10)
"""How long a signature that was right is not checked again: its key may be dropped."""
_MAX_KEPT = 10_000


class MakeContext(Protocol):
    """What makes the context of a request from its viewer, the client's address, and the session it comes by."""

    def __call__(
        self, viewer: Viewer | None, client_address: str, *, session_id: UUID | None = None, user_agent: str = ""
    ) -> Context:
        """The context."""
        ...


@dataclass(frozen=True, slots=True)
class WayIn:
    """By what somebody has come in. `name` is how its end is announced; `expires_at` moves on when it is renewed."""

    name: str
    viewer: Viewer
    expires_at: datetime | None
    session_id: UUID | None = None
    key_prefix: str | None = None


@dataclass(slots=True, eq=False)
class Viewers:
    """Reads tokens, and from the database whether their session counts; tells whoever stays when it does no more."""

    pool: Pool
    tokens: Tokens
    now: Callable[[], datetime]
    _kept: Newest[str, tuple[datetime, WayIn]] = field(
        default_factory=lambda: Newest[str, tuple[datetime, WayIn]](_MAX_KEPT)
    )
    _claims: Newest[str, tuple[datetime, Claim]] = field(
        default_factory=lambda: Newest[str, tuple[datetime, Claim]](_MAX_KEPT)
    )
    _over: Newest[str, str] = field(default_factory=lambda: Newest[str, str](_MAX_KEPT))
    _staying: dict[str, dict[Callable[[], None], None]] = field(
        default_factory=lambda: defaultdict[str, dict[Callable[[], None], None]](dict)
    )
    _changes: int = 0
    keys: ApiKeys = field(init=False)

    def __post_init__(self) -> None:
        self.keys = ApiKeys(self.pool, self.now)

    async def of_token(self, token: str, *, address: str = "") -> WayIn:
        """Who the access token or API key stands for; `address` is the client's, who may not try keys out.

        Raises:
            InvalidTokenError: the token is not valid, has expired, or its session or account is over.
        """
        if token.startswith(BEGINNING):
            return _by_key(*await self.keys.of_text(token, address=address))
        return await self.of_session(self._claim(token).session_id)

    def _claim(self, token: str) -> Claim:
        """What the token says: its signature, which takes 90 us, is checked again after 10 s, its time always."""
        kept, now = self._claims.get(token), self.now()
        if kept is not None and now - kept[0] < _SIGNED_FOR and kept[1].expires_at > now:
            return kept[1]
        self._claims.drop(token)
        claim = self.tokens.read(token)
        self._claims.keep(token, (now, claim))
        return claim

    async def again(self, way_in: WayIn) -> WayIn:
        """The same as it is now, at most 2 s old.

        Raises:
            InvalidTokenError: it is over.
        """
        if way_in.key_prefix is not None:
            return _by_key(way_in.key_prefix, await self.keys.of_prefix(way_in.key_prefix))
        if way_in.session_id is None:
            raise InvalidTokenError(ENDED)
        return await self.of_session(way_in.session_id)

    async def of_session(self, session_id: UUID) -> WayIn:
        """Who a session stands for, at most 2 s old.

        Raises:
            InvalidTokenError: the session has ended or expired, or its account was removed or disabled.
        """
        name = name_of_session(session_id)
        kept = self._kept.get(name)
        fresh = kept[1] if kept is not None and self.now() - kept[0] < TRUSTED_FOR else None
        found = fresh or await self._read(name, session_id)
        if found.expires_at is not None and found.expires_at <= self.now():
            raise InvalidTokenError(ENDED)
        return found

    async def _read(self, name: str, session_id: UUID) -> WayIn:
        changes, at = self._changes, self.now()
        async with self.pool.connection() as connection:
            standing = await sessions.standing(connection, session_id)
        self._kept.drop(name)
        if standing is None or self._over.get(name):
            raise InvalidTokenError(ENDED)
        viewer = Viewer(standing.account_id, standing.role, may_rent=standing.may_rent)
        way_in = WayIn(name, viewer, standing.expires_at, session_id)
        if changes == self._changes:  # nothing was announced meanwhile
            self._kept.keep(name, (at, way_in))
        return way_in

    async def of_account(self, account_id: int) -> Viewer:
        """A person as a viewer, for what they were granted before.

        Raises:
            InvalidTokenError: the account was removed or disabled, or is a service account, which needs its key.
        """
        async with self.pool.connection() as connection:
            role = await sessions.role_of(connection, account_id)
        if role is None:
            raise InvalidTokenError("This account no longer exists.")
        return Viewer(account_id, role)

    # Ends

    @property
    def staying(self) -> list[str]:
        """The ways in by which somebody stays now."""
        return list(self._staying)

    def stay(self, name: str, on_end: Callable[[], None]) -> None:
        """Calls `on_end` as soon as a way in is over, until `leave`; soon, where it is over already."""
        self._staying[name][on_end] = None
        if self._over.get(name):
            asyncio.get_running_loop().call_soon(on_end)

    def leave(self, name: str, on_end: Callable[[], None]) -> None:
        """Calls it no more."""
        staying = self._staying.get(name, {})
        staying.pop(on_end, None)
        if not staying:
            self._staying.pop(name, None)

    def end(self, name: str) -> None:
        """A way in is over from now on, for ever; a key may count again, or for another time: its holders look."""
        if name.startswith(_KEY):
            self.keys.forget()
        else:
            self._over.keep(name, "ended")
        self._kept.drop(name)
        self._changes += 1
        for on_end in list(self._staying.get(name, {})):
            on_end()

    def forget(self) -> None:
        """Somebody's role or account may have changed: everything is read again."""
        self.keys.forget()
        self._kept = Newest[str, tuple[datetime, WayIn]](_MAX_KEPT)
        self._changes += 1


_KEY: Final = "key:"
_LOOK_AT_KEYS_EVERY_S: Final = 60.0


def _by_key(prefix: str, standing: Standing) -> WayIn:
    return WayIn(_KEY + prefix, standing.viewer, standing.expires_at, key_prefix=prefix)


def name_of_session(session_id: UUID) -> str:
    """How a session's end is announced."""
    return f"session:{session_id}"


@dataclass(slots=True, eq=False)
class Stay:
    """What lasts as long as the way in by which somebody has opened it: a websocket, a stream of events."""

    viewers: Viewers
    way_in: WayIn
    on_end: Callable[[], None]
    """Called once, when the way in is over."""
    _timer: asyncio.TimerHandle | None = None
    _looking: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Watches from now on, until `leave`."""
        self.viewers.stay(self.way_in.name, self._told)
        self._wait()

    def leave(self) -> None:
        """Watches no more."""
        self.viewers.leave(self.way_in.name, self._told)
        if self._timer is not None:
            self._timer.cancel()
        if self._looking is not None:
            self._looking.cancel()

    def _told(self) -> None:
        """The way in is over; of a key, something has changed."""
        if self.way_in.key_prefix is None:
            self._end()
        else:
            self._look()

    def _end(self) -> None:
        self.leave()
        self.on_end()

    def _wait(self) -> None:
        expires_at, left_s = self.way_in.expires_at, None
        if expires_at is not None:
            left_s = seconds_left(expires_at, now=self.viewers.now())
        if self.way_in.key_prefix is not None:
            left_s = _LOOK_AT_KEYS_EVERY_S if left_s is None else min(left_s, _LOOK_AT_KEYS_EVERY_S)
        if left_s is not None:
            self._timer = asyncio.get_running_loop().call_later(left_s, self._look)

    def _look(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._looking is not None:
            self._looking.cancel()
        self._looking = asyncio.create_task(self._renewed())

    async def _renewed(self) -> None:
        """At the time when it was to expire: whether it was renewed meanwhile."""
        try:
            self.way_in = await self.viewers.again(self.way_in)
        except InvalidTokenError:
            self._looking = None
            self._end()
        except Exception:  # noqa: BLE001 - the database is away: it is asked again
            self._timer = asyncio.get_running_loop().call_later(_LOOK_AGAIN_S, self._look)
        else:
            self._wait()


_LOOK_AGAIN_S = 5.0


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
