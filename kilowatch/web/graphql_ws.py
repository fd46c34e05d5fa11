"""Turns websockets into conversations, unless a page of another site opened them."""

from dataclasses import dataclass

from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.http.websocket_origin import is_same_origin

from kilowatch.web.conversation import INIT_WITHIN_S, Conversation
from kilowatch.web.counts import Counts
from kilowatch.web.engine import Engine
from kilowatch.web.graphql_http import MakeContext
from kilowatch.web.viewers import Viewers


@dataclass(frozen=True, slots=True)
class GraphQLOverWebSocket:
    """The `/graphql` endpoint for websockets."""

    engine: Engine
    viewers: Viewers
    make_context: MakeContext
    counts: Counts
    allowed_origins: frozenset[str]
    init_within_s: float = INIT_WITHIN_S

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Leads one conversation to its end."""
        socket = WebSocket(scope, receive, send)
        if not self._is_origin_allowed(socket):
            await socket.close()  # before it is accepted: the handshake is answered with 403
            return
        self.counts.sockets_opened += 1
        self.counts.sockets_open += 1
        try:
            await Conversation(
                socket, self.engine, self.viewers, self.make_context, self.counts, self.init_within_s
            ).run()
        finally:
            self.counts.sockets_open -= 1

    def _is_origin_allowed(self, socket: WebSocket) -> bool:
        """Browsers let any page open a websocket and always say from where; other clients send no origin."""
        origin = socket.headers.get("origin")
        return (
            origin is None
            or origin in self.allowed_origins
            or socket.headers.get("sec-fetch-site") == "same-origin"
            or is_same_origin(origin, socket.headers.get("host"))
        )
