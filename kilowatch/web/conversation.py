"""Leads one conversation in graphql-transport-ws: many operations side by side on one websocket."""

import asyncio
import logging
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from kilowatch.web.answers import encoded
from kilowatch.web.counts import Counts
from kilowatch.web.engine import Engine
from kilowatch.web.graphql_http import MakeContext
from kilowatch.web.messages import (
    BadMessageError,
    Complete,
    ConnectionInit,
    Message,
    Ping,
    Subscribe,
    message_of,
)
from kilowatch.web.operations import Operation
from kilowatch.web.tokens import InvalidTokenError
from kilowatch.web.viewers import Viewers, bearer_token, payload_token
from resolvers.context import Context, system_now
from store.outages import is_outage

log = logging.getLogger(__name__)

PROTOCOL = "graphql-transport-ws"
MAX_MESSAGE_BYTES = 65_536
MAX_OPERATIONS = 50
INIT_WITHIN_S = 10.0

BAD_MESSAGE, UNAUTHORIZED, FORBIDDEN, NO_PROTOCOL = 4400, 4401, 4403, 4406
INIT_TIMEOUT, DUPLICATE_ID, SECOND_INIT = 4408, 4409, 4429
TOO_BIG, TRY_AGAIN_LATER = 1009, 1013


class ConversationOverError(Exception):
    """The connection must be closed with a code that the protocol names, and a reason for people."""

    def __init__(self, code: int, reason: str) -> None:
        self.code, self.reason = code, reason
        super().__init__(f"{code} {reason}")


@dataclass(slots=True, eq=False)
class Conversation:
    """One connection: first `connection_init`, then operations under ids of the client's."""

    socket: WebSocket
    engine: Engine
    viewers: Viewers
    make_context: MakeContext
    counts: Counts
    init_within_s: float
    _account_id: int | None = None
    _has_begun: bool = False
    _is_acknowledged: bool = False
    _is_over: bool = False
    _running: dict[str, asyncio.Task[None]] = field(default_factory=dict[str, asyncio.Task[None]])
    _timers: list[asyncio.Task[None]] = field(default_factory=list[asyncio.Task[None]])

    async def run(self) -> None:
        """Answers messages until either side closes the connection."""
        try:
            await self._accept()
            self._later(self.init_within_s, INIT_TIMEOUT, "connection_init did not come in time")
            while not self._is_over and (text := await self._received()) is not None:
                await self._handle(_message(text))
        except ConversationOverError as over:
            await self._close(over)
        except WebSocketDisconnect:
            pass
        finally:
            self._is_over = True
            await _cancelled([*self._timers, *self._running.values()])

    async def _accept(self) -> None:
        offered = PROTOCOL in self.socket.scope["subprotocols"]
        await self.socket.accept(PROTOCOL if offered else None)
        if not offered:
            raise ConversationOverError(NO_PROTOCOL, f"The subprotocol must be {PROTOCOL}")

    async def _received(self) -> str | None:
        """The next message; None when the client has gone."""
        event = await self.socket.receive()
        if event["type"] == "websocket.disconnect":
            return None
        text: str | None = event.get("text")
        if text is None:
            raise ConversationOverError(BAD_MESSAGE, "Messages are text, not binary")
        if len(text) > MAX_MESSAGE_BYTES:
            raise ConversationOverError(TOO_BIG, f"A message may have {MAX_MESSAGE_BYTES} bytes")
        return text

    async def _handle(self, message: Message) -> None:
        match message:
            case ConnectionInit():
                await self._begin(message)
            case Ping():
                payload = {} if message.payload is None else {"payload": message.payload}
                await self._send({"type": "pong", **payload})
            case Subscribe():
                await self._subscribe(message)
            case Complete():
                self._stop(message.id)
            case _:
                pass

    async def _begin(self, message: ConnectionInit) -> None:
        if self._has_begun:
            raise ConversationOverError(SECOND_INIT, "Too many initialisation requests")
        self._has_begun = True
        await _cancelled(self._timers)
        await self._authenticate(message.payload or {})
        await self._send({"type": "connection_ack"})
        self._is_acknowledged = True

    async def _authenticate(self, payload: dict[str, Any]) -> None:
        try:
            token = payload_token(payload) or bearer_token(self.socket.headers.get("authorization"))
            if token is None:
                return
            viewer, claim = await self.viewers.of_token(token)
        except InvalidTokenError as error:
            raise ConversationOverError(FORBIDDEN, str(error)) from None
        except Exception as error:
            raise _unavailable(error) from error
        self._account_id = viewer.account_id
        self._later(_seconds_until(claim.expires_at), FORBIDDEN, "The access token has expired: sign in again.")

    async def _subscribe(self, message: Subscribe) -> None:
        if not self._is_acknowledged:
            raise ConversationOverError(UNAUTHORIZED, "Unauthorized")
        if message.id in self._running:
            raise ConversationOverError(DUPLICATE_ID, f"Subscriber for {message.id[:64]} already exists")
        if len(self._running) >= MAX_OPERATIONS:
            text = f"A connection may have {MAX_OPERATIONS} operations at a time."
            await self._send(_error(message.id, "TOO_MANY_SUBSCRIPTIONS", text))
            return
        self._running[message.id] = asyncio.create_task(self._operate(message.id, message.payload))

    def _stop(self, operation_id: str) -> None:
        task = self._running.pop(operation_id, None)
        if task is not None:
            task.cancel()
            self.counts.operations["stopped"] += 1

    async def _operate(self, operation_id: str, operation: Operation) -> None:
        """Runs one operation, and sends what it answers; its end frees the id."""
        try:
            last = await self._answered(operation_id, operation)
        except ConversationOverError as over:
            await self._close(over)
        except Exception as error:  # noqa: BLE001 - the last resort: a client never sees a fault's text
            await self._end(_failed(operation_id, error))
        else:
            await self._end(last)

    async def _answered(self, operation_id: str, operation: Operation) -> dict[str, Any]:
        """Sends each answer as it comes; returns the message that ends the operation."""
        if not operation.query.strip():
            return _error(operation_id, "BAD_REQUEST", "`query` is empty.")
        context = await self._context()
        async with aclosing(self.engine.stream(operation, context=context)) as answers:
            async for answer in answers:
                if answer.is_refused:
                    return {"id": operation_id, "type": "error", "payload": answer.body["errors"]}
                await self._send({"id": operation_id, "type": "next", "payload": answer.body})
        return {"id": operation_id, "type": "complete"}

    async def _context(self) -> Context:
        """A context of its own for each operation, with the role that the account has now."""
        client = self.socket.client
        address = client.host if client else ""
        if self._account_id is None:
            return self.make_context(None, address)
        try:
            viewer = await self.viewers.of_account(self._account_id)
        except InvalidTokenError as error:
            raise ConversationOverError(FORBIDDEN, str(error)) from None
        return self.make_context(viewer, address)

    async def _end(self, message: dict[str, Any]) -> None:
        if self._running.get(message["id"]) is asyncio.current_task():
            del self._running[message["id"]]
            self.counts.operations[message["type"]] += 1
            await self._send(message)

    def _later(self, delay_s: float, code: int, reason: str) -> None:
        """Closes the connection after a while, unless it has ended by then."""

        async def close() -> None:
            await asyncio.sleep(delay_s)
            await self._close(ConversationOverError(code, reason))

        self._timers.append(asyncio.create_task(close()))

    async def _send(self, message: dict[str, Any]) -> None:
        """Sends a message; one that comes after the end of the conversation is for nobody."""
        if self._is_over:
            return
        try:
            await self.socket.send_text(encoded(message).decode())
        except (WebSocketDisconnect, RuntimeError):  # RuntimeError: closed while this waited for a slow client
            self._is_over = True
        else:
            self.counts.messages_sent += 1

    async def _close(self, over: ConversationOverError) -> None:
        if self._is_over:
            return
        self._is_over = True
        try:
            await self.socket.close(over.code, _short(over.reason))
        except (WebSocketDisconnect, RuntimeError):
            log.debug("the client was gone before it could be told: %s", over)


def _message(text: str) -> Message:
    try:
        return message_of(text)
    except BadMessageError as error:
        raise ConversationOverError(BAD_MESSAGE, str(error)) from None


def _short(reason: str) -> str:
    """A close frame has room for 123 bytes of reason."""
    return reason.encode()[:123].decode(errors="ignore")


def _seconds_until(at: datetime) -> float:
    return max((at - system_now()).total_seconds(), 0.0)


def _unavailable(error: Exception) -> ConversationOverError:
    if is_outage(error):
        log.warning("the database does not answer: %s", error)
    else:
        log.error("a connection could not begin", exc_info=error)
    return ConversationOverError(TRY_AGAIN_LATER, "The server cannot check the token now: try again in a moment.")


def _failed(operation_id: str, error: Exception) -> dict[str, Any]:
    if is_outage(error):
        log.warning("the database does not answer: %s", error)
        message = "The database does not answer. Try again in a moment."
        return _error(operation_id, "DATABASE_UNAVAILABLE", message)
    log.error("an operation failed", exc_info=error)
    return _error(operation_id, "INTERNAL", "Internal error")


def _error(operation_id: str, code: str, message: str) -> dict[str, Any]:
    return {
        "id": operation_id,
        "type": "error",
        "payload": [{"message": message, "extensions": {"code": code}}],
    }


async def _cancelled(tasks: list[asyncio.Task[None]]) -> None:
    """Cancels the tasks and waits until they have cleaned up; the running one is left to itself."""
    others = [task for task in tasks if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
