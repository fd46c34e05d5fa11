"""Stands in for the far ends of FCM, mail and text messages: takes real requests on loopback and shows them."""

import json
import secrets
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, quote

import jwt
import uvicorn
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from kilowatch.demo.push_page import rendered
from kilowatch.demo.push_protocol import (
    Arrived,
    Refusal,
    SendRequest,
    arrived,
    arrived_written,
    fault_of,
    parsed,
    parsed_written,
    refusal,
)

PROJECT = "kilowatch-demo"
_GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
# Whatever the key file's token_uri, google-auth signs for this audience.
_AUDIENCE = "https://oauth2.googleapis.com/token"
_TOKEN_LIFETIME_S = 3600
_KEPT_MESSAGES = 1000
_POLL_S = 0.01


class PushStandIn:
    """A push service of our own on a free port of loopback, from `with` until its end.

    `url` is what FcmSender takes as `fcm_url`, `credentials` the key file of a service account that is made at run
    time and is good for nothing else. Open `url` in a browser to see the notifications, or read `url`/messages.
    `on_message` is called in the server's thread for each one.
    """

    def __init__(self, folder: Path, *, port: int = 0, on_message: Callable[[Arrived], None] | None = None) -> None:
        self._on_message = on_message
        self._messages: deque[Arrived] = deque(maxlen=_KEPT_MESSAGES)
        self._seen_targets: set[str] = set()
        self._access_tokens: set[str] = set()
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._socket = socket.create_server(("127.0.0.1", port))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.credentials = self._written_credentials(folder)
        config = uvicorn.Config(self._app(), ws="none", lifespan="off", log_config=None, access_log=False)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="push stand-in", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()
        self.credentials.unlink(missing_ok=True)

    def written_to(self, channel: str) -> str:
        """Apprise's address for what is written to people by `mail` or `text message`, with `{to}` in it."""
        address = self.url.replace("http://", "json://")
        return f"{address}/written?:to={{to}}&:channel={quote(channel)}"

    @property
    def messages(self) -> list[Arrived]:
        """What arrived, oldest first; the newest thousand."""
        return list(self._messages)

    def wait_for(self, count: int, *, within_s: float) -> list[Arrived]:
        """What arrived, once that many have.

        Raises:
            TimeoutError: fewer arrived in time.
        """
        ends_at = time.monotonic() + within_s
        while len(self._messages) < count:
            if time.monotonic() > ends_at:
                raise TimeoutError(f"{len(self._messages)} of {count} pushes arrived in {within_s} s")
            time.sleep(_POLL_S)
        return self.messages

    def _written_credentials(self, folder: Path) -> Path:
        """Writes the key file, for its owner's eyes only."""
        private_key = self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        account = {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": secrets.token_hex(20),
            "private_key": private_key.decode(),
            "client_email": f"push@{PROJECT}.invalid",
            "client_id": "1",
            "token_uri": f"{self.url}/token",
        }
        path = folder / "push-stand-in.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(account), "utf-8")
        return path

    def _app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/", self._page),
                Route("/messages", self._list),
                Route("/token", self._token, methods=["POST"]),
                Route("/written", self._write, methods=["POST"]),
                Route("/v1/projects/{project}/messages:send", self._send, methods=["POST"]),
            ]
        )

    async def _page(self, _request: Request) -> Response:
        now = datetime.now(UTC)
        return HTMLResponse(rendered(self.messages, clock=f"{now:%H:%M}", day=f"{now:%A, %d %B}"))

    async def _list(self, _request: Request) -> Response:
        messages = [asdict(message) | {"received_at": message.received_at.isoformat()} for message in self.messages]
        return JSONResponse({"messages": messages})

    async def _write(self, request: Request) -> Response:
        """What Apprise posts by `json://`."""
        written = parsed_written(await request.body())
        if isinstance(written, Refusal):
            return _answer(written)
        self._keep(arrived_written(written, name=f"written/{secrets.token_hex(8)}", now=datetime.now(UTC)))
        return JSONResponse({})

    async def _token(self, request: Request) -> Response:
        """OAuth's JWT-bearer grant: a token for whoever signs with our key."""
        form = dict(parse_qsl((await request.body()).decode("ascii", "replace")))
        if form.get("grant_type") != _GRANT_TYPE:
            return _oauth_error("unsupported_grant_type", "the grant must be a signed JWT")
        try:
            jwt.decode(form.get("assertion", ""), self._key.public_key(), algorithms=["RS256"], audience=_AUDIENCE)
        except jwt.InvalidTokenError as error:
            return _oauth_error("invalid_grant", str(error))
        access_token = secrets.token_urlsafe(32)
        self._access_tokens.add(access_token)
        answer = {"access_token": access_token, "token_type": "Bearer", "expires_in": _TOKEN_LIFETIME_S}
        return JSONResponse(answer)

    async def _send(self, request: Request) -> Response:
        is_known = request.headers.get("Authorization", "").removeprefix("Bearer ") in self._access_tokens
        if not is_known:
            return _answer(refusal(401, "UNAUTHENTICATED", "The access token is not one of ours."))
        if request.path_params["project"] != PROJECT:
            return _answer(refusal(403, "PERMISSION_DENIED", "The account may not send for this project."))
        sent = parsed(await request.body())
        return _answer(sent) if isinstance(sent, Refusal) else self._taken(sent)

    def _taken(self, request: SendRequest) -> Response:
        target = request.message.targets[0]
        fault = fault_of(target, is_first_time=target not in self._seen_targets)
        self._seen_targets.add(target)
        if fault:
            return _answer(fault)
        name = f"projects/{PROJECT}/messages/{secrets.token_hex(8)}"
        if not request.validate_only:
            self._keep(arrived(request.message, name=name, now=datetime.now(UTC)))
        return JSONResponse({"name": name})

    def _keep(self, message: Arrived) -> None:
        self._messages.append(message)
        if self._on_message:
            self._on_message(message)


def _oauth_error(code: str, description: str) -> Response:
    return JSONResponse({"error": code, "error_description": description}, HTTPStatus.BAD_REQUEST)


def _answer(refused: Refusal) -> Response:
    headers = {} if refused.retry_after_s is None else {"Retry-After": str(refused.retry_after_s)}
    return JSONResponse(refused.body, refused.status, headers)
