"""Turns HTTP requests into GraphQL operations and their answers, as the GraphQL-over-HTTP specification has it."""

from collections.abc import Iterable
from dataclasses import dataclass

from graphql import OperationType
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from kilowatch.web.counts import Counts
from kilowatch.web.endpoint.answers import answered, failure, refusal
from kilowatch.web.endpoint.negotiation import EVENT_STREAM, GRAPHQL_RESPONSE, JSON, coding, wanted
from kilowatch.web.endpoint.operations import RequestHeaders, from_address, from_body
from kilowatch.web.endpoint.sse import EventStream, EventStreams, single
from kilowatch.web.engine.documents import Prepared
from kilowatch.web.engine.engine import Answer, Engine
from kilowatch.web.engine.open_fields import is_open
from kilowatch.web.engine.operation import BadRequestError, Operation
from kilowatch.web.fanout.asking import Asked, kept
from kilowatch.web.tokens import InvalidTokenError
from kilowatch.web.viewers import MakeContext, Viewers, WayIn, bearer_token
from metering.access import Viewer
from metering.refusals import Refused
from resolvers.context import Context

QUERIES = frozenset({OperationType.QUERY})
QUERIES_AND_MUTATIONS = frozenset({OperationType.QUERY, OperationType.MUTATION})


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends a request, and from where. `invalid` is why the token that they sent does not count."""

    way_in: WayIn | None
    address: str
    invalid: InvalidTokenError | None = None

    @property
    def viewer(self) -> Viewer | None:
        """Who is asking; None for a stranger."""
        return self.way_in and self.way_in.viewer


@dataclass(frozen=True, slots=True)
class GraphQLOverHTTP:
    """The `/graphql` endpoint for GET (queries) and POST (queries and mutations), and for streams of events."""

    engine: Engine
    viewers: Viewers
    make_context: MakeContext
    counts: Counts
    allowed_origins: frozenset[str]
    streams: EventStreams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        response = await self._answered(scope, receive)
        self.counts.requests[response.status_code] += 1
        await response(scope, receive, send)

    async def _answered(self, scope: Scope, receive: Receive) -> Response | EventStream:
        headers = _joined(scope["headers"])
        chosen = wanted(_text(headers, b"accept"))
        if chosen is None:
            return refusal(406, "NOT_ACCEPTABLE", f"The answer is {GRAPHQL_RESPONSE}, {JSON} or {EVENT_STREAM}.")
        media_type = JSON if chosen.media_type == EVENT_STREAM else chosen.media_type
        try:
            operation = await self._operation(scope, headers, receive)
            caller = await self._caller(scope, headers)
            context = self._context(caller, headers)
            prepared = self.engine.read(operation, context)
            _check(caller, prepared)
            if chosen.reads_events and isinstance(prepared, Prepared) and prepared.kind is OperationType.SUBSCRIPTION:
                return self._streamed(prepared, operation, caller)
            answer = await self._executed(scope, prepared, operation, context)
            if chosen.media_type == EVENT_STREAM:
                return single(answer)
        except BadRequestError as error:
            return refusal(error.status, error.code, error.message, media_type=media_type, headers=dict(error.headers))
        except Exception as error:  # noqa: BLE001 - the last resort: a client never sees a fault's text
            return failure(error, media_type=media_type)
        return await answered(
            answer.body,
            status=answer.status or _status(answer, media_type=media_type),
            media_type=media_type,
            coding=coding(_text(headers, b"accept-encoding")),
            headers=answer.headers,
        )

    async def _operation(self, scope: Scope, headers: RequestHeaders, receive: Receive) -> Operation:
        if scope["method"] == "POST":
            return await from_body(headers, receive)
        if scope["method"] == "GET":
            self._refuse_other_sites(headers)
            return from_address(scope["query_string"])
        message = "Use POST, or GET for queries."
        if scope["method"] == "OPTIONS":
            message += " Pages of another origin need that origin in KILOWATCH_ALLOWED_ORIGINS."
        raise BadRequestError(405, "METHOD_NOT_ALLOWED", message, _ALLOW)

    def _refuse_other_sites(self, headers: RequestHeaders) -> None:
        """A page of another site can make a browser send a GET, though not read the answer: its work is refused.

        POST needs no such check: no page of another site can send JSON without asking first (CORS).
        """
        site = headers.get(b"sec-fetch-site", b"none")
        is_known = _text(headers, b"origin") in self.allowed_origins or b"authorization" in headers
        if site not in {b"none", b"same-origin"} and not is_known:
            raise BadRequestError(403, "FORBIDDEN", "Pages of other sites may not send GET requests; use POST.")

    async def _caller(self, scope: Scope, headers: RequestHeaders) -> Caller:
        address: str = scope["client"][0] if scope.get("client") else ""
        try:
            token = bearer_token(_text(headers, b"authorization") if b"authorization" in headers else None)
        except InvalidTokenError as error:
            raise _unauthenticated(error) from None
        try:
            return Caller(None if token is None else await self.viewers.of_token(token, address=address), address)
        except InvalidTokenError as error:
            return Caller(None, address, error)

    def _context(self, caller: Caller, headers: RequestHeaders) -> Context:
        return self.make_context(
            caller.viewer,
            caller.address,
            session_id=caller.way_in and caller.way_in.session_id,
            user_agent=_text(headers, b"user-agent"),
        )

    async def _executed(
        self, scope: Scope, prepared: Prepared | Answer, operation: Operation, context: Context
    ) -> Answer:
        if isinstance(prepared, Answer):
            return prepared
        if prepared.kind not in (QUERIES_AND_MUTATIONS if scope["method"] == "POST" else QUERIES):
            raise _not_here(prepared.kind)
        return await self.engine.answer(prepared, operation, context)

    def _streamed(self, prepared: Prepared, operation: Operation, caller: Caller) -> Response | EventStream:
        """The stream of a subscription."""
        try:
            remembered = kept(operation, prepared)
        except Refused as refused:
            return single(self.engine.ended(refused))
        asked = Asked(prepared, remembered, caller.viewer, lambda viewer: self.make_context(viewer, caller.address))
        return self.streams.opened(asked, address=caller.address, way_in=caller.way_in)


def _check(caller: Caller, prepared: Prepared | Answer) -> None:
    """Refuses a token that does not count, except with what anybody may run: signing in does not fail by an old one.

    Raises:
        BadRequestError: 401.
    """
    if caller.invalid is None or (isinstance(prepared, Prepared) and is_open(prepared)):
        return
    raise _unauthenticated(caller.invalid)


def _unauthenticated(error: InvalidTokenError) -> BadRequestError:
    return BadRequestError(401, "UNAUTHENTICATED", str(error), (("www-authenticate", 'Bearer error="invalid_token"'),))


_ALLOW = (("allow", "GET, POST"),)


def _joined(fields: Iterable[tuple[bytes, bytes]]) -> RequestHeaders:
    """The headers by their names; of what came several times, all values."""
    found: dict[bytes, bytes] = {}
    for name, value in fields:
        found[name] = found[name] + b", " + value if name in found else value
    return found


def _text(headers: RequestHeaders, name: bytes) -> str:
    return headers.get(name, b"").decode("latin-1")


def _not_here(kind: OperationType) -> BadRequestError:
    if kind is OperationType.MUTATION:
        return BadRequestError(405, "METHOD_NOT_ALLOWED", "Mutations need POST.", (("allow", "POST"),))
    message = (
        "Subscriptions need `Accept: text/event-stream`, or a websocket to this address with the subprotocol"
        " graphql-transport-ws."
    )
    return BadRequestError(400, "SUBSCRIPTION_NEEDS_STREAM", message)


def _status(answer: Answer, *, media_type: str) -> int:
    """400 for a request that was refused, where the client knows that media type; clients of plain JSON expect 200."""
    return 400 if answer.is_refused and media_type == GRAPHQL_RESPONSE else 200
