"""Runs operations as graphql-core does, with what is plain in a selection answered by plans of our own."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from graphql import DocumentNode, GraphQLNonNull, GraphQLObjectType, VariableNode
from graphql.pyutils import Path
from strawberry.execution import optimized_is_awaitable

from kilowatch.web.engine.columns import on_the_wire
from kilowatch.web.engine.plans import CONDITIONS, FieldDetails, FieldSet, Plan, is_undecorated, plan_of
from resolvers.rows import Rows
from schema.branches import BranchingExecutor

WARM_AFTER = 8
"""How many objects graphql-core completes before a plan is made: making one takes as long as completing some ten."""
MAX_OUTLINES = 4
"""How many outlines of a document are kept, for as many combinations of its @skip and @include."""


@dataclass(slots=True)
class _Kept:
    """What is known of a field set: how many objects it was answered for, and its plan once that has been made."""

    fields: FieldSet
    is_item_nullable: bool = False
    uses: int = 0
    is_made: bool = False
    plan: Plan | None = None


@dataclass(slots=True, eq=False)
class Outline:
    """What an operation asks for once its @skip and @include are decided: the same for every request.

    graphql-core collects the fields below each field once a request and knows them by identity. Kept here, they are
    collected once for all requests, and plans are found by the same identity.
    """

    warm_after: int
    root: Any = None
    below: dict[Any, Any] = field(default_factory=dict[Any, Any])
    kept: dict[int, _Kept] = field(default_factory=dict[int, _Kept])

    def kept_of(self, fields: FieldSet) -> _Kept:
        """What is known of a field set."""
        found = self.kept.get(id(fields))
        if found is None:
            found = self.kept[id(fields)] = _Kept(fields)
        return found


@dataclass(slots=True, eq=False)
class Outlines:
    """The outlines of a document, for as long as the document is kept."""

    variables: tuple[str, ...]
    warm_after: int
    _kept: dict[Any, Outline] = field(default_factory=dict[Any, Outline])

    def of(self, operation: object, values: dict[str, Any]) -> Outline:
        """The outline of an operation of the document with these values of its variables."""
        key = (id(operation), *[values.get(name) for name in self.variables])
        found = self._kept.get(key)
        if found is None:
            if len(self._kept) >= MAX_OUTLINES:
                self._kept.clear()
            found = self._kept[key] = Outline(self.warm_after)
        return found


def outlines_of(tree: DocumentNode, *, warm_after: int = WARM_AFTER) -> Outlines:
    """The outlines of a document that has not been run yet."""
    return Outlines(tuple(sorted(_deciding_variables(tree))), warm_after)


def _deciding_variables(tree: DocumentNode) -> set[str]:
    """The variables that @skip and @include look at, anywhere in the document."""
    found = set[str]()
    waiting: list[Any] = list(tree.definitions)
    while waiting:
        node = waiting.pop()
        conditions = [
            argument.value
            for directive in node.directives or ()
            if directive.name.value in CONDITIONS
            for argument in directive.arguments or ()
        ]
        found |= {condition.name.value for condition in conditions if isinstance(condition, VariableNode)}
        below = getattr(node, "selection_set", None)
        waiting += below.selections if below else ()
    return found


class PlannedExecutor(BranchingExecutor):
    """Executes as graphql-core does, and answers what is plain in a selection by its plan.

    Whatever surprises a plan (a null where none may be, another type, an exception, something to await) leaves the
    whole object or list to graphql-core, so that errors, their paths and nulls are always its own.
    """

    def __init__(
        self,
        *args: Any,
        outlines: Outlines | None = None,
        surprises: Counter[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._surprises = Counter[str]() if surprises is None else surprises
        known = outlines and outlines.of(self.operation, self.variable_values.coerced)
        self._outline = known or Outline(warm_after=0)
        self._relevant_sub_fields = self._outline.below
        self._is_planned = self.middleware_manager is None

    def execute_collected_root_fields(  # noqa: D102 - graphql-core's
        self,
        root_type: Any,
        root_value: Any,
        grouped_field_set: Any,
        serially: bool,  # noqa: FBT001
        new_defer_usages: Any,
    ) -> Any:
        graphql_core: Any = super()
        if new_defer_usages:
            self._is_planned, self._relevant_sub_fields = False, {}
        else:
            grouped_field_set = self._outline.root = self._outline.root or grouped_field_set
        return graphql_core.execute_collected_root_fields(
            root_type, root_value, grouped_field_set, serially, new_defer_usages
        )

    def execute_fields(  # noqa: D102 - graphql-core's
        self, parent_type: Any, source_value: Any, path: Any, grouped_field_set: Any, position_context: Any
    ) -> Any:
        graphql_core: Any = super()
        plan = self._plan(parent_type, grouped_field_set) if position_context is None else None
        found = self._tried(plan.one, source_value) if plan else None
        if plan is None or found is None:
            return graphql_core.execute_fields(parent_type, source_value, path, grouped_field_set, position_context)
        if not plan.rest:
            return found
        rest = graphql_core.execute_fields(parent_type, source_value, path, plan.rest, position_context)
        if optimized_is_awaitable(rest):
            return _joined(found, rest)
        found.update(rest)
        return found

    def complete_list_value(  # noqa: D102, PLR0917 - graphql-core's
        self,
        return_type: Any,
        field_details_list: FieldDetails,
        info: Any,
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        answer = self._listed(return_type.of_type, field_details_list, result)
        if answer is not None:
            return answer
        graphql_core: Any = super()
        return graphql_core.complete_list_value(return_type, field_details_list, info, path, result, position_context)

    def _listed(self, item_type: Any, details: FieldDetails, items: Any) -> list[Any] | None:
        """The list as it is answered; None where graphql-core has to complete it."""
        if items.__class__ not in _LISTS or not all(map(is_undecorated, details)):
            return None
        kind: Any = item_type.of_type if item_type.__class__ is GraphQLNonNull else item_type
        if kind.__class__ is not GraphQLObjectType:
            return on_the_wire(item_type, items) if items.__class__ is list else None
        collected: Any = self.collect_subfields(kind, details)
        plan = self._plan(kind, collected.grouped_field_set, uses=len(items), nullable=kind is item_type)
        if plan and plan.columns and items.__class__ is Rows and items.is_there is None:
            return self._tried(plan.columns, items.columns)
        return self._tried(plan.many, items) if plan and plan.many else None

    def _tried(self, plan: Callable[[Any], Any], value: Any) -> Any:
        """What a plan answers; None for whatever surprises it, which is counted."""
        try:
            return plan(value)
        except Exception as surprise:  # noqa: BLE001 - graphql-core meets it again and says where it is
            self._surprises[type(surprise).__name__] += 1
            return None

    def _plan(self, kind: GraphQLObjectType, fields: FieldSet, *, uses: int = 1, nullable: bool = False) -> Plan | None:
        """The plan of a field set that is about to be used so many times; None where there is none, or none yet."""
        if not self._is_planned:
            return None
        kept = self._outline.kept_of(fields)
        kept.is_item_nullable |= nullable
        if not kept.is_made and kept.uses + uses > self._outline.warm_after:
            kept.is_made, kept.plan = True, plan_of(self, kind, fields, is_item_nullable=kept.is_item_nullable)
        if not kept.is_made and uses == 1:  # a longer list comes here again, item by item
            kept.uses += 1
        return kept.plan


_LISTS = (list, tuple, Rows)


async def _joined(found: dict[str, Any], rest: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    found.update(await rest)
    return found
