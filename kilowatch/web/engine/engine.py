"""Turns operations into answers: documents that are read once, run by graphql-core with plans of our own."""

from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from inspect import isawaitable
from pathlib import Path
from typing import Any

from graphql import ExecutionResult, GraphQLError, GraphQLSchema
from graphql.execution import create_source_event_stream  # pyright: ignore[reportUnknownVariableType]
from strawberry.execution import optimized_is_awaitable

from kilowatch.web.engine.admission import Admission, Bounds, Headers, NotAdmittedError
from kilowatch.web.engine.budgets import Budgets
from kilowatch.web.engine.costs import Costs
from kilowatch.web.engine.documents import DocumentError, Documents, Prepared, rules
from kilowatch.web.engine.execution import PlannedExecutor
from kilowatch.web.engine.introspection import Introspections, is_introspection
from kilowatch.web.engine.operation import Operation
from kilowatch.web.engine.persisted import Persisted, trusted_documents
from kilowatch.web.engine.wording import accepted_values, without_given, without_suggestions
from resolvers.context import Context, system_now
from schema.contract import ElectricitySchema, build_schema
from schema.refusals import shown


@dataclass(frozen=True, slots=True)
class Answer:
    """What an operation answers, ready to be encoded: `data` is left out of `body` for a refused request.

    `headers` and `status` are for HTTP; without a status it follows from the rest.
    """

    body: dict[str, Any]
    is_refused: bool
    headers: tuple[tuple[str, str], ...] = ()
    status: int | None = None

    def with_headers(self, headers: Headers) -> "Answer":
        """The answer with more headers."""
        return Answer(self.body, self.is_refused, (*self.headers, *headers), self.status) if headers else self


@dataclass(frozen=True, slots=True)
class Engine:
    """Runs documents on one schema; an open one helps with what it accepts, a closed one hides what it has."""

    schema: GraphQLSchema
    documents: Documents
    persisted: Persisted
    admission: Admission
    is_open: bool
    introspections: Introspections[Answer] = field(default_factory=Introspections[Answer])
    surprises: Counter[str] = field(default_factory=Counter[str])
    """What plans met and left to graphql-core, by the class of the exception."""

    def prepared(self, operation: Operation) -> Prepared:
        """The operation, read and checked against the schema; its variables are not looked at.

        Raises:
            DocumentError: it cannot be run; `refused` turns that into an answer.
        """
        return self.persisted.prepared(operation)

    def read(self, operation: Operation, context: Context) -> Prepared | Answer:
        """The operation, read and checked; an answer, where it cannot be run: its sender is charged for that too."""
        try:
            self.admission.let_in(context)
            return self.prepared(operation)
        except NotAdmittedError as error:
            return self._not_admitted(error)
        except DocumentError as error:
            return self.refused(error.errors).with_headers(self.admission.charge_unreadable(context))

    async def answer(self, prepared: Prepared, operation: Operation, context: Context) -> Answer:
        """Runs a query or mutation that was read already."""
        if isinstance(admitted := self.admitted(prepared, operation, context), Answer):
            return admitted
        executor = self.executor(prepared, operation, context)
        if isinstance(executor, Answer):
            return executor.with_headers(admitted)
        if is_introspection(prepared):
            run = partial(self._introspected, executor)
            return (await self.introspections.answer(prepared, operation.variables, run)).with_headers(admitted)
        return (await self._executed(executor)).with_headers(admitted)

    def _introspected(self, executor: Any) -> Answer:
        return self._answer(executor.execute_operation())

    # The steps of a subscription

    def admitted(self, prepared: Prepared, operation: Operation, context: Context) -> Headers | Answer:
        """Charges the sender; an answer, where the operation costs too much or the sender has too little left."""
        try:
            return self.admission.admit(prepared, operation.variables, context)
        except NotAdmittedError as error:
            return self._not_admitted(error)

    def event_costs(self, prepared: Prepared, operation: Operation) -> Mapping[str, int]:
        """What an event of a subscription costs, by its type, in points; types are missing that cost the least."""
        return self.admission.costs.of_events(prepared, operation.variables)

    def paid(self, cost: int, context: Context) -> Answer | None:
        """Charges a subscriber for an event; an answer, where it has too little left."""
        try:
            self.admission.charge_event(cost, context)
        except NotAdmittedError as error:
            return self._not_admitted(error)
        return None

    def _not_admitted(self, error: NotAdmittedError) -> Answer:
        answer = self.refused([error.error])
        return Answer(answer.body, is_refused=True, headers=error.headers, status=error.status)

    def executor(self, prepared: Prepared, operation: Operation, context: Context) -> PlannedExecutor | Answer:
        """What runs the operation with its variables; an answer, where these are not what they should be."""
        build: Any = PlannedExecutor.build  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        found: list[GraphQLError] | PlannedExecutor = build(
            self.schema,
            prepared.document.tree,
            context_value=context,
            raw_variable_values=operation.variables,
            operation_name=prepared.name,
            is_awaitable=optimized_is_awaitable,
            is_async_iterable=_never,
            hide_suggestions=True,
            operation_extensions=operation.extensions,
            outlines=prepared.document.outlines,
            surprises=self.surprises,
        )
        if isinstance(found, list):
            return self.refused([shown(error, is_executed=True) for error in found])
        return found

    async def events(self, executor: PlannedExecutor) -> AsyncGenerator[Any] | Answer:
        """The events of a subscription as its resolver yields them; an answer, where it refuses to begin."""
        found: Any = create_source_event_stream(executor)
        if isawaitable(found):
            found = await found
        if isinstance(found, ExecutionResult):
            return self._answer(found)
        return found

    async def answer_of(self, executor: PlannedExecutor, event: Any) -> Answer:
        """What a subscription answers for one of its events."""
        of_event: Any = executor.build_per_event_executor(event)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        return await self._executed(of_event)

    async def _executed(self, executor: Any) -> Answer:
        found: Any = executor.execute_operation()
        return self._answer(await found if isawaitable(found) else found)

    # Answers

    def ended(self, error: Exception) -> Answer:
        """The answer that ends a subscription whose events came to an end by an error."""
        return self.refused([GraphQLError(str(error), original_error=error)])

    def refused(self, errors: list[GraphQLError]) -> Answer:
        """The answer to a request of which nothing was executed."""
        coded = [shown(error, is_executed=False) for error in errors]
        return Answer({"errors": [self._formatted(error) for error in coded]}, is_refused=True)

    def _answer(self, result: ExecutionResult) -> Answer:
        """The answer of a result. A request is refused when nothing of it was executed: no error has a path."""
        if not result.errors:
            return Answer({"data": result.data}, is_refused=False)
        errors = [shown(error, is_executed=True) for error in result.errors]
        is_refused = result.data is None and all(error.path is None for error in errors)
        body: dict[str, Any] = {"errors": [self._formatted(error) for error in errors]}
        if not is_refused:
            body["data"] = result.data
        return Answer(body, is_refused=is_refused)

    def _formatted(self, error: GraphQLError) -> dict[str, Any]:
        message = without_given(error.message)
        message = accepted_values(message, schema=self.schema) if self.is_open else without_suggestions(message)
        return {**error.formatted, "message": message}


def build_engine(
    *,
    introspection: bool,
    bounds: Bounds | None = None,
    trusted: Path | None = None,
    now: Callable[[], datetime] = system_now,
) -> Engine:
    """The engine of the whole contract; `bounds` are what operations may cost and their senders may spend.

    With a file of `trusted` documents nothing else is run.

    Raises:
        TrustedDocumentsError: the file cannot be used.
    """
    schema = core_of(build_schema())
    documents = Documents(schema, rules(introspection=introspection))
    admission = Admission(documents, Costs(schema, now), Budgets(now), bounds or Bounds())
    listed = None if trusted is None else trusted_documents(trusted, documents)
    return Engine(schema, documents, Persisted(documents, listed), admission, is_open=introspection)


def core_of(schema: ElectricitySchema) -> GraphQLSchema:
    """What graphql-core runs of Strawberry's schema."""
    return schema._schema  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]


def _never(_value: object) -> bool:
    """No field of ours yields a list's items one by one."""
    return False
