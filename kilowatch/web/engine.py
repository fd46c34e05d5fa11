"""Turns the contract into an engine that runs documents under limits, each parsed and validated once."""

from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from graphql import (
    ASTValidationRule,
    GraphQLError,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
)
from strawberry.extensions import AddValidationRules, MaxTokensLimiter, ParserCache, SchemaExtension, ValidationCache
from strawberry.extensions.max_aliases import create_validator as aliases_rule
from strawberry.extensions.query_depth_limiter import create_validator as depth_rule
from strawberry.schema import Schema
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from kilowatch.web.columns import ColumnExecutor
from kilowatch.web.operations import Operation
from kilowatch.web.wording import accepted_values, without_suggestions
from resolvers.context import Context
from schema.contract import build_schema

MAX_TOKENS = 1000
MAX_DEPTH = 12
MAX_ALIASES = 30
CACHED_DOCUMENTS = 256


@dataclass(frozen=True, slots=True)
class Answer:
    """What an operation answers, ready to be encoded: `data` is left out of `body` for a refused request."""

    body: dict[str, Any]
    is_refused: bool


class NotAllowedHereError(Exception):
    """The operation is of a type that this way of asking does not run."""

    def __init__(self, operation_type: OperationType) -> None:
        self.operation_type = operation_type
        super().__init__(f"{operation_type.value} operations are not run here")


@dataclass(frozen=True, slots=True)
class Engine:
    """Runs documents on one schema; an open one helps with what it accepts, a closed one hides what it has."""

    schema: Schema
    is_open: bool

    async def execute(self, operation: Operation, *, context: Context, allowed: frozenset[OperationType]) -> Answer:
        """Runs a query or mutation once.

        Raises:
            NotAllowedHereError: the document's operation is of a type that is not allowed.
        """
        try:
            result = await self.schema.execute(
                operation.query,
                variable_values=operation.variables,
                context_value=context,
                operation_name=operation.operation_name,
                allowed_operation_types=allowed,
                operation_extensions=operation.extensions,
            )
        except InvalidOperationTypeError as error:
            raise NotAllowedHereError(error.operation_type) from error
        except CannotGetOperationTypeError:
            return _no_such_operation(operation)
        return self._answer(result)

    async def stream(self, operation: Operation, *, context: Context) -> AsyncGenerator[Answer]:
        """Runs any operation, and yields an answer for each of its results: one for queries and mutations."""
        results: AsyncGenerator[Any] = await self.schema.stream(
            operation.query,
            variable_values=operation.variables,
            context_value=context,
            operation_name=operation.operation_name,
            operation_extensions=operation.extensions,
        )
        try:
            async for result in results:
                yield self._answer(result)
        finally:
            await results.aclose()

    def _answer(self, result: Any) -> Answer:
        """The answer of a result. A request is refused when nothing of it was executed: no error has a path."""
        errors: list[GraphQLError] = result.errors or []
        is_refused = isinstance(result, PreExecutionError) or (
            result.data is None and bool(errors) and all(error.path is None for error in errors)
        )
        body: dict[str, Any] = {"errors": [self._formatted(error) for error in errors]} if errors else {}
        if not is_refused:
            body["data"] = result.data
        if result.extensions:
            body["extensions"] = result.extensions
        return Answer(body, is_refused=is_refused)

    def _formatted(self, error: GraphQLError) -> dict[str, Any]:
        message = without_suggestions(error.message)
        if self.is_open:
            message = accepted_values(error.message, schema=self.schema._schema)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        return {**error.formatted, "message": message}


def build_engine(*, introspection: bool) -> Engine:
    """The engine of the whole contract."""
    schema = build_schema(extensions=limits(introspection=introspection), execution_context_class=ColumnExecutor)
    return Engine(schema, is_open=introspection)


def limits(*, introspection: bool) -> list[Callable[[], SchemaExtension]]:
    """The extensions that bound every document, and parse and validate each distinct one once.

    The rules are made here, once: a factory that made new rule classes for each request would never meet a cached
    validation again (0.67 ms instead of 0.06 for `{hello}`).
    """
    rules: list[type[ASTValidationRule]] = [depth_rule(MAX_DEPTH, None, None), aliases_rule(MAX_ALIASES)]
    if not introspection:
        rules.append(NoSchemaIntrospectionCustomRule)
    return [
        lambda: MaxTokensLimiter(MAX_TOKENS),
        lambda: AddValidationRules(rules),
        lambda: ParsedOnce(CACHED_DOCUMENTS),
        lambda: ValidatedOnce(CACHED_DOCUMENTS),
    ]


class ParsedOnce(ParserCache):
    """Caches parsed documents.

    A document that cannot be parsed is left to Strawberry: 0.341 lets an error of the cache out of `Schema.stream`,
    where it would end the operation without a word.
    """

    def on_parse(self) -> Iterator[None]:
        """Puts the cached document into the execution context."""
        with suppress(GraphQLError):
            context = self.execution_context
            context.graphql_document = self.cached_parse_document(context.query, **context.parse_options)
        yield


class ValidatedOnce(ValidationCache):
    """Caches validations, and refuses a document of several operations when the request names none."""

    def on_validate(self) -> Iterator[None]:
        """Puts the errors of the document into the execution context."""
        for _ in super().on_validate():
            context = self.execution_context
            if not context.pre_execution_errors and self._is_ambiguous():
                message = "The document has several operations: say which one in `operationName`."
                context.pre_execution_errors = [GraphQLError(message, extensions=_NO_NAME)]
            yield

    def _is_ambiguous(self) -> bool:
        context = self.execution_context
        provided: str | None = context._provided_operation_name  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        definitions = context.graphql_document.definitions if context.graphql_document else ()
        return provided is None and sum(isinstance(node, OperationDefinitionNode) for node in definitions) > 1


_NO_NAME = {"code": "OPERATION_NOT_FOUND"}


def _no_such_operation(operation: Operation) -> Answer:
    message = (
        f"The document has no operation named {operation.operation_name}."
        if operation.operation_name
        else "No operation is given."
    )
    return Answer({"errors": [{"message": message, "extensions": _NO_NAME}]}, is_refused=True)
