"""Turns refusals into payload data or errors with a stable code, and hides everything that nobody expected."""

import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any

import strawberry
from graphql import GraphQLError, GraphQLSyntaxError
from strawberry.extensions import FieldExtension

from metering.refusals import Refused
from store.outages import is_nul, is_outage, is_timeout

logger = logging.getLogger(__name__)


@strawberry.type(description="Why a request was refused. Nothing was changed.")
class Refusal:
    """The shape of `metering.refusals.Refused` for clients."""

    code: str = strawberry.field(description="Stable, for programs: `errorCodes` lists them all.")
    message: str = strawberry.field(description="For people: says what is accepted.")
    field: str | None = strawberry.field(
        description="The input that was refused; null when it is about the whole request.", default=None
    )


class RefusedAsData(FieldExtension):
    """Answers a refused mutation with its payload: `refusal` is set and everything else is null."""

    def __init__(self, payload: Callable[..., object]) -> None:
        self._payload = payload

    async def resolve_async(
        self, next_: Callable[..., Awaitable[object]], source: object, info: Any, **kwargs: Any
    ) -> object:
        """The mutation's payload, or the one that says why it was refused."""
        try:
            return await next_(source, info, **kwargs)
        except Refused as refused:
            return self.payload_of(refused)

    def payload_of(self, refused: Refused) -> object:
        """The payload that says why the mutation was refused."""
        # Not the exception itself: graphql-core raises whatever exception it finds as a field's value.
        return self._payload(refusal=Refusal(code=refused.code, message=refused.message, field=refused.field))


def shown(error: GraphQLError, *, is_executed: bool) -> GraphQLError:
    """The error as clients may see it: with a stable `extensions.code`, without anything internal.

    `is_executed` says that the document was valid, so that what is wrong is a variable or an argument.
    """
    original = error.original_error
    if isinstance(original, Refused):
        return _coded(error, original.code, original.message, field=original.field)
    if original is not None and not isinstance(original, GraphQLError):
        return _unexpected(error, original)
    error = _without_keys(error)
    return _of_variable(
        error if "code" in (error.extensions or {}) else _coded_by_stage(error, is_executed=is_executed)
    )


_KEY = re.compile(r"(secretKeyHex['\"]?: )('[^']*'|\"[^\"]*\"|\[[^\]]*\])|[0-9A-Za-z]{24,}")


def _without_keys(error: GraphQLError) -> GraphQLError:
    """The error without the secret key that graphql-core would repeat of an input; other errors as they are."""
    if "secretKey" not in error.message and "SetOpenPaygoInput" not in error.message:
        return error
    message = _KEY.sub(lambda found: f"{found[1] or ''}[hidden]", error.message)
    return GraphQLError(message, error.nodes, error.source, error.positions, error.path, extensions=error.extensions)


_VARIABLE = re.compile(r"Variable '\$(\w+)' has invalid value(?: at ([\w.\[\]]+))?: ")


def _of_variable(error: GraphQLError) -> GraphQLError:
    """With the path of what was refused of a variable as `field`; other errors as they are."""
    found = _VARIABLE.match(error.message)
    extensions = error.extensions or {}
    if found is None or "field" in extensions:
        return error
    return _coded(error, extensions["code"], error.message, field=found[1] + (found[2] or ""))


def _coded_by_stage(error: GraphQLError, *, is_executed: bool) -> GraphQLError:
    if isinstance(error, GraphQLSyntaxError):
        return _coded(error, "GRAPHQL_PARSE_FAILED", error.message)
    if not is_executed:
        return _coded(error, "GRAPHQL_VALIDATION_FAILED", error.message)
    if error.path is None or error.message.startswith("Argument "):
        return _coded(error, "BAD_INPUT", error.message)
    return _unexpected(error, error)


def _unexpected(error: GraphQLError, original: Exception) -> GraphQLError:
    if is_timeout(original):
        logger.warning("a statement took too long for %s: %s", error.path, original)
        return _coded(error, "QUERY_TIMEOUT", "The database took too long for this. Ask for less: a shorter period.")
    if is_outage(original):
        logger.warning("the database does not answer: %s", original)
        return _coded(error, "DATABASE_UNAVAILABLE", "The database does not answer. Try again in a moment.")
    if is_nul(original):
        return _coded(error, "BAD_INPUT", "Text may not contain NUL.")
    logger.error("a field failed: %s", error.path, exc_info=original)
    return _coded(error, "INTERNAL", "Internal error")


def _coded(error: GraphQLError, code: str, message: str, *, field: str | None = None) -> GraphQLError:
    extensions = {"code": code} if field is None else {"code": code, "field": field}
    return GraphQLError(
        message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions=extensions,
    )
