"""Leads one conversation in graphql-transport-ws: many operations side by side on one websocket."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from graphql import OperationType
from starlette.websockets import WebSocket, WebSocketDisconnect

from kilowatch.web.counts import Counts
from kilowatch.web.engine.documents import Prepared
from kilowatch.web.engine.engine import Answer, Engine
from kilowatch.web.engine.json_text import encoded
from kilowatch.web.engine.operation import Operation
from kilowatch.web.fanout.asking import Asked, kept
from kilowatch.web.fanout.fanout import FanOut
from kilowatch.web.fanout.listing import listed
from kilowatch.web.faults import fault_of
from kilowatch.web.slots import Holder, Slots, holder_of
from kilowatch.web.sockets.closing import (
    BAD_MESSAGE,
    DUPLICATE_ID,
    FORBIDDEN,
    INIT_TIMEOUT,
    NO_PROTOCOL,
    SECOND_INIT,
    TOO_BIG,
    TOO_MANY_CONNECTIONS,
    TRY_AGAIN_LATER,
    UNAUTHORIZED,
    ConversationOverError,
)
from kilowatch.web.sockets.lines import Line, line_of
from kilowatch.web.sockets.messages import (
    BadMessageError,
    Complete,
    ConnectionInit,
    Message,
    Ping,
    Subscribe,
    message_of,
)
from kilowatch.web.sockets.running import RunningOperation
from kilowatch.web.sockets.socket_protocol import STUCK_AFTER_S, TOO_SLOW
from kilowatch.web.tokens import ENDED, InvalidTokenError
from kilowatch.web.viewers import MakeContext, Stay, Viewers, WayIn, bearer_token, payload_token
from metering.access import Viewer
from metering.refusals import Refused
from resolvers.context import Context
from resolvers.open_subscriptions import OpenSubscriptions
from store.open_subscriptions import Transport

log = logging.getLogger(__name__)

PROTOCOL = "graphql-transport-ws"
MAX_MESSAGE_BYTES = 65_536
MAX_OPERATIONS = 50
INIT_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class SocketServices:
    """What all conversations of a process share."""

    engine: Engine
    fanout: FanOut
    viewers: Viewers
    make_context: MakeContext
    subscriptions: OpenSubscriptions
    counts: Counts
    connections: Slots
    init_within_s: float


@dataclass(slots=True, eq=False)
class Conversation:
    """One connection: first `connection_init`, then operations under ids of the client's."""

    socket: WebSocket
    services: SocketServices
    _stay: Stay | None = None
    _holder: Holder | None = None
    _has_begun: bool = False
    _is_acknowledged: bool = False
    _is_over: bool = False
    _line: Line = field(init=False)
    _running: dict[str, RunningOperation] = field(default_factory=dict[str, RunningOperation])
    _timer: asyncio.TimerHandle | None = None
    _closing: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        self._line = line_of(self.socket, stuck_after_s=STUCK_AFTER_S, on_stuck=self._is_stuck)

    async def run(self) -> None:
        """Answers messages until either side closes the connection."""
        try:
            await self._accept()
            self._later(self.services.init_within_s, INIT_TIMEOUT, "connection_init did not come in time")
            while not self._is_over and (content := await self._received()) is not None:
                await self._handle(_message(content))
        except ConversationOverError as over:
            await self._close(over)
        except WebSocketDisconnect:
            pass
        finally:
            self._is_over = True
            await self._left()

    def _stop_all(self) -> None:
        for operation in self._running.values():
            operation.stop()
        self._running.clear()

    async def _left(self) -> None:
        """Ends what runs, and waits until it has cleaned up."""
        if self._timer is not None:
            self._timer.cancel()
        if self._stay is not None:
            self._stay.leave()
        tasks = [self._closing, *(operation.task for operation in self._running.values())]
        self._stop_all()
        if self._holder is not None:
            self.services.connections.free(self._holder)
        await asyncio.gather(*(task for task in tasks if task is not None), return_exceptions=True)

    async def _accept(self) -> None:
        offered = PROTOCOL in self.socket.scope["subprotocols"]
        await self.socket.accept(PROTOCOL if offered else None)
        if not offered:
            raise ConversationOverError(NO_PROTOCOL, f"The subprotocol must be {PROTOCOL}")

    async def _received(self) -> bytes | None:
        """The next message; None when the client has gone."""
        event = await self.socket.receive()
        if event["type"] == "websocket.disconnect":
            return None
        text: str | None = event.get("text")
        if text is None:
            raise ConversationOverError(BAD_MESSAGE, "Messages are text, not binary")
        content = text.encode()
        if len(content) > MAX_MESSAGE_BYTES:
            raise ConversationOverError(TOO_BIG, f"A message may have {MAX_MESSAGE_BYTES} bytes")
        return content

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
        if self._timer is not None:
            self._timer.cancel()
        await self._authenticate(message.payload or {})
        self._take_slot()
        await self._send({"type": "connection_ack"})
        self._is_acknowledged = True

    async def _authenticate(self, payload: dict[str, Any]) -> None:
        try:
            token = payload_token(payload) or bearer_token(self.socket.headers.get("authorization"))
            if token is None:
                return
            way_in = await self.services.viewers.of_token(token, address=self._address)
        except InvalidTokenError as error:
            raise ConversationOverError(FORBIDDEN, str(error)) from None
        except Exception as error:
            raise _unavailable(error) from error
        self._stay = Stay(self.services.viewers, way_in, self._is_ended)
        self._stay.begin()

    def _is_ended(self) -> None:
        """The session is over: it ends everything that it has opened."""
        self._stop_all()
        self._close_soon(ConversationOverError(FORBIDDEN, ENDED))

    def _take_slot(self) -> None:
        account_id = self._stay and self._stay.way_in.viewer.account_id
        slots, holder = self.services.connections, holder_of(account_id, address=self._address)
        if not slots.take(holder):
            text = f"TOO_MANY_SUBSCRIPTIONS: an account or network may have {slots.most} websockets: close one first."
            raise ConversationOverError(TOO_MANY_CONNECTIONS, text)
        self._holder = holder

    async def _subscribe(self, message: Subscribe) -> None:
        if not self._is_acknowledged:
            raise ConversationOverError(UNAUTHORIZED, "Unauthorized")
        if message.id in self._running:
            raise ConversationOverError(DUPLICATE_ID, f"Subscriber for {message.id[:64]} already exists")
        if len(self._running) >= MAX_OPERATIONS:
            text = f"A websocket may have {MAX_OPERATIONS} operations: complete one first."
            await self._send(_error(message.id, "TOO_MANY_SUBSCRIPTIONS", text))
            return
        operation = RunningOperation(message.id, self._line, self.services.counts, self._ended)
        self._running[message.id] = operation
        operation.task = asyncio.create_task(self._operate(operation, message.payload))

    def _stop(self, operation_id: str) -> None:
        operation = self._running.pop(operation_id, None)
        if operation is not None:
            operation.stop()
            self.services.counts.operations["stopped"] += 1

    async def _operate(self, running: RunningOperation, operation: Operation) -> None:
        """Runs a query or mutation, or opens a subscription; its end frees the id."""
        try:
            await self._run(running, operation)
        except ConversationOverError as over:
            await self._close(over)
        except Exception as error:  # noqa: BLE001 - the last resort: a client never sees a fault's text
            running.end(Answer({"errors": fault_of(error).errors}, is_refused=True))
        finally:
            running.task = None

    async def _run(self, running: RunningOperation, operation: Operation) -> None:
        if operation.is_empty:
            running.end_with(_error(running.id, "BAD_REQUEST", "`query` is empty."))
            return
        way_in = await self._way_in()
        viewer = way_in and way_in.viewer
        context = self._context(way_in)
        prepared = self.services.engine.read(operation, context)
        if isinstance(prepared, Answer):
            running.end(prepared)
            return
        if prepared.kind is OperationType.SUBSCRIPTION:
            await self._open(running, prepared, operation, viewer)
        else:
            await _tell(running, await self.services.engine.answer(prepared, operation, context))

    async def _open(
        self, running: RunningOperation, prepared: Prepared, operation: Operation, viewer: Viewer | None
    ) -> None:
        """Opens a subscription; it lives on when this returns."""
        try:
            asked = Asked(prepared, kept(operation, prepared), viewer, self._contexts())
        except Refused as refused:
            running.end(self.services.engine.ended(refused))
            return
        self._register(running, asked)
        running.member = await self.services.fanout.begin(asked, running)

    def _register(self, running: RunningOperation, asked: Asked) -> None:
        """Lets the owner see and close the subscription."""
        subscriptions, engine = self.services.subscriptions, self.services.engine
        subscription_id = listed(
            asked,
            subscriptions,
            transport=Transport.WEBSOCKET,
            address=self._address,
            engine=engine,
            end=running.end,
        )
        if subscription_id is not None:
            running.on_stop = partial(subscriptions.closed, subscription_id)

    async def _way_in(self) -> WayIn | None:
        """Who is there, with the role that the account has now."""
        if self._stay is None:
            return None
        try:
            return await self.services.viewers.again(self._stay.way_in)
        except InvalidTokenError as error:
            raise ConversationOverError(FORBIDDEN, str(error)) from None

    def _context(self, way_in: WayIn | None) -> Context:
        """A context of its own for each operation."""
        return self.services.make_context(
            way_in and way_in.viewer,
            self._address,
            session_id=way_in and way_in.session_id,
            user_agent=self.socket.headers.get("user-agent", ""),
        )

    def _contexts(self) -> Callable[[Viewer | None], Context]:
        """What makes contexts as above; a group that others join keeps it, so it must not keep the connection."""
        make_context, address = self.services.make_context, self._address
        return lambda viewer: make_context(viewer, address)

    @property
    def _address(self) -> str:
        return self.socket.client.host if self.socket.client else ""

    def _ended(self, running: RunningOperation, message: dict[str, Any]) -> None:
        if self._running.get(running.id) is running:
            del self._running[running.id]
            self.services.counts.operations[message["type"]] += 1
            if not self._is_over:
                self._line.write_text(encoded(message))
                self.services.counts.messages_sent += 1

    def _later(self, delay_s: float, code: int, reason: str) -> None:
        """Closes the connection after a while, unless it has ended by then or something else is to close it later."""
        self._timer = asyncio.get_running_loop().call_later(
            delay_s, self._close_soon, ConversationOverError(code, reason)
        )

    def _close_soon(self, over: ConversationOverError) -> None:
        self._closing = asyncio.create_task(self._close(over))

    def _is_stuck(self) -> None:
        """Lets go of what runs at once: many servers close only when the client has read what was sent before."""
        self._stop_all()
        self._close_soon(ConversationOverError(TOO_SLOW, "The client reads too slowly."))

    async def _send(self, message: dict[str, Any]) -> None:
        """Sends a message once the client reads; one that comes after the end of the conversation is for nobody."""
        await self._line.drained()
        if not self._is_over:
            self._line.write_text(encoded(message))
            self.services.counts.messages_sent += 1

    async def _close(self, over: ConversationOverError) -> None:
        if self._is_over:
            return
        self._is_over = True
        try:
            await self.socket.close(over.code, over.short_reason)
        except (WebSocketDisconnect, RuntimeError):  # RuntimeError: it was closed meanwhile
            log.debug("the client was gone before it could be told: %s", over)


async def _tell(running: RunningOperation, answer: Answer) -> None:
    """Tells the one answer of a query or mutation."""
    if answer.is_refused:
        running.end(answer)
        return
    await running.drained()
    running.write(encoded(answer.body))
    running.end(None)


def _message(content: bytes) -> Message:
    try:
        return message_of(content)
    except BadMessageError as error:
        raise ConversationOverError(BAD_MESSAGE, str(error)) from None


def _unavailable(error: Exception) -> ConversationOverError:
    fault_of(error)
    return ConversationOverError(TRY_AGAIN_LATER, "The server cannot check the token now: try again in a moment.")


def _error(operation_id: str, code: str, message: str) -> dict[str, Any]:
    return {
        "id": operation_id,
        "type": "error",
        "payload": [{"message": message, "extensions": {"code": code}}],
    }
