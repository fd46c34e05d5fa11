"""Turns HTTP requests into GraphQL operations and their answers, as the GraphQL-over-HTTP specification has it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from graphql import OperationType
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from kilowatch.web.answers import answered, refusal
from kilowatch.web.counts import Counts
from kilowatch.web.engine import Answer, Engine, NotAllowedHereError
from kilowatch.web.negotiation import GRAPHQL_RESPONSE, JSON, accepts_gzip, media_type
from kilowatch.web.operations import BadRequestError, Operation, from_address, from_body
from kilowatch.web.tokens import InvalidTokenError
from kilowatch.web.viewers import Viewers, bearer_token
from metering.access import Viewer
from resolvers.context import Context
from store.outages import is_outage

log = logging.getLogger(__name__)

QUERIES = frozenset({OperationType.QUERY})
QUERIES_AND_MUTATIONS = frozenset({OperationType.QUERY, OperationType.MUTATION})

MakeContext = Callable[[Viewer | None, str], Context]
"""What makes the context of a request from its viewer and the client's address."""


@dataclass(frozen=True, slots=True)
class GraphQLOverHTTP:
    """The `/graphql` endpoint for GET (queries) and POST (queries and mutations)."""

    engine: Engine
    viewers: Viewers
    make_context: MakeContext
    counts: Counts
    allowed_origins: frozenset[str]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        request = Request(scope, receive)
        response = await self._answered(request)
        self.counts.requests[response.status_code] += 1
        await response(scope, receive, send)

    async def _answered(self, request: Request) -> Response:
        chosen = media_type(",".join(request.headers.getlist("accept")))
        if chosen is None:
            return refusal(406, "NOT_ACCEPTABLE", f"The answer is {GRAPHQL_RESPONSE} or {JSON}.")
        try:
            operation = await self._operation(request)
            viewer = await self._viewer(request)
            answer = await self._executed(request, operation, viewer)
        except BadRequestError as error:
            return refusal(error.status, error.code, error.message, media_type=chosen, headers=dict(error.headers))
        except Exception as error:  # noqa: BLE001 - the last resort: a client never sees a fault's text
            return _failed(error, media_type=chosen)
        return await answered(
            answer.body,
            status=_status(answer, media_type=chosen),
            media_type=chosen,
            is_gzip_accepted=accepts_gzip(request.headers.get("accept-encoding", "")),
        )

    async def _operation(self, request: Request) -> Operation:
        if request.method == "POST":
            return await from_body(request)
        if request.method == "GET":
            self._refuse_other_sites(request)
            return from_address(request.query_params)
        raise BadRequestError(405, "METHOD_NOT_ALLOWED", "Use POST, or GET for queries.", _ALLOW)

    def _refuse_other_sites(self, request: Request) -> None:
        """A page of another site can make a browser send a GET, though not read the answer: its work is refused.

        POST needs no such check: no page of another site can send JSON without asking first (CORS).
        """
        site = request.headers.get("sec-fetch-site", "none")
        is_known = request.headers.get("origin") in self.allowed_origins or "authorization" in request.headers
        if site not in ("none", "same-origin") and not is_known:
            raise BadRequestError(403, "FORBIDDEN", "Pages of other sites may not send GET requests; use POST.")

    async def _viewer(self, request: Request) -> Viewer | None:
        try:
            token = bearer_token(request.headers.get("authorization"))
            return None if token is None else (await self.viewers.of_token(token))[0]
        except InvalidTokenError as error:
            challenge = (("www-authenticate", 'Bearer error="invalid_token"'),)
            raise BadRequestError(401, "UNAUTHENTICATED", str(error), challenge) from None

    async def _executed(self, request: Request, operation: Operation, viewer: Viewer | None) -> Answer:
        allowed = QUERIES_AND_MUTATIONS if request.method == "POST" else QUERIES
        address = request.client.host if request.client else ""
        try:
            return await self.engine.execute(operation, context=self.make_context(viewer, address), allowed=allowed)
        except NotAllowedHereError as error:
            raise _not_here(error.kind) from None


_ALLOW = (("allow", "GET, POST"),)


def _not_here(kind: OperationType) -> BadRequestError:
    if kind is OperationType.MUTATION:
        return BadRequestError(405, "METHOD_NOT_ALLOWED", "Mutations need POST.", (("allow", "POST"),))
    message = "Subscriptions need a websocket to this address, with the subprotocol graphql-transport-ws."
    return BadRequestError(400, "SUBSCRIPTION_NEEDS_WEBSOCKET", message)


def _status(answer: Answer, *, media_type: str) -> int:
    """400 for a request that was refused, where the client knows that media type; clients of plain JSON expect 200."""
    return 400 if answer.is_refused and media_type == GRAPHQL_RESPONSE else 200


def _failed(error: Exception, *, media_type: str) -> Response:
    if is_outage(error):
        log.warning("the database does not answer: %s", error)
        message = "The database does not answer. Try again in a moment."
        return refusal(503, "DATABASE_UNAVAILABLE", message, media_type=media_type, headers={"Retry-After": "2"})
    log.error("a request failed", exc_info=error)
    return refusal(500, "INTERNAL", "Internal error", media_type=media_type)
