"""Turns websockets into conversations, unless a page of another site opened them."""

from dataclasses import dataclass

from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.http.websocket_origin import is_same_origin

from kilowatch.web.sockets.conversation import Conversation, SocketServices


@dataclass(frozen=True, slots=True)
class GraphQLOverWebSocket:
    """The `/graphql` endpoint for websockets."""

    services: SocketServices
    allowed_origins: frozenset[str]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Leads one conversation to its end."""
        socket = WebSocket(scope, receive, send)
        if not self._is_origin_allowed(socket):
            await socket.close()  # before it is accepted: the handshake is answered with 403
            return
        counts = self.services.counts
        counts.sockets_opened += 1
        counts.sockets_open += 1
        try:
            await Conversation(socket, self.services).run()
        finally:
            counts.sockets_open -= 1

    def _is_origin_allowed(self, socket: WebSocket) -> bool:
        """Browsers let any page open a websocket and always say from where; other clients send no origin."""
        origin = socket.headers.get("origin")
        return (
            origin is None
            or origin in self.allowed_origins
            or socket.headers.get("sec-fetch-site") == "same-origin"
            or is_same_origin(origin, socket.headers.get("host"))
        )
