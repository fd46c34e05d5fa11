"""Turns what a broker of EMQX's kind asks about a client into whether it may come in, publish or subscribe."""

import asyncio
import hmac
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final, cast
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from kilowatch.web.endpoint.answers import failure, refusal
from kilowatch.web.engine.json_text import encoded
from metering.device_rights import Action, DeviceRights
from store import registered_devices
from store.connections import Database, Pool
from store.device_secrets import is_right
from store.registered_devices import Login

MAX_BODY_BYTES: Final = 65_536
MAX_WRONG: Final = 100
"""How many wrong secrets a minute may come for one user name from one address; a right one is denied then, too.

Not for the address alone: many devices stand behind one, and a device that was revoked tries on and on.
"""

_WINDOW: Final = timedelta(minutes=1)
_MAX_COUNTS: Final = 10_000
_PREFIX: Final = "dev_"
_LONGEST_ADDRESS: Final = 64
_MISSING: Final = frozenset({"", "undefined", "null"})
"""What EMQX sends in the place of what a client has not said."""

_HEADERS: Final = {"Cache-Control": "no-store"}

Asked = Mapping[str, str]
"""What the broker says of a client, by the names of docs/brokers.md; what is missing is absent."""

_Tried = tuple[str, str]
"""From which address, and as whom."""


class Result(Enum):
    """What EMQX is told; `ignore` leaves it to whomever it asks next."""

    ALLOW = "allow"
    DENY = "deny"
    IGNORE = "ignore"


@dataclass(slots=True)
class WrongSecrets:
    """Counts wrong secrets by address and user name, for a minute."""

    _counts: OrderedDict[_Tried, tuple[datetime, int]] = field(
        default_factory=OrderedDict[_Tried, tuple[datetime, int]]
    )

    def are_too_many(self, tried: _Tried, *, at: datetime) -> bool:
        """Whether no more is looked at for the user name from the address in this minute."""
        since, count = self._counts.get(tried, (at, 0))
        return count >= MAX_WRONG and at < since + _WINDOW

    def add(self, tried: _Tried, *, at: datetime) -> None:
        """Counts one more."""
        since, count = self._counts.pop(tried, (at, 0))
        self._counts[tried] = (since, count + 1) if at < since + _WINDOW else (at, 1)
        if len(self._counts) > _MAX_COUNTS:
            self._counts.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Brokers:
    """The endpoints `/mqtt/auth` and `/mqtt/acl`, for brokers that know `secret`; 404 where it is empty."""

    pool: Pool
    secret: str = field(repr=False)
    now: Callable[[], datetime]
    wrong: WrongSecrets = field(default_factory=WrongSecrets)

    def routes(self) -> list[Route]:
        """Both of them."""
        return [Route("/mqtt/auth", self.authenticate, methods=["POST"]),
                Route("/mqtt/acl", self.authorise, methods=["POST"])]  # fmt: skip

    async def authenticate(self, request: Request) -> Response:
        """Whether a client may come in."""
        return await self._answered(request, self._may_come_in)

    async def authorise(self, request: Request) -> Response:
        """Whether a client may publish on a topic, or subscribe to a filter."""
        return await self._answered(request, self._may_do)

    async def _answered(self, request: Request, decide: Callable[[Asked], Awaitable[dict[str, Any]]]) -> Response:
        if not self.secret:
            return refusal(
                404, "BROKERS_NOT_SET_UP", "This server answers no brokers: KILOWATCH_BROKER_SECRET is not set."
            )
        if not self._is_broker(request):
            return refusal(401, "UNAUTHENTICATED", "Send the secret of KILOWATCH_BROKER_SECRET as a bearer token.")
        asked = await _asked(request)
        if asked is None:
            message = f"The body is JSON or a form of up to {MAX_BODY_BYTES:,} bytes: see docs/brokers.md."
            return refusal(400, "BAD_REQUEST", message)
        try:
            return Response(encoded(await decide(asked)), 200, _HEADERS, "application/json")
        except Exception as error:  # noqa: BLE001 - the last resort: the broker denies what it has no answer for
            return failure(error)

    def _is_broker(self, request: Request) -> bool:
        given = request.headers.get("authorization", "").encode("utf-8", "replace")
        return hmac.compare_digest(given, f"Bearer {self.secret}".encode())

    async def _may_come_in(self, asked: Asked) -> dict[str, Any]:
        username, address, at = asked.get("username", ""), asked.get("peerhost", "")[:_LONGEST_ADDRESS], self.now()
        if not username.startswith(_PREFIX):
            return {"result": Result.IGNORE.value}
        tried = (address, username[:_LONGEST_ADDRESS])
        if self.wrong.are_too_many(tried, at=at) or not _is_own_client_id(asked):
            return _denied()
        async with self.pool.connection() as connection:
            login = await _login(connection, username, at=at)
            rights = await self._known(connection, asked, login)
            if rights is None:
                self.wrong.add(tried, at=at)
                return _denied()
            await registered_devices.note_seen(connection, device_id=rights.device_id, address=address or None, at=at)
        return _let_in(rights, ends_at=login.ends_at if login and "password" in asked else None)

    async def _known(self, connection: Database, asked: Asked, login: Login | None) -> DeviceRights | None:
        """The device whose secret was sent, or whose certificate was shown in place of one."""
        password = asked.get("password")
        if password is None:
            return await _by_certificate(connection, asked)
        kept = login.hash if login else _NOBODYS
        is_secret = await asyncio.to_thread(is_right, password, kept=kept)
        return login.rights if login and is_secret else None

    async def _may_do(self, asked: Asked) -> dict[str, Any]:
        username, topic, action = asked.get("username", ""), asked.get("topic", ""), asked.get("action")
        if not username.startswith(_PREFIX):
            return {"result": Result.IGNORE.value}
        async with self.pool.connection() as connection:
            login = await _login(connection, username, at=self.now())
            rights = login.rights if login else await _by_certificate(connection, asked)
        is_own = rights is not None and (
            (action == Action.PUBLISH and rights.may_publish(topic))
            or (action == Action.SUBSCRIBE and rights.may_subscribe(topic))
        )
        return {"result": (Result.ALLOW if is_own else Result.DENY).value}


_NOBODYS: Final = "$7$101$AAAAAAAAAAAAAAAA$" + "A" * 86 + "=="
"""What a secret is checked against where there is no such login, so that both take as long."""


async def _login(connection: Database, username: str, *, at: datetime) -> Login | None:
    return next(iter(await registered_devices.logins(connection, now=at, username=username)), None)


async def _by_certificate(connection: Database, asked: Asked) -> DeviceRights | None:
    """The device that the client's certificate names, where that is how it is called too."""
    name = asked.get("cert_common_name")
    return await registered_devices.in_use(connection, name) if name and name == asked.get("username") else None


def _is_own_client_id(asked: Asked) -> bool:
    """Whether the client id is nobody else's, ingest's least of all, or the broker makes one.

    A session belongs to its id: whoever comes in under it puts the other one out, and may end what was kept for it.
    """
    device_id = asked["username"].partition("-")[0]
    return asked.get("clientid", device_id).startswith(device_id)


def _denied() -> dict[str, Any]:
    return {"result": Result.DENY.value, "is_superuser": False}


def _let_in(rights: DeviceRights, *, ends_at: datetime | None) -> dict[str, Any]:
    """A login that ends says so: EMQX 5.8 and later then hang up by themselves."""
    ending = {} if ends_at is None else {"expire_at": int(ends_at.timestamp())}
    attributes = {"device": rights.device_id, "name": rights.name}
    return {"result": Result.ALLOW.value, "is_superuser": False, "client_attrs": attributes, **ending}


async def _asked(request: Request) -> Asked | None:
    """What a body says, in JSON or as a form; None where it is neither, or too long."""
    body = await _body(request)
    if body is None:
        return None
    try:
        is_form = request.headers.get("content-type", "").lower().startswith("application/x-www-form-urlencoded")
        said: Any = dict(parse_qsl(body.decode("utf-8"), strict_parsing=True)) if is_form else json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    values = cast("dict[str, object]", said)
    return {name: value for name, value in values.items() if isinstance(value, str) and _is_said(value)}


def _is_said(value: str) -> bool:
    """Whether it is a text that MQTT knows: neither NUL nor half a character, which Postgres takes no more."""
    return value not in _MISSING and "\0" not in value and not any("\ud800" <= sign <= "\udfff" for sign in value)


async def _body(request: Request) -> bytes | None:
    kept = bytearray()
    try:
        async for chunk in request.stream():
            kept += chunk
            if len(kept) > MAX_BODY_BYTES:
                return None
    except ClientDisconnect:
        return None
    return bytes(kept)
